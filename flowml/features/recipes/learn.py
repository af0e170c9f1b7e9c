"""What fitting sees of training cases, and what it learns of it.

A survey holds fine histograms of each marker and, for maps, some events. Every case counts
alike, however many events it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from flowml.cases import at_hand
from flowml.errors import FlowmlError
from flowml.features.counting.blocks import largest
from flowml.features.counting.fine import FINE_BINS, HIGHEST, LOWEST, FineCounter, centres
from flowml.features.opened import OpenTube, open_tube
from flowml.features.recipes.mll2021 import UNITS, Standard, learn_standard
from flowml.features.recipes.scales import Scales
from flowml.features.recipes.som import FEWEST_MARKERS, Som, learn_codebook, part_from
from flowml.features.stained import instrument_of
from flowml.preprocess import logicle_width
from flowml.preprocess.display import is_shown_in_decades
from flowml.preprocess.tabled import Tabled
from flowml.preprocess.transform import Logicle
from flowml.scratch import Scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.quality import Preparation
    from flowml.records import Case, Channel

ALL_EVENTS = 200_000  # of all training cases together, from which a map is learned
FEWEST_EVENTS, MOST_EVENTS = 50, 5_000  # of one case
NEGATIVE_SHARE = 0.05  # of the negative values: Parks, Roederer & Moore refer the width to it
SURVEYED = Scales()  # fixed, so that a histogram means the same values over top in every case


@dataclass(frozen=True, eq=False)
class SurveyedMarker:
    """What was seen of one marker of one case.

    Parameters
    ----------
    counts : ndarray, shape (FINE_BINS,), int64
        Events in each fine bin, over all tubes that have the marker.
    in_decades : bool
        Whether the bins are those of logicle or of the linear scale.
    maximum : float
        The largest value, in units of the channel's top.
    tops : tuple of float
        Where the scale ends, lowest and highest of the tubes.
    """

    counts: NDArray[np.int64]
    in_decades: bool
    maximum: float
    tops: tuple[float, float]

    def over_top(self) -> NDArray[np.float64]:
        """Return the middle of each bin, shape (FINE_BINS,), in units of the top."""
        return Logicle(1.0).inverse(centres()) if self.in_decades else centres()


@dataclass(frozen=True, eq=False)
class Survey:
    """What was seen of one training case.

    Parameters
    ----------
    case_id : str
        The case.
    histograms : mapping of str to SurveyedMarker
        By marker; empty if the case cannot be used.
    events : tuple of (mapping of str to Channel, ndarray)
        For each tube its markers and some of its events, shape (n_markers, n), float32.
    instrument : str
        That measured all of its tubes; empty where they differ, or do not tell.
    """

    case_id: str
    histograms: Mapping[str, SurveyedMarker] = field(default_factory=dict)
    events: tuple[tuple[Mapping[str, Channel], NDArray[np.float32]], ...] = ()
    instrument: str = ""


def share_of_events(n_cases: int) -> int:
    """Return how many events of each case a map is learned from.

    Parameters
    ----------
    n_cases : int
        Training cases.

    Returns
    -------
    int
        Fewer of each the more there are.
    """
    return min(max(ALL_EVENTS // max(n_cases, 1), FEWEST_EVENTS), MOST_EVENTS)


def survey(case: Case, markers: Sequence[str], how: Preparation, n_events: int = 0) -> Survey:
    """Look at a training case.

    Parameters
    ----------
    case : Case
        One or more tubes.
    markers : sequence of str
        Only these; all if it is empty.
    how : Preparation
        How the events of its tubes are made ready.
    n_events : int
        Events of each tube to keep, evenly spaced over it.

    Returns
    -------
    Survey
        Empty if a tube cannot be used: extraction will say why.
    """
    found: dict[str, SurveyedMarker] = {}
    kept, instruments = [], set[str]()
    try:
        for tube in case.tubes:
            with at_hand(tube) as near:
                opened = open_tube(near, how, markers)
                counted, events = _one_tube(opened, n_events)
                instruments.add(instrument_of(near, opened.sample.keywords))
            for marker, seen in counted.items():
                found[marker] = _together(found[marker], seen) if marker in found else seen
            kept.append((opened.channels, events))
    except FlowmlError:
        return Survey(case.case_id)
    counted = {marker: seen for marker, seen in found.items() if seen.counts.any()}
    instrument = instruments.pop() if len(instruments) == 1 else ""
    return Survey(case.case_id, counted, tuple(kept), instrument)


def _one_tube(
    opened: OpenTube, n_events: int
) -> tuple[dict[str, SurveyedMarker], NDArray[np.float32]]:
    """Count a tube's events, note the largest values, and keep some events."""
    names = list(opened.channels)
    step = max(1, -(-opened.sample.n_events // max(n_events, 1)))
    highest, start = np.full(len(names), -np.inf), 0
    kept = [np.empty((len(names), 0), np.float32)]
    with Scratch() as scratch:
        counter = FineCounter([SURVEYED.of(opened.channels[name]) for name in names], scratch)
        for values in opened.values(names, scratch, exact=False):
            counter.see(values)
            highest = np.fmax(highest, largest(values))
            if n_events:
                kept.append(values[:, (-start) % step :: step].copy())
            start += values.shape[1]
    seen = {}
    for name, counts, maximum in zip(names, counter.counts, highest, strict=True):
        channel = opened.channels[name]
        over_top, in_decades = float(maximum) / channel.top, is_shown_in_decades(channel)
        seen[name] = SurveyedMarker(counts, in_decades, over_top, (channel.top, channel.top))
    return seen, np.concatenate(kept, axis=1)


def _together(first: SurveyedMarker, second: SurveyedMarker) -> SurveyedMarker:
    """Add up two tubes; of a marker on two kinds of scale the first tube is taken."""
    if first.in_decades != second.in_decades:
        return first
    maximum = max(first.maximum, second.maximum)
    tops = min(first.tops[0], second.tops[0]), max(first.tops[1], second.tops[1])
    return SurveyedMarker(first.counts + second.counts, first.in_decades, maximum, tops)


def _by_marker(surveys: Sequence[Survey]) -> dict[str, list[SurveyedMarker]]:
    found: dict[str, list[SurveyedMarker]] = {}
    for each in surveys:
        for marker, seen in each.histograms.items():
            found.setdefault(marker, []).append(seen)
    return dict(sorted(found.items()))


def widths(surveys: Sequence[Survey]) -> tuple[tuple[str, float], ...]:
    """Learn logicle's width of each marker from the negative values of the training cases.

    Parameters
    ----------
    surveys : sequence of Survey
        Of the training cases.

    Returns
    -------
    tuple of (str, float)
        Of markers that are shown in decades and have negative values; the others keep the
        usual width. By `flowml.preprocess.logicle_width`.
    """
    found = []
    for marker, every in _by_marker(surveys).items():
        curved = [seen for seen in every if seen.in_decades]
        if not curved:
            continue
        over_top = curved[0].over_top()
        weights = sum((_weights(seen) for seen in curved), np.zeros(FINE_BINS))
        negative = np.where(over_top < 0, weights, 0.0)
        if negative.sum() > 0:
            below = np.cumsum(negative) / negative.sum()
            reference = float(over_top[np.searchsorted(below, NEGATIVE_SHARE)])
            found.append((marker, float(logicle_width(reference, 1.0))))
    return tuple(found)


def _weights(seen: SurveyedMarker) -> NDArray[np.float64]:
    return np.asarray(seen.counts / seen.counts.sum())


def standards(surveys: Sequence[Survey], *, measured: bool) -> tuple[Standard, ...]:
    """Learn the standards of the recipe mll2021.

    Parameters
    ----------
    surveys : sequence of Survey
        Of the training cases.
    measured : bool
        Whether values are divided by the sample's largest value.

    Returns
    -------
    tuple of Standard
        One for each marker.
    """
    found = []
    for marker, every in _by_marker(surveys).items():
        usable = [seen for seen in every if not measured or seen.maximum > 0]
        if not usable:
            continue
        units = [
            seen.over_top() * (UNITS / seen.maximum if measured else UNITS) for seen in usable
        ]
        weights = np.concatenate([_weights(seen) for seen in usable]) / len(usable)
        values = np.concatenate(units)
        order = np.argsort(values, kind="stable")
        found.append(learn_standard(marker, values[order], weights[order]))
    return tuple(found)


def codebook(
    surveys: Sequence[Survey], markers: Sequence[str], side: int, scales: Scales
) -> Som:
    """Learn a map.

    Parameters
    ----------
    surveys : sequence of Survey
        Of the training cases, with events.
    markers : sequence of str
        Axes of the map; if it is empty, the markers that all tubes of all cases have.
    side : int
        Nodes along one side.
    scales : Scales
        Display scales of the recipe.

    Returns
    -------
    Som
        The part of a recipe.

    Raises
    ------
    FlowmlError
        If the tubes share fewer than two markers, or have no events with all of them.
    """
    tubes = [
        (each.case_id, scales.on(each.instrument), *tube)
        for each in surveys
        for tube in each.events
    ]
    common = set.intersection(*(set(c) for _, _, c, _ in tubes)) if tubes else set()
    axes = tuple(sorted(markers or common))
    points = [
        (case_id, _shown(channels, events, axes, own))
        for case_id, own, channels, events in tubes
        if axes and set(axes) <= set(channels)
    ]
    every = np.concatenate([np.empty((0, len(axes)), np.float32), *(p for _, p in points)])
    if len(axes) < FEWEST_MARKERS or len(every) < side**2:
        raise FlowmlError(
            f"a map is learned from {side**2} events or more with two markers or more; found "
            f"{len(every)} events with {', '.join(axes) or 'no marker'} in common. Name the "
            "markers of one tube (markers=...)."
        )
    events_of = Counter[str]()
    for case_id, found in points:
        events_of[case_id] += len(found)
    weights = [
        np.full(len(found), 1 / events_of[case_id]) for case_id, found in points if len(found)
    ]
    whole = np.concatenate(weights)
    return part_from(axes, learn_codebook(every, whole / whole.sum(), side), side)


def _shown(
    channels: Mapping[str, Channel],
    events: NDArray[np.float32],
    axes: tuple[str, ...],
    scales: Scales,
) -> NDArray[np.float32]:
    """Return events on the display scales, shape (n, n_axes), without odd ones."""
    rows = list(channels)
    columns = [Tabled(scales.of(channels[axis]))(events[rows.index(axis)]) for axis in axes]
    shown = np.stack(columns, axis=1)
    whole = shown[~np.isnan(shown).any(axis=1)]
    return np.asarray(np.clip(whole, LOWEST, HIGHEST))  # one value far off would rule the map
