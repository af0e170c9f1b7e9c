"""Rule: one light chain stands alone, among all B cells or in a part of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.gating.rules.chains import (
    KAPPA,
    LAMBDA,
    NEITHER,
    Chains,
    Counts,
    aligned,
    background,
    count,
    light_chains,
)
from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.populations import (
    b_cells,
    b_marker,
    b_precursors,
    bystanders,
    plasma_cells,
)
from flowml.gating.rules.regions import features, one_sided

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Levels, Mask
    from flowml.gating.rules.tube import RuleTube
    from flowml.knowledge.rules import Rulebook

RULE = "light_chains"
NEEDED = ("kappa", "lambda", "CD19")
WITHOUT = "neither"  # light chain: a reason of `Clone`
NOT_COMPARED = {"CD3", "FSC-H"}
CHAINS = {"kappa": KAPPA, "lambda": LAMBDA}
TELLING = 0.25  # decades by which a subset differs from the other B cells
APART = 0.5  # decades by which a second clone differs from the other cells of its chain


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
    """

    tube: RuleTube
    cells: Mask
    chains: Chains
    gate: str


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


def light_chain_finding(tubes: Sequence[RuleTube]) -> RuleFinding:
    """Look for B cells with one light chain only.

    Parameters
    ----------
    tubes : sequence of RuleTube
        All tubes of a case.

    Returns
    -------
    RuleFinding
        About the tube with a restricted subset, or with most B cells.
    """
    stained = [stained_once(tube) for tube in tubes if has_light_chains(tube)]
    if not stained:
        missing = _missing(tubes)
        return RuleFinding(
            RULE, NOT_ASSESSABLE, urgent=False, missing=missing,
            summary=f"Light chains not assessable: no tube has {', '.join(missing)} together.",
        )  # fmt: skip
    clones = [found for item in stained if (found := clones_once(item))]
    if clones:
        return _present(max(clones, key=lambda found: found[0].counts.total))
    return _absent(max(stained, key=lambda item: len(item.chains)))


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
    kept[np.flatnonzero(kept)[early]] = False
    gate = f"{population.gate}, without plasma cells and B precursors"
    return Stained(tube, kept, chains[~early], gate)


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
    if "stained" not in tube.kept:
        tube.kept["stained"] = stain(tube)
    found: Stained = tube.kept["stained"]
    return found


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
    kept = stained.tube.kept
    if "clones" not in kept:
        kept["clones"] = find_clones(stained)
    found: list[Clone] = kept["clones"]
    return found


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
    parts = one_sided(features(list(_levels(stained).values())), chains)
    judged = [_judged(stained, part, confidence) for part in parts.values()]
    found = [clone for clone in judged if clone]
    return sorted(found, key=lambda c: (c.reason == WITHOUT, -c.counts.total))


def _judged(stained: Stained, part: Mask, confidence: float) -> Clone | None:
    counts = count(stained.chains[part])
    reason = _restriction(counts, confidence, stained.tube.book)
    return Clone(stained, part, counts, reason, confidence) if reason else None


def _levels(stained: Stained) -> dict[str, Levels]:
    """Return what B cells can be told apart by, but for their light chains."""
    return {
        key: aligned(values[stained.cells], stained.chains)
        for key, values in _compared(stained).items()
    }


def _compared(stained: Stained) -> dict[str, Levels]:
    return {
        key: values
        for key, values in stained.tube.cells.levels.items()
        if key not in NOT_COMPARED and not CHAINS.keys() & set(key.split("+"))
    }


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


def _missing(tubes: Sequence[RuleTube]) -> tuple[str, ...]:
    """List what no tube has; all that is needed where it stands in different tubes only."""
    nowhere = tuple(
        marker for marker in NEEDED if not any(tube.cells.shared(marker) for tube in tubes)
    )
    return nowhere or NEEDED


def _numbers(counts: Counts, confidence: float) -> dict[str, float]:
    ratio, low, high = counts.ratios(confidence)
    without = share_interval(counts.neither, counts.total, confidence)
    return {
        "kappa": counts.kappa, "lambda": counts.lambda_, "neither": counts.neither,
        "ratio": ratio, "ratio_low": low, "ratio_high": high,
        "neither_share": counts.neither / counts.total if counts.total else np.nan,
        "neither_share_low": without[0], "neither_share_high": without[1],
    }  # fmt: skip


def _present(clones: Sequence[Clone]) -> RuleFinding:
    """Report the leading clone; one of the other light chain is a second one."""
    clone = clones[0]
    others = [c for c in clones[1:] if {c.reason, clone.reason} == set(CHAINS)]
    second = next((c for c in others if _stands_apart(c)), None)
    found = _one(clone)
    if second is None:
        return found
    words = _sentence(second, "a second subset of B cells", _numbers_of(second))
    numbers = {f"second_{key}": number for key, number in _numbers_of(second).items()}
    return replace(
        found,
        summary=f"{found.summary} {words}",
        numbers={**found.numbers, **numbers, "second_events": float(second.counts.total)},
        signs=(clone.reason, second.reason),
    )


def _stands_apart(clone: Clone) -> bool:
    """Tell whether a subset differs from the other cells of its chain, on levels as they are.

    Where one clone is about half of its chain, to align the chains moves normal cells away from
    their like: they have one-sided neighbours then, and are no second clone.
    """
    stained = clone.stained
    chain = stained.chains == CHAINS[clone.reason]
    own, rest = clone.part & chain, ~clone.part & chain
    if not rest.any():
        return True
    return any(
        abs(np.median(levels[own]) - np.median(levels[rest])) >= APART
        for levels in (values[stained.cells] for values in _compared(stained).values())
    )


def _numbers_of(clone: Clone) -> dict[str, float]:
    everything = count(clone.stained.chains)
    return _numbers(clone.counts, clone.confidence) | {
        "share_of_b_cells": clone.counts.total / everything.total,
        "share_of_intact": clone.counts.total / max(clone.stained.tube.n_intact, 1),
        "ratio_of_all_b_cells": everything.ratios(clone.confidence)[0],
    }


def _one(clone: Clone) -> RuleFinding:
    stained, counts = clone.stained, clone.counts
    where = "all B cells" if clone.is_all else f"a subset of B cells ({_look(clone)})"
    numbers = _numbers_of(clone)
    return RuleFinding(
        RULE, PRESENT, urgent=False, summary=_sentence(clone, where, numbers), numbers=numbers,
        n_events=counts.total, population=where, gate=stained.gate, tube=stained.tube.name,
        source=stained.tube.book.sources[RULE], signs=(clone.reason,),
    )  # fmt: skip


def _sentence(clone: Clone, where: str, numbers: dict[str, float]) -> str:
    counts = clone.counts
    if clone.reason == WITHOUT:
        what = f"{100 * numbers['neither_share']:.0f} % without either light chain"
    else:
        what = f"{clone.reason} restricted, kappa to lambda {counts.kappa}:{counts.lambda_}"
    part = (
        f"{100 * numbers['share_of_b_cells']:.0f} % of B cells, "
        f"{100 * numbers['share_of_intact']:.1f} % of intact cells"
    )
    return f"{where[0].upper()}{where[1:]}: {what} ({counts.total} cells; {part})."


def _look(clone: Clone) -> str:
    """Say by which markers a subset differs from the other B cells."""
    words = []
    for key, values in _levels(clone.stained).items():
        shift = np.median(values[clone.part]) - np.median(values[~clone.part])
        if abs(shift) >= TELLING:
            words.append(f"{key} {'higher' if shift > 0 else 'lower'}")
    return ", ".join(words) or "looks like the others"


def _absent(stained: Stained) -> RuleFinding:
    book, counts = stained.tube.book, count(stained.chains)
    numbers = _numbers(counts, book.number(RULE, "confidence"))
    few = counts.total < book.number(RULE, "least_events")
    if few:
        summary = f"Light chains not assessable: {counts.total} B cells only."
    else:
        summary = (
            f"No light-chain restriction among {counts.total} B cells or their subsets: kappa "
            f"to lambda {numbers['ratio']:.1f}, {100 * numbers['neither_share']:.0f} % without "
            "either. A clone below about 100 cells would not be seen."
        )
    return RuleFinding(
        RULE, NOT_ASSESSABLE if few else ABSENT, urgent=False, summary=summary, numbers=numbers,
        n_events=counts.total, population="all B cells", gate=stained.gate,
        tube=stained.tube.name, source=book.sources[RULE],
    )  # fmt: skip
