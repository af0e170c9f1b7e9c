"""Gates on a view: their outlines, names, shares and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.apply import axis_transform
from flowml.gating.gates import Range
from flowml.gating.outline import outline
from flowml.gating.strategy import FROM_FILE, UNCOMPENSATED, Strategy
from flowml.records import Role, Scale
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
NARROWEST = 8  # characters of a name that are shown in any case
LETTER = 0.6  # width of one, of the size of letters
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
        colour = POPULATIONS.get(known_population(item.name), PLAIN_LINE)
        _draw_outline(ax, points, colour, is_outside=item.outside)
        name = f"outside {item.name}" if item.outside else item.name
        _write_beside(ax, points, (name, f"{share}{number}"), fontsize)
        drawn.append(item.name)
    return drawn


def _outline_on(ax: Axes, item: Gate, sample: Sample, axes: Sequence[ShownAxis]) -> Floats:
    """Return the outline of a gate on these axes, shape (n_points, 2); empty if it has none."""
    columns = [sample.column(dimension.channel) for dimension in item.dimensions]
    if sorted(columns) != sorted(axis.column for axis in axes) or len(set(columns)) != 2:
        return np.empty((0, 2))
    order = [columns.index(axis.column) for axis in axes]
    dimensions = [item.dimensions[place] for place in order]
    if not all(map(is_drawable, dimensions, axes)):
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


def is_drawable(dimension: Dimension, axis: ShownAxis) -> bool:
    """Say whether a gate looks at the values that are on an axis.

    Parameters
    ----------
    dimension : Dimension
        Of the gate.
    axis : ShownAxis
        Of the same channel.

    Returns
    -------
    bool
        Whether both are compensated alike, and no ratio is taken.
    """
    if dimension.ratio is not None:
        return False
    if dimension.compensation == FROM_FILE:
        return True
    return dimension.compensation == UNCOMPENSATED and not axis.unmixed


def _band(ax: Axes, item: Gate, sample: Sample, axis: ShownAxis) -> Floats:
    """Return the outline of a gate of one dimension, across the other axis."""
    if not isinstance(item.shape, Range) or not is_drawable(item.dimensions[0], axis):
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


def _draw_outline(ax: Axes, points: Floats, colour: str, *, is_outside: bool) -> None:
    """Draw a gate so that it can be seen on any colour; dashed, what its events are not in."""
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3.5, foreground="white")
    style = "--" if is_outside else "-"
    ax.plot(*points.T, color=colour, linewidth=1.4, linestyle=style, path_effects=[halo])


def _write_beside(ax: Axes, points: Floats, lines: tuple[str, str], fontsize: float) -> None:
    """Write the name of a gate and its numbers, inside the axes."""
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    visible = np.clip(points[~np.isnan(points).any(axis=1)], low, high)
    if not len(visible):
        return
    (left, bottom), (right, top) = visible.min(axis=0), visible.max(axis=0)
    # The text stands above a gate; within it where there is no room, or where the gate reaches
    # the frame: beside a quadrant lies another one, whose text it would seem to be.
    open_ended = left == low[0] or right == high[0] or bottom == low[1]
    within = open_ended or top > high[1] - ROOM_FOR_TEXT * (high[1] - low[1])
    wide = high[0] - low[0]
    letters = ax.bbox.width / ax.figure.dpi * 72 / (LETTER * fontsize)  # beside one another
    room = letters * (right - left) / wide if open_ended else letters
    name = printable(lines[0], int(np.clip(room, NARROWEST, LONGEST_LABEL)))
    numbers = lines[1] if len(lines[1]) <= room else lines[1].replace(", ", "\n")
    longest = max(map(len, (name, *numbers.split("\n"))))
    half = min(longest / letters, 1.0) * wide / 2
    middle = np.clip((left + right) / 2, low[0] + half, high[0] - half)
    ax.annotate(
        f"{name}\n{numbers}",
        (float(middle), float(top)),
        xytext=(0, -APART if within else APART),
        textcoords="offset points",
        ha="center",
        va="top" if within else "bottom",
        fontsize=fontsize,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0},
        **PLAIN,
    )


def on_own_matrix(
    sample: Sample, gates: Strategy, compensation: str
) -> tuple[Sample, Strategy]:
    """Show a sample by the matrix that its gates bring, so that they can be drawn on it.

    Parameters
    ----------
    sample : Sample
        Has all channels of the gates.
    gates : Strategy
        Such as those of a workspace, which has a matrix of its own.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.

    Returns
    -------
    sample : Sample
        With the matrix of the gates in place of its own; as it was given where the gates use
        none or several, or the sample's own, too, or another one is asked for.
    gates : Strategy
        The same populations, by the matrix of that sample.
    """
    every = [dimension for gate in gates.gates for dimension in gate.dimensions]
    used = {dimension.compensation for dimension in every} & set(gates.matrices)
    own = any(
        sample.channels[sample.column(dimension.channel)].role is Role.FLUORESCENCE
        for dimension in every
        if dimension.compensation == FROM_FILE
    )
    if len(used) != 1 or own or compensation != "auto" or sample.scale is not Scale.RAW:
        return sample, gates
    name = used.pop()
    swapped = [
        replace(gate, dimensions=tuple(
            replace(d, compensation=FROM_FILE) if d.compensation == name else d
            for d in gate.dimensions
        ))
        for gate in gates.gates
    ]  # fmt: skip
    return replace(sample, spillover=gates.matrices[name]), Strategy(tuple(swapped))
