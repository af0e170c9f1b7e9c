"""Self-organising maps: events go to the nearest node of a codebook, and nodes are counted.

A grid of nodes lies in the space of the display values; the codebook is learned on training
cases, once, and stays as it is (Kohonen, Biol. Cybern. 43:59, 1982; the batch form: Kohonen,
Neural Networks 52:52, 2013). Maps of 32 x 32 nodes are what flowCat (Zhao et al., Cytometry A
97:1073, 2020) and ARUP's classifier of acute myeloid leukemia look at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.counting.nodes import nearest
from flowml.features.recipes.part import (
    Kind,
    Plain,
    cell_names,
    check_number,
    share_of_each,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


MOST_SIDE = 32
FEWEST_MARKERS = 2
ROUNDS = 20  # of the batch algorithm; the codebook hardly moves after the twelfth
LAST_RADIUS = 0.5  # nodes; the neighbours' part is then a seventh of the node's own
FARTHEST = 1e6  # display units; a scale has one
LEAST_WEIGHT = 1e-9  # of all points; a node with fewer near it stays where it is


@dataclass(frozen=True)
class Som(Plain):
    """Occupancy of the nodes of a map that was learned on training cases.

    One feature a node between 0 and 1: the share of the tube's events that are nearest to it.

    Parameters
    ----------
    markers : tuple of str
        Axes of the space, all measured in one tube.
    side : int
        The map has side x side nodes; 2 to 32.
    codebook : tuple of tuple of float
        Place of each node, row by row of the map, in display units, one value a marker.
    """

    name: ClassVar[str] = "som"
    kind: ClassVar[Kind] = Kind.NODES
    markers: tuple[str, ...]
    side: int
    codebook: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        check_number("map_side", self.side, 2, MOST_SIDE)
        whole = len(self.codebook) == self.side**2 and all(
            len(node) == len(self.markers)
            and all(isinstance(x, float) and abs(x) <= FARTHEST for x in node)
            for node in self.codebook
        )
        named = all(isinstance(marker, str) for marker in self.markers)
        if not (whole and named and len(set(self.markers)) >= FEWEST_MARKERS):
            raise FlowmlError(
                f"the codebook of a map of {self.side} x {self.side} nodes must have as many "
                "rows, of one finite number a marker, and two or more markers. Fit it again."
            )

    @cached_property
    def nodes(self) -> NDArray[np.float32]:
        """The codebook, shape (side * side, n_markers), float32."""
        return np.array(self.codebook, dtype=np.float32)

    def statistics(self) -> tuple[str, ...]:
        """Return ``som0000`` and so on: row and column of the node."""
        return cell_names(self.name, self.side)

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the share of each node.

        Parameters
        ----------
        counts : ndarray, shape (n, side * side), int64
            Events nearest to each node.

        Returns
        -------
        ndarray, shape (n, side * side), float64
            NaN where there are no events.
        """
        return share_of_each(counts)


def learn_codebook(
    points: NDArray[np.float32], weights: NDArray[np.float64], side: int
) -> NDArray[np.float32]:
    """Learn a map by the batch algorithm.

    Starts from the plane of the two largest principal components, and moves every node to the
    mean of the points nearest to it and to its neighbours, with a radius that shrinks from a
    third of the map to half a node. Without chance: the same points give the same map.

    Parameters
    ----------
    points : ndarray, shape (n, d), float32
        Display values of training cases; finite, n and d at least 2.
    weights : ndarray, shape (n,), float64
        How much each point counts; add up to 1.
    side : int
        The map has side x side nodes.

    Returns
    -------
    ndarray, shape (side * side, d), float32
        Place of each node, row by row.
    """
    nodes = _plane(points, weights, side)
    grid = np.stack(np.divmod(np.arange(side**2), side), axis=1)
    apart = ((grid[:, None, :] - grid[None, :, :]) ** 2).sum(axis=2)
    for radius in np.geomspace(max(side / 3, LAST_RADIUS), LAST_RADIUS, ROUNDS):
        place = nearest(points, nodes.astype(np.float32))
        own = np.bincount(place, weights, minlength=len(nodes))
        sums = [np.bincount(place, axis * weights, minlength=len(nodes)) for axis in points.T]
        part = np.exp(-apart / (2 * radius**2))
        weight = part @ own
        moved = (part @ np.stack(sums, axis=1)) / np.maximum(weight, LEAST_WEIGHT)[:, None]
        nodes = np.where(weight[:, None] > LEAST_WEIGHT, moved, nodes)
    return nodes.astype(np.float32)


def _plane(
    points: NDArray[np.float32], weights: NDArray[np.float64], side: int
) -> NDArray[np.float64]:
    """Spread nodes over two standard deviations along the two largest components."""
    values, share = points.astype(np.float64), weights / weights.sum()
    mean = share @ values
    spread, axes = np.linalg.eigh((values - mean).T @ ((values - mean) * share[:, None]))
    steps = np.linspace(-2, 2, side)
    tall, wide = (axes[:, -n] * math.sqrt(max(spread[-n], 0.0)) for n in (1, 2))
    tall, wide = (axis * np.sign(axis[np.abs(axis).argmax()] or 1.0) for axis in (tall, wide))
    rows, columns = np.repeat(steps, side), np.tile(steps, side)
    return np.asarray(mean + rows[:, None] * tall + columns[:, None] * wide)


def part_from(markers: Sequence[str], nodes: NDArray[np.float32], side: int) -> Som:
    """Make the part of a learned codebook.

    Parameters
    ----------
    markers : sequence of str
        Axes of the space.
    nodes : ndarray, shape (side * side, n_markers), float32
        The codebook.
    side : int
        Nodes along one side of the map.

    Returns
    -------
    Som
        Plain values.
    """
    return Som(tuple(markers), side, tuple(tuple(map(float, node)) for node in nodes))
