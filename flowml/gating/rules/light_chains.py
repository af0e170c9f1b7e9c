"""Rule: one light chain stands alone, among all B cells or in a part of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.rules.chains import Counts, count
from flowml.gating.rules.clones import (
    WITHOUT,
    Clone,
    clones_once,
    differences,
    stands_apart,
)
from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.small_groups import Group, find_group
from flowml.gating.rules.staining import (
    CHAINS,
    RULE,
    Stained,
    has_light_chains,
    stained_once,
)

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

NEEDED = ("kappa", "lambda", "CD19")


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
    second = next((c for c in others if stands_apart(c)), None)
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


def _numbers_of(clone: Clone) -> dict[str, float]:
    everything = count(clone.stained.chains)
    return _numbers(clone.counts, clone.confidence) | {
        "share_of_b_cells": clone.counts.total / everything.total,
        "share_of_intact": clone.counts.total / max(clone.stained.tube.n_intact, 1),
        "ratio_of_all_b_cells": everything.ratios(clone.confidence)[0],
    }


def _one(clone: Clone) -> RuleFinding:
    stained, counts = clone.stained, clone.counts
    where = (
        "all B cells" if clone.is_all else f"a subset of B cells ({_look(stained, clone.part)})"
    )
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


def _look(stained: Stained, part: Mask) -> str:
    """Say by which markers a subset differs from the other B cells."""
    words = [
        f"{key} {'higher' if shift > 0 else 'lower'}"
        for key, shift in differences(stained, part).items()
    ]
    return ", ".join(words) or "looks like the others"


def _absent(stained: Stained) -> RuleFinding:
    book, counts = stained.tube.book, count(stained.chains)
    numbers = _numbers(counts, book.number(RULE, "confidence"))
    few = counts.total < book.number(RULE, "least_events")
    if few:
        summary = f"Light chains not assessable: {counts.total} B cells only."
    else:
        group = find_group(stained)
        numbers |= _numbers_of_group(group)
        summary = (
            f"No light-chain restriction among {counts.total} B cells or their subsets: kappa "
            f"to lambda {numbers['ratio']:.1f}, {100 * numbers['neither_share']:.0f} % without "
            f"either. {_group_sentence(stained, group)}"
        )
    return RuleFinding(
        RULE, NOT_ASSESSABLE if few else ABSENT, urgent=False, summary=summary, numbers=numbers,
        n_events=counts.total, population="all B cells", gate=stained.gate,
        tube=stained.tube.name, source=book.sources[RULE],
    )  # fmt: skip


def _numbers_of_group(group: Group | None) -> dict[str, float]:
    if group is None:
        return {}
    counts = group.counts
    return {
        "group_events": float(counts.total), "group_kappa": float(counts.kappa),
        "group_lambda": float(counts.lambda_), "group_neither": float(counts.neither),
    }  # fmt: skip


def _group_sentence(stained: Stained, group: Group | None) -> str:
    """Describe a small group; it is no clone, and no sign for programs."""
    if group is None:
        return "A clone below about 100 cells would not be called."
    counts = group.counts
    what = "mostly without a light chain" if group.reason == WITHOUT else group.reason
    return (
        f"A group of about {counts.total} B cells stands apart "
        f"({_look(stained, group.part)}), {what}: kappa to lambda {counts.kappa}:"
        f"{counts.lambda_}, {counts.neither} without either; not enough to call a clone."
    )
