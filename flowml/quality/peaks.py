"""Where the cells of a tube lie in forward and side scatter: peaks, and the smallest cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from flowml.events import Array

Floats = NDArray[np.float64]

BINS = 64  # along each scatter
SMOOTHING = 2.0  # bins; standard deviation of the kernel
FAR = 0.995  # quantile of each scatter that ends the histogram
REACH = 2  # bins on either side over which a peak is the highest
LEAST_EVENTS = 200  # below, a histogram of two axes shows nothing
LEAST_PEAK = 0.05  # of the highest peak
TALL = 0.25  # of the highest peak: those that tell how large the tube's cells are
# Lymphocytes scatter forward 0.37 to 0.55 times as much as granulocytes (development half of
# the LST donors), debris up to 0.33 times; doublets have smaller peaks than their cells.
SMALLEST_CELL = 0.35


class Peak(NamedTuple):
    """A place where many events lie.

    Parameters
    ----------
    fsc, ssc : float
        Linear scatter, in the units of the values.
    height : float
        Relative to the highest peak of the tube.
    """

    fsc: float
    ssc: float
    height: float


def find_peaks(fsc: Array, ssc: Array) -> list[Peak]:
    """Find the peaks of a tube in linear scatter.

    Parameters
    ----------
    fsc, ssc : ndarray, shape (n_events,), float
        Linear scatter in any unit; values that are not finite or not positive are left out.

    Returns
    -------
    list of Peak
        In no order; empty where there are too few events. Side scatter is counted in steps of
        its square root, as small cells lie close together there.
    """
    good = np.isfinite(fsc) & np.isfinite(ssc) & (fsc > 0) & (ssc > 0)
    if np.count_nonzero(good) < LEAST_EVENTS:
        return []
    x, y = fsc[good], ssc[good]
    right, upper = float(np.quantile(x, FAR)), float(np.quantile(y, FAR))
    columns = binned(x / right, BINS)
    rows = binned(np.sqrt(y / upper), BINS)
    counts = np.bincount(columns * BINS + rows, minlength=BINS * BINS)
    heights = smoothed(counts.reshape(BINS, BINS).astype(np.float64), SMOOTHING)
    tops = (heights >= _highest_around(heights)) & (heights >= LEAST_PEAK * heights.max())
    return [
        Peak(
            (i + 0.5) / BINS * right,
            ((j + 0.5) / BINS) ** 2 * upper,
            float(heights[i, j] / heights.max()),
        )
        for i, j in np.argwhere(tops).tolist()
    ]


def smallest_cells(peaks: list[Peak]) -> Peak | None:
    """Tell which peak is that of the smallest whole cells: lymphocytes, where there are any.

    Parameters
    ----------
    peaks : list of Peak
        Of one tube.

    Returns
    -------
    Peak or None
        The one with the least side scatter among those that are too large to be debris; None
        where there is no peak.
    """
    if not peaks:
        return None
    largest = max(peak.fsc for peak in peaks if peak.height >= TALL)
    whole = [peak for peak in peaks if peak.fsc >= SMALLEST_CELL * largest]
    return min(whole, key=lambda peak: (peak.ssc, peak.fsc))


def binned(values: Array, bins: int) -> NDArray[np.intp]:
    """Put values from 0 to 1 into bins; those beyond go into the last ones.

    Parameters
    ----------
    values : ndarray, float
        Finite.
    bins : int
        How many.

    Returns
    -------
    ndarray of the same shape, int
        From 0 to `bins` - 1.
    """
    return np.asarray(np.clip(values * bins, 0, bins - 1).astype(np.intp))


def smoothed(counts: Floats, deviation: float) -> Floats:
    """Smooth a histogram along all its axes by a normal kernel.

    Parameters
    ----------
    counts : ndarray, shape (n_bins,) * n_axes, float64
        As many bins along each axis.
    deviation : float
        Standard deviation of the kernel, bins.

    Returns
    -------
    ndarray, float64
        Of the same shape and, but for rounding, the same sum: what the kernel carries over an
        end comes back to the bins before it.
    """
    bins = len(counts)
    apart = np.arange(bins)[:, np.newaxis] - np.arange(bins)
    kernel = np.exp(-0.5 * (apart / deviation) ** 2)
    kernel /= kernel.sum(axis=0)
    for _ in range(counts.ndim):  # the axis done goes to the end: after all, order is as it was
        counts = np.tensordot(counts, kernel, axes=(0, 1))
    return counts


def _highest_around(heights: Floats) -> Floats:
    """Return the highest value within `REACH` bins of each bin."""
    padded = np.pad(heights, REACH, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * REACH + 1,) * 2)
    return np.asarray(windows.max(axis=(2, 3)))
