"""What gives probabilities: trees, a linear model, or both, weighed to be calibrated.

The margins of both are added with one weight each (a log-linear pool; Genest & Zidek, Stat Sci
1986; 1:114). A weight alone is the inverse of a temperature (Guo et al., ICML 2017), so that
pooling and calibration are one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.plain import is_number
from flowml.errors import ModelError
from flowml.models.contributions import Contributions, tree_contributions
from flowml.models.linear import LinearModel, linear_from
from flowml.models.trees import TreeEnsemble, read_trees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COLUMNS = "tree_columns"
BOOSTED, LOGISTIC, BLEND = "boosted", "logistic", "blend"
LARGEST_MARGIN = 1e9  # beyond it sums of margins may be no numbers; models stay below 1e5
KINDS = (BOOSTED, LOGISTIC, BLEND)


@dataclass(frozen=True, eq=False)
class Predictor:
    """Trees, a linear model, or both.

    Parameters
    ----------
    trees : TreeEnsemble or None
        Checked trees.
    document : bytes
        xgboost's JSON, from which `trees` was read; empty without trees.
    linear : LinearModel or None
        Checked tables.
    weights : (float, float)
        Of the margins of the trees and of the linear model.
    columns : ndarray, shape (n_columns,), int32, or None
        Features that the trees' own document counts; None for all of them.
    shifts : tuple of float
        Added to the margin of each class; empty for none.

    Raises
    ------
    ModelError
        If there is neither, or a weight is not a positive number where its part is there and
        0 where it is not.
    """

    trees: TreeEnsemble | None
    document: bytes
    linear: LinearModel | None
    weights: tuple[float, float]
    columns: NDArray[np.int32] | None = None
    shifts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for part, weight in zip((self.trees, self.linear), self.weights, strict=True):
            if not (0 < weight < np.inf if part is not None else weight == 0):
                raise ModelError(
                    f"the weights of trees and linear model are {self.weights}, expected a "
                    "positive number for each that is there, else 0."
                )
        if self.trees is None and self.linear is None:
            raise ModelError("the model holds neither trees nor a linear model.")

    @property
    def kind(self) -> str:
        """``boosted``, ``logistic`` or ``blend``."""
        if self.linear is None:
            return BOOSTED
        return LOGISTIC if self.trees is None else BLEND

    def margins(self, rows: NDArray[np.float32]) -> Floats:
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
        parts = zip((self.trees, self.linear), self.weights, strict=True)
        found = [weight * part.margins(rows) for part, weight in parts if part is not None]
        total = found[0] if len(found) == 1 else found[0] + found[1]
        return total + self._shift()

    def _shift(self) -> Floats:
        return np.array(self.shifts or (0.0,) * self.n_classes)

    def largest_margin(self) -> float:
        """Return what no margin is above, whatever the row."""
        parts = zip((self.trees, self.linear), self.weights, strict=True)
        with np.errstate(over="ignore"):  # infinity is an answer here
            found = sum(weight * part.largest_margin() for part, weight in parts if part)
            return found + float(np.abs(self._shift()).max())

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        if self.trees is not None:
            return self.trees.n_classes
        return 0 if self.linear is None else len(self.linear.intercept)

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return the arrays, for the bundle."""
        own = {} if self.columns is None else {COLUMNS: self.columns}
        return own | (self.linear.tables() if self.linear is not None else {})

    def contributions(self, row: NDArray[np.float32]) -> Contributions:
        """Share out the margins of one case among its features.

        Parameters
        ----------
        row : ndarray, shape (n_features,), float32
            NaN is missing.

        Returns
        -------
        Contributions
            With the bias they add up to `margins`.
        """
        found = []
        if self.trees is not None:
            found.append(tree_contributions(self.trees, row).times(self.weights[0]))
        if self.linear is not None:
            found.append(self.linear.contributions(row).times(self.weights[1]))
        total = found[0] if len(found) == 1 else found[0] + found[1]
        return Contributions(total.values, total.bias + self._shift())

    def probabilities(self, rows: NDArray[np.float32]) -> Floats:
        """Return the probability of each class.

        Parameters
        ----------
        rows : ndarray, shape (n_rows, n_features), float32
            NaN is missing.

        Returns
        -------
        ndarray, shape (n_rows, n_classes), float64
            Each row adds up to 1.
        """
        return softmax(self.margins(rows))


def predictor_from(
    pool: tuple[object, object],
    document: bytes,
    tables: Mapping[str, NDArray[Any]],
    n_features: int,
    n_classes: int,
) -> Predictor:
    """Put a predictor together from the parts of a bundle, none of which is trusted.

    Parameters
    ----------
    pool : (object, object)
        Weights of the margins of trees and linear model, and shifts of the classes.
    document : bytes
        xgboost's JSON; empty without trees.
    tables : mapping of str to ndarray
        As `Predictor.tables` gives them, and perhaps more.
    n_features, n_classes : int
        What the model's manifest says.

    Returns
    -------
    Predictor
        Checked.

    Raises
    ------
    ModelError
        If anything else is found.
    """
    both = _numbers(pool[0], 2, "weights of its parts")
    shifts = _numbers(pool[1], n_classes, "shifts of its classes")
    columns = tables.get(COLUMNS)
    if columns is not None and (columns.dtype != np.int32 or columns.ndim != 1):
        raise ModelError(f"the model's table {COLUMNS!r} is not a list of whole numbers.")
    trees = read_trees(document, n_features, n_classes, columns) if both[0] else None
    linear = linear_from(tables, n_features, n_classes) if both[1] else None
    if trees is None and (document or columns is not None):
        raise ModelError("it holds trees that count for nothing.")
    found = Predictor(trees, document, linear, (both[0], both[1]), columns, shifts)
    if not found.largest_margin() <= LARGEST_MARGIN:
        raise ModelError("its margins may grow beyond any that training gives.")
    return found


def _numbers(values: object, length: int, what: str) -> tuple[float, ...]:
    """Return plain numbers, after checking that they are."""
    if not isinstance(values, list) or len(values) != length:
        raise ModelError(f"the {what} are not {length} numbers.")
    if not all(map(is_number, values)):
        raise ModelError(f"the {what} are no numbers.")
    return tuple(map(float, values))


def softmax(margins: Floats) -> Floats:
    """Turn margins into probabilities.

    Parameters
    ----------
    margins : ndarray, shape (n_rows, n_classes), float64
        Any finite numbers.

    Returns
    -------
    ndarray, shape (n_rows, n_classes), float64
        Added up in a fixed order, whatever the memory layout.
    """
    weights = np.exp(margins - margins.max(axis=1, keepdims=True))
    total = np.zeros(len(margins))
    for label in range(margins.shape[1]):
        total += weights[:, label]
    return np.asarray(weights / total[:, None])
