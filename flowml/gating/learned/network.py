"""A small network that tells artefacts from cells, and the lineages of cells from each other.

Two hidden layers of rectified sums are shared; two answers stand on them: how likely an event
is an artefact, and how likely each lineage is, given a cell. Products of small matrices take a
fraction of the time of some hundred trees, and are computed with numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from flowml.threads import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats32 = NDArray[np.float32]

BLOCK = 2048  # events; fixed and small: sums that fit the cache, whatever the blocks of a file
MOST = 1000  # channels, lineages or sums of a layer
FARTHEST = 4.0  # standard deviations; a value beyond says no more than one that is so far


NAMES = (
    "mean", "spread", "weights1", "bias1", "weights2", "bias2", "weights3", "bias3",
)  # fmt: skip


def shapes(n_channels: int, n_hidden: int, n_lineages: int) -> list[tuple[int, ...]]:
    """Return the shape of each part of a network.

    Parameters
    ----------
    n_channels : int
        Values of an event.
    n_hidden : int
        Sums of each hidden layer.
    n_lineages : int
        Classes of cells.

    Returns
    -------
    list of tuple of int
        In the order of `NAMES`.
    """
    layers = [n_channels, n_hidden, n_hidden, 1 + n_lineages]
    found: list[tuple[int, ...]] = [(n_channels,), (n_channels,)]
    for before, after in pairwise(layers):
        found += [(before, after), (after,)]
    return found


@dataclass(frozen=True, eq=False)
class Network:
    """Weights of a trained network.

    Parameters
    ----------
    mean, spread : ndarray, shape (n_channels,), float32
        Of the training events; a value is counted in spreads from the mean.
    weights1 : ndarray, shape (n_channels, n_hidden), float32
        Into the first hidden layer.
    bias1 : ndarray, shape (n_hidden,), float32
        Its constants.
    weights2 : ndarray, shape (n_hidden, n_hidden), float32
        Into the second hidden layer.
    bias2 : ndarray, shape (n_hidden,), float32
        Its constants.
    weights3 : ndarray, shape (n_hidden, 1 + n_lineages), float32
        Into the margins: of an artefact first, then of each lineage.
    bias3 : ndarray, shape (1 + n_lineages,), float32
        Their constants.
    """

    mean: Floats32
    spread: Floats32
    weights1: Floats32
    bias1: Floats32
    weights2: Floats32
    bias2: Floats32
    weights3: Floats32
    bias3: Floats32

    @property
    def n_channels(self) -> int:
        """Number of values of an event."""
        return len(self.mean)

    @property
    def n_lineages(self) -> int:
        """Number of lineages."""
        return len(self.bias3) - 1

    def parts(self) -> dict[str, Floats32]:
        """Return all arrays by name."""
        return {name: getattr(self, name) for name in NAMES}

    def standard(self, rows: Floats32) -> Floats32:
        """Count values in spreads from the mean.

        Parameters
        ----------
        rows : ndarray, shape (n_events, n_channels), float32
            NaN stays NaN.

        Returns
        -------
        ndarray, shape (n_events, n_channels), float32
            Within `FARTHEST` of 0.
        """
        with np.errstate(over="ignore"):
            scaled = (rows - self.mean) / self.spread
        return np.clip(scaled, -FARTHEST, FARTHEST, out=scaled)

    def margins(self, rows: Floats32) -> Floats32:
        """Compute the margins of events.

        Parameters
        ----------
        rows : ndarray, shape (n_events, n_channels), float32
            NaN in one channel makes all margins of its event NaN.

        Returns
        -------
        ndarray, shape (n_events, 1 + n_lineages), float32
            Log odds of an artefact, then a margin for each lineage. They do not depend on the
            other events, nor on how many follow; at another place of a block a product may
            be rounded otherwise in its last bits.
        """
        found = np.empty((len(rows), len(self.bias3)), np.float32)
        padded = np.zeros((BLOCK, self.n_channels), np.float32)
        with one_thread(), np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, len(rows), BLOCK):
                block = rows[start : start + BLOCK]
                padded[: len(block)] = self.standard(block)
                found[start : start + BLOCK] = self._of_block(padded)[: len(block)]
        return found

    def far(self, rows: Floats32) -> NDArray[np.int64]:
        """Count the events that lie beyond what the network tells apart.

        Parameters
        ----------
        rows : ndarray, shape (n_events, n_channels), float32
            As of `margins`.

        Returns
        -------
        ndarray, shape (n_channels,), int64
            Events that are more than `FARTHEST` from the mean of each channel, or have no
            value there.
        """
        low, high = self.mean - FARTHEST * self.spread, self.mean + FARTHEST * self.spread
        near = (rows >= low) & (rows <= high)
        return np.asarray(len(rows) - np.count_nonzero(near, axis=0), np.int64)

    def _of_block(self, scaled: Floats32) -> Floats32:
        first = scaled @ self.weights1
        first += self.bias1
        np.maximum(first, 0, out=first)
        second = first @ self.weights2
        second += self.bias2
        np.maximum(second, 0, out=second)
        margins = np.asarray(second @ self.weights3, np.float32)
        margins += self.bias3
        return margins


def shares(margins: Floats32) -> tuple[Floats32, Floats32]:
    """Turn margins into probabilities.

    Parameters
    ----------
    margins : ndarray, shape (n_events, 1 + n_lineages), float32
        As `Network.margins` gives them.

    Returns
    -------
    artefact : ndarray, shape (n_events,), float32
        Probability of an artefact.
    lineages : ndarray, shape (n_events, n_lineages), float32
        Probability of each lineage, given a cell; they add up to 1.
    """
    columns = np.ascontiguousarray(margins.T)  # sums over events are quicker than over classes
    with np.errstate(over="ignore", invalid="ignore"):  # margins that are no number stay so
        artefact = np.asarray(1 / (1 + np.exp(-columns[0])), margins.dtype)
        cells = columns[1:] - columns[1:].max(axis=0)
        np.exp(cells, out=cells)
        cells /= cells.sum(axis=0)
    return artefact, cells.T
