"""Gates on a view: their outlines, names, shares and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.apply import axis_transform
from flowml.gating.gates import Range
from flowml.gating.outline import outline
from flowml.gating.strategy import FROM_FILE, UNCOMPENSATED
from flowml.reports.density import percent
from flowml.reports.palette import POPULATIONS, known_population
from flowml.reports.plots.axes import LONGEST_LABEL, ShownAxis
from flowml.reports.ticks import PLAIN
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from flowml.gating import Gate
    from flowml.gating.gates import Floats, Mask
    from flowml.gating.strategy import Dimension
    from flowml.records import Sample

FAR_OUTSIDE = (-1.0, 2.0)  # of a scale of the gate that is not defined at an end of the axis
ROOM_FOR_TEXT = 0.1  # share of an axis that two lines of text take
APART = 2.5  # points between a gate and its text
PLAIN_LINE = "black"  # of a gate whose name is no known population


def draw_gates(  # noqa: PLR0913 - what gates are drawn from
    ax: Axes,
    sample: Sample,
    gates: Sequence[Gate],
    masks: Mapping[str, Mask],
    axes: Sequence[ShownAxis],
    *,
    counts: bool = False,
    ranges: bool = False,
    fontsize: float = 8,
) -> list[str]:
    """Draw the gates that have these axes, each with its name and its share of its parent.

    Parameters
    ----------
    ax : matplotlib Axes
        A view of the sample, with its limits.
    sample : Sample
        What was gated.
    gates : sequence of Gate
        In any order.
    masks : mapping of str to ndarray, shape (n_events,), bool
        Of these gates and their parents.
    axes : sequence of ShownAxis
        Of the view.
    counts : bool
        Whether numbers of events stand beside the shares.
    ranges : bool
        Whether gates of one dimension, that of the bottom axis, are drawn as bands.
    fontsize : float
        Of the names.

    Returns
    -------
    list of str
        Names of the gates that were drawn.
    """
    drawn = []
    for item in gates:
        points = _outline_on(ax, item, sample, axes)
        if ranges and not len(points):
            points = _band(ax, item, sample, axes[0])
        if not len(points):
            continue
        inside = int(masks[item.name].sum())
        share = percent(
            inside, int(masks[item.parent].sum()) if item.parent else sample.n_events
        )
        number = f", {inside:,}" if counts else ""
        text = f"{printable(item.name, LONGEST_LABEL)}\n{share}{number}"
        known = known_population(item.name)
        _draw_outline(ax, points, text, POPULATIONS.get(known, PLAIN_LINE), fontsize)
        drawn.append(item.name)
    return drawn


def _outline_on(ax: Axes, item: Gate, sample: Sample, axes: Sequence[ShownAxis]) -> Floats:
    """Return the outline of a gate on these axes, shape (n_points, 2); empty if it has none."""
    columns = [sample.column(dimension.channel) for dimension in item.dimensions]
    if sorted(columns) != sorted(axis.column for axis in axes) or len(set(columns)) != 2:
        return np.empty((0, 2))
    order = [columns.index(axis.column) for axis in axes]
    dimensions = [item.dimensions[place] for place in order]
    if not all(map(_same_values, dimensions, axes)):
        return np.empty((0, 2))
    scales = [
        axis_transform(sample.channels[axis.column], dimension)
        for axis, dimension in zip(axes, dimensions, strict=True)
    ]
    window = np.empty((2, 2))
    ends = (ax.get_xlim(), ax.get_ylim())
    for place, axis, scale, end in zip(order, axes, scales, ends, strict=True):
        visible = scale(axis.scale.inverse(end))
        window[place] = np.where(np.isfinite(visible), visible, FAR_OUTSIDE)
    points = outline(item.shape, window)
    return np.column_stack(
        [
            axis.scale(scale.inverse(points[:, place]))
            for place, axis, scale in zip(order, axes, scales, strict=True)
        ]
    )


def _same_values(dimension: Dimension, axis: ShownAxis) -> bool:
    """Say whether a gate looks at the values that are on the axis."""
    if dimension.ratio is not None:
        return False
    if dimension.compensation == FROM_FILE:
        return True
    return dimension.compensation == UNCOMPENSATED and not axis.unmixed


def _band(ax: Axes, item: Gate, sample: Sample, axis: ShownAxis) -> Floats:
    """Return the outline of a gate of one dimension, across the other axis."""
    if not isinstance(item.shape, Range) or not _same_values(item.dimensions[0], axis):
        return np.empty((0, 2))
    if sample.column(item.dimensions[0].channel) != axis.column:
        return np.empty((0, 2))
    scale = axis_transform(sample.channels[axis.column], item.dimensions[0])
    bounds = np.array([item.shape.low, item.shape.high])
    ends = np.where(np.isfinite(bounds), axis.scale(scale.inverse(bounds)), bounds)
    left, right = np.clip(ends, *ax.get_xlim())
    bottom, top = ax.get_ylim()
    return np.array(
        [(left, bottom), (left, top), (right, top), (right, bottom), (left, bottom)]
    )


def _draw_outline(ax: Axes, points: Floats, text: str, colour: str, fontsize: float) -> None:
    """Draw a gate so that it can be seen on any colour, and its text inside the axes."""
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3.5, foreground="white")
    ax.plot(*points.T, color=colour, linewidth=1.4, path_effects=[halo])
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    visible = np.clip(points[~np.isnan(points).any(axis=1)], low, high)
    if not len(visible):
        return
    (left, bottom), (right, top) = visible.min(axis=0), visible.max(axis=0)
    # The text stands above a gate; within it where there is no room, or where the gate reaches
    # the frame: beside a quadrant lies another one, whose text it would seem to be.
    open_ended = left == low[0] or right == high[0] or bottom == low[1]
    within = open_ended or top > high[1] - ROOM_FOR_TEXT * (high[1] - low[1])
    ax.annotate(
        text,
        (float(left + right) / 2, float(top)),
        xytext=(0, -APART if within else APART),
        textcoords="offset points",
        ha="center",
        va="top" if within else "bottom",
        fontsize=fontsize,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0},
        **PLAIN,
    )
