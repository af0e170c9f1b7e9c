"""FCS files to measure with: made in a moment, a header, keywords and an array of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator as Rng
    from numpy.typing import NDArray

CHANNELS = (
    ("FSC-A", ""), ("FSC-H", ""), ("SSC-A", ""), ("FITC-A", "CD7"), ("PE-A", "CD11b"),
    ("ECD-A", "CD13"), ("PE-Cy5.5-A", "CD33"), ("PE-Cy7-A", "CD34"), ("APC-A", "CD38"),
    ("APC-A700-A", "CD45"), ("APC-Cy7-A", "CD56"), ("BV421-A", "CD117"), ("BV605-A", "HLA-DR"),
    ("Time", ""),
)  # fmt: skip
TEXT_SIZE = 8192  # more than the keywords below need
LIST_OF_ORDER = {">": "4,3,2,1", "<": "1,2,3,4"}
TAGGED_BITS = (
    18,
    19,
    20,
)  # as Coulter's: the value below, the channel's number in the top byte
MIXED_BITS = (8, 16, 24, 32)


def write_file(
    path: Path, kind: str, order: str, n_events: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Write a file of 14 channels.

    Parameters
    ----------
    path : Path
        To be written.
    kind : str
        ``float``; ``tagged`` (32-bit integers of 18 to 20 bits under a tag); ``log`` (16-bit
        integers of 10 bits behind four decades); ``mixed`` (integers of 8 to 32 bits).
    order : str
        ``>`` or ``<``: most or least significant byte first.
    n_events : int
        How many.

    Returns
    -------
    stored : ndarray, shape (n_events, 14)
        What the file holds, tags masked.
    linear : ndarray, shape (n_events, 14)
        The same on the linear scale.
    """
    rng = np.random.default_rng(len(kind) + n_events)
    n = len(CHANNELS)
    bits, used = _widths(kind, n)
    stored = _values(rng, kind, n_events, used)
    data = _as_bytes(stored, kind, order, bits)
    pairs = {"$DATATYPE": "F" if kind == "float" else "I", "$BYTEORD": LIST_OF_ORDER[order]}
    for i, (name, marker) in enumerate(CHANNELS, start=1):
        pairs[f"$P{i}B"] = str(bits[i - 1])
        pairs[f"$P{i}R"] = str(2 ** used[i - 1])
        pairs[f"$P{i}E"] = "4,1" if kind == "log" and name != "Time" else "0,0"
        pairs[f"$P{i}N"] = name
        if marker:
            pairs[f"$P{i}S"] = marker
    path.write_bytes(before_data(pairs, n_events, len(data)) + data)
    return stored, _linear(stored, kind)


def before_data(own: dict[str, str], n_events: int, data_size: int) -> bytes:
    """Return the header and the keywords, filled up to where the data begin.

    Parameters
    ----------
    own : dict of str to str
        Keywords of the channels, their type and order, and others.
    n_events : int
        How many.
    data_size : int
        Bytes of the data.

    Returns
    -------
    bytes
        `TEXT_SIZE` of them.
    """
    end = TEXT_SIZE + data_size - 1
    pairs = {
        "$MODE": "L", "$NEXTDATA": "0", "$PAR": str(len(CHANNELS)), "$TOT": str(n_events),
        "$BEGINDATA": str(TEXT_SIZE), "$ENDDATA": str(end),
        "$BEGINSTEXT": "0", "$ENDSTEXT": "0", "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0",
        **own,
    }  # fmt: skip
    text = "|" + "".join(f"{key}|{value}|" for key, value in pairs.items())
    data = (TEXT_SIZE, end) if end <= 99_999_999 else (0, 0)  # then the keywords say it
    places = (256, 255 + len(text), *data, 0, 0)
    header = "FCS3.1    " + "".join(f"{place:8d}" for place in places)
    return (header.ljust(256) + text).ljust(TEXT_SIZE).encode("ascii")


def _widths(kind: str, n: int) -> tuple[list[int], list[int]]:
    """Return each channel's width, and how many of its bits carry the value."""
    if kind == "tagged":
        return [32] * n, [TAGGED_BITS[i % 3] for i in range(n)]
    if kind == "log":
        return [16] * n, [10] * n
    if kind == "mixed":
        bits = [MIXED_BITS[i % 4] for i in range(n)]
        return bits, [min(width, 20) for width in bits]
    return [32] * n, [18] * n


def _values(rng: Rng, kind: str, n_events: int, used: list[int]) -> NDArray[Any]:
    """Return random events: fluorescence-like numbers, or whole numbers over the range."""
    if kind == "float":
        spread = rng.standard_normal((n_events, len(used)), dtype=np.float32)
        return np.exp(spread * 2 + 6) - np.float32(200)
    tops = np.array([2**width for width in used], dtype=np.uint32)
    values = rng.random((n_events, len(used)), dtype=np.float32) * tops
    return np.minimum(values.astype(np.uint32), tops - 1)


def _as_bytes(stored: NDArray[Any], kind: str, order: str, bits: list[int]) -> bytes:
    """Return the DATA segment."""
    if kind == "float":
        return stored.astype(f"{order}f4").tobytes()
    if kind == "tagged":
        stored = stored | np.arange(1, len(bits) + 1, dtype=np.uint32) << np.uint32(24)
    if kind != "mixed":
        return stored.astype(f"{order}u{bits[0] // 8}").tobytes()
    as_bytes = stored.astype(f"{order}u4").view(np.uint8).reshape(*stored.shape, 4)
    kept = np.array([_kept(width // 8, order) for width in bits])
    return as_bytes[:, kept].tobytes()


def _linear(stored: NDArray[Any], kind: str) -> NDArray[Any]:
    """Return the linear values: four decades over 1,024, but time."""
    if kind != "log":
        return stored
    linear = np.power(10.0, stored * (4 / 1024))
    linear[:, -1] = stored[:, -1]
    return linear


def _kept(width: int, order: str) -> list[bool]:
    """Return which of four bytes a narrower integer has."""
    return [(i >= 4 - width) if order == ">" else (i < width) for i in range(4)]
