"""The populations of a tube, counted: how many events of what, and their fine histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.errors import GateError
from flowml.features.counting.populations import PopulationCounter
from flowml.features.names import population_key
from flowml.features.recipes.part import Kind
from flowml.features.recipes.plan import PartCounts, as_table, side_by_side
from flowml.features.recipes.populations import COUNTED
from flowml.findings import Finding, Severity
from flowml.gating.gaters import find_populations
from flowml.gating.statistics import picolitres_of
from flowml.quality.mask import MASK
from flowml.safety import listed, printable
from flowml.scratch import Scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.opened import OpenTube
    from flowml.features.recipes.fitted import FittedRecipe
    from flowml.features.recipes.populations import PopulationShares
    from flowml.gating.populations import Count, Populations
    from flowml.quality import Preparation

Counted = dict[tuple[str, ...], "NDArray[np.int64]"]


class GatedCounts(NamedTuple):
    """What was counted of a tube's populations.

    Parameters
    ----------
    of : mapping of Kind to PartCounts
        For the parts of a recipe that look at populations.
    findings : tuple of Finding
        What is not sure, or could not be gated.
    """

    of: dict[Kind, PartCounts]
    findings: tuple[Finding, ...]


def count_populations(
    opened: OpenTube, recipe: FittedRecipe, how: Preparation, instrument: str
) -> GatedCounts:
    """Gate a tube, and count its populations.

    Parameters
    ----------
    opened : OpenTube
        Its events are read twice: by the gates, and once all masks are known.
    recipe : FittedRecipe
        With gates.
    how : Preparation
        How its events are made ready.
    instrument : str
        For scales that are aligned.

    Returns
    -------
    GatedCounts
        Nothing where the tube lacks a channel of the gates, as another tube of the case may
        have it.

    Raises
    ------
    FlowmlError
        If the tube is on a display scale, or cannot be compensated.
    """
    part = recipe.gated
    if part is None:
        return GatedCounts({}, ())
    try:
        found = find_populations(opened.sample, part.found_by, how.compensation)
    except GateError as error:
        message = f"{printable(opened.sample.name)} was not gated: {error}"
        nothing = {kind: as_table({}) for kind in (Kind.SHARES, Kind.BRIGHTNESS)}
        return GatedCounts(nothing, (Finding("GATE-NO-CHANNEL", message),))
    volume = 0 if how.quality == MASK else picolitres_of(opened.sample)
    counts = found.counts()
    return GatedCounts(
        {
            Kind.SHARES: as_table(_sizes(counts, found, part, volume)),
            Kind.BRIGHTNESS: as_table(_brightness(opened, recipe, found, instrument)),
        },
        (*filter(_is_doubt, found.findings), *_unsure(found, opened.sample.name)),
    )


def _sizes(
    counts: list[Count], found: Populations, part: PopulationShares, volume: int
) -> Counted:
    """Return what is counted of each population (`COUNTED`); zeros where it is not sure."""
    named = part.reference if part.reference in found.masks else ""
    reference = found.masks[named] if named and found.is_sure(named) else None
    n_reference = 0 if reference is None else int(np.count_nonzero(reference))
    sizes: Counted = {}
    for count in counts:
        mask = found.masks[count.name]
        inside = 0 if reference is None else int(np.count_nonzero(mask & reference))
        measured = count.n_events if volume else 0
        told = (count.n_events, count.n_parent, inside, n_reference, count.n_all, measured)
        row = (*told, volume) if found.is_sure(count.name) else (0,) * len(COUNTED)
        sizes[(population_key(count.name),)] = np.array(row, dtype=np.int64)
    return sizes


def _brightness(
    opened: OpenTube, recipe: FittedRecipe, found: Populations, instrument: str
) -> Counted:
    """Return fine histograms of each marker within each population."""
    markers, scales = side_by_side(recipe.scales.on(instrument), opened.channels)
    nothing = np.zeros(opened.sample.n_events, dtype=bool)
    histograms: Counted = {}
    with Scratch() as scratch:
        counter = PopulationCounter(scales, opened.sample.n_events, scratch)
        for values in opened.values(markers, scratch, exact=recipe.exact):
            counter.see(values)
        for name, mask in found.masks.items():
            rows = counter.counts(mask if found.is_sure(name) else nothing)
            own = [(marker, population_key(name)) for marker in markers]
            histograms |= dict(zip(own, rows, strict=True))
    return histograms


def _is_doubt(finding: Finding) -> bool:
    """Tell what concerns the whole tube; of single populations `_unsure` says it in one."""
    return finding.severity is Severity.REVIEW


def _unsure(found: Populations, name: str) -> tuple[Finding, ...]:
    """Say in one finding which populations are not sure: nothing is told of them."""
    low = [
        f"{printable(each, 60)} ({found.score(each):.2f})"
        for each in found.masks
        if not found.is_sure(each)
    ]
    if not low:
        return ()
    message = f"{printable(name)} tells nothing of populations that are not sure: {listed(low)}"
    return (Finding("FEATURES-UNSURE", message),)
