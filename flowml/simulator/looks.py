"""How one patient's cells look: medians, spreads and shares, drawn from what is known.

A row is a look: a normal population, one light chain of it, or a subclone. All markers that the
knowledge files name are drawn, whatever the panel: the same patient can be measured by any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.phenotypes import CHAINS, NEGATIVE, PATH_STEPS, POLYTYPIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.knowledge.biology import Biology
    from flowml.knowledge.phenotypes import Expression, Population, Together

    Floats = NDArray[np.float64]

DRAWS_PER_MARKER, POSITION = 5, 1  # the second draw places a median within its range
WIDENING = 0.4  # most by which a clone's spread grows for each unit of variation above 1
SCATTER_SHIFT = 0.03  # decades; standard deviation of a population's scatter between donors
SUBCLONE_SCATTER_SHIFT = 0.015  # the same between subclones
SUBCLONE_SHIFT = 0.10  # decades; standard deviation of an antigen between subclones
STEADY = ("CD45",)  # cells of one patient's clones part by other antigens
SEEN = 0.3  # decades above a negative median from which an antigen counts as expressed
# Immunoglobulin that sticks to a cell brings kappa and lambda: their correlation between the
# single monocytes of the LST donors.
STICKY = 0.84
MOST_TABLES = 1024


@dataclass(frozen=True, eq=False)
class Looks:
    """How cells of several kinds look.

    Parameters
    ----------
    names : tuple of str
        Population or clone of each look.
    chains : tuple of str
        ``kappa``, ``lambda`` or empty.
    path : ndarray, shape (n_looks, PATH_STEPS, n_markers), float64
        log10 of the median antigen signal along the path of maturation, reference units.
    spread : ndarray, shape (n_looks, n_markers), float64
        Standard deviation between cells, in decades.
    cells : ndarray, shape (n_looks, n_markers), float64
        Share of the cells that express each antigen.
    scatter : ndarray, shape (n_looks, 2), float64
        log10 of the median FSC-A and SSC-A, reference units.
    scatter_spread : ndarray, shape (n_looks, 2), float64
        Their standard deviations between cells, in decades.
    size_to_ssc : ndarray, shape (n_looks,), float64
        Their correlation between cells.
    autofluorescence : ndarray, shape (n_looks,), float64
        Times that of a lymphocyte.
    together : tuple of tuple of (str, str, float)
        Of each look, markers that go together from cell to cell, and their correlation.
    """

    names: tuple[str, ...]
    chains: tuple[str, ...]
    path: Floats
    spread: Floats
    cells: Floats
    scatter: Floats
    scatter_spread: Floats
    size_to_ssc: Floats
    autofluorescence: Floats
    together: tuple[tuple[Together, ...], ...]

    def __len__(self) -> int:
        return len(self.names)


def joined(parts: Sequence[Looks]) -> Looks:
    """Put looks one below the other.

    Parameters
    ----------
    parts : sequence of Looks
        One or more.

    Returns
    -------
    Looks
        In the order given.
    """
    arrays = (
        "path", "spread", "cells", "scatter", "scatter_spread", "size_to_ssc",
        "autofluorescence",
    )  # fmt: skip
    return Looks(
        tuple(name for part in parts for name in part.names),
        tuple(chain for part in parts for chain in part.chains),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
        together=tuple(pairs for part in parts for pairs in part.together),
    )


def draw_looks(
    population: Population,
    chains: Sequence[str],
    biology: Biology,
    rng: np.random.Generator,
    stickiness: float | None = None,
) -> Looks:
    """Draw how a patient's cells of one kind look.

    Every antigen takes the same number of draws, so that one that is lost leaves the others as
    they were; cells with kappa and with lambda share theirs, and differ in nothing else.

    Parameters
    ----------
    population : Population
        What is known.
    chains : sequence of str
        Light chain of each look; ``("",)`` for cells without one.
    biology : Biology
        Its markers are the columns.
    rng : numpy.random.Generator
        Source of every draw.
    stickiness : float, optional
        From 0 to 1: where in their ranges the light chains lie that a cell does not make
        itself. It belongs to the donor's serum, and so to all populations.

    Returns
    -------
    Looks
        One for each chain.
    """
    draws = rng.random((DRAWS_PER_MARKER, len(biology.markers)))
    if stickiness is not None:
        draws[POSITION, [biology.markers.index(chain) for chain in CHAINS]] = stickiness
    scatter = np.log10([population.fsc, population.ssc])
    widely = SCATTER_SHIFT * math.sqrt(max(population.variation, 1.0))
    scatter = scatter + rng.normal(0.0, widely, size=2)
    found = [
        _antigens(_table(population, chain, biology), population.variation, draws)
        for chain in chains
    ]
    return Looks(
        names=(population.name,) * len(chains),
        chains=tuple(chains),
        path=np.array([path for path, _, _ in found]),
        spread=np.array([spread for _, spread, _ in found]),
        cells=np.array([cells for _, _, cells in found]),
        scatter=np.tile(scatter, (len(chains), 1)),
        scatter_spread=np.tile(population.scatter_spread, (len(chains), 1)),
        size_to_ssc=np.full(len(chains), population.size_to_ssc),
        autofluorescence=np.full(len(chains), population.autofluorescence),
        together=(_together(population),) * len(chains),
    )


def draw_subclones(
    founder: Looks, number: int, biology: Biology, rng: np.random.Generator
) -> Looks:
    """Let subclones drift away from their founder in what they express.

    Parameters
    ----------
    founder : Looks
        One look.
    number : int
        How many subclones.
    biology : Biology
        Its ladder tells what counts as expressed.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    Looks
        `number` looks.
    """
    negative = biology.levels[NEGATIVE].decades
    expressed = (founder.path > negative + SEEN).any(axis=1)
    expressed &= ~np.isin(biology.markers, STEADY)
    drift = rng.normal(0.0, SUBCLONE_SHIFT, size=(number, founder.path.shape[2])) * expressed
    shift = rng.normal(0.0, SUBCLONE_SCATTER_SHIFT, size=(number, 2))
    every = joined([founder] * number)
    return replace(
        every, path=every.path + drift[:, np.newaxis, :], scatter=every.scatter + shift
    )


def _together(population: Population) -> tuple[Together, ...]:
    """Return what goes together; what sticks to cells brings both light chains."""
    sticky = () if population.light_chains else ((*CHAINS, STICKY),)
    return (*sticky, *population.together)


def is_polytypic(population: Population) -> bool:
    """Tell populations of which some cells have kappa and the others lambda.

    Parameters
    ----------
    population : Population
        Any.

    Returns
    -------
    bool
        False for cells without light chains, and for clones.
    """
    chains = population.light_chains
    return chains is not None and chains.kind == POLYTYPIC


@dataclass(frozen=True, eq=False)
class _Table:
    """A population's markers as arrays, shape (..., n_markers)."""

    low: Floats  # (PATH_STEPS, n_markers)
    high: Floats
    band: Floats
    spread: Floats
    share: Floats
    least: Floats
    most: Floats
    negative: Floats  # median of a cell that does not express it


@lru_cache(maxsize=MOST_TABLES)
def _table(population: Population, chain: str, biology: Biology) -> _Table:
    """Lay out what is known of a population's markers; unlisted ones are negative."""
    level = biology.levels[NEGATIVE]
    n = len(biology.markers)
    low = np.full((PATH_STEPS, n), level.decades)
    high, band = low.copy(), np.full((PATH_STEPS, n), level.band)
    spread, share = np.full(n, level.spread), np.ones(n)
    least, most = np.ones(n), np.ones(n)
    for marker, expression in _with_chain(population, chain).items():
        column = biology.markers.index(marker)
        for step, (dimmer, brighter) in enumerate(expression.path):
            low[step, column], high[step, column] = dimmer.decades, brighter.decades
            band[step, column] = dimmer.band
        own = [(a.spread + b.spread) / 2 for a, b in expression.path]
        spread[column] = np.mean(own) if expression.spread is None else expression.spread
        share[column] = expression.share
        least[column], most[column] = expression.cells
    return _Table(low, high, band, spread, share, least, most, np.full(n, level.decades))


def _with_chain(population: Population, chain: str) -> dict[str, Expression]:
    """Return the expressions of a cell with this light chain."""
    found = dict(population.expressions)
    chains = population.light_chains
    if chains is not None and chain:
        other = CHAINS[1 - CHAINS.index(chain)]
        own = {chain: chains.surface, f"cy{chain}": chains.cytoplasmic, other: chains.other}
        found |= {marker: item for marker, item in own.items() if item is not None}
    return found


def _antigens(table: _Table, variation: float, draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Return medians along the path, spreads, and shares of expressing cells."""
    present, position, within_band, of_cells, wide = draws
    lost = present >= table.share
    shift = (2 * within_band - 1) * table.band
    path = table.low + position * (table.high - table.low) + shift * variation
    path = np.where(lost, table.negative + shift, path)
    widening = 1 + WIDENING * wide * max(variation - 1, 0.0)
    cells = np.where(lost, 1.0, table.least + of_cells * (table.most - table.least))
    return path, table.spread * widening, cells
