"""The TEXT segment: keywords and values (FCS 3.1).

A doubled delimiter stands for one delimiter within a value; many programs nevertheless write
empty values, which look the same. No key is empty, and none holds the delimiter. So there is
one reading: a doubled delimiter behind a key is its empty value, one within a value is escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.header import PADDING
from flowml.fcs.keys import (
    APPLY_KEYS,
    COMP_KEY,
    COMPENSATED_KEY,
    FLOWCORE_SCALED,
    SPILLOVER_KEYS,
)
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowml.findings import Finding

_STANDARD_KEY = re.compile(
    r"^\$(P\d+[A-Z]+|PAR|TOT|MODE|BYTEORD|DATATYPE|NEXTDATA|(BEGIN|END)\w+|CYT\w*|DATE|FIL|SRC"
    r"|OP|INST|SYS|[BE]TIM|EXP|PROJ|CELLS|COM|SMNO|TIMESTEP|SPILLOVER|COMP|DFC\d+TO\d+)$"
)

# keywords that decide what the values mean
DECISIVE = {*SPILLOVER_KEYS, *APPLY_KEYS, COMP_KEY, FLOWCORE_SCALED, COMPENSATED_KEY}

Keywords = dict[str, str]
Span = tuple[int, int]  # first byte, and the one behind the last


class TwoReadingsError(FcsError):
    """A keyword that decides what the values mean may be lost in a value."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A TEXT segment, cut into keys and values.

    Parameters
    ----------
    delimiter : str
        What stands between them.
    items : list of str
        Keys and values in turn, as they stand there; the last key may lack its value.
    is_doubled : bool
        Whether the delimiter stands doubled anywhere.
    is_ended : bool
        Whether the last item is followed by the delimiter.
    """

    delimiter: str
    items: list[str]
    is_doubled: bool
    is_ended: bool

    @property
    def values(self) -> list[str]:
        """Values with the delimiters that they hold, no longer doubled."""
        values = self.items[1::2]
        if self.is_doubled:
            return [value.replace(self.delimiter * 2, self.delimiter) for value in values]
        return values

    @property
    def spans(self) -> list[tuple[Span, Span]]:
        """Where keys and values stand in the segment; a value that is lacking is empty."""
        spans: list[Span] = []
        place = 1
        for item in self.items:
            spans.append((place, place + len(item)))
            place += len(item) + 1
        if len(spans) % 2:
            spans.append((spans[-1][1], spans[-1][1]))
        return list(zip(spans[::2], spans[1::2], strict=True))


def cut_text(raw: bytes) -> Cut:
    """Cut a TEXT segment into keys and values.

    Parameters
    ----------
    raw : bytes
        The segment, delimiters included, perhaps with padding behind them.

    Returns
    -------
    Cut
        Keys and values, as they stand there.
    """
    text = raw.decode("latin-1")
    delimiter = text[:1]
    padded = text[1:].rstrip(PADDING.decode() if delimiter > " " else "\x00")
    body = padded.removesuffix(delimiter)
    is_doubled = bool(body) and delimiter * 2 in body
    items = body.split(delimiter) if body else []
    if is_doubled:
        items = _with_escaped(items, delimiter)
    return Cut(delimiter, items, is_doubled, len(body) < len(padded))


def _with_escaped(pieces: list[str], delimiter: str) -> list[str]:
    """Join again what was cut at a doubled delimiter within a value."""
    items: list[str] = []
    place, last = 0, len(pieces) - 1
    while place < last:
        begin = place + 1
        items.append(pieces[place])
        place += 2
        while place < last and not pieces[place]:
            place += 2
        items.append(delimiter.join(pieces[begin:place]))
    return items + pieces[place:]


def parse_text(raw: bytes) -> tuple[Keywords, list[Finding]]:
    """Read the keywords of a TEXT segment.

    Parameters
    ----------
    raw : bytes
        The segment, delimiters included.

    Returns
    -------
    keywords : dict of str to str
        Keys in upper case, values without blanks around them.
    findings : list of Finding
        What was odd.

    Raises
    ------
    FcsError
        If there are no keywords in it.
    """
    cut = cut_text(raw)
    if not cut.items:
        raise FcsError(
            "the TEXT segment is empty, expected keywords. Export the file again.", "FCS-TEXT"
        )
    findings: list[Finding] = []
    if not cut.is_ended:
        findings.append(finding("FCS-TEXT-02"))
    _check_values(cut, findings)
    keywords = _pairs(cut, findings)
    if not keywords:
        raise FcsError(
            "the TEXT segment holds no keywords after its delimiter "
            f"{printable(cut.delimiter)!r}. The file is damaged: export it again.",
            "FCS-TEXT",
        )
    return keywords, findings


def _check_values(cut: Cut, findings: list[Finding]) -> None:
    """Report empty values, and values that seem to hold a keyword; refuse where one is lost.

    Where a program does not double a delimiter within a value, or one that ends a value, keys
    and values change places from there on, and keywords seem to be values, or parts of them.
    """
    values, doubled = cut.items[1::2], cut.delimiter * 2
    if cut.is_doubled and any(not v or v.startswith(cut.delimiter) for v in values):
        findings.append(finding("FCS-TEXT-01"))
    together = cut.delimiter.join(values).upper()
    if "$" not in together and not any(name in together for name in DECISIVE):
        return
    odd = False
    for place, value in enumerate(values):
        lost = [part for part in value.split(doubled) if matters(part)]
        odd = odd or (bool(lost) and not _is_mentioned(cut, place))
        if lost and doubled in value:
            _check_places(cut.items[2 * place + 2 :], ", ".join(lost))
            break  # what stands behind was looked at
    if odd:
        findings.append(finding("FCS-TEXT-07"))


def _is_mentioned(cut: Cut, place: int) -> bool:
    """Tell whether a value is but the name of a keyword, such as a comment ``$TOT``.

    The keyword then stands elsewhere as well, and what precedes it is a keyword, too.
    """
    if cut.is_doubled or not matters(cut.items[2 * place]):
        return False
    name = cut.items[2 * place + 1].strip().upper()
    return any(key.strip().upper() == name for key in cut.items[::2])


def _check_places(behind: list[str], lost: str) -> None:
    """Refuse if keywords do not stand where keys are expected, behind one that may be lost."""
    if behind and _count_keywords(behind[::2]) <= _count_keywords(behind[1::2]):
        raise TwoReadingsError(
            "TEXT cannot be read in one way only: a doubled delimiter stands beside "
            f"{printable(lost, 120)}. Export the file again, with another delimiter.",
            "FCS-TEXT",
        )


def _count_keywords(items: Iterable[str]) -> int:
    return sum(map(matters, items))


def matters(item: str) -> bool:
    """Tell whether an item is a keyword of the standard, or decides what values mean.

    Parameters
    ----------
    item : str
        What stands between two delimiters.

    Returns
    -------
    bool
        Not for keywords of a program's own.
    """
    name = item.strip().upper()
    return name in DECISIVE or (name[:1] == "$" and _STANDARD_KEY.match(name) is not None)


def _pairs(cut: Cut, findings: list[Finding]) -> Keywords:
    """Pair keys and values; the first of two equal keys is kept."""
    keywords: Keywords = {}
    latin = double = odd = 0
    for key, value in zip(cut.items[::2], cut.values, strict=False):
        name = key.strip().upper()
        text = value
        if not value.isascii():
            text = decoded(value)
            latin += text == value
        text = text.strip()
        odd += not (name and name.isascii() and name.isprintable())
        if name and keywords.setdefault(name, text) != text:
            double += 1
    if double:
        findings.append(finding("FCS-TEXT-03", f"{double} keywords"))
    if latin:
        findings.append(finding("FCS-TEXT-04", f"{latin} values"))
    if odd:
        findings.append(finding("FCS-TEXT-10", f"{odd} keys"))
    if len(cut.items) % 2 and cut.items[-1].strip():
        findings.append(finding("FCS-TEXT-09"))
    return keywords


def decoded(text: str) -> str:
    """Read as UTF-8 (FCS 3.1) what is UTF-8.

    Parameters
    ----------
    text : str
        Bytes as Latin-1.

    Returns
    -------
    str
        The text; as it was given where it is not UTF-8.
    """
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text
