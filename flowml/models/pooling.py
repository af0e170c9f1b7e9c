"""How much trees and linear model count, and how sure they may be: fitted on cases held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.models.predictor import softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST, MOST = 1e-3, 20.0  # weights; the least of a blend counts as none
TINY = 1e-15  # probabilities are not taken to be smaller when their logarithm is


def log_losses(probabilities: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return how badly each case was foreseen.

    Parameters
    ----------
    probabilities : ndarray, shape (n_cases, n_classes), float64
        Of cases held out.
    codes : ndarray, shape (n_cases,), int64
        Their true classes.

    Returns
    -------
    ndarray, shape (n_cases,), float64
        Negative natural logarithm of the probability of the true class.
    """
    found = probabilities[np.arange(len(codes)), codes]
    return -np.log(np.maximum(found, TINY))


class Pool(NamedTuple):
    """How margins become probabilities.

    Parameters
    ----------
    weights : tuple of float
        Of each part of a model.
    shifts : tuple of float
        Added to the margin of each class: what all parts misjudge of how frequent it is.
    """

    weights: tuple[float, ...]
    shifts: tuple[float, ...]

    def probabilities(self, margins: Sequence[Floats]) -> Floats:
        """Return the probability of each class.

        Parameters
        ----------
        margins : sequence of ndarray, shape (n_cases, n_classes), float64
            Of each part of a model.

        Returns
        -------
        ndarray, shape (n_cases, n_classes), float64
            Each row adds up to 1.
        """
        parts = zip(self.weights, margins, strict=True)
        return softmax(np.asarray(sum((w * m for w, m in parts), np.array(self.shifts))))


def fit_pool(margins: Sequence[Floats], codes: NDArray[np.int64]) -> Pool:
    """Find the weights and shifts with the smallest log loss; a convex problem.

    Parameters
    ----------
    margins : sequence of ndarray, shape (n_cases, n_classes), float64
        Of each part of a model, for cases held out.
    codes : ndarray, shape (n_cases,), int64
        Their true classes.

    Returns
    -------
    Pool
        Weights from `LEAST` to `MOST`. A case in n + 1 is taken to be any other class (as Platt
        1999 does with two classes), so that few cases never make a model quite sure; shifts
        are drawn to 0 as by a normal prior of unit variance, and are 0 for classes that no
        case is of.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    n_parts, (n_cases, n_classes) = len(margins), margins[0].shape
    doubt = 1 / (n_cases + 1)
    truth = np.full((n_cases, n_classes), doubt / max(n_classes - 1, 1))
    truth[np.arange(n_cases), codes] = 1 - doubt

    def _loss(found: Floats) -> tuple[float, Floats]:
        parts = zip(found[:n_parts], margins, strict=True)
        shifts = found[n_parts:]
        total = np.asarray(sum((w * m for w, m in parts), shifts))
        over = softmax(total) - truth
        loss = float((logsumexp(total, axis=1) - (truth * total).sum(axis=1)).mean())
        slope = [float((over * m).sum()) / n_cases for m in margins]
        tied = float((shifts**2).sum()) / 2 / n_cases
        return loss + tied, np.array([*slope, *(over.mean(axis=0) + shifts / n_cases)])

    start = np.array([1 / n_parts] * n_parts + [0.0] * n_classes)
    present = np.bincount(codes, minlength=n_classes) > 0
    bounds = [(LEAST, MOST)] * n_parts + [(None, None) if one else (0, 0) for one in present]
    found = minimize(_loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = np.clip(found[:n_parts], LEAST, MOST)
    return Pool(tuple(weights.tolist()), tuple(found[n_parts:].tolist()))


def cross_fitted(
    margins: Sequence[Floats], codes: NDArray[np.int64], part: NDArray[np.intp]
) -> Floats:
    """Return probabilities by a pool that was fitted on the other parts.

    Parameters
    ----------
    margins : sequence of ndarray, shape (n_cases, n_classes), float64
        Of each part of a model, for cases held out.
    codes : ndarray, shape (n_cases,), int64
        Their true classes.
    part : ndarray, shape (n_cases,), intp
        Which part of the cases was held out together.

    Returns
    -------
    ndarray, shape (n_cases, n_classes), float64
        Each row adds up to 1.
    """
    found = np.empty_like(margins[0])
    for number in np.unique(part):
        test = part == number
        pool = fit_pool([m[~test] for m in margins], codes[~test])
        found[test] = pool.probabilities([m[test] for m in margins])
    return found
