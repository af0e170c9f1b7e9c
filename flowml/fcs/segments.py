"""TEXT and supplemental TEXT in a file: the bytes that belong to them, all and no others.

Headers give the end of TEXT a little too early or too late. Bytes behind it that belong to no
other segment are its rest, if they read as one; otherwise the file is refused.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.header import (
    CRC_SIZE,
    HEADER_SIZE,
    MOST_TOO_FAR,
    NOWHERE,
    PADDING,
    Header,
    Segment,
    segment_in_text,
)
from flowml.fcs.keys import whole_number
from flowml.fcs.text import Keywords, TwoReadingsError, matters, parse_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowml.findings import Finding

LARGEST_TEXT = 16 << 20  # bytes; a spectral instrument's matrix takes 0.1 MB
LONGEST_GAP = 1 << 16  # bytes behind TEXT that are searched, where nothing is known to follow
_UNPRINTABLE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no line ends, no tabs
# what bytes show that are read as TEXT and are none
_ODD = {"FCS-TEXT-02", "FCS-TEXT-07", "FCS-TEXT-09", "FCS-TEXT-10"}


@dataclass(frozen=True, slots=True)
class TextPart:
    """The bytes of a TEXT segment, with what stands behind the end that the header gives.

    Parameters
    ----------
    begin : int
        First byte, counted from the start of the data set.
    raw : bytes
        All of them.
    split : int
        How many of them the header gives, if that is too few; 0 if not.
    is_extra : bool
        Whether it is supplemental TEXT.
    """

    begin: int
    raw: bytes
    split: int = 0
    is_extra: bool = False

    @property
    def last(self) -> int:
        """Last byte, counted from the start of the data set."""
        return self.begin + len(self.raw) - 1


class Texts(NamedTuple):
    """What TEXT and supplemental TEXT say, and where they stand."""

    parts: list[TextPart]
    keywords: Keywords
    findings: list[Finding]


def read_texts(stream: BinaryIO, header: Header, start: int, size: int) -> Texts:
    """Read TEXT, and supplemental TEXT where there is one, with their bytes.

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
    Texts
        Segments that could be read, their keywords, and what was odd.

    Raises
    ------
    FcsError
        If TEXT cannot be read whole.
    """
    own, too_far = _own_end(header)
    raw = _segment(stream, own, start, size)
    keywords, findings = parse_text(raw)
    _check_begin_of_data(stream, header, keywords, start)
    if rest := _rest_behind(stream, raw, header.text.end, header, keywords, start):
        keywords, findings = _with_rest(raw, rest)
    findings += too_far
    texts = Texts(
        [TextPart(own.begin, raw + rest, len(raw) if rest else 0)], keywords, findings
    )
    if not _take_supplemental(stream, texts, header, start, size):
        findings.append(finding("FCS-TEXT-05"))
    return texts


def _own_end(header: Header) -> tuple[Segment, list[Finding]]:
    """Leave to DATA its first bytes, if TEXT is said to end within them."""
    text, data = header.text, header.data
    if data.given and 0 <= text.end - data.begin < MOST_TOO_FAR:
        return Segment(text.begin, data.begin - 1), [finding("FCS-TEXT-08")]
    return text, []


def _check_begin_of_data(
    stream: BinaryIO, header: Header, keywords: Keywords, start: int
) -> None:
    """Refuse if DATA are said to begin before TEXT's last delimiter: all would be shifted."""
    text = header.text
    for begin in _begins(header, keywords, ["$BEGINDATA"]):
        if begin <= text.begin or not -1 <= text.end - begin < MOST_TOO_FAR:
            continue
        raw = read_at(stream, start + text.begin, max(text.end, begin) - text.begin + 1)
        last = raw.rfind(raw[:1]) + text.begin
        if last >= begin and not _is_ended(raw[: begin - text.begin]):
            raise FcsError(
                f"DATA are said to begin at byte {begin}, and the last delimiter of TEXT is "
                f"byte {last}; expected DATA behind it. Values would be read from the wrong "
                "bytes. The file is damaged: export it again.",
                "FCS-AGREE",
            )


def _with_rest(raw: bytes, rest: bytes, whose: str = "") -> tuple[Keywords, list[Finding]]:
    """Read a TEXT segment with its rest, and report that."""
    keywords, findings = parse_text(raw + rest)
    only_delimiter = rest == raw[:1]
    more = finding("FCS-TEXT-06", f"{len(rest)} bytes{whose}")
    findings.append(finding("FCS-TEXT-11") if only_delimiter else more)
    return keywords, findings


def _padding(delimiter: bytes) -> bytes:
    return PADDING.replace(delimiter, b"")


def _is_ended(raw: bytes) -> bool:
    """Tell whether a segment ends with its delimiter, then perhaps padding."""
    return len(raw) > 1 and raw.rstrip(_padding(raw[:1])).endswith(raw[:1])


def _rest_behind(
    stream: BinaryIO, raw: bytes, end: int, header: Header, keywords: Keywords, start: int
) -> bytes:
    """Return what of a TEXT segment stands behind the end that is given.

    A segment ends with its delimiter, then perhaps padding. Where it does not, and the bytes
    that follow belong to no other segment, a value or whole keywords were cut off.
    """
    gap, known = _bytes_behind(stream, end, header, keywords, start)
    delimiter = raw[:1]
    padding, ended = _padding(delimiter), _is_ended(raw)
    padded = ended and (raw[-1:] in padding or gap[:1] in padding)
    is_crc = not known and len(gap) == CRC_SIZE and gap.isdigit()
    if padded or is_crc or not gap.strip(padding):
        return b""
    rest = gap[: gap.rstrip(padding).rfind(delimiter) + 1]
    is_text = bool(rest) and not _UNPRINTABLE.search(rest.replace(delimiter, b""))
    # behind a delimiter it is TEXT only if keys and values then pair up
    taken = is_text and not (ended and (raw + rest).count(delimiter) % 2 == 0)
    lost = not taken and (not ended or _holds_keywords(gap, delimiter))
    if lost or (taken and not known and len(gap) == LONGEST_GAP):
        raise FcsError(
            f"TEXT is cut at byte {end}, where it is said to end, and what follows cannot be "
            "read as its rest. The file is damaged: export it again.",
            "FCS-TEXT",
        )
    return rest if taken else b""


def _holds_keywords(gap: bytes, delimiter: bytes) -> bool:
    """Tell whether keywords that matter stand where keys do, if these bytes are TEXT."""
    keys = gap.decode("latin-1").split(delimiter.decode("latin-1"))[:-1:2]
    return any(map(matters, keys))


def _begins(header: Header, keywords: Keywords, keys: Iterable[str]) -> list[int]:
    """Return where segments are said to begin, DATA of the header first."""
    begins = [header.data.begin]
    for key in keys:
        with suppress(FcsError):  # reported where the segment itself is looked for
            begins.append(whole_number(keywords, key) or 0)
    return begins


def _bytes_behind(
    stream: BinaryIO, end: int, header: Header, keywords: Keywords, start: int
) -> tuple[bytes, bool]:
    """Return the bytes up to the next segment, and whether one is known to follow."""
    others = ("$BEGINDATA", "$BEGINSTEXT", "$BEGINANALYSIS")
    begins = [header.text.begin, header.analysis.begin, *_begins(header, keywords, others)]
    # a segment that begins within the last bytes leaves no gap
    if any(0 <= end - begin < MOST_TOO_FAR for begin in begins if begin):
        return b"", True
    behind = [begin for begin in begins if begin > end]
    sets = [begin for begin in _begins(header, keywords, ["$NEXTDATA"]) if begin > end]
    until = min(behind + sets, default=end + 1 + LONGEST_GAP)
    return read_at(stream, start + end + 1, min(until - end - 1, LARGEST_TEXT)), bool(behind)


def _take_supplemental(
    stream: BinaryIO, texts: Texts, header: Header, start: int, size: int
) -> bool:
    """Add supplemental TEXT; tell whether one that is given can be read.

    A place may be given where there is an archive, or events. What has another delimiter than
    TEXT, or lies over DATA, is supplemental TEXT only if nothing is odd about it.
    """
    text = texts.parts[0]
    try:
        extra = segment_in_text(texts.keywords, "STEXT")
        if extra in {NOWHERE, header.text, Segment(text.begin, text.last)}:
            return True
        behind = extra.begin > text.last - MOST_TOO_FAR
        apart = behind or extra.end < text.begin
        if not (apart and HEADER_SIZE <= extra.begin <= extra.end):
            return False
        raw = _segment(stream, extra, start, size)
    except FcsError:
        return False
    more, found = _first_look(raw)
    if _is_over_data(extra, header, more | texts.keywords, size - start):
        return _refuse_over_data(extra, is_odd=_is_odd(raw, found))
    rest = _rest_of_extra(stream, raw, extra.end, header, texts, start)
    if rest:
        more, found = _with_rest(raw, rest, " of supplemental TEXT")
    if rest is None or not more or (raw[:1] != text.raw[:1] and _is_odd(raw, found)):
        return False
    _add(texts, more, found)
    split = len(raw) if rest else 0
    texts.parts.append(TextPart(extra.begin, raw + rest, split, is_extra=True))
    return True


def _first_look(raw: bytes) -> tuple[Keywords, list[Finding]]:
    """Read supplemental TEXT; there may be no whole keyword before its end."""
    try:
        return parse_text(raw)
    except TwoReadingsError:
        raise
    except FcsError:
        return {}, [finding("FCS-TEXT-09")]


def _is_odd(raw: bytes, found: list[Finding]) -> bool:
    """Tell whether bytes that can be read as TEXT are probably something else."""
    return raw[:1].isalnum() or any(item.code in _ODD for item in found)


def _refuse_over_data(extra: Segment, *, is_odd: bool) -> bool:
    """Refuse supplemental TEXT that shares bytes with DATA, unless it is none at all."""
    if is_odd:
        return False
    raise FcsError(
        f"supplemental TEXT ({extra.begin} to {extra.end}) and DATA are given the same bytes. "
        "The file is damaged: export it again.",
        "FCS-AGREE",
    )


def _rest_of_extra(
    stream: BinaryIO, raw: bytes, end: int, header: Header, texts: Texts, start: int
) -> bytes | None:
    """Return the rest of supplemental TEXT; None if it is cut, and perhaps none at all."""
    try:
        return _rest_behind(stream, raw, end, header, texts.keywords, start)
    except FcsError:
        if raw[:1] == texts.parts[0].raw[:1]:
            raise
        return None


def _is_over_data(extra: Segment, header: Header, keywords: Keywords, available: int) -> bool:
    """Tell whether a segment shares bytes with a place where DATA may be."""
    places = [header.data]
    with suppress(FcsError):  # reported where DATA is looked for
        places.append(segment_in_text(keywords, "DATA"))
    return any(
        min(place.end, extra.end) - max(place.begin, extra.begin) >= MOST_TOO_FAR
        for place in places
        if place.given and place.end <= available
    )


def _add(texts: Texts, more: Keywords, found: list[Finding]) -> None:
    """Add keywords of supplemental TEXT; those of TEXT go first."""
    texts.findings.extend(found)
    if n := sum(texts.keywords.get(key, value) != value for key, value in more.items()):
        texts.findings.append(finding("FCS-TEXT-03", f"{n} keywords of supplemental TEXT"))
    for key, value in more.items():
        texts.keywords.setdefault(key, value)


def _segment(stream: BinaryIO, segment: Segment, start: int, size: int) -> bytes:
    """Read a TEXT segment, after checking that the file holds it."""
    if start + segment.end < size and segment.length > LARGEST_TEXT:
        raise FcsError(
            f"a TEXT segment of {segment.length} bytes, expected at most {LARGEST_TEXT} (16 "
            "MiB). Export the file again, with fewer or shorter keywords.",
            "FCS-TEXT",
        )
    if start + segment.end >= size:
        raise FcsError(
            f"a TEXT segment is given as bytes {segment.begin} to {segment.end} of a data set "
            f"for which the file has {size - start} bytes. It is cut off or damaged: export it "
            "again.",
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
