"""Blank keywords in the bytes of a TEXT segment, in place: no offset moves.

The bytes are cut into keys and values where the reader cuts them, which is checked against the
reader. A value that must go becomes as many blanks; the name of a keyword that is not known
becomes ``X0001`` and so on, as long as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.allowed import Kind, is_fit, kind_of, may_stand, names_channel
from flowml.fcs.text import parse_text
from flowml.knowledge.markers import name_channel
from flowml.records import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

MOST_DELIMITERS = 400_000  # in a segment; twice 100,000 keywords
SHORTEST_SEARCHED = 4  # characters; shorter removed values stand in too many other words
# words beside the names of detectors, scatter and time
_COMMON = {
    "time", "height", "area", "width", "peak", "linear", "comp", "event", "length", "lina",
    "linh", "linw", "loga", "logh", "logw", "doublet",
}  # fmt: skip
_ESCAPED = "\uffff"
_PLACEHOLDER = re.compile(r"(X\d+|[XY]+)", re.ASCII)

Span = tuple[int, int]  # first byte, and the one behind the last


@dataclass(frozen=True, slots=True)
class Pair:
    """A keyword in the bytes of a segment.

    Parameters
    ----------
    name : str
        In upper case, without blanks around it.
    text : str
        Its value, read as Latin-1, without blanks around it.
    key, value : tuple of int
        Where they are.
    kind : Kind or None
        What it may hold; None if it is not on the allow-list.
    stays : bool
        Whether its value stays.
    """

    name: str
    text: str
    key: Span
    value: Span
    kind: Kind | None
    stays: bool

    @property
    def shown(self) -> str:
        """The value as text."""
        return decoded(self.text)


def find_pairs(raw: bytes, n_channels: int, *, keep_dates: bool) -> list[Pair]:
    """Cut a segment into keywords, as the reader does, and hold each against the allow-list.

    Parameters
    ----------
    raw : bytes
        The segment.
    n_channels : int
        Channels of its data set.
    keep_dates : bool
        Whether dates are on the list.

    Returns
    -------
    list of Pair
        In the order of the segment; a last key without a value has an empty one.

    Raises
    ------
    FcsError
        If the reader cuts it in another way, or there are too many.
    """
    if raw.count(raw[:1]) > MOST_DELIMITERS:
        raise FcsError(
            f"TEXT holds more than {MOST_DELIMITERS} delimiters; it is not copied. Export the "
            "file again.",
            "FCS-TEXT",
        )
    text = raw.decode("latin-1")
    pairs = []
    spans, escape = _cut_as_read(text)
    for key, value in spans:
        name, shown = (_unescaped(text[slice(*span)], escape) for span in (key, value))
        name = name.upper()
        kind = kind_of(name, n_channels, keep_dates=keep_dates)
        stays = kind is not None and is_fit(decoded(shown), kind)
        pairs.append(Pair(name, shown, key, value, kind, stays))
    return pairs


def decoded(text: str) -> str:
    """Read as UTF-8 what is UTF-8.

    Parameters
    ----------
    text : str
        Bytes as Latin-1.

    Returns
    -------
    str
        The text.
    """
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text


def _unescaped(text: str, escape: str) -> str:
    return (text.replace(escape * 2, escape) if escape else text).strip()


def _cut_as_read(text: str) -> tuple[list[tuple[Span, Span]], str]:
    """Return keys and values as the reader cuts them; the delimiter, if it escapes itself."""
    keywords, _ = parse_text(text.encode("latin-1"))
    for escape in (text[0], ""):
        spans = _cut(text, escaped=bool(escape))
        if _is_reading(text, spans, keywords, escape):
            return spans, escape
    raise FcsError(
        "TEXT could not be cut into keywords as the reader cuts it. Send the maintainers a "
        "description of the program that wrote the file; this file is not copied.",
        "FCS-TEXT",
    )


def _cut(text: str, *, escaped: bool) -> list[tuple[Span, Span]]:
    """Cut at delimiters; a doubled one does not count where it is taken for an escaped one."""
    delimiter = text[0]
    body = text[1:].rstrip(" \r\n\x00" if delimiter > " " else "\x00").removesuffix(delimiter)
    if escaped:
        body = body.replace(delimiter * 2, _ESCAPED)
    spans: list[Span] = []
    place = 1
    for item in body.split(delimiter):
        end = place + len(item) + (item.count(_ESCAPED) if escaped else 0)
        spans.append((place, end))
        place = end + 1
    if len(spans) % 2:  # a key without a value
        spans.append((spans[-1][1], spans[-1][1]))
    return list(zip(spans[::2], spans[1::2], strict=True))


def _is_reading(
    text: str, spans: list[tuple[Span, Span]], keywords: dict[str, str], escape: str
) -> bool:
    """Tell whether cutting so gives the keywords that the reader found."""
    found: dict[str, str] = {}
    for key, value in spans:
        name, content = (_unescaped(text[slice(*span)], escape) for span in (key, value))
        if name:
            found.setdefault(name.upper(), decoded(content).strip())
    dangling = {name for name, content in found.items() if not content} - set(keywords)
    return {name: found[name] for name in found if name not in dangling} == keywords


def blanked(raw: bytes, pairs: Iterable[Pair], first_number: int, filler: bytes) -> bytes:
    """Blank what does not stay.

    Parameters
    ----------
    raw : bytes
        The segment.
    pairs : iterable of Pair
        Its keywords.
    first_number : int
        Number of the first placeholder.
    filler : bytes
        What stands for a byte of a value; not the delimiter.

    Returns
    -------
    bytes
        As long as `raw`.
    """
    out = bytearray(raw)
    for number, pair in enumerate(pairs, start=first_number):
        if pair.name and pair.kind is None and not may_stand(pair.name):
            begin, end = pair.key
            out[begin:end] = placeholder(number, end - begin, raw[:1])
        if not pair.stays:
            begin, end = pair.value
            out[begin:end] = filler * (end - begin)
            if begin < end and raw[end : end + 1] != raw[:1]:  # blanks at the end are no value
                out[end - 1 : end] = raw[:1]
    return bytes(out)


def placeholder(number: int, length: int, delimiter: bytes) -> bytes:
    """Return a name of the given length that says nothing.

    Parameters
    ----------
    number : int
        Makes it differ from others, where there is room.
    length : int
        Bytes.
    delimiter : bytes
        Does not occur in it.

    Returns
    -------
    bytes
        ``X0001`` and the like.
    """
    if length < 1:
        return b""
    if delimiter in b"Xx0123456789":
        return b"Y" * length
    return (
        b"X" + (str(number).zfill(length - 1)[-(length - 1) :] if length > 1 else "").encode()
    )


def is_placeholder(name: str) -> bool:
    """Tell whether the name of a keyword is one that `placeholder` makes.

    Parameters
    ----------
    name : str
        In upper case.

    Returns
    -------
    bool
        True for ``X0001`` and the like.
    """
    return _PLACEHOLDER.fullmatch(name) is not None


def searched(pairs: Iterable[Pair]) -> set[str]:
    """Return the removed values that must not stand in any text that stays.

    Parameters
    ----------
    pairs : iterable of Pair
        All keywords of a file.

    Returns
    -------
    set of str
        Case-folded; without those that are about a channel, short ones, and ``xxxx``.
    """
    return {
        pair.text.casefold()
        for pair in pairs
        if not pair.stays
        and len(pair.text) >= SHORTEST_SEARCHED
        and len(set(pair.text)) > 1
        and not names_channel(pair.name)
    }


def repeats(text: str, removed: Set[str]) -> bool:
    """Tell whether a text that stays repeats a removed value.

    Parameters
    ----------
    text : str
        A label or a name of a channel.
    removed : set of str
        Values that were removed, case-folded.

    Returns
    -------
    bool
        Whether one of them stands in it as a word or words, unless it is the name of a marker
        or of a kind of channel.
    """
    folded = text.casefold()
    apart = [not char.isalnum() for char in folded]
    begins = [i for i in range(len(folded)) if i == 0 or apart[i - 1]]
    ends = [i for i in range(1, len(folded) + 1) if i == len(folded) or apart[i]]
    return any(
        folded[begin:end] in removed and not is_known(folded[begin:end])
        for begin in begins
        for end in ends
        if end - begin >= SHORTEST_SEARCHED
    )


def is_known(label: str) -> bool:
    """Tell whether a label is the name of a marker, a dye, a detector, scatter or time.

    Parameters
    ----------
    label : str
        As in ``$PnS`` or ``$PnN``.

    Returns
    -------
    bool
        False for anything that no table knows.
    """
    meaning = name_channel("", label)
    if meaning.role is Role.FLUORESCENCE and (meaning.marker or meaning.fluorochrome):
        return meaning.known
    words = re.findall(r"[^\W\d_]{4,}", label.casefold())  # FSC Height, but not FSC Mueller
    return meaning.known and all(word in _COMMON for word in words)
