"""Two cells measured as one: the area of their pulse grows, its height hardly, its width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from flowml.events import Array

Mask = NDArray[np.bool_]

LEAST_EVENTS = 200
STEP = 0.005  # decades; bin of the histogram whose mode is the singlets
RANGE = 0.5  # decades on either side of the median
SMOOTHING = 2.0  # bins
SPREADS = 3.5  # of the singlets, below their mode, where doublets begin
LEAST_CHANGE = 0.04  # decades, at least: two cells of which one is a tenth of the other


@dataclass(frozen=True, eq=False)
class Doublets:
    """Which events are two cells.

    Parameters
    ----------
    mask : ndarray, shape (n_events,), bool
        True for doublets; False where the ratio is no number.
    mode : float
        Usual logarithm (base 10) of height to area, or of 1 to width.
    cut : float
        Below it lie the doublets.
    """

    mask: Mask
    mode: float
    cut: float


def find_doublets(first: Array, second: Array | None = None) -> Doublets | None:
    """Find doublets by height and area, or by width alone.

    Parameters
    ----------
    first : ndarray, shape (n_events,), float
        Area of a pulse, or its width.
    second : ndarray, shape (n_events,), float, optional
        Its height; without it `first` is a width.

    Returns
    -------
    Doublets or None
        None where there are too few events with positive values, or the ratio of all is the
        same, as where one of both was computed from the other.
    """
    ratio = _log_ratio(first, second)
    known = ratio[np.isfinite(ratio)]
    if len(known) < LEAST_EVENTS or float(known.max()) - float(known.min()) < STEP:
        return None
    mode = _mode(known)
    above = known[known >= mode] - mode
    spread = float(np.quantile(above, 0.683)) if len(above) else 0.0
    cut = mode - max(SPREADS * spread, LEAST_CHANGE)
    with np.errstate(invalid="ignore"):
        return Doublets(np.asarray(ratio < cut), mode, cut)


def _log_ratio(first: Array, second: Array | None) -> Array:
    values = np.asarray(first, np.float32)
    with np.errstate(all="ignore"):
        ratio = 1 / values if second is None else np.asarray(second, np.float32) / values
        known = (ratio > 0) & (values > 0) & np.isfinite(ratio)
        return np.where(known, np.log10(ratio, where=known, out=np.zeros_like(ratio)), np.nan)


def _mode(values: Array) -> float:
    middle = float(np.median(values))
    bins = round(2 * RANGE / STEP)
    counts = np.histogram(values, bins, (middle - RANGE, middle + RANGE))[0]
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach / SMOOTHING) ** 2)
    place = int(np.argmax(np.convolve(counts, kernel, mode="same")))
    return middle - RANGE + (place + 0.5) * STEP
