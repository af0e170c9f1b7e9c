"""Training rows with gaps: copies of cases that lack markers which later cases may lack.

Trees send a missing value where training told them. A model that has seen rows with gaps has
learned answers without a marker; whether they are good enough is measured by
`flowml.models.absence`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def with_gaps(
    values: NDArray[np.float32], gone: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Add to each row a copy in which some of what may be missing is missing.

    How many are left out of a copy is drawn evenly from one to all of them, so that rows
    without a single one are as frequent as rows without any. Something of each case always
    stays; a copy that lacks no more than its row is left out.

    Parameters
    ----------
    values : ndarray, shape (n_cases, n_features), float32
        Features of training cases; NaN is missing.
    gone : ndarray, shape (n_units, n_features), bool
        For each marker, pair or map that may be missing, the features that are then missing
        (`flowml.features.coverage.Coverage.about`).
    rng : numpy.random.Generator
        The same state gives the same gaps.

    Returns
    -------
    values : ndarray, shape (n_cases + n_copies, n_features), float32
        The rows as they were, and behind them their copies.
    source : ndarray, shape (n_cases + n_copies,), intp
        The row that each one comes from: ``labels[source]`` and ``groups[source]`` go with the
        values. A split must be made before gaps are.
    """
    copies, source = [values], list(range(len(values)))
    for row, own in enumerate(values):
        known = ~np.isnan(own)
        lost = _lost(known, gone, rng)
        if lost.any():
            copies.append(np.where(lost, np.nan, own)[None].astype(values.dtype))
            source.append(row)
    return np.concatenate(copies), np.array(source, dtype=np.intp)


def _lost(
    known: NDArray[np.bool_], gone: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw which of the known features a copy loses, shape (n_features,)."""
    number = rng.integers(1, len(gone) + 1) if len(gone) else 0
    chosen = list(rng.permutation(len(gone))[:number])
    lost = known & gone[chosen].any(axis=0)
    while chosen and known.any() and (lost == known).all():  # give back what was chosen last
        chosen.pop()
        lost = known & gone[chosen].any(axis=0)
    return np.asarray(lost)
