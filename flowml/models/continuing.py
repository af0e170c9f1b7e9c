"""A trained model continued on new cases: margins, what an answer must pass, and the record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.models.adapted import KEY
from flowml.models.adapting import STEPS, Adapted, NewCases, adapt, compared
from flowml.models.card import model_card
from flowml.models.linear import Standard
from flowml.models.merging import merged_record
from flowml.models.relevelling import caution_anew
from flowml.models.shifting import shifted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.models.caution import Caution
    from flowml.models.heldout import Cohort
    from flowml.models.trained import TrainedModel


def continue_model(
    model: TrainedModel,
    new: Cohort,
    seen: Mapping[str, Any],
    old: Cohort | None,
    seed: int,
) -> tuple[TrainedModel, dict[str, Any]]:
    """Continue a model.

    Parameters
    ----------
    model : TrainedModel
        The old model.
    new : Cohort
        Cases of entities that it knows; codes by their place among these.
    seen : mapping
        As `flowml.models.about.training_record` makes it of the new cases.
    old : Cohort or None
        Cases like those of its training, and neither these nor the new ones.
    seed : int
        Of the parts that are held out.

    Returns
    -------
    model : TrainedModel
        An ordinary one, with a card.
    record : dict
        What was tried, won and lost, plain values; also in the training summary.

    Raises
    ------
    ModelError
        If no new case can be held out, or both kinds were not read alike.
    """
    merged = merged_record(model.training, seen)
    standard = _standard(model, new)
    margins = model.predictor.margins(new.rows)
    found = adapt(NewCases(new, margins, standard.of_rows(new.rows)), seed)
    caution, anew = caution_anew(model.caution, found.held, new.rows, model.tree)
    predictor = shifted(model.predictor, found.shift, standard)
    changed = replace(model, predictor=predictor, caution=caution, origin={})
    record = _told(model, found, new, anew)
    record["novelty"] = _edges(model.caution, caution)
    record["old"] = None if old is None else _lost(model, changed, old)
    training = merged | {KEY: [*model.training.get(KEY, ()), record]}
    told = replace(changed, training=training)
    return told.with_card(model_card(told)), record


def _standard(model: TrainedModel, new: Cohort) -> Standard:
    """Return what the model calls standard; where it never learned that, that of new cases."""
    if model.predictor.linear is not None:
        return model.predictor.linear.standard
    novelty = model.caution.novelty
    return Standard.of(new.rows) if novelty is None else novelty.standard


def _told(
    model: TrainedModel, found: Adapted, new: Cohort, anew: Sequence[str]
) -> dict[str, Any]:
    """Say in plain values what was tried and won."""
    counts = np.bincount(new.codes, minlength=len(model.entities))
    named = zip(model.entities, counts, strict=True)
    offsets = zip(model.entities, found.shift.offsets, strict=True)
    return {
        "step": found.step.name,
        "strength": found.step.strength,
        "scale": found.shift.scale,
        "offsets": {name: float(offset) for name, offset in offsets},
        "n_cases": len(new.codes),
        "folds": int(found.held.part.max()) + 1,
        "cases": {name: int(count) for name, count in named if count},
        "tried": [
            {"step": step.name, "strength": step.strength, "log_loss": loss}
            for step, loss in zip(STEPS, found.losses, strict=True)
        ],
        "levels": list(anew),
        "new": found.won,
    }


def _edges(before: Caution, after: Caution) -> list[float] | None:
    """Return the edges of novelty, before and after."""
    if before.novelty is None or after.novelty is None:
        return None
    both = (before.novelty, after.novelty)
    return [edge for each in both for edge in (each.unusual, each.furthest)]


def _lost(before: TrainedModel, after: TrainedModel, old: Cohort) -> dict[str, Any]:
    """Ask both models about old cases."""
    return compared(before.predict_proba(old.rows), after.predict_proba(old.rows), old.codes)
