"""The cells of a CSV table: columns of numbers, columns of text, and what is no number."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.features.recipes.fitted import FEATURE_TYPE
from flowml.safety import listed, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

ROWS = 64  # for which room is made at once
# what programs write where nothing was measured
BLANK = frozenset(
    ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "None")
)
UNDERSCORE = "_"  # which Python takes for a part of a number


@dataclass(frozen=True, eq=False)
class Cells:
    """Columns of a table, as they stand in a file.

    Parameters
    ----------
    names : tuple of str
        Of the columns of numbers.
    values : ndarray, shape (n_rows, len(names)), float32
        NaN where a cell is empty or no number.
    texts : mapping of int to list of str
        Further columns by their place in the file, a text for each row.
    wrong : mapping of str to int
        Columns that hold something else than numbers, and the line of the first such cell.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    texts: Mapping[int, list[str]] = field(default_factory=dict)
    wrong: Mapping[str, int] = field(default_factory=dict)

    def said_wrong(self) -> str:
        """Name the columns that hold something else than numbers; cells may name a patient."""
        shown = [f"{printable(name, 80)!r} (line {n})" for name, n in self.wrong.items()]
        return listed(shown)


def read_cells(
    rows: Any,
    heading: Sequence[str],
    texts: Collection[int],
    numbers: Sequence[int],
    *,
    has_comma: bool = False,
) -> Cells:
    """Read a CSV row by row; as text, all of it would take ten times as much memory.

    Parameters
    ----------
    rows : csv.reader
        Behind the heading.
    heading : sequence of str
        Names of the columns.
    texts : collection of int
        Places of columns that are kept as text.
    numbers : sequence of int
        Places of columns of numbers. The cells of any other are not looked at.
    has_comma : bool
        Whether a comma stands in numbers, and not between columns.

    Returns
    -------
    Cells
        Columns in the order of `numbers`.

    Raises
    ------
    ValueError
        If a row has more or fewer cells than the heading.
    """
    names = tuple(heading[place] for place in numbers)
    kept = {place: list[str]() for place in texts}
    values = np.empty((0, len(names)), FEATURE_TYPE)
    wrong: dict[str, int] = {}
    done = 0
    for cells in filter(None, rows):
        if len(cells) != len(heading):
            raise ValueError(
                f"line {rows.line_num} has {len(cells)} cells, expected {len(heading)}"
            )
        if done == len(values):  # in its place, lest the table stand there twice
            values.resize((done + ROWS, len(names)), refcheck=False)
        own = [cells[place] for place in numbers]
        with np.errstate(over="ignore"):  # told of as infinite
            values[done] = found = _numbers(own, has_comma=has_comma)
        if None in found:
            odd = [name for name, number in zip(names, found, strict=True) if number is None]
            wrong = dict.fromkeys(odd, rows.line_num) | wrong
        for place, column in kept.items():
            column.append(cells[place])
        done += 1
    values.resize((done, len(names)), refcheck=False)
    return Cells(names, values, kept, wrong)


def _numbers(cells: list[str], *, has_comma: bool) -> list[float | None]:
    """Return the number of each cell; None, which numpy takes for NaN, where it is none."""
    if UNDERSCORE not in "".join(cells):
        with suppress(ValueError):
            return [float(cell) if cell else np.nan for cell in cells]
    return [_number(cell.strip(), has_comma=has_comma) for cell in cells]


def _number(cell: str, *, has_comma: bool) -> float | None:
    if cell in BLANK:
        return np.nan
    if UNDERSCORE in cell:
        return None
    try:
        return float(cell.replace(",", ".") if has_comma else cell)
    except ValueError:
        return None
