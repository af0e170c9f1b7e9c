"""A gating strategy as a cytometrist reads it: each parent with its gates, and the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.gating.apply import gate_populations
from flowml.gating.populations import ALL_EVENTS, Populations
from flowml.reports.density import percent
from flowml.reports.palette import POPULATIONS, known_population
from flowml.reports.plots.axes import events_text, in_memory, shown_axes
from flowml.reports.plots.outlines import draw_gates, is_drawable, on_own_matrix
from flowml.reports.plots.saving import head, panels
from flowml.reports.plots.small import shrink
from flowml.reports.plots.views import view
from flowml.reports.ticks import PLAIN
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from flowml.gating import Gate, Strategy
    from flowml.gating.populations import Count
    from flowml.records import Sample

MOST_EVENTS = 200_000  # drawn in one panel
MOST_PANELS, MOST_LISTS, LINES = 15, 4, 14  # populations in a list
LONGEST_NAME = 26  # characters, in the tree
SIDES = ("SSC-A", "FSC-A")  # beside a gate of one dimension
MARGIN = 0.45  # inches left of an axis, where a list needs no labels
FIGURES = (0.80, 1.0)  # right ends of shares and numbers in the tree, of its width


@dataclass(frozen=True, eq=False)
class _Panel:
    """Gates that share a parent and two axes."""

    parent: str
    x: str
    y: str
    gates: tuple[Gate, ...]


def gating(
    sample: Sample,
    gates: Strategy,
    *,
    compensation: str = "auto",
    max_events: int = MOST_EVENTS,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw a gating strategy: a panel for each parent and pair of axes, and the tree.

    Parameters
    ----------
    sample : Sample
        Linear values, compensated or not.
    gates : Strategy
        As `flowml.read_gates` returns it.
    compensation : str
        As in `flowml.gate`.
    max_events : int
        Most events drawn in a panel; shares and numbers are those of all events.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one if it is not given.

    Returns
    -------
    matplotlib Figure or SubFigure
        The one given, or the new one. The events of the parent are drawn by density, all
        others in pale grey; the last panels list the populations. Gates of three dimensions,
        of ratios, and on values that are compensated otherwise are in the list only.

    Raises
    ------
    FlowmlError
        As `flowml.gate` does.
    """
    found = gate_populations(sample, gates, compensation)
    shown_by, gates = on_own_matrix(sample, gates, compensation)
    held = in_memory(shown_by, compensation)
    shown = _panels(gates, held)[:MOST_PANELS]
    rows = _as_tree(found)[: LINES * MOST_LISTS]
    lists = [rows[start : start + LINES] for start in range(0, len(rows), LINES)]
    figure, axes = panels(figure, len(shown) + len(lists))
    for ax, panel in zip(axes, shown, strict=False):
        _draw_panel(ax, held, panel, found, max_events)
    for ax, part in zip(axes[len(shown) :], lists, strict=True):
        _draw_tree(ax, part, found)
    head(figure, f"{printable(sample.name, 60)}, {events_text(sample.n_events)}")
    return figure


def _panels(gates: Strategy, sample: Sample) -> list[_Panel]:
    """Put gates together that share a parent and axes, in the order of the document."""
    groups: dict[tuple[str, frozenset[int]], list[Gate]] = {}
    names: dict[tuple[str, frozenset[int]], tuple[str, str]] = {}
    for item in gates.ordered:
        axes = _axes_of(item, sample)
        if axes is not None and _is_drawn(item, sample):
            key = (item.parent, frozenset(sample.column(name) for name in axes))
            groups.setdefault(key, []).append(item)
            names.setdefault(key, axes)
    return [_Panel(key[0], *names[key], tuple(items)) for key, items in groups.items()]


def _is_drawn(item: Gate, sample: Sample) -> bool:
    """Say whether a gate looks at the values of the sample as it is shown."""
    axes = shown_axes(sample, [dimension.channel for dimension in item.dimensions])
    return all(map(is_drawable, item.dimensions, axes))


def _axes_of(item: Gate, sample: Sample) -> tuple[str, str] | None:
    """Return the channels of a gate's panel; None where it has none of its own."""
    if any(d.ratio is not None for d in item.dimensions):
        return None
    names = [sample.channels[sample.column(d.channel)].name for d in item.dimensions]
    if len(set(names)) == 2 == len(names):
        return names[0], names[1]
    if len(names) != 1:
        return None
    for marker in SIDES:
        beside = [c.name for c in sample.channels if c.marker == marker]
        if len(beside) == 1 and beside != names:
            return names[0], beside[0]
    return None


def _draw_panel(
    ax: Axes, sample: Sample, panel: _Panel, found: Populations, max_events: int
) -> None:
    within = None if panel.parent == ALL_EVENTS else found.masks[panel.parent]
    scales = {
        sample.channels[sample.column(d.channel)].name: d.scale
        for item in panel.gates
        for d in item.dimensions
        if not isinstance(d.scale, str)
    }
    names = (panel.x, panel.y)
    view(sample, *names, within=within, scales=scales, ax=ax, others=True,
         compensation="none", max_events=max_events)  # fmt: skip
    axes = shown_axes(sample, names, scales=scales)
    draw_gates(ax, sample, panel.gates, found.masks, axes, counts=True, ranges=True, fontsize=7)
    number = sample.n_events if within is None else int(within.sum())
    ax.set_title(f"{_named(panel.parent, 30)}, {number:,}", fontsize=8.5, y=1.0, **PLAIN)
    shrink(ax)


def _named(name: str, limit: int) -> str:
    return "all events" if name == ALL_EVENTS else printable(name, limit)


def _draw_tree(ax: Axes, rows: Sequence[Count], found: Populations) -> None:
    """List populations below their parents, with shares and numbers."""
    ax.set_axis_off()
    at, margin = ax.get_position(), MARGIN / (ax.figure.bbox.width / ax.figure.dpi)
    ax.set_position((at.x0 - margin, at.y0, at.width + margin, at.height))
    ax.set(xlim=(0, 1), ylim=(LINES + 1, 0))
    heading = (("population", 0.0, "left"), ("of parent", FIGURES[0], "right"),
               ("events", FIGURES[1], "right"))  # fmt: skip
    for text, place, side in heading:
        ax.text(place, 0.5, text, fontsize=7.5, ha=side, va="center", weight="bold")
    for line, row in enumerate(rows, start=1):
        _write_row(ax, line + 0.5, row, _depth(found, row.name))


def _as_tree(found: Populations) -> list[Count]:
    """Return the populations so that each is followed by its children."""
    children: dict[str, list[Count]] = {}
    for row in found.counts():
        children.setdefault(row.parent, []).append(row)
    waiting, rows = children.get(ALL_EVENTS, [])[::-1], []
    while waiting:
        rows.append(row := waiting.pop())
        waiting += children.get(row.name, [])[::-1]
    return rows


def _depth(found: Populations, name: str) -> int:
    parent = found.parent(name)
    return 0 if parent == ALL_EVENTS else 1 + _depth(found, parent)


def _write_row(ax: Axes, place: float, row: Count, depth: int) -> None:
    indent = 0.03 * min(depth, 8)
    known = known_population(row.name)
    if known:
        ax.scatter([indent + 0.012], [place], c=POPULATIONS[known], marker="s", s=12)
    name = printable(row.name, LONGEST_NAME - min(depth, 8))
    texts = ((name, indent + 0.04, "left"),
             (percent(row.n_events, row.n_parent), FIGURES[0], "right"),
             (f"{row.n_events:,}", FIGURES[1], "right"))  # fmt: skip
    for text, where, side in texts:
        ax.text(where, place, text, fontsize=7.5, ha=side, va="center", **PLAIN)
