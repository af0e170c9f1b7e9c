"""Fine histograms on the display scale, and what is read off them.

`FINE_BINS` bins of equal width lie between `LOWEST` and `HIGHEST`, beyond the ends of the scale
on both sides, since compensated values lie there too. A quantile that is read off them is
within the width of a bin, 0.0005, of the exact one, and the same in any order of events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.events import COMPUTE_BLOCK
from flowml.preprocess.tabled import Tabled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from flowml.preprocess import Transform
    from flowml.scratch import Scratch

FINE_BINS = 4096
LOWEST, HIGHEST = -0.5, 1.5
WIDTH = (HIGHEST - LOWEST) / FINE_BINS
MIDDLE = 0.5  # of the scale; moments about it keep their digits


class FineCounter:
    """Counts events in the fine bins of each channel.

    Parameters
    ----------
    scales : sequence of Transform
        One for each channel; equal ones had better be neighbours.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(self, scales: Sequence[Transform], scratch: Scratch) -> None:
        self._places = FinePlaces(scales, scratch)
        self.counts = np.zeros((len(scales), FINE_BINS), dtype=np.int64)

    def see(self, values: NDArray[np.float32]) -> None:
        """Count a block.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Up to `COMPUTE_BLOCK` events. Values beyond the bins count at the ends, NaN nowhere.
        """
        for place, counts in zip(self._places.of(values), self.counts, strict=True):
            np.add.at(counts, place, 1)
        # NaN was taken to the lowest bin
        self.counts[:, 0] -= np.count_nonzero(np.isnan(values), axis=1)


class FinePlaces:
    """Tells the fine bin of every value of a block.

    Parameters
    ----------
    scales : sequence of Transform
        One for each channel; equal ones had better be neighbours.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(self, scales: Sequence[Transform], scratch: Scratch) -> None:
        self._display = Display(scales, scratch)
        self._place = scratch.empty((COMPUTE_BLOCK,), np.intp)

    def of(self, values: NDArray[np.float32]) -> Iterator[NDArray[np.intp]]:
        """Yield the bins of one channel after the other.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Contiguous, linear.

        Yields
        ------
        ndarray, shape (n_events,), intp
            Beyond the bins the ends, of NaN the lowest; valid until the next.
        """
        shown = self._display.of(values)
        place = self._place[: values.shape[1]]
        with np.errstate(over="ignore"):
            shown -= np.float32(LOWEST)
            shown *= np.float32(1 / WIDTH)
        np.fmin(np.fmax(shown, 0, out=shown), FINE_BINS - 1, out=shown)
        for row in shown:
            place[...] = row
            yield place


class Display:
    """Puts blocks on the display scale, in single precision.

    Parameters
    ----------
    scales : sequence of Transform
        One for each channel.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(self, scales: Sequence[Transform], scratch: Scratch) -> None:
        self._slabs: list[tuple[slice, Tabled]] = []
        for row, scale in enumerate(scales):
            if row and scale == scales[row - 1]:
                before, tabled = self._slabs.pop()
                self._slabs.append((slice(before.start, row + 1), tabled))
            else:
                self._slabs.append((slice(row, row + 1), Tabled(scale)))
        self._shown = scratch.empty((len(scales) * COMPUTE_BLOCK,), np.float32)

    def of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the display values of a block.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Contiguous, linear.

        Returns
        -------
        ndarray, shape (n_channels, n_events), float32
            A buffer: valid until the next block, and to be written on.
        """
        shown: NDArray[np.float32] = self._shown[: values.size].reshape(values.shape)
        for rows, tabled in self._slabs:
            tabled(values[rows], out=shown[rows])
        return shown


def centres() -> NDArray[np.float64]:
    """Return the middle of every fine bin, shape (FINE_BINS,), display units."""
    return np.asarray(LOWEST + WIDTH * (np.arange(FINE_BINS) + 0.5), dtype=np.float64)


def quantiles(counts: NDArray[np.int64], shares: Sequence[float]) -> NDArray[np.float64]:
    """Read quantiles off fine histograms.

    Parameters
    ----------
    counts : ndarray, shape (n, FINE_BINS), int64
        Events in each bin.
    shares : sequence of float
        Between 0 and 1.

    Returns
    -------
    ndarray, shape (n, len(shares)), float64
        Display values below which the shares of the events lie, linear within a bin; NaN where
        there are no events.
    """
    ends = LOWEST + WIDTH * np.arange(FINE_BINS + 1)
    found = np.full((len(counts), len(shares)), np.nan)
    for row, histogram in enumerate(counts):
        below = np.concatenate([[0], np.cumsum(histogram)])
        if below[-1]:
            # 7 % of 100 events are 7, and not 7.000000000000001
            wanted = np.round(np.asarray(shares, dtype=np.float64) * below[-1], 6)
            bins = np.searchsorted(below, wanted, side="left").clip(1, FINE_BINS)
            inside = (wanted - below[bins - 1]) / np.maximum(below[bins] - below[bins - 1], 1)
            found[row] = ends[bins - 1] + WIDTH * inside
    return found


def moments(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Read mean, standard deviation and skewness off fine histograms.

    Parameters
    ----------
    counts : ndarray, shape (n, FINE_BINS), int64
        Events in each bin.

    Returns
    -------
    ndarray, shape (n, 3), float64
        Of the population of events: mean m, square root of the mean of (x - m)^2, and the
        mean of (x - m)^3 over its cube; NaN where there are no events, skewness 0 where
        the standard deviation is below half a bin.
    """
    total = counts.sum(axis=1, keepdims=True).astype(np.float64)
    away = centres() - MIDDLE
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = counts / total
    # no product of matrices: a row's bits must not depend on the number of rows
    first, second, third = ((weights * away**power).sum(axis=1) for power in (1, 2, 3))
    sd = np.sqrt(np.maximum(second - first**2, 0))
    cubed = third - 3 * first * second + 2 * first**3
    skewness = np.where(sd > WIDTH / 2, cubed / np.maximum(sd, WIDTH / 2) ** 3, 0.0)
    return np.column_stack([MIDDLE + first, sd, np.where(np.isnan(first), np.nan, skewness)])
