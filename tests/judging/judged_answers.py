"""Predictions made by hand."""

from __future__ import annotations

from flowml.knowledge import load_label_tree
from flowml.models import Prediction

TREE = load_label_tree()


def said(case_id, entity, probabilities=None, *, decision="auto", **changes):
    """Return an answer of one entity; of none, if it is empty."""
    known = TREE.entities.get(entity)
    chances = {entity: 1.0} if probabilities is None and entity else probabilities or {}
    axes = (
        {"lineage": known.lineage, "category": known.category,
         "leukemia_vs_lymphoma": known.answer, "rule": known.rule}
        if known else {}
    )  # fmt: skip
    status = "answered" if entity else "not_classifiable"
    fields = {"entity": entity, "probabilities": chances, **axes, **changes}
    return Prediction(case_id, status, decision, "", **fields)


def several(*pairs, **changes):
    """Return predictions and labels from pairs of label and answer."""
    predictions = [said(f"c{n}", answer, **changes) for n, (_, answer) in enumerate(pairs)]
    return predictions, [label for label, _ in pairs]
