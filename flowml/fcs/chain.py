"""The data sets of a file, one behind the other (``$NEXTDATA``), forwards only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.header import HEADER_SIZE, VERSIONS, Header, parse_header
from flowml.fcs.keys import whole_number
from flowml.fcs.segments import read_at, read_texts
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.fcs.text import Keywords
    from flowml.findings import Finding

MOST_DATASETS = 100
MOST_MOVED = 1 << 16  # bytes around its place in which a header is looked for
_HEADER = re.compile(rb"FCS[23]\.[0-2] {4}[ \d]{48}")


@dataclass(frozen=True, eq=False)
class DataSet:
    """One data set of a file, as its HEADER and TEXT describe it.

    Parameters
    ----------
    start : int
        First byte in the file; all offsets of the data set count from it.
    header : Header
        Its HEADER.
    keywords : dict of str to str
        Its TEXT, supplemental TEXT included.
    findings : tuple of Finding
        What was odd about them.
    next_start : int or None
        Where the next data set starts; None behind the last one.
    """

    start: int
    header: Header
    keywords: Keywords
    findings: tuple[Finding, ...]
    next_start: int | None


def walk(stream: BinaryIO, size: int) -> Iterator[DataSet]:
    """Read the data sets of a file, one after the other.

    Parameters
    ----------
    stream : binary file
        The file.
    size : int
        Its bytes.

    Yields
    ------
    DataSet
        At most `MOST_DATASETS`.

    Raises
    ------
    FcsError
        If the file is empty, or a HEADER or TEXT cannot be read.
    """
    if size == 0:
        raise FcsError(
            "the file is empty (0 bytes), expected an FCS file. Export it again.", "FCS-HEADER"
        )
    start: int | None = 0
    for _ in range(MOST_DATASETS):
        if start is None:
            return
        found = _read(stream, start, size)
        yield found
        start = found.next_start


def pick(stream: BinaryIO, size: int, wanted: int | str) -> tuple[DataSet, DataSet]:
    """Walk to the data set that is wanted.

    Parameters
    ----------
    stream : binary file
        The file.
    size : int
        Its bytes.
    wanted : int
        Number of a data set, from 1.

    Returns
    -------
    first, found : DataSet
        The first of the file, and the one that is wanted.

    Raises
    ------
    FcsError
        If the file has fewer.
    """
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise FcsError(
            f"dataset is {printable(wanted)!r}, expected 'auto' or a number from 1.",
            "FCS-DATASET",
        )
    first: DataSet | None = None
    for number, item in enumerate(walk(stream, size), start=1):
        first = first or item
        if number == wanted:
            return first, item
    more = item.next_start is not None
    raise FcsError(
        f"data set {wanted} was asked for; "
        + (f"only the first {MOST_DATASETS} are read" if more else "the file does not have it")
        + f". Choose 1 to {number}.",
        "FCS-DATASET",
    )


def _read(stream: BinaryIO, start: int, size: int) -> DataSet:
    header = parse_header(read_at(stream, start, HEADER_SIZE))
    _, keywords, findings = read_texts(stream, header, start, size)
    next_start = _next_start(stream, header, keywords, start, size, findings)
    return DataSet(start, header, keywords, tuple(findings), next_start)


def _next_start(
    stream: BinaryIO,
    header: Header,
    keywords: Keywords,
    start: int,
    size: int,
    findings: list[Finding],
) -> int | None:
    """Return where the next data set starts; ``$NEXTDATA`` counts from this one's start.

    Programs leave all kinds of numbers there: what does not lead to a header, forwards,
    leads nowhere.
    """
    try:
        step = whole_number(keywords, "$NEXTDATA")
    except FcsError:
        step = -1
    if step is None:
        findings.append(finding("FCS-KEY-07"))
    if not step:
        return None
    place = start + step
    behind = step > max(header.text.end, HEADER_SIZE - 1)  # TEXT is not shared
    inside = behind and place + HEADER_SIZE <= size
    if inside and read_at(stream, place, len(VERSIONS[0])) in VERSIONS:
        return place
    if inside:
        _refuse_moved(stream, start, place)
    findings.append(finding("FCS-DATASET-04", printable(keywords["$NEXTDATA"], 40)))
    return None


def _refuse_moved(stream: BinaryIO, start: int, place: int) -> None:
    """Refuse a file whose next header stands near its place: bytes were lost, or added."""
    begin = max(place - MOST_MOVED, start + HEADER_SIZE)
    near = read_at(stream, begin, place + MOST_MOVED - begin)
    if found := _HEADER.search(near):
        raise FcsError(
            f"$NEXTDATA says that a data set begins at byte {place}; one begins at byte "
            f"{begin + found.start()}. Bytes were lost or added before it: export the file "
            "again.",
            "FCS-AGREE",
        )
