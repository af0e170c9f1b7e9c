"""Pictures of a sample, drawn on the axes they are given.

Names of markers, samples and gates come from files: they are never read as mathtext, and
control characters in them are shown as question marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import OutputError, StateError
from flowml.gating import gate
from flowml.gating.apply import axis_transform
from flowml.gating.outline import outline
from flowml.gating.strategy import FROM_FILE, UNCOMPENSATED
from flowml.knowledge.markers import name_channel
from flowml.preprocess import choose_unmixing, display_scale, is_shown_in_decades
from flowml.preprocess.transform import Linear
from flowml.records import Role, Scale
from flowml.reports.density import check_mask, draw_density, percent
from flowml.reports.ticks import Ticks, decade_ticks, linear_ticks
from flowml.safety import printable, written_aside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from flowml.gating import Gate, Strategy
    from flowml.gating.gates import Floats, Mask
    from flowml.gating.strategy import Dimension
    from flowml.preprocess import Transform, Unmixing
    from flowml.records import Channel, Sample

MOST_EVENTS = 1_000_000  # two columns of them take 16 MB
SIZE = (5.2, 4.8)  # inches
FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
LONGEST_LABEL = 40  # characters
BEYOND = 0.001  # share of the events that may be drawn on the frame instead of inside it
LOWEST, MARGIN = -0.6, 0.02  # of the display scale
FAR_OUTSIDE = (-1.0, 2.0)  # of a scale of the gate that is not defined at an end of the axis

ROOM_FOR_TEXT = 0.1  # share of an axis that two lines of text take


@dataclass(frozen=True, eq=False)
class _Axis:
    """One axis: its column, its scale, what stands beside it."""

    column: int
    scale: Transform
    label: str
    decades: bool
    unmixed: bool


def view(  # noqa: PLR0913 - what a picture is made of
    sample: Sample,
    x: str,
    y: str,
    *,
    gates: Strategy | None = None,
    within: Mask | None = None,
    marked: Mapping[str, Mask] | None = None,
    scales: Mapping[str, Transform] | None = None,
    ax: Axes | None = None,
    compensation: str = "auto",
    max_events: int = MOST_EVENTS,
) -> Axes:
    """Draw the density of a sample on two of its channels.

    Parameters
    ----------
    sample : Sample
        At any stage; on a display scale already, it is drawn as it is.
    x, y : str
        Channels or markers.
    gates : Strategy, optional
        Those of its gates that have these dimensions are drawn, with their share of the parent.
    within : ndarray, shape (n_events,), bool, optional
        Only these events are shown: a mask of `flowml.gate`.
    marked : mapping of str to ndarray, shape (n_events,), bool, optional
        Events drawn in colours of their own over the others; a legend gives their share.
    scales : mapping of str to Transform, optional
        Scales of channels or markers, in place of their usual ones.
    ax : matplotlib Axes, optional
        Where to draw; a new figure outside of pyplot if it is not given.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.
    max_events : int
        Most events drawn; of more, every second, third, ... one is.

    Returns
    -------
    matplotlib Axes
        The axes given, or those of the new figure.

    Raises
    ------
    PanelError, GateError, StateError
        If the sample lacks a channel, or gates, masks or scales do not fit it.
    """
    unmixing, _ = choose_unmixing(sample, compensation)
    given = {sample.column(name): scale for name, scale in (scales or {}).items()}
    axes = (_axis(sample, x, unmixing, given), _axis(sample, y, unmixing, given))
    step = max(1, -(-sample.n_events // max(1, max_events)))
    shown, marks = _thinned(sample, within, marked or {}, step)
    values = _values(sample, axes, unmixing, step)[shown]
    limits = [_limits(sample.channels[a.column], values[:, i]) for i, a in enumerate(axes)]
    ax = _new_axes() if ax is None else ax
    draw_density(ax, values, limits, marks)
    _dress(ax, axes, limits)
    ax.set_title(_title(sample, len(values)), fontsize=10, parse_math=False)
    if gates is not None:
        _draw_gates(ax, sample, gates, axes, compensation)
    return ax


def save(picture: Axes | Figure, path: Path | str, *, dpi: int = 150) -> Path:
    """Write a picture to a file, whole or not at all.

    Parameters
    ----------
    picture : matplotlib Axes or Figure
        What to write.
    path : path-like
        Ends in ``.png``, ``.svg`` or ``.pdf``.
    dpi : int
        Dots per inch.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        If the ending is none of these, or the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    file = Path(path)
    kind = FORMATS.get(file.suffix.casefold())
    if kind is None:
        raise OutputError(
            f"cannot tell the format of {printable(file.name)}; expected a name that ends in "
            f"{', '.join(FORMATS)}."
        )
    figure: Any = picture
    while not isinstance(figure, Figure):  # axes may lie in a part of a figure
        figure = figure.figure
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    # No date, no random identifiers: the same picture is the same file.
    with mpl.rc_context({"svg.hashsalt": "flowml"}), written_aside(file) as aside:
        figure.savefig(aside, format=kind, dpi=dpi, metadata=dated.get(kind))
    return file


def _axis(
    sample: Sample, name: str, unmixing: Unmixing | None, scales: Mapping[int, Transform]
) -> _Axis:
    column = sample.column(name)
    channel = sample.channels[column]
    scale, decades = _scale(channel, sample, scales.get(column))
    unmixed = unmixing is not None and column in unmixing.columns
    return _Axis(column, scale, channel_label(channel), decades, unmixed)


def _scale(channel: Channel, sample: Sample, given: Transform | None) -> tuple[Transform, bool]:
    """Return the scale of an axis, and whether it has decades."""
    if sample.scale is Scale.DISPLAY:
        if given is not None:
            raise StateError(
                f"{printable(sample.name)} is already on its display scales; another scale "
                "needs the sample as it was read or compensated."
            )
        return Linear(1.0), False
    if given is not None:
        return given, not isinstance(given, Linear)
    return display_scale(channel), is_shown_in_decades(channel)


def channel_label(channel: Channel) -> str:
    """Return what stands beside an axis.

    Parameters
    ----------
    channel : Channel
        What the axis shows.

    Returns
    -------
    str
        Marker, and the fluorochrome that its label tells, ``CD19 (APC-A750)``; else the
        channel's own name where it differs, ``CD45 (V500-A)``.
    """
    dye = name_channel("", channel.label).fluorochrome or channel.name
    name, marker, beside = (
        printable(text, LONGEST_LABEL) for text in (channel.name, channel.marker, dye)
    )
    return name if marker in {"", name} else f"{marker} ({beside})"


def _thinned(
    sample: Sample, within: Mask | None, marked: Mapping[str, Mask], step: int
) -> tuple[Mask, dict[str, Mask]]:
    """Return which of every `step`-th event are shown, and which of those are marked."""
    whole = np.ones(sample.n_events, dtype=bool) if within is None else within
    shown = check_mask(whole, sample.n_events, "within")[::step]
    return shown, {
        name: check_mask(mask, sample.n_events, name)[::step][shown]
        for name, mask in marked.items()
    }


def _values(
    sample: Sample, axes: tuple[_Axis, _Axis], unmixing: Unmixing | None, step: int
) -> Floats:
    """Return every `step`-th event on the scales of the axes, shape (n_events, 2)."""
    parts, start = [np.empty((0, 2))], 0
    for block in sample.blocks():
        rows = block[(-start) % step :: step].astype(np.float64)
        rows = rows if unmixing is None else unmixing.apply(rows)
        parts.append(np.column_stack([axis.scale(rows[:, axis.column]) for axis in axes]))
        start += len(block)
    return np.concatenate(parts)


def _limits(channel: Channel, values: Floats) -> tuple[float, float]:
    """Return the ends of an axis: the whole scale, and nearly all of the events."""
    known = values[np.isfinite(values)]
    ends = (BEYOND, 1 - BEYOND)
    low, high = np.quantile(known, ends) if known.size else (0.0, 1.0)
    if channel.role in {Role.TIME, Role.OTHER} and low < high:
        return float(low) - MARGIN * float(high - low), float(high) + MARGIN * float(high - low)
    low, high = max(min(0.0, float(low)), LOWEST), max(1.0, float(high))
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def _new_axes() -> Axes:
    """Return axes on a figure of their own, which no global list knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=SIZE, layout="constrained").add_subplot()


def _dress(ax: Axes, axes: tuple[_Axis, _Axis], limits: list[tuple[float, float]]) -> None:
    """Set limits, ticks and labels."""
    for side, axis, (low, high) in zip((ax.xaxis, ax.yaxis), axes, limits, strict=True):
        ticks = _ticks(axis, low, high)
        side.set_ticks(ticks.positions, ticks.labels)
        side.set_ticks(ticks.minor, minor=True)
        side.set_label_text(axis.label, parse_math=False)
        side.set_tick_params(labelsize=9)
    ax.set_xlim(*limits[0])
    ax.set_ylim(*limits[1])


def _ticks(axis: _Axis, low: float, high: float) -> Ticks:
    """Return the ticks of an axis, on its scale."""
    if axis.decades:
        return decade_ticks(axis.scale, low, high)
    bottom, top = axis.scale.inverse([low, high])
    ticks = linear_ticks(float(bottom), float(top))
    return Ticks(
        tuple(axis.scale(ticks.positions)), ticks.labels, tuple(axis.scale(ticks.minor))
    )


def _title(sample: Sample, drawn: int) -> str:
    shown = "" if drawn == sample.n_events else f"{drawn:,} of "
    events = "event" if sample.n_events == 1 else "events"
    return f"{printable(sample.name, 60)}\n{shown}{sample.n_events:,} {events}"


def _draw_gates(
    ax: Axes,
    sample: Sample,
    gates: Strategy,
    axes: tuple[_Axis, _Axis],
    compensation: str,
) -> None:
    """Draw the gates of these axes, each with its name and its share of its parent."""
    masks = gate(sample, gates, compensation)
    for item in gates.gates:
        points = _outline_on(ax, item, sample, axes)
        if len(points):
            parent = int(masks[item.parent].sum()) if item.parent else sample.n_events
            share = percent(int(masks[item.name].sum()), parent)
            _draw_outline(ax, points, f"{printable(item.name, LONGEST_LABEL)}\n{share}")


def _outline_on(ax: Axes, item: Gate, sample: Sample, axes: tuple[_Axis, _Axis]) -> Floats:
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


def _same_values(dimension: Dimension, axis: _Axis) -> bool:
    """Say whether a gate looks at the values that are on the axis."""
    if dimension.ratio is not None:
        return False
    if dimension.compensation == FROM_FILE:
        return True
    return dimension.compensation == UNCOMPENSATED and not axis.unmixed


def _draw_outline(ax: Axes, points: Floats, text: str) -> None:
    """Draw a gate so that it can be seen on any colour, and its text inside the axes."""
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3, foreground="white")
    ax.plot(*points.T, color="black", linewidth=1.2, path_effects=[halo])
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    visible = np.clip(points[~np.isnan(points).any(axis=1)], low, high)
    if not len(visible):
        return
    (left, bottom), (right, top) = visible.min(axis=0), visible.max(axis=0)
    # The text stands above a gate; within it where there is no room, or where the gate reaches
    # the frame: beside a quadrant lies another one, whose text it would seem to be.
    open_ended = left == low[0] or right == high[0] or bottom == low[1]
    within = open_ended or top > high[1] - ROOM_FOR_TEXT * (high[1] - low[1])
    ax.text(
        float(left + right) / 2,
        float(top),
        text,
        parse_math=False,
        ha="center",
        va="top" if within else "bottom",
        fontsize=8,
        clip_on=True,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0},
    )
