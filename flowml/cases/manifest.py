"""A manifest, a table that says where the tubes of each case lie, becomes cases."""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from pathlib import Path

from flowml.cases.codes import listed
from flowml.cases.details import Details
from flowml.cases.remote import is_address
from flowml.cases.table import Row, numbered_rows
from flowml.errors import CaseError
from flowml.records import Case, Tube
from flowml.safety import printable

MANIFEST_COLUMNS = ("case_id", "path")  # required
TUBE_COLUMN = "tube"
MOST_SHOWN = 20  # errors in a message
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

_Place = tuple[int, int]  # device and inode


def read_manifest(path: Path, *, follow_links: bool = False) -> list[Case]:
    """Read a manifest; all of its errors are named at once.

    Parameters
    ----------
    path : Path
        A CSV table: ``case_id`` and ``path`` (relative to it) are required; ``tube`` is the
        tube's label; ``instrument`` and ``date`` (YYYY-MM-DD) may differ between tubes; any
        other column (``patient_id``, ``entity``, ``specimen``, ``distribution``, ``treated``,
        ...) is a detail of the case, and may be empty in rows that do not say it again.
    follow_links : bool
        Whether a path may be a symbolic link.

    Returns
    -------
    list of Case
        In the order of their first rows; tubes in the order of their names.

    Raises
    ------
    CaseError
        If the table cannot be read, or has errors.
    """
    manifest = _Manifest(path, follow_links=follow_links)
    for line, row in numbered_rows(path, MANIFEST_COLUMNS):
        manifest.add(line, {name: value.strip() for name, value in row.items()})
    return manifest.cases()


class _Manifest:
    """Gathers the rows of a manifest, and what is wrong with them."""

    def __init__(self, path: Path, *, follow_links: bool) -> None:
        self.path = path
        self.home = path.parent.resolve()
        self.follow_links = follow_links
        self.errors: list[str] = []
        self.tubes: dict[str, list[Tube]] = {}
        self.details: dict[str, Details] = {}
        self._lines: dict[_Place, tuple[int, str]] = {}  # where a file stands: line and case

    def add(self, line: int, row: Row) -> None:
        """Add a row, or what is wrong with it."""
        case_id, name = row["case_id"], row["path"]
        about = {k: v for k, v in row.items() if k not in (*MANIFEST_COLUMNS, TUBE_COLUMN)}
        wrong = self._wrong_with_file(line, case_id, name) if case_id and name else ""
        if not case_id or not name:
            wrong = "case_id and path must not be empty"
        problems = [wrong, _wrong_with_date(row.get("date", ""))]
        if case_id and (differing := self.details.setdefault(case_id, Details()).add(about)):
            problems.append(
                f"other details than before for {printable(case_id)!r}: "
                f"{printable(', '.join(differing))}"
            )
        self.errors += [f"line {line}: {problem}" for problem in problems if problem]
        if not wrong:
            file = self.path.parent / name
            label, own = row.get(TUBE_COLUMN, ""), Details.of_tube(about)
            tube = Tube(self._shown_name(file), file, label, own)
            self.tubes.setdefault(case_id, []).append(tube)

    def _wrong_with_file(self, line: int, case_id: str, name: str) -> str:
        """Say why a file cannot be taken."""
        shown = repr(printable(name))
        if is_address(name):
            return "path is an address; the files of a manifest lie on this machine"
        file = self.path.parent / name
        try:
            if file.is_symlink() and not self.follow_links:
                return f"{shown} is a symbolic link; name its target, or follow links"
            status = os.stat(file)  # noqa: PTH116 - tells what is_file() does not
        except (OSError, ValueError):  # not there, a loop of links, a NUL in the name
            return f"no file {shown}"
        if not stat.S_ISREG(status.st_mode):
            return f"{shown} is not a regular file"
        before, other = self._lines.setdefault((status.st_dev, status.st_ino), (line, case_id))
        if before != line and other == case_id:
            return f"{shown} stands twice in {printable(case_id)!r}, first in line {before}"
        return f"{shown} is in line {before} already, of another case" if before != line else ""

    def _shown_name(self, file: Path) -> str:
        """Name a file by its way from the manifest; one that lies elsewhere by itself."""
        target = file.resolve()
        inside = target.is_relative_to(self.home)
        return target.relative_to(self.home).as_posix() if inside else file.name

    def cases(self) -> list[Case]:
        """Return the cases, if nothing is wrong."""
        if self.errors:
            count = f"{len(self.errors)} errors" if len(self.errors) > 1 else "an error"
            raise CaseError(
                f"{printable(self.path)} has {count}: {listed(self.errors, MOST_SHOWN, '; ')}. "
                "Correct the manifest; nothing was read."
            )
        return [
            Case(
                key,
                tuple(sorted(group, key=lambda tube: tube.name)),
                self.details[key].of_case(),
            )
            for key, group in self.tubes.items()
        ]


def _wrong_with_date(text: str) -> str:
    """Say why a day is none; today's Python reads other forms too, which others do not."""
    if not text:
        return ""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is not None and DAY.fullmatch(text):
        return ""
    return f"date {printable(text, 30)!r} is not a day written YYYY-MM-DD"
