"""Tables that a laboratory wrote: CSV with a heading, from any spreadsheet."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import CaseError
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, str]
SEPARATORS = ",;\t"
_QUOTED = re.compile(r'(?:^|(?<=[,;\t]))"(?:[^"]|"")*(?:"|$)')


def separator_of(heading: str) -> str:
    """Tell what separates the columns of a table: what its heading holds most of.

    What stands within quotes does not count.

    Parameters
    ----------
    heading : str
        The first line.

    Returns
    -------
    str
        A comma, a semicolon or a tab.
    """
    return max(SEPARATORS, key=_QUOTED.sub("", heading).count)


def unreadable(path: Path | str, error: Exception) -> CaseError:
    """Say why a table could not be read.

    Parameters
    ----------
    path : path-like
        The table.
    error : Exception
        What reading it gave.

    Returns
    -------
    CaseError
        To be raised.
    """
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, UnicodeDecodeError):
        reason = "it is not text in UTF-8 (a workbook of a spreadsheet, perhaps)"
    return CaseError(
        f"could not read the table {printable(path)}: {printable(reason)}. Save it as CSV in "
        "UTF-8."
    )


def refuse_absent(path: Path | str, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a table that lacks a column, and name those that it has.

    Parameters
    ----------
    path : path-like
        The table.
    names : sequence of str
        Its columns.
    wanted : sequence of str
        Those that it must have.

    Raises
    ------
    CaseError
        If one is not there.
    """
    missing = [name for name in wanted if name not in names]
    if missing:
        raise CaseError(
            f"{printable(path)} has no column {', '.join(map(repr, missing))}; it has "
            f"{printable(', '.join(names))}. Rename a column, or say which one is meant."
        )


def refuse_double_columns(path: Path | str, names: Sequence[str]) -> None:
    """Refuse a table in which two columns go by one name; those without one are let pass.

    Parameters
    ----------
    path : path-like
        The table.
    names : sequence of str
        Its columns.

    Raises
    ------
    CaseError
        If a name stands twice.
    """
    if double := sorted(name for name, n in Counter(filter(None, names)).items() if n > 1):
        shown = printable(", ".join(map(repr, double)))
        raise CaseError(
            f"{printable(path)} has more than one column {shown}. Give every column a name of "
            "its own."
        )


def read_table(path: Path | str, columns: Sequence[str]) -> list[Row]:
    """Read a CSV table with a heading row.

    Parameters
    ----------
    path : path-like
        Comma, semicolon or tab separated, UTF-8.
    columns : sequence of str
        Columns that must be there.

    Returns
    -------
    list of dict of str to str
        One for each row.

    Raises
    ------
    CaseError
        If the file cannot be read or lacks a column.
    """
    return [row for _, row in numbered_rows(path, columns)]


def numbered_rows(path: Path | str, columns: Sequence[str]) -> list[tuple[int, Row]]:
    """Read a CSV table as `read_table` does, and say where each row stands.

    Parameters
    ----------
    path : path-like
        Comma, semicolon or tab separated, UTF-8.
    columns : sequence of str
        Columns that must be there.

    Returns
    -------
    list of (int, dict of str to str)
        The line, counted from 1, in which each row ends; the row.

    Raises
    ------
    CaseError
        If the file cannot be read or lacks a column.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            heading = stream.readline()
            stream.seek(0)
            reader = csv.DictReader(stream, delimiter=separator_of(heading))
            names = [name or "" for name in reader.fieldnames or []]
            rows = [
                (reader.line_num, {str(k): v or "" for k, v in row.items() if k})
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, error) from error
    refuse_double_columns(path, names)
    refuse_absent(path, names, columns)
    if not rows:
        raise CaseError(f"{printable(path)} has a heading but no rows. Add a row a case.")
    return rows
