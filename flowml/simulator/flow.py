"""The stream of cells: when they arrive, how steady it is, and what a bubble does to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUBBLE_CHANCE = 0.05  # of a tube to have one
BUBBLE_LENGTH = (0.004, 0.02)  # share of the events that it disturbs
BUBBLE_LOSS = (0.10, 0.35)  # decades that pulses lose in its middle
RATE_PIECES = 4  # of a run, each with a rate of its own
RATE_CHANGE = 0.15  # standard deviation of the log of a piece's rate
DRIFT = 0.008  # decades; standard deviation of the change of pulses over a run


@dataclass(frozen=True, eq=False)
class Flow:
    """A run, event by event, in the order of arrival.

    Parameters
    ----------
    seconds : ndarray, shape (n_events,), float64
        Times of arrival; never fall.
    strength : ndarray, shape (n_events,), float32
        Factor on every pulse: 1 for a stream that stays where it was set.
    """

    seconds: NDArray[np.float64]
    strength: NDArray[np.float32]


def draw_flow(events_per_second: float, n_events: int, rng: np.random.Generator) -> Flow:
    """Draw how the stream ran.

    Parameters
    ----------
    events_per_second : float
        Mean rate.
    n_events : int
        How many events.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    Flow
        Arrivals are a Poisson process whose rate changes a few times; pulses drift slowly, and
        now and then a bubble weakens some.
    """
    rates = events_per_second * np.exp(rng.normal(0.0, RATE_CHANGE, size=RATE_PIECES))
    piece = np.arange(n_events) * RATE_PIECES // max(n_events, 1)
    waits = rng.exponential(size=n_events) / rates[piece]
    decades = rng.normal(0.0, DRIFT) * np.linspace(-0.5, 0.5, n_events)
    chance, middle = rng.random(2)
    length, loss = rng.uniform(*BUBBLE_LENGTH), rng.uniform(*BUBBLE_LOSS)
    if chance < BUBBLE_CHANCE:
        distance = (np.linspace(0.0, 1.0, n_events) - middle) / length
        decades -= loss * np.clip(1 - np.abs(distance), 0.0, 1.0)
    return Flow(np.cumsum(waits), (10**decades).astype(np.float32))
