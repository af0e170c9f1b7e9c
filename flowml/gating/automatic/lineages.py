"""B cells with their light chains, T cells with CD4 and CD8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.automatic.found import RULE, Found, Sign, clear_sign, ramp, weakest
from flowml.gating.automatic.names import (
    B_CELLS,
    CD4_T_CELLS,
    CD8_T_CELLS,
    CELLS,
    KAPPA_B_CELLS,
    LAMBDA_B_CELLS,
    LYMPHOCYTES,
    T_CELLS,
)
from flowml.gating.automatic.reference import lymphocyte_sign
from flowml.gating.rules.chains import KAPPA, LAMBDA, NEITHER, parting
from flowml.gating.rules.cuts import clearness
from flowml.gating.rules.populations import b_cells, b_marker, t_cells
from flowml.gating.rules.staining import has_light_chains, stained_once
from flowml.gating.rules.t_cells import only, subset_cut

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.populations import Population
    from flowml.gating.rules.staining import Stained
    from flowml.gating.rules.tube import RuleTube


def find_b_cells(tube: RuleTube) -> Iterator[Found]:
    """Find B cells, and those with kappa and with lambda.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Yields
    ------
    Found
        None without a marker of B cells; light chains only where both were measured.
    """
    if not b_marker(tube):
        return
    found = b_cells(tube)
    sign = weakest(lymphocyte_sign(tube), clear_sign(found.clear, b_marker(tube)))
    yield Found(B_CELLS, found.cells, sign, CELLS)
    if has_light_chains(tube):
        stained = stained_once(tube)
        of_chains = _chain_sign(tube, stained)
        for name, chain in ((KAPPA_B_CELLS, KAPPA), (LAMBDA_B_CELLS, LAMBDA)):
            cells = stained.cells.copy()
            cells[stained.cells] = stained.chains == chain
            yield Found(name, cells, of_chains, B_CELLS)


def _chain_sign(tube: RuleTube, stained: Stained) -> Sign:
    """Ask for a number of B cells, for light chains on them, and for a valley between."""
    cells, book = tube.cells, tube.book
    total = len(stained.chains)
    few = Sign(ramp(total, 0.0, 2 * book.number(RULE, "least_events")), f"{total} B cells only")
    if not total:
        return few
    kappa, lambda_ = (
        cells.of(cells.shared(name), stained.cells) for name in ("kappa", "lambda")
    )
    clear = parting(kappa, lambda_, stained.chains)
    share = float((stained.chains == NEITHER).mean())
    half = book.number(RULE, "half_stained")
    bare = Sign(
        ramp(share, min(2 * half, 1.0), 0.0),
        f"{100 * share:.0f} % of B cells without either light chain",
    )
    return weakest(few, bare, clear_sign(clear, "kappa to lambda"))


def find_t_cells(tube: RuleTube) -> Iterator[Found]:
    """Find T cells, and those with CD4 and with CD8.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Yields
    ------
    Found
        None without surface CD3; subsets only where both markers were measured.
    """
    if not tube.cells.has("CD3"):
        return
    found = t_cells(tube)
    sign = weakest(lymphocyte_sign(tube), clear_sign(found.clear, "CD3"))
    gated = tube.cells.has("CD45") or tube.cells.has("SSC")
    yield Found(T_CELLS, found.cells, sign, LYMPHOCYTES if gated else CELLS)
    if tube.cells.shared("CD4") and tube.cells.shared("CD8"):
        helper = only(tube, found.cells, "CD4", "CD8")
        killer = only(tube, found.cells, "CD8", "CD4")
        of_subsets = _subset_sign(tube, found, helper | killer)
        yield Found(CD4_T_CELLS, helper, of_subsets, T_CELLS)
        yield Found(CD8_T_CELLS, killer, of_subsets, T_CELLS)


def _subset_sign(tube: RuleTube, found: Population, one: Mask) -> Sign:
    """Ask for a number of T cells, for valleys, and that most have one of CD4 and CD8."""
    cells, book, total = tube.cells, tube.book, found.n_events
    few = Sign(ramp(total, 0.0, 2 * book.number(RULE, "least_events")), f"{total} T cells only")
    if not total:
        return few
    cuts = [
        clear_sign(
            clearness(
                cells.of(cells.shared(marker), found.cells),
                subset_cut(tube, found.cells, marker),
            ),
            marker,
        )
        for marker in ("CD4", "CD8")
    ]
    share = 1 - int(np.count_nonzero(one)) / total
    unlike = Sign(
        ramp(share, 2 * book.number(RULE, "most_unlike_t"), 0.0),
        f"{100 * share:.0f} % of T cells with both or neither of CD4 and CD8",
    )
    return weakest(few, unlike, *cuts)
