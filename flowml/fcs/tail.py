"""Bytes behind the segments of a data set: none, or a CRC. Others hint that DATA was moved.

Bytes that were lost or added in front of DATA leave every offset as it was: the last events
then stand behind the end of DATA, or DATA reach into the CRC.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.header import CRC_SIZE, NO_CRC, PADDING, segment_in_text
from flowml.fcs.segments import read_at

if TYPE_CHECKING:
    from flowml.fcs.chain import DataSet
    from flowml.fcs.layout import Layout
    from flowml.findings import Finding

LONGEST_PADDING = 1 << 16


def tail_findings(
    stream: BinaryIO, dataset: DataSet, layout: Layout, until: int
) -> list[Finding]:
    """Say what stands behind the last segment of a data set.

    Parameters
    ----------
    stream : binary file
        The file.
    dataset : DataSet
        HEADER and TEXT.
    layout : Layout
        Where its events are.
    until : int
        Where the next data set starts, or the size of the file.

    Returns
    -------
    list of Finding
        Empty where there is nothing, or a CRC.
    """
    last_event = layout.offset + layout.size
    end = max(last_event, dataset.start + _last_byte(dataset, until - dataset.start) + 1)
    count = until - end
    if count <= 0:
        swallowed = end == last_event and layout.size >= CRC_SIZE
        if swallowed and read_at(stream, end - CRC_SIZE, CRC_SIZE) == NO_CRC:
            return [finding("FCS-TAIL-03")]
        return []
    tail = read_at(stream, end, min(count, LONGEST_PADDING))
    whole, crc = count == len(tail), tail.rstrip(PADDING)
    if whole and len(crc) == CRC_SIZE and crc.lstrip(b" ").isalnum():
        return []
    # zeros that are less than an event may be the last bytes of events that were moved
    moved = count < layout.event_size and not tail.strip(b"\x00")
    known = dataset.next_start is not None or (whole and not crc and not moved)
    return [finding("FCS-TAIL-02" if known else "FCS-TAIL-01", f"{count} bytes")]


def _last_byte(dataset: DataSet, room: int) -> int:
    """Return the last byte of TEXT, ANALYSIS and supplemental TEXT that lies in the file."""
    segments = [dataset.header.text, dataset.header.analysis]
    for name in ("STEXT", "ANALYSIS"):
        with suppress(FcsError):  # reported where the segment itself is read
            segments.append(segment_in_text(dataset.keywords, name))
    inside = [segment for segment in segments if segment.given and segment.begin < room]
    return min(max(segment.end for segment in inside), room - 1)
