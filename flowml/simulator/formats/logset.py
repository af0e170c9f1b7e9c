"""Set 1 of a Navios file: compensated, 10 bits, four decades (``$PnE`` 4.0,0.1024)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.header import LARGEST_OFFSET
from flowml.records import Role
from flowml.simulator.formats.segments import LATE_TEXT, header, text_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowml.records import Channel, Sample

    Floats = NDArray[np.float32]

STEPS = 1024  # 10 bits
FINER = 1024.0  # how much finer set 2 is: 20 bits
DECADES, FLOOR = 4.0, 0.1024
LEAST = FINER * FLOOR  # of set 2, which is stored as 0; so is what lies below
MOST_DETECTORS = 10
DATA_STEP = 4096  # DATA begin at a multiple of it
DELIMITER = "\\"
SCATTER_NAMES = {Role.FORWARD_SCATTER: "FS INT LIN", Role.SIDE_SCATTER: "SS INT LIN"}


def first_set(sample: Sample, values: Floats, keywords: Mapping[str, str]) -> list[bytes]:
    """Return the parts of the data set.

    Parameters
    ----------
    sample : Sample
        Its channels and matrix.
    values : ndarray, shape (n_events, n_channels), float32
        Its raw values.
    keywords : mapping of str to str
        Of the run.

    Returns
    -------
    list of bytes
        HEADER, TEXT, zeros, DATA.

    Raises
    ------
    FcsError
        If the events are too many for the header's eight digits.
    """
    columns = [n for n, c in enumerate(sample.channels) if _is_shown(c)]
    stored = _stored(sample, values)[:, columns]
    channels = [sample.channels[n] for n in columns]
    pairs = {
        **keywords, **_pairs(channels), "$MODE": "L", "$TOT": str(len(values)),
        "$PAR": str(len(channels)), "$SYS": "BCI", "$BYTEORD": "1,2", "$DATATYPE": "I",
        "@BASELINEOFFSET": "OFF", **_shares(sample),
    }  # fmt: skip
    longest = text_segment({**pairs, "$NEXTDATA": str(LARGEST_OFFSET)}, DELIMITER)
    begin = DATA_STEP * (1 + (LATE_TEXT + len(longest)) // DATA_STEP)
    size = stored.size * 2
    if begin + size > LARGEST_OFFSET:
        raise FcsError(
            f"an LMD file holds up to {(LARGEST_OFFSET - begin) // (2 * len(channels))} events "
            f"of {len(channels)} channels, for its offsets have eight digits; {len(values)} "
            "were given. Write fewer."
        )
    text = text_segment({**pairs, "$NEXTDATA": str(begin + size)}, DELIMITER)
    text_ends = (LATE_TEXT, LATE_TEXT + len(text) - 1)
    head = header("FCS2.0", text_ends, (begin, begin + size - 1), size=LATE_TEXT)
    gap = bytes(begin - LATE_TEXT - len(text))
    return [head, text, gap, stored.tobytes()]


def _is_shown(channel: Channel) -> bool:
    """Tell the parameters of a protocol: areas, but neither peaks nor time."""
    return channel.role in {*SCATTER_NAMES, Role.FLUORESCENCE} and channel.pulse in {"A", ""}


def _stored(sample: Sample, values: Floats) -> NDArray[np.uint16]:
    """Return 10-bit values: scatter linear, fluorescence compensated and logarithmic.

    In float32, whose logarithm is many times quicker and exact to a hundredth of a step.
    """
    stored = (values / np.float32(FINER)).astype("<u2")
    if sample.spillover is not None:
        columns = [sample.channel_names.index(name) for name in sample.spillover.channels]
        light = values[:, columns] @ np.linalg.inv(sample.spillover.matrix).astype(np.float32)
    else:
        columns = [
            n for n, channel in enumerate(sample.channels) if channel.role is Role.FLUORESCENCE
        ]
        light = values[:, columns]
    light = np.maximum(light, np.float32(LEAST))
    light /= np.float32(LEAST)
    steps = np.log(light, out=light)
    steps *= np.float32(STEPS / DECADES / math.log(10))
    stored[:, columns] = np.minimum(np.rint(steps, out=steps), STEPS - 1).astype("<u2")
    return stored


def _pairs(channels: list[Channel]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for n, channel in enumerate(channels, start=1):
        light = channel.role is Role.FLUORESCENCE
        name = channel.name.replace("-A", " INT LOG") if light else SCATTER_NAMES[channel.role]
        pairs |= {f"$P{n}N": name, f"$P{n}S": channel.label or name, f"$P{n}R": str(STEPS)}
        pairs |= {f"$P{n}B": "16", f"$P{n}G": "1.000000"}
        pairs[f"$P{n}E"] = f"{DECADES},{FLOOR}" if light else "0,0"
    return pairs


def _shares(sample: Sample) -> dict[str, str]:
    """Return ``$DFCmTOn`` of all detectors that the instrument has."""
    shares = np.zeros((MOST_DETECTORS, MOST_DETECTORS))
    if sample.spillover is not None:
        numbers = [_number(name) - 1 for name in sample.spillover.channels]
        between = sample.spillover.matrix - np.eye(len(numbers))
        shares[np.ix_(numbers, numbers)] = between
    return {
        f"$DFC{m + 1}TO{n + 1}": f"{100 * shares[m, n]:.1f}"
        for n in range(MOST_DETECTORS)
        for m in range(MOST_DETECTORS)
    }


def _number(name: str) -> int:
    match = re.fullmatch(r"FL(\d{1,2})-A", name)
    if match is None or not 1 <= int(match[1]) <= MOST_DETECTORS:
        raise FcsError(
            f"the matrix names the detector {name!r}, expected FL1-A to FL{MOST_DETECTORS}-A."
        )
    return int(match[1])
