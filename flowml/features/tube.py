"""One tube: read, compensate, count, and note what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.events import COMPUTE_BLOCK
from flowml.fcs.codes import finding
from flowml.fcs.keys import SIMULATED_KEY
from flowml.features.opened import OpenTube, open_tube
from flowml.features.panel import tube_key
from flowml.features.recipes.plan import PartCounts, Plan, make_plan
from flowml.findings import Finding, Severity
from flowml.preprocess import Unmixing
from flowml.preprocess.compensate import ALREADY
from flowml.records import Channel, Role, Sample, Scale
from flowml.safety import file_sha256, printable
from flowml.scratch import Scratch

if TYPE_CHECKING:
    from flowml.features.recipes.fitted import FittedRecipe
    from flowml.records import Tube

SMALLEST_TOP = 32.0  # no instrument measures fluorescence on so short a linear scale
MOST_PLANS = 64  # that are kept: panels and ranges of a run


@dataclass(frozen=True)
class TubeRead:
    """What was read of a tube, for the record.

    Parameters
    ----------
    name : str
        Path relative to the folder given.
    sha256 : str
        Of the file; empty for a sample in memory, and where it was not asked for.
    n_events : int
        Number of events.
    compensation : str
        Where the matrix that was applied came from; ``none`` if none was.
    compensated : bool
        Whether the values were compensated in the end, by us or before.
    simulated : bool
        Whether the file says that it was simulated.
    tops : mapping of str to float
        Upper end of each marker's linear scale.
    """

    name: str
    sha256: str
    n_events: int = 0
    compensation: str = "none"
    compensated: bool = False
    simulated: bool = False
    tops: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TubeCounts:
    """A tube's events in bins, and how they came there.

    Parameters
    ----------
    read : TubeRead
        What was read.
    key : str
        The tube's name, the same in every case.
    counts : list of PartCounts
        Of each part of the recipe.
    findings : tuple of Finding
        What was noticed.
    """

    read: TubeRead
    key: str
    counts: list[PartCounts]
    findings: tuple[Finding, ...]


def count_tube(
    tube: Tube,
    recipe: FittedRecipe,
    compensation: str,
    chunk: int = COMPUTE_BLOCK,
    *,
    hashed: bool = True,
) -> TubeCounts:
    """Read a tube and count its events.

    Parameters
    ----------
    tube : Tube
        A file, or a sample in memory.
    recipe : FittedRecipe
        What is counted.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.
    chunk : int
        Events to read at a time; does not change the result.
    hashed : bool
        Whether the file's SHA-256 is taken for the record.

    Returns
    -------
    TubeCounts
        Counts by part of the recipe and marker.

    Raises
    ------
    FlowmlError
        If the tube cannot be used.
    """
    opened = open_tube(tube, compensation, recipe.markers)
    sample = opened.sample
    counts, odd = _counted(opened, recipe, chunk)
    noticed = sample.findings
    told = any(item.code == "FCS-VALUE-01" for item in noticed)  # by the reader
    odd_values = (finding("FCS-VALUE-01", f"{odd} values"),) if odd and not told else ()
    read = TubeRead(
        name=sample.name,
        sha256=digest_of(tube) if hashed else "",
        n_events=sample.n_events,
        compensation=_applied(opened.unmixing, compensation),
        compensated=(
            opened.unmixing is not None
            or compensation == ALREADY
            or sample.scale is not Scale.RAW
        ),
        simulated=bool(sample.keywords.get(SIMULATED_KEY)),
        tops={marker: channel.top for marker, channel in opened.channels.items()},
    )
    findings = (*noticed, *opened.findings, *_display_values(sample), *odd_values)
    return TubeCounts(read, tube_key(tube, opened.channels), counts, findings)


def _counted(
    opened: OpenTube, recipe: FittedRecipe, chunk: int
) -> tuple[list[PartCounts], int]:
    """Count a tube's events, block by block, and the values that are none."""
    plan = _plan(_PlanKey(recipe.sha256, tuple(opened.channels.items()), recipe))
    with Scratch() as scratch:
        if recipe.passes > 1:
            plan = _plan_by(_maxima(opened, plan, scratch), opened, recipe)
        blocks = opened.blocks(plan.markers, scratch, exact=plan.exact)
        tally = plan.tally(scratch)
        for values in blocks.read(chunk):
            tally.see(values)
        return tally.counts(), blocks.odd


def _maxima(opened: OpenTube, plan: Plan, scratch: Scratch) -> dict[str, float]:
    """Read a tube's events once for the largest finite value of each marker."""
    highest = np.full(len(plan.markers), -np.inf, dtype=np.float32)
    for values in opened.values(plan.markers, scratch, exact=plan.exact):
        finite = np.where(values < np.inf, values, -np.inf)
        highest = np.fmax(highest, np.fmax.reduce(finite, axis=1))
    return dict(zip(plan.markers, highest.tolist(), strict=True))


def _plan_by(maxima: Mapping[str, float], opened: OpenTube, recipe: FittedRecipe) -> Plan:
    return make_plan(
        recipe.parts, recipe.scales, opened.channels, exact=recipe.exact, maxima=maxima
    )


@dataclass(frozen=True)
class _PlanKey:
    """What a plan depends on; workers get equal recipes that are other objects."""

    recipe_sha256: str
    channels: tuple[tuple[str, Channel], ...]
    recipe: FittedRecipe = field(compare=False)


@lru_cache(maxsize=MOST_PLANS)
def _plan(key: _PlanKey) -> Plan:
    recipe = key.recipe
    return make_plan(recipe.parts, recipe.scales, dict(key.channels), exact=recipe.exact)


def _applied(unmixing: Unmixing | None, policy: str) -> str:
    """Say what was done to the values, for the record."""
    if unmixing is not None:
        return unmixing.source
    return "declared" if policy == ALREADY else "none"


def digest_of(tube: Tube) -> str:
    """Return the SHA-256 of a tube's file.

    Parameters
    ----------
    tube : Tube
        Any.

    Returns
    -------
    str
        Empty for a sample in memory, and for a file that cannot be read.
    """
    try:
        return file_sha256(tube.origin) if isinstance(tube.origin, Path) else ""
    except FlowmlError:
        return ""


def _display_values(sample: Sample) -> tuple[Finding, ...]:
    """Tell fluorescence that is on a display scale already, though it calls itself linear."""
    short = [
        channel.name
        for channel in sample.channels
        if channel.role is Role.FLUORESCENCE and channel.marker and channel.top < SMALLEST_TOP
    ]
    if not short:
        return ()
    message = (
        f"the scale ends below {SMALLEST_TOP:.0f} in {printable(', '.join(short), 120)}: the "
        "values seem to be on a display scale already, which the linear transform keeps"
    )
    return (Finding("SCALE-DISPLAY", message, Severity.REVIEW),)
