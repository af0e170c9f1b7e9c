"""Which events lie inside a shape, by values that are a little wrong: quick, and honest.

Beside the mask stand the events that are too close to a bound to be sure of: whoever asks
works them out again from exact values. With values that are exact, few or none are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flowml.gating.gates import Ellipsoid, Polygon, Range, squared_distances
from flowml.gating.raster import INSIDE, NEAR, lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.gating.gates import Floats, Mask, Rectangle, Shape

Places = NDArray[np.intp]
ROUNDING = 1e-9  # of a squared distance: what sums of doubles may be wrong by


class Axis(NamedTuple):
    """Values on one axis of a shape.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float32 or float64
        Contiguous.
    error : float
        What they may be wrong by, beyond 1 as a share of the value; 0 where they are exact.
    """

    values: NDArray[np.floating]
    error: float

    def margin(self, *bounds: float) -> float:
        """Return what values near some bounds may be wrong by."""
        return self.error * max(1.0, *map(abs, bounds)) if self.error else 0.0


def nearly_inside(axes: Sequence[Axis], shape: Shape, among: Mask) -> tuple[Mask, Places]:
    """Find the events inside a shape.

    Parameters
    ----------
    axes : sequence of Axis
        One for each dimension of the shape; all of `n_events`.
    shape : Range, Rectangle, Polygon or Ellipsoid
        The shape.
    among : ndarray, shape (n_events,), bool
        The events that are asked for.

    Returns
    -------
    mask : ndarray, shape (n_events,), bool
        True inside, of the events that are sure; without meaning outside of `among`.
    doubtful : ndarray, shape (n_doubtful,), int
        Events of `among` to be worked out exactly.
    """
    if isinstance(shape, Polygon):
        return _polygon(axes, shape, among)
    if isinstance(shape, Ellipsoid):
        return _ellipsoid(axes, shape, among)
    return _rectangle(axes, shape, among)


def _rectangle(
    axes: Sequence[Axis], shape: Range | Rectangle, among: Mask
) -> tuple[Mask, Places]:
    is_range = isinstance(shape, Range)
    lows = [shape.low] if is_range else shape.low.tolist()
    highs = [shape.high] if is_range else shape.high.tolist()
    surely = possibly = among
    for axis, low, high in zip(axes, lows, highs, strict=True):
        margin = axis.margin(*(end for end in (low, high) if np.isfinite(end)))
        inner = _between(axis.values, low + margin, high - margin)
        surely = surely & inner
        outer = _between(axis.values, low - margin, high + margin) if margin else inner
        possibly = possibly & outer
    return surely, np.flatnonzero(possibly != surely)


def _between(values: NDArray[np.floating], low: float, high: float) -> Mask:
    """Compare with the ends that are finite; NaN lies between no two."""
    kind = values.dtype.type
    if np.isinf(low) and np.isinf(high):
        return ~np.isnan(values)
    if np.isinf(low):
        return np.asarray(values < kind(high))
    above = values >= kind(low)
    return np.asarray(above if np.isinf(high) else above & (values < kind(high)))


def _within(axes: Sequence[Axis], low: Floats, high: Floats, among: Mask) -> Places:
    """Return the events in a box, margins included."""
    found = among
    for axis, left, right in zip(axes, low.tolist(), high.tolist(), strict=True):
        margin = axis.margin(left, right)
        kind = axis.values.dtype.type
        found = found & (axis.values >= kind(left - margin))
        found &= axis.values <= kind(right + margin)
    return np.flatnonzero(found)


def _polygon(axes: Sequence[Axis], shape: Polygon, among: Mask) -> tuple[Mask, Places]:
    x, y = axes
    corners = shape.vertices
    margin = max(axis.margin(float(np.abs(corners).max())) for axis in axes)
    raster = lay_out(corners, margin)
    mask = np.zeros(len(among), dtype=bool)
    box = _within(axes, corners.min(axis=0), corners.max(axis=0), among)
    if raster is None:
        return mask, box
    codes = raster.look_up(x.values[box], y.values[box])
    mask[box[codes == INSIDE]] = True
    return mask, box[codes == NEAR]


def _ellipsoid(axes: Sequence[Axis], shape: Ellipsoid, among: Mask) -> tuple[Mask, Places]:
    mask = np.zeros(len(among), dtype=bool)
    known = shape.extent
    if known is None:  # a matrix that is not that of an ellipsoid
        return mask, np.flatnonzero(among)
    inverse, half, steepest = known
    low, high = shape.center - half, shape.center + half
    box = _within(axes, low - ROUNDING * half, high + ROUNDING * half, among)
    values = np.array([axis.values[box] for axis in axes], dtype=np.float64)
    shift = float(np.linalg.norm([a.margin(*ends) for a, *ends in zip(axes, low, high, strict=True)]))
    square = shape.distance_square
    error = 2 * shift * steepest * (2 * np.sqrt(square) + steepest * shift) + ROUNDING * square
    distances = squared_distances(values, shape.center, inverse)
    mask[box[distances <= square - error]] = True
    return mask, box[np.abs(distances - square) <= error]
