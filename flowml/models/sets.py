"""Which entities cannot be excluded: conformal sets, one promise for each entity.

An entity is in the set of a case unless its probability is lower than in nearly all cases of
that entity that were held out (Mondrian conformal prediction; Vovk et al., Algorithmic Learning
in a Random World, 2005). Whatever the entity, the share of its cases whose set lacks it is at
most 1 - confidence, for cases drawn as the training cases were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LIKELY = 0.1  # an entity so probable is not excluded, however sure its own cases usually are


def entity_limits(
    probabilities: Floats, codes: NDArray[np.int64], n_classes: int, confidence: float
) -> Floats:
    """Return the probability below which an entity is excluded.

    Parameters
    ----------
    probabilities : ndarray, shape (n_cases, n_classes), float64
        Calibrated, of cases held out.
    codes : ndarray, shape (n_cases,), int64
        Their true classes.
    n_classes : int
        Number of classes.
    confidence : float
        Share of cases of each entity whose set has it.

    Returns
    -------
    ndarray, shape (n_classes,), float64
        0 for an entity of too few cases: it is never excluded.
    """
    limits = np.zeros(n_classes)
    for code in range(n_classes):
        own = np.sort(probabilities[codes == code, code])
        place = int(np.floor((1 - confidence) * (len(own) + 1)))
        if place > 0:
            limits[code] = own[place - 1]
    return limits


def not_excluded(probabilities: Floats, limits: Floats) -> NDArray[np.intp]:
    """Return the entities that cannot be excluded.

    Parameters
    ----------
    probabilities : ndarray, shape (n_classes,), float64
        Of one case.
    limits : ndarray, shape (n_classes,), float64
        As `entity_limits` gives them.

    Returns
    -------
    ndarray, shape (n_left,), intp
        The likeliest first; none where the case is like no entity. To exclude less than the
        limits allow keeps their promise.
    """
    order = np.argsort(-probabilities, kind="stable")
    return order[probabilities[order] >= np.minimum(limits, LIKELY)[order]]
