"""HEADER and TEXT segments, as the standard has them (FCS 2.0 to 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.header import LARGEST_OFFSET
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

LATE_TEXT = 256  # where Coulter and Diva begin TEXT, behind a header filled with blanks
OFFSET_DIGITS = 12


def header(
    version: str, text: tuple[int, int], data: tuple[int, int], *, size: int = 58
) -> bytes:
    """Return a HEADER segment.

    Parameters
    ----------
    version : str
        ``FCS3.0``.
    text, data : tuple of int
        First and last byte.
    size : int
        Bytes, to which the header is filled up with blanks.

    Returns
    -------
    bytes
        DATA offsets that do not fit are left to TEXT.
    """
    if data[1] > LARGEST_OFFSET:
        data = (0, 0)
    offsets = "".join(f"{offset:>8}" for offset in (*text, *data, 0, 0))
    return f"{version:<10}{offsets}".ljust(size).encode("ascii")


def text_segment(pairs: Mapping[str, str], delimiter: str) -> bytes:
    """Return a TEXT segment.

    Parameters
    ----------
    pairs : mapping of str to str
        Keywords and their values.
    delimiter : str
        One character.

    Returns
    -------
    bytes
        Beginning and ending in a delimiter.

    Raises
    ------
    FcsError
        If a keyword or value is empty, is not plain ASCII, begins or ends with a blank, or
        holds the delimiter.
    """
    for key, value in pairs.items():
        for text in (key, value):
            plain = text.isascii() and text.isprintable() and text == text.strip() != ""
            if not plain or delimiter in text:
                raise FcsError(
                    f"keyword {printable(key, 40)!r} cannot be written: it or its value is "
                    "empty, is not plain ASCII, begins or ends with a blank, or holds the "
                    f"delimiter {delimiter!r}. Leave it out, or change it."
                )
    told = "".join(f"{key}{delimiter}{value}{delimiter}" for key, value in pairs.items())
    return (delimiter + told).encode("ascii")


def offset(place: int) -> str:
    """Write an offset in as many digits as any has, so that TEXT keeps its length.

    Parameters
    ----------
    place : int
        A byte.

    Returns
    -------
    str
        `OFFSET_DIGITS` digits.
    """
    return f"{place:0{OFFSET_DIGITS}d}"
