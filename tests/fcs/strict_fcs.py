"""What the standard allows, read by the letter: a second opinion on a damaged file.

A file that differs from its base only by another conforming ``$PnR``, ``$PnE``, ``$PnG`` or
``$BYTEORD`` is a right file of its own, and no reader can tell. Nothing here is shared with the
reader that is tested. Sources: FCS 3.1 (2010), sections 3.1 to 3.3.
"""

from __future__ import annotations

import math
import re

VERSIONS = (b"FCS2.0", b"FCS3.0", b"FCS3.1", b"FCS3.2")
LARGEST_SHARE = 10.0  # a detector that sees a foreign dye ten times better than its own
REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")
STANDARD = re.compile(
    r"\$(P\d+(B|D|DATATYPE|E|F|G|L|N|O|P|R|S|T|V|CALIBRATION|DET|TAG|TYPE|FEATURE|ANALYTE)"
    r"|(BEGIN|END)(ANALYSIS|DATA|STEXT|DATETIME)|BYTEORD|DATATYPE|MODE|NEXTDATA|PAR|TOT|ABRT"
    r"|BTIM|CARRIER(ID|TYPE)|CELLS|COM|CSMODE|CSVBITS|CSV\d+FLAG|CYT|CYTSN|DATE|ETIM|EXP|FIL"
    r"|FLOWRATE|GATE|GATING|INST|LAST_(MODIFIED|MODIFIER)|LOST|LOCATIONID|OP|ORIGINALITY"
    r"|PK\d+|PKN\d+|PLATE(ID|NAME)|PROJ|R\d+[IW]|G\d+[EFNPRSTV]|SMNO|SPILLOVER|SRC|SYS|TIMESTEP"
    r"|TR|UNICODE|UNSTAINED(CENTERS|INFO)|VOL|WELLID|COMP|DFC\d+TO\d+)"
)
# keywords that decide what the numbers are
DECISIVE = re.compile(
    r"\$P\d+(B|DATATYPE|E|G|R)|\$(PAR|TOT|DATATYPE|MODE|BYTEORD|NEXTDATA|DFC\d+TO\d+|COMP)"
    r"|\$?SPILL(OVER)?|TRANSFORMATION|FLOWML_COMPENSATED"
)
FREE = re.compile(r"\$P(\d+)(E|G|R)|\$BYTEORD")
Keywords = dict[str, str]


def strict_sets(raw: bytes, *, empties: bool = False) -> list[tuple[int, Keywords | None]]:
    """Read every data set by the letter: where it starts, and its keywords.

    None instead of the keywords if anything is not right; what comes behind is not looked for.
    `empties`: doubled delimiters are empty values, as they are in the undamaged file.
    """
    found: list[tuple[int, Keywords | None]] = []
    start = 0
    while True:
        keywords = _one_set(raw[start:], empties=empties)
        step = "" if keywords is None else keywords.get("$NEXTDATA", "0")
        if not step.isdigit() or int(step) >= len(raw) - start:
            return [*found, (start, None)]
        found.append((start, keywords))
        if not int(step):
            return found
        start += int(step)


def _one_set(raw: bytes, *, empties: bool) -> Keywords | None:
    numbers = _header(raw)
    if numbers is None:
        return None
    text, data = numbers[:2], numbers[2:4]
    keywords = _text(raw, *text, empties=empties)
    if keywords is None or not _data_agree(raw, data, text, keywords):
        return None
    more = [keywords.get(f"${end}STEXT", "0") for end in ("BEGIN", "END")]
    if more != ["0", "0"]:
        if not all(number.isdigit() for number in more):
            return None
        extra = _text(raw, *map(int, more), empties=empties)
        if extra is None or set(extra) & set(keywords):
            return None
        keywords |= extra
    return keywords


def _header(raw: bytes) -> list[int] | None:
    if raw[:6] not in VERSIONS or raw[6:10] != b"    " or len(raw) < 58:
        return None
    fields = [raw[i : i + 8] for i in range(10, 58, 8)]
    if not all(re.fullmatch(rb" *\d*", field) for field in fields):
        return None
    return [int(field.strip() or b"0") for field in fields]


def _text(raw: bytes, begin: int, end: int, *, empties: bool) -> Keywords | None:
    """Pair keys and values; a key is printable ASCII and stands once."""
    body = raw[begin : end + 1].decode("latin-1")
    if not 58 <= begin < end < len(raw) or body[0] != body[-1]:
        return None
    mark = "\0\uffff"
    items = (body if empties else body.replace(body[0] * 2, mark))[1:-1].split(body[0])
    items = [item.replace(mark, body[0]).strip() for item in items]
    keys = [key.upper() for key in items[::2]]
    usable = all(re.fullmatch(r"[\x20-\x7e]+", key) for key in keys)
    if len(items) % 2 or not usable or len(set(keys)) < len(keys):
        return None
    return dict(zip(keys, items[1::2], strict=True))


def _data_agree(raw: bytes, data: list[int], text: list[int], keywords: Keywords) -> bool:
    """Tell whether every number about DATA says the same, and DATA lies by itself."""
    given = [keywords.get(key, "") for key in ("$BEGINDATA", "$ENDDATA", "$TOT", "$PAR")]
    if not all(number.isdigit() for number in given if number) or not given[3]:
        return False
    in_text = [int(number) for number in given[:2] if number]
    if not any(data):
        data = in_text
    widths = [keywords.get(f"$P{n}B", "") for n in range(1, int(given[3][:4]) + 1)]
    if (in_text and in_text != data) or not all(width.isdigit() for width in widths):
        return False
    need = sum(map(int, widths)) * int(given[2] or "0")
    clear = data[0] > text[1] or data[1] < text[0]
    return clear and (data[1] + 1 - data[0]) * 8 == need and 58 <= data[0] <= data[1] < len(raw)


def differs_as_allowed(
    base: bytes, mutant: bytes, offset: int, *, empties: bool = False
) -> bool:
    """Tell whether a data set is right, but for another $PnR, $PnE, $PnG or $BYTEORD.

    `offset` is where the events were read, and so says which data set is meant.
    """
    before = strict_sets(base, empties=empties)
    after = strict_sets(mutant, empties=empties)
    if any(keywords is None for _, keywords in before):
        raise AssertionError("a base file is not a right file")
    read = max((k for k, (start, _) in enumerate(after) if start <= offset), default=0)
    if read >= len(before) or after[read][1] is None:
        return False
    pairs = [
        (old, new)
        for (_, old), (_, new) in zip(before, after, strict=False)
        if old is not None and new is not None
    ]
    changes = [_decisive_changes(old, new) for old, new in pairs]
    return None not in changes and any(changes)


def _decisive_changes(old: Keywords, new: Keywords) -> set[str] | None:
    """Return which of the four changed; None where something else did that matters."""
    keys = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    odd = {key for key in new if key.startswith("$") and not STANDARD.fullmatch(key)}
    decisive = {key for key in keys if DECISIVE.fullmatch(key)}
    right = odd <= set(old) and all(_is_free(key, new) for key in decisive)
    return decisive if right else None


def _is_free(key: str, keywords: Keywords) -> bool:
    """Tell whether a keyword is one of the four, and its value one that the standard allows."""
    match = FREE.fullmatch(key)
    if match is None:
        return False
    value = keywords.get(key)
    if value is None:
        return match[2] == "G"  # the only one of the four that may be left out
    if match[2] is None:
        return value in {"1,2,3,4", "4,3,2,1", "1,2", "2,1"}
    return {"E": _is_scale, "G": _is_gain, "R": _is_range}[match[2]](value, match[1], keywords)


def _is_scale(value: str, n: str, keywords: Keywords) -> bool:
    """``f1,f2``: both 0, or both above it; 0,0 for floating point."""
    parts = value.split(",")
    if len(parts) != 2 or not all(REAL.fullmatch(part) for part in parts):
        return False
    decades, offset = map(float, parts)
    if _kind(n, keywords) != "I" and (decades, offset) != (0, 0):
        return False
    return decades == offset == 0 or (decades > 0 and offset > 0)


def _is_gain(value: str, _n: str, _keywords: Keywords) -> bool:
    return bool(REAL.fullmatch(value)) and 0 < float(value) < math.inf


def _is_range(value: str, n: str, keywords: Keywords) -> bool:
    """Count of values of an integer channel: no more than its width holds."""
    if _kind(n, keywords) != "I":
        return bool(REAL.fullmatch(value)) and float(value) > 0
    width = int(keywords[f"$P{n}B"])
    return value.isdigit() and len(value) <= 20 and 2 <= int(value) <= 2**width


def _kind(n: str, keywords: Keywords) -> str:
    return keywords.get(f"$P{n}DATATYPE", keywords.get("$DATATYPE", ""))


def same_matrix_form(old: str, new: str) -> bool:
    """Tell whether a matrix keyword has the same detectors as before, and shares all over.

    Off the diagonal, shares from -1 to `LARGEST_SHARE` are what an instrument may show.
    """
    before, after = ([item.strip() for item in text.split(",")] for text in (old, new))
    size = int(before[0])
    shares = after[size + 1 :]
    if before[: size + 1] != after[: size + 1] or len(shares) != size * size:
        return False
    if not all(REAL.fullmatch(share) for share in shares):
        return False
    numbers = [float(share) for share in shares]
    diagonal = numbers[:: size + 1]
    return all(-1 <= x <= LARGEST_SHARE for x in numbers) and set(diagonal) == {1.0}
