"""Blasts of one tube, for their lineage: few normal cells among them matter more than all.

From all intact singlets, CD45-negative ones included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowml.gating.rules.apl import can_tell, look
from flowml.gating.rules.landmarks import above

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

RULE = "immature_cells"
B_LINEAGE = ("CD19", "CD10")
MYELOID = ("CD13", "CD33")
COMMITTED = (*B_LINEAGE, "CD7")  # with one of them, a CD45-negative cell is no erythroid one


class Precursors(NamedTuple):
    """Immature cells by what shows them.

    Parameters
    ----------
    cd34, cd117 : ndarray, shape (n_events,), bool
        CD34+; CD117+ but for erythroid precursors, where a myeloid marker tells them. Empty
        where they were not measured.
    dim : ndarray, shape (n_events,), bool
        CD45 dim with low side scatter, without CD34 and CD117; counted where they are a tenth
        of the intact cells, or a fifth with the others. Fewer are what every marrow has:
        hematogones, erythroid cells, young monocytes.
    promyelocytes : ndarray, shape (n_events,), bool
        Abnormal ones, where the APL alert has found them.
    b_precursors : ndarray, shape (n_events,), bool
        Those of the CD45-dim ones that have CD19 or CD10, normal or not.
    gate : str
        In words.
    """

    cd34: Mask
    cd117: Mask
    dim: Mask
    promyelocytes: Mask
    b_precursors: Mask
    gate: str

    @property
    def cells(self) -> Mask:
        """All of them."""
        return self.cd34 | self.cd117 | self.dim | self.promyelocytes


def precursors(tube: RuleTube) -> Precursors:
    """Gate immature cells.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    Precursors
        Granulocyte precursors, by their side scatter, are none but in APL.
    """
    low = _low_scatter(tube)
    cd34 = low & positive(tube, "CD34")
    cd117 = low & positive(tube, "CD117") & (cd34 | _not_erythroid(tube))
    dim = low & _dim_cd45(tube) & ~cd34 & ~positive(tube, "CD117")
    if not _expanded(tube, dim, cd34 | cd117):
        dim = tube.cells.nothing()
    promyelocytes = tube.cells.nothing()
    if can_tell(tube) and (found := look(tube)).arm:
        promyelocytes = found.suspects
    b_precursors = dim & any_positive(tube, B_LINEAGE)
    return Precursors(cd34, cd117, dim, promyelocytes, b_precursors, _gate(tube))


def positive(tube: RuleTube, marker: str) -> Mask:
    """Find the events with a marker, by the fixed level of the rule of immature cells.

    Parameters
    ----------
    tube : RuleTube
        Any.
    marker : str
        Canonical.

    Returns
    -------
    ndarray, shape (n_events,), bool
        None where the tube does not have it.
    """
    level = tube.book.number(RULE, f"level_{marker.lower()}")
    return above(tube.cells, marker, level, missing=False)


def any_positive(tube: RuleTube, markers: tuple[str, ...]) -> Mask:
    """Find the events with any of some markers.

    Parameters
    ----------
    tube : RuleTube
        Any.
    markers : tuple of str
        Canonical.

    Returns
    -------
    ndarray, shape (n_events,), bool
        None where the tube has none of them.
    """
    found = tube.cells.nothing()
    for marker in markers:
        found |= positive(tube, marker)
    return found


def _expanded(tube: RuleTube, dim: Mask, certain: Mask) -> bool:
    """Tell whether CD45-dim cells are a tenth alone, or a fifth with the others."""
    some, many = (tube.book.number(RULE, name) * tube.n_intact for name in ("some", "many"))
    return bool(dim.sum() >= some or (dim | certain).sum() >= many)


def _not_erythroid(tube: RuleTube) -> Mask:
    """Find the events that no erythroid precursor is; all where no marker tells."""
    if not any(map(tube.cells.has, MYELOID)):
        return ~tube.cells.nothing()
    return any_positive(tube, (*MYELOID, "CD7"))


def _low_scatter(tube: RuleTube) -> Mask:
    ssc = tube.marks.ssc + tube.book.number(RULE, "blast_ssc")
    return tube.marks.intact & ~above(tube.cells, "SSC", ssc, missing=False)


def _dim_cd45(tube: RuleTube) -> Mask:
    """Find CD45 below the lymphocytes; below it all, only cells with a lymphoid marker."""
    cells, marks, book = tube.cells, tube.marks, tube.book
    if not cells.has("CD45", "SSC"):
        return cells.nothing()
    dim = ~above(cells, "CD45", marks.cd45 - book.number(RULE, "dim_cd45"))
    negative = ~above(cells, "CD45", marks.cd45 - book.number(RULE, "negative_cd45"))
    basophils = above(cells, "CD11b", book.number("apl", "level_cd11b"), missing=False)
    basophils &= ~above(cells, "HLA-DR", book.number("apl", "level_hla_dr"))
    return dim & ~basophils & (~negative | any_positive(tube, COMMITTED))


def _gate(tube: RuleTube) -> str:
    words = [f"{marker}+" for marker in ("CD34", "CD117") if tube.cells.has(marker)]
    if tube.cells.has("CD45", "SSC"):
        words.append("CD45 dim")
    return f"intact singlets, low SSC, {' or '.join(words) or 'no marker of immaturity'}"
