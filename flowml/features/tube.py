"""One tube: read, compensate, count, and note what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import FlowmlError, PanelError
from flowml.fcs import read_fcs
from flowml.fcs.codes import finding
from flowml.fcs.keys import SIMULATED_KEY
from flowml.features.reduce import Counts, count_events, marker_columns
from flowml.findings import Finding, Severity
from flowml.preprocess import Unmixing, choose_unmixing
from flowml.preprocess.compensate import ALREADY
from flowml.records import Role, Sample, Scale
from flowml.safety import file_sha256, printable

if TYPE_CHECKING:
    from flowml.features.recipes import FittedRecipe
    from flowml.records import Tube

SMALLEST_TOP = 32.0  # no instrument measures fluorescence on so short a linear scale


@dataclass(frozen=True)
class TubeRead:
    """What was read of a tube, for the record.

    Parameters
    ----------
    name : str
        Path relative to the folder given.
    sha256 : str
        Of the file; empty for a sample in memory.
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
    counts : dict of str to ndarray, int64
        Events in each bin, by marker.
    findings : tuple of Finding
        What was noticed.
    """

    read: TubeRead
    counts: Counts
    findings: tuple[Finding, ...]


def count_tube(
    tube: Tube,
    recipe: FittedRecipe,
    compensation: str,
    chunk: int,
) -> TubeCounts:
    """Read a tube and count its events.

    Parameters
    ----------
    tube : Tube
        A file, or a sample in memory.
    recipe : FittedRecipe
        Gives the bins.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.
    chunk : int
        Events to read at a time; does not change the result.

    Returns
    -------
    TubeCounts
        Counts by marker.

    Raises
    ------
    FlowmlError
        If the tube cannot be used.
    """
    sample = _sample_of(tube)
    unmixing, decided = choose_unmixing(sample, compensation)
    columns, doubtful = marker_columns(sample)
    if not columns:
        raise PanelError(
            f"no marker is recognised in {printable(sample.name)}; its channels are "
            f"{printable(', '.join(sample.channel_names[:20]))}. Name the markers in $PnS."
        )
    counts, odd = count_events(sample, columns, unmixing, recipe, chunk)
    told = any(item.code == "FCS-VALUE-01" for item in sample.findings)  # by the reader
    odd_values = (finding("FCS-VALUE-01", f"{odd} values"),) if odd and not told else ()
    read = TubeRead(
        name=sample.name,
        sha256=digest_of(tube),
        n_events=sample.n_events,
        compensation=_applied(unmixing, compensation),
        compensated=(
            unmixing is not None or compensation == ALREADY or sample.scale is not Scale.RAW
        ),
        simulated=bool(sample.keywords.get(SIMULATED_KEY)),
        tops={marker: sample.channels[column].top for marker, column in columns.items()},
    )
    noticed = (*sample.findings, *decided, *doubtful, *_display_values(sample), *odd_values)
    return TubeCounts(read, counts, noticed)


def _applied(unmixing: Unmixing | None, policy: str) -> str:
    """Say what was done to the values, for the record."""
    if unmixing is not None:
        return unmixing.source
    return "declared" if policy == ALREADY else "none"


def _sample_of(tube: Tube) -> Sample:
    if isinstance(tube.origin, Path):
        return read_fcs(tube.origin, name=tube.name)
    return tube.origin


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
