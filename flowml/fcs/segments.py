"""TEXT and supplemental TEXT in a file: the bytes that belong to them, all and no others.

Headers give the end of TEXT a little too early or too late. Bytes behind it that belong to no
other segment are its rest, if they read as one; otherwise the file is refused.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.header import CRC_SIZE, MOST_TOO_FAR, Header, Segment
from flowml.fcs.keys import whole_number
from flowml.fcs.text import Keywords, parse_text

if TYPE_CHECKING:
    from flowml.findings import Finding

LARGEST_TEXT = 16 << 20  # bytes; a spectral instrument's matrix takes 0.1 MB
LONGEST_GAP = 1 << 16  # bytes behind TEXT that are searched, where nothing is known to follow


def read_keywords(
    stream: BinaryIO, header: Header, start: int, size: int
) -> tuple[Keywords, list[Finding]]:
    """Read TEXT, and supplemental TEXT where there is one.

    Parameters
    ----------
    stream : binary file
        The file.
    header : Header
        Of the data set.
    start : int
        First byte of the data set in the file.
    size : int
        Bytes of the file.

    Returns
    -------
    keywords : dict of str to str
        Keys in upper case.
    findings : list of Finding
        What was odd.

    Raises
    ------
    FcsError
        If TEXT cannot be read whole.
    """
    own, too_far = _own_end(header)
    raw = _segment(stream, own, start, size)
    keywords, findings = parse_text(raw)
    if rest := _rest_behind(stream, raw, header, keywords, start):
        keywords, findings = parse_text(raw + rest)
        findings.append(finding("FCS-TEXT-06", f"{len(rest)} bytes"))
    findings += too_far
    try:
        begin, end = (whole_number(keywords, key) for key in ("$BEGINSTEXT", "$ENDSTEXT"))
        extra = Segment(begin or 0, end or 0)
        if extra.given and extra != header.text:
            more, _ = parse_text(_segment(stream, extra, start, size))
            keywords = more | keywords
    except FcsError:
        findings.append(finding("FCS-TEXT-05"))
    return keywords, findings


def _own_end(header: Header) -> tuple[Segment, list[Finding]]:
    """Leave to DATA its first bytes, if TEXT is said to end within them."""
    text, data = header.text, header.data
    if data.given and 0 <= text.end - data.begin < MOST_TOO_FAR:
        return Segment(text.begin, data.begin - 1), [finding("FCS-TEXT-08")]
    return text, []


def _rest_behind(
    stream: BinaryIO, raw: bytes, header: Header, keywords: Keywords, start: int
) -> bytes:
    """Return what of TEXT stands behind the end that the header gives.

    A segment ends with its delimiter, then perhaps padding. Where it does not, and the bytes
    that follow belong to no other segment, a value or whole keywords were cut off.
    """
    gap, known = _bytes_behind(stream, header, keywords, start)
    delimiter = raw[:1]
    padding = b" \r\n\x00".replace(delimiter, b"")
    ended = raw.rstrip(padding).endswith(delimiter)
    padded = ended and (raw[-1:] in padding or gap[:1] in padding)
    is_crc = not known and len(gap) == CRC_SIZE and gap.isdigit()
    if padded or is_crc or not gap.strip(padding):
        return b""
    rest = gap[: gap.rstrip(padding).rfind(delimiter) + 1]
    is_text = bool(rest) and not any(byte < 0x20 for byte in rest.replace(delimiter, b""))
    if ended:  # what follows is TEXT only if keys and values then pair up
        pairs_up = (raw + rest).count(delimiter) % 2 == 1
        rest = rest if is_text and pairs_up else b""
    if (not ended and not is_text) or (rest and not known and len(gap) == LONGEST_GAP):
        raise FcsError(
            f"TEXT is cut at byte {header.text.end}, where the header says that it ends, and "
            "what follows is not its rest. The file is damaged: export it again.",
            "FCS-TEXT",
        )
    return rest


def _bytes_behind(
    stream: BinaryIO, header: Header, keywords: Keywords, start: int
) -> tuple[bytes, bool]:
    """Return the bytes up to the next segment, and whether one is known to follow."""
    end = header.text.end
    begins = [header.data.begin, header.analysis.begin]
    for key in ("$BEGINDATA", "$BEGINSTEXT", "$BEGINANALYSIS"):
        with suppress(FcsError):  # reported where the segment itself is looked for
            begins.append(whole_number(keywords, key) or 0)
    # a segment that begins within TEXT's last bytes leaves no gap
    if any(0 <= end - begin < MOST_TOO_FAR for begin in begins if begin):
        return b"", True
    behind = [begin for begin in begins if begin > end]
    until = min(behind, default=end + 1 + LONGEST_GAP)
    return read_at(stream, start + end + 1, min(until - end - 1, LARGEST_TEXT)), bool(behind)


def _segment(stream: BinaryIO, segment: Segment, start: int, size: int) -> bytes:
    """Read a TEXT segment, after checking that the file holds it."""
    if start + segment.end >= size or segment.length > LARGEST_TEXT:
        raise FcsError(
            f"a TEXT segment is given as bytes {segment.begin} to {segment.end}, but the file "
            f"has {size - start}. It is cut off or damaged: export it again.",
            "FCS-TEXT",
        )
    return read_at(stream, start + segment.begin, segment.length)


def read_at(stream: BinaryIO, position: int, count: int) -> bytes:
    """Read bytes from a place in a file.

    Parameters
    ----------
    stream : binary file
        The file.
    position : int
        First byte.
    count : int
        How many, at most.

    Returns
    -------
    bytes
        Fewer at the end of the file.
    """
    stream.seek(position)
    return stream.read(count)
