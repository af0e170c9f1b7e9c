"""Whether what has the scatter of granulocytes is mature: promyelocytes of APL have it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.automatic.found import RULE, Sign, ramp, weakest
from flowml.gating.rules.apl import positive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

EARLY = "CD117"  # lost on the way to granulocytes
LATE = ("CD11b", "CD15")  # CD10 and CD16 come too late: normal marrow has many without


def maturity_sign(tube: RuleTube, granulocytes: Mask) -> Sign:
    """Ask the markers of maturity, or CD45 where the tube has none of them.

    Parameters
    ----------
    tube : RuleTube
        Has CD45 and side scatter.
    granulocytes : ndarray, shape (n_events,), bool
        What was taken for them.

    Returns
    -------
    Sign
        Of no cells, sure.
    """
    if not granulocytes.any():
        return Sign(1.0, "")
    signs = list(_by_markers(tube, granulocytes))
    return weakest(*signs) if signs else _by_cd45(tube, granulocytes)


def _by_markers(tube: RuleTube, granulocytes: Mask) -> Iterator[Sign]:
    book = tube.book
    for marker in (EARLY, *LATE):
        if tube.cells.has(marker):
            share = float(positive(tube, marker, missing=False)[granulocytes].mean())
            share = share if marker == EARLY else 1 - share
            score = ramp(share, 2 * book.number(RULE, f"most_{marker.lower()}"), 0.0)
            have = "have" if marker == EARLY else "lack"
            yield Sign(
                score,
                f"{100 * share:.0f} % of the supposed granulocytes {have} {marker}, "
                "as promyelocytes do",
            )


def _by_cd45(tube: RuleTube, granulocytes: Mask) -> Sign:
    below = tube.marks.cd45 - float(np.median(tube.cells.of("CD45", granulocytes)))
    score = ramp(below, 2 * tube.book.number(RULE, "most_below_cd45"), 0.0)
    return Sign(
        score,
        f"CD45 of the supposed granulocytes lies {below:.2f} decades below the lymphocytes, "
        "as that of promyelocytes does, and no marker tells how mature they are",
    )
