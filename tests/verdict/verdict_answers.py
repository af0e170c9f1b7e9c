"""Answers of a model, and what rules say, made by hand."""

from __future__ import annotations

from flowml.gating.rules import RuleFinding
from flowml.gating.rules.evidence import Evidence, TubeEvents
from flowml.knowledge import load_label_tree
from flowml.models import Prediction


def answer(entity, p=0.97, **changes):
    """The model's answer: an entity with what the label tree says of it."""
    found = load_label_tree().entities[entity]
    shares = {name: p * (found.answer == name) for name in ("leukemia", "lymphoma")}
    fields = {
        "decision": "urgent" if found.urgent else "auto",
        "reason": f"most probable: {entity} {p}",
        "lineage": found.lineage, "category": found.category, "p_category": p,
        "leukemia_vs_lymphoma": found.answer, "rule": found.rule,
        "p_leukemia": shares["leukemia"], "p_lymphoma": shares["lymphoma"],
        "entity": entity, "p_entity": p, "probabilities": {entity: p},
    }  # fmt: skip
    return Prediction("K17", "answered", **(fields | changes))


def open_answer(**fields):
    """An answer that stops above the entity."""
    return Prediction("K17", "backed_off", "review", "no entity reaches 0.90", **fields)


def finding(rule, status="present", signs=(), summary="It says so.", **fields):
    return RuleFinding(rule, status, urgent=False, summary=summary, signs=signs, **fields)


def immature(share, missing=(), **numbers):
    sign = "many" if share >= 0.2 else "some" if share >= 0.1 else ""
    status = "present" if sign else "absent"
    parts = ("b_precursors_share", "cd34_share", "cd117_share")
    told = {"share_of_intact": share} | dict.fromkeys(parts, 0.0) | numbers
    return finding(
        "immature_cells", status, (sign,) if sign else (), numbers=told, missing=missing
    )


def evidence(*rules, tubes=((10_000, 9_000),), problem=""):
    events = tuple(TubeEvents(f"tube {n}", *pair) for n, pair in enumerate(tubes, start=1))
    return Evidence(tuple(rules), events, problem)


def codes(prediction):
    return [item.code for item in prediction.findings]
