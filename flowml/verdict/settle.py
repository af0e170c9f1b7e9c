"""The order in which an answer is settled: see docs/answers.md, which has the same order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowml.cases import given_of
from flowml.models.answer import SEEN_NONE
from flowml.models.levels import NORMAL
from flowml.verdict.agreement import notes_on_rules
from flowml.verdict.asgiven import notes_on_given
from flowml.verdict.detection import detection_limit
from flowml.verdict.facts import facts_of
from flowml.verdict.note import REVIEW, URGENT, Note, strictest
from flowml.verdict.second import second_population
from flowml.verdict.sites import decided

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.gating.rules.evidence import Evidence, TubeEvents
    from flowml.models import Prediction


def settled(
    prediction: Prediction,
    details: Mapping[str, str],
    evidence: Evidence | None = None,
    tubes: Sequence[TubeEvents] = (),
) -> Prediction:
    """Turn the model's answer into the laboratory's.

    Parameters
    ----------
    prediction : Prediction
        The model's answer.
    details : mapping of str to str
        What was given with the case, as a manifest has it.
    evidence : Evidence, optional
        What the laboratory's own rules say; None where they were not asked.
    tubes : sequence of TubeEvents
        Events of the tubes, where there is no evidence that has them.

    Returns
    -------
    Prediction
        The same entity; leukemia or lymphoma and the category as rules decide them, a second
        population, the limit of detection, and a decision that is never weaker.
    """
    given, told = given_of(details)
    facts = facts_of(given, evidence)
    answer, notes = decided(prediction, facts)
    notes += [Note(f"given: {item.message}", REVIEW, item) for item in told]
    notes += notes_on_given(answer, given, facts)
    second = ""
    if evidence is not None:
        notes += notes_on_rules(answer, evidence)
        second, found = second_population(answer, evidence)
        notes += found
    limit = detection_limit(evidence.tubes if evidence else tubes)
    if limit and answer.category == NORMAL:
        answer = replace(answer, reason=_with_limit(answer.reason, limit.words))
        notes += [] if limit.percent > 0 else [Note(decision=REVIEW)]
    findings = [note.finding for note in notes if note.finding]
    return replace(
        answer,
        decision=strictest([answer.decision, *(note.decision for note in notes)]),
        reason=_reason(answer.reason, notes),
        findings=(*answer.findings, *findings),
        second_population=second,
        detection_limit_percent=limit.percent if limit else float("nan"),
        evidence=evidence,
    )


def _with_limit(reason: str, limit: str) -> str:
    rest = reason.removeprefix(SEEN_NONE).removeprefix(": ")
    return f"no abnormal population detected by this panel, {limit}: {rest}"


def _reason(reason: str, notes: Sequence[Note]) -> str:
    """Put what is urgent first, and rules that agree last."""
    first = [note.clause for note in notes if note.decision == URGENT]
    then = [note.clause for note in notes if note.decision != URGENT]
    agree = [note.agrees for note in notes if note.agrees]
    last = f"rules that agree: {', '.join(agree)}" if agree else ""
    return "; ".join(filter(None, (*first, reason, *then, last)))
