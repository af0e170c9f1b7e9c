"""Intervals of shares: Wilson's, and the exact bound of Clopper and Pearson."""

from __future__ import annotations

import math

from flowml.models.heldout import Z_95

CONFIDENCE = 0.95


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 22:209, 1927).

    Parameters
    ----------
    successes, trials : int
        For example right answers among cases.

    Returns
    -------
    low, high : float
        0 and 1 if there were no trials.

    Examples
    --------
    >>> low, high = wilson_interval(8, 10)
    >>> round(low, 3), round(high, 3)
    (0.49, 0.943)
    """
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, Z_95**2 / trials
    centre = share + z2 / 2
    half = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials))
    low = (centre - half) / (1 + z2) if successes > 0 else 0.0  # exactly, not by rounding
    high = (centre + half) / (1 + z2) if successes < trials else 1.0
    return low, high


def upper_bound(errors: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the share of errors that is not exceeded with this confidence.

    The one-sided bound of Clopper and Pearson (Biometrika 26:404, 1934). Where no error was
    seen it is about three over the number of trials.

    Parameters
    ----------
    errors, trials : int
        For example patients answered wrongly among patients.
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    float
        1 if there were no trials.

    Examples
    --------
    >>> round(upper_bound(0, 300), 4)
    0.0099
    """
    from scipy.stats import beta

    if errors >= trials:
        return 1.0
    return float(beta.ppf(confidence, errors + 1, trials - errors))
