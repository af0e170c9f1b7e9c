"""A spillover matrix in a CSV file, in the forms that programs write."""

from __future__ import annotations

import csv
from pathlib import Path

from flowml.errors import FcsError
from flowml.fcs.matrix import MOST_DETECTORS, checked_spillover
from flowml.findings import Finding
from flowml.records import Spillover
from flowml.safety import printable


def read_spillover_csv(path: Path | str) -> Spillover:
    """Read a spillover matrix from a CSV file.

    Parameters
    ----------
    path : path-like
        First row: detector names, after an optional empty or heading cell; then one row for
        each fluorochrome, optionally begun by its name.

    Returns
    -------
    Spillover
        The matrix.

    Raises
    ------
    FcsError
        If the file is not such a matrix, or the matrix cannot be inverted.
    """
    return load_spillover_csv(path)[0]


def load_spillover_csv(path: Path | str) -> tuple[Spillover, list[Finding]]:
    """Read a spillover matrix from a CSV file, and say what is odd about it.

    Parameters
    ----------
    path : path-like
        As in `read_spillover_csv`.

    Returns
    -------
    spillover : Spillover
        The matrix.
    findings : list of Finding
        A conversion from percent, a bad condition, an identity.
    """
    rows = _csv_rows(path)
    size = len(rows) - 1
    widths = {len(row) for row in rows[1:]}
    if not 1 <= size <= MOST_DETECTORS or widths not in ({size}, {size + 1}):
        raise FcsError(_not_square(path), "FCS-SPILL")
    names = [_detector(cell) for cell in rows[0][-size:]]
    if len(names) != size or "" in names or len(rows[0]) > size + 1:
        raise FcsError(_not_square(path), "FCS-SPILL")
    body = [row[-size:] for row in rows[1:]]
    if widths == {size + 1}:
        body = _in_order(body, [_detector(row[0]) for row in rows[1:]], names, path)
    findings: list[Finding] = []
    values = [cell for row in body for cell in row]
    try:
        matrix = checked_spillover(names, values, printable(Path(path).name), findings)
    except FcsError as error:
        raise FcsError(f"{error}. Correct the file, or give another one.", error.code) from None
    return matrix, findings


def _csv_rows(path: Path | str) -> list[list[str]]:
    """Read the rows of a CSV file that are not blank."""
    try:
        if not Path(path).is_file():
            raise OSError("it is not there, or not a file")
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            return [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    except (OSError, ValueError, csv.Error) as error:
        raise FcsError(
            f"could not read the matrix {printable(path)}: {error}. Give a CSV file.",
            "FCS-SPILL",
        ) from error


def _detector(cell: str) -> str:
    """Return the name of a detector; FlowJo appends the marker."""
    return cell.strip().partition(" :: ")[0]


def _in_order(
    body: list[list[str]], labels: list[str], names: list[str], path: Path | str
) -> list[list[str]]:
    """Put rows that are begun by detectors in the order of the columns."""
    if labels == names or not set(labels) & set(names):
        return body
    if sorted(labels) != sorted(names):
        raise FcsError(
            f"the rows of {printable(path)} are begun by {printable(', '.join(labels), 120)}, "
            f"the columns by {printable(', '.join(names), 120)}. Name both alike.",
            "FCS-SPILL",
        )
    return [body[labels.index(name)] for name in names]


def _not_square(path: Path | str) -> str:
    return (
        f"{printable(path)} is not a square matrix of up to {MOST_DETECTORS} detectors with a "
        "row of their names above, expected commas between cells and one row for each detector."
    )
