"""What probabilities are worth: their losses, and how well they rank and keep their word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.judging.draws import Draws, ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

BINS = 10  # of equal width, from 0 to 1
LEAST = float(np.finfo(np.float64).eps)  # probability, lest one case make a loss infinite


class Bin(NamedTuple):
    """Cases whose probability lies in one bin.

    Parameters
    ----------
    low, high : float
        Ends of the bin.
    n : int
        Cases in it; of class-wise bins, cases times classes.
    probability : float
        Mean of what was said.
    share : float
        How often it was so.
    """

    low: float
    high: float
    n: int
    probability: float
    share: float


def losses(truth: Codes, chances: Floats, draws: Draws) -> tuple[Floats, Floats]:
    """Return log loss and Brier's score.

    Parameters
    ----------
    truth : ndarray, shape (n_cases,), int64
        Codes from 0.
    chances : ndarray, shape (n_cases, n_classes), float64
        Probabilities; rows of NaN are left out.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    log_loss, brier : ndarray, shape (1 + n_resamples,)
        As the cases are, then in each draw. Brier's score is the sum over classes of squared
        differences, 0 to 2 (Brier, Mon Weather Rev 78:1, 1950).
    """
    asked, p = _asked(chances)
    hit = truth[:, None] == np.arange(p.shape[1])
    own = np.clip(p[np.arange(len(p)), truth], LEAST, 1.0)
    columns = np.column_stack([-np.log(own) * asked, ((p - hit) ** 2).sum(axis=1) * asked])
    both = ratio(draws.sums(columns), draws.sums(asked)[:, None])
    return both[:, 0], both[:, 1]


def top_label_error(truth: Codes, chances: Floats, draws: Draws) -> Floats:
    """Return the expected calibration error of the most probable class.

    Parameters
    ----------
    truth : ndarray, shape (n_cases,), int64
        Codes from 0.
    chances : ndarray, shape (n_cases, n_classes), float64
        Probabilities; rows of NaN are left out.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    ndarray, shape (1 + n_resamples,)
        Mean over cases of the difference between what the bin of a case says and how often it
        is so (Guo et al., ICML 2017). Draws lie higher than the figure itself.
    """
    asked, p = _asked(chances)
    hit = p.argmax(axis=1) == truth
    return _error(p.max(axis=1)[:, None], hit[:, None], asked, draws)[:, 0]


def class_wise_errors(truth: Codes, chances: Floats, draws: Draws) -> Floats:
    """Return the expected calibration error of each class against the rest.

    Parameters
    ----------
    truth : ndarray, shape (n_cases,), int64
        Codes from 0.
    chances : ndarray, shape (n_cases, n_classes), float64
        Probabilities; rows of NaN are left out.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    ndarray, shape (1 + n_resamples, n_classes)
        Their mean is the class-wise error (Kull et al., NeurIPS 2019).
    """
    asked, p = _asked(chances)
    hits = truth[:, None] == np.arange(p.shape[1])
    return _error(p, hits, asked, draws)


def _asked(chances: Floats) -> tuple[Mask, Floats]:
    """Return which rows have probabilities, and these, 0 elsewhere."""
    asked = np.asarray(np.isfinite(chances).all(axis=1))
    return asked, np.where(asked[:, None], chances, 0.0)


def _error(said: Floats, hit: Mask, asked: Mask, draws: Draws) -> Floats:
    """Return the error of each column, from what was said and whether it was so."""
    n, n_columns = said.shape
    gaps = np.zeros((n, n_columns, BINS))
    rows, columns = np.ogrid[:n, :n_columns]
    gaps[rows, columns, _bin_of(said)] = (hit - said) * asked[:, None]
    apart = draws.sums(gaps.reshape(n, -1)).reshape(-1, n_columns, BINS)
    return ratio(np.abs(apart).sum(axis=2), draws.sums(asked)[:, None])


def _bin_of(said: Floats) -> NDArray[np.intp]:
    return np.clip((said * BINS).astype(np.intp), 0, BINS - 1)


def reliability(said: ArrayLike, hit: ArrayLike) -> tuple[Bin, ...]:
    """Hold probabilities against how often it was so, bin by bin.

    Parameters
    ----------
    said : array-like, shape (n,)
        Probabilities; NaN is left out.
    hit : array-like, shape (n,), bool
        Whether it was so.

    Returns
    -------
    tuple of Bin
        Those that hold something.
    """
    p, was = np.asarray(said, dtype=np.float64), np.asarray(hit, dtype=bool)
    p, was = p[np.isfinite(p)], was[np.isfinite(p)]
    place = _bin_of(p)
    found = []
    for number in range(BINS):
        own = place == number
        if own.any():
            ends = number / BINS, (number + 1) / BINS
            means = float(p[own].mean()), float(was[own].mean())
            found.append(Bin(*ends, int(own.sum()), *means))
    return tuple(found)


def auc_series(is_class: Mask, said: Floats, splits: NDArray[np.intp], draws: Draws) -> Floats:
    """Return the area under the ROC curve of one or more classes, each against the rest.

    It is taken within splits. Pooled over folds it lies below one half for a model that knows
    nothing: what a fold has more of, its training part had less of.

    Parameters
    ----------
    is_class : ndarray, shape (n_cases, n_classes), bool
        Cases of each class.
    said : ndarray, shape (n_cases, n_classes), float64
        Its probability; cases with NaN are left out.
    splits : ndarray, shape (n_cases,), intp
        By which model each case was answered.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    ndarray, shape (1 + n_resamples, n_classes)
        Mean over the splits that hold both; ties count one half. NaN where there is none.
    """
    asked = np.isfinite(said).all(axis=1)
    each = [np.full((len(draws.counts), is_class.shape[1]), np.nan)]
    for number in np.unique(splits):
        rows = np.flatnonzero((splits == number) & asked)
        counts = draws.of_cases[rows]
        pairs = zip(is_class[rows].T, said[rows].T, strict=True)
        each.append(np.stack([_auc(own, p, counts) for own, p in pairs], axis=1))
    return mean_of_known(np.stack(each))


def _auc(is_class: Mask, said: Floats, counts: NDArray[np.float32]) -> Floats:
    """Return Mann and Whitney's statistic for columns of counts, shape (n_cases, n_draws)."""
    others = np.flatnonzero(~is_class)
    order = others[np.argsort(said[others])]
    below = np.zeros((len(order) + 1, counts.shape[1]), dtype=np.float32)
    np.cumsum(counts[order], axis=0, out=below[1:])
    own, ranked = counts[is_class], said[order]
    places = [np.searchsorted(ranked, said[is_class], side) for side in ("left", "right")]
    won = 0.5 * np.einsum("ij,ij->j", own, below[places[0]] + below[places[1]])
    return ratio(won, own.sum(axis=0) * below[-1])


def mean_of_known(values: Floats) -> Floats:
    """Return the mean over the first axis of what is known.

    Parameters
    ----------
    values : ndarray, shape (n, ...)
        NaN is not known.

    Returns
    -------
    ndarray, shape (...)
        NaN where nothing is.
    """
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0))
