"""What an automatic gate found, and how sure that is.

A score is the weakest of its signs, not their product: so the text can name what is weak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.gating.populations import ALL_EVENTS

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Levels, Mask
    from flowml.gating.rules.tube import RuleTube

RULE = "automatic"  # table of the rulebook


class Sign(NamedTuple):
    """One thing that makes a gate more or less sure.

    Parameters
    ----------
    score : float
        From 0 to 1.
    words : str
        What is weak, where the score is low.
    """

    score: float
    words: str


class Found(NamedTuple):
    """A population, found.

    Parameters
    ----------
    name : str
        The population.
    cells : ndarray, shape (n_events,), bool
        Which events.
    sign : Sign
        The weakest of its signs.
    parent : str
        Of which it is a part; empty for all events.
    """

    name: str
    cells: Mask
    sign: Sign
    parent: str = ALL_EVENTS


def ramp(value: float, none: float, full: float) -> float:
    """Turn a measure into a score.

    Parameters
    ----------
    value : float
        What was measured.
    none, full : float
        Where the score is 0 and 1; `full` may be the lower one.

    Returns
    -------
    float
        Linear in between; 0 for NaN.
    """
    if np.isnan(value):
        return 0.0
    return float(np.clip((value - none) / (full - none), 0.0, 1.0))


def weakest(*signs: Sign) -> Sign:
    """Return the sign that a gate is least sure by.

    Parameters
    ----------
    *signs : Sign
        One or more.

    Returns
    -------
    Sign
        The first of those with the lowest score.
    """
    return min(signs, key=lambda sign: sign.score)


def clear_sign(clear: float, marker: str) -> Sign:
    """Turn the place of a cut into a sign.

    Parameters
    ----------
    clear : float
        As `flowml.gating.rules.cuts.clearness` tells it; NaN for too few events.
    marker : str
        What was cut.

    Returns
    -------
    Sign
        Sure from a place on that is half as high as the lower peak.
    """
    if np.isnan(clear):
        return Sign(0.0, f"too few events to look at {marker}")
    return Sign(clear, f"no clear valley of {marker}")


def steady_sign(
    tube: RuleTube, cells: Mask, values: Levels, at: float, what: str, limit: str = "most_moved"
) -> Sign:
    """Ask how many events of a population a small shift of its cut would move.

    Parameters
    ----------
    tube : RuleTube
        Any.
    cells : ndarray, shape (n_events,), bool
        The population.
    values : ndarray, shape (n,), float
        What was cut: levels of all events on either side.
    at : float
        The cut.
    what : str
        The marker, or what else the levels are of.
    limit : str
        Key of the share of moved events for a score of 0.5.

    Returns
    -------
    Sign
        Of a population of less than 1 % of the intact cells, 1 % is what counts: however many
        are moved, it stays small. One event more is taken for moved than was.
    """
    book = tube.book
    reach, least = book.number(RULE, "shift"), book.number(RULE, "least_share")
    moved = int((np.abs(values - at) < reach).sum()) + 1
    size = max(int(cells.sum()), least * tube.n_intact, 1.0)
    score = ramp(moved / size, 2 * book.number(RULE, limit), 0.0)
    words = f"a cut of {what} {reach:g} decades elsewhere would move {100 * moved / size:.0f} %"
    return Sign(score, words)
