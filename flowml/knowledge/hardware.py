"""What measures cells: cytometers, and the stains, tubes and panels that they measure.

Intensities are reference units: linear channel units of a digital instrument whose scale ends
at 262,144. A cytometer more is a table more in its file; panels are read in ``panels.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.knowledge.documents import listed, open_document
from flowml.knowledge.files import HOME
from flowml.knowledge.fluorochromes import (
    FLUOROCHROMES_FILE,
    Fluorochrome,
    Position,
    load_fluorochromes,
    read_fluorochromes,
)
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.entries import Entry

__all__ = [
    "CYTOMETERS_FILE",
    "FLUOROCHROMES_FILE",
    "Cytometer",
    "Fluorochrome",
    "Panel",
    "PanelTube",
    "Position",
    "Stain",
    "known_cytometers",
    "load_cytometer",
    "load_fluorochromes",
    "read_cytometers",
    "read_fluorochromes",
    "typical_spillover",
    "undetected",
]

CYTOMETERS_FILE = "cytometers.toml"
LARGEST_GAIN_CHANGE = 1.0  # decades
LARGEST_TOP = 2.0**32


@dataclass(frozen=True, slots=True)
class Cytometer:
    """A model of instrument.

    Parameters
    ----------
    name : str
        As a panel calls it.
    title : str
        What its files say (``$CYT``).
    style : str
        Key of ``flowml.simulator.formats.FORMATS``.
    top : float
        End of its scale, in its own channel units.
    electronic_noise : float
        Standard deviation of a detector without light, reference units.
    unit_gain, day_gain, run_gain : float
        Standard deviations of a fluorescence detector's gain, in decades: between instruments,
        between days, between samples.
    scatter_gain : float
        The same of scatter, in decades.
    noise_change : float
        Standard deviation of a detector's noise between instruments, in decades.
    spillover_change : float
        Relative standard deviation of each share between instruments.
    matrix_error : float
        Standard deviation between true shares and those in the file, as a share.
    height_to_area, height_spread : float
        FSC-H of a singlet as a share of FSC-A, and the relative standard deviation of it.
    events_per_second : tuple of float
        Range of the acquisition rate.
    time_step : float
        Seconds for one unit of the time channel.
    positions : tuple of str
        Its detectors.
    """

    name: str
    title: str
    style: str
    top: float
    electronic_noise: float
    unit_gain: float
    day_gain: float
    run_gain: float
    scatter_gain: float
    noise_change: float
    spillover_change: float
    matrix_error: float
    height_to_area: float
    height_spread: float
    events_per_second: tuple[float, float]
    time_step: float
    positions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stain:
    """A fluorochrome of a tube with its antibodies.

    Parameters
    ----------
    fluorochrome : Fluorochrome
        The dye.
    markers : tuple of str
        Canonical markers; several where two antibodies bear one dye.
    brightness : tuple of float
        Decades above or below the ladder, for each marker, the dye's own included.
    autofluorescence : float
        Median of an unstained lymphocyte, reference units.
    photon : float
        Reference units for one photoelectron.
    noise : float
        Standard deviation without light, beside the cytometer's own, reference units.
    """

    fluorochrome: Fluorochrome
    markers: tuple[str, ...]
    brightness: tuple[float, ...]
    autofluorescence: float
    photon: float
    noise: float = 0.0

    @property
    def label(self) -> str:
        """Markers joined by plus signs, as a channel is labelled."""
        return "+".join(self.markers)


@dataclass(frozen=True)
class PanelTube:
    """A tube of a panel.

    Parameters
    ----------
    name : str
        Short, for names of files.
    title : str
        For people.
    stains : tuple of Stain
        In the order of the file's channels.
    """

    name: str
    title: str
    stains: tuple[Stain, ...]

    @property
    def markers(self) -> tuple[str, ...]:
        """All markers, in order."""
        return tuple(marker for stain in self.stains for marker in stain.markers)


@dataclass(frozen=True)
class Panel:
    """Tubes that together answer a question.

    Parameters
    ----------
    name, title : str
        For programs and for people.
    cytometers : tuple of str
        On which it is offered; the first is the default.
    entities : tuple of str
        Canonical names of the entities that it can tell apart, normal ones included.
    scored_as : mapping of str to str
        Entities that look like another of them in this panel.
    tubes : tuple of PanelTube
        At least one.
    """

    name: str
    title: str
    cytometers: tuple[str, ...]
    entities: tuple[str, ...]
    scored_as: Mapping[str, str]
    tubes: tuple[PanelTube, ...]

    @property
    def markers(self) -> tuple[str, ...]:
        """Markers of all tubes, each once, in order."""
        return tuple(dict.fromkeys(marker for tube in self.tubes for marker in tube.markers))


def typical_spillover(stains: Sequence[Stain]) -> NDArray[np.float64]:
    """Work out what the detectors of a tube see of its dyes.

    Parameters
    ----------
    stains : sequence of Stain
        Dyes of one tube, each at a position of its own.

    Returns
    -------
    ndarray, shape (n_stains, n_stains), float64
        Typical shares; row: emitter, column: detector, diagonal 1.

    Raises
    ------
    FlowmlError
        If two dyes share a position.
    """
    places: dict[str, int] = {}
    for place, stain in enumerate(stains):
        other = places.setdefault(stain.fluorochrome.position, place)
        if other != place:
            raise FlowmlError(
                f"{stains[other].fluorochrome.name} and {stain.fluorochrome.name} are both "
                f"measured at {stain.fluorochrome.position}; a tube holds one dye for each "
                "position. Replace one of them."
            )
    matrix = np.eye(len(stains))
    for row, stain in enumerate(stains):
        for position, share in stain.fluorochrome.spill.items():
            if position in places:
                matrix[row, places[position]] = share
    return matrix


def undetected(stains: Sequence[Stain], cytometer: Cytometer) -> Fluorochrome | None:
    """Find a dye that an instrument has no detector for.

    Parameters
    ----------
    stains : sequence of Stain
        Dyes of one tube.
    cytometer : Cytometer
        The model of the instrument.

    Returns
    -------
    Fluorochrome or None
        The first such dye.
    """
    dyes = (stain.fluorochrome for stain in stains)
    return next((dye for dye in dyes if dye.position not in cytometer.positions), None)


@cache
def _own_cytometers() -> dict[str, Cytometer]:
    return read_cytometers(HOME / CYTOMETERS_FILE)


def known_cytometers() -> list[str]:
    """List the cytometers that files can be simulated of.

    Returns
    -------
    list of str
        Names, in the order of the file.
    """
    return list(_own_cytometers())


def load_cytometer(name: str) -> Cytometer:
    """Return a cytometer.

    Parameters
    ----------
    name : str
        One of `known_cytometers`.

    Returns
    -------
    Cytometer
        Read once.

    Raises
    ------
    FlowmlError
        If there is none of that name.

    Examples
    --------
    >>> load_cytometer("navios").top
    1048576.0
    """
    known = _own_cytometers()
    if name not in known:
        raise FlowmlError(
            f"unknown cytometer {printable(name, 60)!r}; nearest: "
            f"{printable(nearest(str(name), list(known)))}."
        )
    return known[name]


def read_cytometers(path: Path | str) -> dict[str, Cytometer]:
    """Read cytometers, and check every entry.

    Parameters
    ----------
    path : path-like
        A file like ``cytometers.toml``.

    Returns
    -------
    dict of str to Cytometer
        By name.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used; the message names it.
    FlowmlError
        If the file cannot be read.
    """
    document = open_document(path, ("cytometer",))
    return {item.name: item for item in map(_cytometer, document.tables("cytometer"))}


def _cytometer(entry: Entry) -> Cytometer:
    changes = ("unit_gain", "day_gain", "run_gain", "scatter_gain", "noise_change")
    shares = ("spillover_change", "matrix_error", "height_spread")
    others = (
        "name", "title", "style", "top", "electronic_noise", "height_to_area",
        "events_per_second", "time_step", "positions", "source",
    )  # fmt: skip
    entry.keys((*changes, *shares, *others))
    entry.text("source")
    return Cytometer(
        name=entry.text("name"),
        title=entry.text("title"),
        style=entry.text("style"),
        top=entry.number("top", 2.0, LARGEST_TOP),
        electronic_noise=entry.number("electronic_noise", 0.0, 10_000.0),
        height_to_area=entry.number("height_to_area", 0.01, 1.0),
        events_per_second=entry.pair("events_per_second", 1.0, 100_000.0),
        time_step=entry.number("time_step", 1e-6, 10.0),
        positions=listed(entry, "positions", load_fluorochromes()[0]),
        **{key: entry.number(key, 0.0, LARGEST_GAIN_CHANGE) for key in changes},
        **{key: entry.number(key, 0.0, 1.0) for key in shares},
    )
