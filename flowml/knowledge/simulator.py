"""What the simulator knows: an instrument and its tube, populations, specimens, entities."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import LabelError
from flowml.knowledge.entries import Entry, KnowledgeError
from flowml.knowledge.files import HOME, read_toml
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.phenotypes import Level, Population, read_levels, read_population

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

PANEL_FILE = "simulator_panel.toml"
NORMAL_FILE = "simulator_normal.toml"
NEOPLASMS_FILE = "simulator_neoplasms.toml"
# Everything that decides what a cohort holds; the label tree decides the names of its labels.
KNOWLEDGE_FILES = ("labels.toml", PANEL_FILE, NORMAL_FILE, NEOPLASMS_FILE)

FORMAT = 1
DRAWS = ("uniform", "log-uniform")
DEFAULT_VARIATION = "default"
LARGEST_SPILLOVER = 1.0  # a share; above it two detectors would have changed places


@dataclass(frozen=True, slots=True)
class Detector:
    """A fluorescence channel of the tube.

    Parameters
    ----------
    name : str
        ``$PnN``, such as ``PE-A``.
    marker : str
        Canonical marker.
    brightness : float
        Decades above or below the ladder of levels.
    autofluorescence : float
        Median of an unstained lymphocyte, channel units.
    photon : float
        Channel units for one photoelectron.
    """

    name: str
    marker: str
    brightness: float
    autofluorescence: float
    photon: float


@dataclass(frozen=True, eq=False)
class TubeDesign:
    """A tube and the instrument that measures it.

    Parameters
    ----------
    name : str
        For people.
    detectors : tuple of Detector
        In the order of the file's channels.
    spillover : ndarray, shape (n_detectors, n_detectors), float64
        Typical shares; row: emitter, column: detector, diagonal 1.
    gain_decades, scatter_decades : float
        Standard deviation of the gain between samples, in decades.
    spillover_change : float
        Standard deviation of each coefficient between samples, as a share of it.
    electronic_noise : float
        Standard deviation of a detector without light, channel units.
    debris, doublets : tuple of float
        Ranges of their shares of events.
    height_to_area, height_spread : float
        Median FSC-H of a singlet as a share of FSC-A, and its relative standard deviation.
    events_per_second : tuple of float
        Range of the acquisition rate.
    """

    name: str
    detectors: tuple[Detector, ...]
    spillover: NDArray[np.float64]
    gain_decades: float
    scatter_decades: float
    spillover_change: float
    electronic_noise: float
    debris: tuple[float, float]
    doublets: tuple[float, float]
    height_to_area: float
    height_spread: float
    events_per_second: tuple[float, float]

    @property
    def markers(self) -> tuple[str, ...]:
        """Marker of each detector."""
        return tuple(detector.marker for detector in self.detectors)


@dataclass(frozen=True)
class Specimen:
    """What a specimen is made of in health.

    Parameters
    ----------
    name : str
        ``blood`` or ``marrow``.
    percent : mapping of str to float
        Per cent of intact cells, by population.
    variation : mapping of str to float
        Standard deviation of that share between patients, in decades, by population.
    """

    name: str
    percent: Mapping[str, float]
    variation: Mapping[str, float]


@dataclass(frozen=True)
class SimulatedEntity:
    """A diagnosis as the simulator draws it.

    Parameters
    ----------
    name : str
        Canonical name of the label tree.
    share : tuple of float or None
        Range of the neoplastic share of intact cells; None for an entity without a clone.
    draw : str
        One of `DRAWS`.
    specimens : mapping of str to float
        Weight of each kind of specimen.
    displaced : mapping of str to float
        What is left of a normal population, as a share.
    clones : tuple of (float, Population)
        Weight and phenotype of each variant.
    """

    name: str
    share: tuple[float, float] | None
    draw: str
    specimens: Mapping[str, float]
    displaced: Mapping[str, float]
    clones: tuple[tuple[float, Population], ...]


@dataclass(frozen=True, eq=False)
class SimulatorKnowledge:
    """Everything that the simulator draws from.

    Parameters
    ----------
    negative : Level
        Of a marker that a population does not express.
    tube : TubeDesign
        The tube and its instrument.
    populations : mapping of str to Population
        Normal ones, by name.
    debris : Population
        What is no intact cell.
    specimens : mapping of str to Specimen
        By name.
    entities : mapping of str to SimulatedEntity
        By canonical name.
    """

    negative: Level
    tube: TubeDesign
    populations: Mapping[str, Population]
    debris: Population
    specimens: Mapping[str, Specimen]
    entities: Mapping[str, SimulatedEntity]


@cache
def load_simulator_knowledge() -> SimulatorKnowledge:
    """Return flowml's own knowledge for the simulator.

    Returns
    -------
    SimulatorKnowledge
        Read once; immutable by convention.
    """
    return read_simulator_knowledge(HOME)


def read_simulator_knowledge(folder: Path | str) -> SimulatorKnowledge:
    """Read the simulator's three files, and check every entry.

    Parameters
    ----------
    folder : path-like
        Where `PANEL_FILE`, `NORMAL_FILE` and `NEOPLASMS_FILE` are.

    Returns
    -------
    SimulatorKnowledge
        Complete and consistent.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used; the message names it.
    FlowmlError
        If a file cannot be read.
    """
    panel, normal, neoplasms = (
        _document(Path(folder) / name) for name in (PANEL_FILE, NORMAL_FILE, NEOPLASMS_FILE)
    )
    panel.keys(("format", "levels", "tube", "panel"))
    normal.keys(("format", "population", "debris", "specimen"))
    neoplasms.keys(("format", "entity"))
    levels = read_levels(panel.table("levels"))
    tube = _tube(panel)
    populations = {
        population.name: population
        for population in (
            read_population(entry, levels, tube.markers)
            for entry in normal.tables("population")
        )
    }
    specimens = [_specimen(entry, list(populations)) for entry in normal.tables("specimen")]
    names = [specimen.name for specimen in specimens]
    entities = [
        _entity(entry, levels, tube.markers, list(populations), names)
        for entry in neoplasms.tables("entity")
    ]
    return SimulatorKnowledge(
        negative=levels["neg"],
        tube=tube,
        populations=populations,
        debris=read_population(normal.table("debris"), levels, tube.markers),
        specimens={specimen.name: specimen for specimen in specimens},
        entities={entity.name: entity for entity in entities},
    )


def _document(path: Path) -> Entry:
    document = Entry(read_toml(path.resolve()), path.name)
    if document.get("format") != FORMAT:
        raise document.error(f"format is {document.get('format')!r}, expected {FORMAT}")
    return document


def _tube(document: Entry) -> TubeDesign:
    tube, panel = document.table("tube"), document.table("panel")
    panel.keys(("name", "source", "detector", "spillover"))
    detectors = tuple(_detector(entry) for entry in panel.tables("detector"))
    markers = [detector.marker for detector in detectors]
    if not detectors or len(set(markers)) < len(markers):
        raise panel.error("a tube needs detectors, each with a marker of its own")
    numbers = ("gain_decades", "scatter_decades", "spillover_change", "height_spread")
    ranges = ("debris", "doublets", "events_per_second")
    others = ("electronic_noise", "height_to_area", "source")
    tube.keys((*numbers, *ranges, *others))
    for entry in (tube, panel):
        entry.text("source")
    return TubeDesign(
        name=panel.text("name"),
        detectors=detectors,
        spillover=_spillover(panel.table("spillover"), [d.name for d in detectors]),
        **{key: tube.number(key, 0.0, 1.0) for key in numbers},
        electronic_noise=tube.number("electronic_noise", 0.0, 10_000.0),
        height_to_area=tube.number("height_to_area", 0.01, 1.0),
        debris=tube.pair("debris", 0.0, 0.9),
        doublets=tube.pair("doublets", 0.0, 0.5),
        events_per_second=tube.pair("events_per_second", 1.0, 100_000.0),
    )


def _detector(entry: Entry) -> Detector:
    entry.keys(("name", "marker", "brightness", "autofluorescence", "photon"))
    return Detector(
        name=entry.text("name"),
        marker=entry.text("marker"),
        brightness=entry.number("brightness", -2.0, 2.0),
        autofluorescence=entry.number("autofluorescence", 0.0, 10_000.0),
        photon=entry.number("photon", 0.0, 1000.0),
    )


def _spillover(entry: Entry, names: list[str]) -> NDArray[np.float64]:
    """Return the matrix; what is not listed does not spill."""
    matrix = np.eye(len(names))
    for emitter in entry.keys(names):
        row = entry.table(emitter)
        for detector in row.keys([name for name in names if name != emitter]):
            share = row.number(detector, 0.0, LARGEST_SPILLOVER)
            matrix[names.index(emitter), names.index(detector)] = share
    return matrix


def _specimen(entry: Entry, populations: list[str]) -> Specimen:
    entry.keys(("name", "source", "percent", "variation"))
    entry.text("source")
    percent = _weights(entry.table("percent"), populations)
    table = entry.table("variation")
    table.keys((DEFAULT_VARIATION, *percent))
    usual = table.number(DEFAULT_VARIATION, 0.0, 1.0)
    variation = {name: table.number(name, 0.0, 1.0, default=usual) for name in percent}
    return Specimen(entry.text("name"), percent, variation)


def _weights(entry: Entry, known: list[str]) -> dict[str, float]:
    """Read numbers by name, at least one of them above zero."""
    weights = {name: entry.number(name, 0.0, 1e6) for name in entry.keys(known)}
    if not sum(weights.values()) > 0:
        raise entry.error("expected at least one number above 0")
    return weights


def _entity(
    entry: Entry,
    levels: Mapping[str, Level],
    markers: tuple[str, ...],
    populations: list[str],
    specimens: list[str],
) -> SimulatedEntity:
    entry.keys(("name", "share", "draw", "specimen", "displaced", "clone", "source"))
    entry.text("source")
    clones = tuple(
        (
            clone.number("weight", 0.001, 1000.0),
            read_population(clone, levels, markers, extra_fields=("weight",)),
        )
        for clone in entry.tables("clone")
    )
    share, draw = _share(entry)
    if bool(clones) != bool(share):
        raise entry.error("a share needs a clone, and a clone needs a share")
    displaced = entry.table("displaced", default={})
    return SimulatedEntity(
        name=_canonical(entry),
        share=share,
        draw=draw,
        specimens=_weights(entry.table("specimen"), specimens),
        displaced={
            name: displaced.number(name, 0.0, 1.0) for name in displaced.keys(populations)
        },
        clones=clones,
    )


def _share(entry: Entry) -> tuple[tuple[float, float] | None, str]:
    """Return the range of the neoplastic share, and how it is drawn."""
    if entry.get("share") == []:
        return None, DRAWS[0]
    draw = entry.text("draw")
    if draw not in DRAWS:
        raise entry.error(f"'draw' is {draw!r}, expected one of {', '.join(DRAWS)}")
    return entry.pair("share", 0.0001, 0.999), draw


def _canonical(entry: Entry) -> str:
    """Return the entity's name, which must be the label tree's own."""
    name = entry.text("name")
    try:
        canonical = load_label_tree().canonical(name)
    except LabelError as error:
        raise KnowledgeError(f"{entry.where}: {error}") from error
    if canonical != name:
        raise entry.error(f"the name is {name!r}, expected the canonical {canonical!r}")
    return name
