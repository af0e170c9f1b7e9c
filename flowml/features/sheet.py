"""A table as a laboratory keeps it, in CSV or Parquet: features, and columns of text."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from flowml.cases.manifest import MANIFEST_COLUMNS
from flowml.cases.table import (
    refuse_absent,
    refuse_double_columns,
    separator_of,
    unreadable,
)
from flowml.errors import CaseError, FlowmlError
from flowml.features.cells import Cells, read_cells
from flowml.features.recipes.fitted import FEATURE_TYPE
from flowml.features.table import ATTRS, FeatureTable, table_of
from flowml.features.tablefile import story_file, told_by
from flowml.safety import printable

if TYPE_CHECKING:
    from typing import TextIO

    import pandas as pd
    from numpy.typing import NDArray

    _Told = Callable[[list[str], list[str], NDArray[np.float32]], FeatureTable]

Result = TypeVar("Result")
PARQUET = ".parquet"
NUMERIC = "biuf"  # kinds of dtypes: yes or no, whole numbers, floats
LONGEST_NAME = 200  # characters of a column
ADVICE = (
    "Name the column of ids (--id), of labels (--label) and of patients (--group), and leave "
    "out what is no feature (--drop COLUMN, may be repeated)."
)
_UNREADABLE = (OSError, ValueError, csv.Error, RecursionError)


def column_names(path: Path) -> list[str]:
    """Read the names of the columns of a table.

    Parameters
    ----------
    path : Path
        CSV, TSV or Parquet.

    Returns
    -------
    list of str
        Without blanks around them.

    Raises
    ------
    CaseError
        If it cannot be read.
    """
    try:
        if path.suffix.lower() == PARQUET:
            return _arrow(lambda: _names_in_parquet(path))
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return _opened(stream)[1]
    except _UNREADABLE as error:
        raise unreadable(path, error) from error


def _names_in_parquet(file: Path) -> list[str]:
    import pyarrow.parquet as pq

    return [name.strip() for name in pq.read_schema(file).names]


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a table.

    Parameters
    ----------
    ids : str
        The column of ids.
    texts : tuple of str
        All columns that are text, the ids among them.
    features : collection of str or None
        The columns that are numbers; None for all others.
    """

    ids: str
    texts: tuple[str, ...]
    features: Collection[str] | None

    def places(self, names: Sequence[str]) -> tuple[list[int], list[int]]:
        """Find the columns.

        Parameters
        ----------
        names : sequence of str
            All columns of the table.

        Returns
        -------
        texts, features : list of int
            Their places; a column without a name counts as text.
        """
        texts = [i for i, name in enumerate(names) if name in self.texts or not name]
        known = frozenset(names if self.features is None else self.features)
        rest = sorted(set(range(len(names))).difference(texts))
        return texts, [i for i in rest if names[i] in known]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table that was read.

    Parameters
    ----------
    features : FeatureTable
        Of each case, in the order of the rows.
    texts : mapping of str to list of str
        Columns of text by their name, a text for each row, without blanks around it.
    unused : tuple of str
        Columns that were not asked for.
    """

    features: FeatureTable
    texts: Mapping[str, list[str]]
    unused: tuple[str, ...]


def read_sheet(file: Path, wanted: Wanted) -> Sheet:
    """Read a table, and refuse what cannot be used of it.

    Parameters
    ----------
    file : Path
        CSV, TSV or Parquet.
    wanted : Wanted
        The columns.

    Returns
    -------
    Sheet
        One row or more.

    Raises
    ------
    CaseError
        If the table cannot be read, lacks a column, has a column that is not numeric, or a row
        has no id.
    FlowmlError
        If a feature is infinite, or two cases go by the same name.
    """
    try:
        return _read(file, wanted)
    except FlowmlError:  # which may be a ValueError too
        raise
    except _UNREADABLE as error:
        raise unreadable(file, error) from error


def _read(file: Path, wanted: Wanted) -> Sheet:
    read = _parquet_cells if file.suffix.lower() == PARQUET else _csv_cells
    names, cells, told = read(file, wanted)
    cells = _without_blank_rows(cells)
    texts = {
        names[place]: [cell.strip() for cell in column] for place, column in cells.texts.items()
    }
    _refuse_unnamed(file, names, cells)
    _refuse_unnumbered(file, cells)
    if not cells.names and wanted.features is None:
        raise CaseError(
            f"{printable(file)} has no column of features besides those that are named. "
            "Separate columns by commas, semicolons or tabs."
        )
    ids = texts[wanted.ids]
    if not all(ids):
        raise CaseError(
            f"{printable(file)}: row {ids.index('') + 1} of {len(ids)} has no "
            f"{printable(wanted.ids)!r}. Give each row the id of its case."
        )
    if not ids:
        raise CaseError(f"{printable(file)} has a heading but no rows. Add a row a case.")
    features = told(list(cells.names), ids, cells.values)
    used = {*cells.names, *texts}
    return Sheet(features, texts, tuple(name for name in names if name not in used))


def _csv_cells(file: Path, wanted: Wanted) -> tuple[list[str], Cells, _Told]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        separator, names, rows = _opened(stream)
        _refuse_heading(file, names, wanted, is_ours=story_file(file).is_file())
        texts, numbers = wanted.places(names)
        cells = read_cells(rows, names, texts, numbers, has_comma=separator != ",")
    return names, cells, partial(told_by, file)


def _opened(stream: TextIO) -> tuple[str, list[str], Any]:
    """Return the separator, the names without blanks around them, and the reader of rows."""
    separator = separator_of(stream.readline())
    stream.seek(0)
    rows = csv.reader(stream, delimiter=separator)
    return separator, [name.strip() for name in next(rows, [])], rows


def _parquet_cells(file: Path, wanted: Wanted) -> tuple[list[str], Cells, _Told]:
    frame, metadata = _arrow(lambda: _opened_parquet(file))
    story = metadata.get(ATTRS.encode())
    names = [str(name).strip() for name in frame.columns]
    _refuse_heading(file, names, wanted, is_ours=story is not None)
    texts, numbers = wanted.places(names)
    told = partial(table_of, story=json.loads(story) if story else None)
    return names, _frame_cells(frame, names, texts, numbers), told


def _opened_parquet(file: Path) -> tuple[pd.DataFrame, Mapping[bytes, bytes]]:
    import pyarrow.parquet as pq

    found = pq.ParquetFile(file).read()
    return found.to_pandas(ignore_metadata=True), found.schema.metadata or {}


def _arrow(work: Callable[[], Result]) -> Result:
    """Ask arrow, whose errors are kinds of their own."""
    import pyarrow as pa

    try:
        return work()
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _frame_cells(
    frame: pd.DataFrame, names: list[str], texts: list[int], numbers: list[int]
) -> Cells:
    """Take a frame apart."""
    values = np.full((len(frame), len(numbers)), np.nan, FEATURE_TYPE)
    wrong = {}
    for column, place in enumerate(numbers):
        series = frame.iloc[:, place]
        if series.dtype.kind in NUMERIC:
            with np.errstate(over="ignore"):  # told of as infinite
                values[:, column] = series.to_numpy(dtype=FEATURE_TYPE, na_value=np.nan)
        elif series.notna().any():
            wrong[names[place]] = int(series.notna().argmax()) + 1
    kept = {
        place: [str(cell) for cell in column.where(column.notna(), "")]
        for place in texts
        for column in [frame.iloc[:, place].astype(object)]
    }
    return Cells(tuple(names[place] for place in numbers), values, kept, wrong)


def _without_blank_rows(cells: Cells) -> Cells:
    """Leave out rows in which all cells are empty: spreadsheets add such."""
    blank = np.array(np.isnan(cells.values).all(axis=1))
    for column in cells.texts.values():
        blank &= np.array([not cell.strip() for cell in column], dtype=bool)
    if not blank.any():
        return cells
    texts = {
        place: [cell for cell, gone in zip(column, blank, strict=True) if not gone]
        for place, column in cells.texts.items()
    }
    return replace(cells, values=cells.values[~blank], texts=texts)


def _refuse_heading(file: Path, names: Sequence[str], wanted: Wanted, *, is_ours: bool) -> None:
    """Refuse columns that are double or absent, or whose names cannot be shown."""
    refuse_double_columns(file, names)
    if wanted.ids not in names:
        raise CaseError(
            f"{printable(file)} has no column {printable(wanted.ids)!r}; it has "
            f"{printable(', '.join(names))}. Name the column of ids (--id) of a table of "
            "features; a manifest of FCS files has the columns "
            f"{' and '.join(MANIFEST_COLUMNS)}."
        )
    refuse_absent(file, names, wanted.texts)
    odd = [name for name in names if printable(name, LONGEST_NAME) != name]
    if odd and not is_ours:
        raise CaseError(
            f"{printable(file)}: {printable(odd[0], 80)!r} cannot be the name of a column, "
            f"expected at most {LONGEST_NAME} signs that can be shown. Rename it."
        )


def _refuse_unnamed(file: Path, names: Sequence[str], cells: Cells) -> None:
    """Refuse columns without a name, unless they are empty: spreadsheets add such."""
    for place, column in cells.texts.items():
        if not names[place] and any(cell.strip() for cell in column):
            raise CaseError(
                f"{printable(file)}: column {place + 1} has no name. Give it one, or delete it."
            )


def _refuse_unnumbered(file: Path, cells: Cells) -> None:
    """Refuse features that are no numbers."""
    if cells.wrong:
        raise CaseError(
            f"{printable(file)} has columns that are not numeric: {cells.said_wrong()}. "
            f"{ADVICE}"
        )
