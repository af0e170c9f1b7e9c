"""What each marker says of the lineage of blasts, beside the sample's own normal cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.rules.landmarks import above
from flowml.gating.rules.populations import t_cells

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

RULE = "lineage"
B, T, M = "b", "t", "m"
HALF = math.log10(2.0)  # decades: half the intensity
EARLY, LATE = "egil_share_early", "egil_share"

# Bene, Leukemia 9:1783 (1995); CD117: Bene, Blood 92:596 (1998). By marker: lineage, points and
# the name of the least share
EGIL: dict[str, tuple[tuple[str, float, str], ...]] = {
    "cyCD79a": ((B, 2.0, EARLY),), "cyCD22": ((B, 2.0, LATE),), "CD22": ((B, 2.0, LATE),),
    "CD19": ((B, 1.0, LATE),), "CD20": ((B, 1.0, LATE),), "CD24": ((B, 0.5, LATE),),
    "CD10": ((B, 1.0, LATE), (T, 1.0, LATE)), "TdT": ((B, 0.5, EARLY), (T, 0.5, EARLY)),
    "CD3": ((T, 2.0, EARLY),), "cyCD3": ((T, 2.0, EARLY),), "CD2": ((T, 1.0, LATE),),
    "CD5": ((T, 1.0, LATE),), "CD8": ((T, 1.0, LATE),), "CD7": ((T, 0.5, LATE),),
    "CD1a": ((T, 0.5, LATE),), "MPO": ((M, 2.0, EARLY),), "CD13": ((M, 1.0, LATE),),
    "CD33": ((M, 1.0, LATE),), "CD65": ((M, 1.0, LATE),), "CD117": ((M, 1.0, LATE),),
    "CD14": ((M, 0.5, LATE),), "CD15": ((M, 0.5, LATE),), "CD64": ((M, 0.5, LATE),),
}  # fmt: skip
SUPPORT = ("cyCD79a", "CD22", "cyCD22", "CD10")  # of CD19; CD22 once, wherever it was stained
USUAL = {"MPO": "usual_mpo", "cyCD3": "usual_cycd3"}
LEAST = {"MPO": "least_mpo", "cyCD3": "least_cycd3"}
MONOCYTIC = ("CD14", "CD64", "CD11c", "CD36")


def shares_of(tube: RuleTube, blasts: Mask) -> dict[str, float]:
    """Count the positive blasts for each marker of EGIL's.

    Parameters
    ----------
    tube : RuleTube
        Any.
    blasts : ndarray, shape (n_events,), bool
        Its blasts, some.

    Returns
    -------
    dict of str to float
        By marker, of those that the tube has.
    """
    markers = dict.fromkeys((*EGIL, *MONOCYTIC))
    return {
        marker: float(positive(tube, marker)[blasts].mean())
        for marker in markers
        if tube.cells.has(marker)
    }


def positive(tube: RuleTube, marker: str) -> Mask:
    """Find the events with a marker.

    Parameters
    ----------
    tube : RuleTube
        Any.
    marker : str
        Canonical.

    Returns
    -------
    ndarray, shape (n_events,), bool
        At or above the level of the rule; none where the tube does not have the marker.
    """
    own = f"level_{marker.lower()}"
    known = tube.book.thresholds[RULE]
    level = tube.book.number(RULE, own if own in known else "level_other")
    return above(tube.cells, marker, level, missing=False)


def who(tube: RuleTube, blasts: Mask) -> dict[str, str]:
    """Name the lineages that WHO 2022 would count in a leukemia of mixed phenotype.

    Parameters
    ----------
    tube : RuleTube
        Any.
    blasts : ndarray, shape (n_events,), bool
        Its blasts, some.

    Returns
    -------
    dict of str to str
        By lineage: why.
    """
    found = {M: _myeloid(tube, blasts), T: _half(tube, blasts, "cyCD3"), B: _b(tube, blasts)}
    return {lineage: reason for lineage, reason in found.items() if reason}


def reference(tube: RuleTube, marker: str) -> float:
    """Return the level of a marker on the normal cells of the sample that have most of it.

    Parameters
    ----------
    tube : RuleTube
        Any.
    marker : str
        ``MPO`` or ``cyCD3``.

    Returns
    -------
    float
        Of granulocytes, or T cells; the rule's own level where there are too few.
    """
    cells, marks, book = tube.cells, tube.marks, tube.book
    if marker == "MPO":
        granular = marks.ssc + book.number(RULE, "granulocyte_ssc")
        normal = marks.intact & above(cells, "SSC", granular, missing=False)
        normal &= positive(tube, "MPO")
    elif cells.has("CD3"):
        normal = t_cells(tube).cells & positive(tube, "cyCD3")
    else:
        normal = marks.lymphocytes & positive(tube, "cyCD3")
    if normal.sum() < book.number("gates", "least_reference"):
        return book.number(RULE, USUAL[marker])
    return float(np.median(cells.of(marker, normal)))


def _half(tube: RuleTube, blasts: Mask, marker: str) -> str:
    if not tube.cells.has(marker):
        return ""
    half = reference(tube, marker) - HALF
    share = float(above(tube.cells, marker, half)[blasts].mean())
    if share < tube.book.number(RULE, LEAST[marker]):
        return ""
    whose = "the neutrophils'" if marker == "MPO" else "the T cells'"
    return f"{marker} half of {whose} and more on {100 * share:.0f} % of blasts"


def _myeloid(tube: RuleTube, blasts: Mask) -> str:
    """Judge MPO, else two monocytic markers."""
    if reason := _half(tube, blasts, "MPO"):
        return reason
    least = tube.book.number(RULE, "least_monocytic")
    shares = {
        marker: float(positive(tube, marker)[blasts].mean())
        for marker in MONOCYTIC
        if tube.cells.has(marker)
    }
    found = [f"{marker} on {100 * n:.0f} %" for marker, n in shares.items() if n >= least]
    return f"monocytic, {', '.join(found)}" if len(found) > 1 else ""


def _b(tube: RuleTube, blasts: Mask) -> str:
    """Judge CD19: strong with one more B marker, weak with two."""
    if not tube.cells.has("CD19"):
        return ""
    cd19, least = blasts & positive(tube, "CD19"), tube.book.number(RULE, "least_cd19")
    if cd19.sum() < least * blasts.sum():
        return ""
    others = [marker for marker in SUPPORT if _on_most(tube, marker, cd19)]
    kinds = {marker.removeprefix("cy") for marker in others}
    strong = float(np.median(tube.cells.of("CD19", cd19))) >= tube.book.number(
        RULE, "strong_cd19"
    )
    if len(kinds) < (1 if strong else 2):
        return ""
    share = 100 * cd19.sum() / blasts.sum()
    return (
        f"CD19 {'strong' if strong else 'weak'} on {share:.0f} % of blasts, with "
        f"{', '.join(others)}"
    )


def _on_most(tube: RuleTube, marker: str, cells: Mask) -> bool:
    least = tube.book.number(RULE, "least_support")
    return tube.cells.has(marker) and float(positive(tube, marker)[cells].mean()) >= least


def double_or_apart(tube: RuleTube, blasts: Mask) -> str:
    """Say whether markers of two lineages stand on different blasts.

    Parameters
    ----------
    tube : RuleTube
        Any.
    blasts : ndarray, shape (n_events,), bool
        Its blasts, some.

    Returns
    -------
    str
        In words; empty where no two populations are seen.
    """
    least = tube.book.number(RULE, "least_population")
    for one, other in (("CD19", "MPO"), ("cyCD3", "MPO"), ("CD19", "CD33"), ("CD19", "CD64")):
        if tube.cells.has(one, other):
            first, second = positive(tube, one)[blasts], positive(tube, other)[blasts]
            alone = float((first & ~second).mean()), float((second & ~first).mean())
            both = float((first & second).mean())
            if min(alone) >= least and both < min(alone):
                return (
                    f"Two populations of blasts: {100 * alone[0]:.0f} % {one}+ {other}-, "
                    f"{100 * alone[1]:.0f} % {other}+ {one}-"
                )
    return ""
