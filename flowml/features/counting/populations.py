"""Counts the events of populations in fine bins, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.features.counting.fine import FINE_BINS, FinePlaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.preprocess import Transform
    from flowml.scratch import Scratch


class PopulationCounter:
    """Counts the events of each population in the fine bins of each channel.

    Parameters
    ----------
    scales : sequence of Transform
        One for each channel; equal ones had better be neighbours.
    masks : sequence of ndarray, shape (n_events,), bool
        Which events of the tube belong to each population.
    scratch : Scratch
        Lends the buffers.

    Attributes
    ----------
    counts : ndarray, shape (n_populations, n_channels, FINE_BINS), int64
        Values beyond the bins count at the ends, NaN nowhere.
    """

    def __init__(
        self,
        scales: Sequence[Transform],
        masks: Sequence[NDArray[np.bool_]],
        scratch: Scratch,
    ) -> None:
        self._places, self._masks, self._start = FinePlaces(scales, scratch), masks, 0
        self.counts = np.zeros((len(masks), len(scales), FINE_BINS), dtype=np.int64)

    def see(self, values: NDArray[np.float32]) -> None:
        """Count the next block of the tube.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Up to `COMPUTE_BLOCK` events.
        """
        stop = self._start + values.shape[1]
        inside = [mask[self._start : stop] for mask in self._masks]
        known = ~np.isnan(values)
        for row, place in enumerate(self._places.of(values)):
            for population, own in enumerate(inside):
                found = np.bincount(place[own & known[row]], minlength=FINE_BINS)
                self.counts[population, row] += found
        self._start = stop
