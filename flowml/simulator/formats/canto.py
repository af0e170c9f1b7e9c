"""FACSCanto II with FACSDiva: FCS 3.0, big-endian floats, ``SPILL``.

Names, keywords and rounding as in files of FACSDiva 6 and 8: a channel is called after its dye,
without full stops (``PerCP-Cy5-5-A``), and labelled with the marker; values end at 262,143; the
time has one decimal and a gain of 0.01 that is not meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.simulator.formats.base import Format, Named
from flowml.simulator.formats.floats import FloatFile, clipped, is_light
from flowml.simulator.formats.segments import LATE_TEXT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flowml.knowledge.hardware import Stain
    from flowml.records import Channel

TOP = 262_144.0
FULL_NAMES = {"PacBlue": "Pacific Blue", "PacOrange": "Pacific Orange"}
SCATTER: tuple[Named, ...] = tuple((name, "", TOP) for name in ("FSC-A", "FSC-H", "SSC-A"))
TIME: Named = ("Time", "", TOP)
SHARE_DIGITS = 4
TIME_DIGITS = 1


def _named(stain: Stain) -> tuple[str, str]:
    dye = FULL_NAMES.get(stain.fluorochrome.name, stain.fluorochrome.name)
    return f"{dye.replace('.', '-')}-A", stain.label


def _digitised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return clipped(values, TOP, TIME_DIGITS)


def _own(has_matrix: bool) -> dict[str, str]:  # noqa: FBT001 - called by FloatFile only
    return {
        "$SYS": "Windows 7 6.1",
        "CREATOR": "BD FACSDiva Software Version 8.0.2",
        "APPLY COMPENSATION": "TRUE" if has_matrix else "FALSE",
        "AUTOBS": "TRUE",
        "FSC ASF": "0.78",
        "WINDOW EXTENSION": "10.00",
        "THRESHOLD": "FSC,5000",
    }


def _of_channel(n: int, channel: Channel) -> dict[str, str]:
    if channel.name == TIME[0]:
        return {f"$P{n}G": "0.01", f"P{n}BS": "0", f"P{n}MS": "0"}
    scale = "LOG" if is_light(channel) else "LIN"
    return {f"P{n}DISPLAY": scale, f"P{n}BS": "-1", f"P{n}MS": "0"}


CANTO = Format(
    ending=".fcs",
    top=TOP,
    matrix_digits=SHARE_DIGITS,
    scatter=SCATTER,
    time=TIME,
    named=_named,
    rounded_values=_digitised,
    written=FloatFile("FCS3.0", ">f4", "SPILL", _own, _of_channel, LATE_TEXT).write,
)
