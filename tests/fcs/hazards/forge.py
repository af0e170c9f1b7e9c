"""Bytes of FCS files with any clause of the standard bent or broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from build import HEADER_SIZE, keywords, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Pairs = list[tuple[str, str]]
Rows = list[list[Any]]

ROWS: Rows = [[1.5, 2.5], [3.5, 4.5], [5.5, -6.5]]
FLOATS = ("F32", "F32")
OFFSETS = ("$BEGINDATA", "$ENDDATA", "$BEGINSTEXT", "$ENDSTEXT")
NONE = ("$BEGINANALYSIS", "$ENDANALYSIS", "$BEGINSTEXT", "$ENDSTEXT")  # required, and 0
STARTS = {"text": 10, "data": 26, "analysis": 42}  # of the two offsets of a segment


def join(pairs: Pairs, delimiter: str, *, double: bool = True) -> bytes:
    """Return keywords and values with a delimiter behind each; doubled within, or not."""
    items = [item for pair in pairs for item in pair]
    if double:
        items = [item.replace(delimiter, delimiter * 2) for item in items]
    return "".join(f"{item}{delimiter}" for item in items).encode("utf-8")


def head(
    text: tuple[int, int], data: tuple[Any, Any], version: str = "FCS3.1", form: str = "{!s:>8}"
) -> bytes:
    """Return a HEADER; `form` writes each of the offsets."""
    offsets = "".join(form.format(n)[:8] for n in (*text, *data, 0, 0))
    return f"{version:<10}{offsets}".encode("latin-1")


def forge(
    rows: Rows = ROWS,
    kinds: Sequence[str] = FLOATS,
    *,
    order: str = "<",
    ranges: Sequence[str] | None = None,
    changes: Mapping[str, str | None] | None = None,
    before: bytes = b"",
    after: bytes = b"",
    delimiter: str = "/",
    double: bool = True,
    pad: bytes = b"",
    end: int = 0,
    lead: bytes = b"",
    gap: bytes = b"",
    align: int = 1,
    tail: bytes = b"",
    data: bytes | None = None,
    shift: tuple[int, int] = (0, 0),
    shift_text: tuple[int, int] = (0, 0),
    header_data: tuple[Any, Any] | None = None,
    version: str = "FCS3.1",
    form: str = "{!s:>8}",
    extra: bytes | None = None,
    patch: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Return a file: HEADER, lead, TEXT, gap, DATA, supplemental TEXT (`extra`), tail.

    `changes` adds, replaces or (None) removes keywords; `before` and `after` are bytes of TEXT
    in front of and behind the standard keywords; `pad` follows the last delimiter; DATA begin
    at a multiple of `align`; `end` moves the end of TEXT in the header, `shift` and
    `shift_text` the offsets of DATA; `patch` has the last word.
    """
    body = pack(rows, kinds, order) if data is None else data
    made = {
        **keywords(len(rows), kinds, order, ranges),
        **dict.fromkeys(NONE + OFFSETS[:2], "0"),
    }
    own: dict[str, str | None] = {**made, **(changes or {})}
    begin = HEADER_SIZE
    for _ in range(4):  # the length of TEXT depends on the offsets that it holds
        ends = (begin, begin + len(body) - 1)
        where = [ends[0] + shift_text[0], ends[1] + shift_text[1]]
        if extra is not None:
            where += [ends[1] + 1, ends[1] + len(extra)]
        known = dict(zip(OFFSETS, map(str, where), strict=False))
        pairs = {**own, **{k: v for k, v in known.items() if k not in (changes or {})}}
        kept = [(key, value) for key, value in pairs.items() if value is not None]
        text = delimiter.encode() + before + join(kept, delimiter, double=double) + after + pad
        first = HEADER_SIZE + len(lead)
        begin = -(-(first + len(text) + len(gap)) // align) * align
    last = first + len(text) - 1
    given = header_data or (ends[0] + shift[0], ends[1] + shift[1])
    whole = head((first, last + end), given, version, form) + lead + text
    whole = (whole + gap).ljust(begin, b"\0") + body
    whole += (extra or b"") + tail
    return whole if patch is None else patch(whole)


def put(content: bytes, segment: str, begin: Any = None, end: Any = None) -> bytes:
    """Replace offsets in the HEADER by numbers or texts."""
    start = STARTS[segment]
    for position, value in ((start, begin), (start + 8, end)):
        if value is not None:
            field = f"{value!s:>8}"[:8].encode("latin-1")
            content = content[:position] + field + content[position + 8 :]
    return content


def text_end(content: bytes) -> int:
    """Return the last byte of TEXT by the HEADER."""
    return int(content[18:26])


def data_first(rows: Rows = ROWS, kinds: Sequence[str] = FLOATS) -> bytes:
    """Return a file whose DATA stand before TEXT."""
    body = pack(rows, kinds)
    last = HEADER_SIZE + len(body) - 1
    pairs = {**keywords(len(rows), kinds), "$BEGINDATA": "58", "$ENDDATA": str(last)}
    text = b"/" + join(list(pairs.items()), "/")
    return head((last + 1, last + len(text)), (HEADER_SIZE, last)) + body + text


def chain(*parts: bytes) -> bytes:
    """Join data sets built with ``$NEXTDATA`` of ``@@@@@@@@``: each leads to the next."""
    out = b""
    for number, part in enumerate(parts):
        step = len(part) if number < len(parts) - 1 else 0
        out += part.replace(b"@" * 8, f"{step:08}".encode())
    return out


def data_set(**how: Any) -> bytes:
    """Return one link of a `chain`."""
    return forge(changes={"$NEXTDATA": "@" * 8, **how.pop("changes", {})}, **how)
