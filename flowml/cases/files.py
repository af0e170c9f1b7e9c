"""The FCS files below a folder or an address, and what was passed over there and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowml.cases.codes import counted
from flowml.cases.entries import Found
from flowml.cases.local import list_local
from flowml.cases.remote import ADDRESS, is_address, list_remote, shown
from flowml.errors import CaseError
from flowml.fcs.keys import FILE_ENDINGS
from flowml.findings import Finding, Severity


def is_incomplete(findings: tuple[Finding, ...]) -> bool:
    """Tell whether a folder could not be read, so that cases may be missing.

    Parameters
    ----------
    findings : tuple of Finding
        Of a search.

    Returns
    -------
    bool
        Whether any of them is a failure.
    """
    return any(item.severity is Severity.FAIL for item in findings)


@dataclass(frozen=True)
class FileSearch:
    """Files that were found.

    Parameters
    ----------
    files : tuple of Found
        One or more.
    findings : tuple of Finding
        What was passed over, and why; see `SKIPS`.
    """

    files: tuple[Found, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def is_incomplete(self) -> bool:
        """Whether a folder could not be read, so that files may be missing."""
        return is_incomplete(self.findings)


def search_files(place: Path | str, *, follow_links: bool = False) -> FileSearch:
    """List the FCS and LMD files below a folder, and what was passed over.

    Parameters
    ----------
    place : path-like
        A folder, a file, or an address that fsspec knows, such as ``s3://bucket/run`` (a
        ``str``).
    follow_links : bool
        Whether symbolic links below a folder of this machine are followed.

    Returns
    -------
    FileSearch
        Files with the endings ``.fcs`` and ``.lmd`` in any letter case, in the order of their
        names.

    Raises
    ------
    CaseError
        If there are none, or the folder itself cannot be read.
    """
    if is_address(place):
        files, findings = list_remote(str(place))
    else:
        path = reachable(place)
        if path.is_file():
            return FileSearch((Found(path.name, path),))
        _refuse_absent(path)
        files, findings = list_local(path, follow_links=follow_links)
    if not files:
        raise CaseError(_nothing(place, findings))
    return FileSearch(tuple(files), tuple(findings))


def reachable(place: Path | str) -> Path:
    """Return a path that this user may look at; whether there is something is another matter.

    Parameters
    ----------
    place : path-like
        On this machine.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    CaseError
        If a folder above it is closed.
    """
    path = Path(place)
    try:
        path.stat()
    except PermissionError as error:
        raise CaseError(
            f"could not read {shown(path)}: {error.strerror}. Ask for access to the folders "
            "above it."
        ) from error
    except (OSError, ValueError):  # not there, or not a name: told by who looks for it
        pass
    return path


def _refuse_absent(place: Path) -> None:
    if not place.is_dir():
        what = "is neither a regular file nor a folder" if place.exists() else "is not there"
        raise CaseError(
            f"{shown(place)} {what}. Give a folder with FCS files, or a file.{hint(place)}"
        )


def hint(place: Path) -> str:
    """Say how an address is given, where a path looks like one.

    Parameters
    ----------
    place : Path
        That is not there.

    Returns
    -------
    str
        A sentence, or nothing.
    """
    if ADDRESS.match(str(place).replace(":/", "://", 1)):
        return " An address is given as a str: a Path loses one of its slashes."
    return ""


def _nothing(place: Path | str, findings: list[Finding]) -> str:
    passed = "".join(f" {line}." for line in counted(findings))
    return (
        f"no FCS files in {shown(place)}: looked for names that end in "
        f"{' or '.join(FILE_ENDINGS)}, in any letter case, there and in its "
        f"sub-folders.{passed}"
    )


def find_files(folder: Path | str) -> list[Path]:
    """List the FCS and LMD files below a folder of this machine.

    Parameters
    ----------
    folder : path-like
        A folder or a file. Symbolic links below it are not followed, hidden files and folders
        are passed over; `search_files` says which.

    Returns
    -------
    list of Path
        In the order of their names.

    Raises
    ------
    CaseError
        If there are none, or the folder cannot be read.
    """
    if is_address(folder):
        raise CaseError(f"{shown(folder)} is an address. Give a folder of this machine.")
    files = search_files(folder).files
    return [file.origin for file in files if isinstance(file.origin, Path)]
