"""What every case of a table has measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import PanelError
from flowml.features.coverage import Coverage

if TYPE_CHECKING:
    from flowml.features.table import FeatureTable


def common_features(table: FeatureTable) -> tuple[list[str], tuple[str, ...]]:
    """Keep the markers that every case measured, and the results that every one has.

    Trees send a missing value where training told them, so that a marker that is sometimes
    missing would teach them who orders it.

    Parameters
    ----------
    table : FeatureTable
        Of training cases.

    Returns
    -------
    common : list of str
        Names of the features.
    left_out : tuple of str
        Markers and results that not every case has.

    Raises
    ------
    PanelError
        If no marker is left.
    """
    complete = np.asarray(np.isfinite(table.values).all(axis=0))
    common = [name for name, whole in zip(table.names, complete.tolist(), strict=True) if whole]
    markers, results = Coverage(table.names).lacking(~complete)
    left_out = (*markers, *results)
    if not Coverage(common).markers:
        raise PanelError(
            f"the training cases share no marker; they have {', '.join(left_out[:20])}. "
            "Train on cases of one panel."
        )
    return common, left_out
