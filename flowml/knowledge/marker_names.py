"""A laboratory's own names of markers, beside the built-in ones.

A CSV file with a heading row and the columns ``alias`` and ``canonical``; a third column,
``new``, may say ``yes`` where the canonical name is one that flowml does not know.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import PanelError
from flowml.knowledge.antigens import folded, markers_in, nearest_markers
from flowml.knowledge.roles import is_bookkeeping, is_time, scatter_of
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = ("alias", "canonical")
NEW_COLUMN = "new"
YES, NO = {"yes", "true", "1"}, {"", "no", "false", "0"}
LONGEST_ALIAS = 200  # characters, like a label
LARGEST_FILE = 1 << 20  # bytes; a table of markers has a few thousand at most
MOST_SHOWN = 10  # errors in a message
# what a new marker may be called: names of features are parted by | and :, markers by +
_NEW_NAME = re.compile(r"[^\W_][\w .-]{0,39}")

Row = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class MarkerNames:
    """A laboratory's own names of markers; goes with the cases to every worker.

    Parameters
    ----------
    aliases : tuple of tuple of str
        Folded alias and canonical name; an alias is a whole label, or what is left of one
        without its fluorochrome. They go before the built-in names.
    source : str
        Name of the file, without its folder.
    sha256 : str
        Of the file.
    """

    aliases: tuple[tuple[str, str], ...]
    source: str = ""
    sha256: str = ""

    @cached_property
    def by_alias(self) -> Mapping[str, str]:
        """Canonical names by folded aliases."""
        return dict(self.aliases)

    def whole(self, label: str) -> str:
        """Return the marker of a label that is an alias as it stands.

        Parameters
        ----------
        label : str
            ``$PnS``, or ``$PnN`` where there is none.

        Returns
        -------
        str
            Canonical name; empty where no alias is like the label.
        """
        return self.by_alias.get(folded(label), "")

    def __str__(self) -> str:
        return f"{printable(self.source)} (SHA-256 {self.sha256})"


def read_marker_names(path: Path | str) -> MarkerNames:
    """Read a laboratory's own names of markers.

    Parameters
    ----------
    path : path-like
        CSV in UTF-8, separated by commas, semicolons or tabs, with the columns ``alias`` and
        ``canonical``, perhaps ``new``. A canonical name is that of a marker or of several
        joined by plus signs, in any spelling that is known. One that is not known is refused,
        as it is most likely misspelt, unless ``new`` says ``yes`` in one of its rows.

    Returns
    -------
    MarkerNames
        For `flowml.Reading` and `flowml.read_fcs`.

    Raises
    ------
    PanelError
        If the file cannot be read, or rows cannot be used; all of them are named.
    """
    data = _bytes_of(Path(path))
    rows = _rows(path, data)
    new = _new_names(rows)
    aliases = {folded(name): name for name in new.values()}
    errors: list[str] = []
    for number, row in rows:
        alias, canonical, problem = _understood(row, new)
        if not problem and aliases.setdefault(alias, canonical) != canonical:
            problem = (
                f"the alias {_quoted(row['alias'])} means {aliases[alias]} already, and "
                f"{canonical} here"
            )
        if problem:
            errors.append(f"line {number}: {problem}")
    if errors:
        more = len(errors) - MOST_SHOWN
        left = f"; and {more} more" if more > 0 else ""
        raise PanelError(
            f"the marker names of {printable(path)} cannot be used: "
            f"{'; '.join(errors[:MOST_SHOWN])}{left}. Correct these lines."
        )
    digest = hashlib.sha256(data).hexdigest()
    return MarkerNames(tuple(sorted(aliases.items())), Path(path).name, digest)


def _bytes_of(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a pipe would wait for ever
            raise PanelError(f"{printable(path)} is not a regular file. Give a CSV file.")
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be one"
        raise PanelError(
            f"could not read the marker names {printable(path)}: {reason}. Give a CSV file "
            "with the columns alias and canonical."
        ) from error
    if len(data) > LARGEST_FILE:
        raise PanelError(
            f"{printable(path)} is larger than {LARGEST_FILE} bytes, expected a table of "
            "marker names. Give another file."
        )
    return data


def _rows(path: Path | str, data: bytes) -> list[Row]:
    """Return the rows by their line numbers; blank lines are passed over."""
    try:
        text = data.decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        names = [(name or "").strip().casefold() for name in lines.fieldnames or []]
        lines.fieldnames = names
        rows = [(lines.line_num, {k: v or "" for k, v in row.items() if k}) for row in lines]
    except (UnicodeDecodeError, csv.Error) as error:
        raise PanelError(
            f"{printable(path)} is not a table of text in UTF-8. Save the marker names as CSV "
            "in UTF-8."
        ) from error
    if sorted(name for name in names if name in (*COLUMNS, NEW_COLUMN)) not in (
        sorted(COLUMNS),
        sorted((*COLUMNS, NEW_COLUMN)),
    ):
        raise PanelError(
            f"{printable(path)} has the columns {printable(', '.join(names)) or 'none'}, "
            "expected one alias and one canonical, perhaps one new. Write these in the first "
            "line."
        )
    rows = [row for row in rows if any(cell.strip() for cell in row[1].values())]
    if not rows:
        raise PanelError(f"{printable(path)} has a heading but no rows. Add a row an alias.")
    return rows


def _new_names(rows: list[Row]) -> dict[str, str]:
    """Return the markers that the table adds, by folded name."""
    declared = [row["canonical"].strip() for _, row in rows if _says_new(row)]
    names = [name for name in declared if _NEW_NAME.fullmatch(name) and not markers_in(name)]
    return {folded(name): name for name in reversed(names)}


def _says_new(row: dict[str, str]) -> bool:
    return row.get(NEW_COLUMN, "").strip().casefold() in YES


def _understood(row: dict[str, str], new: dict[str, str]) -> tuple[str, str, str]:
    """Return folded alias and canonical name of a row, and what is wrong with it."""
    alias, given = row["alias"].strip(), row["canonical"].strip()
    said = row.get(NEW_COLUMN, "").strip().casefold()
    canonical = markers_in(given, new)
    problem = ""
    if not folded(alias) or not given:
        problem = "alias and canonical must not be empty"
    elif len(alias) > LONGEST_ALIAS:
        problem = f"the alias has more than {LONGEST_ALIAS} characters"
    elif said not in YES | NO:
        problem = f"new is {_quoted(said)}, expected yes or nothing"
    elif scatter_of(given) or is_time(given) or is_bookkeeping(given):
        problem = f"{_quoted(given)} is no marker: scatter and time are told by $PnN"
    elif not canonical:
        problem = _unknown(given, said in YES)
    return folded(alias), canonical, problem


def _unknown(given: str, declared: bool) -> str:  # noqa: FBT001 - says why, to one caller
    if declared:
        return (
            f"{_quoted(given)} cannot be a marker's name: expected up to 40 letters, digits, "
            "blanks, points and hyphens, a letter or digit first"
        )
    near = ", ".join(nearest_markers(given))
    return (
        f"no marker is called {_quoted(given)}"
        + (f"; nearest: {near}" if near else "")
        + ". If it is one that flowml does not know, say yes in a column called new"
    )


def _quoted(text: str) -> str:
    return repr(printable(text, 60))
