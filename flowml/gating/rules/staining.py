"""B cells of one tube with their light chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.gating.rules.chains import KAPPA, LAMBDA, NEITHER, Chains, background, light_chains
from flowml.gating.rules.populations import (
    b_cells,
    b_marker,
    b_precursors,
    bystanders,
    plasma_cells,
)

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Levels, Mask
    from flowml.gating.rules.tube import RuleTube

RULE = "light_chains"
NOT_COMPARED = {"CD3", "FSC-H"}
CHAINS = {"kappa": KAPPA, "lambda": LAMBDA}


class Stained(NamedTuple):
    """B cells of one tube with their light chains.

    Parameters
    ----------
    tube : RuleTube
        The tube.
    cells : ndarray, shape (n_events,), bool
        The B cells, without those that need not have a light chain.
    chains : ndarray, shape (n_cells,), int8
        Of each of them.
    gate : str
        In words.
    bare : ndarray, shape (n_events,), bool
        B precursors that were left out, as they have no light chain yet.
    """

    tube: RuleTube
    cells: Mask
    chains: Chains
    gate: str
    bare: Mask


def has_light_chains(tube: RuleTube) -> bool:
    """Tell whether a tube shows kappa, lambda and B cells.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    bool
        Markers in shared channels count.
    """
    return bool(tube.cells.shared("kappa") and tube.cells.shared("lambda") and b_marker(tube))


def stain(tube: RuleTube) -> Stained:
    """Tell the light chain of each B cell of a tube.

    Parameters
    ----------
    tube : RuleTube
        `has_light_chains`.

    Returns
    -------
    Stained
        Without plasma cells, and without B precursors that have no light chain yet.
    """
    population = b_cells(tube)
    others = bystanders(tube, population.cells)
    kept = population.cells & ~plasma_cells(tube)
    chains = _chains(tube, kept, others)
    early = b_precursors(tube, others)[kept] & (chains == NEITHER)
    bare = tube.cells.nothing()
    bare[np.flatnonzero(kept)[early]] = True
    gate = f"{population.gate}, without plasma cells and B precursors"
    return Stained(tube, kept & ~bare, chains[~early], gate, bare)


def _chains(tube: RuleTube, b_lineage: Mask, normal: Mask) -> Chains:
    cells = tube.cells
    keys = cells.shared("kappa"), cells.shared("lambda")
    kappa, lambda_ = (cells.of(key, b_lineage) for key in keys)
    levels_off = background(cells.of(keys[0], normal)), background(cells.of(keys[1], normal))
    return light_chains(kappa, lambda_, levels_off, tube.book.number(RULE, "least_expression"))


def stained_once(tube: RuleTube) -> Stained:
    """Do what `stain` does, once for each tube.

    Parameters
    ----------
    tube : RuleTube
        `has_light_chains`.

    Returns
    -------
    Stained
        The same each time.
    """
    return tube.once("stained", lambda: stain(tube))


def compared(stained: Stained, among: Mask | None = None) -> dict[str, Levels]:
    """Return what B cells can be told apart by, but for their light chains.

    Parameters
    ----------
    stained : Stained
        B cells with their light chains.
    among : ndarray, shape (n_events,), bool, optional
        Which events; its B cells if not given.

    Returns
    -------
    dict of str to ndarray, shape (n_cells,), float32
        By marker; size and side scatter too.
    """
    return {
        key: values[stained.cells if among is None else among]
        for key, values in stained.tube.cells.levels.items()
        if key not in NOT_COMPARED and not CHAINS.keys() & set(key.split("+"))
    }
