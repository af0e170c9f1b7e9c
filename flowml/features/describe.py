"""One case: read its tubes, compensate, count, compute its row. Bad data never raise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.cases import at_hand, specimen_of
from flowml.errors import FlowmlError, PanelError, QualityError
from flowml.events import COMPUTE_BLOCK
from flowml.features.names import is_population
from flowml.features.recipes.fitted import FEATURE_TYPE, Group
from flowml.features.recipes.part import Kind
from flowml.features.stained import instrument_of
from flowml.features.standin import choose_stand_ins, stand_in_finding
from flowml.features.tube import TubeCounts, TubeRead, count_tube, digest_of
from flowml.findings import Finding, Severity
from flowml.gating.rules import evidence_of
from flowml.gating.rules.evidence import Evidence, TubeEvents
from flowml.knowledge.shapes import tube_label
from flowml.quality import DEFAULT_PREPARATION, Preparation
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.features.recipes.fitted import FittedRecipe
    from flowml.knowledge.shapes import StainedTube
    from flowml.records import Case, Tube

FEW_EVENTS = 100  # a share of so many events is uncertain by 0.05 (one standard error)
GATED = {Kind.SHARES, Kind.BRIGHTNESS}
UNREADABLE = "CASE-UNREADABLE"
REFUSED = {PanelError: "CASE-NO-MARKER", QualityError: "CASE-QUALITY"}  # else unreadable

Total = list[tuple[tuple[Group, ...], "NDArray[np.int64]"]]


@dataclass(frozen=True, eq=False)
class CaseFeatures:
    """One case's row, or why there is none.

    Parameters
    ----------
    case_id : str
        The case.
    groups : tuple of Group
        What the features are about, in order; the recipe knows the names.
    values : ndarray, shape (n_features,), float32
        The features of all groups, one after another.
    findings : tuple of Finding
        Everything noticed on the way.
    tubes : tuple of TubeRead
        What was read.
    problem : str
        Why the case cannot be used; empty if it can.
    evidence : Evidence or None
        What the laboratory's own rules say; None where they were not asked.
    """

    case_id: str
    groups: tuple[Group, ...]
    values: NDArray[np.float32]
    findings: tuple[Finding, ...]
    tubes: tuple[TubeRead, ...]
    problem: str = ""
    evidence: Evidence | None = None

    @property
    def stained(self) -> list[StainedTube]:
        """What its tubes were stained with, of those that tell it."""
        return [stained for tube in self.tubes if (stained := tube.stained)]

    @property
    def stand_ins(self) -> dict[str, str]:
        """Markers that the case has not measured, and what was taken for each."""
        return _taken(self.tubes)


def describe_case(
    case: Case,
    recipe: FittedRecipe,
    how: Preparation = DEFAULT_PREPARATION,
    chunk: int = COMPUTE_BLOCK,
    *,
    hashed: bool = True,
    hidden: Sequence[str] = (),
) -> CaseFeatures:
    """Compute the features of a case.

    Parameters
    ----------
    case : Case
        One or more tubes.
    recipe : FittedRecipe
        What to compute.
    how : Preparation
        How the events of its tubes are made ready, and whether the rules are asked.
    chunk : int
        Events to read at a time; does not change the result.
    hashed : bool
        Whether the files' SHA-256 are taken for the record.
    hidden : sequence of str
        Markers that are taken as not measured, to try out what stands in for them.

    Returns
    -------
    CaseFeatures
        With a `problem` if a tube cannot be used.
    """
    if not case.tubes:
        return _unusable(case, [], (), "the case holds no tube", "CASE-EMPTY")
    names = choose_stand_ins(case, recipe.stand_ins, how, hidden)
    done: list[TubeCounts] = []
    for tube in case.tubes:
        try:
            with at_hand(tube) as near:
                counted = count_tube(
                    near,
                    recipe,
                    how,
                    chunk,
                    case_id=case.case_id,
                    hashed=hashed,
                    names=names,
                )
            done.append(counted)
        except FlowmlError as error:
            where = f"{printable(tube.name)}: " if len(case.tubes) > 1 else ""
            code = REFUSED.get(type(error), UNREADABLE)
            unread = (_unread(case, tube, hashed=hashed),)
            return _unusable(case, done, unread, f"{where}{error}", code)
    found = _row(case, recipe, done)
    return replace(found, evidence=_evidence(case, done)) if how.rules else found


def _evidence(case: Case, tubes: Sequence[TubeCounts]) -> Evidence:
    """Ask the rules about a case whose tubes were all counted."""
    cells = [tube.cells for tube in tubes if tube.cells is not None]
    if len(cells) < len(tubes):
        events = tuple(TubeEvents(tube.read.name, tube.read.n_events) for tube in tubes)
        return Evidence((), events, "values are on a display scale")
    return evidence_of(cells, specimen_of(case.details))


def _unread(case: Case, tube: Tube, *, hashed: bool) -> TubeRead:
    return TubeRead(
        tube.name,
        digest_of(tube) if hashed else "",
        label=tube_label(case.case_id, tube.name, tube.label),
        instrument=instrument_of(tube, {}),
    )


def _row(case: Case, recipe: FittedRecipe, tubes: Sequence[TubeCounts]) -> CaseFeatures:
    """Compute the features of a case whose tubes were all counted."""
    total = pooled(tubes, by_tube=recipe.by_tube)
    n_events = sum(tube.read.n_events for tube in tubes)
    if not total:
        return _unusable(case, tubes, (), _none_wanted(recipe), "CASE-NO-MARKER")
    if not any(counts.any() for _, counts in total):
        what = _nothing_counted(recipe, n_events)
        return _unusable(case, tubes, (), f"the case holds no {what}", "CASE-EMPTY")
    findings = [item for tube in tubes for item in tube.findings]
    findings += [*_thin_evidence(total, n_events), *_repeated_panels(tubes)]
    findings += stand_in_finding(_taken([tube.read for tube in tubes]))
    values = [
        recipe.parts[groups[0].part].values(counts).astype(FEATURE_TYPE).ravel()
        for groups, counts in total
    ]
    return CaseFeatures(
        case_id=case.case_id,
        groups=tuple(group for groups, _ in total for group in groups),
        values=np.concatenate(values),
        findings=tuple(dict.fromkeys(findings)),
        tubes=tuple(tube.read for tube in tubes),
    )


def _taken(tubes: Sequence[TubeRead]) -> dict[str, str]:
    """Return what was taken for which marker, over all tubes."""
    return {own: other for tube in tubes for own, other in tube.stand_ins.items()}


def _none_wanted(recipe: FittedRecipe) -> str:
    if _is_gated(recipe):
        return "none of its tubes has all channels of the gates"
    return (
        f"the case has nothing that the recipe {recipe.name} counts: none of its markers, or "
        "not together in one tube"
    )


def _is_gated(recipe: FittedRecipe) -> bool:
    """Tell a recipe that looks at populations only."""
    return all(part.kind in GATED for part in recipe.parts)


def _nothing_counted(recipe: FittedRecipe, n_events: int) -> str:
    """Say of what there is none in a case."""
    if not n_events:
        return "event"
    if _is_gated(recipe):
        return "population whose gate is sure"
    return "value that is a number"


def pooled(tubes: Sequence[TubeCounts], *, by_tube: bool = False) -> Total:
    """Add up the tubes of a case, as if they had been one.

    Parameters
    ----------
    tubes : sequence of TubeCounts
        Tubes may measure different markers.
    by_tube : bool
        Whether tubes of different names are kept apart.

    Returns
    -------
    list of (tuple of Group, ndarray, shape (n_groups, ...), int64)
        One for each part that counted something. What several tubes measure is counted over
        all of them: every event counts alike.
    """
    if len(tubes) == 1:  # its tables are as they shall be: to stack them again takes a while
        name = tubes[0].key if by_tube else ""
        return [
            (tuple(Group(part, name, key) for key in keys), table)
            for part, (keys, table) in enumerate(tubes[0].counts)
            if keys
        ]
    total = []
    for part in range(len(tubes[0].counts)):
        found: dict[Group, NDArray[np.int64]] = {}
        for tube in tubes:
            keys, table = tube.counts[part]
            for markers, counts in zip(keys, table, strict=True):
                group = Group(part, tube.key if by_tube else "", markers)
                found[group] = found[group] + counts if group in found else counts
        if groups := tuple(sorted(found, key=_order)):
            total.append((groups, np.stack([found[group] for group in groups])))
    return total


def _order(group: Group) -> tuple[str, tuple[str, ...]]:
    return group.tube, group.markers


def _thin_evidence(total: Total, n_events: int) -> list[Finding]:
    """Say where a case has too little to stand on."""
    found = []
    if n_events < FEW_EVENTS:
        message = (
            f"the case has {n_events} events; below {FEW_EVENTS} its features are uncertain"
        )
        found.append(Finding("CASE-FEW-EVENTS", message, Severity.REVIEW))
    if blank := _blank(total):
        message = f"no value is a number, after compensation, in {', '.join(blank[:20])}"
        found.append(Finding("MARKER-NO-VALUES", message, Severity.REVIEW))
    return found


def _blank(total: Total) -> list[str]:
    """Return the markers of which nothing was counted."""
    counted = [
        np.asarray(table.reshape(len(groups), -1).any(axis=1)) for groups, table in total
    ]
    if all(each.all() for each in counted):  # nearly always
        return []
    every, known = set[str](), set[str]()
    for (groups, _), each in zip(total, counted, strict=True):
        for group, is_known in zip(groups, each.tolist(), strict=True):
            if not any(map(is_population, group.markers)):  # may well be empty, or not sure
                every.update(group.markers)
                known.update(group.markers if is_known else ())
    return sorted(every - known)


def _repeated_panels(tubes: Sequence[TubeCounts]) -> list[Finding]:
    """Notice tubes with the same markers: perhaps they are of different patients."""
    panels = [frozenset(tube.read.tops) for tube in tubes]
    if len(set(panels)) == len(panels):
        return []
    message = (
        "several tubes of the case have the same markers; if each is a case of its own, say so "
        "(--case-per file)"
    )
    return [Finding("CASE-SAME-PANEL", message, Severity.REVIEW)]


def _unusable(
    case: Case,
    done: Sequence[TubeCounts],
    unread: tuple[TubeRead, ...],
    problem: str,
    code: str,
) -> CaseFeatures:
    noticed = dict.fromkeys(item for tube in done for item in tube.findings)
    return CaseFeatures(
        case_id=case.case_id,
        groups=(),
        values=np.empty(0, FEATURE_TYPE),
        findings=(*noticed, Finding(code, problem, Severity.FAIL)),
        tubes=(*(tube.read for tube in done), *unread),
        problem=problem,
    )
