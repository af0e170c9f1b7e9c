"""A polygon laid on a grid: most events are told inside or outside by their cell alone.

Cells that no side comes near lie inside or outside as a whole. The others are marked, and who
asks works out the events in them exactly. A side marks one cell around those that it crosses,
so that values may be wrong by a part of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.gating.gates import Floats

SIDE = 512  # cells along each axis
OUTSIDE, INSIDE, NEAR = 0, 1, 2
MOST_RASTERS = 64  # that are kept, of 256 KiB each
FINEST = 1e-5  # of the values: a cell is wide beside the rounding of a float32


@dataclass(frozen=True, eq=False)
class Raster:
    """The cells of a polygon's bounding box.

    Parameters
    ----------
    low, high : ndarray, shape (2,), float64
        Corners of the box.
    cells : ndarray, shape ((SIDE + 1) ** 2,), uint8
        ``OUTSIDE``, ``INSIDE`` or ``NEAR`` a side, row by row of the second axis; the last
        ones, beyond the box, are as those before them.
    """

    low: Floats
    high: Floats
    cells: NDArray[np.uint8]

    def look_up(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Return the cells of events.

        Parameters
        ----------
        x, y : ndarray, shape (n_events,), float
            Within the box, or beyond it by a part of a cell.

        Returns
        -------
        ndarray, shape (n_events,), uint8
            Codes of the cells.
        """
        (left, bottom), (right, top) = self.low.tolist(), self.high.tolist()
        column = ((x - left) * (SIDE / (right - left))).astype(np.intp)
        row = ((y - bottom) * (SIDE / (top - bottom))).astype(np.intp)
        row *= SIDE + 1
        row += column
        return np.asarray(np.take(self.cells, row))


def lay_out(vertices: Floats, margin: float) -> Raster | None:
    """Lay a polygon on a grid.

    Parameters
    ----------
    vertices : ndarray, shape (n_vertices, 2), float64
        Corners in order.
    margin : float
        By how much values may be wrong.

    Returns
    -------
    Raster or None
        None for a polygon so narrow that a cell would not be wide beside the margin.
    """
    return _laid_out(vertices.tobytes(), margin)


@lru_cache(maxsize=MOST_RASTERS)  # a gate is asked of many samples
def _laid_out(corners: bytes, margin: float) -> Raster | None:
    vertices = np.frombuffer(corners).reshape(-1, 2)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    cell = (high - low) / SIDE
    least = max(8 * margin, FINEST * float(np.abs(vertices).max()))
    if not (cell > least).all() or not np.isfinite(cell).all():
        return None
    rows = low[1] + cell[1] * np.arange(SIDE)
    columns = low[0] + cell[0] * (np.arange(SIDE) + 0.5)
    ends = np.roll(vertices, -1, axis=0)
    cells = _parity(vertices, ends, rows + cell[1] / 2, columns)
    cells[_near(vertices, ends, rows, low[0], cell)] = NEAR
    padded = np.pad(cells, ((0, 1), (0, 1)), mode="edge").reshape(-1)
    padded.flags.writeable = False
    return Raster(low, high, padded)


def _parity(starts: Floats, ends: Floats, rows: Floats, columns: Floats) -> NDArray[np.uint8]:
    """Tell the middles of cells inside from those outside, by the even-odd rule."""
    cells = np.empty((len(rows), len(columns)), dtype=np.uint8)
    rises = starts[:, 1] != ends[:, 1]
    (x1, y1), (x2, y2) = starts[rises].T, ends[rises].T
    for cell_row, y in zip(cells, rows, strict=True):
        met = (y1 <= y) != (y2 <= y)
        crossings = np.sort((x1 + (y - y1) * ((x2 - x1) / (y2 - y1)))[met])
        cell_row[:] = (len(crossings) - np.searchsorted(crossings, columns, "right")) & 1
    return cells


def _near(
    starts: Floats, ends: Floats, rows: Floats, left: float, cell: Floats
) -> NDArray[np.bool_]:
    """Mark the cells that a side crosses, and one around each."""
    steps = np.zeros((len(rows), SIDE + 1), dtype=np.int32)
    bottom, top = rows - cell[1], rows + 2 * cell[1]  # of three rows
    for (x1, y1), (x2, y2) in zip(starts, ends, strict=True):
        met = np.flatnonzero((max(y1, y2) >= bottom) & (min(y1, y2) <= top))
        along = np.array([[0.0], [1.0]]).repeat(len(met), axis=1)
        if y1 != y2:
            along = np.clip((np.stack([bottom[met], top[met]]) - y1) / (y2 - y1), 0, 1)
        places = (x1 + along * (x2 - x1) - left) / cell[0]
        first = np.clip(np.floor(places.min(axis=0)).astype(int) - 1, 0, SIDE - 1)
        last = np.clip(np.floor(places.max(axis=0)).astype(int) + 1, 0, SIDE - 1)
        np.add.at(steps, (met, first), 1)
        np.add.at(steps, (met, last + 1), -1)
    return np.asarray(steps.cumsum(axis=1)[:, :SIDE] > 0)
