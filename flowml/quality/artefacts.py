"""Is an event a whole single cell? A score from the tube itself, without any training.

Whole cells lie in dense places of scatter (and CD45), and none is much smaller or has much
less CD45 than the tube's smallest cells, which are lymphocytes wherever there are any. So the
score adds up three things: how empty the event's place is, how far its forward scatter lies
below that of the smallest cells, and how far its CD45 does. Everything is relative to the
tube's own cells: units and gains of the instrument do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.quality.peaks import binned, find_peaks, smallest_cells, smoothed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.events import Array
    from flowml.quality.peaks import Peak

    Singles = NDArray[np.float32]

# Chosen on the development half of the LST donors; docs/quality.md has the others' figures.
PLANE_BINS, PLANE_SMOOTHING = 64, 1.5
SPACE_BINS, SPACE_SMOOTHING = 32, 1.0
ENDS = (0.005, 0.995)  # quantiles between which the density is measured
MARGIN = 0.1  # of that range, on either side
EMPTY = 1e-3  # events in a bin without any, so that its logarithm exists
SMALL, SMALL_WEIGHT = 0.75, 3.0  # forward scatter, relative to the smallest cells
PALE, PALE_WEIGHT = 0.65, 3.0  # CD45 on its display scale, relative to the smallest cells
PALE_SMALL_WEIGHT = 1.0  # of forward scatter, where CD45 is there to tell
STEEPNESS = 10.0
NEAR_FSC, NEAR_SSC = 0.20, 0.30  # around the smallest cells, where their CD45 is taken


@dataclass(frozen=True, eq=False)
class Artefacts:
    """How much each event looks like none of a whole single cell.

    Parameters
    ----------
    score : ndarray, shape (n_events,), float32
        Natural logarithm of odds, but for a constant: 0 in a place that is as dense as the
        tube is on average. NaN where scatter or CD45 is no number.
    cells : Peak
        The tube's smallest whole cells.
    cd45 : float
        Their CD45, on the scale given; NaN without it.
    """

    score: Singles
    cells: Peak
    cd45: float


def artefact_score(fsc: Array, ssc: Array, cd45: Array | None = None) -> Artefacts | None:
    """Score the events of a tube: the higher, the less like a whole single cell.

    Parameters
    ----------
    fsc, ssc : ndarray, shape (n_events,), float
        Linear scatter, any unit.
    cd45 : ndarray, shape (n_events,), float, optional
        On a display scale (logicle or the like) with 0 where there is no light.

    Returns
    -------
    Artefacts or None
        None where the events are too few to show where the cells lie. A rare population is an
        empty place, too: take no cell away for its score alone.
    """
    cells = smallest_cells(find_peaks(fsc, ssc))
    if cells is None:
        return None
    axes = [fsc, ssc] if cd45 is None else [fsc, ssc, cd45]
    score = np.full(len(fsc), np.nan, np.float32)
    good = np.logical_and.reduce([np.isfinite(axis) for axis in axes])
    if not good.any():
        return None
    values = [np.asarray(axis[good], np.float32) for axis in axes]
    found = -_log_density(values)
    weight = SMALL_WEIGHT if cd45 is None else PALE_SMALL_WEIGHT
    found += weight * _shortfall(values[0] / np.float32(cells.fsc), SMALL)
    usual = float("nan")
    if cd45 is not None:
        usual = _usual_cd45(values, cells)
        if usual > 0:
            found += PALE_WEIGHT * _shortfall(values[2] / np.float32(usual), PALE)
    score[good] = found
    return Artefacts(score, cells, usual)


def _shortfall(relative: Singles, cut: float) -> Singles:
    """Return how far values lie below a cut: 0 above it, then rising by `STEEPNESS`."""
    below = np.float32(STEEPNESS) * (np.float32(cut) - relative)
    return np.asarray(np.logaddexp(np.float32(0), below), np.float32)


def _usual_cd45(values: Sequence[Singles], cells: Peak) -> float:
    fsc, ssc, cd45 = values
    near = (np.abs(fsc / cells.fsc - 1) < NEAR_FSC) & (np.abs(ssc / cells.ssc - 1) < NEAR_SSC)
    return float(np.median(cd45[near])) if near.any() else float("nan")


def _log_density(values: Sequence[Singles]) -> Singles:
    """Return the logarithm of the density at each event, relative to the average."""
    plane = len(values) == 2
    bins = PLANE_BINS if plane else SPACE_BINS
    place = np.zeros(len(values[0]), np.intp)
    for axis in values:
        low, high = np.quantile(axis, ENDS)
        room = MARGIN * (high - low) or 1.0  # of equal values, which lie in one bin
        place = place * bins + binned((axis - (low - room)) / (high - low + 2 * room), bins)
    shape = (bins,) * len(values)
    counts = np.bincount(place, minlength=bins ** len(values)).astype(np.float64)
    heights = smoothed(counts.reshape(shape), PLANE_SMOOTHING if plane else SPACE_SMOOTHING)
    relative = np.log(heights.ravel() + EMPTY) - np.log(len(place) / bins ** len(values))
    return np.asarray(relative.astype(np.float32)[place])
