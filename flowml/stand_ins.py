"""Stand-ins that a user declares for markers: training cases are seen with them in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flowml.batch import run
from flowml.errors import ModelError
from flowml.features import FeatureTable
from flowml.features.columns import OtherResults
from flowml.features.coverage import Coverage
from flowml.features.standin import markers_of_case
from flowml.models.standin import StandIns
from flowml.reading import Reading, extract_table
from flowml.records import Case
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray


def refuse_unknown_stand_ins(
    pairs: Sequence[tuple[str, str]], cases: Sequence[Case], reading: Reading
) -> None:
    """Refuse stand-ins of or by a marker that no case has: most likely misspelt.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Markers, and what may stand in for them.
    cases : sequence of Case
        Training cases.
    reading : Reading
        How files are read.

    Raises
    ------
    ModelError
        If no case has a marker that is named.
    """
    if not pairs:
        return
    look = partial(markers_of_case, how=reading.preparation)
    known = sorted(frozenset().union(*run(look, cases, jobs=reading.jobs)))
    unknown = [name for pair in pairs for name in pair if name not in known]
    if unknown and known:
        raise ModelError(
            f"no training case has the marker {printable(unknown[0])!r} of a stand-in. "
            f"Nearest: {printable(nearest(unknown[0], known), 200)}."
        )


def declared_stand_ins(
    pairs: tuple[tuple[str, str], ...],
    cases: Sequence[Case],
    table: FeatureTable,
    common: Sequence[str],
    how: tuple[Reading, Sequence[OtherResults]],
) -> StandIns | None:
    """Return the stand-ins that shall be tried, with the means to see the cases with them.

    Parameters
    ----------
    pairs : tuple of (str, str)
        Markers, and what may stand in for them.
    cases : sequence of Case
        Training cases.
    table : FeatureTable
        The rows of those that can be used.
    common : sequence of str
        Names of the features that the model uses.
    how : (Reading, sequence of OtherResults)
        How files are read, and what is joined to their features.

    Returns
    -------
    StandIns or None
        None where nothing is to be tried.

    Raises
    ------
    ModelError
        If the recipe does not count a marker.
    """
    if not pairs or table.recipe is None:
        return None
    used, had = Coverage(common).markers, Coverage(table.names).markers
    if unused := [marker for marker, _ in pairs if marker not in had]:
        raise ModelError(
            f"the recipe counts no marker {printable(unused[0])!r} that another one could "
            f"stand in for. Nearest: {printable(nearest(unused[0], used), 200)}."
        )
    recipe, (reading, columns) = table.recipe, how
    of_table = set(table.case_ids)
    kept = [case for case in cases if case.case_id in of_table]

    def _rows(taken: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        names = [marker for marker, _ in taken]
        if not set(names) <= set(used):  # not every case has it, so that the model has not
            return np.full((len(kept), len(common)), np.nan, dtype=np.float32)
        changed = extract_table(
            kept,
            replace(recipe, stand_ins=tuple(taken)),
            replace(reading, hash_files=False),
            None,
            columns,
            hidden=names,
        )
        return np.ascontiguousarray(changed.columns(common))

    return StandIns(pairs, _rows)
