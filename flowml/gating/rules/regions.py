"""Where among B cells one light chain stands alone: each cell is judged by its neighbours.

A small clone beside polyclonal B cells hardly moves the ratio of all B cells, and lies in no
fixed quadrant. But the cells that look like a cell of the clone, by all other markers and by
size, are cells of the clone too. So the light chains are counted among the nearest neighbours
of each cell, and the cells with one-sided neighbours are a subset to be judged. The search
sees the chains that it judges, so that the judge must ask for more than the usual confidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flowml.gating.rules.chains import KAPPA, LAMBDA, NEITHER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.gating.rules.chains import Chains
    from flowml.gating.rules.cuts import Levels, Mask

MOST_CELLS = 4000  # that are compared with one another; the others follow the nearest of them
BLOCK = 256  # cells at a time
NEIGHBOURS = 50
ONE_SIDED = 0.85  # of the neighbours with a chain have the same
LEAST_WITH_CHAIN = 20  # of the neighbours, for a judgement on their chains
WITHOUT_CHAIN = 0.35  # of the neighbours have neither chain
NORMAL_IQR = 1.349  # interquartile range of a normal distribution in standard deviations
NARROWEST = 0.15  # decades
NOISE = 1.9  # level; what is below tells the noise around zero, not cells
FARTHEST = 8.0  # standard deviations; beyond, distance says no more

Features = NDArray[np.float32]


def features(levels: Sequence[Levels]) -> Features:
    """Put the markers of cells on scales of comparable width.

    Parameters
    ----------
    levels : sequence of ndarray, shape (n_cells,), float32
        One for each marker.

    Returns
    -------
    ndarray, shape (n_cells, n_markers), float32
        Standard deviations from the median, by the interquartile range.
    """
    columns = []
    for values in levels:
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        width = max((high - low) / NORMAL_IQR, NARROWEST)
        told = np.maximum(values, NOISE)
        columns.append(np.clip((told - middle) / width, -FARTHEST, FARTHEST))
    return np.column_stack(columns).astype(np.float32)


def one_sided(places: Features, chains: Chains) -> dict[int, Mask]:
    """Find the cells whose neighbours have one light chain, or none.

    Parameters
    ----------
    places : ndarray, shape (n_cells, n_markers), float32
        As `features` makes them.
    chains : ndarray, shape (n_cells,), int8
        Light chain of each cell.

    Returns
    -------
    dict of int to ndarray, shape (n_cells,), bool
        For `KAPPA`, `LAMBDA` and `NEITHER`: the cells that stand among such cells. Empty
        for too few cells.
    """
    if len(places) <= 2 * NEIGHBOURS:
        return {}
    chosen = spread(len(places), MOST_CELLS)
    counts = _neighbours_by_chain(places[chosen], chains[chosen])
    with_chain = np.maximum(counts[KAPPA] + counts[LAMBDA], 1)
    enough = with_chain >= LEAST_WITH_CHAIN
    found = {
        KAPPA: enough & (counts[KAPPA] >= ONE_SIDED * with_chain),
        LAMBDA: enough & (counts[LAMBDA] >= ONE_SIDED * with_chain),
        NEITHER: counts[NEITHER] >= WITHOUT_CHAIN * NEIGHBOURS,
    }
    if len(chosen) == len(places):
        return found
    nearest = np.concatenate(
        [np.argmin(_distances(part, places[chosen]), axis=1) for part in _blocks(places)]
    )
    return {chain: mask[nearest] for chain, mask in found.items()}


def spread(total: int, most: int) -> NDArray[np.intp]:
    """Choose so many of a number of cells, evenly.

    Parameters
    ----------
    total, most : int
        Cells there are, and are wanted.

    Returns
    -------
    ndarray, shape (n,), intp
        Their places; all where there are no more than wanted.
    """
    return np.unique(np.linspace(0, total - 1, most).astype(np.intp))


def _neighbours_by_chain(places: Features, chains: Chains) -> NDArray[np.intp]:
    """Count the chains of the nearest neighbours of each cell, shape (3, n_cells)."""
    around = chains[nearest(places, places, NEIGHBOURS)]
    return np.stack([(around == chain).sum(axis=1) for chain in (NEITHER, KAPPA, LAMBDA)])


def nearest(places: Features, centres: Features, count: int) -> NDArray[np.intp]:
    """Find the cells around each of some places.

    Parameters
    ----------
    places : ndarray, shape (n_cells, n_markers), float32
        As `features` makes them; more cells than `count`.
    centres : ndarray, shape (n_centres, n_markers), float32
        Around which to look; a cell is its own nearest one.
    count : int
        Cells.

    Returns
    -------
    ndarray, shape (n_centres, count), intp
        The nearest first.
    """
    found = []
    for part in _blocks(centres):
        distances = _distances(part, places)
        near = np.argpartition(distances, count, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(distances, near, axis=1), axis=1)
        found.append(np.take_along_axis(near, order, axis=1))
    return np.concatenate(found)


def _blocks(places: Features) -> list[Features]:
    return [places[start : start + BLOCK] for start in range(0, len(places), BLOCK)]


def _distances(some: Features, others: Features) -> Features:
    """Return squared distances, marker by marker: no product whose bits hang on its shape."""
    total = np.zeros((len(some), len(others)), np.float32)
    for marker in range(some.shape[1]):
        difference = some[:, marker, None] - others[None, :, marker]
        total += difference * difference
    return total
