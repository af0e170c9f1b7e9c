"""What was given with a case, against its answer and against the scope of all answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.findings import Finding, Severity
from flowml.knowledge.verdict import load_verdicts
from flowml.models.levels import NORMAL
from flowml.verdict.facts import BLOOD, MARROW
from flowml.verdict.note import REVIEW, URGENT, Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.cases import Given
    from flowml.knowledge.verdict import Facts
    from flowml.models import Prediction


def notes_on_given(prediction: Prediction, given: Given, facts: Facts) -> Iterator[Note]:
    """Say what was given speaks against an automatic release, or against the answer.

    Parameters
    ----------
    prediction : Prediction
        The answer.
    given : Given
        What was given with the case.
    facts : mapping of str to str or float
        What follows from it.

    Yields
    ------
    Note
        All of them for review, or urgent, but for what is told only.
    """
    if given.was_treated:
        text = _treated(given)
        yield Note(text, REVIEW, Finding("GIVEN-TREATED", text, Severity.REVIEW))
    if given.specimen not in {"", BLOOD, MARROW}:
        text = f"the specimen is a {given.specimen}; answers are made for blood and marrow"
        yield Note(text, REVIEW, Finding("GIVEN-SPECIMEN", text, Severity.REVIEW))
    yield from _contradictions(prediction, given, facts)
    if "plasma_cells_percent" in given.numbers and "plasma_cells_in_blood" not in facts:
        text = (
            f"plasma_cells_percent was given of a {given.specimen}; 5 % is a limit for the "
            "smear of the blood (plasma_cells_blood_percent)"
        )
        yield Note(finding=Finding("GIVEN-NOT-USED", text, Severity.WARN))


def _treated(given: Given) -> str:
    if not given.agent:
        return "the patient was treated, which changes phenotypes"
    return f"treated with {given.agent}, which can hide {', '.join(given.hidden)}"


def _contradictions(prediction: Prediction, given: Given, facts: Facts) -> Iterator[Note]:
    for item in load_verdicts().contradictions:
        if prediction.category in item.against and all(c.holds(facts) for c in item.when):
            text = f"as was given, {item.name}, against {prediction.category}"
            decision = URGENT if item.is_urgent else REVIEW
            yield Note(text, decision, Finding("GIVEN-CONTRADICTION", text, Severity.REVIEW))
    abnormal = bool(prediction.category) and prediction.category != NORMAL
    in_tissue_only = facts["in_blood"] == "no"
    counted = facts.get("clonal_b_cells", 0.0), facts.get("abnormal_t_per_ul", 0.0)
    if in_tissue_only and (any(counted) or (abnormal and given.specimen in {BLOOD, MARROW})):
        text = "disease is said to sit in tissue only, but blood or marrow has abnormal cells"
        yield Note(text, REVIEW, Finding("GIVEN-CONTRADICTION", text, Severity.REVIEW))
