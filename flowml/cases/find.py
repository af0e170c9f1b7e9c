"""A folder, an address or a manifest becomes a list of cases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowml.cases.entries import is_measurement
from flowml.cases.files import hint, is_incomplete, reachable, search_files
from flowml.cases.grouping import LAYOUTS, by_layout, by_pattern, compiled, doubled
from flowml.cases.manifest import read_manifest
from flowml.cases.remote import is_address, shown
from flowml.errors import CaseError
from flowml.findings import Finding
from flowml.records import Case
from flowml.safety import printable


@dataclass(frozen=True)
class CaseSearch:
    """Cases that were found.

    Parameters
    ----------
    cases : tuple of Case
        One or more, in the order of their ids.
    findings : tuple of Finding
        What was passed over, and why; see `SKIPS`.
    """

    cases: tuple[Case, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def is_incomplete(self) -> bool:
        """Whether a folder could not be read, so that cases may be missing."""
        return is_incomplete(self.findings)


def find_cases(
    path: Path | str, *, case_per: str = "auto", pattern: str = "", follow_links: bool = False
) -> list[Case]:
    r"""Find the cases of a folder or of a manifest.

    Parameters
    ----------
    path : path-like
        A folder with FCS files, an address of one that fsspec knows (a ``str`` such as
        ``s3://bucket/run``), or a CSV manifest: the columns ``case_id`` and ``path`` (relative
        to the manifest), perhaps ``tube`` (what the laboratory calls it), ``instrument`` and
        ``date``, and any others, which become the case's details.
    case_per : str
        ``file``: every file is a case; ``folder``: every folder that holds files is one;
        ``auto``: files directly in the folder given are one case each, sub-folders are one
        case each.
    pattern : str
        A regular expression in place of `case_per`, such as
        ``(?P<case>[^_/]+)_(?P<tube>[^/]+)\.(fcs|lmd)``. It must match the whole path relative
        to the folder, in POSIX form; the ending is matched in any letter case. The group
        ``case`` is the id; ``tube`` is the tube's label, ``patient`` the detail
        ``patient_id``, and any other group a detail of its name.
    follow_links : bool
        Whether symbolic links are followed, on this machine.

    Returns
    -------
    list of Case
        In order of their ids, whatever the order of the files. `flowml.cases.search_cases`
        tells what was passed over, too.

    Raises
    ------
    CaseError
        If there is nothing to find, the pattern cannot be used, or the manifest has errors
        (all are named).
    """
    search = search_cases(path, case_per=case_per, pattern=pattern, follow_links=follow_links)
    return list(search.cases)


def search_cases(
    path: Path | str, *, case_per: str = "auto", pattern: str = "", follow_links: bool = False
) -> CaseSearch:
    """Find the cases of a folder or of a manifest, and say what was passed over.

    Parameters
    ----------
    path : path-like
        A folder with FCS files, an address of one, or a CSV manifest.
    case_per : str
        ``file``, ``folder`` or ``auto``, as of `find_cases`.
    pattern : str
        In place of `case_per`, as of `find_cases`.
    follow_links : bool
        Whether symbolic links are followed, on this machine.

    Returns
    -------
    CaseSearch
        The cases, and a coded finding for every file and folder that was passed over.

    Raises
    ------
    CaseError
        If there is nothing to find, the pattern cannot be used, or the manifest has errors
        (all are named).
    """
    _check_way(case_per, pattern)
    findings: list[Finding] = []
    if is_address(path):
        cases, findings = _cases_below(path, case_per, pattern, follow_links=follow_links)
    elif (place := reachable(path)).is_file() and place.suffix.lower() == ".csv":
        if pattern:
            raise CaseError(
                f"{printable(place)} is a manifest, which names the cases itself. Leave the "
                "pattern out."
            )
        cases = read_manifest(place, follow_links=follow_links)
        findings = [item for case in cases for item in doubled(case.tubes)]
    else:
        _refuse_other(place)
        cases, findings = _cases_below(place, case_per, pattern, follow_links=follow_links)
    return CaseSearch(tuple(sorted(cases, key=lambda case: case.case_id)), tuple(findings))


def _check_way(case_per: str, pattern: str) -> None:
    if case_per not in LAYOUTS:
        raise CaseError(
            f"unknown way of finding cases {printable(case_per)!r}; "
            f"choose from {', '.join(LAYOUTS)}."
        )
    if pattern:
        compiled(pattern)  # before a folder is read, which may take a while
        if case_per != "auto":
            raise CaseError(
                f"cases are to be found by {case_per} and by a pattern. Choose one of the two."
            )


def _refuse_other(place: Path) -> None:
    if place.is_dir() or (place.is_file() and is_measurement(place.name)):
        return
    what = (
        "is not a folder, an FCS file or a CSV manifest" if place.exists() else "is not there"
    )
    raise CaseError(f"{shown(place)} {what}. Give a folder with FCS files.{hint(place)}")


def _cases_below(
    place: Path | str, case_per: str, pattern: str, *, follow_links: bool
) -> tuple[list[Case], list[Finding]]:
    """Search for files, and group them."""
    search = search_files(place, follow_links=follow_links)
    if not all(is_measurement(file.name) for file in search.files):
        raise CaseError(
            f"{shown(place)} is an address of a file that is no measurement. A manifest must "
            "lie on this machine."
        )
    findings = list(search.findings)
    if pattern:
        cases, more = by_pattern(search.files, pattern)
        findings += more
    else:
        cases = by_layout(search.files, case_per, _name_of(place))
    return cases, findings


def _name_of(place: Path | str) -> str:
    """Return the name of a folder, or of the last part of an address."""
    if isinstance(place, Path):
        return place.resolve().name
    return shown(place).rstrip("/").rpartition("/")[2]
