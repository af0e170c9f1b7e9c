"""FACSLyric with FACSuite: FCS 3.1, floats, ``$SPILLOVER``.

A channel is called after its dye and labelled with the marker. No file of FACSuite was at hand:
version and matrix are what it is known to write, byte order and time are flowml's choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.simulator.formats.base import Format, Named
from flowml.simulator.formats.canto import FULL_NAMES, SCATTER, TIME_DIGITS, TOP
from flowml.simulator.formats.floats import FloatFile, clipped, is_light

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flowml.knowledge.hardware import Stain
    from flowml.records import Channel

TIME: Named = ("Time", "", 16_777_216.0)
SHARE_DIGITS = 4


def _named(stain: Stain) -> tuple[str, str]:
    dye = FULL_NAMES.get(stain.fluorochrome.name, stain.fluorochrome.name)
    return f"{dye}-A", stain.label


def _digitised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return clipped(values, TOP, TIME_DIGITS)


def _own(has_matrix: bool) -> dict[str, str]:  # noqa: ARG001, FBT001 - called by FloatFile only
    return {"$SYS": "Windows 10", "CREATOR": "BD FACSuite 1.5"}


def _of_channel(n: int, channel: Channel) -> dict[str, str]:
    scale = "Logarithmic,4,1" if is_light(channel) else f"Linear,0,{channel.top:.0f}"
    return {f"$P{n}D": scale}


LYRIC = Format(
    ending=".fcs",
    top=TOP,
    matrix_digits=SHARE_DIGITS,
    scatter=SCATTER,
    time=TIME,
    named=_named,
    rounded_values=_digitised,
    written=FloatFile("FCS3.1", "<f4", "$SPILLOVER", _own, _of_channel).write,
)
