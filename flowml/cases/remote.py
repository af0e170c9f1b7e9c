"""Folders that lie elsewhere: listed through fsspec, files fetched when they are read.

The reader of FCS files knows files of this machine only; what is remote is copied here first,
and the copy goes when it has been read. fsspec is imported only where an address has a scheme.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.cases.codes import skip
from flowml.cases.entries import Found, Kind, passed_over
from flowml.errors import CaseError, FcsError, StateError
from flowml.fcs import read_fcs
from flowml.findings import Finding
from flowml.records import RemoteFile
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.knowledge.marker_names import MarkerNames
    from flowml.records import Sample, Tube

ADDRESS = re.compile(r"([\w.+-]+::)*[a-z][a-z0-9.+-]*://", re.ASCII | re.IGNORECASE)
MOST_DEEP = 64  # folders within folders; a server may make up more without end


def is_address(place: object) -> bool:
    """Tell an address with a scheme, such as ``s3://bucket/run``, from a path.

    Parameters
    ----------
    place : object
        Only a ``str`` can be an address: a `Path` loses one of the slashes.

    Returns
    -------
    bool
        Whether it is one.
    """
    return isinstance(place, str) and ADDRESS.match(place) is not None


def shown(place: object) -> str:
    """Show a path or an address without what may be a password or a key in it.

    Parameters
    ----------
    place : object
        A path or an address.

    Returns
    -------
    str
        Fit for a message.

    Examples
    --------
    >>> shown("sftp://me:secret@lab.example/run?key=1")
    'sftp://lab.example/run'
    """
    if not is_address(place):
        return printable(place)
    return printable(re.sub(r"//[^/]*@", "//", str(place)).partition("?")[0])


def list_remote(address: str) -> tuple[list[Found], list[Finding]]:
    """List the measurements below an address, in the order of their names.

    Parameters
    ----------
    address : str
        Of a folder, or of one file.

    Returns
    -------
    files : list of Found
        Files of a folder stand before those of its sub-folders.
    findings : list of Finding
        What was passed over; links are never followed there.

    Raises
    ------
    CaseError
        If fsspec or its protocol is missing, or the folder cannot be listed.
    """
    system, root = _file_system(address)
    try:
        system.invalidate_cache()  # what was listed earlier may have changed
        if system.isfile(root):
            file = RemoteFile(address, root)
            return [Found(file.name, file)], []
        return _listed(system, address, root.rstrip("/"))
    except CaseError:
        raise
    except Exception as error:  # each protocol has errors of its own
        raise CaseError(
            f"could not list {shown(address)}: {_reason(error)}. Check the address, the "
            "network and what your account may see."
        ) from error


def _listed(system: Any, address: str, root: str) -> tuple[list[Found], list[Finding]]:
    found: list[Found] = []
    findings: list[Finding] = []
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        inner = []
        for path, kind in _entries(system, folder, root, findings):
            name = path[len(root) :].lstrip("/")
            if code := passed_over(path.rpartition("/")[2], kind):
                findings.append(skip(code, name))
            elif kind is Kind.FOLDER:
                inner.append(path)
            else:
                found.append(Found(name, RemoteFile(address, path)))
        waiting += reversed(inner)
    return found, findings


def _entries(
    system: Any, folder: str, root: str, findings: list[Finding]
) -> list[tuple[str, Kind]]:
    """List one folder; one that cannot be read is a finding, unless it is the root itself."""
    name = folder[len(root) :].lstrip("/")
    if name.count("/") >= MOST_DEEP:
        findings.append(skip("FIND-UNREADABLE", f"{name}: folders without end"))
        return []
    try:
        items = system.ls(folder, detail=True)
    except Exception as error:  # each protocol has errors of its own
        if folder == root:
            raise
        findings.append(skip("FIND-UNREADABLE", f"{name}: {_reason(error)}"))
        return []
    named = ((str(item["name"]).rstrip("/"), _kind_of(item)) for item in items)
    # some list the folder itself among what is in it; a page of the web, what lies elsewhere
    return sorted(
        (pair for pair in named if pair[0].startswith(f"{folder}/")), key=lambda pair: pair[0]
    )


def _kind_of(item: dict[str, Any]) -> Kind:
    if item.get("islink") or item["type"] == "link":
        return Kind.LINK
    return {"file": Kind.FILE, "directory": Kind.FOLDER}.get(item["type"], Kind.OTHER)


def _file_system(address: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the root's name there."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise CaseError(
            f"{shown(address)} is an address, and the package fsspec is not installed. Install "
            "flowml-cytometry[remote], or give a folder of this machine."
        ) from error
    try:
        system, root = url_to_fs(address)
    except Exception as error:  # each protocol has errors of its own
        raise CaseError(
            f"cannot use the address {shown(address)}: {_reason(error)}. Most protocols need "
            "a package of their own, such as s3fs for s3://."
        ) from error
    return system, str(root)


def _reason(error: Exception) -> str:
    """Say what went wrong; messages of others may hold an address with its password."""
    text = getattr(error, "strerror", None)
    if text is None and isinstance(error, ImportError | FileNotFoundError | ValueError):
        text = re.sub(r"\S*//\S*", "…", str(error))
    return printable(text or type(error).__name__).rstrip(".")


@contextmanager
def fetched(file: Path | RemoteFile) -> Iterator[Path]:
    """Have a file on this machine for a while.

    Parameters
    ----------
    file : Path or RemoteFile
        A file of this machine stays where it is.

    Yields
    ------
    Path
        The file, or a copy in a temporary folder that only this user may read; gone afterwards.

    Raises
    ------
    FcsError
        If it cannot be fetched (``FCS-FILE``).
    """
    if isinstance(file, Path):
        yield file
        return
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowml-"))
            copy = Path(folder, file.name)
            system, _ = _file_system(file.root)
            system.get_file(file.path, str(copy))
        except Exception as error:  # each protocol has errors of its own
            why = str(error) if isinstance(error, CaseError) else f"{_reason(error)}."
            raise FcsError(
                f"could not fetch {printable(file.name)}: {why} Is it still there, and room "
                "for a copy on this machine?",
                "FCS-FILE",
            ) from error
        yield copy


@contextmanager
def at_hand(tube: Tube) -> Iterator[Tube]:
    """Have a tube's file on this machine for a while.

    Parameters
    ----------
    tube : Tube
        Of any origin.

    Yields
    ------
    Tube
        The same; a remote one with its copy as origin, as of `fetched`.

    Raises
    ------
    FcsError
        If it cannot be fetched (``FCS-FILE``).
    """
    if not isinstance(tube.origin, RemoteFile):
        yield tube
        return
    with fetched(tube.origin) as copy:
        yield replace(tube, origin=copy)


def sample_of(tube: Tube, marker_names: MarkerNames | None = None) -> Sample:
    """Return the sample of a tube that is at hand; of a file only the keywords are read.

    Parameters
    ----------
    tube : Tube
        A file of this machine, or a sample in memory.
    marker_names : MarkerNames, optional
        A laboratory's own names; a sample in memory has its markers already.

    Returns
    -------
    Sample
        As it was read.

    Raises
    ------
    StateError
        If it lies elsewhere.
    FcsError
        If it cannot be read.
    """
    origin = tube.origin
    if isinstance(origin, Path):
        return read_fcs(origin, name=tube.name, marker_names=marker_names)
    if isinstance(origin, RemoteFile):
        raise StateError(
            f"{printable(tube.name)} lies elsewhere. Fetch it first, with at_hand()."
        )
    return origin
