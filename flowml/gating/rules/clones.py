"""Parts of the B cells that have one light chain only, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.gating.rules.chains import KAPPA, LAMBDA, Counts, aligned, count
from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.regions import features, nearest, one_sided, spread
from flowml.gating.rules.staining import CHAINS, RULE, Stained, compared

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Levels, Mask
    from flowml.knowledge.rules import Rulebook

WITHOUT = "neither"  # light chain: a reason of `Clone`
TELLING = 0.25  # decades by which a subset differs from the other B cells
APART = 0.5  # decades by which a second clone differs from the other cells of its chain
LARGE_PART = 0.15  # of the cells of its chain, for a clone that aligning would hide
MOST_BARE = 0.7  # of the neighbours are B precursors without a chain: its chain is noise
AROUND, MOST_ASKED = 15, 200  # neighbours, of so many cells of a part
MOST_OTHER = 0.1  # of the other chain's cells have one-sided neighbours, beside a clone


class Clone(NamedTuple):
    """A restricted part of the B cells.

    Parameters
    ----------
    stained : Stained
        The B cells.
    part : ndarray, shape (n_cells,), bool
        Which of them.
    counts : Counts
        Their chains.
    reason : str
        ``kappa``, ``lambda`` or ``neither``.
    confidence : float
        At which its share was judged.
    """

    stained: Stained
    part: Mask
    counts: Counts
    reason: str
    confidence: float

    @property
    def is_all(self) -> bool:
        """Whether all B cells are meant."""
        return bool(self.part.all())


def clones_once(stained: Stained) -> list[Clone]:
    """Do what `find_clones` does, once for each tube.

    Parameters
    ----------
    stained : Stained
        Of `stained_once`.

    Returns
    -------
    list of Clone
        The same each time.
    """
    return stained.tube.once("clones", lambda: find_clones(stained))


def find_clones(stained: Stained) -> list[Clone]:
    """Find every part of the B cells that has one light chain only, or none.

    Parameters
    ----------
    stained : Stained
        B cells with their light chains.

    Returns
    -------
    list of Clone
        All B cells alone, if they qualify; else at most one subset for each chain and one
        without, those with a chain first, the larger first.
    """
    book, chains = stained.tube.book, stained.chains
    if len(chains) < book.number(RULE, "least_events"):
        return []
    everything = np.ones(len(chains), dtype=bool)
    if clone := _judged(stained, everything, book.number(RULE, "confidence")):
        return [clone]
    confidence = book.number(RULE, "search_confidence")
    parts = one_sided(features(list(aligned_levels(stained).values())), chains)
    judged = [_judged(stained, part, confidence) for part in parts.values()]
    found = {clone.reason: clone for clone in judged if clone}
    for clone in _unaligned(stained, confidence):
        beside = found.get(clone.reason)
        if beside is None or beside.counts.total < clone.counts.total:
            found[clone.reason] = clone
    told = [clone for clone in found.values() if not among_precursors(stained, clone.part)]
    return sorted(told, key=lambda c: (c.reason == WITHOUT, -c.counts.total))


def among_precursors(stained: Stained, part: Mask) -> bool:
    """Tell whether a part of the B cells lies among precursors that have no light chain yet.

    Those were left out. Of thousands of them noise gives some a chain, mostly the same one:
    these are left, alone. A lymphoma that looks early too has few such cells around it.

    Parameters
    ----------
    stained : Stained
        B cells with their light chains.
    part : ndarray, shape (n_cells,), bool
        Some of them, at least one.

    Returns
    -------
    bool
        Whether most cells around most of its cells were left out.
    """
    every = stained.cells | stained.bare
    if stained.bare.sum() <= AROUND:
        return False
    places = features(list(compared(stained, every).values()))
    own = np.flatnonzero(np.isin(np.flatnonzero(every), np.flatnonzero(stained.cells)[part]))
    asked = own[spread(len(own), MOST_ASKED)]
    around = stained.bare[every][nearest(places, places[asked], AROUND)]
    return bool(np.median(around.mean(axis=1)) >= MOST_BARE)


def _unaligned(stained: Stained, confidence: float) -> list[Clone]:
    """Search on levels as they are for a clone that is a large part of its chain.

    To align the chains moves such a clone onto the other chain's normal cells, and the normal
    cells of its own chain away from their like. Without it a light chain that spills sets all
    cells of both chains apart: so the other chain must have hardly any one-sided neighbours,
    and the clone must differ from the rest of its own.
    """
    chains = stained.chains
    parts = one_sided(features(list(compared(stained).values())), chains)
    found = []
    for own, other in ((KAPPA, LAMBDA), (LAMBDA, KAPPA)):
        if not parts or not (chains == other).any():
            continue
        clone = _judged(stained, parts[own], confidence)
        one_sided_of = {chain: parts[chain][chains == chain] for chain in (own, other)}
        large = one_sided_of[own].any() and one_sided_of[own].mean() >= LARGE_PART
        alike = one_sided_of[other].mean() > MOST_OTHER
        if clone and clone.reason in CHAINS and large and not alike and stands_apart(clone):
            found.append(clone)
    return found


def _judged(stained: Stained, part: Mask, confidence: float) -> Clone | None:
    counts = count(stained.chains[part])
    reason = _restriction(counts, confidence, stained.tube.book)
    return Clone(stained, part, counts, reason, confidence) if reason else None


def _restriction(counts: Counts, confidence: float, book: Rulebook) -> str:
    """Say which chain stands alone; an empty text if none does for sure."""
    if counts.total < book.number(RULE, "least_events"):
        return ""
    if counts.expressing >= book.number(RULE, "least_expressing"):
        _, low, high = counts.ratios(confidence)
        if low > book.number(RULE, "ratio_high"):
            return "kappa"
        if high < book.number(RULE, "ratio_low"):
            return "lambda"
    without = share_interval(counts.neither, counts.total, confidence)[0]
    return WITHOUT if without > book.number(RULE, "neither") else ""


def aligned_levels(stained: Stained) -> dict[str, Levels]:
    """Return what B cells can be told apart by, the chains put on the same place.

    Parameters
    ----------
    stained : Stained
        B cells with their light chains.

    Returns
    -------
    dict of str to ndarray, shape (n_cells,), float32
        By marker, as `flowml.gating.rules.chains.aligned` moves them.
    """
    return {key: aligned(values, stained.chains) for key, values in compared(stained).items()}


def differences(stained: Stained, part: Mask) -> dict[str, float]:
    """Tell by which markers a part of the B cells differs from the others.

    Parameters
    ----------
    stained : Stained
        B cells with their light chains.
    part : ndarray, shape (n_cells,), bool
        Some of them, not all.

    Returns
    -------
    dict of str to float
        By marker, decades between the medians, chains aligned; those of a quarter and more.
    """
    shifts = {
        key: float(np.median(values[part]) - np.median(values[~part]))
        for key, values in aligned_levels(stained).items()
    }
    return {key: shift for key, shift in shifts.items() if abs(shift) >= TELLING}


def stands_apart(clone: Clone) -> bool:
    """Tell whether a subset differs from the other cells of its chain, on levels as they are.

    Where one clone is about half of its chain, to align the chains moves normal cells away from
    their like: they have one-sided neighbours then, and are no second clone.

    Parameters
    ----------
    clone : Clone
        Of one chain.

    Returns
    -------
    bool
        Whether some marker differs by half a decade, or the chain has no other cells.
    """
    stained = clone.stained
    chain = stained.chains == CHAINS[clone.reason]
    own, rest = clone.part & chain, ~clone.part & chain
    if not rest.any():
        return True
    return any(
        abs(np.median(levels[own]) - np.median(levels[rest])) >= APART
        for levels in compared(stained).values()
    )
