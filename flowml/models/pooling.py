"""How much trees and linear model count, and how sure they may be: fitted on cases held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def fit_weights(margins: Sequence[Floats], codes: NDArray[np.int64]) -> tuple[float, ...]:
    """Find the weights with the smallest log loss; a convex problem.

    Parameters
    ----------
    margins : sequence of ndarray, shape (n_cases, n_classes), float64
        Of each part of a model, for cases held out.
    codes : ndarray, shape (n_cases,), int64
        Their true classes.

    Returns
    -------
    tuple of float
        From `LEAST` to `MOST`. A case in n + 1 is taken to be any other class (as Platt
        1999 does with two classes), so that few cases never make a model quite sure.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    n_cases, n_classes = margins[0].shape
    doubt = 1 / (n_cases + 1)
    truth = np.full((n_cases, n_classes), doubt / max(n_classes - 1, 1))
    truth[np.arange(n_cases), codes] = 1 - doubt

    def _loss(weights: Floats) -> tuple[float, Floats]:
        total = np.asarray(sum(w * m for w, m in zip(weights, margins, strict=True)))
        chances = softmax(total)
        loss = float((logsumexp(total, axis=1) - (truth * total).sum(axis=1)).mean())
        slope = [float(((chances - truth) * m).sum()) / n_cases for m in margins]
        return loss, np.array(slope)

    start = np.full(len(margins), 1 / len(margins))
    bounds = [(LEAST, MOST)] * len(margins)
    found = minimize(_loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return tuple(float(np.clip(weight, LEAST, MOST)) for weight in found.x)


def cross_fitted(
    margins: Sequence[Floats], codes: NDArray[np.int64], part: NDArray[np.intp]
) -> Floats:
    """Return probabilities by weights that were fitted on the other parts.

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
        weights = fit_weights([m[~test] for m in margins], codes[~test])
        found[test] = softmax(
            np.asarray(sum(w * m[test] for w, m in zip(weights, margins, strict=True)))
        )
    return found
