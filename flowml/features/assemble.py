"""Rows of cases become one table, as they come: no row is held twice.

The table is kept by column, the way frames and Parquet files keep theirs, so that neither has
to copy it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.features.recipes.fitted import FEATURE_TYPE
from flowml.features.table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from flowml.features.describe import CaseFeatures
    from flowml.features.recipes.fitted import FittedRecipe, Group

ROWS = 16  # written at a time: as many float32 as a line of the processor's cache holds


def assemble(
    cases: Iterable[CaseFeatures], recipe: FittedRecipe, n_cases: int | None = None
) -> FeatureTable:
    """Put the rows of cases into one table.

    Parameters
    ----------
    cases : iterable of CaseFeatures
        Cases may have measured different markers. Each is taken once, and its row let go.
    recipe : FittedRecipe
        What was computed.
    n_cases : int, optional
        How many there will be; where it is not given, all are held until the last has come.

    Returns
    -------
    FeatureTable
        Columns in order of the recipe's parts, of markers and statistics, whatever the order
        of cases.
    """
    if n_cases is None:
        cases = list(cases)
        n_cases = len(cases)
    rows = _Rows(recipe, n_cases)
    bare: list[CaseFeatures] = []
    for case in cases:
        rows.add(case)
        bare.append(replace(case, groups=(), values=np.empty(0, FEATURE_TYPE)))
    names, columns = rows.finished()
    return FeatureTable(names, columns.T, tuple(bare), recipe)


class _Rows:
    """Rows of features, kept by column; columns are added when a case first has them."""

    def __init__(self, recipe: FittedRecipe, n_cases: int) -> None:
        self._recipe = recipe
        self._place: dict[Group, slice] = {}
        self._columns = np.empty((0, n_cases), FEATURE_TYPE)
        self._waiting = np.empty((ROWS, 0), FEATURE_TYPE)
        self._n_waiting = self._n_written = 0

    def add(self, case: CaseFeatures) -> None:
        if new := [group for group in case.groups if group not in self._place]:
            self._widen(new)
        row, done = self._waiting[self._n_waiting], 0
        row.fill(np.nan)
        for group in case.groups:
            place = self._place[group]
            size = place.stop - place.start
            row[place] = case.values[done : done + size]
            done += size
        self._n_waiting += 1
        if self._n_waiting == ROWS:
            self._write()

    def _write(self) -> None:
        end = self._n_written + self._n_waiting
        self._columns[:, self._n_written : end] = self._waiting[: self._n_waiting].T
        self._n_written, self._n_waiting = end, 0

    def _widen(self, groups: Sequence[Group]) -> None:
        """Make room for groups that no case had before."""
        self._write()
        before = size = len(self._columns)
        for group in groups:
            self._place[group] = slice(size, size + self._recipe.size(group))
            size = self._place[group].stop
        # in its place: a second array of that size would stand beside the first
        self._columns.resize((size, self._columns.shape[1]), refcheck=False)
        self._columns[before:, : self._n_written] = np.nan
        self._waiting = np.empty((ROWS, size), FEATURE_TYPE)

    def finished(self) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Return names and columns, (n_features, n_cases), in the order of a table."""
        self._write()
        groups = sorted(self._place)
        order = [at for g in groups for at in range(self._place[g].start, self._place[g].stop)]
        _reorder(self._columns, order)
        names = tuple(name for group in groups for name in self._recipe.feature_names(group))
        return names, self._columns[:, : self._n_written]


def _reorder(rows: NDArray[np.float32], order: list[int]) -> None:
    """Put the row `order[i]` at i, in place, cycle by cycle, with room for one row only."""
    for start in range(len(order)):
        if order[start] == start:
            continue
        held, here = rows[start].copy(), start
        while (source := order[here]) != start:
            rows[here] = rows[source]
            order[here], here = here, source
        rows[here] = held
        order[here] = here
