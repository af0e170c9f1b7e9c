"""Densities: of all events in one scale of colours, and of marked ones over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from flowml.errors import FlowmlError, GateError
from flowml.reports.contours import LINE, draw_contours, enclosing_levels
from flowml.reports.palette import colours
from flowml.reports.ticks import PLAIN, legend_label
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from numpy.typing import NDArray

    from flowml.gating.gates import Floats, Mask

COLOURS = "viridis"  # uniform in lightness, and safe for the colour-blind
GREYS = ("#D9D9D9", "#303030")  # of the events around marked ones
LIGHT_GREYS = ("#DADADA", "#9C9C9C")  # below contours of marked ones
PALES = ("#EDEDED", "#C4C4C4")  # of the events outside of a parent
FILLS = ("#DCEAF5", "#A9CCE5", "#5FA3CF", "#1C6CA5")  # between contours
DENSITY, CONTOUR = STYLES = ("density", "contour")
CONTOUR_BINS, CONTOUR_SMOOTHINGS = 80, 3
FEWEST_LINED = 500  # of fewer events there are no contours, only dots
DOTS = "#9A9A9A"
# A mark's colour is mixed with white where few events are, and times this where many.
PALEST, DARKEST = 0.35, 0.75
BINS = (128, 256)  # fewest and most on an axis; few events need larger dots
BINS_A_ROOT = 2.0  # cells on an axis for each square root of the number of events
KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
FEWEST = 0.15  # events in a cell, smoothed, of the darkest colour; an event alone has 0.14
NO_VALUES = "no event has a value here"
LONGEST_NAME = 40  # characters, in a legend
Corner = Literal["upper right", "lower right", "upper left", "lower left"]
CORNERS: tuple[Corner, ...] = ("upper right", "lower right", "upper left", "lower left")
LEGEND = (0.5, 0.15)  # share of the axes that it takes with one line
LINE_HEIGHT = 0.06  # that every further line takes

Limits = list[tuple[float, float]]


def draw_density(
    ax: Axes,
    values: Floats,
    limits: Limits,
    marked: Mapping[str, Mask],
    *,
    others: Floats | None = None,
    style: str = DENSITY,
    counts: bool = False,
) -> None:
    """Draw a histogram of two dimensions; events beyond an end are piled on it.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    values : ndarray, shape (n_events, 2), float
        On the scales of the axes; events without a value are left out.
    limits : list of (float, float)
        Ends of the axes.
    marked : mapping of str to ndarray, shape (n_events,), bool
        Drawn over the others, each in the colour of its name, and named in a legend with
        their share of the events; all events are grey then.
    others : ndarray, shape (n_others, 2), float, optional
        Events that do not count, in pale grey below.
    style : str
        ``density``, or ``contour``: of all events, or of those that are marked.
    counts : bool
        Whether the legend tells numbers of events, too.

    Raises
    ------
    FlowmlError
        If the style is none of these.
    """
    if style not in STYLES:
        raise FlowmlError(
            f"unknown style {printable(style, 60)!r}; choose from {', '.join(STYLES)}."
        )
    known = ~np.isnan(values).any(axis=1)
    bins = bins_for(int(known.sum()))
    if others is not None and len(others):
        beside = others[~np.isnan(others).any(axis=1)]
        draw_cells(ax, beside, limits, bins_for(len(beside)), _between(*PALES))
    if len(values) and not known.any():
        ax.text(0.5, 0.5, NO_VALUES, transform=ax.transAxes, ha="center", va="center", size=8)
    if style == DENSITY or marked:
        greys = GREYS if style == DENSITY else LIGHT_GREYS
        draw_cells(ax, values[known], limits, bins, _between(*greys) if marked else COLOURS)
    else:
        _draw_lines(ax, values[known], limits, _between(*FILLS))
    if marked:
        _draw_marked(ax, values, limits, marked, style)
        told = [_told(name, mask, counts=counts) for name, mask in marked.items()]
        for said, hue in zip(told, colours(marked).values(), strict=True):
            ax.scatter([], [], c=hue, marker="s", s=18, label=said)
        height = LEGEND[1] + LINE_HEIGHT * (len(marked) - 1)
        _draw_legend(ax, emptiest_corner(values[known], limits, height))


def _draw_marked(
    ax: Axes, values: Floats, limits: Limits, marked: Mapping[str, Mask], style: str
) -> None:
    """Draw marked events, the rare over the frequent, which would hide them."""
    known, hues = ~np.isnan(values).any(axis=1), colours(marked)
    bins = bins_for(int(known.sum()))
    for name in sorted(marked, key=lambda name: -int(marked[name].sum())):
        shown = values[known & marked[name]]
        if style == DENSITY:
            draw_cells(ax, shown, limits, bins, _of_mark(hues[name]))
        else:
            _draw_lines(ax, shown, limits, None, hues[name])


def _told(name: str, mask: Mask, *, counts: bool) -> str:
    """Name marked events, with their share and their number."""
    inside = int(mask.sum())
    number = f", {inside:,}" if counts else ""
    text = f"{printable(name, LONGEST_NAME)} {percent(inside, len(mask))}{number}"
    return legend_label(text)


def bins_for(n_events: int) -> int:
    """Return how many cells an axis is cut into.

    Parameters
    ----------
    n_events : int
        Events that are drawn.

    Returns
    -------
    int
        Fewer for few events, which need larger dots.
    """
    return int(np.clip(BINS_A_ROOT * np.sqrt(n_events), *BINS))


def emptiest_corner(values: Floats, limits: Limits, height: float = LEGEND[1]) -> Corner:
    """Return the corner in which a legend hides the fewest events.

    Parameters
    ----------
    values : ndarray, shape (n_events, 2), float
        On the scales of the axes.
    limits : list of (float, float)
        Ends of the axes.
    height : float
        Share of the axis that the legend takes.

    Returns
    -------
    str
        ``upper right`` and the like; that one, where corners are equal.
    """
    low, high = np.array(limits).T
    place = np.clip((values - low) / (high - low), 0.0, 1.0)
    hidden: dict[Corner, int] = {}
    for corner in CORNERS:
        up, right = "upper" in corner, "right" in corner
        across = place[:, 0] > 1 - LEGEND[0] if right else place[:, 0] < LEGEND[0]
        along = place[:, 1] > 1 - height if up else place[:, 1] < height
        hidden[corner] = int((across & along).sum())
    return min(CORNERS, key=lambda corner: hidden[corner])


def check_mask(mask: NDArray[Any], n_events: int, name: str) -> Mask:
    """Refuse a mask that does not belong to a sample.

    Parameters
    ----------
    mask : ndarray
        Should be bool, of shape (n_events,).
    n_events : int
        Of the sample.
    name : str
        What the message calls it.

    Returns
    -------
    ndarray, shape (n_events,), bool
        The mask.

    Raises
    ------
    GateError
        If it has another shape or type.
    """
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != (n_events,):
        raise GateError(
            f"the mask {printable(name)!r} is {array.dtype} of shape {array.shape}; expected "
            f"bool of shape ({n_events},), as flowml.gate returns it for this sample."
        )
    return array


def percent(inside: int, parent: int) -> str:
    """Write the share of a parent population.

    Parameters
    ----------
    inside, parent : int
        Numbers of events.

    Returns
    -------
    str
        Three digits; ``n/a`` where the parent holds no event.

    Examples
    --------
    >>> percent(1, 8), percent(0, 0)
    ('12.5%', 'n/a')
    """
    return "n/a" if parent == 0 else f"{100 * inside / parent:.3g}%"


def smooth(counts: Floats) -> Floats:
    """Smooth a histogram by the binomial kernel 1 4 6 4 1 in both directions.

    Parameters
    ----------
    counts : ndarray, shape (n_x, n_y), float
        Events in each cell.

    Returns
    -------
    ndarray, shape (n_x, n_y), float64
        Events in each cell, spread over its neighbours; what leaves the frame is lost.
    """
    smoothed = np.asarray(counts, dtype=np.float64)
    for _ in range(2):
        padded = np.pad(smoothed, ((2, 2), (0, 0)))
        rows = len(smoothed)
        parts = [weight * padded[i : i + rows] for i, weight in enumerate(KERNEL)]
        smoothed = np.sum(parts, axis=0).T
    return smoothed


def _draw_legend(ax: Axes, corner: Corner) -> None:
    legend = ax.legend(
        loc=corner, fontsize=8, framealpha=0.75, edgecolor="none", handletextpad=0.1
    )
    for item in legend.get_texts():
        item.set(**PLAIN)


def draw_cells(
    ax: Axes, values: Floats, limits: Limits, bins: int, hues: Colormap | str
) -> None:
    """Draw events as cells of one scale of colours.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    values : ndarray, shape (n_events, 2), float
        On the scales of the axes, none NaN.
    limits : list of (float, float)
        Ends of the axes; events beyond them are piled on them.
    bins : int
        Cells on an axis.
    hues : Colormap or str
        From few events to many.
    """
    from matplotlib.colors import LogNorm

    counts, edges = _counted(values, limits, bins)
    density = smooth(counts)
    # Events piled on the frame are not allowed to take the colours from the others.
    norm = LogNorm(vmin=FEWEST, vmax=max(1.0, float(density[1:-1, 1:-1].max())), clip=True)
    # An empty cell stays white; rasterised, since a vector file would hold 65,536 squares.
    cells = np.ma.masked_where(counts == 0, density).T
    ax.pcolormesh(*edges, cells, cmap=hues, norm=norm, rasterized=True)


def _counted(values: Floats, limits: Limits, bins: int) -> tuple[Floats, tuple[Floats, Floats]]:
    x, y = (np.clip(values[:, i], *limits[i]) for i in range(2))
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=bins, range=np.array(limits))
    return counts, (x_edges, y_edges)


def _draw_lines(
    ax: Axes, values: Floats, limits: Limits, fill: Colormap | None, line: str = LINE
) -> None:
    """Draw contours, and the events outside of the last one as dots."""
    counts, edges = _counted(values, limits, CONTOUR_BINS)
    density = counts
    for _ in range(CONTOUR_SMOOTHINGS):
        density = smooth(density)
    levels = enclosing_levels(density) if len(values) >= FEWEST_LINED else []
    if levels:
        place = [
            np.clip(np.searchsorted(side, values[:, i], "right") - 1, 0, CONTOUR_BINS - 1)
            for i, side in enumerate(edges)
        ]
        values = values[density[place[0], place[1]] < levels[0]]
    dots = _between(DOTS, DOTS) if line == LINE else _of_mark(line)
    draw_cells(ax, values, limits, BINS[1], dots)
    if levels:
        draw_contours(ax, density, edges, levels, fill, line)


def _of_mark(colour: str) -> Colormap:
    """Return the colours of a mark: pale where few events are, dark where many."""
    from matplotlib.colors import to_rgb

    middle = np.array(to_rgb(colour))
    return _between(1 - PALEST * (1 - middle), middle, middle * DARKEST)


def _between(*colours: Any) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("events", list(colours))
