"""How instruments name their channels, round their numbers and write their files.

A style more is an entry more of `FORMATS`; a model of instrument names its style in
``cytometers.toml``.
"""

from flowml.simulator.formats.base import Format
from flowml.simulator.formats.canto import CANTO
from flowml.simulator.formats.cytoflex import CYTOFLEX
from flowml.simulator.formats.lyric import LYRIC
from flowml.simulator.formats.navios import NAVIOS

FORMATS: dict[str, Format] = {
    "navios": NAVIOS,
    "cytoflex": CYTOFLEX,
    "canto": CANTO,
    "lyric": LYRIC,
}

__all__ = ["FORMATS", "Format"]
