"""Training of gradient-boosted trees; the only place that imports xgboost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def boost(
    rows: NDArray[np.float32],
    codes: NDArray[np.int64],
    n_classes: int,
    settings: Mapping[str, float],
    n_rounds: int,
) -> bytes:
    """Train trees on cases.

    Parameters
    ----------
    rows : ndarray, shape (n_cases, n_features), float32
        NaN is missing.
    codes : ndarray, shape (n_cases,), int64
        Classes, from 0.
    n_classes : int
        Number of classes, of which some may have no case.
    settings : mapping of str to float
        By xgboost's own names.
    n_rounds : int
        Each adds one tree for every class.

    Returns
    -------
    bytes
        xgboost's JSON, the same for the same cases and settings.
    """
    import xgboost

    every = {
        **settings,
        "objective": "multi:softprob",
        "num_class": n_classes,
        "tree_method": "hist",
        "nthread": 1,  # small cohorts: more threads are no faster, and wait on each other
    }
    data = xgboost.DMatrix(rows, label=codes, missing=np.nan, nthread=1)
    booster = xgboost.train(every, data, num_boost_round=n_rounds)
    return bytes(booster.save_raw(raw_format="json"))
