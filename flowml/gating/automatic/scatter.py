"""Monocytes, granulocytes, blasts and the gate of mature panels, on CD45 x SSC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowml.gating.automatic.found import RULE, Found, Sign, steady_sign, weakest
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
from flowml.gating.rules.landmarks import FINE, above
from flowml.gating.rules.precursors import precursors
from flowml.knowledge.rules import Bounds

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

LEAST_MODE = 0.1  # of the events above the lymphocytes: granulocytes are the highest such mode
BELOW_GRANULOCYTES = 0.05  # decades below their mode: a cut between monocytes and them
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
    top = _scatter_valley(tube, bright, _bounds(marks.ssc + book.number(RULE, "gate_ssc")))
    low = marks.intact & ~above(cells, "SSC", top)
    bottom = valley(cells.of("CD45", low), lowest).at
    found = low & above(cells, "CD45", bottom)
    sign = weakest(
        reference,
        steady_sign(tube, found, bright, "SSC", top),
        steady_sign(tube, found, low, "CD45", bottom),
    )
    return Found(MATURE_GATE, found, sign, CELLS)


def _bounds(at: float, reach: float = REACH) -> Bounds:
    return Bounds(at, at - reach, at + reach)


def _scatter_valley(tube: RuleTube, among: Mask, bounds: Bounds) -> float:
    """Cut side scatter, whose populations are narrow, on a stretched scale."""
    values = tube.cells.of("SSC", among)
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
    above_lymphocytes = with_cd45 & above(cells, "SSC", low) & ~marks.lymphocytes
    at = _granulocyte_cut(tube, above_lymphocytes)
    granulocytes = above_lymphocytes & above(cells, "SSC", at)
    bright = above(cells, "CD45", marks.cd45 - book.number(RULE, "monocyte_cd45"))
    between = above_lymphocytes & ~granulocytes & bright
    foreign = lymphoid(tube)
    monocytes = between if foreign is None else between & ~foreign
    signs = [
        lymphocyte_sign(tube),
        steady_sign(tube, monocytes, above_lymphocytes, "SSC", at),
        steady_sign(tube, monocytes, bright & marks.intact, "SSC", low),
    ]
    if foreign is not None:
        signs.append(_foreign_sign(tube, between, foreign))
    yield Found(MONOCYTES, monocytes, weakest(*signs), CELLS)
    edge = steady_sign(tube, granulocytes, above_lymphocytes, "SSC", at)
    yield Found(GRANULOCYTES, granulocytes, weakest(lymphocyte_sign(tube), edge), CELLS)


def _granulocyte_cut(tube: RuleTube, among: Mask) -> float:
    """Cut side scatter below the mode of granulocytes; where there is none, at a usual place."""
    marks, book = tube.marks, tube.book
    usual = marks.ssc + book.number(RULE, "granulocyte_ssc")
    lowest = marks.ssc + book.number(RULE, "monocyte_ssc")
    highest = [mode for mode in modes(tube.cells.of("SSC", among), LEAST_MODE, FINE)]
    top = max([*highest, usual + REACH]) - BELOW_GRANULOCYTES
    return _scatter_valley(tube, among, Bounds(min(usual, top), lowest, top))


def _foreign_sign(tube: RuleTube, between: Mask, foreign: Mask) -> Sign:
    """Ask how many events in the place of monocytes are T or B cells."""
    share = float(foreign[between].mean()) if between.any() else 0.0
    most = tube.book.number(RULE, "most_lymphoid_monocytes")
    score = 1.0 if share <= most / 2 else max(0.0, 1 - share / (2 * most))
    return Sign(score, f"{100 * share:.0f} % of events in the place of monocytes are T or B cells")


def find_blasts(tube: RuleTube) -> Found:
    """Find blasts: the immature cells of the laboratory's rules.

    Parameters
    ----------
    tube : RuleTube
        Has CD45 and side scatter, or CD34, or CD117.

    Returns
    -------
    Found
        CD45-negative ones included. By dim CD45 alone they are never sure: basophils, plasma
        cells and erythroid cells lie there too.
    """
    book = tube.book
    shown = [marker for marker in ("CD34", "CD117") if tube.cells.has(marker)]
    key = ("blasts_none", "blasts_one", "blasts_cd34_cd117")[len(shown)]
    lacks = [marker for marker in ("CD34", "CD117") if marker not in shown]
    words = f"blasts by CD45 and SSC without {' and '.join(lacks)}" if lacks else ""
    sign = weakest(lymphocyte_sign(tube), Sign(book.number(RULE, key), words))
    return Found(BLASTS, precursors(tube).cells, sign, CELLS)
