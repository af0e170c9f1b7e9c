"""One tube: read, compensate, count, and note what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.cases import at_hand
from flowml.errors import FlowmlError
from flowml.events import COMPUTE_BLOCK, RememberedSource
from flowml.fcs.codes import finding
from flowml.fcs.keys import SIMULATED_KEY
from flowml.features.counting.blocks import largest
from flowml.features.gated import count_populations
from flowml.features.opened import OpenTube, open_tube
from flowml.features.panel import tube_key
from flowml.features.recipes.part import is_measured
from flowml.features.recipes.plan import PartCounts, Plan, make_plan
from flowml.features.stained import instrument_of, stained_tube
from flowml.features.standin import AS_MEASURED, Substitution
from flowml.findings import Finding, Severity
from flowml.gating.rules.cells import open_cells
from flowml.knowledge.shapes import StainedTube
from flowml.preprocess import Unmixing
from flowml.preprocess.compensate import ALREADY
from flowml.quality.mask import MASK
from flowml.records import Channel, Role, Sample, Scale
from flowml.safety import file_sha256, printable
from flowml.scratch import Scratch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.recipes.fitted import FittedRecipe
    from flowml.gating.rules.cells import Cells
    from flowml.quality import Preparation
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
    masked : bool
        Whether events of poor quality, if there were any, were left out; `n_events` are
        those that stayed.
    label : str
        What the laboratory calls the tube; empty where it is not known.
    detectors : mapping of str to str
        Marker to the detector (``$PnN``) that measures it, of all markers of the tube.
    dyes : mapping of str to str
        Marker to its fluorochrome, where that is known.
    unlabelled : tuple of str
        Detectors of fluorescence without a marker.
    instrument : str
        As the manifest calls it, else ``$CYT`` and ``$CYTSN``; empty where nothing tells.
    stand_ins : mapping of str to str
        Marker that the case has not measured, to that of the tube which was taken for it.
    """

    name: str
    sha256: str
    n_events: int = 0
    compensation: str = "none"
    compensated: bool = False
    simulated: bool = False
    tops: Mapping[str, float] = field(default_factory=dict)
    masked: bool = False
    label: str = ""
    detectors: Mapping[str, str] = field(default_factory=dict)
    dyes: Mapping[str, str] = field(default_factory=dict)
    unlabelled: tuple[str, ...] = ()
    instrument: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    @property
    def stained(self) -> StainedTube | None:
        """What was stained with what, for `recognize`; None where no detector is known."""
        if not (self.detectors or self.unlabelled):  # not read, or told by an older table
            return None
        return StainedTube(self.name, self.label, self.detectors, self.unlabelled, self.dyes)


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
    cells : Cells or None
        The events as the rules look at them, where they shall.
    """

    read: TubeRead
    key: str
    counts: list[PartCounts]
    findings: tuple[Finding, ...]
    cells: Cells | None = None


def count_tube(
    tube: Tube,
    recipe: FittedRecipe,
    how: Preparation,
    chunk: int = COMPUTE_BLOCK,
    *,
    case_id: str = "",
    hashed: bool = True,
    names: Substitution = AS_MEASURED,
) -> TubeCounts:
    """Read a tube and count its events.

    Parameters
    ----------
    tube : Tube
        A file, or a sample in memory.
    recipe : FittedRecipe
        What is counted.
    how : Preparation
        How its events are made ready.
    chunk : int
        Events to read at a time; does not change the result.
    case_id : str
        The case, to tell what the laboratory calls the tube.
    hashed : bool
        Whether the file's SHA-256 is taken for the record.
    names : Substitution
        By what names its channels are counted.

    Returns
    -------
    TubeCounts
        Counts by part of the recipe and marker.

    Raises
    ------
    FlowmlError
        If the tube cannot be used.
    """
    opened = open_tube(tube, how, recipe.markers, names)
    if how.rules or recipe.gated:  # need all values together: kept, for the file is read once
        remembered = RememberedSource(opened.sample.source)
        opened = replace(opened, sample=replace(opened.sample, source=remembered))
    sample = opened.sample
    instrument = instrument_of(tube, sample.keywords)
    counts, odd = _counted(opened, recipe, instrument, chunk)
    gated = count_populations(opened, recipe, how, instrument)
    counts = [gated.of.get(p.kind, own) for p, own in zip(recipe.parts, counts, strict=True)]
    noticed = sample.findings
    told = any(item.code == "FCS-VALUE-01" for item in noticed)  # by the reader
    odd_values = (finding("FCS-VALUE-01", f"{odd} values"),) if odd and not told else ()
    sha256 = digest_of(tube) if hashed else ""
    stained = stained_tube(case_id, tube, sample, how.marker_names)
    read = _record(opened, how, stained, instrument, sha256)
    doubts = (*_display_values(sample), *_not_aligned(recipe, instrument))
    findings = (*noticed, *opened.findings, *doubts, *gated.findings, *odd_values)
    cells = _cells(sample, how.compensation) if how.rules else None
    return TubeCounts(read, tube_key(tube, opened.channels), counts, findings, cells)


def _cells(sample: Sample, compensation: str) -> Cells | None:
    """Put the events on levels; None where they are on a display scale already."""
    return None if sample.scale is Scale.DISPLAY else open_cells(sample, compensation)


def _record(
    opened: OpenTube, how: Preparation, stained: StainedTube, instrument: str, sha256: str
) -> TubeRead:
    """Say for the record what was read, and how."""
    sample = opened.sample
    return TubeRead(
        name=sample.name,
        sha256=sha256,
        n_events=sample.n_events,
        compensation=_applied(opened.unmixing, how.compensation),
        compensated=(
            opened.unmixing is not None
            or how.compensation == ALREADY
            or sample.scale is not Scale.RAW
        ),
        simulated=bool(sample.keywords.get(SIMULATED_KEY)),
        tops={marker: channel.top for marker, channel in opened.channels.items()},
        masked=how.quality == MASK,
        label=stained.label,
        detectors=stained.stains,
        dyes=stained.dyes,
        unlabelled=stained.unlabelled,
        instrument=instrument,
        stand_ins=opened.stand_ins,
    )


def _counted(
    opened: OpenTube, recipe: FittedRecipe, instrument: str, chunk: int
) -> tuple[list[PartCounts], int]:
    """Count a tube's events, block by block, and the values that are none."""
    by_range = _plan_of(recipe, opened.channels, instrument)
    with Scratch() as scratch:
        tally = by_range.tally(scratch)
        by_maximum = (
            _ByMaximum(opened, recipe, by_range, scratch) if recipe.passes > 1 else None
        )
        blocks = opened.blocks(by_range.markers, scratch, exact=recipe.exact)
        for values in blocks.read(chunk):
            tally.see(values)
            if by_maximum is not None:
                by_maximum.see(values)
        counts = tally.counts()
        if by_maximum is not None:
            counts = by_maximum.beside(counts)
        return counts, blocks.odd


class _ByMaximum:
    """Counts the parts that measure by the tube's own maxima: values are divided by them.

    Parameters
    ----------
    opened : OpenTube
        Is read once, for the maxima.
    recipe : FittedRecipe
        Has such parts.
    plan : Plan
        Of the other parts; gives the rows of the values.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(
        self, opened: OpenTube, recipe: FittedRecipe, plan: Plan, scratch: Scratch
    ) -> None:
        highest = np.full(len(plan.markers), -np.inf, dtype=np.float32)
        for values in opened.values(plan.markers, scratch, exact=recipe.exact):
            highest = np.fmax(highest, largest(values))
        positive = {
            marker: float(top)
            for marker, top in zip(plan.markers, highest, strict=True)
            if 0 < top < np.inf  # there is nothing to measure by where no value is above zero
        }
        channels = {m: replace(opened.channels[m], top=1.0) for m in positive}
        own = _plan_of(recipe, channels, "", measured=True)  # such parts are never aligned
        self._recipe, self._tally = recipe, own.tally(scratch)
        self._rows = [plan.markers.index(marker) for marker in own.markers]
        self._tops = np.array([positive[m] for m in own.markers], np.float32)[:, None]

    def see(self, values: NDArray[np.float32]) -> None:
        """Count a block."""
        with np.errstate(over="ignore"):
            self._tally.see(values[self._rows] / self._tops)

    def beside(self, others: Sequence[PartCounts]) -> list[PartCounts]:
        """Return all counts in the order of the recipe's parts."""
        own, rest = iter(self._tally.counts()), iter(others)
        return [next(own if is_measured(part) else rest) for part in self._recipe.parts]


@dataclass(frozen=True)
class _PlanKey:
    """What a plan depends on; workers get equal recipes that are other objects."""

    recipe_sha256: str
    channels: tuple[tuple[str, Channel], ...]
    instrument: str
    measured: bool
    recipe: FittedRecipe = field(compare=False)


def _plan_of(
    recipe: FittedRecipe,
    channels: Mapping[str, Channel],
    instrument: str,
    *,
    measured: bool = False,
) -> Plan:
    """Return the plan of the parts that measure by a tube's maxima, or of the others."""
    own = instrument if recipe.scales.knows(instrument) else ""  # the others share a plan
    return _plan(_PlanKey(recipe.sha256, tuple(channels.items()), own, measured, recipe))


@lru_cache(maxsize=MOST_PLANS)
def _plan(key: _PlanKey) -> Plan:
    recipe = key.recipe
    parts = [part for part in recipe.parts if is_measured(part) == key.measured]
    scales = recipe.scales.on(key.instrument)
    return make_plan(parts, scales, dict(key.channels), exact=recipe.exact)


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
        with at_hand(tube) as near:
            return file_sha256(near.origin) if isinstance(near.origin, Path) else ""
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


def _not_aligned(recipe: FittedRecipe, instrument: str) -> tuple[Finding, ...]:
    """Tell a tube of an instrument that an alignment does not know."""
    if recipe.scales.alignment is None or recipe.scales.knows(instrument):
        return ()
    which = f"the instrument {instrument!r}" if instrument else "an instrument without a name"
    message = (
        f"measured on {which}, which the alignment of the recipe does not know: its values are "
        "taken as they are"
    )
    return (Finding("ALIGN-UNKNOWN", message, Severity.REVIEW),)
