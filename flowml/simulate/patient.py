"""One patient: which cells there are, how many of each, and how this patient's cells look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.phenotypes import PATH_STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.knowledge.phenotypes import Expression, Level, Population
    from flowml.knowledge.simulator import SimulatedEntity, SimulatorKnowledge, Specimen

    Floats = NDArray[np.float64]

MOST_SUBCLONES = 3
SUBCLONE_SHIFT = 0.10  # decades; standard deviation of an antigen between subclones
SUBCLONE_CONCENTRATION = 1.5  # of the Dirichlet distribution of their sizes
WIDENING = 0.4  # most by which a clone's spread grows for each unit of variation above 1
SCATTER_SHIFT = 0.015  # decades; standard deviation of a population's scatter between donors


@dataclass(frozen=True, eq=False)
class Look:
    """How one patient's cells of one kind look.

    Parameters
    ----------
    name : str
        Population, or ``clone`` and its number.
    decades : ndarray, shape (PATH_STEPS, n_markers), float64
        log10 of the median antigen signal along the path of maturation.
    spread : ndarray, shape (n_markers,), float64
        Standard deviation between cells, in decades.
    cells : ndarray, shape (n_markers,), float64
        Share of the cells that express each antigen.
    scatter : ndarray, shape (2,), float64
        log10 of the median FSC-A and SSC-A.
    scatter_spread : ndarray, shape (2,), float64
        Their standard deviations between cells, in decades.
    autofluorescence : float
        Times that of a lymphocyte.
    """

    name: str
    decades: Floats
    spread: Floats
    cells: Floats
    scatter: Floats
    scatter_spread: Floats
    autofluorescence: float


@dataclass(frozen=True, eq=False)
class Patient:
    """What a tube of this patient is drawn from.

    Parameters
    ----------
    entity : str
        Canonical name.
    specimen : str
        ``blood`` or ``marrow``.
    variant : str
        Name of the clone's phenotype; empty where there is no clone.
    neoplastic_share : float
        Share of intact cells.
    looks : tuple of Look
        Normal populations, then subclones, then debris.
    weights : ndarray, shape (n_looks,), float64
        Share of each among the intact cells; 0 for debris.
    n_subclones : int
        How many of the looks are neoplastic.
    negative : float
        log10 of the signal of a cell that does not express an antigen.
    """

    entity: str
    specimen: str
    variant: str
    neoplastic_share: float
    looks: tuple[Look, ...]
    weights: Floats
    n_subclones: int
    negative: float

    @property
    def neoplastic(self) -> NDArray[np.bool_]:
        """Which looks are neoplastic, shape (n_looks,)."""
        last = len(self.looks) - 1  # debris
        index = np.arange(len(self.looks))
        return (index >= last - self.n_subclones) & (index < last)


def draw_patient(
    entity: SimulatedEntity, knowledge: SimulatorKnowledge, rng: np.random.Generator
) -> Patient:
    """Draw a patient with a diagnosis.

    Parameters
    ----------
    entity : SimulatedEntity
        The diagnosis.
    knowledge : SimulatorKnowledge
        Populations and specimens.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    Patient
        With looks for the markers of the tube.
    """
    names = sorted(entity.specimens)
    specimen = knowledge.specimens[names[_choice(entity.specimens, names, rng)]]
    share = _neoplastic_share(entity, rng)
    markers, negative = knowledge.tube.markers, knowledge.negative
    composition = _composition(specimen, entity.displaced, rng)
    looks = [_look(knowledge.populations[name], markers, negative, rng) for name in composition]
    normal = np.array(list(composition.values()))
    variant, clones, sizes = _clone(entity, markers, negative, rng)
    debris = _look(knowledge.debris, markers, negative, rng)
    weights = np.concatenate([normal / normal.sum() * (1 - share), sizes * share, [0.0]])
    return Patient(
        entity=entity.name,
        specimen=specimen.name,
        variant=variant,
        neoplastic_share=share,
        looks=(*looks, *clones, debris),
        weights=weights / weights.sum(),
        n_subclones=len(clones),
        negative=negative.decades,
    )


def _choice(
    weights: Mapping[str, float], names: Sequence[str], rng: np.random.Generator
) -> int:
    shares = np.array([weights[name] for name in names])
    return int(rng.choice(len(names), p=shares / shares.sum()))


def _neoplastic_share(entity: SimulatedEntity, rng: np.random.Generator) -> float:
    if entity.share is None:
        return 0.0
    if entity.draw == "log-uniform":
        return float(np.exp(rng.uniform(*np.log(entity.share))))
    return float(rng.uniform(*entity.share))


def _composition(
    specimen: Specimen, displaced: Mapping[str, float], rng: np.random.Generator
) -> dict[str, float]:
    """Draw how many normal cells of each kind there are, relative to each other."""
    return {
        name: percent
        * displaced.get(name, 1.0)
        * 10 ** rng.normal(0.0, specimen.variation[name])
        for name, percent in specimen.percent.items()
    }


def _look(
    population: Population, markers: Sequence[str], negative: Level, rng: np.random.Generator
) -> Look:
    """Draw how a patient's cells of one kind look."""
    drawn = [
        _antigen(population.expressions.get(marker), population.variation, negative, rng)
        for marker in markers
    ]
    shift = rng.normal(0.0, SCATTER_SHIFT * population.variation, size=2)
    return Look(
        name=population.name,
        decades=np.array([path for path, _, _ in drawn]).T,
        spread=np.array([spread for _, spread, _ in drawn]),
        cells=np.array([cells for _, _, cells in drawn]),
        scatter=np.log10([population.fsc, population.ssc]) + shift,
        scatter_spread=np.array(population.scatter_spread),
        autofluorescence=population.autofluorescence,
    )


def _antigen(
    expression: Expression | None,
    variation: float,
    negative: Level,
    rng: np.random.Generator,
) -> tuple[list[float], float, float]:
    """Draw medians along the path, spread, and share of expressing cells of one antigen.

    Every antigen takes the same number of draws, so that one that is lost leaves the others
    as they were.
    """
    present, position, within_band, share, wide = rng.random(5)
    if expression is None or present >= expression.share:
        shift = (2 * within_band - 1) * negative.band
        return [negative.decades + shift] * PATH_STEPS, negative.spread, 1.0
    path = []
    for low, high in expression.path:
        median = low.decades + position * (high.decades - low.decades)
        path.append(median + (2 * within_band - 1) * low.band * variation)
    spreads = [(low.spread + high.spread) / 2 for low, high in expression.path]
    widening = 1 + WIDENING * wide * max(variation - 1, 0.0)
    least, most = expression.cells
    return path, float(np.mean(spreads)) * widening, least + share * (most - least)


def _clone(
    entity: SimulatedEntity,
    markers: Sequence[str],
    negative: Level,
    rng: np.random.Generator,
) -> tuple[str, list[Look], Floats]:
    """Draw the clone: its variant, its subclones, and their sizes (which add up to 1)."""
    if not entity.clones:
        return "", [], np.empty(0)
    weights = np.array([weight for weight, _ in entity.clones])
    population = entity.clones[rng.choice(len(weights), p=weights / weights.sum())][1]
    founder = _look(population, markers, negative, rng)
    n_subclones = int(rng.integers(1, MOST_SUBCLONES + 1))
    sizes = rng.dirichlet([SUBCLONE_CONCENTRATION] * n_subclones)
    subclones = [_subclone(founder, number, negative, rng) for number in range(n_subclones)]
    return population.name, subclones, sizes


def _subclone(founder: Look, number: int, negative: Level, rng: np.random.Generator) -> Look:
    """Let a subclone drift away from the founder in what it expresses."""
    expressed = (founder.decades > negative.decades + negative.band).any(axis=0)
    drift = rng.normal(0.0, SUBCLONE_SHIFT, size=expressed.size) * expressed
    return Look(
        name=f"clone {number + 1}",
        decades=founder.decades + drift,
        spread=founder.spread,
        cells=founder.cells,
        scatter=founder.scatter + rng.normal(0.0, SCATTER_SHIFT, size=2),
        scatter_spread=founder.scatter_spread,
        autofluorescence=founder.autofluorescence,
    )
