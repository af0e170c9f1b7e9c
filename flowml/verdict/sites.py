"""Leukemia or lymphoma, by the first rule of the knowledge file whose conditions hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowml.findings import Finding, Severity
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.verdict import load_verdicts
from flowml.verdict.note import AUTO, REVIEW, URGENT, Note

if TYPE_CHECKING:
    from flowml.knowledge.verdict import Facts, SiteRule
    from flowml.models import Prediction


def decided(prediction: Prediction, facts: Facts) -> tuple[Prediction, list[Note]]:
    """Decide what the entity alone leaves open.

    Parameters
    ----------
    prediction : Prediction
        The model's answer.
    facts : mapping of str to str or float
        What is known of the case.

    Returns
    -------
    prediction : Prediction
        With the answer, the category and the name of the rule; the same where none applies.
    notes : list of Note
        What the rule says, and what would decide.
    """
    rules = (rule for rule in load_verdicts().rules if _is_asked(rule, prediction))
    rule = next((rule for rule in rules if rule.holds(facts)), None)
    if rule is None:
        return prediction, []
    return _applied(prediction, rule), _notes(rule)


def _is_asked(rule: SiteRule, prediction: Prediction) -> bool:
    """Tell whether a rule is about the answer; without an entity, by category and lineage."""
    if prediction.entity:
        return prediction.entity in rule.entities
    if not prediction.category or prediction.category != rule.category_alone:
        return False
    tree = load_label_tree().entities
    return prediction.lineage in {"", *(tree[name].lineage for name in rule.entities)}


def _applied(prediction: Prediction, rule: SiteRule) -> Prediction:
    answer = rule.answer or prediction.leukemia_vs_lymphoma
    moved = bool(rule.category) and rule.category != prediction.category
    return replace(
        prediction,
        leukemia_vs_lymphoma=answer,
        p_leukemia=_share(prediction, "leukemia", answer),
        p_lymphoma=_share(prediction, "lymphoma", answer),
        rule=rule.name,
        category=rule.category if moved else prediction.category,
        p_category=prediction.p_entity if moved else prediction.p_category,
        leukemic_phase=rule.leukemic_phase,
    )


def _share(prediction: Prediction, of: str, answer: str) -> float:
    """Move the entity's probability to the answer that it gives now."""
    share: float = getattr(prediction, f"p_{of}")
    before = prediction.leukemia_vs_lymphoma
    if not prediction.entity or answer == before or of not in {answer, before}:
        return share
    moved = prediction.p_entity if of == answer else -prediction.p_entity
    return min(max(share + moved, 0.0), 1.0)


def _notes(rule: SiteRule) -> list[Note]:
    asks = f"{rule.asks} would decide" if rule.asks else ""
    clause = "; ".join(filter(None, (rule.says, asks)))
    decision = URGENT if rule.is_urgent else REVIEW if rule.is_review else AUTO
    if decision == AUTO:
        return [Note(clause)] if clause else []
    message = f"{rule.name}: {clause}"
    return [Note(clause, decision, Finding("ANSWER-RULE", message, Severity.REVIEW))]
