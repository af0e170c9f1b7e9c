"""How steadily a tube was measured: rate and signals over time, and what is rejected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.quality import load_quality_book
from flowml.quality.flow import pieces_of
from flowml.quality.look import TubeLook
from flowml.quality.records import Verdict
from flowml.quality.run import check_drift, check_flow, check_rate
from flowml.quality.values import open_values
from flowml.reports.palette import BLUE, PURPLE, SKY, VERMILION
from flowml.reports.plots.axes import events_text, short_label, shown_axes
from flowml.reports.plots.saving import foot_legend, head, new_figure
from flowml.reports.ticks import PLAIN, decade_ticks, linear_ticks
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.text import Text
    from numpy.typing import NDArray

    from flowml.gating.gates import Floats
    from flowml.quality.flow import Stretch
    from flowml.records import Sample
    from flowml.reports.plots.axes import ShownAxis

ROW, FOOT, SIDE, WIDTH = 0.5, 0.68, 1.15, 7.6  # inches
HEADING, LINE = 0.37, 0.17  # inches: of the heading with none of its lines, and of each
QUARTILES = (0.25, 0.5, 0.75)
LEAST_SPAN = 0.25  # of a display scale: a steady channel is shown as steady
MOST_CHANNELS = 24
LINE_LENGTH = 96  # characters
LONGEST_STEP = 3600.0  # seconds: a longer time step is no time step


@dataclass(frozen=True, eq=False)
class _Run:
    """Pieces of a run, and where they stand on the axis of time."""

    starts: NDArray[np.intp]
    edges: Floats  # shape (n_pieces + 1,)
    unit: str
    where: Floats  # of each event, shape (n_events + 1,)


def quality(
    sample: Sample, *, compensation: str = "auto", figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """Draw the rate and every signal over time, with the stretches that are rejected.

    Parameters
    ----------
    sample : Sample
        In the order of arrival.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`; signals are shown as the detectors gave
        them.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one if it is not given.

    Returns
    -------
    matplotlib Figure or SubFigure
        The one given, or the new one: of each piece of the run the rate, and the median and
        the middle half of each channel on its display scale.

    Raises
    ------
    FcsError
        If the sample cannot be compensated as asked.
    """
    look = TubeLook(open_values(sample, compensation), load_quality_book())
    rows = look.light[:MOST_CHANNELS]
    said = _heading(look, sample)
    heading = HEADING + LINE * len(said)
    if figure is None:
        figure = new_figure((WIDTH, heading + FOOT + ROW * (len(rows) + 1)), layout=None)
    axes = list(figure.subplots(len(rows) + 1, 1, sharex=True, squeeze=False).ravel())
    across, up = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    figure.subplots_adjust(
        left=SIDE / across, right=1 - 0.15 / across, bottom=FOOT / up, top=1 - heading / up,
        hspace=0.28,
    )  # fmt: skip
    run = _run_of(look, sample)
    head(figure, *said)
    _draw_rate(axes[0], run)
    drift = look.steadiness.drift if look.steadiness is not None else np.zeros(len(look.light))
    for ax, row, moved in zip(axes[1:], rows, drift, strict=False):
        is_drifting = look.by_book("drift", float(moved)) is not Verdict.PASS
        _draw_signal(ax, look, row, run, is_drifting=is_drifting)
    uneven = look.arrival.uneven if look.arrival else ()
    disturbed = look.steadiness.disturbed if look.steadiness else ()
    for ax in axes:
        _shade(ax, run, uneven, PURPLE)
        _shade(ax, run, disturbed, VERMILION)
    axes[-1].set_xlabel(run.unit, fontsize=9)
    if len(run.edges) > 1:
        axes[-1].set_xlim(run.edges[0], run.edges[-1])
    else:
        axes[-1].set_xticks([])
    _draw_legend(figure)
    return figure


def _heading(look: TubeLook, sample: Sample) -> list[str]:
    """Name the sample, and say what the checks of its run found."""
    lines = [f"{printable(sample.name, 60)}, {events_text(sample.n_events)}"]
    for found in (check(look) for check in (check_rate, check_flow, check_drift)):
        verdict = found.verdict.value
        said = found.sentence if found.sentence.startswith(verdict) else (
            f"{verdict}; {found.sentence}"
        )  # fmt: skip
        lines += wrap(printable(f"{found.name}: {said}", 400), LINE_LENGTH)
    return lines


def _run_of(look: TubeLook, sample: Sample) -> _Run:
    """Cut the run into pieces, and place them on time, or on the events where it is unknown."""
    count = look.values.n_events
    starts = pieces_of(count)
    where, unit = np.arange(count + 1, dtype=np.float64), "events, in the order of the file"
    if look.time is not None and look.in_order and np.isfinite(look.time).all():
        ticks = _spread(look.time)
        if ticks[-1] > 0:
            step = _time_step(sample)
            where, unit = (
                ticks * (step or 1.0),
                "seconds" if step else "time, steps of the clock",
            )
    return _Run(starts, where[starts], unit, where)


def _spread(time: NDArray[np.float32]) -> Floats:
    """Return times from 0 on, those of events in one step of the clock spread over that step.

    A counter that begins again goes on where it stood.
    """
    waits = np.maximum(np.diff(time.astype(np.float64)), 0.0)
    ticks = np.concatenate([[0.0], np.cumsum(waits)])
    steps, first, where, counts = np.unique(
        ticks, return_index=True, return_inverse=True, return_counts=True
    )
    if len(steps) < 2:
        return np.zeros(len(ticks) + 1)
    usual = float(np.median(np.diff(steps)))
    wide = np.minimum(np.append(np.diff(steps), usual), usual)  # a stop is no long step
    part = (np.arange(len(ticks)) - first[where]) / counts[where]
    return np.append(ticks + part * wide[where], steps[-1] + wide[-1])


def _time_step(sample: Sample) -> float | None:
    """Return the seconds of a step of the clock, where the file tells them."""
    try:
        step = float(sample.keywords.get("$TIMESTEP", ""))
    except ValueError:
        return None
    return step if math.isfinite(step) and 0 < step <= LONGEST_STEP else None


def _label(ax: Axes, text: str) -> Text:
    """Write beside a row, at the left edge of all rows."""
    return ax.text(-0.07, 0.5, text, transform=ax.transAxes, fontsize=8, ha="right",
                    va="center", **PLAIN)  # fmt: skip


def _draw_rate(ax: Axes, run: _Run) -> None:
    per = "s" if run.unit == "seconds" else "step"
    ax.tick_params(labelsize=7)
    took = np.diff(run.edges)
    if not len(took) or not (took > 0).any() or run.unit.startswith("events"):
        ax.set_yticks([])
        said = (
            "too few events for pieces of the run" if not len(took) else "no times of arrival"
        )
        _label(ax, "rate")
        ax.text(0.5, 0.5, said, transform=ax.transAxes, ha="center", va="center", fontsize=8)
        return
    rate = np.diff(run.starts) / np.maximum(took, took[took > 0].min())
    ax.stairs(rate, run.edges, color="black", linewidth=1.0)
    top = float(np.quantile(rate, 0.98)) * 1.3
    ax.set_ylim(0, top)
    ticks = linear_ticks(0, top)
    ax.set_yticks(ticks.positions[:: max(1, len(ticks.positions) // 2)],
                  ticks.labels[:: max(1, len(ticks.labels) // 2)])  # fmt: skip
    _label(ax, f"events/{per}")


def _draw_signal(ax: Axes, look: TubeLook, row: int, run: _Run, *, is_drifting: bool) -> None:
    """Draw the median and the middle half of a channel in each piece."""
    channel = look.values.channels[row]
    axis = shown_axes(look.values.sample, [channel.name])[0]
    label = _label(ax, short_label(channel))
    label.set(color=VERMILION if is_drifting else "black",
              weight="bold" if is_drifting else "normal")  # fmt: skip
    ax.tick_params(labelsize=7)
    shown = np.asarray(axis.scale(look.values.raw[row]))
    pieces = zip(run.starts[:-1], run.starts[1:], strict=True)
    parts = [shown[a:b][np.isfinite(shown[a:b])] for a, b in pieces]
    found = np.array(
        [np.quantile(part, QUARTILES) if len(part) else (np.nan,) * 3 for part in parts]
    ).reshape(-1, 3)
    ax.set_yticks([])
    if not np.isfinite(found).any():
        return
    low, middle, high = found.T
    ax.fill_between(run.edges, np.append(low, low[-1]), np.append(high, high[-1]), step="post",
                    color=SKY, alpha=0.45, linewidth=0)  # fmt: skip
    ax.stairs(middle, run.edges, color=BLUE, linewidth=1.2, baseline=None)
    bottom, top = float(np.nanmin(low)), float(np.nanmax(high))
    room = max(LEAST_SPAN - (top - bottom), 0.08) / 2
    _tick(ax, axis, bottom - room, top + room)


def _tick(ax: Axes, axis: ShownAxis, low: float, high: float) -> None:
    """Set few ticks on the small axis of a channel."""
    ax.set_ylim(low, high)
    if axis.decades:
        ticks = decade_ticks(axis.scale, low, high)
        places, labels = ticks.positions, ticks.labels
    else:
        ends = axis.scale.inverse([low, high])
        ticks = linear_ticks(float(ends[0]), float(ends[1]))
        places, labels = tuple(axis.scale(ticks.positions)), ticks.labels
    kept: list[int] = []
    for place in reversed(range(len(places))):  # the upper decades tell more
        if not kept or places[kept[-1]] - places[place] > 0.4 * (high - low):
            kept.append(place)
    ax.set_yticks([places[i] for i in kept], [labels[i] for i in kept])


def _shade(ax: Axes, run: _Run, stretches: tuple[Stretch, ...], colour: str) -> None:
    for first, behind in stretches:
        ax.axvspan(run.where[first], run.where[behind], color=colour, alpha=0.28, linewidth=0)


def _draw_legend(figure: Figure | SubFigure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=BLUE, label="median"),
        Patch(color=SKY, alpha=0.45, label="middle half"),
        Patch(color=VERMILION, alpha=0.28, label="disturbed: left out by a mask"),
        Patch(color=PURPLE, alpha=0.28, label="unusual rate"),
    ]
    foot_legend(figure, handles, len(handles))
