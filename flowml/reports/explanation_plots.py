"""Pictures of an explanation: the case on the laboratory's own views."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.panels import View
from flowml.models.explanation import MOST_OF_A_PAIR
from flowml.records import Scale
from flowml.reports.explanation import shown, signed
from flowml.reports.plots.pages import views_of
from flowml.reports.plots.reasons import side_colour
from flowml.reports.plots.views import view as draw_density_view
from flowml.reports.ticks import PLAIN
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from matplotlib.axes import Axes

    from flowml.features.opened import OpenTube
    from flowml.features.recipes.scales import Scales
    from flowml.models.explanation import Explanation, Reason

SHOWN_REGIONS = 3  # in a view
LEAST_SHOWN = 0.1  # of the largest contribution of a region: smaller ones are not drawn
LEAST_SEEN = 0.02  # of all contributions: a view of smaller ones is not drawn
BAND = 0.025  # share of an axis that the bar of a region beside it takes


def choose_views(
    explanation: Explanation, tubes: Sequence[tuple[str, Collection[str]]], most: int
) -> list[tuple[int, View]]:
    """Choose the views that show the markers which contribute most.

    Parameters
    ----------
    explanation : Explanation
        Of one case.
    tubes : sequence of (str, collection of str)
        Name of each tube among the features, and its markers.
    most : int
        How many views.

    Returns
    -------
    list of (int, View)
        Tube and view: those of ``views.toml``, and side scatter for a marker that has none.
        Each shows a marker, or regions of a pair, that those before it do not, and that are
        worth it.
    """
    worth = _worth(explanation)
    least = LEAST_SEEN * sum(map(abs, marker_sums(explanation).values()))
    candidates = list(_candidates([markers for _, markers in tubes]))
    chosen: list[tuple[int, View]] = []
    while len(chosen) < most and candidates:
        seen = [[(tubes[tube][0], *axes) for axes in _shows(view)] for tube, view in candidates]
        gains = [sum(worth[each] for each in keys) for keys in seen]
        best = int(np.argmax(gains))
        if gains[best] <= least:
            break
        chosen.append(candidates.pop(best))
        worth.update(dict.fromkeys(seen[best], 0.0))
    return chosen


def _shows(view: View) -> list[tuple[str, ...]]:
    """Return what can be seen in a view: two markers, and the pair of them."""
    return [(view.x,), (view.y,), tuple(sorted((view.x, view.y)))]


def _worth(explanation: Explanation) -> defaultdict[tuple[str, ...], float]:
    """Return how much markers and pairs of each tube contribute, to whichever side."""
    worth: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for key, size in marker_sums(explanation).items():
        worth[key] = abs(size)
    for reason in explanation.regions:
        if len(reason.low) > 1:
            worth[(reason.tube, *sorted(reason.markers))] += abs(reason.difference)
    return worth


def marker_sums(explanation: Explanation) -> dict[tuple[str, str], float]:
    """Sum up what the markers of each tube contribute to the decision.

    Parameters
    ----------
    explanation : Explanation
        Of one case.

    Returns
    -------
    dict of (str, str) to float
        Tube and marker to the difference; of a pair each marker gets half, of a map nothing.
    """
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    for reason in explanation.regions:
        for marker in reason.markers if len(reason.markers) <= MOST_OF_A_PAIR else ():
            sums[reason.tube, marker] += reason.difference / len(reason.markers)
    return dict(sums)


def _candidates(measured: Sequence[Collection[str]]) -> Iterator[tuple[int, View]]:
    """Give every view of every tube."""
    for tube, markers in enumerate(measured):
        yield from ((tube, view) for view in views_of(markers))


@dataclass(frozen=True, eq=False)
class ShownTube:
    """A tube, ready to be drawn.

    Parameters
    ----------
    opened : OpenTube
        Its sample, and the channel that stands for each marker.
    key : str
        Name of the tube among the features; empty where tubes are pooled.
    scales : Scales
        The model's, for the tube's instrument.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.
    """

    opened: OpenTube
    key: str
    scales: Scales
    compensation: str


def draw_view(ax: Axes, tube: ShownTube, view: View, explanation: Explanation) -> Axes:
    """Draw all events of a tube in one view, with the regions that contribute most.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    tube : ShownTube
        Has both markers of the view.
    view : View
        What is drawn; its gate is not applied.
    explanation : Explanation
        Of the tube's case.

    Returns
    -------
    matplotlib Axes
        The axes given. Frames are regions of the pair, bars beside an axis those of one
        marker: orange ones speak for the entity, blue ones for the other.
    """
    sample = tube.opened.sample
    channels = [tube.opened.channels[marker] for marker in (view.x, view.y)]
    scales = {channel.name: tube.scales.of(channel) for channel in channels}
    draw_density_view(
        sample,
        *(channel.name for channel in channels),
        scales=None if sample.scale is Scale.DISPLAY else scales,
        ax=ax,
        compensation=tube.compensation,
    )
    for reason in _regions_in(view, tube.key, explanation):
        _draw_region(ax, reason, view)
    name = printable(sample.name, 40)
    ax.set_title(f"{_sums(view, tube.key, explanation)}\n{name}", fontsize=9, **PLAIN)
    return ax


def _sums(view: View, tube: str, explanation: Explanation) -> str:
    """Name the markers of a view with what they contribute."""
    sums = marker_sums(explanation)
    return ", ".join(f"{shown(m)} {signed(sums.get((tube, m), 0.0))}" for m in (view.x, view.y))


def _regions_in(view: View, tube: str, explanation: Explanation) -> list[Reason]:
    """Return the regions that can be drawn in a view, and are worth it."""
    axes = {view.x, view.y}
    fitting = [
        r for r in explanation.regions if r.low and r.tube == tube and set(r.markers) <= axes
    ]
    least = LEAST_SHOWN * max((abs(r.difference) for r in explanation.regions), default=0.0)
    return [r for r in fitting[:SHOWN_REGIONS] if abs(r.difference) >= least]


def _draw_region(ax: Axes, reason: Reason, view: View) -> None:
    """Draw a frame for a region of both axes, a bar beside the axis for one of one axis."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    spans = dict(zip(reason.markers, zip(reason.low, reason.high, strict=True), strict=True))
    ends = dict(zip((view.x, view.y), (ax.get_xlim(), ax.get_ylim()), strict=True))
    (left, right), (bottom, top) = (
        _span(spans.get(marker), ends[marker]) for marker in (view.x, view.y)
    )
    colour, is_frame = side_colour(reason.difference), len(spans) > 1
    halo = [withStroke(linewidth=4, foreground="white")]
    frame = Rectangle(
        (left, bottom), right - left, top - bottom,
        color=colour, fill=not is_frame, linewidth=2.0 if is_frame else 0.0,
        path_effects=halo if is_frame else [],
    )  # fmt: skip
    ax.add_patch(frame)
    beside_x = not is_frame and view.x in spans
    beside_y = not is_frame and view.y in spans
    ax.annotate(
        signed(reason.difference),
        (right if beside_y else (left + right) / 2, top if beside_x else (bottom + top) / 2),
        xytext=(3 * beside_y, 3 * beside_x),
        textcoords="offset points",
        ha="left" if beside_y else "center",
        va="bottom" if beside_x else "center",
        fontsize=8.5,
        fontweight="bold",
        color=colour,
        path_effects=halo,
    )


def _span(region: tuple[float, float] | None, ends: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of a region on an axis; events off the scale are in its end regions."""
    first, last = ends
    if region is None:  # the axis of the other marker: a bar along the frame
        return first, first + BAND * (last - first)
    low, high = region
    return (first if low <= 0 else low), (last if high >= 1 else high)
