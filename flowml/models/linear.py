"""Logistic regression on standardised features: where few cases have strong features it wins.

Missing values count as the average of the training cases. Rows are evaluated one by one, in a
fixed order of additions, so that a row's bits do not depend on the other rows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.tables import sized
from flowml.errors import ModelError
from flowml.models.contributions import Contributions
from flowml.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Floats = NDArray[np.float64]

TABLES = ("center", "spread", "shares", "coefficients", "intercept")
MOST_STEPS = 200  # of the solver; further ones change probabilities in the third digit
PRECISION = 1e-3
FEW = 1e-4  # share of events that is added: about one in a tube of 10,000
FURTHEST = 20.0  # standard deviations; what lies beyond says no more
STILL = 1e-6  # of the center: a spread that is rounding only
ABSENT = -30.0  # margin of a class without a case


@dataclass(frozen=True, eq=False)
class Standard:
    """Where the features of the training cases lie.

    A share of events is taken by its log-odds, on which one cell in a hundred is as far from
    one in a thousand as that is from one in ten thousand: the cells of a disease may be few.

    Parameters
    ----------
    center, spread : ndarray, shape (n_features,), float64
        Mean and standard deviation; a feature that never varies has a spread of 1.
    shares : ndarray, shape (n_features,), bool
        Features that were from 0 to 1 in all training cases.
    """

    center: Floats
    spread: Floats
    shares: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Rows) -> Standard:
        """Measure training cases.

        Parameters
        ----------
        rows : ndarray, shape (n_cases, n_features), float32
            NaN is missing; a feature may be missing in all of them.

        Returns
        -------
        Standard
            Center 0 and spread 1 for features that nobody has.
        """
        shares = np.asarray(~((rows < 0) | (rows > 1)).any(axis=0))
        values = _by_odds(rows, shares)
        known = ~np.isnan(values)
        counts = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, values, 0).sum(axis=0) / counts
        spread = np.sqrt((np.where(known, values - center, 0) ** 2).sum(axis=0) / counts)
        return cls(center, np.where(spread > np.abs(center) * STILL, spread, 1.0), shares)

    def of_rows(self, rows: Rows) -> Floats:
        """Return standard scores.

        Parameters
        ----------
        rows : ndarray, shape (..., n_features), float32
            NaN is missing.

        Returns
        -------
        ndarray, shape (..., n_features), float64
            0 where a value is missing; at most `FURTHEST` from it.
        """
        with np.errstate(over="ignore"):  # infinitely far is clipped
            scores = (_by_odds(rows, self.shares) - self.center) / self.spread
        return np.where(np.isnan(scores), 0.0, np.clip(scores, -FURTHEST, FURTHEST))


def _by_odds(rows: Rows, shares: NDArray[np.bool_]) -> Floats:
    """Replace shares by their log-odds, as if a few more had been seen on either side."""
    values = rows.astype(np.float64)
    inside = np.clip(values, 0, 1)
    odds = np.log((inside + FEW) / (1 - inside + FEW))
    return np.where(shares, odds, values)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A linear function of the standard scores for each class.

    Parameters
    ----------
    standard : Standard
        Of the training cases.
    coefficients : ndarray, shape (n_classes, n_features), float64
        By standard score.
    intercept : ndarray, shape (n_classes,), float64
        Margins of the average case.
    """

    standard: Standard
    coefficients: Floats
    intercept: Floats

    def margins(self, rows: Rows) -> Floats:
        """Return the margin of each class.

        Parameters
        ----------
        rows : ndarray, shape (n_rows, n_features), float32
            NaN is missing.

        Returns
        -------
        ndarray, shape (n_rows, n_classes), float64
            A row's bits do not depend on the other rows.
        """
        found = np.empty((len(rows), len(self.intercept)))
        for place, row in enumerate(rows):
            scores = self.standard.of_rows(row)
            found[place] = (self.coefficients * scores).sum(axis=1) + self.intercept
        return found

    def largest_margin(self) -> float:
        """Return what no margin is above, whatever the row; infinity where it overflows."""
        with np.errstate(over="ignore"):
            scores = FURTHEST * np.abs(self.coefficients).sum(axis=1)
            return float((scores + np.abs(self.intercept)).max())

    def contributions(self, row: NDArray[np.float32]) -> Contributions:
        """Share out the margins of one case: coefficient times standard score.

        Parameters
        ----------
        row : ndarray, shape (n_features,), float32
            NaN is missing.

        Returns
        -------
        Contributions
            Exact if features are independent (Lundberg & Lee, NIPS 2017, corollary 1); the
            bias is the margin of the average case.
        """
        values = self.coefficients * self.standard.of_rows(row)
        return Contributions(values, self.intercept.copy())

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, for the bundle."""
        own = (self.standard.center, self.standard.spread, self.standard.shares)
        return dict(zip(TABLES, (*own, self.coefficients, self.intercept), strict=True))


def linear_from(
    tables: Mapping[str, NDArray[Any]], n_features: int, n_classes: int
) -> LinearModel:
    """Put a linear model together from arrays, none of which is trusted.

    Parameters
    ----------
    tables : mapping of str to ndarray
        As `LinearModel.tables` gives them.
    n_features, n_classes : int
        What the model's manifest says.

    Returns
    -------
    LinearModel
        All values finite, all shapes right.

    Raises
    ------
    ModelError
        If anything else is found.
    """
    line = (n_features,)
    shapes = (line, line, line, (n_classes, n_features), (n_classes,))
    kinds = (np.float64, np.float64, np.bool_, np.float64, np.float64)
    center, spread, shares, coefficients, intercept = sized(tables, TABLES, shapes, kinds)
    if not (spread > 0).all():
        raise ModelError("the model's table 'spread' holds values that are not above 0.")
    return LinearModel(Standard(center, spread, shares), coefficients, intercept)


def fit_linear(
    rows: Rows, codes: NDArray[np.int64], n_classes: int, strength: float
) -> LinearModel:
    """Train a logistic regression with a quadratic penalty.

    Parameters
    ----------
    rows : ndarray, shape (n_cases, n_features), float32
        NaN is missing.
    codes : ndarray, shape (n_cases,), int64
        Classes, from 0.
    n_classes : int
        Number of classes, of which some may have no case.
    strength : float
        Variance of a case's margins that is expected before any is seen: the more features,
        the smaller each coefficient.

    Returns
    -------
    LinearModel
        The same for the same cases. A class without a case is never likely.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    standard = Standard.of(rows)
    if len(present := np.unique(codes)) == 1:  # the others' cases are all held out
        return _certain(standard, int(present[0]), n_classes)
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # far enough: calibration follows
        scores, axes = condensed(standard.of_rows(rows))
        penalty = strength / rows.shape[1]
        solver = LogisticRegression(C=penalty, max_iter=MOST_STEPS, tol=PRECISION)
        solver.fit(scores, codes)
        found = solver.coef_ if axes is None else solver.coef_ @ axes
    two = len(solver.classes_) == 2  # scikit-learn then keeps the difference only
    halves = np.array([[-0.5], [0.5]]) if two else np.ones((len(found), 1))
    coefficients = np.zeros((n_classes, rows.shape[1]))
    intercept = np.full(n_classes, ABSENT)
    coefficients[solver.classes_] = halves * found
    intercept[solver.classes_] = halves[:, 0] * solver.intercept_
    return LinearModel(standard, coefficients, intercept)


def _certain(standard: Standard, code: int, n_classes: int) -> LinearModel:
    """Return a model of cases that are all of one class."""
    intercept = np.full(n_classes, ABSENT)
    intercept[code] = 0.0
    return LinearModel(standard, np.zeros((n_classes, len(standard.center))), intercept)


def condensed(scores: Floats) -> tuple[Floats, Floats | None]:
    """Return fewer columns that say the same, where there are more features than cases.

    With a quadratic penalty the best coefficients are combinations of cases, so that nothing is
    lost (Hastie & Tibshirani, Biostatistics 2004; 5:329).

    Parameters
    ----------
    scores : ndarray, shape (n_cases, n_features), float64
        Standard scores.

    Returns
    -------
    columns : ndarray, shape (n_cases, n_columns), float64
        Principal components, or the scores themselves.
    axes : ndarray, shape (n_columns, n_features), float64, or None
        Orthonormal; the scores are `columns` times `axes`. None where nothing was condensed.
    """
    if scores.shape[1] <= len(scores) or not scores.any():
        return scores, None
    vectors, roots = spectrum(scores)
    return vectors * roots, (vectors / roots).T @ scores


def spectrum(scores: Floats) -> tuple[Floats, Floats]:
    """Return the directions of the cases among each other, where features are more than cases.

    Parameters
    ----------
    scores : ndarray, shape (n_cases, n_features), float64
        Standard scores.

    Returns
    -------
    vectors : ndarray, shape (n_cases, n_kept), float64
        Left singular vectors, those of the largest singular values last.
    roots : ndarray, shape (n_kept,), float64
        Singular values, without those that are rounding only.
    """
    sizes, vectors = np.linalg.eigh(scores @ scores.T)
    kept = sizes > sizes[-1] * 1e-10
    return vectors[:, kept], np.sqrt(sizes[kept])
