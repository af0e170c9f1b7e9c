"""Events that pile up at the ends of a channel's scale, where their values are not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 0.999  # of the top: the end of the scale
LEAST_TOP = 0.9  # of the top: a pile of equal values above it is at the end, too


def share_at_top(values: NDArray[np.float32], top: float) -> float:
    """Return the share of events at the upper end of a channel.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float32
        As the detector gave them.
    top : float
        Upper end of the scale.

    Returns
    -------
    float
        Of all events; 0 for none. Some instruments end a little below what the file says: then
        events with the highest value are counted.
    """
    if not len(values):
        return 0.0
    highest = float(np.nanmax(values, initial=-np.inf))
    end = min(NEAR * top, highest) if highest >= LEAST_TOP * top else NEAR * top
    return float(np.count_nonzero(values >= end)) / len(values)


def share_at_bottom(values: NDArray[np.float32]) -> float:
    """Return the share of events with the lowest value of a channel.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float32
        As the detector gave them.

    Returns
    -------
    float
        Of all events; 0 where there are none.
    """
    if not len(values):
        return 0.0
    lowest = float(np.nanmin(values, initial=np.inf))
    return float(np.count_nonzero(values <= lowest)) / len(values)
