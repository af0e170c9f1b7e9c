"""The measurements below a folder of this machine."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from flowml.cases.codes import skip
from flowml.cases.entries import Found, Kind, passed_over
from flowml.errors import CaseError
from flowml.findings import Finding
from flowml.safety import printable

Identity = tuple[int, int]  # device and inode


def list_local(place: Path, *, follow_links: bool) -> tuple[list[Found], list[Finding]]:
    """List the measurements below a folder, in the order of their names.

    Parameters
    ----------
    place : Path
        A folder.
    follow_links : bool
        Whether symbolic links below it are followed. What is found without them is not found
        again by one of them.

    Returns
    -------
    files : list of Found
        Files of a folder stand before those of its sub-folders.
    findings : list of Finding
        What was passed over.

    Raises
    ------
    CaseError
        If the folder itself cannot be read.
    """
    walk = _Walk(place, follow_links=follow_links)
    walk.below("")
    while walk.links:  # behind everything else, so that a file goes by its own name
        walk.follow(walk.links.popleft())
    if follow_links:
        walk.found.sort(key=lambda item: _as_walked(item.name))
    return walk.found, walk.findings


def _as_walked(name: str) -> tuple[tuple[bool, str], ...]:
    *folders, last = name.split("/")
    return (*((True, folder) for folder in folders), (False, last))


class _Walk:
    """Goes through folders, and notes what is found there and what is passed over."""

    def __init__(self, place: Path, *, follow_links: bool) -> None:
        self.place = place
        self.follow_links = follow_links
        self.found: list[Found] = []
        self.findings: list[Finding] = []
        self.links: deque[str] = deque()
        self._seen: set[Identity] = set()  # only where links are followed

    def below(self, start: str) -> None:
        """Walk through a folder, named from the place, and all folders in it."""
        waiting = [start]
        while waiting:  # no recursion: folders may lie deeper than Python's stack
            folder = waiting.pop()
            if self.follow_links and self._is_known(folder, self._at(folder)):
                continue
            waiting += reversed(self._look_into(folder))

    def _look_into(self, folder: str) -> list[str]:
        """Sort the entries of a folder; return the folders among them."""
        try:
            with os.scandir(self._at(folder)) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise CaseError(
                    f"could not read {printable(self.place)}: {error.strerror}."
                ) from error
            self.findings.append(skip("FIND-UNREADABLE", f"{folder}: {error.strerror}"))
            return []
        inside = f"{folder}/" if folder else ""
        return [name for entry in entries if (name := self._take(entry, inside + entry.name))]

    def _take(self, entry: os.DirEntry[str], name: str) -> str:
        """Note a file or what is passed over; return the name of a folder."""
        kind = _kind_of(entry)
        to_folder = kind is Kind.LINK and os.path.isdir(entry.path)  # noqa: PTH112 - never raises
        code = passed_over(entry.name, kind, leads_to_folder=to_folder)
        if code == "FIND-LINK" and self.follow_links:
            self.links.append(name)
        elif code:
            self.findings.append(skip(code, name))
        elif kind is Kind.FOLDER:
            return name
        else:
            self._keep(name)
        return ""

    def _keep(self, name: str) -> None:
        path = self._at(name)
        if not (self.follow_links and self._is_known(name, path)):
            self.found.append(Found(name, path))

    def _is_known(self, name: str, path: Path) -> bool:
        """Tell whether a file or folder was met before, and note it if it was."""
        try:
            status = path.stat()
        except OSError:  # gone meanwhile, or a folder that cannot be read: told elsewhere
            return False
        identity = status.st_dev, status.st_ino
        if identity in self._seen:
            self.findings.append(skip("FIND-TWICE", name))
            return True
        self._seen.add(identity)
        return False

    def follow(self, name: str) -> None:
        """Follow a link to a folder or a file, unless it leads back."""
        path = self._at(name)
        if os.path.isdir(path):  # noqa: PTH112 - never raises
            if self._leads_back(path):
                self.findings.append(skip("FIND-LOOP", name))
            else:
                self.below(name)
        elif not os.path.exists(path):  # noqa: PTH110 - a link to itself does not raise here
            self.findings.append(skip("FIND-BROKEN", name))
        elif not path.is_file():
            self.findings.append(skip("FIND-SPECIAL", name))
        else:
            self._keep(name)

    def _leads_back(self, link: Path) -> bool:
        """Tell whether a link leads to a folder in which it lies, or the whole place does."""
        target = os.path.realpath(link)
        homes = (os.path.realpath(link.parent), os.path.realpath(self.place))
        return any(f"{home}/".startswith(f"{target.rstrip('/')}/") for home in homes)

    def _at(self, name: str) -> Path:
        return self.place / name if name else self.place


def _kind_of(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return Kind.LINK
    if entry.is_dir(follow_symlinks=False):
        return Kind.FOLDER
    return Kind.FILE if entry.is_file(follow_symlinks=False) else Kind.OTHER
