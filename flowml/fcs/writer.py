"""Write FCS 3.1: float32, little-endian, one data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError, StateError
from flowml.fcs.header import HEADER_SIZE
from flowml.fcs.keys import COMPENSATED_KEY
from flowml.records import Scale
from flowml.safety import printable, written_aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flowml.records import Array, Sample, Spillover

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
    StateError
        If the sample is on its display scale.
    OutputError
        If the file cannot be written.
    """
    if sample.scale is Scale.DISPLAY:
        raise StateError(
            f"write_fcs() writes linear values; {printable(sample.name)} is already on its "
            "display scale. Write the sample before display()."
        )
    extra = {key.strip().upper(): value for key, value in (extra_keywords or {}).items()}
    keywords = extra | _keywords(sample)
    text = _text(keywords, sample.n_events * 4 * len(sample.channels))
    begin = HEADER_SIZE + len(text)
    end = begin + sample.n_events * 4 * len(sample.channels) - 1
    with written_aside(path) as aside, aside.open("wb") as stream:
        stream.write(_header(len(text), begin, end))
        stream.write(text)
        for block in sample.blocks():
            stream.write(_single(block).tobytes())
        stream.write(b"00000000")  # no CRC


def _single(block: Array) -> Array:
    """Return the values as little-endian float32, or refuse those that it cannot hold."""
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(block, dtype="<f4")
    if (np.isinf(single) & np.isfinite(block)).any():
        raise FcsError(
            f"a value of {np.abs(block[np.isfinite(block)]).max():g} does not fit float32, "
            "which ends at 3.4e38. Scale the values before writing."
        )
    return single


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
    if sample.scale is Scale.COMPENSATED:  # with its matrix it would be compensated again
        keywords[COMPENSATED_KEY] = "1"
    elif sample.spillover is not None:
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
    if any("," in name for name in spillover.channels):
        raise FcsError(
            "a detector whose name holds a comma cannot stand in $SPILLOVER. Rename "
            f"{printable(next(name for name in spillover.channels if ',' in name))!r}."
        )
    values = ",".join(repr(float(value)) for value in spillover.matrix.ravel())
    return f"{len(spillover.channels)},{','.join(spillover.channels)},{values}"


def _pairs(keywords: Mapping[str, str]) -> Iterator[str]:
    for key, value in keywords.items():
        if not key or not value or DELIMITER in key + value:
            raise FcsError(
                f"keyword {printable(key, 40)!r} cannot be written: it or its value is empty, "
                "or holds a form feed. Leave it out, or change it."
            )
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
