"""A page of a tube: the views in which a laboratory looks at it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from flowml.errors import PanelError
from flowml.gating.populations import ALL_EVENTS, Populations
from flowml.knowledge.panels import View, load_views
from flowml.records import Role
from flowml.reports.density import DENSITY, percent
from flowml.reports.palette import colours, known_population
from flowml.reports.plots.axes import LONGEST_LABEL, events_text, in_memory, shrink
from flowml.reports.plots.saving import foot_legend, head, panels
from flowml.reports.plots.views import shown_masks, view
from flowml.reports.ticks import PLAIN, legend_label
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from flowml.gating.gates import Mask
    from flowml.records import Sample

SIDE_SCATTER = "SSC-A"
MOST_VIEWS = 12
MOST_EVENTS = 200_000  # drawn in one view
LEGEND_COLUMNS, FOOT_LINE = 4, 0.17  # inches


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


def page(
    sample: Sample,
    *,
    populations: Populations | None = None,
    views: Sequence[View] | None = None,
    compensation: str = "auto",
    style: str = DENSITY,
    max_events: int = MOST_EVENTS,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw a tube in the views in which a laboratory looks at it.

    Parameters
    ----------
    sample : Sample
        At any stage.
    populations : Populations, optional
        Whatever found them. A view of, say, lymphocytes shows only those where there is such a
        population and it is sure, else all events; the populations without children have
        colours, all other events are grey.
    views : sequence of View, optional
        Those of `page_views` if they are not given; its channels two by two if there are none.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.
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
    """
    found = populations or Populations({})
    chosen = page_views(_measured(sample)) if views is None else list(views)
    shown = chosen or _neighbours(sample)
    if not shown:
        raise PanelError(
            f"{printable(sample.name)} has fewer than two channels beside its time."
        )
    held = in_memory(sample, compensation)
    n_colours = len(shown_masks(found))
    foot = FOOT_LINE * -(-n_colours // LEGEND_COLUMNS) + 0.1 if n_colours else 0.0
    figure, axes = panels(figure, len(shown), foot=foot)
    for ax, each in zip(axes, shown, strict=True):
        _draw_one(ax, held, each, found, (style, max_events))
    head(figure, f"{printable(sample.name, 60)}, {events_text(sample.n_events)}")
    if n_colours:
        _draw_legend(figure, found)
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


def _draw_one(
    ax: Axes, sample: Sample, each: View, found: Populations, how: tuple[str, int]
) -> None:
    """Draw one view of a page, with the gate and its events above it."""
    name = _gate_of(each, found)
    within = found.masks[name] if name else None
    view(sample, each.x, each.y, within=within, marked=shown_masks(found), ax=ax,
         compensation="none", style=how[0], max_events=how[1])  # fmt: skip
    number = sample.n_events if within is None else int(within.sum())
    title = f"{printable(name, 30) or 'all events'}, {number:,}"
    ax.set_title(title, fontsize=8.5, y=1.0, **PLAIN)
    if (legend := ax.get_legend()) is not None:  # there is one for the whole page
        legend.remove()
    shrink(ax)


def _draw_legend(figure: Figure | SubFigure, found: Populations) -> None:
    """Name the colours once for all views, with shares of the parents and numbers."""
    from matplotlib.lines import Line2D

    shown: dict[str, Mask] = dict(shown_masks(found))
    hues = colours(shown)
    counted = {row.name: row for row in found.counts()}
    lines = []
    for name in shown:
        row = counted[name]
        share = percent(row.n_events, row.n_parent)
        of = printable(row.parent, 20) or "all events"
        said = f"{printable(name, LONGEST_LABEL)} {share} of {of}, {row.n_events:,}"
        lines.append(
            Line2D([], [], marker="s", linestyle="", color=hues[name], label=legend_label(said))
        )
    foot_legend(figure, lines, LEGEND_COLUMNS)
