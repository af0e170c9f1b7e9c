"""The HEADER segment: version, and where the other segments are (FCS 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.keys import whole_number
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER_SIZE = 58
LARGEST_OFFSET = 99_999_999  # what the eight digits of an offset hold
CRC_SIZE = 8  # bytes after the last segment (FCS 3.1)
NO_CRC = b"0" * CRC_SIZE  # what programs write that compute none
PADDING = b" \r\n\x00"  # what programs put behind a segment
MOST_TOO_FAR = 2  # bytes by which programs put the end of TEXT into DATA
VERSIONS = (b"FCS2.0", b"FCS3.0", b"FCS3.1", b"FCS3.2")


@dataclass(frozen=True, slots=True)
class Segment:
    """A range of bytes, counted from the start of the data set, both ends inclusive.

    Parameters
    ----------
    begin, end : int
        First and last byte; ``0, 0`` where the segment is not given.
    """

    begin: int
    end: int

    @property
    def given(self) -> bool:
        """Whether the segment is there at all."""
        return self.end >= self.begin > 0

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.end - self.begin + 1


NOWHERE = Segment(0, 0)


def segment_in_text(keywords: Mapping[str, str], name: str) -> Segment:
    """Read where TEXT says that a segment is.

    Parameters
    ----------
    keywords : mapping of str to str
        The TEXT segment.
    name : str
        ``DATA``, ``STEXT`` or ``ANALYSIS``.

    Returns
    -------
    Segment
        Not `given` where TEXT does not say it.

    Raises
    ------
    FcsError
        If an offset is no whole number.
    """
    begin, end = (whole_number(keywords, f"${side}{name}") or 0 for side in ("BEGIN", "END"))
    return Segment(begin, end)


@dataclass(frozen=True, slots=True)
class Header:
    """The first 58 bytes of a data set.

    Parameters
    ----------
    version : str
        ``FCS2.0`` to ``FCS3.2``.
    text, data, analysis : Segment
        As the header gives them; `data` may be ``0, 0`` in large files.
    """

    version: str
    text: Segment
    data: Segment
    analysis: Segment = NOWHERE


def parse_header(raw: bytes) -> Header:
    """Read a HEADER segment.

    Parameters
    ----------
    raw : bytes
        The first 58 bytes of the data set.

    Returns
    -------
    Header
        Version and segments.

    Raises
    ------
    FcsError
        If the bytes are not an FCS header.
    """
    if raw[:6] not in VERSIONS:
        start = printable(raw[:6].decode("latin-1"))
        raise FcsError(
            f"not an FCS file: it starts with {start!r}, expected FCS2.0, FCS3.0, FCS3.1 "
            "or FCS3.2. Export the measurement as FCS from the cytometer's software.",
            "FCS-HEADER",
        )
    if len(raw) < HEADER_SIZE:
        raise FcsError(
            f"the header has {len(raw)} bytes, expected {HEADER_SIZE}. The file is cut off: "
            "export it again.",
            "FCS-HEADER",
        )
    text = Segment(_offset(raw[10:18]), _offset(raw[18:26]))
    if not text.given:
        raise FcsError(
            "the header does not say where the TEXT segment is, expected its first and last "
            "byte. The file is damaged: export it again.",
            "FCS-HEADER",
        )
    data = Segment(_offset(raw[26:34]), _offset(raw[34:42]))
    analysis = Segment(_offset(raw[42:50]), _offset(raw[50:58]))
    return Header(raw[:6].decode(), text, data, analysis)


def _offset(field: bytes) -> int:
    """Read an offset: digits with blanks around them; anything else counts as not given."""
    digits = field.strip(b" \x00")
    return int(digits) if digits.isdigit() else 0
