"""Outlines of two-dimensional shapes, for pictures: geometry only, no drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.covariance import is_definite
from flowml.gating.gates import Ellipsoid, Polygon, Rectangle

if TYPE_CHECKING:
    from flowml.gating.gates import Combination, Floats, Shape

SIDE_POINTS = 24  # of one side, which may be curved on the axes of a picture
CURVE_POINTS = 120
OVERHANG = 0.05  # of the window; an open end is drawn outside of the picture


def outline(shape: Shape | Combination, window: Floats) -> Floats:
    """Return the closed outline of a shape.

    Parameters
    ----------
    shape : Rectangle, Polygon or Ellipsoid
        Of two dimensions, on its own scale.
    window : ndarray, shape (2, 2), float
        Low and high end of what is visible in each dimension, on the same scale; stands for
        open ends.

    Returns
    -------
    ndarray, shape (n_points, 2), float64
        Points along the outline, the first one repeated at the end; none for a shape that has
        no outline in two dimensions.
    """
    if shape.n_dims == 2:
        if isinstance(shape, Polygon):
            return _along_sides(shape.vertices)
        if isinstance(shape, Rectangle):
            return _along_sides(_corners(shape, window))
        if isinstance(shape, Ellipsoid):
            return _ellipse(shape)
    return np.empty((0, 2))


def _corners(shape: Rectangle, window: Floats) -> Floats:
    """Return the corners; an open end lies a little outside of the window."""
    overhang = OVERHANG * (window[:, 1] - window[:, 0])
    low = np.where(np.isinf(shape.low), window[:, 0] - overhang, shape.low)
    high = np.where(np.isinf(shape.high), window[:, 1] + overhang, shape.high)
    (left, bottom), (right, top) = low, high
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])


def _along_sides(vertices: Floats) -> Floats:
    """Return points along straight sides, which another scale may bend."""
    share = np.linspace(0, 1, SIDE_POINTS, endpoint=False)[:, None]
    sides = [
        start + share * (end - start)
        for start, end in zip(vertices, np.roll(vertices, -1, axis=0), strict=True)
    ]
    return np.concatenate([*sides, vertices[:1]])


def _ellipse(shape: Ellipsoid) -> Floats:
    """Return points on an ellipse; none where the matrix is not that of one."""
    covariance = (shape.covariance + shape.covariance.T) / 2
    spreads = np.sqrt(np.abs(np.diag(covariance)))  # axes may have units far apart
    if not spreads.all() or not is_definite(covariance):
        return np.empty((0, 2))
    values, axes = np.linalg.eigh(covariance / spreads / spreads[:, None])
    angle = np.linspace(0, 2 * np.pi, CURVE_POINTS)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    half_axes = np.sqrt(values * shape.distance_square)
    return np.asarray(shape.center + (circle * half_axes) @ axes.T * spreads)
