"""One case: read its tubes, compensate, count, compute its row. Bad data never raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError, PanelError
from flowml.features.reduce import Counts, pooled
from flowml.features.tube import TubeCounts, TubeRead, count_tube, digest_of
from flowml.findings import Finding, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.features.recipes import FittedRecipe
    from flowml.records import Case

DEFAULT_CHUNK = 65_536  # events read at a time
FEW_EVENTS = 100  # a share of so many events is uncertain by 0.05 (one standard error)
UNREADABLE = "CASE-UNREADABLE"


@dataclass(frozen=True, eq=False)
class CaseFeatures:
    """One case's row, or why there is none.

    Parameters
    ----------
    case_id : str
        The case.
    names : tuple of str
        Names of the features, ``marker|statistic``.
    values : ndarray, shape (n_features,), float32
        The features.
    findings : tuple of Finding
        Everything noticed on the way.
    tubes : tuple of TubeRead
        What was read.
    problem : str
        Why the case cannot be used; empty if it can.
    """

    case_id: str
    names: tuple[str, ...]
    values: NDArray[np.float32]
    findings: tuple[Finding, ...]
    tubes: tuple[TubeRead, ...]
    problem: str = ""


def describe_case(
    case: Case,
    recipe: FittedRecipe,
    compensation: str = "auto",
    chunk: int = DEFAULT_CHUNK,
) -> CaseFeatures:
    """Compute the features of a case.

    Parameters
    ----------
    case : Case
        One or more tubes.
    recipe : FittedRecipe
        What to compute.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.
    chunk : int
        Events to read at a time; does not change the result.

    Returns
    -------
    CaseFeatures
        With a `problem` if a tube cannot be used.
    """
    if not case.tubes:
        return _unusable(case, [], (), "the case holds no tube", "CASE-EMPTY")
    done: list[TubeCounts] = []
    for tube in case.tubes:
        try:
            done.append(count_tube(tube, recipe, compensation, chunk))
        except FlowmlError as error:
            where = f"{printable(tube.name)}: " if len(case.tubes) > 1 else ""
            code = "CASE-NO-MARKER" if isinstance(error, PanelError) else UNREADABLE
            unread = (TubeRead(tube.name, digest_of(tube)),)
            return _unusable(case, done, unread, f"{where}{error}", code)
    return _row(case, recipe, done)


def _row(case: Case, recipe: FittedRecipe, tubes: Sequence[TubeCounts]) -> CaseFeatures:
    """Compute the features of a case whose tubes were all counted."""
    total = pooled([tube.counts for tube in tubes])
    n_events = sum(tube.read.n_events for tube in tubes)
    if not any(marker_counts.any() for marker_counts in total.values()):
        what = "value that is a number" if n_events else "event"
        return _unusable(case, tubes, (), f"the case holds no {what}", "CASE-EMPTY")
    findings = [item for tube in tubes for item in tube.findings]
    findings += [*_thin_evidence(total, n_events), *_repeated_panels(tubes)]
    names = [name for marker in sorted(total) for name in recipe.feature_names(marker)]
    values = [recipe.values(total[marker]) for marker in sorted(total)]
    return CaseFeatures(
        case_id=case.case_id,
        names=tuple(names),
        values=np.concatenate(values),
        findings=tuple(dict.fromkeys(findings)),
        tubes=tuple(tube.read for tube in tubes),
    )


def _thin_evidence(total: Counts, n_events: int) -> list[Finding]:
    """Say where a case has too little to stand on."""
    found = []
    if n_events < FEW_EVENTS:
        message = (
            f"the case has {n_events} events; below {FEW_EVENTS} its features are uncertain"
        )
        found.append(Finding("CASE-FEW-EVENTS", message, Severity.REVIEW))
    blank = [marker for marker in sorted(total) if not total[marker].any()]
    if blank:
        message = f"no value is a number, after compensation, in {', '.join(blank[:20])}"
        found.append(Finding("MARKER-NO-VALUES", message, Severity.REVIEW))
    return found


def _repeated_panels(tubes: Sequence[TubeCounts]) -> list[Finding]:
    """Notice tubes with the same markers: perhaps they are of different patients."""
    panels = [frozenset(tube.counts) for tube in tubes]
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
        names=(),
        values=np.empty(0, np.float32),
        findings=(*noticed, Finding(code, problem, Severity.FAIL)),
        tubes=(*(tube.read for tube in done), *unread),
        problem=problem,
    )
