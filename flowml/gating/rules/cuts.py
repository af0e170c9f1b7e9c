"""Where to cut a marker: between two modes of the sample itself, or at a fixed level.

Every automatic cut lies within bounds and has a fallback. Histograms are coarse and smoothed
by a fixed kernel, so that a cut does not hang on single events.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from flowml.knowledge.rules import Bounds

Levels = NDArray[np.float32]
Mask = NDArray[np.bool_]

LOWEST, HIGHEST = -0.5, 7.0  # levels; values beyond are counted in the last bins
STEP = 0.05
SMOOTHING = 0.1  # standard deviation of the kernel, decades
DEPTH = 0.6  # a valley is at most this part of the lower of its two peaks
LEAST_PEAK = 0.004  # of all events stand in the bin of a peak
LEAST_EVENTS = 40  # below, there is nothing to find in a histogram
PLATEAU = 1.05  # heights within 5 % of the lowest are one floor

_EDGES = np.arange(LOWEST, HIGHEST + STEP / 2, STEP)
CENTRES = (_EDGES[:-1] + _EDGES[1:]) / 2


class Cut(NamedTuple):
    """A level that parts negative from positive.

    Parameters
    ----------
    at : float
        The level; at or above it a cell is positive.
    measured : bool
        Whether it was read from the sample; else it is the fallback.
    """

    at: float
    measured: bool


def density(values: Levels, smoothing: float = SMOOTHING) -> NDArray[np.float64]:
    """Count events along a scale, smoothed.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float
        Levels.
    smoothing : float
        Standard deviation of the kernel, decades.

    Returns
    -------
    ndarray, shape (n_bins,), float64
        Events per bin of `STEP` decades.
    """
    clipped = np.clip(values, LOWEST, HIGHEST - STEP / 2)
    counts = np.histogram(clipped, _EDGES)[0]
    reach = round(3 * smoothing / STEP)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / smoothing) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same")


def valley(values: Levels, bounds: Bounds, smoothing: float = SMOOTHING) -> Cut:
    """Cut at the emptiest place within bounds, if a clear mode stands on either side.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float
        Levels of one marker.
    bounds : Bounds
        Where the cut may lie, and the fallback.
    smoothing : float
        Standard deviation of the kernel, decades.

    Returns
    -------
    Cut
        The valley, or the fallback.
    """
    if len(values) < LEAST_EVENTS:
        return Cut(bounds.at, measured=False)
    heights = density(values, smoothing)
    inside = (bounds.low <= CENTRES) & (bounds.high >= CENTRES)
    floor = heights[inside].min()
    places = np.flatnonzero(inside & (heights <= floor * PLATEAU))
    middle = places[len(places) // 2]
    lower = min(heights[: middle + 1].max(), heights[middle:].max())
    if lower < LEAST_PEAK * len(values) or floor > DEPTH * lower:
        return Cut(bounds.at, measured=False)
    return Cut(float(CENTRES[middle]), measured=True)


def clearness(values: Levels, at: float, smoothing: float = SMOOTHING) -> float:
    """Tell how empty the place of a cut is, whoever put it there.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float
        Levels of one marker.
    at : float
        The cut.
    smoothing : float
        Standard deviation of the kernel, decades.

    Returns
    -------
    float
        One minus the height at the cut as a part of the lower of the two peaks beside it; of
        the higher one where on the other side there are hardly any events. 1 is an empty
        place, 0 a cut through a peak, NaN stands for fewer than `LEAST_EVENTS` events.
    """
    if len(values) < LEAST_EVENTS:
        return float("nan")
    heights = density(values, smoothing)
    left = at > CENTRES
    if left.all() or not left.any():
        return 1.0
    lower, higher = sorted((heights[left].max(), heights[~left].max()))
    peak = lower if lower >= LEAST_PEAK * len(values) else higher
    return float(np.clip(1 - np.interp(at, CENTRES, heights) / peak, 0.0, 1.0))


def modes(values: Levels, least_share: float, smoothing: float = SMOOTHING) -> list[float]:
    """Find the local maxima of a histogram.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float
        Levels.
    least_share : float
        Of all events within a tenth of a decade of a maximum; fewer are noise.
    smoothing : float
        Standard deviation of the kernel, decades.

    Returns
    -------
    list of float
        From low to high; empty for fewer than `LEAST_EVENTS` events.
    """
    if len(values) < LEAST_EVENTS:
        return []
    heights = density(values, smoothing)
    rising = np.diff(heights, prepend=0.0) > 0
    falling = np.diff(heights, append=0.0) <= 0
    width = round(0.1 / STEP)
    near = np.convolve(heights, np.ones(2 * width + 1), mode="same")
    enough = near >= max(least_share * len(values), LEAST_EVENTS / 2)
    return [float(level) for level in CENTRES[rising & falling & enough]]


def above_negatives(negatives: Levels, bounds: Bounds, widths: float) -> Cut:
    """Cut above the negative mode of cells that do not have the marker.

    Parameters
    ----------
    negatives : ndarray, shape (n_events,), float
        Levels of cells of the sample, most of them negative.
    bounds : Bounds
        Where the cut may lie, and the fallback.
    widths : float
        Standard deviations of the lower half of the mode by which the cut lies above it.

    Returns
    -------
    Cut
        Within the bounds, or the fallback where there are too few negatives.
    """
    below = negatives[negatives < bounds.high]
    if len(below) < LEAST_EVENTS:
        return Cut(bounds.at, measured=False)
    mode = float(CENTRES[np.argmax(density(below))])
    under = below[below <= mode]
    width = mode - float(np.quantile(under, 0.32)) if len(under) else 0.0
    return Cut(float(np.clip(mode + widths * width, bounds.low, bounds.high)), measured=True)


def share_interval(hits: int, total: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share.

    Parameters
    ----------
    hits, total : int
        Events of a kind, and all events.
    confidence : float
        Such as 0.95, two-sided.

    Returns
    -------
    tuple of float
        Lower and upper bound; 0 and 1 where there are no events.

    Notes
    -----
    Wilson, J Am Stat Assoc 22:209 (1927): the roots p of (h/n - p)^2 = z^2 p (1 - p) / n.
    """
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, weight = hits / total, z * z / total
    centre = share + weight / 2
    half = z * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    scale = 1 + weight
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
