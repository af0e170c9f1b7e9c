"""B cells, T cells and cells that are neither, as the rules need them.

A channel that holds two markers (``CD4+CD20``) stands for the one that the population can
have; what cells are is settled before by markers that exclude each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.rules.cuts import Cut, clearness, valley
from flowml.gating.rules.landmarks import above

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

B_MARKERS = ("CD19", "CD20", "CD22")  # the first that was measured finds B cells
SECOND_B_MARKERS = ("CD20", "CD22", "CD79b", "cyCD79a")


@dataclass(frozen=True, eq=False)
class Population:
    """Cells of one kind, and how they were gated.

    Parameters
    ----------
    cells : ndarray, shape (n_events,), bool
        Which events.
    gate : str
        In words, with the cuts.
    clear : float
        How empty the place of the cut is, as `flowml.gating.rules.cuts.clearness` tells it.
    """

    cells: Mask
    gate: str
    clear: float

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.cells.sum())


def b_marker(tube: RuleTube) -> str:
    """Name the marker that finds the B cells of a tube.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    str
        One of `B_MARKERS`, alone or in a shared channel; empty where there is none.
    """
    return next((name for name in B_MARKERS if tube.cells.shared(name)), "")


def b_cells(tube: RuleTube) -> Population:
    """Gate the B cells of a tube, whatever their CD45.

    Parameters
    ----------
    tube : RuleTube
        Has a `b_marker`.

    Returns
    -------
    Population
        Without T cells, where CD3 was measured, and without events of high side scatter.
    """
    cells, marks, book = tube.cells, tube.marks, tube.book
    marker = b_marker(tube)
    candidates = marks.intact & _not_too_granular(tube, marker)
    gate = f"{marker}+"
    if cells.has("CD3"):
        candidates &= ~above(cells, "CD3", t_cut(tube).at)
        gate += " CD3-"
    key = cells.shared(marker)
    values = cells.of(key, candidates & marks.lymphocytes)
    level = valley(values, book.cut(marker)).at
    found = candidates & above(cells, key, level)
    words = f"intact singlets, low SSC, {gate} ({marker} from {level:.2f})"
    return Population(found, words, clearness(values, level))


def _not_too_granular(tube: RuleTube, marker: str) -> Mask:
    """Find events of low SSC, and of the next higher SSC those with a second B-cell marker.

    Large and hairy B cells lie where monocytes do, which bind some of every antibody.
    """
    cells, book, ssc = tube.cells, tube.book, tube.marks.ssc
    low = ~above(cells, "SSC", ssc + book.number("gates", "b_cell_ssc"), missing=False)
    middle = ~above(cells, "SSC", ssc + book.number("gates", "large_b_cell_ssc"), missing=False)
    second = cells.nothing()
    for other in SECOND_B_MARKERS:
        key = cells.shared(other)
        if key and other != marker:
            second |= above(cells, key, book.cut(other).high)
    return low | (middle & second)


def t_cut(tube: RuleTube) -> Cut:
    """Cut CD3 among the lymphocytes.

    Parameters
    ----------
    tube : RuleTube
        Has CD3.

    Returns
    -------
    Cut
        Between the modes, if there are two.
    """
    return valley(tube.cells.of("CD3", tube.marks.lymphocytes), tube.book.cut("CD3"))


def t_cells(tube: RuleTube) -> Population:
    """Gate the T cells of a tube by surface CD3.

    Parameters
    ----------
    tube : RuleTube
        Has CD3.

    Returns
    -------
    Population
        Lymphocytes with CD3.
    """
    cut = t_cut(tube)
    found = tube.marks.lymphocytes & above(tube.cells, "CD3", cut.at)
    clear = clearness(tube.cells.of("CD3", tube.marks.lymphocytes), cut.at)
    return Population(found, f"CD45 bright, low SSC, CD3+ (from {cut.at:.2f})", clear)


def bystanders(tube: RuleTube, b_lineage: Mask) -> Mask:
    """Find normal lymphocytes that have no B-cell marker: T cells, if they can be told.

    Parameters
    ----------
    tube : RuleTube
        Any.
    b_lineage : ndarray, shape (n_events,), bool
        Its B cells.

    Returns
    -------
    ndarray, shape (n_events,), bool
        T cells by CD3, else by CD5 without a B-cell marker, else all lymphocytes but B cells.
    """
    cells = tube.cells
    others = tube.marks.lymphocytes & ~b_lineage
    if cells.has("CD3"):
        return others & above(cells, "CD3", t_cut(tube).at)
    if cells.has("CD5"):
        cut = valley(cells.of("CD5", others), tube.book.cut("CD5")).at
        return others & above(cells, "CD5", cut)
    return others


def plasma_cells(tube: RuleTube) -> Mask:
    """Find plasma cells, which need not have a surface light chain.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    ndarray, shape (n_events,), bool
        Bright CD38 without CD20 (CD22, where CD20 was not measured), or CD138+; very bright
        CD38 where neither was measured.
    """
    cells, book = tube.cells, tube.book
    bright, very_bright = (
        book.number("gates", f"{name}_cd38") for name in ("bright", "plasma")
    )
    lost = next((marker for marker in ("CD20", "CD22") if cells.shared(marker)), "")
    found = above(cells, "CD38", bright if lost else very_bright, missing=False)
    if lost:
        found &= ~above(cells, cells.shared(lost), book.cut(lost).at)
    return found | above(cells, "CD138", book.cut("CD138").at, missing=False)


def b_precursors(tube: RuleTube, others: Mask) -> Mask:
    """Find cells that do not have a light chain yet.

    Parameters
    ----------
    tube : RuleTube
        Any.
    others : ndarray, shape (n_events,), bool
        As `bystanders` finds them: how bright the CD38 of precursors is depends on the
        fluorochrome, and they tell.

    Returns
    -------
    ndarray, shape (n_events,), bool
        CD34+ or TdT+; dim CD45 with CD10 or brighter CD38. Empty where none was measured.
    """
    cells, book = tube.cells, tube.book
    found = cells.nothing()
    for marker in ("CD34", "TdT"):
        found |= above(cells, marker, book.cut(marker).at, missing=False)
    if not cells.has("CD45"):
        return found
    early = above(cells, "CD10", book.cut("CD10").at, missing=False)
    if cells.has("CD38"):
        bright = book.number("gates", "precursor_cd38")
        if others.sum() >= book.number("gates", "least_reference"):
            rise = book.number("gates", "precursor_cd38_rise")
            bright = float(np.median(cells.of("CD38", others))) + rise
        early |= above(cells, "CD38", bright)
    dim = tube.marks.cd45 - book.number("gates", "precursor_cd45")
    return found | (early & ~above(cells, "CD45", dim))
