"""Shapes of gates, and which events lie inside: arrays in, masks out.

A gate returns a mask and never a subset of the events. Bounds are half-open everywhere
(``low <= value < high``, and the same for the sides of a polygon), so that gates which touch
share no event. A value that is NaN is inside no shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowml.errors import GateError
from flowml.gating.covariance import is_definite, is_invertible
from flowml.safety import printable

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MOST_VERTICES = 10_000  # no one draws more; each event near a side is held against all


def inside_range(values: Floats, low: float, high: float) -> Mask:
    """Find the events inside an interval.

    Parameters
    ----------
    values : ndarray, shape (n_events, 1), float
        Values on the scale of the gate.
    low, high : float
        Bounds, half-open; may be infinite.

    Returns
    -------
    ndarray, shape (n_events,), bool
        True inside.
    """
    return inside_rectangle(values, np.array([low]), np.array([high]))


def inside_rectangle(values: Floats, low: Floats, high: Floats) -> Mask:
    """Find the events inside a rectangle of any number of dimensions.

    Parameters
    ----------
    values : ndarray, shape (n_events, n_dims), float
        Values on the scale of the gate.
    low, high : ndarray, shape (n_dims,), float
        Bounds, half-open; may be infinite.

    Returns
    -------
    ndarray, shape (n_events,), bool
        True inside.
    """
    # An open end holds infinite values too, such as the logarithm of zero; NaN stays outside.
    above = (low <= values) & ((values < high) | (np.isposinf(high) & ~np.isnan(values)))
    return np.asarray(above.all(axis=1))


def inside_polygon(values: Floats, vertices: Floats) -> Mask:
    """Find the events inside a polygon; where it crosses itself, by the even-odd rule.

    Parameters
    ----------
    values : ndarray, shape (n_events, 2), float
        Values on the scale of the gate.
    vertices : ndarray, shape (n_vertices, 2), float
        Corners in order; the last one is joined to the first.

    Returns
    -------
    ndarray, shape (n_events,), bool
        True inside; of the events exactly on a side, those on a left or lower side.

    Notes
    -----
    The crossing number of a ray to the right (Shimrat, Algorithm 112, CACM 5:434, 1962).
    """
    x, y = values[:, 0], values[:, 1]
    inside = np.zeros(len(values), dtype=bool)
    for one, other in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        # upwards, so that two polygons that share a side round its crossings alike
        (x1, y1), (x2, y2) = (one, other) if one[1] <= other[1] else (other, one)
        if y1 == y2:
            continue  # parallel to the ray
        with np.errstate(invalid="ignore", over="ignore"):  # infinite values: in no polygon
            crossing = x1 + (y - y1) * ((x2 - x1) / (y2 - y1))
            inside ^= (y1 <= y) & (y < y2) & (x < crossing)
    return inside & np.isfinite(values).all(axis=1)


def inside_ellipsoid(
    values: Floats, center: Floats, covariance: Floats, distance_square: float
) -> Mask:
    """Find the events inside an ellipsoid, its surface included.

    Parameters
    ----------
    values : ndarray, shape (n_events, n_dims), float
        Values on the scale of the gate.
    center : ndarray, shape (n_dims,), float
        Centre.
    covariance : ndarray, shape (n_dims, n_dims), float
        Shape; that of an ellipsoid is symmetric and positive definite.
    distance_square : float
        Square of the Mahalanobis distance of the surface.

    Returns
    -------
    ndarray, shape (n_events,), bool
        True inside.
    """
    distances = squared_distances(
        values.T, center, np.asarray(np.linalg.inv(covariance), np.float64)
    )
    return np.asarray(distances <= distance_square)


def squared_distances(values: Floats, center: Floats, inverse: Floats) -> Floats:
    """Return the squares of Mahalanobis distances, summed value by value.

    A product of matrices may differ in a bit with the events around one; these sums do not.

    Parameters
    ----------
    values : ndarray, shape (n_dims, n_events), float
        Values on the scale of the gate.
    center : ndarray, shape (n_dims,), float
        Centre.
    inverse : ndarray, shape (n_dims, n_dims), float
        Inverse of the covariance.

    Returns
    -------
    ndarray, shape (n_events,), float64
        NaN for events that are not finite.
    """
    distances = np.zeros(values.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        offsets = [axis - middle for axis, middle in zip(values, center, strict=True)]
        for row, offset in zip(inverse, offsets, strict=True):
            mixed = row[0] * offsets[0]
            for weight, other in zip(row[1:], offsets[1:], strict=True):
                mixed = mixed + weight * other
            distances += offset * mixed
    return distances


@dataclass(frozen=True)
class Range:
    """An interval of one dimension.

    Parameters
    ----------
    low, high : float
        Bounds, half-open; infinite where an end is open.
    """

    low: float
    high: float
    kind: ClassVar[str] = "range"

    def __post_init__(self) -> None:
        _check_bounds(np.array([self.low]), np.array([self.high]))

    @property
    def n_dims(self) -> int:
        """Number of dimensions."""
        return 1


@dataclass(frozen=True, eq=False)
class Rectangle:
    """A rectangle of any number of dimensions.

    Parameters
    ----------
    low, high : ndarray, shape (n_dims,), float64
        Bounds, half-open; infinite where an end is open.
    """

    low: Floats
    high: Floats
    kind: ClassVar[str] = "rectangle"

    def __post_init__(self) -> None:
        _freeze(self, "low", "high")
        _check_bounds(self.low, self.high)

    @property
    def n_dims(self) -> int:
        """Number of dimensions."""
        return len(self.low)


@dataclass(frozen=True, eq=False)
class Polygon:
    """A polygon of two dimensions.

    Parameters
    ----------
    vertices : ndarray, shape (n_vertices, 2), float64
        Corners in order, three to `MOST_VERTICES`.
    """

    vertices: Floats
    kind: ClassVar[str] = "polygon"

    def __post_init__(self) -> None:
        _freeze(self, "vertices")
        shape = self.vertices.shape
        fits = len(shape) == 2 and 3 <= shape[0] <= MOST_VERTICES and shape[1] == 2
        if not fits or _not_finite(self.vertices):
            raise GateError(
                f"a polygon needs 3 to {MOST_VERTICES} vertices of two finite numbers; "
                f"found an array of {' x '.join(map(str, shape))}."
            )

    @property
    def n_dims(self) -> int:
        """Number of dimensions."""
        return 2


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """An ellipse or ellipsoid.

    Parameters
    ----------
    center : ndarray, shape (n_dims,), float64
        Centre.
    covariance : ndarray, shape (n_dims, n_dims), float64
        Shape, as in Gating-ML 2.0: with a `distance_square` of 1, its eigenvalues are the
        squares of the half-axes.
    distance_square : float
        Square of the Mahalanobis distance of the surface.
    """

    center: Floats
    covariance: Floats
    distance_square: float = 1.0
    kind: ClassVar[str] = "ellipsoid"

    def __post_init__(self) -> None:
        _freeze(self, "center", "covariance")
        n = len(self.center) if self.center.ndim == 1 else 0
        if n < 2 or self.covariance.shape != (n, n):
            raise GateError(
                "an ellipsoid needs a centre of n >= 2 numbers and an n x n covariance; found "
                f"{self.center.shape} and {self.covariance.shape}."
            )
        if not (0 < self.distance_square < np.inf) or _not_finite(self.center):
            raise GateError(
                f"an ellipsoid has the centre {self.center.tolist()} and the squared distance "
                f"{self.distance_square}; expected finite numbers, the second above 0."
            )
        if not is_invertible(self.covariance):
            raise GateError(
                f"the covariance {self.covariance.tolist()} cannot be inverted; expected that "
                "of an ellipsoid."
            )

    @property
    def n_dims(self) -> int:
        """Number of dimensions."""
        return len(self.center)

    @cached_property
    def extent(self) -> tuple[Floats, Floats, float] | None:
        """Its inverse, half of its box, and how fast the distance grows at most.

        None for a matrix that is not that of an ellipsoid, as foreign documents may hold.
        """
        if not np.array_equal(self.covariance, self.covariance.T):
            return None
        if not is_definite(self.covariance):
            return None
        half: Floats = np.sqrt(np.diag(self.covariance) * self.distance_square)
        inverse: Floats = np.asarray(np.linalg.inv(self.covariance), dtype=np.float64)
        return inverse, half, float(np.linalg.eigvalsh(inverse).max() ** 0.5)


@dataclass(frozen=True)
class Combination:
    """Other populations joined by a logical operation; it has no dimensions of its own.

    Parameters
    ----------
    operation : str
        ``and``, ``or`` or ``not``.
    populations : tuple of str
        Names of the gates that are joined; exactly one for ``not``.
    complements : frozenset of str
        Those of them that are taken as their complement.
    """

    operation: str
    populations: tuple[str, ...]
    complements: frozenset[str] = field(default_factory=frozenset)
    kind: ClassVar[str] = "boolean"

    def __post_init__(self) -> None:
        if self.operation not in {"and", "or", "not"}:
            raise GateError(f"the operation is {self.operation!r}; expected and, or or not.")
        wrong = len(self.populations) != 1 if self.operation == "not" else False
        if wrong or not self.populations:
            raise GateError(
                f"{self.operation!r} joins {len(self.populations)} populations; expected "
                f"{'exactly one' if self.operation == 'not' else 'one or more'}."
            )
        if unknown := self.complements - set(self.populations):
            raise GateError(
                f"complements names {printable(', '.join(sorted(unknown)))}, which is not "
                "among the populations."
            )

    @property
    def n_dims(self) -> int:
        """Number of dimensions: none."""
        return 0


Shape = Range | Rectangle | Polygon | Ellipsoid


def inside(values: ArrayLike, shape: Shape) -> Mask:
    """Find the events inside a shape.

    Parameters
    ----------
    values : ndarray, shape (n_events, n_dims), float
        Values on the scale of the gate.
    shape : Range, Rectangle, Polygon or Ellipsoid
        Its fields are the parameters of its membership function, in order.

    Returns
    -------
    ndarray, shape (n_events,), bool
        True inside.
    """
    parameters = (getattr(shape, item.name) for item in fields(shape))
    return GATES[shape.kind](np.asarray(values, dtype=np.float64), *parameters)


def _freeze(shape: object, *names: str) -> None:
    """Replace arrays of a frozen record by read-only float64 copies."""
    for name in names:
        array = np.array(getattr(shape, name), dtype=np.float64)
        array.flags.writeable = False
        object.__setattr__(shape, name, array)


def _check_bounds(low: Floats, high: Floats) -> None:
    if low.ndim != 1 or low.shape != high.shape or not low.size:
        raise GateError(
            f"a rectangle needs one low and one high bound for each dimension; found "
            f"{low.shape} and {high.shape}."
        )
    wrong = np.flatnonzero(~(low < high))
    if wrong.size:
        first = int(wrong[0])
        raise GateError(
            f"dimension {first + 1} reaches from {low[first]} to {high[first]}; expected a low "
            "bound below the high one."
        )


def _not_finite(values: Floats) -> bool:
    return not bool(np.isfinite(values).all())


GATES: dict[str, Callable[..., Mask]] = {
    "range": inside_range,
    "rectangle": inside_rectangle,
    "polygon": inside_polygon,
    "ellipsoid": inside_ellipsoid,
}
