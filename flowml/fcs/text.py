"""The TEXT segment: keywords and values (FCS 3.1).

A doubled delimiter stands for one delimiter within a value; many programs nevertheless
write empty values, which look the same. Both readings are tried, and the one is taken in which
more of the standard keywords stand in key position and fewer keys are impossible.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.keys import COMPENSATED_KEY, FLOWCORE_SCALED, SPILLOVER_KEYS
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.findings import Finding

# cannot occur: bytes are decoded as Latin-1, whose code points end at 255
_ESCAPED = "\uffff"
_STANDARD_KEY = re.compile(
    r"^\$(P\d+[A-Z]+|PAR|TOT|MODE|BYTEORD|DATATYPE|NEXTDATA|(BEGIN|END)\w+|CYT\w*|DATE|FIL|SRC"
    r"|OP|INST|SYS|[BE]TIM|EXP|PROJ|CELLS|COM|SMNO|TIMESTEP|SPILLOVER|COMP|DFC\d+TO\d+)$"
)

# keywords that decide what the values mean
DECISIVE = {
    *SPILLOVER_KEYS, FLOWCORE_SCALED, COMPENSATED_KEY,
    "$COMP", "APPLY COMPENSATION", "APPLY_COMPENSATION",
}  # fmt: skip

Keywords = dict[str, str]


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
    text, findings = raw.decode("latin-1"), []
    delimiter, body = text[:1], text[1:].rstrip(" \r\n\x00" if text[:1] > " " else "\x00")
    if not body:
        raise FcsError(
            "the TEXT segment is empty, expected keywords. Export the file again.", "FCS-TEXT"
        )
    if body.endswith(delimiter):
        body = body[:-1]
    else:
        findings.append(finding("FCS-TEXT-02"))
    escaped = [
        item.replace(_ESCAPED, delimiter)
        for item in body.replace(delimiter * 2, _ESCAPED).split(delimiter)
    ]
    items = escaped
    if delimiter * 2 in body:
        plain = body.split(delimiter)
        if _plausibility(plain, delimiter) > _plausibility(escaped, delimiter):
            items = plain
            findings.append(finding("FCS-TEXT-01"))
    _check_keys(items[::2], delimiter, findings)
    keywords = _pairs(items, findings)
    if not keywords:
        raise FcsError(
            f"the TEXT segment holds no keywords after its delimiter {printable(delimiter)!r}. "
            "The file is damaged: export it again.",
            "FCS-TEXT",
        )
    return keywords, findings


def _plausibility(items: list[str], delimiter: str) -> tuple[int, int]:
    """Return how many keys are standard keywords and, negative, how many cannot be keys.

    An empty value that is read as an escaped delimiter swallows the next keyword: the key
    ``EXPERIMENT/SPILL`` is one that cannot be. So is an empty one.
    """
    keys = [key.strip() for key in items[::2]]
    standard = sum(1 for key in keys if _STANDARD_KEY.match(key.upper()))
    return standard, -sum(1 for key in keys if not key or delimiter in key)


def _check_keys(keys: list[str], delimiter: str, findings: list[Finding]) -> None:
    """Refuse a text in which an empty value may have swallowed a keyword that matters."""
    odd = [key for key in keys if delimiter in key]
    ends = {key.rpartition(delimiter)[2].strip().upper() for key in odd}
    if lost := [end for end in ends if end in DECISIVE or _STANDARD_KEY.match(end)]:
        raise FcsError(
            f"TEXT cannot be read in one way only: a doubled delimiter stands before "
            f"{printable(', '.join(sorted(lost)), 120)}. Export the file again, with another "
            "delimiter or without empty values.",
            "FCS-TEXT",
        )
    if odd:
        findings.append(finding("FCS-TEXT-07", f"{len(odd)} keys"))


def _pairs(items: list[str], findings: list[Finding]) -> Keywords:
    """Pair keys and values; the first of two equal keys is kept."""
    keywords: Keywords = {}
    latin = double = 0
    for key, value in zip(items[::2], items[1::2], strict=False):
        name = key.strip().upper()
        if value.isascii():
            text = value.strip()
        else:
            text, is_utf8 = _decoded(value)
            latin += not is_utf8
        if name and keywords.setdefault(name, text) != text:
            double += 1
    if double:
        findings.append(finding("FCS-TEXT-03", f"{double} keywords"))
    if latin:
        findings.append(finding("FCS-TEXT-04", f"{latin} values"))
    if len(items) % 2 and items[-1].strip():
        findings.append(finding("FCS-TEXT-09"))
    return keywords


def _decoded(value: str) -> tuple[str, bool]:
    """Read a value as UTF-8 (FCS 3.1) or keep it as Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8").strip(), True
    except UnicodeDecodeError:
        return value.strip(), False
