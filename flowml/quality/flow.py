"""How steadily a tube was measured: the rate, stops, time that runs back, disturbed stretches.

The run is cut into pieces of equal numbers of events. Cells come in no order, so the mean
signal of a piece differs from that of the run by chance alone, by an amount that is known; a
bubble, a clog or a change of settings moves the signals of a piece by more, in many channels
at once. Slow drift is told apart from that: it is the running median over neighbouring pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Stretch = tuple[int, int]

PIECE, MOST_PIECES = 100, 200  # events of a piece at least; pieces of a run at most
LEAST_PIECES = 10  # fewer show nothing
NEIGHBOURS = 15  # pieces whose running median is the drift
SCALE_PART = 1750.0  # of a channel's top: where its scale turns from linear to logarithmic
SURE, LIKELY = (
    5.2,
    3.1,
)  # normal deviates: a stretch begins with the first, goes on with the second
REACH = 2  # pieces on either side of a disturbed one that may go with it
STEADY = 2.5  # rates differ by less than this factor, up or down, in an undisturbed run
STOP_SHARE, STOP_WAITS = 0.02, 200.0  # of the run, and mean waits: a longer gap is a stop
TICKS = 10  # steps of the clock in a piece, at least, for a rate
TURN = 0.5  # of the range of time: a fall by more is a counter that begins again


@dataclass(frozen=True, eq=False)
class Arrival:
    """How events came in.

    Parameters
    ----------
    backwards : int
        How often time falls; a counter that begins again is not counted.
    restarts : int
        How often a counter begins again.
    stops : int
        Gaps without events.
    uneven : tuple of (int, int)
        First event of a stretch whose rate is unlike the others', and the one behind its last.
    low, high : float
        Lowest and highest rate of a piece, relative to the median.
    """

    backwards: int
    restarts: int
    stops: int
    uneven: tuple[Stretch, ...]
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Steadiness:
    """How steady the signals were.

    Parameters
    ----------
    disturbed : tuple of (int, int)
        First event of a disturbed stretch, and the one behind its last.
    drift : ndarray, shape (n_channels,), float64
        From the lowest to the highest place of the running median, in standard deviations of
        the channel's events.
    """

    disturbed: tuple[Stretch, ...]
    drift: Floats

    def __post_init__(self) -> None:
        self.drift.flags.writeable = False


def pieces_of(n_events: int, most: int = MOST_PIECES) -> NDArray[np.intp]:
    """Cut a run into pieces of equal numbers of events.

    Parameters
    ----------
    n_events : int
        Of the run.
    most : int
        Pieces.

    Returns
    -------
    ndarray, shape (n_pieces + 1,), int
        First event of each piece, and the end; without pieces where there are too few events.
    """
    count = min(n_events // PIECE, most)
    if count < LEAST_PIECES:
        return np.zeros(1, np.intp)
    return np.linspace(0, n_events, count + 1).astype(np.intp)


def arrival(time: Singles) -> Arrival | None:
    """Look at the times of arrival.

    Parameters
    ----------
    time : ndarray, shape (n_events,), float
        In any unit, in the order of the file.

    Returns
    -------
    Arrival or None
        None where there are too few events or steps of the clock, or times are no numbers.
    """
    steps = np.diff(np.asarray(time, np.float64))
    if not np.isfinite(time).all() or not (steps > 0).any():
        return None
    restart = steps < -TURN * (float(np.max(time)) - float(np.min(time)))
    waits = np.append(np.maximum(steps, 0.0), 0.0)
    total, tick = float(waits.sum()), float(waits[waits > 0].min())
    starts = pieces_of(len(time), min(MOST_PIECES, int(total / (TICKS * tick))))
    if len(starts) < 2:
        return None
    stop = waits > max(STOP_SHARE * total, STOP_WAITS * total / len(waits))
    took = np.add.reduceat(np.where(stop, 0.0, waits), starts[:-1])
    rate = np.diff(starts) / np.maximum(took, tick)
    relative = rate / np.median(rate)
    uneven = (relative > STEADY) | (relative < 1 / STEADY)
    return Arrival(
        int(np.count_nonzero((steps < 0) & ~restart)),
        int(np.count_nonzero(restart)),
        int(np.count_nonzero(stop)),
        _stretches(uneven, starts),
        float(relative.min()),
        float(relative.max()),
    )


def steadiness(values: Singles, tops: Sequence[float]) -> Steadiness | None:
    """Find stretches in which signals are unlike those of the run, and slow drift.

    Parameters
    ----------
    values : ndarray, shape (n_channels, n_events), float32
        As the detectors gave them, in the order of arrival.
    tops : sequence of float
        Upper end of each channel.

    Returns
    -------
    Steadiness or None
        None where there are too few events, or no channel whose values differ.
    """
    starts = pieces_of(values.shape[1])
    if len(starts) < 2 or not len(values):
        return None
    means, spread, apart = _pieces(values, tops, starts)
    used = spread > 0
    if not used.any():
        return None
    sizes = np.diff(starts)
    drift = np.array([_running_median(row) for row in means])
    chance = spread[used, np.newaxis] / np.sqrt(sizes)
    deviates = (means - drift)[used] / chance
    surprise = _surprise(deviates, apart[np.ix_(used, used)])
    ranges = np.zeros(len(values))
    smooth = np.array([_running_mean(row) for row in drift[used]])
    ranges[used] = (smooth.max(axis=1) - smooth.min(axis=1)) / spread[used]
    return Steadiness(_stretches(_grown(surprise), starts), ranges)


def _pieces(
    values: Singles, tops: Sequence[float], starts: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """Return means of the pieces, spreads of the channels, and their correlations.

    Values are taken on a scale of decades, so that few bright cells do not decide.
    """
    shown = np.empty(values.shape, np.float32)
    for row, out, top in zip(values, shown, tops, strict=True):
        np.divide(row, np.float32(top / SCALE_PART), out=out)
        out[~np.isfinite(out)] = 0
    np.arcsinh(shown, out=shown)
    sums = np.add.reduceat(shown, starts[:-1], axis=1)
    means = sums.astype(np.float64) / np.diff(starts)
    centred = shown - means.mean(axis=1, keepdims=True).astype(np.float32)
    covariance = (centred @ centred.T).astype(np.float64) / centred.shape[1]
    spread = np.sqrt(np.diag(covariance))
    between = np.outer(spread, spread)
    apart = np.divide(covariance, between, out=np.eye(len(spread)), where=between > 0)
    return means, spread, apart


def _surprise(deviates: Floats, correlation: Floats) -> Floats:
    """Return how unlikely the means of each piece are, as normal deviates.

    The squared distance of channels that correlate as those of single events do follows the
    chi-squared law; Wilson & Hilferty (PNAS 17:684) make it normal.
    """
    count = len(correlation)
    steadied = correlation + 0.05 * np.eye(count)  # channels may be copies of one another
    squared = (deviates * np.linalg.solve(steadied, deviates)).sum(axis=0)
    part = 2 / (9 * count)
    return np.asarray((np.cbrt(squared / count) - (1 - part)) / math.sqrt(part))


def _grown(surprise: Floats) -> Mask:
    """Mark disturbed pieces, and those beside them that are likely to go with them."""
    disturbed = surprise > SURE
    likely = surprise > LIKELY
    for _ in range(REACH):
        near = disturbed.copy()
        near[1:] |= disturbed[:-1]
        near[:-1] |= disturbed[1:]
        disturbed |= near & likely
    return disturbed


def _stretches(marked: Mask, starts: NDArray[np.intp]) -> tuple[Stretch, ...]:
    """Join marked pieces that follow one another."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return tuple(
        (int(starts[first]), int(starts[behind]))
        for first, behind in zip(edges[::2], edges[1::2], strict=True)
    )


def _running_median(row: Floats) -> Floats:
    """Return the median of each place and its neighbours; fewer of them at the ends."""
    reach = min(NEIGHBOURS, len(row) // 2) // 2
    padded = np.pad(row, reach, mode="reflect") if reach else row
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.asarray(np.median(windows, axis=1))


def _running_mean(row: Floats) -> Floats:
    """Return the mean of each place and its neighbours; a median alone is still rough."""
    reach = min(NEIGHBOURS, len(row) // 2) // 2
    kernel = np.full(2 * reach + 1, 1 / (2 * reach + 1))
    return np.convolve(np.pad(row, reach, mode="edge"), kernel, mode="valid")
