"""Singlets, debris, intact cells and lymphocytes, by which all else is placed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.automatic.found import RULE, Found, Sign, ramp, steady_sign, weakest
from flowml.gating.automatic.names import CELLS, DEBRIS, LYMPHOCYTES, SINGLETS
from flowml.gating.populations import ALL_EVENTS
from flowml.gating.rules.cells import HEIGHT
from flowml.gating.rules.cuts import LEAST_EVENTS
from flowml.gating.rules.landmarks import USUAL_CD45, USUAL_FSC, USUAL_SSC, above
from flowml.gating.rules.populations import b_marker
from flowml.gating.rules.precursors import precursors

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

T_MARKERS = ("CD3", "cyCD3", "CD2", "CD5", "CD7")
QUARTILES = (0.25, 0.75)
NORMAL_IQR = 1.349  # interquartile range of a normal distribution in standard deviations


def find_reference(tube: RuleTube) -> Iterator[Found]:
    """Find singlets, debris, intact cells and lymphocytes.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Yields
    ------
    Found
        Singlets only where area and height were measured; debris and lymphocytes only where
        the tube has what shows them.
    """
    marks, cells = tube.marks, tube.cells
    parent = ALL_EVENTS
    if cells.has("FSC", HEIGHT):
        parent = SINGLETS
        yield Found(SINGLETS, marks.singlets, _singlet_sign(tube))
    debris = cells.whole() & ~above(cells, "FSC", debris_level(tube))
    if cells.has("FSC"):
        yield Found(DEBRIS, debris, _size_sign(tube, debris))
    of_cells = weakest(_size_sign(tube, marks.intact), _bare_sign(tube))
    yield Found(CELLS, marks.intact, of_cells, parent)
    if cells.has("CD45") or cells.has("SSC"):
        yield Found(LYMPHOCYTES, marks.lymphocytes, lymphocyte_sign(tube), CELLS)


def debris_level(tube: RuleTube) -> float:
    """Return the forward scatter below which events are debris.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    float
        A level.
    """
    return tube.marks.fsc - tube.book.number("gates", "debris_fsc")


def _singlet_sign(tube: RuleTube) -> Sign:
    """Ask how many standard deviations of the ratio lie between most events and the cut."""
    cells, book = tube.cells, tube.book
    whole = cells.whole()
    if whole.sum() < book.number("gates", "least_reference"):
        return Sign(0.0, "too few events to look at FSC-A against FSC-H")
    low, high = np.quantile(cells.of(HEIGHT, whole) - cells.of("FSC", whole), QUARTILES)
    width = max(float(high - low), 1e-6) / NORMAL_IQR  # a ratio without any spread is one point
    widths = book.number("gates", "singlet_change") / width
    score = ramp(widths, 0.0, 2 * book.number(RULE, "singlet_widths"))
    return Sign(score, "FSC-A against FSC-H is too broad to tell doublets")


def _size_sign(tube: RuleTube, found: Mask) -> Sign:
    """Ask how much hangs on the cut of FSC, and whether lymphocytes are of usual size."""
    marks = tube.marks
    if not tube.cells.has("FSC"):
        return Sign(0.0, "no FSC: debris cannot be told from cells")
    if marks.singlets.sum() < LEAST_EVENTS:
        return Sign(0.0, "too few events to look at FSC")
    sizes = tube.cells.of("FSC", marks.singlets)
    return weakest(
        steady_sign(tube, found, sizes, debris_level(tube), "FSC"),
        _usual(tube, "FSC", marks.fsc, USUAL_FSC, "usual_distance"),
    )


def _bare_sign(tube: RuleTube) -> Sign:
    """Ask how many cells show neither CD45 nor a marker of blasts: large debris looks so."""
    cells, marks, book = tube.cells, tube.marks, tube.book
    if not (cells.has("CD45") and tube.n_intact):
        return Sign(1.0, "")
    level = marks.cd45 - book.number("immature_cells", "negative_cd45")
    bare = marks.intact & ~above(cells, "CD45", level) & ~precursors(tube).cells
    share = int(bare.sum()) / tube.n_intact
    score = ramp(share, 2 * book.number(RULE, "most_bare"), 0.0)
    return Sign(score, f"{100 * share:.0f} % of them have no CD45 and no marker of blasts")


def _usual(tube: RuleTube, marker: str, level: float, usual: float, limit: str) -> Sign:
    """Ask whether the lymphocytes stand about where they do on most instruments."""
    score = ramp(abs(level - usual), 2 * tube.book.number(RULE, limit), 0.0)
    return Sign(score, f"{marker} of the supposed lymphocytes is far from usual")


def lymphocyte_sign(tube: RuleTube) -> Sign:
    """Tell how sure the lymphocytes are, and with them all that is placed by them.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    Sign
        The weakest of: CD45 and scatter measured; enough of them; their usual place; cuts
        on which little hangs; markers of lymphocytes on them.
    """
    return tube.once("lymphocyte sign", lambda: _lymphocyte_sign(tube))


def _lymphocyte_sign(tube: RuleTube) -> Sign:
    cells, marks = tube.cells, tube.marks
    lacking = cells.lacks("CD45", "SSC")
    if lacking:
        return Sign(0.0, f"{', '.join(lacking)} not measured")
    few = _enough(tube)
    if few.score == 0:
        return few
    return weakest(
        few,
        _usual(tube, "CD45", marks.cd45, USUAL_CD45, "usual_cd45_distance"),
        _usual(tube, "FSC", marks.fsc, USUAL_FSC, "usual_distance"),
        _usual(tube, "SSC", marks.ssc, USUAL_SSC, "usual_distance"),
        *_apart(tube),
        _lymphoid(tube),
    )


def _enough(tube: RuleTube) -> Sign:
    """Ask for a number of lymphocytes, and for a share: the brightest 1 % are their seeds."""
    count, book = int(tube.marks.lymphocytes.sum()), tube.book
    number = ramp(count, 0.0, 2 * book.number("gates", "least_reference"))
    share = ramp(count / max(tube.n_intact, 1), 0.0, 2 * book.number(RULE, "least_lymphocytes"))
    return Sign(min(number, share), f"{count} lymphocytes only")


def _apart(tube: RuleTube) -> Iterator[Sign]:
    """Ask how much hangs on the cuts of side scatter and of CD45."""
    cells, marks, book = tube.cells, tube.marks, tube.book
    cd45 = marks.cd45 - book.number("gates", "lymphocyte_cd45")
    ssc = marks.ssc + book.number("gates", "lymphocyte_ssc")
    bright = marks.intact & above(cells, "CD45", cd45)
    low = marks.intact & ~above(cells, "SSC", ssc)
    yield steady_sign(tube, marks.lymphocytes, cells.of("SSC", bright), ssc, "SSC")
    yield steady_sign(tube, marks.lymphocytes, cells.of("CD45", low), cd45, "CD45")


def _lymphoid(tube: RuleTube) -> Sign:
    """Ask whether the supposed lymphocytes have markers of T or B cells."""
    found = lymphoid(tube)
    if found is None:
        return Sign(1.0, "")
    share = float(found[tube.marks.lymphocytes].mean())
    score = ramp(share, 0.0, 2 * tube.book.number(RULE, "least_lymphoid"))
    return Sign(score, f"{100 * share:.0f} % of the supposed lymphocytes have T or B markers")


def lymphoid(tube: RuleTube) -> Mask | None:
    """Find events with a marker of T or of B cells.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    ndarray, shape (n_events,), bool or None
        By the fixed levels; None where one of the two lineages has no marker.
    """
    cells, book = tube.cells, tube.book
    t_marker = next((marker for marker in T_MARKERS if marker in cells.levels), "")
    if not (t_marker and (marker := b_marker(tube))):
        return None
    key = cells.shared(marker)
    has_t = above(cells, t_marker, book.cut(t_marker).at)
    return has_t | above(cells, key, book.cut(marker).at)
