"""Blank keywords in the bytes of a TEXT segment, in place: no offset moves.

A value that must go becomes as many blanks; the name of a keyword that is not known becomes
``X0001`` and so on, as long as it was.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.allowed import Kind, is_fit, kind_of, may_stand, names_channel
from flowml.fcs.text import Span, cut_text, decoded
from flowml.knowledge.markers import name_channel
from flowml.records import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

MOST_DELIMITERS = 400_000  # in a segment; twice 100,000 keywords
SHORTEST_SEARCHED = 4  # bytes of UTF-8; shorter removed values stand in too many other words
# words beside the names of detectors, scatter and time
_COMMON = {
    "time", "height", "area", "width", "peak", "linear", "comp", "event", "length", "lina",
    "linh", "linw", "loga", "logh", "logw", "doublet",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"(X\d+|[XY]+)", re.ASCII)


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
    """Hold each keyword of a segment against the allow-list.

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
        If there are too many.
    """
    if raw.count(raw[:1]) > MOST_DELIMITERS:
        raise FcsError(
            f"TEXT holds more than {MOST_DELIMITERS} delimiters; it is not copied. Export the "
            "file again.",
            "FCS-TEXT",
        )
    cut = cut_text(raw)
    values = [*cut.values, ""]  # the last key may lack its value
    pairs = []
    for number, (key, value) in enumerate(cut.spans):
        name, shown = cut.items[2 * number].strip().upper(), values[number].strip()
        kind = kind_of(name, n_channels, keep_dates=keep_dates)
        stays = kind is not None and is_fit(decoded(shown), kind)
        pairs.append(Pair(name, shown, key, value, kind, stays))
    return pairs


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


def folded(text: str) -> str:
    """Return a text as it is compared with others.

    Parameters
    ----------
    text : str
        As it stands in a file.

    Returns
    -------
    str
        The same for any letter case, any way to compose an accent, and any blanks.

    Examples
    --------
    >>> folded("SCHRO\u0308DER  Hans") == folded("Schröder Hans")
    True
    """
    composed = unicodedata.normalize("NFKC", _bare(text).casefold())
    return " ".join(composed.split())


def _bare(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def is_long(text: str) -> bool:
    """Tell whether a removed value is long enough to be searched in what stays.

    Parameters
    ----------
    text : str
        As `folded`.

    Returns
    -------
    bool
        True from four bytes of UTF-8 on: names in Chinese have few characters.
    """
    return len(text.encode("utf-8", "surrogatepass")) >= SHORTEST_SEARCHED


def searched(pairs: Iterable[Pair]) -> set[str]:
    """Return the removed values that must not stand in any text that stays.

    Parameters
    ----------
    pairs : iterable of Pair
        All keywords of a file.

    Returns
    -------
    set of str
        As `folded`; without those that are about a channel, short ones, and ``xxxx``.
    """
    return {
        value
        for pair in pairs
        if not pair.stays
        and is_long(value := folded(pair.shown))
        and len(set(value)) > 1
        and not names_channel(pair.name)
    }


def repeats(text: str, removed: Set[str]) -> bool:
    """Tell whether a text that stays repeats a removed value.

    Parameters
    ----------
    text : str
        A label or a name of a channel.
    removed : set of str
        Values that were removed, as `folded`.

    Returns
    -------
    bool
        Whether one of them stands in it as a word or words, unless it is the name of a marker
        or of a kind of channel.
    """
    same, bare = folded(text), _bare(text)
    apart = [not char.isalnum() for char in same]
    begins = [i for i in range(len(same)) if i == 0 or apart[i - 1]]
    ends = [i for i in range(1, len(same) + 1) if i == len(same) or apart[i]]
    written = bare if len(bare) == len(same) else same  # folding lengthens some letters
    return any(
        same[begin:end] in removed and not is_known(written[begin:end])
        for begin in begins
        for end in ends
        if begin < end
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
