"""Rule: an alert for acute promyelocytic leukemia.

Promyelocytes of a healthy, regenerating or G-CSF stimulated marrow look much the same, one by
one. What tells them is the company they keep: they go on to mature, so that cells with CD11b or
without CD117 stand beside them in greater number. Of an arrested population most cells stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.landmarks import above

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube

RULE = "apl"
IDENTITY = ("CD33", "MPO", "CD117")  # the first that was measured finds myeloid cells
ARRESTED = ("CD117", "CD11b")  # one of them tells arrest from maturation
LOST = ("HLA-DR", "CD10", "CD16")
NEGATIVE = ("HLA-DR", "CD11b", "CD10", "CD16")
EARLY = ("CD34", "CD2")  # of the microgranular variant
WANTED = ("CD33", "MPO", "CD117", *NEGATIVE, *EARLY)
CLASSIC, VARIANT, UNDECIDED = "classic", "microgranular variant", "undecided"
NEXT = "Same day: PML::RARA and morphology"


class Look(NamedTuple):
    """What one tube shows.

    Parameters
    ----------
    tube : RuleTube
        The tube.
    suspects : ndarray, shape (n_events,), bool
        Cells that look like promyelocytes and do not mature.
    pool : ndarray, shape (n_events,), bool
        These, and the cells that they would mature into before CD16 and CD10 appear.
    arm : str
        Which arm fires; `UNDECIDED` where nothing but CD34 and CD2 speaks against the variant;
        empty where none does.
    early : float
        Share of suspects with CD34 or CD2; NaN where neither was measured.
    """

    tube: RuleTube
    suspects: Mask
    pool: Mask
    arm: str
    early: float

    @property
    def share(self) -> float:
        """Suspects, of intact cells."""
        return int(self.suspects.sum()) / max(self.tube.n_intact, 1)


def apl_finding(tubes: Sequence[RuleTube]) -> RuleFinding:
    """Look for a population like acute promyelocytic leukemia.

    Parameters
    ----------
    tubes : sequence of RuleTube
        All tubes of a case; each is judged by what it has.

    Returns
    -------
    RuleFinding
        About the tube that fires, else about that with most suspects. Urgent if it fires.
    """
    usable = [tube for tube in tubes if can_tell(tube)]
    if not usable:
        return _blind(tubes)
    looks = [look(tube) for tube in usable]
    order = (CLASSIC, VARIANT, UNDECIDED, "")
    best = min(looks, key=lambda item: (order.index(item.arm), -item.share))
    if best.arm in {CLASSIC, VARIANT}:
        return _present(best)
    return _undecided(best) if best.arm else _absent(best)


def can_tell(tube: RuleTube) -> bool:
    """Tell whether a tube can show cells like promyelocytes.

    Parameters
    ----------
    tube : RuleTube
        Any.

    Returns
    -------
    bool
        Side scatter and HLA-DR, a marker of `IDENTITY` and one of `ARRESTED`.
    """
    cells = tube.cells
    one_of = all(any(map(cells.has, names)) for names in (IDENTITY, ARRESTED))
    return cells.has("SSC", "HLA-DR") and one_of


def look(tube: RuleTube) -> Look:
    """Gate the cells that look like promyelocytes.

    Parameters
    ----------
    tube : RuleTube
        That `can_tell`.

    Returns
    -------
    Look
        With the arm that fires.
    """
    pool = _pool(tube)
    suspects = _suspects(tube, pool)
    early = _early(tube, suspects)
    return Look(tube, suspects, pool, _arm(tube, suspects, pool, early), early)


def _pool(tube: RuleTube) -> Mask:
    cells, marks, book = tube.cells, tube.marks, tube.book
    pool = marks.intact & above(cells, "SSC", marks.ssc + book.number(RULE, "least_ssc"))
    pool &= positive(tube, _identity(tube), missing=False)
    for marker in LOST:
        pool &= ~positive(tube, marker, missing=False)
    return pool


def _suspects(tube: RuleTube, pool: Mask) -> Mask:
    """Find the cells that stay promyelocytes; all without CD11b where hardly any has it."""
    unmatured = pool & ~positive(tube, "CD11b", missing=False)
    if tube.cells.has("CD11b"):
        least = tube.book.number(RULE, "least_unmatured")
        if unmatured.sum() >= least * pool.sum():
            return unmatured
    early = positive(tube, "CD117", missing=True) | positive(tube, "CD34", missing=False)
    return unmatured & early


def _identity(tube: RuleTube) -> str:
    return next(marker for marker in IDENTITY if tube.cells.has(marker))


def positive(tube: RuleTube, marker: str, *, missing: bool) -> Mask:
    """Find the events with a marker, by the level that tells promyelocytes and granulocytes.

    Parameters
    ----------
    tube : RuleTube
        Any.
    marker : str
        One with a level in the table of this rule.
    missing : bool
        What is said of every event where the tube does not have the marker.

    Returns
    -------
    ndarray, shape (n_events,), bool
        True at or above.
    """
    level = tube.book.number(RULE, f"level_{marker.lower().replace('-', '_')}")
    return above(tube.cells, marker, level, missing=missing)


def _early(tube: RuleTube, suspects: Mask) -> float:
    """Return the share of suspects with CD34 or CD2."""
    if not any(map(tube.cells.has, EARLY)) or not suspects.any():
        return float("nan")
    found = tube.cells.nothing()
    for marker in EARLY:
        found |= positive(tube, marker, missing=False)
    return float(found[suspects].mean())


def _arm(tube: RuleTube, suspects: Mask, pool: Mask, early: float) -> str:
    book, count = tube.book, int(suspects.sum())
    expanded = count >= book.number(RULE, "least_share") * max(tube.n_intact, 1)
    arrested = count >= book.number(RULE, "least_arrest") * max(int(pool.sum()), 1)
    enough = count >= book.number(RULE, "least_events")
    if not (expanded and arrested and enough):
        return ""
    granularity = float(np.median(tube.cells.of("SSC", suspects))) - tube.marks.ssc
    if granularity >= book.number(RULE, "high_ssc"):
        return CLASSIC
    return VARIANT if early >= book.number(RULE, "least_early") else UNDECIDED


def _pattern(tube: RuleTube) -> str:
    """Write the gate in words, with the markers that the tube has."""
    identity = _identity(tube)
    words = ["CD117+" if identity == "CD117" else f"{identity} bright"]
    words += [f"{marker}-" for marker in NEGATIVE if tube.cells.has(marker)]
    return " ".join(words)


def _share(found: Look, marker: str) -> float:
    """Return the share of suspects with a marker; NaN where it was not measured."""
    if not found.tube.cells.has(marker) or not found.suspects.any():
        return float("nan")
    return float(positive(found.tube, marker, missing=False)[found.suspects].mean())


def _numbers(found: Look) -> dict[str, float]:
    tube, count = found.tube, int(found.suspects.sum())
    low, high = share_interval(count, tube.n_intact, tube.book.number(RULE, "confidence"))
    pool = int(found.pool.sum())
    numbers = {
        "share_of_intact": found.share,
        "share_of_intact_low": low,
        "share_of_intact_high": high,
        "n_intact": float(tube.n_intact),
        "arrested": count / pool if pool else float("nan"),
        "cd34_or_cd2": found.early,
        "cd117": _share(found, "CD117"),
    }
    if count:
        above_lymphocytes = float(np.median(tube.cells.of("SSC", found.suspects)))
        numbers["ssc_above_lymphocytes"] = above_lymphocytes - tube.marks.ssc
    return numbers


def _finding(found: Look, status: str, summary: str, missing: tuple[str, ...]) -> RuleFinding:
    tube = found.tube
    return RuleFinding(
        RULE, status, urgent=status == PRESENT, summary=summary, numbers=_numbers(found),
        n_events=int(found.suspects.sum()), population="cells like promyelocytes",
        gate=f"intact singlets, {_pattern(tube)}", tube=tube.name, missing=missing,
        source=tube.book.sources[RULE], signs=(found.arm,) if found.arm else (),
    )  # fmt: skip


def _counted(found: Look) -> str:
    return (
        f"{100 * found.share:.0f} % of intact cells ({int(found.suspects.sum())} of "
        f"{found.tube.n_intact}) are {_pattern(found.tube)}"
    )


def _present(found: Look) -> RuleFinding:
    missing = found.tube.cells.lacks(*WANTED)
    details = "SSC high" if found.arm == CLASSIC else "SSC low"
    if not np.isnan(positive := _share(found, "CD117")):
        details += f", {100 * positive:.0f} % with CD117"
    if not np.isnan(found.early):
        details += f", {100 * found.early:.0f} % with CD34 or CD2"
    lacking = f" Not in this tube: {', '.join(missing)}." if missing else ""
    summary = (
        f"{NEXT}. APL alert, {found.arm} arm: {_counted(found)}, {details}.{lacking} "
        "NPM1-mutated AML can look like this."
    )
    return _finding(found, PRESENT, summary, missing)


def _undecided(found: Look) -> RuleFinding:
    """Report a population that is like the variant but for CD34 and CD2."""
    lacking = found.tube.cells.lacks(*EARLY)
    if lacking:
        summary = (
            f"APL not assessable: {_counted(found)}, SSC low, and {', '.join(lacking)} missing "
            "to tell the microgranular variant from other AML. PML::RARA decides."
        )
        return _finding(found, NOT_ASSESSABLE, summary, lacking)
    summary = (
        f"No APL alert, but {_counted(found)}, SSC low, {100 * found.early:.0f} % with CD34 or "
        "CD2: rather AML without HLA-DR (NPM1); the microgranular variant is not excluded."
    )
    return _finding(found, ABSENT, summary, ())


def _absent(found: Look) -> RuleFinding:
    least = found.tube.book.number(RULE, "least_intact")
    if found.tube.n_intact < least:
        summary = f"APL not assessable: {found.tube.n_intact} intact cells only."
        return _finding(found, NOT_ASSESSABLE, summary, ())
    summary = f"No APL alert: {_counted(found)}. This does not exclude APL."
    return _finding(found, ABSENT, summary, ())


def _blind(tubes: Sequence[RuleTube]) -> RuleFinding:
    """List what is missing; alternatives count as one where none was measured."""

    def nowhere(marker: str) -> bool:
        return not any(tube.cells.has(marker) for tube in tubes)

    missing = [marker for marker in ("SSC", "HLA-DR") if nowhere(marker)]
    for names in (IDENTITY, ARRESTED):
        if all(map(nowhere, names)):
            missing += [marker for marker in names if marker not in missing]
    missing = missing or ["HLA-DR", *IDENTITY]
    return RuleFinding(
        RULE, NOT_ASSESSABLE, urgent=False, missing=tuple(missing),
        summary="APL not assessable: no tube has what it takes together; missing "
        f"{', '.join(missing)}.",
    )  # fmt: skip
