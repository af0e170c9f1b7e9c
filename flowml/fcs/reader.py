"""Read a file: HEADER, TEXT, layout, channels, spillover; the events stay where they are."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from flowml.errors import FcsError
from flowml.fcs.channels import Amplifier, describe_channels
from flowml.fcs.codes import finding
from flowml.fcs.data import FileSource, stamp_of
from flowml.fcs.header import HEADER_SIZE, VERSIONS, Header, parse_header
from flowml.fcs.keys import whole_number
from flowml.fcs.layout import Layout, find_layout
from flowml.fcs.segments import read_at, read_keywords
from flowml.fcs.spillover import find_spillover
from flowml.records import Channel, Finding, Sample, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.fcs.text import Keywords

MOST_DATASETS = 100


@dataclass(frozen=True, eq=False)
class Probe:
    """A data set as its TEXT segment describes it.

    Parameters
    ----------
    version : str
        ``FCS2.0`` to ``FCS3.2``.
    keywords : dict of str to str
        TEXT segment.
    layout : Layout
        Where the events are and how they are written.
    channels : tuple of Channel
        One for each column.
    amplifiers : tuple of Amplifier
        How each channel's values become linear.
    findings : tuple of Finding
        What was odd so far.
    stamp : tuple of int
        Size and time of the last change of the file.
    """

    version: str
    keywords: Keywords
    layout: Layout
    channels: tuple[Channel, ...]
    amplifiers: tuple[Amplifier, ...]
    findings: tuple[Finding, ...]
    stamp: tuple[int, int]


def read_fcs(
    path: Path | str, *, dataset: int | str = "auto", strict: bool = False, name: str = ""
) -> Sample:
    """Read an FCS file, exactly or not at all.

    Parameters
    ----------
    path : path-like
        A regular file.
    dataset : int or "auto"
        Which data set, counted from 1; ``auto`` reads the first and says if there are more.
    strict : bool
        Whether a finding above ``info`` is an error.
    name : str
        Identity of the sample; the file's name where it is empty.

    Returns
    -------
    Sample
        Events are read when they are asked for.

    Raises
    ------
    FcsError
        If the file cannot be read exactly; the message says why.
    """
    probe = probe_fcs(path, dataset=dataset)
    spillover, scale, more = find_spillover(probe.keywords, probe.channels)
    findings = (*probe.findings, *more)
    if strict:
        _refuse_findings(findings)
    return Sample(
        name=name or Path(path).name,
        channels=probe.channels,
        source=FileSource(Path(path), probe.layout, probe.amplifiers, probe.stamp),
        keywords=MappingProxyType(probe.keywords),
        spillover=spillover,
        findings=findings,
        scale=scale,
    )


def probe_fcs(path: Path | str, *, dataset: int | str = "auto") -> Probe:
    """Read the TEXT segment only, and prove that the events are there.

    Parameters
    ----------
    path : path-like
        A regular file.
    dataset : int or "auto"
        Which data set, counted from 1; ``auto`` takes the first.

    Returns
    -------
    Probe
        The description of the data set.

    Raises
    ------
    FcsError
        If the file cannot be read exactly.
    """
    file = Path(path)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FcsError(
                f"{printable(file.name)} is not a regular file. Give the path of an FCS file.",
                "FCS-FILE",
            )
        with file.open("rb") as stream:
            return _probe(stream, stamp_of(os.fstat(stream.fileno())), dataset)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FcsError(
            f"could not read {printable(file.name)}: {reason}.", "FCS-FILE"
        ) from error


def _probe(stream: BinaryIO, stamp: tuple[int, int], dataset: int | str) -> Probe:
    size = stamp[0]
    if size == 0:
        raise FcsError(
            "the file is empty (0 bytes), expected an FCS file. Export it again.", "FCS-HEADER"
        )
    wanted = 1 if dataset == "auto" else dataset
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        raise FcsError(
            f"dataset is {printable(dataset)!r}, expected 'auto' or a number from 1.",
            "FCS-DATASET",
        )
    found = list(islice(_datasets(stream, size), wanted))
    if len(found) < wanted:
        raise FcsError(
            f"the file has {len(found)} data sets; number {wanted} is not there. "
            f"Choose 1 to {len(found)}.",
            "FCS-DATASET",
        )
    start, header, keywords, findings = found[-1]
    if dataset == "auto" and _next_start(stream, keywords, start, size) is not None:
        findings.append(finding("FCS-DATASET-01", "the first"))
    layout, repairs = find_layout(keywords, header, start, size)
    channels, amplifiers, oddities = describe_channels(keywords, layout.fields)
    return Probe(
        version=header.version,
        keywords=keywords,
        layout=layout,
        channels=channels,
        amplifiers=amplifiers,
        findings=(*findings, *repairs, *oddities),
        stamp=stamp,
    )


def _datasets(
    stream: BinaryIO, size: int
) -> Iterator[tuple[int, Header, Keywords, list[Finding]]]:
    """Walk the chain of data sets, forwards only."""
    start: int | None = 0
    for _ in range(MOST_DATASETS):
        if start is None:
            return
        header = parse_header(read_at(stream, start, HEADER_SIZE))
        keywords, findings = read_keywords(stream, header, start, size)
        yield start, header, keywords, findings
        start = _next_start(stream, keywords, start, size)


def _next_start(stream: BinaryIO, keywords: Keywords, start: int, size: int) -> int | None:
    """Return where the next data set starts; ``$NEXTDATA`` counts from this one's start.

    Programs leave all kinds of numbers there: what does not lead to a header leads nowhere.
    """
    try:
        step = whole_number(keywords, "$NEXTDATA")
    except FcsError:
        return None
    if not step or step < HEADER_SIZE or start + step + HEADER_SIZE > size:
        return None
    return start + step if read_at(stream, start + step, 6) in VERSIONS else None


def _refuse_findings(findings: tuple[Finding, ...]) -> None:
    """Turn findings into a refusal, for callers that asked for strict reading."""
    serious = [item for item in findings if item.severity is not Severity.INFO]
    if serious:
        raise FcsError("; ".join(map(str, serious)), "FCS-STRICT")
