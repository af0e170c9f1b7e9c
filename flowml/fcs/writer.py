"""Write FCS 3.1: float32, little-endian, one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.safety import written_aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flowml.records import Sample, Spillover

HEADER_SIZE = 58
DELIMITER = "\x0c"  # form feed: what Diva uses; does not occur in values
LARGEST_OFFSET = 99_999_999  # what the eight digits of the header can hold
OFFSET_DIGITS = 20


def write_fcs(
    path: Path | str, sample: Sample, extra_keywords: Mapping[str, str] | None = None
) -> None:
    """Write a sample's linear values as FCS 3.1.

    Parameters
    ----------
    path : path-like
        Where to write; the file appears only when it is whole.
    sample : Sample
        Channels, spillover and events; its own keywords are not copied, as they may name a
        patient.
    extra_keywords : mapping of str to str, optional
        Further keywords; those that describe the data cannot be given.

    Raises
    ------
    FcsError
        If a keyword or value holds the delimiter or is empty.
    OutputError
        If the file cannot be written.
    """
    keywords = {**dict(extra_keywords or {}), **_keywords(sample)}
    text = _text(keywords, sample.n_events * 4 * len(sample.channels))
    begin = HEADER_SIZE + len(text)
    end = begin + sample.n_events * 4 * len(sample.channels) - 1
    with written_aside(path) as aside, aside.open("wb") as stream:
        stream.write(_header(len(text), begin, end))
        stream.write(text)
        for block in sample.blocks():
            stream.write(np.ascontiguousarray(block, dtype="<f4").tobytes())
        stream.write(b"00000000")  # no CRC


def _keywords(sample: Sample) -> dict[str, str]:
    """Describe the data."""
    keywords = {
        "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$MODE": "L", "$NEXTDATA": "0",
        "$PAR": str(len(sample.channels)), "$TOT": str(sample.n_events),
        "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0",
    }  # fmt: skip
    for n, channel in enumerate(sample.channels, start=1):
        keywords |= {f"$P{n}B": "32", f"$P{n}E": "0,0", f"$P{n}G": "1", f"$P{n}N": channel.name}
        keywords[f"$P{n}R"] = f"{channel.top:.15g}"
        if label := channel.label or channel.marker:
            keywords[f"$P{n}S"] = label
    if sample.spillover is not None:
        keywords["$SPILLOVER"] = spillover_text(sample.spillover)
    return keywords


def spillover_text(spillover: Spillover) -> str:
    """Write a matrix as the value of ``$SPILLOVER``.

    Parameters
    ----------
    spillover : Spillover
        Detector names must not hold commas.

    Returns
    -------
    str
        Number of detectors, their names, the matrix row by row.
    """
    values = ",".join(f"{value:.10g}" for value in spillover.matrix.ravel())
    return f"{len(spillover.channels)},{','.join(spillover.channels)},{values}"


def _pairs(keywords: Mapping[str, str]) -> Iterator[str]:
    for key, value in keywords.items():
        if not key or not value or DELIMITER in key + value:
            raise FcsError(f"keyword {key!r} cannot be written: empty, or holds a form feed.")
        yield f"{key}{DELIMITER}{value}{DELIMITER}"


def _text(keywords: dict[str, str], data_size: int) -> bytes:
    """Return the TEXT segment; its own length decides the offsets that it holds."""
    blank = {"$BEGINDATA": " " * OFFSET_DIGITS, "$ENDDATA": " " * OFFSET_DIGITS}
    length = len((DELIMITER + "".join(_pairs(keywords | blank))).encode())
    begin = HEADER_SIZE + length
    offsets = {"$BEGINDATA": begin, "$ENDDATA": begin + data_size - 1 if data_size else 0}
    filled = {key: str(value).rjust(OFFSET_DIGITS, "0") for key, value in offsets.items()}
    return (DELIMITER + "".join(_pairs(keywords | filled))).encode()


def _header(text_length: int, begin: int, end: int) -> bytes:
    """Return the header; DATA offsets that do not fit are left to TEXT."""
    if end > LARGEST_OFFSET:
        begin = end = 0
    offsets = (HEADER_SIZE, HEADER_SIZE + text_length - 1, begin, max(end, 0), 0, 0)
    return ("FCS3.1    " + "".join(f"{offset:>8}" for offset in offsets)).encode()
