"""Every pair of detectors as it was measured, and as compensation leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import PanelError, StateError
from flowml.preprocess import choose_unmixing
from flowml.quality.spill import residues
from flowml.records import Scale
from flowml.reports.density import draw_cells
from flowml.reports.palette import GREY, VERMILION
from flowml.reports.plots.axes import (
    ShownAxis,
    events_text,
    limits_of,
    read_values,
    short_label,
    shown_axes,
    step_for,
)
from flowml.reports.plots.saving import head, new_figure
from flowml.reports.ticks import PLAIN
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from numpy.typing import NDArray

    from flowml.gating.gates import Floats
    from flowml.preprocess import Unmixing
    from flowml.records import Sample

MOST_EVENTS = 30_000  # drawn in each small panel
MOST_CHANNELS = 12  # of more, those that spill most
SIZE, EDGE = 0.98, 0.72  # inches of a panel, and of the heading
NARROWEST = 5.6  # inches: the heading needs them
LEAST_SHARE = 0.01  # of spillover that is written
# Negatives of bright cells so far below zero are a fault of the matrix, not biology: the least
# slope of their fall, its least number of standard errors, and their depth in spreads.
SLOPE, ERRORS, DEPTH = 0.01, 5.0, 1.0
COLOURS, CELLS = "viridis", 72  # cells on an axis


@dataclass(frozen=True, eq=False)
class _Pairs:
    """What is drawn: values before and after on the same scales, and the matrix."""

    axes: list[ShownAxis]
    limits: list[tuple[float, float]]
    before: Floats
    after: Floats
    shares: Floats
    over: Floats


def compensation(
    sample: Sample,
    *,
    channels: Sequence[str] = (),
    policy: str = "auto",
    max_events: int = MOST_EVENTS,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw every pair of detectors before and after compensation.

    Parameters
    ----------
    sample : Sample
        Raw values.
    channels : sequence of str
        Channels or markers of the matrix; the `MOST_CHANNELS` that spill most if none are
        given.
    policy : str
        As in `flowml.preprocess.choose_unmixing`.
    max_events : int
        Most events drawn in a panel.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one if it is not given.

    Returns
    -------
    matplotlib Figure or SubFigure
        The one given, or the new one. Below the diagonal a pair is as it was measured, with
        the percentages that the matrix takes away; the same pair above the diagonal is
        compensated, on the same scales, with a frame where too much was taken.

    Raises
    ------
    StateError
        If there is nothing to compensate by.
    PanelError
        If a channel is not there, or the matrix does not name it, or fewer than two are left.
    """
    unmixing, _ = choose_unmixing(sample, policy)
    if unmixing is None or sample.scale is not Scale.RAW:
        raise StateError(
            f"{printable(sample.name)} has no raw values with a matrix, so there is no before "
            "and after. Give a matrix as a CSV file (--compensation PATH.csv)."
        )
    places = _places(sample, unmixing, channels)
    pairs = _read(sample, unmixing, places, max_events)
    count = len(places)
    if figure is None:
        wide = max(count * SIZE + 0.3, NARROWEST)
        figure = new_figure((wide, count * SIZE + EDGE), layout=None)
    for row, axes in enumerate(_grid(figure, count)):
        for column, ax in enumerate(axes):
            _draw_panel(ax, sample, pairs, row, column)
    _write_heading(figure, sample, unmixing, count)
    return figure


def _write_heading(
    figure: Figure | SubFigure, sample: Sample, unmixing: Unmixing, count: int
) -> None:
    n_dyes = len(unmixing.columns)
    less = "" if count == n_dyes else f"; {count} of {n_dyes} dyes"
    source = f"matrix: {printable(unmixing.source, 30)}{less}"
    head(
        figure,
        f"{printable(sample.name, 40)}, {events_text(sample.n_events)}; {source}",
        "below the diagonal as measured, above it compensated",
        "numbers: % of the dye at its bright end that the other detector sees",
    )


def _grid(figure: Figure | SubFigure, count: int) -> list[list[Axes]]:
    """Return panels that nearly touch, row by row, below the heading."""
    height = figure.bbox.height / figure.dpi
    grid = figure.add_gridspec(
        count, count, wspace=0.05, hspace=0.05,
        left=0.015, right=0.985, bottom=0.12 / height, top=1 - (EDGE - 0.1) / height,
    )  # fmt: skip
    places = range(count)
    return [[figure.add_subplot(grid[row, column]) for column in places] for row in places]


def _places(sample: Sample, unmixing: Unmixing, names: Sequence[str]) -> list[int]:
    """Return places of detectors in the matrix, in its order."""
    columns = unmixing.columns.tolist()
    if names:
        wanted = [sample.column(name) for name in names]
        absent = [
            name for name, column in zip(names, wanted, strict=True) if column not in columns
        ]
        if absent:
            raise PanelError(
                f"the matrix of {printable(unmixing.source)} does not name "
                f"{printable(', '.join(absent))}; it has "
                f"{printable(', '.join(sample.channels[c].name for c in columns))}."
            )
        chosen = sorted({columns.index(column) for column in wanted})
    else:
        shares = np.abs(_shares(unmixing))
        spilled = shares.sum(axis=0) + shares.sum(axis=1)
        chosen = sorted(np.argsort(-spilled, kind="stable")[:MOST_CHANNELS].tolist())
    if len(chosen) < 2:
        raise PanelError(
            f"{len(chosen)} channel makes no pair; name two of the matrix or more."
        )
    return chosen


def _shares(unmixing: Unmixing) -> Floats:
    """Return what of a row's dye a column's detector sees, and 0 for its own."""
    matrix = np.linalg.inv(unmixing.inverse)
    np.fill_diagonal(matrix, 0.0)
    return np.asarray(matrix)


def _read(sample: Sample, unmixing: Unmixing, places: list[int], most: int) -> _Pairs:
    names = [sample.channels[unmixing.columns[place]].name for place in places]
    axes = shown_axes(sample, names, unmixing)
    step = step_for(sample.n_events, most)
    before = read_values(sample, axes, None, step)
    after = read_values(sample, axes, unmixing, step)
    both = np.concatenate([before, after])
    limits = [limits_of(sample.channels[a.column], both[:, i]) for i, a in enumerate(axes)]
    linear = np.array([a.scale.inverse(after[:, i]) for i, a in enumerate(axes)], np.float32)
    shares = _shares(unmixing)[np.ix_(places, places)]
    return _Pairs(axes, limits, before, after, shares, _overcompensated(linear))


def _overcompensated(values: NDArray[np.float32]) -> Floats:
    """Return what of each emitter (row) is taken away too much of each detector, or 0."""
    left = residues(values)
    with np.errstate(invalid="ignore"):
        over = (
            (left.slope <= -SLOPE) & (left.slope <= -ERRORS * left.error)
            & (left.depth <= -DEPTH)
        )  # fmt: skip
    return np.where(over, -left.slope, 0.0)


def _draw_panel(ax: Axes, sample: Sample, pairs: _Pairs, row: int, column: int) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    if row == column:
        _write_name(ax, sample, pairs.axes[row])
        return
    values = (pairs.before if row > column else pairs.after)[:, [column, row]]
    limits = [pairs.limits[column], pairs.limits[row]]
    for draw, place in ((ax.axvline, column), (ax.axhline, row)):
        draw(float(pairs.axes[place].scale(0.0)), color="#C8C8C8", linewidth=0.6, zorder=0)
    known = values[~np.isnan(values).any(axis=1)]
    draw_cells(ax, known, limits, CELLS, COLOURS)
    ax.set(xlim=limits[0], ylim=limits[1])
    numbers = pairs.shares if row > column else pairs.over
    _write_numbers(ax, numbers[column, row], numbers[row, column], is_over=row < column)
    for side in ax.spines.values():
        side.set(color="#9A9A9A", linewidth=0.6)
    if row < column and max(numbers[column, row], numbers[row, column]) > 0:
        for side in ax.spines.values():
            side.set(color=VERMILION, linewidth=2.0)


def _write_numbers(ax: Axes, of_x: float, of_y: float, *, is_over: bool) -> None:
    """Write what of the x axis's dye the other detector sees at its bright end, and of y's."""
    corners = ((of_x, 0.97, 0.04, "right", "bottom"), (of_y, 0.04, 0.96, "left", "top"))
    for share, x, y, side, end in corners:
        if abs(share) >= LEAST_SHARE:
            ax.text(
                x, y, f"{'-' if is_over else ''}{100 * share:.0f}",
                transform=ax.transAxes, ha=side, va=end, fontsize=7,
                color=VERMILION if is_over else "black",
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip


def _write_name(ax: Axes, sample: Sample, axis: ShownAxis) -> None:
    channel = sample.channels[axis.column]
    ax.set_facecolor("#F2F2F2")
    for side in ax.spines.values():
        side.set(color="#9A9A9A", linewidth=0.6)
    ax.text(0.5, 0.58, short_label(channel, 11), transform=ax.transAxes, ha="center",
            va="center", fontsize=9, weight="bold", **PLAIN)  # fmt: skip
    dye = axis.label.rpartition(" (")[2].removesuffix(")")
    ax.text(0.5, 0.34, printable(dye, 14), transform=ax.transAxes, ha="center", va="center",
            fontsize=7, color=GREY, **PLAIN)  # fmt: skip
