"""What continues a model on other cases: its margins, shifted as little as these demand.

The margins of a case become

    a * old margins + b + R * standard scores,

with a scale a, an offset b of each entity and a residual R that is linear in the standard
scores of the old model. All three are drawn to what leaves the model as it is (a = 1, b = 0,
R = 0) by quadratic penalties: the old model is the mean of a normal prior (Chelba & Acero,
Comput Speech Lang 2006; 20:382, did so for maximum-entropy models).

Entities without a new case keep their place: only the entities that are there are told apart
by the likelihood, so that offsets and residuals add up to nothing over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.models.linear import LinearModel, Standard, condensed
from flowml.models.pooling import LEAST, MOST
from flowml.models.predictor import Predictor
from flowml.threads import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]

# Standard deviations of scale and offsets that are expected before a case is seen: odds that
# change by more than a half, one way or the other, take evidence.
SCALE_SPREAD, OFFSET_SPREAD = 0.5, 0.5
MOST_STEPS = 500  # of the solver; a convex problem, mostly solved in fewer than 100


@dataclass(frozen=True, eq=False)
class Shift:
    """How margins are shifted.

    Parameters
    ----------
    scale : float
        Of the old margins.
    offsets : ndarray, shape (n_classes,), float64
        Added to them.
    residual : ndarray, shape (n_classes, n_features), float64, or None
        Coefficients of the standard scores; None for none.
    """

    scale: float
    offsets: Floats
    residual: Floats | None = None

    @property
    def is_none(self) -> bool:
        """Whether everything stays as it is."""
        return self.scale == 1 and not self.offsets.any() and self.residual is None

    def of_margins(self, margins: Floats, scores: Floats) -> Floats:
        """Return shifted margins.

        Parameters
        ----------
        margins : ndarray, shape (n_cases, n_classes), float64
            Of the old model.
        scores : ndarray, shape (n_cases, n_features), float64
            Standard scores of the same cases.

        Returns
        -------
        ndarray, shape (n_cases, n_classes), float64
            For cases held out; `shifted` gives a model whose bits do not depend on others.
        """
        moved = self.scale * margins + self.offsets
        return moved if self.residual is None else moved + scores @ self.residual.T


def no_shift(n_classes: int) -> Shift:
    """Return the shift that leaves everything as it is.

    Parameters
    ----------
    n_classes : int
        Of the model.

    Returns
    -------
    Shift
        With a scale of 1.
    """
    return Shift(1.0, np.zeros(n_classes))


def fit_shift(
    margins: Floats, codes: Codes, scores: Floats | None = None, strength: float = 0.0
) -> Shift:
    """Find the likeliest shift; a convex problem.

    Parameters
    ----------
    margins : ndarray, shape (n_cases, n_classes), float64
        Of the old model, for cases that it was not trained on.
    codes : ndarray, shape (n_cases,), int64
        Their true classes.
    scores : ndarray, shape (n_cases, n_features), float64, optional
        Their standard scores, for a residual.
    strength : float
        Variance of a case's residual margins that is expected before any case is seen.

    Returns
    -------
    Shift
        None of it for classes without a case, nor where there is one class only.
    """
    present, own = np.unique(codes, return_inverse=True)
    n_classes, k = margins.shape[1], len(present)
    if k < 2:
        return no_shift(n_classes)
    with one_thread():
        points, axes = np.empty((len(codes), 0)), None
        root = 0.0
        if scores is not None:
            points, axes = condensed(scores)
            root = float(np.sqrt(strength / scores.shape[1]))
        found = _likeliest(margins[:, present], points * root, np.eye(k)[own])
        offsets = np.zeros(n_classes)
        offsets[present] = found[1 : 1 + k]
        if scores is None:
            return Shift(float(found[0]), offsets)
        parts = found[1 + k :].reshape(k, -1) * root
        residual = np.zeros((n_classes, scores.shape[1]))
        residual[present] = parts if axes is None else parts @ axes
    return Shift(float(found[0]), offsets, residual)


def _likeliest(margins: Floats, points: Floats, truth: Floats) -> Floats:
    """Return scale, offsets and coefficients, one after another.

    Coefficients are penalised as if their variance were 1: `points` are scaled for that.
    """
    from scipy.optimize import minimize

    k = margins.shape[1]

    def loss(values: Floats) -> tuple[float, Floats]:
        scale, offsets, parts = values[0], values[1 : 1 + k], values[1 + k :].reshape(k, -1)
        total = scale * margins + offsets + points @ parts.T
        total -= total.max(axis=1, keepdims=True)
        weights = np.exp(total)
        sums = weights.sum(axis=1, keepdims=True)
        away, moved = (scale - 1) / SCALE_SPREAD**2, offsets / OFFSET_SPREAD**2
        cost = np.log(sums).sum() - (truth * total).sum()
        cost += ((scale - 1) * away + offsets @ moved + (parts**2).sum()) / 2
        slope = weights / sums - truth
        slopes = (
            [(slope * margins).sum() + away],
            slope.sum(axis=0) + moved,
            (slope.T @ points + parts).ravel(),
        )
        return float(cost), np.concatenate(slopes)

    start = np.zeros(1 + k + k * points.shape[1])
    start[0] = 1.0
    bounds = [(LEAST, MOST)] + [(None, None)] * (len(start) - 1)
    options = {"maxiter": MOST_STEPS, "ftol": 1e-10, "gtol": 1e-6}
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return np.asarray(found.x)


def shifted(predictor: Predictor, shift: Shift, standard: Standard) -> Predictor:
    """Return the model with its margins shifted: an ordinary one.

    Parameters
    ----------
    predictor : Predictor
        The old model.
    shift : Shift
        As `fit_shift` finds it.
    standard : Standard
        Of the scores that the residual is about; that of the linear part where there is one.

    Returns
    -------
    Predictor
        The same where nothing is shifted. Trees have another weight, and there is a linear
        part, which trees alone get for it.
    """
    if shift.is_none:
        return predictor
    coefficients = np.zeros((predictor.n_classes, len(standard.center)))
    intercept = shift.offsets.copy()
    if predictor.linear is not None:
        share = shift.scale * predictor.weights[1]
        coefficients += share * predictor.linear.coefficients
        intercept += share * predictor.linear.intercept
    if shift.residual is not None:
        coefficients += shift.residual
    linear = LinearModel(standard, coefficients, intercept)
    weights = shift.scale * predictor.weights[0], 1.0
    shifts = tuple(shift.scale * each for each in predictor.shifts)
    return replace(predictor, linear=linear, weights=weights, shifts=shifts)
