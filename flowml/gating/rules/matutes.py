"""Rule: the Matutes score of the B cells, on the restricted part of them where there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.gating.rules.clones import Clone, clones_once
from flowml.gating.rules.cuts import above_negatives, valley
from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.landmarks import above
from flowml.gating.rules.populations import b_cells, b_marker, bystanders, plasma_cells
from flowml.gating.rules.staining import has_light_chains, stained_once

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube
    from flowml.knowledge.rules import Rulebook

NEGATIVE_WIDTHS = 3.0  # standard deviations above the T cells from which a B cell is positive
RULE = "matutes"
FOR_CLL, AGAINST_CLL = "for_cll", "against_cll"  # limits of the rulebook
SURFACE_IG, WEAK_SIGNAL = "surface Ig", "CD79b or CD22"
POINTS = ("CD5", "CD23", "FMC7", WEAK_SIGNAL, SURFACE_IG)


class Point(NamedTuple):
    """One of the five points, measured.

    Parameters
    ----------
    name : str
        One of `POINTS`.
    given : bool
        Whether it speaks for CLL.
    number : float
        Share of positive cells; the median level for those that are weak or strong.
    words : str
        Such as ``CD5+ (98 %)``.
    cells : int
        B cells that it was measured on.
    tube : str
        Where.
    """

    name: str
    given: bool
    number: float
    words: str
    cells: int
    tube: str


class Target(NamedTuple):
    """The B cells of a tube that are scored.

    Parameters
    ----------
    tube : RuleTube
        The tube.
    cells : ndarray, shape (n_events,), bool
        Its B cells, or a part of them.
    what : str
        Which part, in words.
    clone : Clone or None
        The restricted part that was found in this tube.
    """

    tube: RuleTube
    cells: Mask
    what: str
    clone: Clone | None


def matutes_finding(tubes: Sequence[RuleTube]) -> RuleFinding:
    """Score the B cells of a case.

    Parameters
    ----------
    tubes : sequence of RuleTube
        All tubes of a case; the points may come from different ones.

    Returns
    -------
    RuleFinding
        Present from the score that speaks for CLL; not assessable where the points that are
        missing could decide.
    """
    if not tubes:
        return RuleFinding(
            RULE, NOT_ASSESSABLE, urgent=False, missing=POINTS,
            summary="Matutes score not assessable: there is no tube.",
        )  # fmt: skip
    usable = [tube for tube in tubes if b_marker(tube)]
    restricted = {id(tube): target for tube in usable if (target := _restricted(tube))}
    shares = [
        target.cells.sum() / b_cells(target.tube).n_events for target in restricted.values()
    ]
    least = min(
        [tubes[0].book.number(RULE, "least_cd5_share"), *(share / 2 for share in shares)]
    )
    targets = [restricted.get(id(tube)) or _unrestricted(tube, least) for tube in usable]
    points = [point for name in POINTS if (point := _point(name, targets))]
    return _finding(points, targets, tubes[0].book)


def _restricted(tube: RuleTube) -> Target | None:
    """Choose the restricted B cells, where the tube shows light chains and there are any."""
    if not has_light_chains(tube):
        return None
    stained = stained_once(tube)
    clones = clones_once(stained)
    if not clones:
        return None
    clone = clones[0]
    cells = tube.cells.nothing()
    cells[np.flatnonzero(stained.cells)[clone.part]] = True
    what = "all B cells" if clone.is_all else "the restricted B cells"
    return Target(tube, cells, what, clone)


def _unrestricted(tube: RuleTube, least_share: float) -> Target:
    """Choose the B cells with CD5, if they are not few; else all."""
    book = tube.book
    everything = b_cells(tube).cells & ~plasma_cells(tube)
    if tube.cells.has("CD5"):
        cut = valley(tube.cells.of("CD5", everything), book.cut("CD5")).at
        part = everything & above(tube.cells, "CD5", cut)
        least = least_share * everything.sum()
        if part.sum() >= max(least, book.number(RULE, "least_events")):
            return Target(tube, part, "CD5+ B cells", None)
    return Target(tube, everything, "all B cells", None)


def _point(name: str, targets: Sequence[Target]) -> Point | None:
    """Measure a point in the first tube that can; None where there is none."""
    measure = MEASURES[name]
    if name == SURFACE_IG:  # a light chain before IgM, which a clone may not have
        targets = sorted(targets, key=lambda item: not has_light_chains(item.tube))
    for target in targets:
        if target.cells.sum() >= target.tube.book.number(RULE, "least_events"):
            point = measure(target)
            if point is not None:
                return point
    return None


def _positive(target: Target, marker: str, *, wanted: bool) -> Point | None:
    """Count the positive cells of a marker; the point is for many, or for few."""
    tube, cells = target.tube, target.tube.cells
    if not cells.has(marker):
        return None
    book = tube.book
    normal = bystanders(tube, b_cells(tube).cells)
    if marker == "CD5":  # T cells have it, so the B cells' own modes tell
        everything = b_cells(tube).cells & ~plasma_cells(tube)
        cut = valley(cells.of("CD5", everything), book.cut("CD5")).at
    else:
        cut = above_negatives(cells.of(marker, normal), book.cut(marker), NEGATIVE_WIDTHS).at
    share = float((cells.of(marker, target.cells) >= cut).mean())
    positive = share >= book.number(RULE, "positive_share")
    words = f"{marker}{'+' if positive else '-'} ({100 * share:.0f} %)"
    n_cells = int(target.cells.sum())
    return Point(marker, positive is wanted, share, words, n_cells, tube.name)


def _cd5(target: Target) -> Point | None:
    return _positive(target, "CD5", wanted=True)


def _cd23(target: Target) -> Point | None:
    return _positive(target, "CD23", wanted=True)


def _fmc7(target: Target) -> Point | None:
    return _positive(target, "FMC7", wanted=False)


def _weak(target: Target, name: str, marker: str, level: float, limit: float) -> Point:
    weak = level < limit
    words = f"{marker} {'weak' if weak else 'strong'} ({level:.1f})"
    return Point(name, weak, level, words, int(target.cells.sum()), target.tube.name)


def _weak_signal(target: Target) -> Point | None:
    """Judge the median of CD79b, or of CD22 where CD79b was not measured."""
    for marker in ("CD79b", "CD22"):
        if target.tube.cells.has(marker):
            level = float(np.median(target.tube.cells.of(marker, target.cells)))
            limit = target.tube.book.number(RULE, f"weak_{marker.lower()}")
            return _weak(target, WEAK_SIGNAL, marker, level, limit)
    return None


def _surface_ig(target: Target) -> Point | None:
    """Judge the median of the light chain that the cells have, or of IgM."""
    cells, book = target.tube.cells, target.tube.book
    if has_light_chains(target.tube):
        chain, level = _chain_level(target)
        return _weak(target, SURFACE_IG, chain, level, book.number(RULE, "weak_chain"))
    if cells.has("IgM"):
        level = float(np.median(cells.of("IgM", target.cells)))
        return _weak(target, SURFACE_IG, "IgM", level, book.number(RULE, "weak_igm"))
    return None


def _chain_level(target: Target) -> tuple[str, float]:
    """Return the chain of a clone and its median; without one, that of each cell's stronger."""
    cells = target.tube.cells
    kappa, lambda_ = (
        cells.of(cells.shared(name), target.cells) for name in ("kappa", "lambda")
    )
    if target.clone is None:
        return "light chain", float(np.median(np.maximum(kappa, lambda_)))
    counts = target.clone.counts
    name, own = ("kappa", kappa) if counts.kappa >= counts.lambda_ else ("lambda", lambda_)
    return name, float(np.median(own))


MEASURES: dict[str, Callable[[Target], Point | None]] = {
    "CD5": _cd5,
    "CD23": _cd23,
    "FMC7": _fmc7,
    WEAK_SIGNAL: _weak_signal,
    SURFACE_IG: _surface_ig,
}


def _finding(points: Sequence[Point], targets: Sequence[Target], book: Rulebook) -> RuleFinding:
    score = sum(point.given for point in points)
    missing = tuple(name for name in POINTS if name not in {point.name for point in points})
    for_cll, against = book.number(RULE, FOR_CLL), book.number(RULE, AGAINST_CLL)
    status = PRESENT if score >= for_cll else ABSENT
    if not points or (status == ABSENT and score + len(missing) >= for_cll):
        status = NOT_ASSESSABLE
    measured = [target for target in targets if target.tube.name in {p.tube for p in points}]
    population = "; ".join(dict.fromkeys(target.what for target in measured))
    numbers = {"score": float(score), "points_measured": float(len(points))}
    numbers |= {point.name: point.number for point in points}
    return RuleFinding(
        RULE, status, urgent=False, summary=_summary(points, status, missing, for_cll, against),
        numbers=numbers, n_events=min((point.cells for point in points), default=0),
        population=population, gate="CD19+ cells by the levels of the tube's own lymphocytes",
        tube="; ".join(dict.fromkeys(point.tube for point in points)), missing=missing,
        source=book.sources[RULE], signs=_signs(status, score, against),
    )  # fmt: skip


def _signs(status: str, score: int, against: float) -> tuple[str, ...]:
    """Name what the score speaks for."""
    if status == PRESENT:
        return (FOR_CLL,)
    return (AGAINST_CLL,) if status == ABSENT and score <= against else ()


def _summary(
    points: Sequence[Point],
    status: str,
    missing: tuple[str, ...],
    for_cll: float,
    against: float,
) -> str:
    if not points:
        return (
            f"Matutes score not assessable: missing {', '.join(missing)}, or too few B cells."
        )
    score = sum(point.given for point in points)
    details = ", ".join(point.words for point in points)
    head = f"Matutes score {score} of {len(points)}"
    if status == NOT_ASSESSABLE:
        return f"{head}, undecided without {', '.join(missing)}: {details}."
    if score >= for_cll:
        return f"{head}, for CLL: {details}."
    verdict = "against CLL" if score <= against else "neither for nor against CLL"
    return f"{head}, {verdict}: {details}."
