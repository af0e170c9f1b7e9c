"""Axes of pictures: which column on which scale, where it ends, what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import StateError
from flowml.knowledge.markers import name_channel
from flowml.preprocess import compensate, display_scale, is_shown_in_decades
from flowml.preprocess.transform import Linear
from flowml.records import Role, Scale
from flowml.reports.ticks import PLAIN, Ticks, decade_ticks, linear_ticks
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from flowml.gating.gates import Floats, Mask
    from flowml.preprocess import Transform, Unmixing
    from flowml.records import Channel, Sample

USUAL, AS_STORED = "logicle", "linear"  # scales of fluorescence
LONGEST_LABEL = 40  # characters
BEYOND = 0.001  # share of the events that may be drawn on the frame instead of inside it
LOWEST, MARGIN = -0.6, 0.02  # of the display scale


@dataclass(frozen=True, eq=False)
class ShownAxis:
    """One axis: its column, its scale, what stands beside it.

    Parameters
    ----------
    column : int
        Of the sample.
    scale : Transform
        From linear values to places on the axis.
    label : str
        Harmless text.
    decades : bool
        Whether its ticks are powers of ten.
    unmixed : bool
        Whether its values are compensated.
    """

    column: int
    scale: Transform
    label: str
    decades: bool
    unmixed: bool


def shown_axes(
    sample: Sample,
    names: Sequence[str],
    unmixing: Unmixing | None = None,
    scales: Mapping[str, Transform] | None = None,
) -> list[ShownAxis]:
    """Find the axes of a picture in a sample.

    Parameters
    ----------
    sample : Sample
        At any stage.
    names : sequence of str
        Channels or markers.
    unmixing : Unmixing, optional
        How values are compensated before they are shown.
    scales : mapping of str to Transform, optional
        In place of the usual ones.

    Returns
    -------
    list of ShownAxis
        One for each name.

    Raises
    ------
    PanelError, StateError
        If the sample lacks a channel, or a scale does not fit it.
    """
    given = {sample.column(name): scale for name, scale in (scales or {}).items()}
    columns = [sample.column(name) for name in names]
    return [_shown_axis(sample, column, unmixing, given.get(column)) for column in columns]


def _shown_axis(
    sample: Sample, column: int, unmixing: Unmixing | None, given: Transform | None
) -> ShownAxis:
    channel = sample.channels[column]
    scale, decades = _scale(channel, sample, given)
    done = sample.scale is Scale.COMPENSATED and channel.role is Role.FLUORESCENCE
    unmixed = done or (unmixing is not None and column in unmixing.columns)
    return ShownAxis(column, scale, channel_label(channel), decades, unmixed)


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


def scales_by(sample: Sample, transform: str) -> dict[str, Transform] | None:
    """Return the scales that a user asks for.

    Parameters
    ----------
    sample : Sample
        Whose channels are shown.
    transform : str
        Of fluorescence, a key of `flowml.preprocess.TRANSFORMS`; `AS_STORED` shows the values
        of all channels as they are.

    Returns
    -------
    dict of str to Transform, or None
        By name of channel; None for the usual ones.

    Raises
    ------
    FlowmlError
        If the transform is unknown.
    """
    if transform == USUAL:
        return None
    if transform == AS_STORED:
        return {channel.name: Linear(1.0) for channel in sample.channels}
    return {channel.name: display_scale(channel, transform) for channel in sample.channels}


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


def short_label(channel: Channel, limit: int = 14) -> str:
    """Return the marker of a channel, or its name, for a small place.

    Parameters
    ----------
    channel : Channel
        What is named.
    limit : int
        Most characters.

    Returns
    -------
    str
        Harmless text.
    """
    return printable(channel.marker or channel.label or channel.name, limit)


def in_memory(sample: Sample, compensation: str) -> Sample:
    """Compensate a sample for several pictures, so that it is done once.

    Parameters
    ----------
    sample : Sample
        At any stage.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.

    Returns
    -------
    Sample
        Compensated as asked, or the same.
    """
    return compensate(sample, compensation) if sample.scale is Scale.RAW else sample


def read_values(
    sample: Sample, axes: Sequence[ShownAxis], unmixing: Unmixing | None, step: int = 1
) -> Floats:
    """Return events on the scales of axes.

    Parameters
    ----------
    sample : Sample
        At the stage that the axes were made for.
    axes : sequence of ShownAxis
        Which columns.
    unmixing : Unmixing or None
        How values are compensated.
    step : int
        Only every so many-th event is taken.

    Returns
    -------
    ndarray, shape (n_events / step, n_axes), float64
        In the order of the sample.
    """
    parts, start = [np.empty((0, len(axes)))], 0
    for block in sample.blocks():
        rows = block[(-start) % step :: step].astype(np.float64)
        rows = rows if unmixing is None else unmixing.apply(rows)
        parts.append(np.column_stack([axis.scale(rows[:, axis.column]) for axis in axes]))
        start += len(block)
    return np.concatenate(parts)


def limits_of(channel: Channel, values: Floats) -> tuple[float, float]:
    """Return the ends of an axis: the whole scale, and nearly all of the events.

    Parameters
    ----------
    channel : Channel
        Time and other quantities end where their events do.
    values : ndarray, shape (n_events,), float
        On the scale of the axis.

    Returns
    -------
    low, high : float
        On the scale of the axis.
    """
    known = values[np.isfinite(values)]
    ends = (BEYOND, 1 - BEYOND)
    low, high = np.quantile(known, ends) if known.size else (0.0, 1.0)
    if channel.role in {Role.TIME, Role.OTHER} and low < high:
        return float(low) - MARGIN * float(high - low), float(high) + MARGIN * float(high - low)
    high = max(1.0, float(high))
    low = max(min(0.0, float(low)), LOWEST * high)
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def dress(ax: Axes, axes: Sequence[ShownAxis], limits: Sequence[tuple[float, float]]) -> None:
    """Set limits, ticks and labels of an axis or of two.

    Parameters
    ----------
    ax : matplotlib Axes
        What is dressed.
    axes : sequence of ShownAxis
        That along the bottom, and that along the side if there is one.
    limits : sequence of (float, float)
        Their ends.
    """
    from matplotlib.ticker import FixedLocator

    for side, axis, (low, high) in zip((ax.xaxis, ax.yaxis), axes, limits, strict=False):
        ticks = _ticks(axis, low, high)
        side.set_ticks(ticks.positions, ticks.labels)
        side.set_minor_locator(FixedLocator(ticks.minor))  # a tick is made when it is drawn
        side.set_label_text(axis.label, **PLAIN)
        side.set_tick_params(labelsize=9)
    ax.set_xlim(*limits[0])
    if len(axes) > 1:
        ax.set_ylim(*limits[1])


def _ticks(axis: ShownAxis, low: float, high: float) -> Ticks:
    """Return the ticks of an axis, on its scale."""
    if axis.decades:
        return decade_ticks(axis.scale, low, high)
    bottom, top = axis.scale.inverse([low, high])
    ticks = linear_ticks(float(bottom), float(top))
    return Ticks(
        tuple(axis.scale(ticks.positions)), ticks.labels, tuple(axis.scale(ticks.minor))
    )


def step_for(n_events: int, most: int) -> int:
    """Return how many events one that is drawn stands for.

    Parameters
    ----------
    n_events : int
        Of the sample.
    most : int
        Events to be drawn at most.

    Returns
    -------
    int
        1 or more.
    """
    return max(1, -(-n_events // max(1, most)))


def events_text(shown: int, all_events: int | None = None) -> str:
    """Write a number of events.

    Parameters
    ----------
    shown : int
        How many.
    all_events : int, optional
        Of how many; not said where they are the same.

    Returns
    -------
    str
        With thousands parted.

    Examples
    --------
    >>> events_text(1), events_text(1200, 5000)
    ('1 event', '1,200 of 5,000 events')
    """
    whole = shown if all_events is None else all_events
    few = "" if shown == whole else f"{shown:,} of "
    return f"{few}{whole:,} {'event' if whole == 1 else 'events'}"


def called(name: str) -> str:
    """Name events before their number.

    Parameters
    ----------
    name : str
        Of their population; empty for all events.

    Returns
    -------
    str
        Harmless text.

    Examples
    --------
    >>> called("B cells"), called("")
    ('B cells: ', '')
    """
    return f"{printable(name, LONGEST_LABEL)}: " if name else ""


def thinned(mask: Mask | None, n_events: int, step: int) -> Mask:
    """Return which of every `step`-th event are in a mask.

    Parameters
    ----------
    mask : ndarray, shape (n_events,), bool, or None
        None for all events.
    n_events : int
        Of the sample.
    step : int
        1 for every event.

    Returns
    -------
    ndarray, shape (n_events / step,), bool
        In the order of the sample.
    """
    whole = np.ones(n_events, dtype=bool) if mask is None else mask
    return np.asarray(whole[::step])
