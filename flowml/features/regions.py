"""Which part of a marker's scale a feature is about, in words, and what a case has there.

A contribution to an answer belongs to one bin of one histogram, which tells nobody anything.
Here bins are put together to regions: fifths of a scale, cells of a pair of markers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.features.names import RESULT, FeatureName, feature_name, is_population

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.features.recipes.fitted import FittedRecipe

REGIONS = 5  # of a scale: finer ones hold few features, coarser ones mix cells that differ
SIGNS = {"N": "-", "P": "+"}  # as a cytometrist writes negative and positive
SHARE, SCALE = "of events", "of the scale"
_BINNED = re.compile(r"(ecdf|mll)(\d+)", re.ASCII)
_CELL = re.compile(r"pairs(\d\d)(\d\d)", re.ASCII)
_NODE = re.compile(r"som(\d\d)(\d\d)", re.ASCII)
_QUADRANT = re.compile(r"quadrant([NP])([NP])", re.ASCII)
_QUANTILE = re.compile(r"quantile(\d\d)", re.ASCII)
_PART = {"ecdf": "ecdf", "mll": "mll2021"}  # statistic: the part of a recipe that has it
OF_THE_SCALE = ("mean", "sd", "median", "iqr", "spread")
_OF = {"of_parent": "of its parent", "of_all": "of all events"}
_COUNTS = {"events": "events", "per_microlitre": "in a microlitre"}


class Region(NamedTuple):
    """A region of the scales of one or more markers, or a statistic of them.

    Parameters
    ----------
    text : str
        In words, such as ``0.59 to 0.81 of the scale``.
    low, high : tuple of float
        Its ends on the display scale of each marker; empty where it has none.
    constant : float
        What a case has in the region: this, and the `terms`.
    terms : tuple of (str, float)
        Statistics, and how often each counts.
    unit : str
        Of what a case has there: ``of events``, ``of the scale``, of a population, or nothing.
    """

    text: str
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    constant: float = 0.0
    terms: tuple[tuple[str, float], ...] = ()
    unit: str = SHARE


def bins_of(recipe: FittedRecipe | None) -> dict[str, int]:
    """Return how many bins the parts of a recipe have, those that have any.

    Parameters
    ----------
    recipe : FittedRecipe or None
        None for a table of another origin.

    Returns
    -------
    dict of str to int
        By the name of the part.
    """
    parts = recipe.parts if recipe else ()
    return {part.name: int(bins) for part in parts if (bins := getattr(part, "bins", 0))}


def region_of(name: FeatureName, bins: Mapping[str, int]) -> Region:
    """Tell what region a feature is about.

    Parameters
    ----------
    name : FeatureName
        Of the feature.
    bins : mapping of str to int
        As `bins_of` gives them.

    Returns
    -------
    Region
        Equal for features that are of one region; a feature of another origin is its own.

    Examples
    --------
    >>> region_of(FeatureName("", ("CD5",), "ecdf20"), {"ecdf": 32}).text
    '0.59 to 0.81 of the scale'
    """
    statistic = name.statistic
    if (found := _BINNED.fullmatch(statistic)) and _PART[found[1]] in bins:
        return _between_edges(found[1], int(found[2]), bins[_PART[found[1]]])
    if (found := _CELL.fullmatch(statistic)) and "pairs" in bins and len(name.markers) == 2:
        return _cells(name.markers, (int(found[1]), int(found[2])), bins["pairs"])
    if found := _QUADRANT.fullmatch(statistic):
        signs = (m + SIGNS[s] for m, s in zip(name.markers, found.groups(), strict=False))
        return Region(" ".join(signs), terms=((statistic, 1.0),))
    if found := _NODE.fullmatch(statistic):
        return Region(f"node {found[1]}, {found[2]} of the map", terms=((statistic, 1.0),))
    text, unit = _said_of(name)
    return Region(text, terms=((statistic, 1.0),), unit=unit)


def _said_of(name: FeatureName) -> tuple[str, str]:
    """Say what a statistic is that has no place on a scale, and of what it is."""
    statistic = name.statistic
    if found := _QUANTILE.fullmatch(statistic):
        return f"quantile of {int(found[1])} %", SCALE
    if is_population(name.markers[0]) and (unit := _unit_of(statistic)):
        return unit, unit
    unit = SCALE if statistic in OF_THE_SCALE else ""
    return "" if statistic == RESULT else statistic, unit


def _unit_of(statistic: str) -> str:
    """Say of what a share of a population is, or what is counted; empty of anything else."""
    if statistic in _COUNTS:
        return _COUNTS[statistic]
    named = f"of {statistic.removeprefix('of_')}" if statistic.startswith("of_") else ""
    return _OF.get(statistic, named)


def value_in(region: Region, name: FeatureName, values: Mapping[str, float]) -> float:
    """Return what a case has in a region.

    Parameters
    ----------
    region : Region
        As `region_of` gives it.
    name : FeatureName
        Of any feature in it.
    values : mapping of str to float
        The case's features by name.

    Returns
    -------
    float
        In the region's unit; NaN where a feature that it takes is missing.
    """
    total = region.constant
    for statistic, sign in region.terms:
        own = _full_name(name, statistic)
        total += sign * values.get(own, np.nan)
    return total


def _full_name(name: FeatureName, statistic: str) -> str:
    return feature_name(name.tube, name.markers, statistic) if statistic else name.markers[0]


def edges(bins: int) -> list[int]:
    """Return between which bins the regions of a scale lie.

    Parameters
    ----------
    bins : int
        Of the scale.

    Returns
    -------
    list of int
        Rising, from 0 to `bins`; each region has one bin or more.

    Examples
    --------
    >>> edges(16), edges(3)
    ([0, 3, 6, 10, 13, 16], [0, 1, 2, 3])
    """
    n = min(REGIONS, bins)
    return [round(number * bins / n) for number in range(n + 1)]


@lru_cache(maxsize=4096)
def _between_edges(kind: str, edge: int, bins: int) -> Region:
    """Return the region of a distribution in which an edge lies, the lower end included."""
    low, high = _ends(edge, bins)
    places, terms, constant = (low / bins, high / bins), [], 0.0
    for at, sign in ((high, 1.0), (low, -1.0)):
        if 0 < at < bins:
            terms.append((f"{kind}{at:02d}", sign))
        elif at:
            constant = sign
    of = "of the scale" if kind == "ecdf" else "of the range in training"
    text = f"{_range(*places)} {of}"
    region = Region(text, constant=constant, terms=tuple(terms))
    on_scale = kind == "ecdf"  # the other one has a range of its own
    return region._replace(low=places[:1], high=places[1:]) if on_scale else region


@lru_cache(maxsize=4096)
def _cells(markers: tuple[str, str], cell: tuple[int, int], bins: int) -> Region:
    """Return the region of a pair's grid in which a cell lies."""
    ends = [_ends(place, bins) for place in cell]
    (top, bottom), (left, right) = ends
    terms = tuple(
        (f"pairs{row:02d}{column:02d}", 1.0)
        for row in range(top, bottom)
        for column in range(left, right)
    )
    low, high = (tuple(end[side] / bins for end in ends) for side in (0, 1))
    text = ", ".join(
        f"{marker} {_range(*each)}" for marker, *each in zip(markers, low, high, strict=True)
    )
    return Region(text, low, high, 0.0, terms)


def _ends(place: int, bins: int) -> tuple[int, int]:
    """Return the ends of the region in which a bin, or the edge before it, lies."""
    cuts = edges(bins)
    number = int(np.searchsorted(cuts, min(place, bins - 1), side="right"))
    return cuts[number - 1], cuts[number]


def _range(low: float, high: float) -> str:
    return f"{low:.2g} to {high:.2g}"
