"""Further instruments for a model that was trained with alignment: its trees stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from flowml.batch import run
from flowml.errors import ModelError
from flowml.features.recipes import learn
from flowml.features.recipes.landmarks import (
    FEWEST_NORMALS,
    learn_instruments,
    normals_by_instrument,
)
from flowml.models import TrainedModel, load_model
from flowml.models.card import model_card
from flowml.reading import DEFAULT_READING, Cases, Progress, Reading, found_cases


@dataclass(frozen=True)
class Aligning:
    """A model that knows further instruments.

    Parameters
    ----------
    model : TrainedModel
        With the trees as they were.
    aligned : mapping of str to int
        Normal cases of each instrument that was aligned, or aligned anew.
    not_aligned : mapping of str to int
        Normal cases of those that had too few; "" stands for cases that do not tell their
        instrument, or have several.
    """

    model: TrainedModel
    aligned: Mapping[str, int]
    not_aligned: Mapping[str, int]


def align_model(
    cases: Cases,
    model: TrainedModel | str,
    *,
    reading: Reading = DEFAULT_READING,
    progress: Progress | None = None,
) -> Aligning:
    """Align further instruments by normal cases that they measured.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Normal or control samples, and nothing else: what they have in common is moved to where
        the normal cells of the training cases lie, disease too.
    model : TrainedModel or path-like
        A model that was trained with alignment, or its file.
    reading : Reading
        How files are read.
    progress : callable, optional
        Called with the number of cases done.

    Returns
    -------
    Aligning
        The new model, and what was aligned.

    Raises
    ------
    ModelError
        If the model was trained without alignment, or no instrument has normal cases enough.
    FlowmlError
        If there are no cases.
    """
    trained = model if isinstance(model, TrainedModel) else load_model(model)
    recipe, alignment = trained.recipe, trained.alignment
    if recipe is None or alignment is None:
        raise ModelError(
            "the model was trained without alignment, so that there is no reference to align "
            "an instrument to. Train it with alignment (--align)."
        )
    look = partial(learn.survey, markers=recipe.markers, how=reading.preparation)
    seen = run(look, found_cases(cases), jobs=reading.jobs, progress=progress)
    found, counts = learn_instruments(seen, alignment), normals_by_instrument(seen)
    few = {name: n for name, n in counts.items() if name not in found}
    if not found:
        told = ", ".join(f"{n} of {name or 'no one instrument'}" for name, n in few.items())
        raise ModelError(
            f"no instrument can be aligned: that takes {FEWEST_NORMALS} normal cases of one "
            f"instrument, found {told or 'none that can be read'}. Add normal cases, or name "
            "instruments in a manifest."
        )
    scales = replace(recipe.scales, alignment=alignment.with_instruments(found))
    changed = replace(trained, recipe=replace(recipe, scales=scales), origin={})
    aligned = {name: each.normals for name, each in found.items()}
    return Aligning(changed.with_card(model_card(changed)), aligned, few)
