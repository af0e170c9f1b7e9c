"""A page of a tube: the views in which a laboratory looks at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import PanelError
from flowml.gating.populations import ALL_EVENTS, Populations
from flowml.knowledge.panels import View, load_views
from flowml.quality.values import open_values
from flowml.records import Role, Scale
from flowml.reports.density import DENSITY, percent
from flowml.reports.palette import colours, known_population
from flowml.reports.plots.axes import LONGEST_LABEL, events_text, in_memory
from flowml.reports.plots.saving import PANEL, foot_legend, head, panels, shape_of
from flowml.reports.plots.shown import ShownPopulation, shown_populations, unsure_text
from flowml.reports.plots.small import shrink
from flowml.reports.plots.views import view
from flowml.reports.ticks import PLAIN, legend_label
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from flowml.preprocess import Transform
    from flowml.records import Sample

SIDE_SCATTER = "SSC-A"
MOST_VIEWS = 12
MOST_EVENTS = 200_000  # drawn in one view
MOST_COLUMNS = 6
FEWEST_JUDGED = 100  # events, of which it is told whether they are on a display scale
FOOT_LINE, FOOT_ROOM = 0.17, 0.1  # inches
SHORTEST, LONGEST_PARENT = 8, 20  # letters of a name
LETTERS, SQUARE = 15, 5  # of small text on an inch; that a square and its blanks take


@dataclass(frozen=True, eq=False)
class _How:
    """How the views of a page are drawn."""

    shown: list[ShownPopulation]
    scales: Mapping[str, Transform] | None
    style: str
    max_events: int


@dataclass(frozen=True)
class _Foot:
    """What stands below the views: a legend in columns, and lines of text."""

    entries: tuple[tuple[str, str], ...]  # text and colour
    lines: tuple[str, ...]
    columns: int

    @classmethod
    def of(cls, shown: Sequence[ShownPopulation], found: Populations, wide: float) -> _Foot:
        """Lay out what fits a width in inches."""
        hues = colours([item.label for item in shown])
        letters = int(wide * LETTERS)
        room = max(letters - SQUARE, SHORTEST)
        entries = tuple((_told(item, found, room), hues[item.label]) for item in shown)
        longest = max((len(text) for text, _ in entries), default=1) + SQUARE
        lines = wrap(unsure_text(found), max(letters, 20))
        return cls(entries, tuple(lines), int(np.clip(letters // longest, 1, MOST_COLUMNS)))

    @property
    def height(self) -> float:
        """Inches."""
        lines = -(-len(self.entries) // self.columns) + len(self.lines)
        return FOOT_LINE * lines + FOOT_ROOM if lines else 0.0


def views_of(markers: Collection[str]) -> Iterator[View]:
    """Give every view of a tube; side scatter where a marker is in none of them.

    Parameters
    ----------
    markers : collection of str
        Of the tube.

    Yields
    ------
    View
        Those of ``views.toml`` in their order, then the others.
    """
    own = [view for view in load_views() if {view.x, view.y} <= set(markers)]
    yield from own
    covered = {marker for view in own for marker in (view.x, view.y)}
    if SIDE_SCATTER in markers:
        for marker in sorted(set(markers) - covered - {SIDE_SCATTER, ""}):
            yield View(f"{marker} x SSC", marker, SIDE_SCATTER, "")


def page_views(markers: Collection[str], most: int = MOST_VIEWS) -> list[View]:
    """Choose the views of a page.

    Parameters
    ----------
    markers : collection of str
        Of the tube.
    most : int
        How many views.

    Returns
    -------
    list of View
        In the order of ``views.toml``. Where there are too many, those that show a marker
        for the first time go before the others.
    """
    every = list(views_of(markers))
    seen: set[str] = set()
    first: list[View] = []
    again: list[View] = []
    for each in every:
        (again if {each.x, each.y} <= seen else first).append(each)
        seen |= {each.x, each.y}
    chosen = [*first, *again][:most]
    return [each for each in every if each in chosen]


def page(  # noqa: PLR0913 - what a picture is made of
    sample: Sample, *,
    populations: Populations | None = None, marked: Sequence[str] = (),
    views: Sequence[View] | None = None, compensation: str = "auto",
    scales: Mapping[str, Transform] | None = None, style: str = DENSITY,
    max_events: int = MOST_EVENTS, figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:  # fmt: skip
    """Draw a tube in the views in which a laboratory looks at it.

    Parameters
    ----------
    sample : Sample
        At any stage.
    populations : Populations, optional
        Whatever found them. A view of, say, lymphocytes shows only those where there is such a
        population and it is sure, else all events. Those of `shown_populations` have colours,
        all other events are grey; below the views stands which are not sure.
    marked : sequence of str
        Populations that have colours, in place of these.
    views : sequence of View, optional
        Those of `page_views` if they are not given; its channels two by two if there are none.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.
    scales : mapping of str to Transform, optional
        As in `view`.
    style : str
        As in `view`.
    max_events : int
        Most events drawn in a view.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one if it is not given.

    Returns
    -------
    matplotlib Figure or SubFigure
        The one given, or the new one.

    Raises
    ------
    PanelError
        If the tube has fewer than two channels.
    GateError
        If a population that is marked is not there.
    """
    found = populations or Populations({})
    chosen = page_views(_measured(sample)) if views is None else list(views)
    shown = chosen or _neighbours(sample)
    if not shown:
        raise PanelError(
            f"{printable(sample.name)} has fewer than two channels beside its time."
        )
    held = in_memory(sample, compensation)
    how = _How(shown_populations(found, marked), scales, style, max_events)
    foot = _Foot.of(how.shown, found, _width(figure, len(shown)))
    figure, axes = panels(figure, len(shown), foot=foot.height)
    for ax, each in zip(axes, shown, strict=True):
        _draw_one(ax, held, each, found, how)
    head(figure, *_heading(sample, is_usual=scales is None))
    _draw_foot(figure, foot)
    return figure


def _measured(sample: Sample) -> list[str]:
    """Return the markers by which a channel can be found."""
    names = []
    for marker in sample.markers:
        try:
            sample.column(marker)
        except PanelError:
            continue
        names.append(marker)
    return names


def _neighbours(sample: Sample) -> list[View]:
    """Return channels two by two, where no view of them is known."""
    names = [channel.name for channel in sample.channels if channel.role is not Role.TIME]
    pairs = zip(names[::2], names[1::2], strict=False)
    return [View(f"{x} x {y}", x, y, ALL_EVENTS) for x, y in pairs][:MOST_VIEWS]


def _gate_of(each: View, found: Populations) -> str:
    """Return the population that a view shows; empty for all events."""
    wanted = known_population(each.gate)
    for name in found.masks if wanted else ():
        if known_population(name) == wanted and found.is_sure(name):
            return name
    return ALL_EVENTS


def _draw_one(ax: Axes, sample: Sample, each: View, found: Populations, how: _How) -> None:
    """Draw one view of a page, with the gate and its events above it."""
    name = _gate_of(each, found)
    within = found.masks[name] if name else None
    marks = {item.label: item.mask for item in how.shown}
    view(sample, each.x, each.y, within=within, marked=marks, scales=how.scales, ax=ax,
         compensation="none", style=how.style, max_events=how.max_events)  # fmt: skip
    number = sample.n_events if within is None else int(within.sum())
    title = f"{printable(name, 30) or 'all events'}, {number:,}"
    ax.set_title(title, fontsize=8.5, y=1.0, **PLAIN)
    if (legend := ax.get_legend()) is not None:  # there is one for the whole page
        legend.remove()
    shrink(ax)


def _heading(sample: Sample, *, is_usual: bool) -> list[str]:
    """Name the sample; say so where its values are not at their places on the usual scales."""
    lines = [f"{printable(sample.name, 60)}, {events_text(sample.n_events)}"]
    is_linear = is_usual and sample.scale is not Scale.DISPLAY
    if (
        is_linear
        and sample.n_events >= FEWEST_JUDGED
        and open_values(sample, "none").in_decades
    ):
        lines.append(
            "values seem to be on a display scale already: --transform linear shows them so"
        )
    return lines


def _width(figure: Figure | SubFigure | None, count: int) -> float:
    """Return how wide a figure of so many views is, in inches."""
    if figure is None:
        return shape_of(count)[1] * PANEL[0]
    return float(figure.bbox.width / figure.dpi)


def _draw_foot(figure: Figure | SubFigure, foot: _Foot) -> None:
    """Name the colours once for all views, with shares and numbers, and what is not sure."""
    from matplotlib.lines import Line2D

    if foot.lines:
        base = FOOT_ROOM / 2 * figure.dpi / figure.bbox.height
        said = "\n".join(foot.lines)
        figure.text(0.5, base, said, ha="center", va="bottom", fontsize=7.5, **PLAIN)
    handles = [
        Line2D([], [], marker="s", linestyle="", color=hue, label=text)
        for text, hue in foot.entries
    ]
    if handles:
        foot_legend(figure, handles, foot.columns, FOOT_LINE * len(foot.lines))


def _told(item: ShownPopulation, found: Populations, room: int) -> str:
    """Say in so many letters what share of its parent a population has, and how many events."""
    inside = int(item.mask.sum())
    parent = int(found.masks[item.parent].sum()) if item.parent else found.n_events
    of = printable(item.parent, LONGEST_PARENT) or "all events"
    said = f"{percent(inside, parent)} of {of}, {inside:,}"
    name = printable(item.label, int(np.clip(room - len(said), SHORTEST, LONGEST_LABEL)))
    return legend_label(f"{name} {said}")
