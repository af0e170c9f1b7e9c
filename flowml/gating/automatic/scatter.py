"""Monocytes, granulocytes, blasts and the gate of mature panels, on CD45 x SSC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.automatic.found import RULE, Found, Sign, ramp, steady_sign, weakest
from flowml.gating.automatic.maturity import maturity_sign
from flowml.gating.automatic.names import (
    BLASTS,
    CELLS,
    GRANULOCYTES,
    MATURE_GATE,
    MONOCYTES,
)
from flowml.gating.automatic.reference import lymphocyte_sign, lymphoid
from flowml.gating.populations import SURE
from flowml.gating.rules.cuts import modes, valley
from flowml.gating.rules.landmarks import FINE, NEAR, above
from flowml.gating.rules.precursors import Precursors, precursors
from flowml.knowledge.rules import Bounds

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Levels, Mask
    from flowml.gating.rules.tube import RuleTube

LEAST_MODE = 0.1  # of the events above the lymphocytes: granulocytes are the highest such mode
BELOW_GRANULOCYTES = (0.20, 0.08, 0.35)  # decades: usual, nearest and farthest cut below them
REACH, FAR = 0.1, 0.3  # decades around a usual place within which a valley is looked for
STRETCH, MIDDLE = 4.0, 3.0  # of a scale on which SSC is cut


def find_mature_gate(tube: RuleTube) -> Found:
    """Find the CD45+ events of low side scatter: the one gate of a mature panel.

    Parameters
    ----------
    tube : RuleTube
        Has CD45 and side scatter.

    Returns
    -------
    Found
        Wider than the lymphocytes, so that large cells and those of dim CD45 are in it. All
        intact cells where the lymphocytes are not sure.
    """
    cells, marks, book = tube.cells, tube.marks, tube.book
    reference = lymphocyte_sign(tube)
    if reference.score < SURE:
        return Found(MATURE_GATE, marks.intact, reference, CELLS)
    lowest = _bounds(marks.cd45 - book.number(RULE, "gate_cd45"), FAR)
    bright = marks.intact & above(cells, "CD45", lowest.high)
    top = _fine_valley(
        cells.of("SSC", bright), _bounds(marks.ssc + book.number(RULE, "gate_ssc"))
    )
    low = marks.intact & ~above(cells, "SSC", top)
    bottom = valley(cells.of("CD45", low), lowest).at
    found = low & above(cells, "CD45", bottom)
    sign = weakest(
        reference,
        steady_sign(tube, found, cells.of("SSC", bright), top, "SSC"),
        steady_sign(tube, found, cells.of("CD45", low), bottom, "CD45"),
    )
    return Found(MATURE_GATE, found, sign, CELLS)


def _bounds(at: float, reach: float = REACH) -> Bounds:
    return Bounds(at, at - reach, at + reach)


def _fine_valley(values: Levels, bounds: Bounds) -> float:
    """Cut scatter, whose populations are narrow, on a stretched scale."""
    low, high = ((level - bounds.at) * STRETCH + MIDDLE for level in (bounds.low, bounds.high))
    cut = valley((values - bounds.at) * STRETCH + MIDDLE, Bounds(MIDDLE, low, high))
    return (cut.at - MIDDLE) / STRETCH + bounds.at


def find_myeloid(tube: RuleTube) -> Iterator[Found]:
    """Find monocytes and granulocytes.

    Parameters
    ----------
    tube : RuleTube
        Has CD45 and side scatter.

    Yields
    ------
    Found
        Monocytes lie between lymphocytes and granulocytes, and have no marker of lymphocytes.
    """
    cells, marks, book = tube.cells, tube.marks, tube.book
    low = marks.ssc + book.number("gates", "lymphocyte_ssc")
    with_cd45 = marks.intact & above(
        cells, "CD45", marks.cd45 - book.number("immature_cells", "negative_cd45")
    )
    bright = above(cells, "CD45", marks.cd45 - book.number(RULE, "monocyte_cd45"))
    beyond_blasts = above(cells, "SSC", marks.ssc + book.number("immature_cells", "blast_ssc"))
    above_lymphocytes = with_cd45 & above(cells, "SSC", low) & (bright | beyond_blasts)
    above_lymphocytes &= ~marks.lymphocytes
    values = _granularity(tube)
    at = _granulocyte_cut(tube, above_lymphocytes, values)
    granulocytes = above_lymphocytes & (values >= at)
    between = above_lymphocytes & ~granulocytes & bright
    foreign = lymphoid(tube)
    monocytes = between if foreign is None else between & ~foreign
    reference = lymphocyte_sign(tube)
    signs = [reference, _foreign_sign(tube, between, foreign), _few_sign(tube, monocytes)]
    signs += [
        steady_sign(tube, monocytes, part, cut, what, "most_moved_monocytes")
        for part, cut, what in (
            (values[above_lymphocytes], at, "SSC and CD45"),
            (cells.of("SSC", bright & marks.intact), low, "SSC"),
        )
    ]
    yield Found(MONOCYTES, monocytes, weakest(*signs), CELLS)
    edge = steady_sign(tube, granulocytes, values[above_lymphocytes], at, "SSC and CD45")
    mature = maturity_sign(tube, granulocytes)
    yield Found(GRANULOCYTES, granulocytes, weakest(reference, edge, mature), CELLS)


def _granularity(tube: RuleTube) -> Levels:
    """Return side scatter, less where CD45 is bright: monocytes have more CD45."""
    tilt = tube.book.number(RULE, "tilt")
    cd45 = tube.cells.levels["CD45"] - tube.marks.cd45
    return np.asarray(tube.cells.levels["SSC"] - tilt * cd45, np.float32)


def _granulocyte_cut(tube: RuleTube, among: Mask, values: Levels) -> float:
    """Cut below the highest mode, if it has the side scatter of granulocytes; else as usual."""
    usual = tube.marks.ssc + tube.book.number(RULE, "granulocyte_ssc")
    ssc, places = tube.cells.of("SSC", among), values[among]
    peaks = [
        mode
        for mode in modes(places, LEAST_MODE, FINE)
        if (near := np.abs(places - mode) < NEAR).any()  # none, where they lie off the scale
        and np.median(ssc[near]) > usual
    ]
    if not peaks:
        return usual
    usual, nearest, farthest = (peaks[-1] - distance for distance in BELOW_GRANULOCYTES)
    return _fine_valley(places, Bounds(usual, farthest, nearest))


def _foreign_sign(tube: RuleTube, between: Mask, foreign: Mask | None) -> Sign:
    """Ask how many events in the place of monocytes are T or B cells."""
    if foreign is None:
        return Sign(1.0, "")
    share = float(foreign[between].mean()) if between.any() else 0.0
    most = tube.book.number(RULE, "most_lymphoid_monocytes")
    score = ramp(share, 2 * most, 0.0)
    return Sign(
        score, f"{100 * share:.0f} % of events in the place of monocytes are T or B cells"
    )


def _few_sign(tube: RuleTube, monocytes: Mask) -> Sign:
    """Ask for a share of monocytes: of few, most are the tails of others."""
    share = int(monocytes.sum()) / max(tube.n_intact, 1)
    score = ramp(share, 0.0, 2 * tube.book.number(RULE, "least_share"))
    return Sign(score, f"monocytes are {100 * share:.1f} % of the cells only")


def find_blasts(tube: RuleTube, monocytes: Mask) -> Found:
    """Find blasts: the immature cells of the laboratory's rules.

    Parameters
    ----------
    tube : RuleTube
        Has CD45 and side scatter, or CD34, or CD117.
    monocytes : ndarray, shape (n_events,), bool
        Events in their place; none where it was not found.

    Returns
    -------
    Found
        CD45-negative ones included. By dim CD45 alone they are never sure: basophils, plasma
        cells and erythroid cells lie there too.
    """
    found = precursors(tube)
    signs = (
        lymphocyte_sign(tube),
        _shown_sign(tube, found),
        _beside_monocytes(tube, monocytes),
    )
    return Found(BLASTS, found.cells, weakest(*signs), CELLS)


def _shown_sign(tube: RuleTube, found: Precursors) -> Sign:
    """Ask by what blasts are shown: with one marker, many are surer than few."""
    book, total = tube.book, int(found.cells.sum())
    lacks = tube.cells.lacks("CD34", "CD117")
    if len(lacks) == 2:
        return Sign(book.number(RULE, "blasts_none"), "no CD34 and no CD117 for blasts")
    score = book.number(RULE, "blasts_one" if lacks else "blasts_both")
    if lacks and total < book.number("immature_cells", "some") * tube.n_intact:
        few = book.number(RULE, "blasts_few")
        return Sign(few, f"few blasts, and {lacks[0]} was not measured")
    bare = int((found.dim & ~found.b_precursors).sum())
    if bare > total / 2:
        few = book.number(RULE, "blasts_few")
        return Sign(few, "most of the supposed blasts have dim CD45 and no marker of blasts")
    return Sign(score, "")


def _beside_monocytes(tube: RuleTube, monocytes: Mask) -> Sign:
    """Ask whether there are so many monocytes that some may be monoblasts."""
    share = int(monocytes.sum()) / max(tube.n_intact, 1)
    score = ramp(share, 2 * tube.book.number(RULE, "many_monocytes"), 0.0)
    return Sign(score, f"{100 * share:.0f} % of cells lie where monocytes do, as monoblasts do")
