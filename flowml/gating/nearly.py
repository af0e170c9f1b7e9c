"""Which events lie inside a shape, by as little work as will do, and never wrong.

A scale is monotonic, so that bounds can be compared in linear units: boxes need no scale at
all. What lies in the box of a polygon or an ellipse is looked up on scales by table, which err
by a millionth. Beside each answer stand the events that are too close to a bound to be sure
of; whoever asks works these out exactly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from flowml.gating.gates import Ellipsoid, Polygon, Range, squared_distances
from flowml.gating.raster import INSIDE, NEAR, lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.gating.gates import Floats, Mask, Shape
    from flowml.preprocess import Transform

Places = NDArray[np.intp]

CLOSE = 1e-9  # of a scale, beyond 1 of the value: far more than doubles are wrong by
MOST_BOXES = 2000  # that are kept
MOST = float(np.finfo(np.float64).max)
MOST_SIDES = 1 << 20  # of a polygon, times the events that are held against them at once
LARGEST = float(np.finfo(np.float32).max) / 2  # of what can be looked up by table


class Axis(Protocol):
    """The values of a block of events on one axis of a shape."""

    @property
    def error(self) -> float:
        """What `near` may be wrong by, beyond 1 as a share of the value; 0 if it is exact."""
        ...

    @property
    def compared(self) -> Floats:
        """Values that rise with those of the axis: linear ones, or those of the axis."""
        ...

    def near(self, places: Places) -> NDArray[np.floating]:
        """Return the values of some events on the axis, or nearly so.

        Parameters
        ----------
        places : ndarray of int
            Which events.

        Returns
        -------
        ndarray, shape (n_places,), float
            On the scale of the gate.
        """
        ...


class Ends(NamedTuple):
    """An interval in the units that are compared; between the inner and outer ends is doubt."""

    outer_low: float
    inner_low: float
    inner_high: float
    outer_high: float


class Box(NamedTuple):
    """The box of a shape.

    Parameters
    ----------
    ends : tuple of Ends
        One for each dimension.
    size : float
        The largest of its coordinates, on the scales of the gate.
    """

    ends: tuple[Ends, ...]
    size: float

    @property
    def is_small(self) -> bool:
        """Whether all that is inside can be looked up by table."""
        return max(max(-ends.outer_low, ends.outer_high) for ends in self.ends) < LARGEST


@lru_cache(maxsize=MOST_BOXES)  # a gate is asked of many samples
def box_of(shape: Shape, scales: tuple[Transform | None, ...]) -> Box | None:
    """Return the box of a shape in the units that are compared.

    Parameters
    ----------
    shape : Range, Rectangle, Polygon or Ellipsoid
        The shape.
    scales : tuple of Transform or None
        Of each dimension that is compared in linear units; None where its own values are.

    Returns
    -------
    Box or None
        None for what has no box: a matrix that is not that of an ellipsoid.
    """
    if isinstance(shape, Range):
        corners = np.array([[shape.low], [shape.high]])
    elif isinstance(shape, Polygon):
        corners = np.array([shape.vertices.min(axis=0), shape.vertices.max(axis=0)])
    elif isinstance(shape, Ellipsoid):
        if shape.extent is None:
            return None
        half = shape.extent[1] * (1 + CLOSE)
        corners = np.array([shape.center - half, shape.center + half])
    else:
        corners = np.array([shape.low, shape.high])
    ends = tuple(
        _ends(scale, low, high)
        for scale, low, high in zip(scales, *corners.tolist(), strict=True)
    )
    return Box(ends, float(np.abs(corners).max()))


def _ends(scale: Transform | None, low: float, high: float) -> Ends:
    if scale is None:
        return Ends(low, low, high, high)

    shifts = np.array([-1.0, 1.0]) * CLOSE
    shown = np.concatenate(
        [
            np.full(2, end) if np.isinf(end) else end + shifts * max(1.0, abs(end))
            for end in (low, high)
        ]
    )
    finite = np.isfinite(shown)
    shown[finite] = scale.inverse(shown[finite])
    return Ends(*shown.tolist())


def nearly_inside(
    axes: Sequence[Axis], shape: Shape, box: Box | None, among: Mask
) -> tuple[Mask, Places]:
    """Find the events inside a shape.

    Parameters
    ----------
    axes : sequence of Axis
        One for each dimension of the shape; all of `n_events`.
    shape : Range, Rectangle, Polygon or Ellipsoid
        The shape.
    box : Box or None
        Its box, of `box_of`.
    among : ndarray, shape (n_events,), bool
        The events that are asked for.

    Returns
    -------
    mask : ndarray, shape (n_events,), bool
        True inside, of the events of `among` that are sure.
    doubtful : ndarray, shape (n_doubtful,), int
        Events of `among` to be worked out exactly.
    """
    if box is None:
        return np.zeros(len(among), dtype=bool), np.flatnonzero(among)
    if not isinstance(shape, Polygon | Ellipsoid):
        return _rectangle(axes, box, among)
    mask = np.zeros(len(among), dtype=bool)
    places = _within(axes, box, among)
    if not len(places) or not box.is_small:
        return mask, places
    if isinstance(shape, Polygon):
        inside, doubtful = _polygon(axes, shape, box, places)
    else:
        inside, doubtful = _ellipsoid(axes, shape, box, places)
    mask[inside] = True
    return mask, doubtful


def _rectangle(axes: Sequence[Axis], box: Box, among: Mask) -> tuple[Mask, Places]:
    surely = possibly = among
    for axis, ends in zip(axes, box.ends, strict=True):
        inner = _between(axis.compared, ends.inner_low, ends.inner_high)
        surely = surely & inner
        if ends.inner_low == ends.outer_low and ends.inner_high == ends.outer_high:
            outer = inner
        else:
            outer = _between(axis.compared, ends.outer_low, ends.outer_high)
        possibly = possibly & outer
    return surely, np.flatnonzero(possibly != surely)


def _between(values: Floats, low: float, high: float) -> Mask:
    """Compare with the ends that are finite; NaN lies between no two."""
    if np.isinf(low) and np.isinf(high):
        return ~np.isnan(values)
    if np.isinf(low):
        return np.asarray(values < high)
    above = np.asarray(values >= low)
    if not np.isinf(high):
        above &= values < high
    return above


def _within(axes: Sequence[Axis], box: Box, among: Mask) -> Places:
    """Return the events in a box, its doubtful rim included; no infinite ones."""
    found = among
    for axis, ends in zip(axes, box.ends, strict=True):
        found = found & (axis.compared >= max(ends.outer_low, -MOST))
        found &= axis.compared <= min(ends.outer_high, MOST)
    return np.flatnonzero(found)


def _margin(axes: Sequence[Axis], box: Box) -> float:
    """Return what values may be wrong by, and how far beyond its shape a box may reach."""
    return max(CLOSE, *(axis.error for axis in axes)) * max(1.0, box.size)


def _polygon(
    axes: Sequence[Axis], shape: Polygon, box: Box, places: Places
) -> tuple[Places, Places]:
    """Tell most events by their cell on a grid, and those near a side by all sides."""
    margin = _margin(axes, box)
    raster = lay_out(shape.vertices, margin)
    if raster is None:
        return places[:0], places
    x, y = (axis.near(places) for axis in axes)
    cells = raster.look_up(x, y)
    doubtful = [places[:0]]
    near = np.flatnonzero(cells == NEAR)
    most = max(1, MOST_SIDES // len(shape.vertices))
    for part in (near[start : start + most] for start in range(0, len(near), most)):
        odd, unsure = _even_odd(x[part], y[part], shape.vertices, margin)
        cells[part[odd]] = INSIDE
        doubtful.append(places[part[unsure]])
    return places[cells == INSIDE], np.concatenate(doubtful)


def _even_odd(
    x: NDArray[np.floating], y: NDArray[np.floating], vertices: Floats, margin: float
) -> tuple[Mask, Mask]:
    """Tell the events inside a polygon, and those within a margin of a side."""
    ends = np.roll(vertices, -1, axis=0)
    rises = vertices[:, 1] != ends[:, 1]
    (x1, y1), (x2, y2) = (each[rises].T[:, :, None] for each in (vertices, ends))
    slopes = (x2 - x1) / (y2 - y1)
    met = (y1 <= y) != (y2 <= y)
    right = x1 + (y - y1) * slopes - x
    inside = np.bitwise_xor.reduce(met & (right > 0), axis=0)
    close = (met & (np.abs(right) <= margin * (1 + np.abs(slopes)))) | (
        np.abs(y - y1) <= margin
    )
    # of a polygon that is closed, every corner but those between level sides starts a side
    level = vertices[~rises, 1][:, None]
    return inside, close.any(axis=0) | (np.abs(y - level) <= margin).any(axis=0)


def _ellipsoid(
    axes: Sequence[Axis], shape: Ellipsoid, box: Box, places: Places
) -> tuple[Places, Places]:
    """Tell the events by their distance, and those whose distance may be wrong by enough."""
    assert shape.extent is not None  # noqa: S101 - for the type checker
    inverse, _, steepest = shape.extent
    shift = float(_margin(axes, box) * np.sqrt(len(axes)))
    square = shape.distance_square
    error = 2 * shift * steepest * (2 * np.sqrt(square) + steepest * shift) + CLOSE * square
    values = np.array([axis.near(places) for axis in axes], dtype=np.float64)
    beyond = squared_distances(values, shape.center, inverse) - square
    return places[beyond <= -error], places[np.abs(beyond) < error]
