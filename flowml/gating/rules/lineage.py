"""Rule: the lineage of blasts, or lineages.

Two views. The first follows WHO 2022, whose rule is made for leukemia of mixed phenotype: by
intensity against the sample's own normal cells. The second is the older score of EGIL, by
shares of blasts; it names the lineage of a leukemia that the first leaves open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from flowml.gating.rules.finding import ABSENT, NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.lineage_markers import EGIL, B, M, T, double_or_apart, shares_of, who
from flowml.gating.rules.precursors import precursors

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Mask
    from flowml.gating.rules.tube import RuleTube
    from flowml.knowledge.rules import Rulebook

RULE = "lineage"
NAMES = {B: "B", T: "T", M: "myeloid"}
DECISIVE = ("MPO", "cyCD3", "CD19")  # one a lineage; without it, WHO's view is blind there


class Blasts(NamedTuple):
    """Blasts of one tube.

    Parameters
    ----------
    tube : RuleTube
        The tube.
    cells : ndarray, shape (n_events,), bool
        Which events.
    gate : str
        In words.
    """

    tube: RuleTube
    cells: Mask
    gate: str


@dataclass(frozen=True)
class Views:
    """What both views say.

    Parameters
    ----------
    who : mapping of str to str
        By lineage: why WHO 2022 counts it.
    egil : mapping of str to float
        By lineage: points.
    shares : mapping of str to float
        By marker: positive blasts, of all in the tube that has it with most blasts.
    populations : str
        That two populations stand apart; empty where they do not.
    """

    who: Mapping[str, str]
    egil: Mapping[str, float]
    shares: Mapping[str, float]
    populations: str


def lineage_finding(tubes: Sequence[RuleTube]) -> RuleFinding:
    """Name the lineage of the blasts, by two views.

    Parameters
    ----------
    tubes : sequence of RuleTube
        All tubes of a case; in each, blasts are gated anew.

    Returns
    -------
    RuleFinding
        Present where blasts have more than one lineage by WHO 2022; absent where they have
        one or none; not assessable without blasts or without all of `DECISIVE`.
    """
    blasts = [found for tube in tubes if (found := _blasts(tube)) is not None]
    if not blasts:
        return RuleFinding(
            RULE, NOT_ASSESSABLE, urgent=False,
            summary="Lineage of blasts not assessable: no tube has enough of them.",
        )  # fmt: skip
    measured = {marker for item in blasts for marker in item.tube.cells.levels}
    missing = tuple(marker for marker in DECISIVE if marker not in measured)
    return _finding(blasts, _views(blasts), missing)


def _blasts(tube: RuleTube) -> Blasts | None:
    found = precursors(tube)
    count, book = int(found.cells.sum()), tube.book
    share = count / max(tube.n_intact, 1)
    enough = count >= book.number(RULE, "least_events")
    if not enough or share < book.number(RULE, "least_share"):
        return None
    return Blasts(tube, found.cells, found.gate)


def _views(blasts: Sequence[Blasts]) -> Views:
    shares: dict[str, float] = {}
    reasons: dict[str, str] = {}
    apart = ""
    for item in sorted(blasts, key=lambda item: -int(item.cells.sum())):
        for marker, share in shares_of(item.tube, item.cells).items():
            shares.setdefault(marker, share)
        for lineage, reason in who(item.tube, item.cells).items():
            reasons.setdefault(lineage, reason)
        apart = apart or double_or_apart(item.tube, item.cells)
    return Views(reasons, _points(shares, blasts[0].tube.book), shares, apart)


def _points(shares: Mapping[str, float], book: Rulebook) -> dict[str, float]:
    """Score by EGIL; an antigen counts once, on the surface or in the cytoplasm."""
    points = {B: 0.0, T: 0.0, M: 0.0}
    counted: set[tuple[str, str]] = set()
    for marker, share in shares.items():
        for lineage, worth, limit in EGIL.get(marker, ()):
            antigen = lineage, marker.removeprefix("cy")
            if share >= book.number(RULE, limit) and antigen not in counted:
                counted.add(antigen)
                points[lineage] += worth
    return points


def _finding(blasts: Sequence[Blasts], views: Views, missing: tuple[str, ...]) -> RuleFinding:
    mixed = len(views.who) > 1
    blind = len(missing) == len(DECISIVE) or (missing and not mixed)
    status = PRESENT if mixed else NOT_ASSESSABLE if blind else ABSENT
    book = blasts[0].tube.book
    numbers = {f"who_{NAMES[key]}": float(key in views.who) for key in NAMES}
    numbers |= {f"egil_{NAMES[key]}": points for key, points in views.egil.items()}
    best = leading(views.egil, book)
    numbers |= {f"leads_{name}": float(key == best) for key, name in NAMES.items()}
    numbers |= {f"share_{marker}": share for marker, share in views.shares.items()}
    return RuleFinding(
        RULE, status, urgent=False, summary=_summary(views, missing, book), numbers=numbers,
        n_events=min(int(item.cells.sum()) for item in blasts), population="immature cells",
        gate="; ".join(dict.fromkeys(item.gate for item in blasts)),
        tube="; ".join(item.tube.name for item in blasts), missing=missing,
        source=book.sources[RULE], signs=tuple(NAMES[key] for key in NAMES if key in views.who),
    )  # fmt: skip


def leading(points: Mapping[str, float], book: Rulebook) -> str:
    """Name the lineage with most points by EGIL.

    Parameters
    ----------
    points : mapping of str to float
        By lineage.
    book : Rulebook
        How many points are worth a name; of myeloid ones fewer, so that no leukemia with CD13,
        CD33 or CD117 alone is taken for an undifferentiated one.

    Returns
    -------
    str
        Empty where none has enough, or two have as many.
    """
    best = max(points, key=lambda key: points[key])
    least = book.number(RULE, "least_points_myeloid" if best == M else "least_points")
    alone = sum(points[key] == points[best] for key in points) == 1
    return best if alone and points[best] >= least else ""


def _summary(views: Views, missing: tuple[str, ...], book: Rulebook) -> str:
    many = book.number(RULE, "egil_points")
    score = ", ".join(f"{NAMES[key]} {points:g}" for key, points in views.egil.items())
    second = f"EGIL points: {score}"
    high = [NAMES[key] for key, points in views.egil.items() if points > many]
    if len(high) > 1:
        second += f" (biphenotypic by that older view: {' and '.join(high)})"
    lack = f" Not measured where blasts were gated: {', '.join(missing)}." if missing else ""
    apart = f" {views.populations}." if views.populations else ""
    return f"{_first(views, missing, book)}.{apart} {second}.{lack}"


def _first(views: Views, missing: tuple[str, ...], book: Rulebook) -> str:
    reasons = "; ".join(views.who.values())
    names = " and ".join(NAMES[key] for key in views.who)
    if len(views.who) > 1:
        return f"Blasts of mixed phenotype by WHO 2022, {names}: {reasons}"
    if views.who:
        normal = " (normal B precursors are, too)" if B in views.who else ""
        return f"Blasts {names}{normal} by WHO 2022: {reasons}"
    if best := leading(views.egil, book):
        alone = " (one marker: BPDCN can look like this)" if views.egil[best] <= 1 else ""
        return f"Blasts rather {NAMES[best]}, by the second view only{alone}"
    if missing:
        return "Lineage of blasts not assessable"
    return "Blasts without a marker that defines a lineage: undifferentiated, or BPDCN"
