"""Counts the events of populations in fine bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.features.counting.fine import FINE_BINS, FinePlaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.preprocess import Transform
    from flowml.scratch import Scratch

NOWHERE = FINE_BINS  # where a value counts that is no number


class PopulationCounter:
    """Counts the events of any population in the fine bins of each channel.

    Parameters
    ----------
    scales : sequence of Transform
        One for each channel; equal ones had better be neighbours.
    n_events : int
        Of the tube: the bins of all events are kept, two bytes each.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(self, scales: Sequence[Transform], n_events: int, scratch: Scratch) -> None:
        self._places = FinePlaces(scales, scratch)
        self._all = scratch.empty((len(scales), n_events), np.uint16)
        self._start = 0

    def see(self, values: NDArray[np.float32]) -> None:
        """Take the next block of the tube.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Up to `COMPUTE_BLOCK` events.
        """
        stop = self._start + values.shape[1]
        for row, place in zip(self._all, self._places.of(values), strict=True):
            row[self._start : stop] = place
        self._all[:, self._start : stop][np.isnan(values)] = NOWHERE
        self._start = stop

    def counts(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count a population, once all blocks were seen.

        Parameters
        ----------
        mask : ndarray, shape (n_events,), bool
            Which events belong to it.

        Returns
        -------
        ndarray, shape (n_channels, FINE_BINS), int64
            Values beyond the bins count at the ends, NaN nowhere.
        """
        inside = np.flatnonzero(mask)
        found = [np.bincount(row[inside], minlength=NOWHERE + 1) for row in self._all]
        return np.array(found, dtype=np.int64)[:, :NOWHERE]
