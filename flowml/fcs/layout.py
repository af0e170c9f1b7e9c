"""Where the events are and how they are written, proven before anything is allocated.

Three quantities must agree: ``$TOT`` times the bytes of an event, the length of the DATA
segment, and what the size of the file allows. A named repair may make them agree, and is
reported; otherwise the file is refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.codes import finding, merged
from flowml.fcs.header import (
    CRC_SIZE,
    HEADER_SIZE,
    LARGEST_OFFSET,
    MOST_TOO_FAR,
    NOWHERE,
    Header,
    Segment,
    segment_in_text,
)
from flowml.fcs.keys import real_number, required_number, whole_number
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.findings import Finding

MOST_CHANNELS = 10_000
WIDTHS = {"I": (8, 16, 24, 32, 64), "F": (32,), "D": (64,)}
WORDS = (8, 16, 32, 64)  # bits in which a program keeps a number
BLOCK_SIZE = 256  # bytes; programs that pad segments start them at multiples of this
EXACT_IN_FLOAT = 53  # bits of a whole number that float64 holds
_CHANNEL_KEY = re.compile(r"^\$P(\d{1,9})[A-Z]", re.MULTILINE | re.ASCII)
LARGEST_RANGE = 2**64  # no channel is wider
BYTE_ORDERS = {
    "1,2,3,4": "<", "4,3,2,1": ">", "1,2": "<", "2,1": ">",
    "1,2,3,4,5,6,7,8": "<", "8,7,6,5,4,3,2,1": ">",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """How one channel is written.

    Parameters
    ----------
    kind : str
        ``I``, ``F`` or ``D``.
    bits : int
        Width.
    mask : int
        Bits that carry the value (``$PnR``); 0 where all do.
    """

    kind: str
    bits: int
    mask: int

    @property
    def used(self) -> int:
        """Number of bits that carry the value."""
        return self.mask.bit_length() if self.mask else self.bits


@dataclass(frozen=True, slots=True)
class Layout:
    """How the events of a data set are written.

    Parameters
    ----------
    offset : int
        First byte of the events, counted from the start of the file.
    n_events : int
        Number of events.
    order : str
        ``<`` or ``>``.
    fields : tuple of Field
        One for each channel.
    """

    offset: int
    n_events: int
    order: str
    fields: tuple[Field, ...]

    @property
    def event_size(self) -> int:
        """Bytes of one event."""
        return sum(field.bits for field in self.fields) // 8

    @property
    def size(self) -> int:
        """Bytes of all events."""
        return self.n_events * self.event_size

    @property
    def is_uniform(self) -> bool:
        """Whether all channels are written alike, in words that a machine has."""
        kinds = {(field.kind, field.bits) for field in self.fields}
        return len(kinds) == 1 and self.fields[0].bits in WORDS


def find_layout(
    keywords: Mapping[str, str], header: Header, start: int, file_size: int
) -> tuple[Layout, list[Finding]]:
    """Prove where the events are and how they are written.

    Parameters
    ----------
    keywords : mapping of str to str
        The TEXT segment.
    header : Header
        The data set's header.
    start : int
        First byte of the data set in the file; offsets are counted from it.
    file_size : int
        Bytes of the file.

    Returns
    -------
    layout : Layout
        Where and how.
    findings : list of Finding
        Repairs.

    Raises
    ------
    FcsError
        If the quantities do not agree, or the data are of a kind that is not supported.
    """
    findings: list[Finding] = []
    _check_mode(keywords, findings)
    fields = _fields(keywords, findings)
    if header.version < "FCS3.2" and any(f"$P{n}DATATYPE" in keywords for n in _up_to(fields)):
        findings.append(finding("FCS-KEY-13"))
    findings = merged(findings)
    order = _byte_order(keywords, fields)
    event_size = sum(field.bits for field in fields) // 8
    segment, n_events = _agree(keywords, header, event_size, file_size - start, findings)
    if n_events == 0:
        findings.append(finding("FCS-EMPTY-01"))
    return Layout(start + segment.begin, n_events, order, fields), findings


def _check_mode(keywords: Mapping[str, str], findings: list[Finding]) -> None:
    mode = keywords.get("$MODE", "").upper()
    if not mode:
        findings.append(finding("FCS-KEY-02"))
    elif mode != "L":
        raise FcsError(
            f"$MODE is {printable(mode, 20)!r}: a histogram, expected a list of events (L). "
            "Export the events themselves.",
            "FCS-MODE",
        )


def _fields(keywords: Mapping[str, str], findings: list[Finding]) -> tuple[Field, ...]:
    """Read the width, type and mask of every channel."""
    n_channels = required_number(keywords, "$PAR")
    if not 0 < n_channels <= MOST_CHANNELS:
        raise FcsError(
            f"$PAR is {n_channels}, expected 1 to {MOST_CHANNELS}. Export the file again.",
            "FCS-KEY",
        )
    _check_channels_beyond(keywords, n_channels, findings)
    general = keywords.get("$DATATYPE", "").upper()
    fields = []
    for n in range(1, n_channels + 1):
        kind = keywords.get(f"$P{n}DATATYPE", general).upper()
        if kind not in WIDTHS:
            raise FcsError(
                f"channel {n} has the data type {printable(kind, 20)!r}, expected I, F or D. "
                "Export as floating point.",
                "FCS-TYPE",
            )
        fields.append(_field(keywords, n, kind, findings))
    _check_one_table(fields)
    return tuple(fields)


def _up_to(fields: tuple[Field, ...]) -> range:
    """Return the numbers of the channels."""
    return range(1, len(fields) + 1)


def _check_channels_beyond(
    keywords: Mapping[str, str], n_channels: int, findings: list[Finding]
) -> None:
    """Refuse one more channel than $PAR counts; report keywords about channels farther on."""
    beyond = {int(n) for n in _CHANNEL_KEY.findall("\n".join(keywords)) if int(n) > n_channels}
    described = [f"$P{n_channels + 1}{what}" for what in "BNER"]
    if one_more := next((key for key in described if key in keywords), ""):
        raise FcsError(
            f"$PAR is {n_channels}, but {one_more} describes one more channel. "
            "Export the file again.",
            "FCS-AGREE",
        )
    if beyond:
        findings.append(finding("FCS-KEY-11", f"channel {min(beyond)} of {n_channels}"))


def _check_one_table(fields: list[Field]) -> None:
    """Refuse channels that no common type holds exactly."""
    widest = max((field.used for field in fields if field.kind == "I"), default=0)
    if widest > EXACT_IN_FLOAT and len({field.kind for field in fields}) > 1:
        raise FcsError(
            f"integers of {widest} bits stand beside floating point channels; together they "
            f"can be held exactly up to {EXACT_IN_FLOAT} bits. Export as floating point.",
            "FCS-TYPE",
        )


def _field(keywords: Mapping[str, str], n: int, kind: str, findings: list[Finding]) -> Field:
    declared = required_number(keywords, f"$P{n}B")
    bits = declared
    used = _range_bits(keywords, n, findings) if kind == "I" else 0
    if kind == "I" and bits not in WIDTHS[kind] and used <= bits and keywords.get("$TOT"):
        # Coulter: 10 bits, each in a word of 16; $TOT and the length of DATA must prove it
        bits = next((width for width in WORDS if width > declared > 0), declared)
        findings.append(finding("FCS-WIDTH-01", f"$P{n}B"))
    if bits not in WIDTHS[kind]:
        expected = ", ".join(map(str, WIDTHS[kind]))
        raise FcsError(
            f"$P{n}B is {bits} for type {kind}, expected {expected}. Export as floating point.",
            "FCS-TYPE",
        )
    if used > declared:
        findings.append(finding("FCS-KEY-12", f"$P{n}R"))
    used = min(used or declared, declared)
    if used > EXACT_IN_FLOAT and kind == "I":
        findings.append(finding("FCS-WIDTH-02", f"$P{n}B"))
    return Field(kind, bits, (1 << used) - 1 if kind == "I" and used < bits else 0)


def _range_bits(keywords: Mapping[str, str], n: int, findings: list[Finding]) -> int:
    """Return how many bits ``$PnR`` leaves, by its next power of two; 0 if it says nothing."""
    text = keywords.get(f"$P{n}R", "")
    top = real_number(text)
    if top is None or not 2 <= top <= LARGEST_RANGE:
        findings.append(finding("FCS-KEY-05", f"$P{n}R"))
        return 0
    whole = int(text) if text.isdigit() else math.ceil(top)  # float64 ends at 53 bits
    return (whole - 1).bit_length()


def _byte_order(keywords: Mapping[str, str], fields: tuple[Field, ...]) -> str:
    text = keywords.get("$BYTEORD", "").replace(" ", "")
    if text in BYTE_ORDERS:
        return BYTE_ORDERS[text]
    if all(field.bits == 8 for field in fields):
        return "<"
    raise FcsError(
        f"$BYTEORD is {printable(text, 40)!r}, expected 1,2,3,4 or 4,3,2,1. Export again.",
        "FCS-TYPE",
    )


def _agree(
    keywords: Mapping[str, str],
    header: Header,
    event_size: int,
    available: int,
    findings: list[Finding],
) -> tuple[Segment, int]:
    """Find the one DATA segment that agrees with $TOT and with the size of the file."""
    in_text = segment_in_text(keywords, "DATA")
    _note_where(header, in_text, findings)
    given = [segment for segment in (header.data, in_text) if segment.given]
    total = whole_number(keywords, "$TOT")
    if total == 0:
        _check_no_data(given)
        return NOWHERE, 0
    candidates = [segment for segment in given if _is_clear(segment, header.text)]
    if not candidates:
        where = "puts the DATA segment behind HEADER and TEXT" if given else "says where it is"
        raise FcsError(
            f"the DATA segment cannot be found: neither HEADER nor TEXT {where}. "
            "The file is damaged: export it again.",
            "FCS-AGREE",
        )
    if total is None:
        total = _total_from(candidates, event_size)
        findings.append(finding("FCS-KEY-01", f"{total} events"))
    need = total * event_size
    fitting = {s for s in candidates if s.length == need and s.end < available}
    if len(fitting) == 1:
        if len(set(given)) > 1:
            findings.append(finding("FCS-OFFSET-01"))
        return fitting.pop(), total
    if not fitting:
        return _exclusive_end(candidates, header, need, available, findings), total
    raise FcsError(
        f"HEADER ({header.data.begin} to {header.data.end}) and TEXT ({in_text.begin} to "
        f"{in_text.end}) give two DATA segments that both fit $TOT. Export the file again.",
        "FCS-AGREE",
    )


def _note_where(header: Header, in_text: Segment, findings: list[Finding]) -> None:
    """Report a place that should say where DATA is, and does not."""
    if not in_text.given and header.version != "FCS2.0":
        findings.append(finding("FCS-KEY-08"))
    if not header.data.given and in_text.given and in_text.end <= LARGEST_OFFSET:
        findings.append(finding("FCS-OFFSET-03"))


def _is_clear(segment: Segment, text: Segment) -> bool:
    """Tell whether a segment leaves HEADER and TEXT alone; TEXT may end a little too far."""
    return segment.begin >= HEADER_SIZE and (
        segment.begin > text.end - MOST_TOO_FAR or segment.end < text.begin
    )


def _check_no_data(given: list[Segment]) -> None:
    """Refuse a file without events that has a DATA segment; one byte is an empty one."""
    length = max((segment.length for segment in given), default=0)
    if length > 1:
        raise FcsError(
            f"$TOT is 0, but the DATA segment is given as {length} bytes. The file was not "
            "finished or is damaged: export it again.",
            "FCS-AGREE",
        )


def _total_from(candidates: list[Segment], event_size: int) -> int:
    """Derive the number of events, if the DATA segment holds a whole number of them."""
    lengths = {segment.length for segment in candidates}
    if len(lengths) == 1 and (length := lengths.pop()) % event_size == 0:
        return length // event_size
    raise FcsError(
        "$TOT is missing and the DATA segment does not hold a whole number of events. "
        "The file is damaged: export it again.",
        "FCS-AGREE",
    )


def _exclusive_end(
    candidates: list[Segment],
    header: Header,
    need: int,
    available: int,
    findings: list[Finding],
) -> Segment:
    """Accept an end that is one too far where the beginning is beyond doubt.

    One byte too many may as well mean a beginning one too early. It is the end if the data
    then fill the file, or begin right after TEXT, or on a block boundary (Beckman Coulter).
    """
    for segment in candidates:
        fills = available - (segment.begin + need) in {0, CRC_SIZE}
        follows = segment.begin == header.text.end + 1 or segment.begin % BLOCK_SIZE == 0
        if segment.length == need + 1 and segment.end <= available and (fills or follows):
            findings.append(finding("FCS-OFFSET-02"))
            return Segment(segment.begin, segment.end - 1)
    found = " or ".join(
        f"{s.length} bytes ({s.begin} to {s.end})" for s in dict.fromkeys(candidates)
    )
    raise FcsError(
        f"the events need {need} bytes by $TOT and $PnB; the DATA segment is given as {found}, "
        f"and the file has {available} bytes. It is cut off or damaged: export it again.",
        "FCS-AGREE",
    )
