"""What becomes of each byte of a file in its de-identified copy: written anew, copied, cleared.

HEADER and TEXT are written anew, DATA copied, and everything else cleared: ANALYSIS, gaps,
and what stands behind the last segment, such as Coulter's acquisition protocols.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

from flowml.errors import FcsError
from flowml.fcs.allowed import LONGEST_LABEL, NEEDED, Kind
from flowml.fcs.chain import DataSet, walk
from flowml.fcs.deidentify.blanking import Pair, blanked, find_pairs, repeats, searched
from flowml.fcs.header import CRC_SIZE, HEADER_SIZE, NO_CRC, PADDING
from flowml.fcs.keys import real_number
from flowml.fcs.layout import find_layout
from flowml.fcs.segments import LARGEST_TEXT, read_at, read_texts

if TYPE_CHECKING:
    from flowml.fcs.layout import Layout

MOST_TEXT = 4 * LARGEST_TEXT  # bytes of all TEXT segments of a file
SHORTEST_TEXT = 5  # bytes of one keyword with its value and delimiters
_OFFSETS = range(10, HEADER_SIZE, 8)
_OFFSET = re.compile(rb"[ \x00]*[+-]?\d*[ \x00]*")


@dataclass(frozen=True, slots=True)
class Part:
    """A range of bytes of a file.

    Parameters
    ----------
    begin, end : int
        First byte, and the one behind the last.
    content : bytes or None
        What is written in their place; None for bytes that are copied or cleared.
    is_data : bool
        Whether the bytes are events, and copied.
    """

    begin: int
    end: int
    content: bytes | None = None
    is_data: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A TEXT segment with its keywords.

    Parameters
    ----------
    begin : int
        First byte in the file.
    raw : bytes
        The segment, with what stands behind the end that the header gives.
    pairs : tuple of Pair
        Its keywords.
    split : int
        Where the header puts its end, if that is too early; 0 if not.
    is_extra : bool
        Whether it is supplemental TEXT.
    """

    begin: int
    raw: bytes
    pairs: tuple[Pair, ...]
    split: int
    is_extra: bool

    @property
    def end(self) -> int:
        """The byte behind the last."""
        return self.begin + len(self.raw)

    @property
    def filler(self) -> bytes:
        """What stands for a byte of a value."""
        return b" " if self.raw[:1] != b" " else b"-"

    def blanked(self, first_number: int) -> bytes:
        """Return the segment without what does not stay.

        Parameters
        ----------
        first_number : int
            Number of the first placeholder.

        Returns
        -------
        bytes
            As long as `raw`.
        """
        if self.is_extra and not any(pair.stays for pair in self.pairs):
            return _hollow(len(self.raw))
        content = bytearray(blanked(self.raw, self.pairs, first_number, self.filler))
        last = self.split - 1  # blanks there would be taken for padding behind the end
        if any(p.value[0] <= last < p.value[1] and not p.stays for p in self.pairs):
            content[last : last + 1] = b"-" if self.raw[:1] != b"-" else b"_"
        return bytes(content)


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a file.

    Parameters
    ----------
    n_datasets : int
        Data sets in the file.
    parts : tuple of Part
        In order, without gaps.
    texts : tuple of Text
        All TEXT segments.
    filler : bytes
        What stands for a cleared byte.
    """

    n_datasets: int
    parts: tuple[Part, ...]
    texts: tuple[Text, ...]
    filler: bytes

    @property
    def pairs(self) -> list[Pair]:
        """All keywords."""
        return [pair for text in self.texts for pair in text.pairs]


def make_plan(stream: BinaryIO, *, keep_dates: bool) -> Plan:
    """Decide about every byte of a file.

    Parameters
    ----------
    stream : binary file
        The file.
    keep_dates : bool
        Whether dates and times of the measurement stay.

    Returns
    -------
    Plan
        What to write.

    Raises
    ------
    FcsError
        If a data set cannot be read exactly, or two segments hold the same bytes.
    """
    size = os.fstat(stream.fileno()).st_size
    sets = list(walk(stream, size))
    if any(f.code == "FCS-DATASET-04" for item in sets for f in item.findings):
        raise FcsError(
            "$NEXTDATA says that there is another data set, which is not where it should be; "
            "it would be cleared. Export the file again.",
            "FCS-COPY",
        )
    if sets[-1].next_start is not None:
        raise FcsError(
            f"the file has more than {len(sets)} data sets, which are not read.", "FCS-DATASET"
        )
    texts: list[Text] = []
    fixed: list[Part] = []
    crc_places: set[int] = set()
    for item in sets:
        layout, _ = find_layout(item.keywords, item.header, item.start, size)
        found = _texts(stream, item, size, len(layout.fields), keep_dates=keep_dates)
        own = _fixed(stream, item, layout, found, size)
        texts, fixed = texts + found, fixed + own
        if item.header.version >= "FCS3":
            ends = [part.end for part in own] + [text.end for text in found]
            crc_places.add(max(ends))
        if sum(len(text.raw) for text in texts) > MOST_TEXT:
            raise FcsError(f"TEXT is longer than {MOST_TEXT} bytes in all.", "FCS-TEXT")
    texts = _decide(texts)
    parts = _covered(fixed + _written(texts), size)
    parts = [piece for part in parts for piece in _with_crc(stream, part, crc_places)]
    filler = b"\x00" if any(text.raw[:1] == b" " for text in texts) else b" "
    return Plan(len(sets), tuple(parts), tuple(texts), filler)


def _texts(
    stream: BinaryIO, item: DataSet, size: int, n_channels: int, *, keep_dates: bool
) -> list[Text]:
    """Find TEXT and supplemental TEXT of a data set, all their bytes and no others."""
    found = []
    for part in read_texts(stream, item.header, item.start, size).parts:
        pairs = tuple(find_pairs(part.raw, n_channels, keep_dates=keep_dates))
        begin = item.start + part.begin
        found.append(Text(begin, part.raw, pairs, part.split, part.is_extra))
    return found


def _decide(texts: list[Text]) -> list[Text]:
    """Blank also what repeats a removed value, in text that may be blanked."""
    pairs = [pair for text in texts for pair in text.pairs]
    for pair in pairs:
        if pair.kind in NEEDED and not pair.stays:
            raise FcsError(
                f"{pair.name} holds more than {LONGEST_LABEL} characters, a number of five "
                "digits, a date or an address, and cannot be blanked, as it names channels. "
                "Rename the channel before copying.",
                "FCS-COPY",
            )
    _refuse_foreign_detectors(pairs)
    removed = searched(pairs)
    return [
        replace(text, pairs=tuple(_without_repeated(pair, removed) for pair in text.pairs))
        for text in texts
    ]


def _refuse_foreign_detectors(pairs: list[Pair]) -> None:
    """Refuse a matrix that names anything but channels: it might name a patient."""
    names = {pair.shown for pair in pairs if pair.kind is Kind.NAME}
    for pair in pairs:
        if pair.kind is not Kind.MATRIX:
            continue
        items = [item.strip() for item in pair.shown.split(",")]
        odd = [item for item in items if real_number(item) is None and item not in {*names, ""}]
        if odd:
            raise FcsError(
                f"{pair.name} names {len(odd)} detectors that are no channels of the file, and "
                "that might be anything; the matrix cannot be blanked without changing what is "
                "read. Correct it before copying.",
                "FCS-COPY",
            )


def _without_repeated(pair: Pair, removed: set[str]) -> Pair:
    if pair.stays and pair.kind is Kind.LABEL and repeats(pair.shown, removed):
        return replace(pair, stays=False)
    return pair


def _fixed(
    stream: BinaryIO, item: DataSet, layout: Layout, texts: list[Text], size: int
) -> list[Part]:
    """Return HEADER, DATA, and ANALYSIS without content where it lies apart from them."""
    head = _clean_header(read_at(stream, item.start, HEADER_SIZE))
    parts = [Part(item.start, item.start + HEADER_SIZE, head)]
    if layout.size:
        parts.append(Part(layout.offset, layout.offset + layout.size, is_data=True))
    given = item.header.analysis
    begin, end = item.start + given.begin, item.start + given.end + 1
    taken = [(p.begin, p.end) for p in parts] + [(text.begin, text.end) for text in texts]
    apart = not any(first < end and begin < last for first, last in taken)
    if given.given and apart and end <= size and given.length < MOST_TEXT:
        parts.append(Part(begin, end, _hollow(given.length)))
    return parts


def _clean_header(raw: bytes) -> bytes:
    """Keep the version and the offsets of a HEADER; anything else may be a name."""
    fields = (raw[place : place + 8] for place in _OFFSETS)
    kept = (field if _OFFSET.fullmatch(field) else b" " * 8 for field in fields)
    return raw[:6] + b" " * 4 + b"".join(kept)


def _hollow(length: int) -> bytes:
    """Return a segment of one keyword that says nothing, if there is room for it."""
    if length < SHORTEST_TEXT:
        return b" " * length
    return b"/X/" + b" " * (length - 4) + b"/"


def _written(texts: list[Text]) -> list[Part]:
    parts = []
    number = 1
    for text in texts:
        parts.append(Part(text.begin, text.end, text.blanked(number)))
        number += len(text.pairs)
    return parts


def _covered(fixed: list[Part], size: int) -> list[Part]:
    """Put parts in order, with the gaps between them, which are cleared."""
    ordered = sorted(fixed, key=lambda part: (part.begin, part.end))
    parts: list[Part] = []
    for before, after in pairwise([Part(0, 0), *ordered, Part(size, size)]):
        if before.end > after.begin:
            raise FcsError(
                f"two segments hold the same bytes ({after.begin} to {before.end - 1}); which "
                "of them are events cannot be told. Export the file again.",
                "FCS-AGREE",
            )
        if before.end < after.begin:
            parts.append(Part(before.end, after.begin))
        parts.append(after)
    return parts[:-1]


def _with_crc(stream: BinaryIO, part: Part, places: set[int]) -> list[Part]:
    """Put "not computed" in the place of a CRC, which stands behind the last segment."""
    behind = part.begin + CRC_SIZE
    is_gap = part.content is None and not part.is_data
    if not is_gap or part.begin not in places or behind > part.end:
        return [part]
    if not read_at(stream, part.begin, CRC_SIZE).strip(PADDING):
        return [part]
    rest = [Part(behind, part.end)] if behind < part.end else []
    return [Part(part.begin, behind, NO_CRC), *rest]
