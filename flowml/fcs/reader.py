"""Read a file: HEADER, TEXT, layout, channels, spillover; the events stay where they are."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from flowml.errors import FcsError
from flowml.fcs.chain import pick, walk
from flowml.fcs.codes import finding
from flowml.fcs.coulter import coulter_spillover
from flowml.fcs.data import stamp_of
from flowml.fcs.pairs import TOLERANCE, are_pair, disagreement, joined
from flowml.fcs.probe import Probe, describe
from flowml.fcs.spillover import find_spillover
from flowml.findings import Finding, Severity
from flowml.records import Sample, Scale, Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

Stamp = tuple[int, int]


class _Chosen(NamedTuple):
    """The data set that is read, and what is known of its compensation."""

    probe: Probe
    spillover: Spillover | None
    scale: Scale
    findings: tuple[Finding, ...]


def read_fcs(
    path: Path | str, *, dataset: int | str = "auto", strict: bool = False, name: str = ""
) -> Sample:
    """Read an FCS file, exactly or not at all.

    Parameters
    ----------
    path : path-like
        A regular file.
    dataset : int or "auto"
        Which data set, counted from 1. ``auto`` reads the first; of a Beckman Coulter pair
        the second, with the markers and the matrix that stand in the first.
    strict : bool
        Whether a finding above ``info`` is an error; all values are then read for it.
    name : str
        Identity of the sample; the file's name where it is empty.

    Returns
    -------
    Sample
        TEXT was read and the events proven to be there; they are read when asked for. Its
        `findings` are complete, its `noticed` are those that need no values.

    Raises
    ------
    FcsError
        If the file cannot be read exactly; the message says why.
    """
    file = Path(path)
    with _opened(file) as (stream, stamp):
        probe, spillover, scale, noticed = _choose(file, stream, stamp, dataset)
    sample = Sample(
        name=name or file.name,
        channels=probe.channels,
        source=probe.source(file),
        keywords=MappingProxyType(probe.keywords),
        spillover=spillover,
        noticed=noticed,
        scale=scale,
    )
    return _strictly(sample) if strict else sample


def probe_fcs(path: Path | str, *, dataset: int = 1) -> Probe:
    """Read one data set's TEXT, and prove that its events are there.

    Parameters
    ----------
    path : path-like
        A regular file.
    dataset : int
        Which data set, counted from 1.

    Returns
    -------
    Probe
        The data set by itself, as the file describes it.

    Raises
    ------
    FcsError
        If the file cannot be read exactly.
    """
    with _opened(Path(path)) as (stream, stamp):
        return describe(stream, pick(stream, stamp[0], dataset)[-1], stamp)


@contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, Stamp]]:
    """Open a regular file; a pipe would block for ever."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise FcsError(
                f"{printable(file.name)} is not a regular file. Give the path of an FCS file.",
                "FCS-FILE",
            )
        with file.open("rb") as stream:
            yield stream, stamp_of(os.fstat(stream.fileno()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FcsError(
            f"could not read {printable(file.name)}: {reason}.", "FCS-FILE"
        ) from error


def _choose(file: Path, stream: BinaryIO, stamp: Stamp, dataset: int | str) -> _Chosen:
    """Decide which data set is read, and join it with its partner if it has one."""
    if dataset == "auto":
        return _choose_freely(file, stream, stamp)
    sets = pick(stream, stamp[0], dataset)
    probe = describe(stream, sets[-1], stamp)
    if dataset == 2:
        with suppress(FcsError):  # a first set that cannot be read has nothing to give
            first = describe(stream, sets[0], stamp)
            if are_pair(first, probe):
                return _of_pair(first, probe, file)
    return _alone(probe)


def _choose_freely(file: Path, stream: BinaryIO, stamp: Stamp) -> _Chosen:
    sets = list(islice(walk(stream, stamp[0]), 2))
    first = describe(stream, sets[0], stamp)
    if len(sets) == 1:
        return _alone(first)
    try:
        second = describe(stream, sets[1], stamp)
    except FcsError as error:
        raise FcsError(
            f"the second data set cannot be read: {error} The first can, as dataset=1.",
            error.code,
        ) from error
    if not are_pair(first, second):
        return _alone(first, finding("FCS-DATASET-01", "the first"))
    chosen = _of_pair(first, second, file)
    if chosen.spillover is None and chosen.scale is Scale.RAW:
        return _alone(first, finding("FCS-DATASET-03"))
    return chosen


def _alone(probe: Probe, *notes: Finding) -> _Chosen:
    spillover, scale, found = find_spillover(probe.keywords, probe.channels)
    return _Chosen(probe, spillover, scale, (*notes, *probe.findings, *found))


def _of_pair(first: Probe, second: Probe, file: Path) -> _Chosen:
    """Read set 2 of a pair, with its own matrix or the one of set 1."""
    probe = joined(first, second)
    spillover, scale, found = find_spillover(second.keywords, probe.channels)
    if spillover is None and scale is Scale.RAW:
        odd: list[Finding] = []
        try:
            spillover = coulter_spillover(first.keywords, probe.channels, odd)
            found = found if spillover is None else odd
        except FcsError as error:
            found = [finding("SPILL-UNUSABLE", str(error))]
    notes = [finding("FCS-DATASET-02")]
    if spillover is not None:
        apart = disagreement(first, second, spillover, file)
        if apart > TOLERANCE:
            notes.append(finding("FCS-DATASET-05", f"{apart:.3f} decades"))
    texts = [item for item in first.findings if item.code.startswith("FCS-TEXT")]
    own = [item for item in probe.findings if item.code != "FCS-TAIL-01"]  # Coulter's block
    return _Chosen(probe, spillover, scale, (*notes, *texts, *own, *found))


def _strictly(sample: Sample) -> Sample:
    """Refuse a sample with a finding above info, for callers that asked for it."""
    serious = [item for item in sample.findings if item.severity is not Severity.INFO]
    if serious:
        raise FcsError("; ".join(map(str, serious)), "FCS-STRICT")
    return sample
