"""Contours: lines that enclose stated shares of the events, and the events outside of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from flowml.gating.gates import Floats

SHARES = (0.9, 0.75, 0.6, 0.45, 0.3, 0.15)  # of the events inside each line
LINE = "#303030"


def enclosing_levels(density: Floats, shares: Sequence[float] = SHARES) -> list[float]:
    """Return the densities above which stated shares of the events lie.

    Parameters
    ----------
    density : ndarray, any shape, float
        Events in each cell, smoothed.
    shares : sequence of float
        From 0 to 1.

    Returns
    -------
    list of float
        Ascending, above 0, without doubles; none where there are no events.
    """
    ordered = np.sort(np.asarray(density, dtype=np.float64).ravel())[::-1]
    inside = np.cumsum(ordered)
    if not len(inside) or inside[-1] <= 0:
        return []
    places = np.searchsorted(inside, np.asarray(shares) * inside[-1])
    levels = np.unique(ordered[np.minimum(places, len(ordered) - 1)])
    return [float(level) for level in levels if level > 0]


def draw_contours(
    ax: Axes,
    density: Floats,
    edges: tuple[Floats, Floats],
    levels: Sequence[float],
    fill: Colormap | None,
    line: str = LINE,
) -> None:
    """Draw contours.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    density : ndarray, shape (n_x, n_y), float
        Events in each cell, smoothed.
    edges : (ndarray, ndarray)
        Of the cells.
    levels : sequence of float
        Densities at which lines are drawn, ascending; one or more.
    fill : Colormap or None
        Colours between the lines, from outside to inside; None leaves them open.
    line : str
        Colour of the lines.
    """
    places = [(side[1:] + side[:-1]) / 2 for side in edges]
    if fill is not None:
        ends = [*levels, float(density.max()) * 1.01]
        ax.contourf(*places, density.T, levels=ends, colors=_shades(fill, len(levels)))
    ax.contour(*places, density.T, levels=levels, colors=line, linewidths=0.7)


def _shades(fill: Colormap, number: int) -> list[tuple[float, float, float, float]]:
    return [fill(place) for place in np.linspace(0.0, 1.0, number)]
