"""Rule: the share of immature cells, by flow: of all intact singlets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.precursors import Precursors, precursors

if TYPE_CHECKING:
    from flowml.gating.rules.tube import RuleTube

RULE = "immature_cells"
MANY, SOME = "many", "some"  # limits of the rulebook
NEEDED = ("CD34", "CD117")
WANTED = (*NEEDED, "CD45", "SSC")
CAVEAT = "An estimate, not a morphologic blast count."


def immature_finding(tubes: Sequence[RuleTube]) -> RuleFinding:
    """Count immature cells among all intact singlets.

    Parameters
    ----------
    tubes : sequence of RuleTube
        All tubes of a case.

    Returns
    -------
    RuleFinding
        About the tube with most of CD34, CD117, CD45 and side scatter. Present from a tenth
        on; absent only where CD34 and CD117 were measured.
    """
    usable = [tube for tube in tubes if _can_count(tube)]
    if not usable:
        return RuleFinding(
            RULE, NOT_ASSESSABLE, urgent=False, missing=NEEDED,
            summary="Immature cells not assessable: no tube has CD34, CD117, or CD45 with side "
            "scatter, and enough cells.",
        )  # fmt: skip
    tube = min(usable, key=lambda item: len(item.cells.lacks(*WANTED)))
    return _finding(tube, precursors(tube))


def _can_count(tube: RuleTube) -> bool:
    shows = any(map(tube.cells.has, NEEDED)) or tube.cells.has("CD45", "SSC")
    return shows and tube.n_intact >= tube.book.number(RULE, "least_intact")


def _finding(tube: RuleTube, found: Precursors) -> RuleFinding:
    numbers = _numbers(tube, found)
    missing = tube.cells.lacks(*NEEDED)
    sign = _sign(tube, numbers["share_of_intact"])
    status = PRESENT if sign else NOT_ASSESSABLE if missing else ABSENT
    return RuleFinding(
        RULE, status, urgent=False, summary=_summary(tube, numbers, missing), numbers=numbers,
        n_events=int(found.cells.sum()), population="immature cells", gate=found.gate,
        tube=tube.name, missing=missing, source=tube.book.sources[RULE],
        signs=(sign,) if sign else (),
    )  # fmt: skip


def _numbers(tube: RuleTube, found: Precursors) -> dict[str, float]:
    n_intact, count = tube.n_intact, int(found.cells.sum())
    low, high = share_interval(count, n_intact, tube.book.number(RULE, "confidence"))
    parts = {
        "cd34": found.cd34, "cd117": found.cd117, "cd45_dim": found.dim,
        "abnormal_promyelocytes": found.promyelocytes, "b_precursors": found.b_precursors,
    }  # fmt: skip
    shares = {f"{name}_share": int(part.sum()) / n_intact for name, part in parts.items()}
    return {
        "share_of_intact": count / n_intact, "share_of_intact_low": low,
        "share_of_intact_high": high, "n_intact": float(n_intact),
    } | shares  # fmt: skip


def _summary(tube: RuleTube, numbers: dict[str, float], missing: tuple[str, ...]) -> str:
    percent = {name: f"{100 * number:.1f}" for name, number in numbers.items()}
    band = _band(tube, numbers["share_of_intact"], missing)
    low, high = (percent[f"share_of_intact_{end}"] for end in ("low", "high"))
    head = (
        f"{band}: {percent['share_of_intact']} % of all intact cells ({low} to {high}; CD34+ "
        f"{percent['cd34_share']}, CD117+ {percent['cd117_share']}, CD45 dim without them "
        f"{percent['cd45_dim_share']}). {CAVEAT}"
    )
    if numbers["b_precursors_share"] >= tube.book.number(RULE, "worth_saying"):
        head += (
            f" {percent['b_precursors_share']} % are B precursors by CD10 or CD19, "
            "hematogones or not."
        )
    return head


def _sign(tube: RuleTube, share: float) -> str:
    """Name the highest limit that a share reaches."""
    return next((name for name in (MANY, SOME) if share >= tube.book.number(RULE, name)), "")


def _band(tube: RuleTube, share: float, missing: tuple[str, ...]) -> str:
    """Say which limit a share reaches; few are no absence where a marker is missing."""
    sign = _sign(tube, share)
    if sign == MANY:
        return "Immature cells 20 % and more"
    if sign == SOME:
        return "Immature cells 10 to 19 %, where WHO 2022 and ICC differ"
    if missing:
        return f"More immature cells not excluded without {', '.join(missing)}"
    return "Immature cells below 10 %"
