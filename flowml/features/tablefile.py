"""Feature tables in files: Parquet, or CSV with its recipe and findings in JSON beside it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.cells import read_cells
from flowml.features.parquet import read_columns, write_columns
from flowml.features.recipes.fitted import FEATURE_TYPE
from flowml.features.table import ATTRS, INDEX, FeatureTable, refuse_doubles, table_of
from flowml.safety import encodable, printable, spreadsheet_cell, written_aside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SUFFIXES = (".parquet", ".csv")
ROWS = 64  # of a CSV that are turned from columns into rows at once


def write_table(table: FeatureTable, path: Path | str) -> None:
    """Write a table as Parquet or CSV; a CSV has its recipe in a JSON file beside it.

    Parameters
    ----------
    table : FeatureTable
        Anything.
    path : path-like
        Ends in ``.parquet`` or ``.csv``.

    Raises
    ------
    FlowmlError
        If the ending is another one.
    OutputError
        If the file cannot be written.
    """
    file = Path(path)
    check_suffix(file)
    table = _encodable(table)
    if file.suffix.lower() == ".parquet":
        metadata = {ATTRS: json.dumps(table.story())}
        with written_aside(file) as aside:
            write_columns(table.names, table.case_ids, table.values, metadata, aside)
        return
    with written_aside(file) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(_lines(table))
    with written_aside(story_file(file)) as aside, aside.open("w", encoding="utf-8") as stream:
        json.dump(table.story(), stream, indent=1)


def check_suffix(path: Path | str) -> None:
    """Refuse a name that does not say how to write a table, before it is computed.

    Parameters
    ----------
    path : path-like
        Shall end in ``.parquet`` or ``.csv``.

    Raises
    ------
    FlowmlError
        If the ending is another one.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise FlowmlError(f"{printable(path)} must end in {' or '.join(SUFFIXES)}.")


def csv_lines(table: FeatureTable) -> Iterator[str]:
    """Return a table as the lines of a CSV.

    Parameters
    ----------
    table : FeatureTable
        Anything.

    Yields
    ------
    str
        The heading, then a case, each with its line break; with case ids and feature names
        that no spreadsheet takes for formulas, and numbers of as few digits as tell them from
        any other float32; empty cells where nothing was measured.
    """
    yield from _lines(_encodable(table))


def _lines(table: FeatureTable) -> Iterator[str]:
    yield ",".join(map(_cell, (INDEX, *table.names))) + "\n"
    ids = iter(table.case_ids)
    for start in range(0, len(table.cases), ROWS):
        for row in np.ascontiguousarray(table.values[start : start + ROWS]):
            yield ",".join((_cell(next(ids)), *_digits(row))) + "\n"


def _cell(text: str) -> str:
    """Write a cell of text: no formula, and within quotes where it must be."""
    shown = spreadsheet_cell(text)
    if any(sign in shown for sign in ',;\t"\r\n'):
        return '"' + shown.replace('"', '""') + '"'
    return shown


def _digits(row: NDArray[np.float32]) -> list[str]:
    """Write numbers; most bins of a histogram are alike, and each is written once."""
    # by their bits: 0 and -0 are equal
    several, place = np.unique(row.view(np.uint32), return_inverse=True)
    texts = ["" if np.isnan(value) else str(value) for value in several.view(FEATURE_TYPE)]
    return [texts[number] for number in place.tolist()]


def _encodable(table: FeatureTable) -> FeatureTable:
    """Return the table with case ids and names that a file can hold."""
    cases = [
        replace(
            case,
            case_id=encodable(case.case_id),
            problem=encodable(case.problem),
            findings=tuple(replace(f, message=encodable(f.message)) for f in case.findings),
            tubes=tuple(
                replace(tube, name=encodable(tube.name), label=encodable(tube.label))
                for tube in case.tubes
            ),
        )
        for case in table.cases
    ]
    return replace(table, names=tuple(map(encodable, table.names)), cases=tuple(cases))


def _without_apostrophe(cell: str) -> str:
    """Undo `spreadsheet_cell`."""
    return cell[1:] if spreadsheet_cell(cell[1:]) == cell else cell


def story_file(file: Path) -> Path:
    """Return where the story of a CSV is written.

    Parameters
    ----------
    file : Path
        The CSV.

    Returns
    -------
    Path
        Beside it.
    """
    return file.with_suffix(".csv.json")


def read_table(path: Path | str) -> FeatureTable:
    """Read a table that `write_table` wrote, or one of another origin.

    Parameters
    ----------
    path : path-like
        Parquet with the index ``case_id``, or CSV whose first column holds the case ids.

    Returns
    -------
    FeatureTable
        Without recipe where the file carries none.

    Raises
    ------
    FlowmlError
        If the file cannot be read as a table of numbers.
    """
    file = Path(path)
    check_suffix(file)
    try:
        found = _from_parquet(file) if file.suffix.lower() == ".parquet" else _from_csv(file)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise FlowmlError(
            f"could not read the table {printable(file)}: {printable(error)}. "
            "Give a Parquet file, or a CSV whose first column holds the case ids."
        ) from error
    if not found.names:
        raise FlowmlError(
            f"{printable(file)} has no columns besides the case ids. "
            "Separate columns by commas."
        )
    return found


def _from_parquet(file: Path) -> FeatureTable:
    import pyarrow as pa

    try:
        if found := read_columns(file, ATTRS):
            names, ids, values, text = found
            return table_of(names, ids, values, json.loads(text))
        return _foreign_parquet(file)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _foreign_parquet(file: Path) -> FeatureTable:
    """Read a Parquet file with columns of any type, through pandas."""
    import pyarrow.parquet as pq

    arrow = pq.read_table(file)
    frame, text = arrow.to_pandas(), (arrow.schema.metadata or {}).get(ATTRS.encode())
    frame.attrs[ATTRS] = json.loads(text) if text else None
    return FeatureTable.from_frame(frame)


def _from_csv(file: Path) -> FeatureTable:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.reader(stream)
        heading = next(rows, [])
        if not heading:
            raise ValueError("it is empty")
        refuse_doubles("columns", "name", heading[1:])
        cells = read_cells(rows, heading, [0], range(1, len(heading)))
    if cells.wrong:
        raise FlowmlError(
            f"the feature table holds what is not a number: {cells.said_wrong()}. Keep numbers "
            "only, and leave cells empty where nothing was measured."
        )
    return told_by(file, list(cells.names), cells.texts[0], cells.values)


def told_by(
    file: Path, names: list[str], ids: list[str], values: NDArray[np.float32]
) -> FeatureTable:
    """Put a table together from a CSV and the story that may lie beside it.

    Parameters
    ----------
    file : Path
        The CSV.
    names, ids : list of str
        Of columns and rows, as they stand there.
    values : ndarray, shape (n_cases, n_features), float32
        Not copied.

    Returns
    -------
    FeatureTable
        Without recipe and findings where there is no story.

    Raises
    ------
    FlowmlError
        If the table cannot be used, or the story is damaged.
    """
    story = None
    if story_file(file).is_file():
        story = json.loads(story_file(file).read_text(encoding="utf-8"))
        names, ids = [*map(_without_apostrophe, names)], [*map(_without_apostrophe, ids)]
    return table_of(names, ids, values, story)
