"""Navios with its own program: an LMD file, one run in two data sets.

Set 1 is FCS 2.0, 10 bits, logarithmic and compensated, and alone holds markers and matrix
(``$DFCmTOn``, percent with one decimal, detectors counted from FL1). Set 2 is FCS 3.0, 20 bits,
linear and not compensated; DATA come before TEXT, and the top byte of a word holds the number
of its channel, with a highest bit that changes from event to event. So write the Navios of the
Munich Leukemia Laboratory and FC 500s; the names of set 2 are those of public Navios data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError, FlowmlError
from flowml.fcs.header import HEADER_SIZE, LARGEST_OFFSET, NO_CRC
from flowml.fcs.keys import SIMULATED_KEY
from flowml.safety import written_aside
from flowml.simulator.formats.base import Format, Named
from flowml.simulator.formats.logset import first_set
from flowml.simulator.formats.segments import header, text_segment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from flowml.knowledge.hardware import Stain
    from flowml.records import Channel, Sample

    Floats = NDArray[np.float32]

TOP = 1_048_576.0  # 20 bits
NUMBERS = {
    "B525": 1, "B585": 2, "B610": 3, "B690": 4, "B780": 5, "R660": 6, "R712": 7, "R763": 8,
    "V450": 9, "V540": 10,
}  # fmt: skip
SCATTER: tuple[Named, ...] = tuple((name, "", TOP) for name in ("FS-A", "FS-H", "SS-A"))
TIME: Named = ("TIME", "", TOP)
PERCENT = 100
SHARE_DIGITS = 3  # one decimal of a percent
TAG_SHIFT = 24  # the number of the channel stands in the top byte
ODD_EVENT = 0x80  # beside it, in every second event
DELIMITER = "\\"
OF_SET_2 = (SIMULATED_KEY, "$CYT", "$CYTSN", "$TIMESTEP")  # what set 2 says of the run itself


def _named(stain: Stain) -> tuple[str, str]:
    position = stain.fluorochrome.position
    if position not in NUMBERS:
        raise FlowmlError(
            f"a Navios has no detector at {position} for {stain.fluorochrome.name}; it has "
            f"{', '.join(NUMBERS)}."
        )
    return f"FL{NUMBERS[position]}-A", f"{stain.label}-{stain.fluorochrome.name}"


def _digitised(values: Floats) -> Floats:
    whole = np.rint(values)
    np.clip(whole, np.float32(0), np.float32(TOP - 1), out=whole)
    whole += np.float32(0)  # no negative zeros
    return np.asarray(whole)


def _percent_and_back(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is left of shares that were written as percent with one decimal."""
    return (matrix * PERCENT).round(SHARE_DIGITS - 2) / PERCENT


def _write(
    path: Path | str, sample: Sample, values: Floats, keywords: Mapping[str, str]
) -> None:
    first = first_set(
        sample, values, {key: text for key, text in keywords.items() if key != "$TIMESTEP"}
    )
    head, words, text = _second_set(sample, values, keywords)
    with written_aside(path) as aside, aside.open("wb") as stream:
        for part in first:
            stream.write(part)
        stream.write(head)
        stream.write(words.data)
        stream.write(text + NO_CRC)


def _second_set(
    sample: Sample, values: Floats, keywords: Mapping[str, str]
) -> tuple[bytes, NDArray[np.uint32], bytes]:
    """Return HEADER, DATA and TEXT of the raw values."""
    size = values.size * 4
    ends = (HEADER_SIZE, HEADER_SIZE + size - 1)
    about = {key: keywords[key] for key in OF_SET_2 if key in keywords}
    text = text_segment({**about, **_pairs(sample.channels, len(values), ends)}, DELIMITER)
    begin = HEADER_SIZE + size
    if begin + len(text) > LARGEST_OFFSET:
        most = (LARGEST_OFFSET - HEADER_SIZE - len(text)) // (4 * len(sample.channels))
        raise FcsError(
            f"an LMD file holds up to {most} events of {len(sample.channels)} channels, for "
            f"its offsets have eight digits; {len(values)} were given. Write fewer."
        )
    head = header("FCS3.0", (begin, begin + len(text) - 1), ends)
    return head, _tagged(values), text


def _tagged(values: Floats) -> NDArray[np.uint32]:
    """Return 32-bit words with the number of the channel in the top byte, from 0."""
    words = values.astype("<u4")
    words |= np.arange(values.shape[1], dtype="<u4") << TAG_SHIFT
    words[1::2] |= np.uint32(ODD_EVENT << TAG_SHIFT)
    return words


def _pairs(
    channels: tuple[Channel, ...], n_events: int, data: tuple[int, int]
) -> dict[str, str]:
    pairs = {
        "$BEGINANALYSIS": "0", "$BEGINDATA": str(data[0]), "$BEGINSTEXT": "0",
        "$BYTEORD": "1,2,3,4", "$DATATYPE": "I", "$ENDANALYSIS": "0", "$ENDDATA": str(data[1]),
        "$ENDSTEXT": "0", "$MODE": "L", "$NEXTDATA": "0", "$PAR": str(len(channels)),
        "$TOT": str(n_events),
    }  # fmt: skip
    for n, channel in enumerate(channels, start=1):
        pairs |= {f"$P{n}B": "32", f"$P{n}E": "0,0"}
        pairs |= {f"$P{n}R": f"{channel.top:.0f}", f"$P{n}N": channel.name}
    return pairs


NAVIOS = Format(
    ending=".lmd",
    top=TOP,
    matrix_digits=SHARE_DIGITS,
    scatter=SCATTER,
    time=TIME,
    named=_named,
    rounded_values=_digitised,
    written=_write,
    rounded_matrix=_percent_and_back,
)
