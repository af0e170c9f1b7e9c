"""Read a file: HEADER, TEXT, layout, channels, spillover; the events stay where they are."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from flowml.errors import FcsError
from flowml.fcs.chain import MOST_DATASETS, pick, walk
from flowml.fcs.codes import finding
from flowml.fcs.coulter import coulter_spillover
from flowml.fcs.data import Stamp, opened
from flowml.fcs.naming import named_channels
from flowml.fcs.pairs import TOLERANCE, are_pair, disagreement, joined
from flowml.fcs.probe import Probe, describe
from flowml.fcs.spillover import find_spillover
from flowml.findings import Finding, Severity
from flowml.records import Sample, Scale, Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.knowledge.marker_names import MarkerNames


class _Chosen(NamedTuple):
    """The data set that is read, and what is known of its compensation."""

    probe: Probe
    spillover: Spillover | None
    scale: Scale
    findings: tuple[Finding, ...]


def read_fcs(
    path: Path | str,
    *,
    dataset: int | str = "auto",
    strict: bool = False,
    name: str = "",
    marker_names: MarkerNames | None = None,
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
    marker_names : MarkerNames, optional
        A laboratory's own names, which go before the built-in ones.

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
    with opened(file) as (stream, stamp):
        chosen = _choose(file, stream, stamp, dataset)
    sample = _sample(file, chosen, name, marker_names)
    return _strictly(sample) if strict else sample


def read_all(path: Path | str) -> Iterator[Sample]:
    """Read every data set of a file, one after the other.

    Parameters
    ----------
    path : path-like
        A regular file.

    Yields
    ------
    Sample
        As `read_fcs` gives it for ``dataset=1``, ``dataset=2`` and so on.

    Raises
    ------
    FcsError
        At the data set that cannot be read exactly, or behind `MOST_DATASETS` of them.
    """
    file = Path(path)
    first: Probe | None = None
    with opened(file) as (stream, stamp):
        for number, item in enumerate(walk(stream, stamp[0]), start=1):
            probe = describe(stream, item, stamp)
            paired = number == 2 and first is not None and are_pair(first, probe)
            chosen = _of_pair(first, probe, file) if first and paired else _alone(probe)
            first = first or probe
            yield _sample(file, chosen)
            last = item
        if last.next_start is not None:
            raise FcsError(
                f"the file has more than {MOST_DATASETS} data sets, expected up to so many. "
                "Split it.",
                "FCS-DATASET",
            )


def _sample(
    file: Path, chosen: _Chosen, name: str = "", own: MarkerNames | None = None
) -> Sample:
    channels, unknown = named_channels(chosen.probe.channels, own)
    return Sample(
        name=name or file.name,
        channels=channels,
        source=chosen.probe.source(file),
        keywords=MappingProxyType(chosen.probe.keywords),
        spillover=chosen.spillover,
        noticed=(*chosen.findings, *unknown),
        scale=chosen.scale,
    )


def _choose(file: Path, stream: BinaryIO, stamp: Stamp, dataset: int | str) -> _Chosen:
    """Decide which data set is read, and join it with its partner if it has one."""
    if dataset == "auto":
        return _choose_freely(file, stream, stamp)
    beginning, wanted = pick(stream, stamp[0], dataset)
    probe = describe(stream, wanted, stamp)
    first: Probe | None = None
    if dataset == 2:
        with suppress(FcsError):  # a first set that cannot be read has nothing to give
            first = describe(stream, beginning, stamp)
    if first is not None and are_pair(first, probe):
        return _of_pair(first, probe, file)
    return _alone(probe)


def _choose_freely(file: Path, stream: BinaryIO, stamp: Stamp) -> _Chosen:
    sets = walk(stream, stamp[0])
    first = describe(stream, next(sets), stamp)
    try:
        following = next(sets, None)
        if following is None:
            return _alone(first)
        second = describe(stream, following, stamp)
    except FcsError as error:
        raise FcsError(
            f"data set 2 cannot be read: {error} In Python, dataset=1 reads data set 1.",
            error.code,
        ) from error
    if not are_pair(first, second):
        return _alone(first, finding("FCS-DATASET-01", "the first"))
    chosen = _of_pair(first, second, file)
    if chosen.spillover is None and chosen.scale is Scale.RAW:
        return _alone(first, finding("FCS-DATASET-03"))._replace(scale=Scale.COMPENSATED)
    if following.next_start is None:
        return chosen
    more = finding("FCS-DATASET-01", "the first two")
    return chosen._replace(findings=(more, *chosen.findings))


def _alone(probe: Probe, *notes: Finding) -> _Chosen:
    spillover, scale, found = find_spillover(probe.keywords, probe.channels)
    return _Chosen(probe, spillover, scale, (*notes, *probe.findings, *found))


def _of_pair(first: Probe, second: Probe, file: Path) -> _Chosen:
    """Read set 2 of a pair, with its own matrix or Coulter's, which stands in either set."""
    probe = joined(first, second)
    own = {key: text for key, text in second.keywords.items() if not key.startswith("$DFC")}
    spillover, scale, found = find_spillover(own, probe.channels)
    if spillover is None and scale is Scale.RAW:
        try:
            spillover = coulter_spillover(probe.keywords, probe.channels, found)
        except FcsError as error:
            found.append(finding("SPILL-UNUSABLE", str(error)))
        if spillover is not None:
            found = [item for item in found if item.code != "SPILL-NONE"]
    notes = [finding("FCS-DATASET-02")]
    if spillover is not None:
        notes += _checked_pair(first, second, spillover, file)
    texts = [item for item in first.findings if item.code.startswith("FCS-TEXT")]
    others = [
        finding("FCS-TAIL-02", "Coulter's own") if item.code == "FCS-TAIL-01" else item
        for item in probe.findings
    ]
    return _Chosen(probe, spillover, scale, (*notes, *texts, *others, *found))


def _checked_pair(
    first: Probe, second: Probe, spillover: Spillover, file: Path
) -> list[Finding]:
    """Hold set 2, compensated, against set 1."""
    apart = disagreement(first, second, spillover, file)
    unchecked = [name for name in spillover.channels if name not in apart]
    found = []
    if unchecked:
        found.append(finding("FCS-DATASET-06", printable(", ".join(unchecked), 120)))
    if wrong := {name: far for name, far in apart.items() if not far <= TOLERANCE}:
        detail = ", ".join(
            f"{printable(name)} {far:.3g} decades" for name, far in wrong.items()
        )
        found.append(finding("FCS-DATASET-05", detail))
    return found


def _strictly(sample: Sample) -> Sample:
    """Refuse a sample with a finding above info, for callers that asked for it."""
    serious = [item for item in sample.findings if item.severity is not Severity.INFO]
    if serious:
        raise FcsError("; ".join(map(str, serious)), "FCS-STRICT")
    return sample
