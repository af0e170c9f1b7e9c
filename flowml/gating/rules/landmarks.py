"""The sample's own reference cells: intact singlets, lymphocytes, granulocytes.

Every other gate is placed by them. Cells are gated once, without a chain of gates that hang on
one another: an error in one would spoil all that follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.rules.cells import HEIGHT
from flowml.gating.rules.cuts import modes, valley

if TYPE_CHECKING:
    from flowml.gating.rules.cells import Cells
    from flowml.gating.rules.cuts import Levels, Mask
    from flowml.knowledge.rules import Rulebook

TOP = 0.99  # quantile of CD45: lymphocytes are the brightest cells, and seldom fewer than 1 %
BRIGHT = 0.15  # decades below it
FIRST_MODE = 0.08  # of the bright events: the mode with the least side scatter
FINE = 0.05  # smoothing of scatter, whose populations are narrow
NEAR = 0.15  # decades of side scatter to either side of its mode
SPREAD = 0.35  # decades below the brightest within which lymphocytes lie
USUAL_CD45, USUAL_FSC, USUAL_SSC = 3.7, 4.70, 4.40  # where the sample does not tell


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Reference cells of one tube.

    Parameters
    ----------
    intact : ndarray, shape (n_events,), bool
        Intact singlets, CD45-negative ones included.
    lymphocytes : ndarray, shape (n_events,), bool
        Intact singlets with bright CD45 and low side scatter.
    singlets : ndarray, shape (n_events,), bool
        Events with a value on every channel, without doublets where these can be told.
    cd45, fsc, ssc : float
        Levels of the lymphocytes; `cd45` is NaN where it was not measured.
    """

    intact: Mask
    lymphocytes: Mask
    singlets: Mask
    cd45: float
    fsc: float
    ssc: float


def find_landmarks(cells: Cells, book: Rulebook) -> Landmarks:
    """Find the reference cells of a tube.

    Parameters
    ----------
    cells : Cells
        One tube.
    book : Rulebook
        Widths of the gates.

    Returns
    -------
    Landmarks
        By usual levels where CD45 or scatter were not measured.
    """
    singlets = _singlets(cells, book)
    seeds = _seeds(cells, singlets)
    fsc = _median(cells, "FSC", seeds, USUAL_FSC)
    ssc = _median(cells, "SSC", seeds, USUAL_SSC)
    intact = singlets & above(cells, "FSC", fsc - book.number("gates", "debris_fsc"))
    cd45 = _cd45(cells, seeds & intact, book)
    bright = above(cells, "CD45", cd45 - book.number("gates", "lymphocyte_cd45"))
    small = ~above(cells, "SSC", ssc + book.number("gates", "lymphocyte_ssc"), missing=False)
    return Landmarks(intact, intact & bright & small, singlets, cd45, fsc, ssc)


def above(cells: Cells, marker: str, level: float, *, missing: bool = True) -> Mask:
    """Find the events at or above a level of a marker.

    Parameters
    ----------
    cells : Cells
        One tube.
    marker : str
        A key of its levels.
    level : float
        The cut.
    missing : bool
        What is said of every event where the tube does not have the marker.

    Returns
    -------
    ndarray, shape (n_events,), bool
        True at or above.
    """
    if marker not in cells.levels:
        return np.full(cells.n_events, missing)
    with np.errstate(invalid="ignore"):
        return np.asarray(cells.levels[marker] >= level)


def _seeds(cells: Cells, singlets: Mask) -> Mask:
    """Find some lymphocytes: the brightest CD45, and the first mode of side scatter there."""
    if not cells.has("CD45") or not singlets.any():
        return cells.nothing()
    cd45 = cells.levels["CD45"]
    top = np.nanquantile(cd45[singlets], TOP)
    if not cells.has("SSC"):
        return np.asarray(singlets & (cd45 >= top - SPREAD))
    ssc = cells.levels["SSC"]
    firsts = modes(ssc[singlets & (cd45 >= top - BRIGHT)], FIRST_MODE, FINE)
    middle = firsts[0] if firsts else USUAL_SSC
    return np.asarray(singlets & (cd45 >= top - SPREAD) & (np.abs(ssc - middle) < NEAR))


def _median(cells: Cells, marker: str, among: Mask, usual: float) -> float:
    values: Levels = cells.of(marker, among) if cells.has(marker) else np.empty(0, np.float32)
    return float(np.nanmedian(values)) if len(values) else usual


def _singlets(cells: Cells, book: Rulebook) -> Mask:
    """Find the events whose ratio of height to area is not below that of most events."""
    whole = cells.whole()
    if not cells.has("FSC", HEIGHT) or not whole.any():
        return whole
    ratio = cells.levels[HEIGHT] - cells.levels["FSC"]
    usual = float(np.median(ratio[whole]))
    return np.asarray(whole & (ratio >= usual - book.number("gates", "singlet_change")))


def _cd45(cells: Cells, seeds: Mask, book: Rulebook) -> float:
    """Return the CD45 of T cells, or the brightest mode of the lymphocytes."""
    if not cells.has("CD45"):
        return float("nan")
    if cells.has("CD3") and seeds.any():
        cut = valley(cells.of("CD3", seeds), book.cut("CD3")).at
        t_cells = seeds & above(cells, "CD3", cut)
        if t_cells.sum() >= book.number("gates", "least_reference"):
            return _median(cells, "CD45", t_cells, USUAL_CD45)
    values = cells.of("CD45", seeds)
    found = modes(values, FIRST_MODE, FINE)
    if found:
        return found[-1]
    return float(np.quantile(values, 0.6)) if len(values) else USUAL_CD45
