"""Which rows and columns of a feature table a model may be trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import LabelError, PanelError
from flowml.features.coverage import Coverage
from flowml.safety import listed, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.features.table import FeatureTable

MOST_SHOWN = 20
LEAST_KNOWN = 0.5  # share of training cases in which a feature of a population is known


def usable_rows(table: FeatureTable) -> tuple[FeatureTable, dict[str, str]]:
    """Return the rows that can be used, and of the others the reason.

    Parameters
    ----------
    table : FeatureTable
        Of labelled cases.

    Returns
    -------
    usable : FeatureTable
        One row or more.
    unusable : dict of str to str
        Case id to reason.

    Raises
    ------
    PanelError
        If there is none.
    """
    unusable = {case.case_id: case.problem for case in table.cases if case.problem}
    usable = table.rows([not case.problem for case in table.cases])
    if not usable.cases:
        first = next(iter(unusable.values()))
        raise PanelError(
            f"none of {len(table.cases)} labelled cases can be used; the first: {first}"
        )
    return usable, unusable


def common_features(table: FeatureTable) -> tuple[list[str], tuple[str, ...]]:
    """Keep the markers that every case measured, and the results that every one has.

    Trees send a missing value where training told them, so that a marker that is sometimes
    missing would teach them who orders it. The same holds for a column of another origin. Of a
    population a feature may be missing where its gate is not sure, or where it has few events:
    what is known in half of the cases is kept.

    Parameters
    ----------
    table : FeatureTable
        Of training cases.

    Returns
    -------
    common : list of str
        Features.
    left_out : tuple of str
        Markers, populations and results that are left out; columns, where flowml did not
        compute them.

    Raises
    ------
    PanelError
        If nothing is common.
    """
    known = np.isfinite(table.values).mean(axis=0)
    coverage = Coverage(table.names)
    often = coverage.of_populations & (known >= LEAST_KNOWN)
    complete = np.asarray((known == 1) | often)
    common = [name for name, is_whole in zip(table.names, complete, strict=True) if is_whole]
    if table.recipe is None:
        whole = set(common)
        left = tuple(name for name in table.names if name not in whole)
        if not common:
            raise PanelError(
                f"none of {len(left)} columns has a number for every training case: "
                f"{printable(listed(left))}. Fill the gaps, or leave out the cases that have "
                "them."
            )
        return common, left
    markers, results = coverage.lacking(~complete)
    left_out = (*markers, *coverage.unsure(~complete), *results)
    if not Coverage(common).markers:
        if Coverage(common).populations:
            raise PanelError(
                "no population has 10 events, which it takes to tell how bright it is, in half "
                "of the training cases: nothing is known of markers. Draw wider gates, or use "
                "another recipe beside them, such as ecdf+populations."
            )
        raise PanelError(
            f"the training cases share no marker; they have "
            f"{', '.join(left_out[:MOST_SHOWN])}. Train on cases of one panel."
        )
    return common, left_out


def refuse_contradictions(table: FeatureTable, entities: Sequence[str]) -> None:
    """Refuse one file in two cases that have different labels.

    Parameters
    ----------
    table : FeatureTable
        With the hashes of the files.
    entities : sequence of str
        Of its cases.

    Raises
    ------
    LabelError
        If there is one.
    """
    of_file: dict[str, tuple[str, str]] = {}
    for case, entity in zip(table.cases, entities, strict=True):
        for digest in {tube.sha256 for tube in case.tubes} - {""}:
            other, before = of_file.setdefault(digest, (case.case_id, entity))
            if before != entity:
                raise LabelError(
                    f"the cases {printable(other)!r} ({before}) and "
                    f"{printable(case.case_id)!r} ({entity}) hold the same file. Correct the "
                    "labels, or leave one out."
                )
