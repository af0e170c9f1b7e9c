"""CytoFLEX with CytExpert: FCS 3.0, floats on 24 bits, ``$SPILLOVER``.

A channel is called after its detector (``KO525-A``), whatever dye is on it, and labelled with
the marker. CytExpert can also call channels ``FL1-A`` and label them ``CD45 KO525-A``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.errors import FlowmlError
from flowml.simulator.formats.base import Format, Named
from flowml.simulator.formats.floats import FloatFile, clipped, is_light

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flowml.knowledge.hardware import Stain
    from flowml.records import Channel

TOP = 16_777_216.0
DETECTORS = {
    "B525": "FITC", "B585": "PE", "B610": "ECD", "B690": "PC5.5", "B780": "PC7",
    "R660": "APC", "R712": "APC-A700", "R763": "APC-A750",
    "V450": "PB450", "V540": "KO525", "V610": "Violet610", "V660": "Violet660",
    "V780": "Violet780",
}  # fmt: skip
SCATTER: tuple[Named, ...] = tuple((name, "", TOP) for name in ("FSC-A", "FSC-H", "SSC-A"))
TIME: Named = ("Time", "", TOP)
SHARE_DIGITS = 4
TIME_DIGITS = 0


def _named(stain: Stain) -> tuple[str, str]:
    position = stain.fluorochrome.position
    if position not in DETECTORS:
        raise FlowmlError(
            f"a CytoFLEX has no detector at {position} for {stain.fluorochrome.name}; it has "
            f"{', '.join(DETECTORS)}."
        )
    return f"{DETECTORS[position]}-A", stain.label


def _digitised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return clipped(values, TOP, TIME_DIGITS)


def _own(has_matrix: bool) -> dict[str, str]:  # noqa: FBT001 - called by FloatFile only
    return {"$SYS": "Windows 10", "CYTEXPERTFIL": "True", "USCOMP": str(has_matrix)}


def _of_channel(n: int, channel: Channel) -> dict[str, str]:
    return {f"P{n}DISPLAY": "LOG" if is_light(channel) else "LIN"}


CYTOFLEX = Format(
    ending=".fcs",
    top=TOP,
    matrix_digits=SHARE_DIGITS,
    scatter=SCATTER,
    time=TIME,
    named=_named,
    rounded_values=_digitised,
    written=FloatFile("FCS3.0", "<f4", "$SPILLOVER", _own, _of_channel).write,
)
