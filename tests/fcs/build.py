"""Small FCS files built byte by byte, right or wrong in any way that a test asks for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADER_SIZE = 58
ORDERS = {"<": "1,2,3,4", ">": "4,3,2,1"}


def header(text: tuple[int, int], data: tuple[Any, Any], version: str = "FCS3.1") -> bytes:
    """Return a HEADER of 58 bytes; offsets may be texts."""
    offsets = "".join(f"{offset!s:>8}" for offset in (*text, *data, 0, 0))
    return f"{version:<10}{offsets}".encode("latin-1")


def text_segment(pairs: Sequence[tuple[str, str]], delimiter: str = "/") -> bytes:
    """Return a TEXT segment with delimiters in values doubled."""
    escaped = (
        f"{key.replace(delimiter, delimiter * 2)}{delimiter}"
        f"{value.replace(delimiter, delimiter * 2)}{delimiter}"
        for key, value in pairs
    )
    return (delimiter + "".join(escaped)).encode("utf-8")


def pack(rows: Sequence[Sequence[float]], kinds: Sequence[str], order: str = "<") -> bytes:
    """Write events value by value; kinds are ``I8`` to ``I64``, ``F32`` and ``D64``."""
    out = bytearray()
    for row in rows:
        for value, kind in zip(row, kinds, strict=True):
            if kind[0] == "I":
                side = "little" if order == "<" else "big"
                out += int(value).to_bytes(int(kind[1:]) // 8, side)
            else:
                out += struct.pack(order + {"F": "f", "D": "d"}[kind[0]], value)
    return bytes(out)


def keywords(
    n_events: int, kinds: Sequence[str], order: str = "<", ranges: Sequence[str] | None = None
) -> dict[str, str]:
    """Return the keywords that describe the data, offsets excepted."""
    made = {
        "$BYTEORD": ORDERS[order], "$DATATYPE": kinds[0][0], "$MODE": "L", "$NEXTDATA": "0",
        "$PAR": str(len(kinds)), "$TOT": str(n_events),
    }  # fmt: skip
    for n, kind in enumerate(kinds, start=1):
        top = ranges[n - 1] if ranges else str(2 ** int(kind[1:]) if kind[0] == "I" else 262144)
        made |= {f"$P{n}B": kind[1:], f"$P{n}E": "0,0", f"$P{n}N": f"FL{n}", f"$P{n}R": top}
        if kind[0] != kinds[0][0]:
            made[f"$P{n}DATATYPE"] = kind[0]
    return made


def make_fcs(
    rows: Sequence[Sequence[float]] | None = None,
    kinds: Sequence[str] = ("F32", "F32"),
    *,
    order: str = "<",
    ranges: Sequence[str] | None = None,
    changes: Mapping[str, str | None] | None = None,
    delimiter: str = "/",
    version: str = "FCS3.1",
    shift: tuple[int, int] = (0, 0),
    shift_text: tuple[int, int] = (0, 0),
    header_data: tuple[Any, Any] | None = None,
    text: bytes | None = None,
    gap: int = 0,
    tail: bytes = b"",
) -> bytes:
    """Return the bytes of an FCS file.

    `changes` adds, replaces or (None) removes keywords; `shift` moves the DATA offsets of
    the header, `shift_text` those of TEXT; `gap` leaves bytes between TEXT and DATA.
    """
    rows = [[1.5, 2.5], [3.5, 4.5], [5.5, -6.5]] if rows is None else rows
    data = pack(rows, kinds, order)
    pairs: dict[str, str | None] = {**keywords(len(rows), kinds, order, ranges)}
    pairs |= {"$BEGINDATA": "", "$ENDDATA": "", **(changes or {})}
    begin, segment = 0, b""
    for _ in range(4):  # the length of TEXT depends on the offsets that it holds
        own = {"$BEGINDATA": begin + shift_text[0]}
        own["$ENDDATA"] = begin + len(data) - 1 + shift_text[1]
        filled = {k: str(own[k]) if v == "" and k in own else v for k, v in pairs.items()}
        kept = [(key, value) for key, value in filled.items() if value is not None]
        segment = text_segment(kept, delimiter) if text is None else text
        begin = HEADER_SIZE + len(segment) + gap
    ends = (begin + shift[0], begin + len(data) - 1 + shift[1])
    head = header((HEADER_SIZE, HEADER_SIZE + len(segment) - 1), header_data or ends, version)
    return head + segment + bytes(gap) + data + tail


def values(rows: Sequence[Sequence[float]]) -> np.ndarray:
    """Return rows as the reader's float32."""
    return np.array(rows, dtype=np.float32)
