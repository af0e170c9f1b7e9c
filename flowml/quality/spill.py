"""What is left of spillover: where negatives go as cells get bright.

Where the share of emitter i in detector j is right, cells that lack the antigen of j lie at
the same place in j whether they are bright in i or not. Where it is wrong by e, they move by e
times the brightness in i. That place is the lowest mode of j: of the bright cells, which may
have the antigen of j or not, the lowest mode is that of cells without it, if there are any. If
all have it the mode lies too high, never too low: a place far below zero is a fault of the
matrix, one above may be biology. So overcompensation of a single pair counts, and
undercompensation only if the pairs agree: in most of them the residue is the same part of the
share that the matrix has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.quality.peaks import binned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Singles = NDArray[np.float32]
    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

LEAST_BRIGHT = 100  # cells bright in an emitter; of fewer the mode is a matter of chance
MOST_BRIGHT = 2000  # taken of each emitter, evenly over the tube
BRIGHT_QUANTILE = 0.9  # bright cells are above it ...
BRIGHT_NOISE = 20.0  # ... and above so many times the spread of the negatives
BINS = 48  # of a histogram whose lowest mode is sought
SMOOTHING = 1.6  # bins
LEAST_MODE = 0.25  # of the highest one
ONE_SPREAD = 0.3173  # of the values below a mode lie more than a spread away
RANGE = (0.01, 0.90)  # quantiles that the histogram spans
SHARE = 0.03  # of spillover, from which on a pair tells whether the matrix fits
LEAST_PAIRS = 3
LEAST, MIDDLE = 0.25, 0.45  # quantiles of the pairs' residues; biology adds to the upper ones


@dataclass(frozen=True, eq=False)
class Residues:
    """What is left of spillover in a tube.

    Parameters
    ----------
    slope : ndarray, shape (n_detectors, n_detectors), float64
        Residue of each pair, row emitter and column detector: change of the negatives for one
        unit of emitter; NaN where it cannot be told.
    error : ndarray, of the same shape
        Standard error.
    depth : ndarray, of the same shape
        How far the negatives of bright cells lie below zero, in spreads of the others: 0 or
        less.
    """

    slope: Floats
    error: Floats
    depth: Floats


def residues(values: Singles) -> Residues:
    """Measure what is left of spillover.

    Parameters
    ----------
    values : ndarray, shape (n_detectors, n_events), float32
        Linear fluorescence.

    Returns
    -------
    Residues
        All NaN where no cells are bright enough.
    """
    count = len(values)
    nothing = np.full((count, count), np.nan)
    found = Residues(nothing.copy(), nothing.copy(), nothing.copy())
    whole = values[:, np.isfinite(values).all(axis=0)]
    if whole.shape[1] < 2 * LEAST_BRIGHT:
        return found
    base = [_lowest_mode(row[:: max(1, len(row) // MOST_BRIGHT)]) for row in whole]
    for emitter, row in enumerate(whole):
        noise = base[emitter][1]
        bright = _bright(row, noise)
        if bright is None:
            continue
        dim = _spaced(np.flatnonzero(row <= np.quantile(row, 0.5)))
        apart = float(np.median(row[bright]) - np.median(row[dim]))
        if apart <= BRIGHT_NOISE * noise:
            continue
        for detector in range(count):
            if detector != emitter:
                pair, seen = (emitter, detector), whole[detector]
                high, wide = _lowest_mode(seen[bright])
                low, narrow = min(_lowest_mode(seen[dim]), base[detector])
                error = np.hypot(wide / np.sqrt(len(bright)), narrow / np.sqrt(len(dim)))
                found.slope[pair], found.error[pair] = (high - low) / apart, error / apart
                found.depth[pair] = min(high, 0.0) / max(narrow, 1e-9)
    return found


def matrix_error(slope: Floats, shares: Floats) -> tuple[float, int]:
    """Return by which part of its shares a matrix is wrong, if it is wrong as a whole.

    Parameters
    ----------
    slope : ndarray, shape (n_detectors, n_detectors), float64
        Of `residues`.
    shares : ndarray, of the same shape
        The matrix that was applied; its diagonal does not matter.

    Returns
    -------
    error : float
        -0.5: half of each share too much was taken away; 0.5: half as much again is left. It
        is 0 where the pairs do not agree, and NaN where fewer than `LEAST_PAIRS` tell.
    n_pairs : int
        Pairs that tell.
    """
    tells = (shares >= SHARE) & np.isfinite(slope) & ~np.eye(len(shares), dtype=bool)
    ratio, weight = slope[tells] / shares[tells], shares[tells]
    if len(ratio) < LEAST_PAIRS:
        return float("nan"), len(ratio)
    order = np.argsort(ratio)
    heap = np.cumsum(weight[order]) / weight.sum()
    least, middle = ratio[order][np.searchsorted(heap, (LEAST, MIDDLE))].tolist()
    return max(least, 0.0) + min(middle, 0.0), len(ratio)


def _bright(row: Singles, noise: float) -> NDArray[np.intp] | None:
    cut = max(float(np.quantile(row, BRIGHT_QUANTILE)), BRIGHT_NOISE * noise)
    found = np.flatnonzero(row > cut)
    return _spaced(found) if len(found) >= LEAST_BRIGHT else None


def _spaced(found: NDArray[np.intp]) -> NDArray[np.intp]:
    """Take at most `MOST_BRIGHT` events, evenly."""
    return found[:: max(1, -(-len(found) // MOST_BRIGHT))]


def _lowest_mode(values: Singles) -> tuple[float, float]:
    """Return the lowest clear mode, and the spread of the values below it."""
    ordered = np.sort(values).astype(np.float64)  # float32 may overflow in differences
    low = float(ordered[int(RANGE[0] * (len(ordered) - 1))])
    quarter = float(ordered[int(0.25 * (len(ordered) - 1))])
    high = float(ordered[int(RANGE[1] * (len(ordered) - 1))])
    high = min(high, low + 8 * (quarter - low)) if quarter > low else high
    if high <= low:
        return low, 0.0
    inside = ordered[np.searchsorted(ordered, low) : np.searchsorted(ordered, high, "right")]
    counts = np.bincount(binned((inside - low) / (high - low), BINS), minlength=BINS)
    reach = np.arange(-5, 6)
    kernel = np.exp(-0.5 * (reach / SMOOTHING) ** 2)
    heights = np.convolve(counts, kernel / kernel.sum(), mode="same")
    peak = (heights[1:-1] >= heights[:-2]) & (heights[1:-1] >= heights[2:])
    tall = np.flatnonzero(peak & (heights[1:-1] >= LEAST_MODE * heights.max())) + 1
    place = int(tall[0]) if len(tall) else int(np.argmax(heights))
    mode = low + (place + 0.5) * (high - low) / BINS
    below = ordered[: np.searchsorted(ordered, mode)]
    spread = mode - float(below[int(ONE_SPREAD * len(below))]) if len(below) else 0.0
    return mode, spread
