"""Training of gradient-boosted trees; the only place that imports xgboost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.models.linear import Standard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Codes = NDArray[np.int64]

PATIENCE = 15  # rounds without a smaller loss, after which a watched training ends


@dataclass(frozen=True)
class Boosting:
    """How trees are trained.

    Parameters
    ----------
    n_rounds : int
        Each adds one tree for every class.
    learning_rate : float
        Share of each tree that is added.
    max_depth : int
        Deepest tree.
    min_child_weight : float
        Smallest sum of second derivatives in a leaf.
    subsample, colsample : float
        Shares of cases and features that a tree sees.
    most_features : int
        Features that trees are offered: those that tell the classes apart best.
    seed : int
        Of the cases and features that a tree sees.
    """

    n_rounds: int
    learning_rate: float
    max_depth: int
    min_child_weight: float
    subsample: float
    colsample: float
    most_features: int
    seed: int

    def settings(self, n_classes: int) -> dict[str, Any]:
        """Return the parameters by xgboost's own names."""
        return {
            "eta": self.learning_rate,
            "max_depth": self.max_depth,
            "min_child_weight": self.min_child_weight,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample,
            "seed": self.seed,
            "objective": "multi:softprob",
            "num_class": n_classes,
            "tree_method": "hist",
            "max_bin": 64,  # of a few thousand cases no finer cut can be told from chance
            "nthread": 1,  # small cohorts: more threads are no faster, and wait on each other
        }


def boost(
    rows: Rows,
    codes: Codes,
    n_classes: int,
    boosting: Boosting,
    watched: tuple[Rows, Codes] | None = None,
) -> tuple[bytes, list[float]]:
    """Train trees on cases.

    Parameters
    ----------
    rows : ndarray, shape (n_cases, n_features), float32
        NaN is missing.
    codes : ndarray, shape (n_cases,), int64
        Classes, from 0.
    n_classes : int
        Number of classes, of which some may have no case.
    boosting : Boosting
        How.
    watched : (ndarray, ndarray), optional
        Rows and codes of other cases: training ends when they are no longer foreseen better.

    Returns
    -------
    document : bytes
        xgboost's JSON, the same for the same cases and settings.
    losses : list of float
        Mean log loss of the watched cases after each round; empty if none are.
    """
    import xgboost

    data = _matrix(rows, codes)
    losses: dict[str, Any] = {}
    watch = {
        "evals": [(_matrix(*watched), "held_out")],
        "evals_result": losses,
        "early_stopping_rounds": PATIENCE,
        "verbose_eval": False,
    } if watched else {}  # fmt: skip
    booster = xgboost.train(
        boosting.settings(n_classes), data, num_boost_round=boosting.n_rounds, **watch
    )
    document = bytes(booster.save_raw(raw_format="json"))
    return document, losses["held_out"]["mlogloss"] if watched else []


def _matrix(rows: Rows, codes: Codes) -> Any:
    import xgboost

    return xgboost.DMatrix(rows, label=codes, missing=np.nan, nthread=1)


def strongest_features(rows: Rows, codes: Codes, most: int) -> NDArray[np.int32]:
    """Return the features that tell the classes apart best, each by itself.

    Parameters
    ----------
    rows : ndarray, shape (n_cases, n_features), float32
        NaN is missing, and counts as average.
    codes : ndarray, shape (n_cases,), int64
        Classes, from 0.
    most : int
        How many are kept.

    Returns
    -------
    ndarray, shape (n_kept,), int32
        Columns, rising: all, or those whose standard scores vary most between classes (the
        order of Fisher's F, as each has a variance of 1 or, where it never varies, of 0).
    """
    n_features = rows.shape[1]
    if n_features <= most:
        return np.arange(n_features, dtype=np.int32)
    scores = Standard.of(rows).of_rows(rows)
    between = np.zeros(n_features)
    for code in np.unique(codes):
        own = scores[codes == code]
        between += len(own) * own.mean(axis=0) ** 2
    order = np.argsort(-between, kind="stable")[:most]
    return np.sort(order).astype(np.int32)
