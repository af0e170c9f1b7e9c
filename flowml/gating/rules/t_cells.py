"""Rule: T cells are skewed, or a part of them lacks a marker that T cells have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.gating.rules.cuts import share_interval, valley
from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.landmarks import above
from flowml.gating.rules.populations import b_cells, b_marker, t_cells

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

RULE = "t_cells"
PAN_T = ("CD2", "CD5", "CD7")  # beside CD3, by which T cells are gated
ALL_WANTED = ("CD3", "CD4", "CD8", *PAN_T)


class Look(NamedTuple):
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        Key among the numbers.
    value : float
        What was measured.
    interval : tuple of float
        Its lower and upper bound.
    abnormal : bool
        Whether the whole interval lies beyond the limit.
    words : str
        In a cytometrist's words.
    tube : str
        Where.
    """

    name: str
    value: float
    interval: tuple[float, float]
    abnormal: bool
    words: str
    tube: str


def t_cell_finding(tubes: Sequence[RuleTube]) -> RuleFinding:
    """Look at the T cells of a case.

    Parameters
    ----------
    tubes : sequence of RuleTube
        All tubes of a case; each that has surface CD3 is looked at.

    Returns
    -------
    RuleFinding
        Present if anything is beyond its limit. A skewed ratio alone is often reactive.
    """
    usable = [tube for tube in tubes if tube.cells.has("CD3")]
    missing = tuple(m for m in ALL_WANTED if not any(tube.cells.shared(m) for tube in usable))
    if not usable:
        return RuleFinding(
            RULE, NOT_ASSESSABLE, urgent=False, missing=missing,
            summary="T cells not assessable: no tube has surface CD3.",
        )  # fmt: skip
    populations = {tube.name: t_cells(tube) for tube in usable}
    looks = [
        look
        for tube in usable
        if populations[tube.name].n_events >= tube.book.number(RULE, "least_events")
        for measure in MEASURES
        for look in measure(tube, populations[tube.name].cells)
    ]
    abnormal = [look for look in looks if look.abnormal]
    status = PRESENT if abnormal else ABSENT if looks else NOT_ASSESSABLE
    first = next(
        (tube for tube in usable if abnormal and tube.name == abnormal[0].tube), usable[0]
    )
    return RuleFinding(
        RULE, status, urgent=False, summary=_summary(looks, populations[first.name].n_events),
        numbers=_numbers(looks), n_events=populations[first.name].n_events,
        population="T cells", gate=populations[first.name].gate, tube=first.name,
        missing=missing, source=first.book.sources[RULE],
        signs=tuple(dict.fromkeys(look.name for look in abnormal)),
    )  # fmt: skip


def _ratio(tube: RuleTube, among: Mask) -> Iterator[Look]:
    """Compare CD4+ with CD8+ T cells, in number and in CD3."""
    if not (tube.cells.shared("CD4") and tube.cells.shared("CD8")):
        return
    helper, killer = only(tube, among, "CD4", "CD8"), only(tube, among, "CD8", "CD4")
    n_helper, n_killer = int(helper.sum()), int(killer.sum())
    book = tube.book
    low, high = (
        share / (1 - share) if share < 1 else np.inf
        for share in share_interval(
            n_helper, n_helper + n_killer, book.number(RULE, "confidence")
        )
    )
    ratio = n_helper / n_killer if n_killer else np.inf
    abnormal = low > book.number(RULE, "ratio_high") or high < book.number(RULE, "ratio_low")
    yield Look("ratio", ratio, (low, high), abnormal, f"CD4:CD8 {ratio:.1f}", tube.name)
    if min(n_helper, n_killer) >= book.number("gates", "least_reference"):
        yield _difference(tube, helper, killer)


def _difference(tube: RuleTube, helper: Mask, killer: Mask) -> Look:
    """Compare the CD3 of CD4+ and CD8+ T cells: one kind is the other's reference."""
    medians = [float(np.median(tube.cells.of("CD3", part))) for part in (helper, killer)]
    value = medians[0] - medians[1]
    low, high = (tube.book.number(RULE, f"cd3_{kind}") for kind in ("cd4_dimmer", "cd8_dimmer"))
    abnormal = value < -low or value > high
    dim = "CD4+" if value < 0 else "CD8+"
    words = f"CD3 of {dim} T cells {abs(value):.2f} decades lower"
    return Look("cd3_difference", value, (value, value), abnormal, words, tube.name)


def only(tube: RuleTube, among: Mask, marker: str, other: str) -> Mask:
    """Find the T cells with one of CD4 and CD8.

    Parameters
    ----------
    tube : RuleTube
        Has both markers, alone or in a shared channel.
    among : ndarray, shape (n_events,), bool
        T cells.
    marker, other : str
        What they have, and what they do not have.

    Returns
    -------
    ndarray, shape (n_events,), bool
        Some of `among`.
    """
    cells = tube.cells
    has = {
        name: above(cells, cells.shared(name), subset_cut(tube, among, name))
        for name in (marker, other)
    }
    return among & has[marker] & ~has[other]


def subset_cut(tube: RuleTube, among: Mask, marker: str) -> float:
    """Cut CD4 or CD8 among T cells.

    Parameters
    ----------
    tube : RuleTube
        Has the marker, alone or in a shared channel.
    among : ndarray, shape (n_events,), bool
        T cells.
    marker : str
        ``CD4`` or ``CD8``.

    Returns
    -------
    float
        A level.
    """
    values = tube.cells.of(tube.cells.shared(marker), among)
    return valley(values, tube.book.cut(marker)).at


def _losses(tube: RuleTube, among: Mask) -> Iterator[Look]:
    """Count T cells with little of a marker that T cells have."""
    for marker in ("CD3", *PAN_T):
        if tube.cells.has(marker):
            cut = tube.book.number(RULE, f"dim_{marker.lower()}")
            dim = int((tube.cells.of(marker, among) < cut).sum())
            yield _share(tube, f"{marker.lower()}_low", dim, int(among.sum()), marker)


def _share(tube: RuleTube, name: str, hits: int, total: int, marker: str) -> Look:
    book = tube.book
    interval = share_interval(hits, total, book.number(RULE, "confidence"))
    abnormal = interval[0] > book.number(RULE, f"share_{name}") and hits >= book.number(
        RULE, "least_events"
    )
    share = hits / total if total else np.nan
    words = f"{marker} low or absent on {100 * share:.0f} % of T cells"
    return Look(name, share, interval, abnormal, words, tube.name)


def _without_cd3(tube: RuleTube, among: Mask) -> Iterator[Look]:
    """Count lymphocytes with bright CD4 and no surface CD3."""
    cells, book = tube.cells, tube.book
    key = cells.shared("CD4")
    if not key:
        return
    others = tube.marks.lymphocytes & ~among
    if b_marker(tube):
        others &= ~b_cells(tube).cells
    found = others & above(cells, key, valley(cells.of(key, among), book.cut("CD4")).at)
    hits, total = int(found.sum()), int(tube.marks.lymphocytes.sum())
    interval = share_interval(hits, total, book.number(RULE, "confidence"))
    limit = book.number(RULE, "share_cd4_without_cd3")
    abnormal = interval[0] > limit and hits >= book.number(RULE, "least_events")
    share = hits / total if total else np.nan
    words = f"CD4+ CD3- cells are {100 * share:.0f} % of lymphocytes"
    yield Look("cd4_without_cd3", share, interval, abnormal, words, tube.name)


def _trbc1(tube: RuleTube, among: Mask) -> Iterator[Look]:
    """Look at TRBC1 of CD4+ and CD8+ T cells without gamma-delta ones, or of all."""
    cells, book = tube.cells, tube.book
    if not cells.has("TRBC1"):
        return
    alpha_beta = among
    if cells.has("TCRgd"):
        alpha_beta = among & ~above(cells, "TCRgd", book.cut("TCRgd").at)
    parts = {"T cells": alpha_beta}
    if cells.shared("CD4") and cells.shared("CD8"):
        parts = {
            "CD4+ T cells": only(tube, alpha_beta, "CD4", "CD8"),
            "CD8+ T cells": only(tube, alpha_beta, "CD8", "CD4"),
        }
    cut = valley(cells.of("TRBC1", alpha_beta), book.cut("TRBC1")).at
    for name, part in parts.items():
        hits, total = int((cells.of("TRBC1", part) >= cut).sum()), int(part.sum())
        if total < book.number(RULE, "least_events"):
            continue
        low, high = share_interval(hits, total, book.number(RULE, "confidence"))
        abnormal = low > book.number(RULE, "trbc1_high") or high < book.number(
            RULE, "trbc1_low"
        )
        words = f"TRBC1 on {100 * hits / total:.0f} % of {name}"
        key = f"trbc1_{name[:3].lower()}"
        yield Look(key, hits / total, (low, high), abnormal, words, tube.name)


MEASURES: tuple[Callable[[RuleTube, Mask], Iterator[Look]], ...] = (
    _ratio,
    _losses,
    _without_cd3,
    _trbc1,
)


def _numbers(looks: Sequence[Look]) -> dict[str, float]:
    """Return every measure; of one that several tubes have, the most abnormal one first."""
    numbers: dict[str, float] = {}
    for look in sorted(looks, key=lambda item: not item.abnormal):
        if look.name not in numbers:
            numbers[look.name] = look.value
            numbers[f"{look.name}_low"], numbers[f"{look.name}_high"] = look.interval
    return numbers


def _summary(looks: Sequence[Look], n_events: int) -> str:
    if not looks:
        return f"T cells not assessable: {n_events} only."
    abnormal = dict.fromkeys(look.words for look in looks if look.abnormal)
    if abnormal:
        return f"T cells ({n_events}): {'; '.join(abnormal)}."
    shown = dict.fromkeys(look.words for look in looks if look.name == "ratio")
    seen = f" {'; '.join(shown)};" if shown else ""
    return f"T cells ({n_events}):{seen} no marker lost on a large part, as far as measured."
