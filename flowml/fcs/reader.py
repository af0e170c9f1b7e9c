"""Read a file: HEADER, TEXT, layout, channels, spillover; the events stay where they are."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

from flowml.errors import FcsError
from flowml.fcs.channels import Amplifier, describe_channels
from flowml.fcs.codes import finding
from flowml.fcs.data import FileSource, stamp_of
from flowml.fcs.header import HEADER_SIZE, VERSIONS, Header, Segment, parse_header
from flowml.fcs.keys import whole_number
from flowml.fcs.layout import Layout, find_layout
from flowml.fcs.spillover import find_spillover
from flowml.fcs.text import Keywords, parse_text
from flowml.records import Channel, Finding, Sample, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_DATASETS = 100
LARGEST_TEXT = 16 << 20  # bytes; a spectral instrument's matrix takes 0.1 MB
PADDING = b" \r\n\x00"
LONGEST_GAP = 1 << 16  # bytes behind TEXT that are searched for its rest


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
        header = parse_header(_read(stream, start, HEADER_SIZE))
        keywords, findings = _keywords(stream, header, start, size)
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
    return start + step if _read(stream, start + step, 6) in VERSIONS else None


def _keywords(
    stream: BinaryIO, header: Header, start: int, size: int
) -> tuple[Keywords, list[Finding]]:
    """Read TEXT, and supplemental TEXT where there is one."""
    raw = _segment(stream, header.text, start, size)
    keywords, findings = parse_text(raw)
    more_text = _text_behind(stream, raw, header, keywords, start)
    if more_text:
        keywords, findings = parse_text(raw + more_text)
        findings.append(finding("FCS-TEXT-06", f"{len(more_text)} bytes"))
    try:
        begin, end = (whole_number(keywords, key) for key in ("$BEGINSTEXT", "$ENDSTEXT"))
        extra = Segment(begin or 0, end or 0)
        if extra.given and extra != header.text:
            more, _ = parse_text(_segment(stream, extra, start, size))
            keywords = more | keywords
    except FcsError:
        findings.append(finding("FCS-TEXT-05"))
    return keywords, findings


def _text_behind(
    stream: BinaryIO, raw: bytes, header: Header, keywords: Keywords, start: int
) -> bytes:
    """Return what of TEXT stands behind the end that the header gives.

    A segment ends with its delimiter, then perhaps padding. Where it does not, and the bytes
    that follow belong to no other segment, a value or whole keywords were cut off.
    """
    gap = _bytes_behind(stream, header, keywords, start)
    delimiter = raw[:1]
    ended = raw.rstrip(PADDING).endswith(delimiter)
    padded = ended and (raw[-1:] in PADDING or gap[:1] in PADDING)
    if padded or not gap.strip(PADDING):
        return b""
    rest = gap[: gap.rstrip(PADDING).rfind(delimiter) + 1]
    is_text = bool(rest) and not any(byte < 0x20 for byte in rest.replace(delimiter, b""))
    if ended:  # what follows is TEXT only if keys and values then pair up
        pairs_up = (raw + rest).count(delimiter) % 2 == 1
        return rest if is_text and pairs_up else b""
    if not is_text:
        raise FcsError(
            f"TEXT is cut at byte {header.text.end}, where the header says that it ends, and "
            "what follows is not its rest. The file is damaged: export it again.",
            "FCS-TEXT",
        )
    return rest


def _bytes_behind(stream: BinaryIO, header: Header, keywords: Keywords, start: int) -> bytes:
    """Return the bytes between TEXT and the next segment, or as many as are searched."""
    end = header.text.end
    begins = [header.data.begin]
    for key in ("$BEGINDATA", "$BEGINSTEXT"):
        with suppress(FcsError):  # reported where the segment itself is looked for
            begins.append(whole_number(keywords, key) or 0)
    until = min([begin for begin in begins if begin > end] + [end + 1 + LONGEST_GAP])
    return _read(stream, start + end + 1, until - end - 1)


def _segment(stream: BinaryIO, segment: Segment, start: int, size: int) -> bytes:
    """Read a TEXT segment, after checking that the file holds it."""
    if start + segment.end >= size or segment.length > LARGEST_TEXT:
        raise FcsError(
            f"a TEXT segment is given as bytes {segment.begin} to {segment.end}, but the file "
            f"has {size - start}. It is cut off or damaged: export it again.",
            "FCS-TEXT",
        )
    return _read(stream, start + segment.begin, segment.length)


def _read(stream: BinaryIO, position: int, count: int) -> bytes:
    stream.seek(position)
    return stream.read(count)


def _refuse_findings(findings: tuple[Finding, ...]) -> None:
    """Turn findings into a refusal, for callers that asked for strict reading."""
    serious = [item for item in findings if item.severity is not Severity.INFO]
    if serious:
        raise FcsError("; ".join(map(str, serious)), "FCS-STRICT")
