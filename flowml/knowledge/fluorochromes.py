"""Detector positions and fluorochromes.

Intensities are reference units: linear channel units of a digital instrument whose scale ends
at 262,144. A fluorochrome more is a table more in its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.knowledge.documents import one_of, open_document
from flowml.knowledge.files import HOME

if TYPE_CHECKING:
    from flowml.knowledge.entries import Entry

FLUOROCHROMES_FILE = "fluorochromes.toml"
LARGEST_SPILL = 0.9  # a share; above it two detectors would have changed places
MOST_DECADES = 2.0  # of brightness, up and down


@dataclass(frozen=True, slots=True)
class Position:
    """A detector: a laser and a band of the spectrum.

    Parameters
    ----------
    name : str
        Laser and middle of the band, such as ``B525``.
    autofluorescence : float
        Median of an unstained lymphocyte, reference units.
    photon : float
        Reference units for one photoelectron: the variance of a signal x is ``photon * x``.
    """

    name: str
    autofluorescence: float
    photon: float


@dataclass(frozen=True)
class Fluorochrome:
    """A dye.

    Parameters
    ----------
    name : str
        As a panel calls it.
    position : str
        The detector that it is meant for.
    brightness : float
        Decades above or below the ladder of levels.
    spill : mapping of str to float
        Share of its own signal that a detector at another position sees.
    """

    name: str
    position: str
    brightness: float
    spill: Mapping[str, float]


@cache
def load_fluorochromes() -> tuple[Mapping[str, Position], Mapping[str, Fluorochrome]]:
    """Return flowml's own positions and fluorochromes, by name."""
    return read_fluorochromes(HOME / FLUOROCHROMES_FILE)


def read_fluorochromes(
    path: Path | str,
) -> tuple[dict[str, Position], dict[str, Fluorochrome]]:
    """Read positions and fluorochromes, and check every entry.

    Parameters
    ----------
    path : path-like
        A file like ``fluorochromes.toml``.

    Returns
    -------
    positions : dict of str to Position
        By name.
    fluorochromes : dict of str to Fluorochrome
        By name.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used; the message names it.
    FlowmlError
        If the file cannot be read.
    """
    document = open_document(path, ("position", "fluorochrome"))
    positions = {
        position.name: position for position in map(_position, document.tables("position"))
    }
    dyes = [_fluorochrome(entry, positions) for entry in document.tables("fluorochrome")]
    return positions, {dye.name: dye for dye in dyes}


def _position(entry: Entry) -> Position:
    entry.keys(("name", "autofluorescence", "photon", "source"))
    entry.text("source")
    return Position(
        name=entry.text("name"),
        autofluorescence=entry.number("autofluorescence", 0.0, 10_000.0),
        photon=entry.number("photon", 0.0, 1000.0),
    )


def _fluorochrome(entry: Entry, positions: Mapping[str, Position]) -> Fluorochrome:
    entry.keys(("name", "position", "brightness", "spill", "source"))
    entry.text("source")
    position = one_of(entry, "position", positions)
    spill = entry.table("spill", default={})
    others = [name for name in positions if name != position]
    return Fluorochrome(
        name=entry.text("name"),
        position=position,
        brightness=entry.number("brightness", -MOST_DECADES, MOST_DECADES),
        spill={name: spill.number(name, 0.0, LARGEST_SPILL) for name in spill.keys(others)},
    )
