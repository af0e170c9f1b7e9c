"""On what scale values are: linear, or already shown in decades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHORTEST_TOP = 32.0  # no instrument measures fluorescence on so short a linear scale
LOW = 0.01  # quantile at which a channel begins; it ends at its highest value
# On a linear scale the middle event of a channel lies close to its lower end, for cells differ
# by decades; on a display scale it lies anywhere. LST and B-ALL files, on display scales, have
# 0.16 or more in the median channel and 0.10 in the lower quartile.
MIDDLE, LOWER = 0.16, 0.10


def is_in_decades(values: NDArray[np.float32], tops: Sequence[float]) -> bool:
    """Tell fluorescence that is on a display scale, whatever the file says.

    Parameters
    ----------
    values : ndarray, shape (n_channels, n_events), float32
        Fluorescence.
    tops : sequence of float
        Upper ends of the channels.

    Returns
    -------
    bool
        True if most channels end below `SHORTEST_TOP`, or if their middle events lie in the
        middle of their spans. A tube of which nearly all cells have all antigens looks alike.
    """
    if not values.size:
        return False
    if float(np.median(tops)) < SHORTEST_TOP:
        return True
    places = middle_places(values)
    if not places:
        return False
    lower, middle = np.quantile(places, (0.25, 0.5)).tolist()
    return bool(middle > MIDDLE and lower > LOWER)


def middle_places(values: NDArray[np.float32]) -> list[float]:
    """Return where between the ends of its values the middle event of each channel lies.

    Parameters
    ----------
    values : ndarray, shape (n_channels, n_events), float32
        Fluorescence.

    Returns
    -------
    list of float
        0 to 1, of the channels with different values, some of them positive.
    """
    places = []
    for row in values:
        finite = row[np.isfinite(row)]
        if len(finite):
            low, middle, high = np.quantile(finite, (LOW, 0.5, 1)).tolist()
            if high > max(low, 0.0):  # noise about 0 has its middle there
                places.append(min((middle - low) / (high - low), middle / high))
    return places
