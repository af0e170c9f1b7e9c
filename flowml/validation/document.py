"""What is written of a validation: all figures, all folds, all seeds."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.about import DISCLAIMER, __version__
from flowml.judging.compare import holm
from flowml.judging.plain import plain
from flowml.models.answer import RESULT_COLUMNS
from flowml.reports.judged import (
    beside_text,
    judgement_text,
    leak_text,
    simple_ones_ahead,
    trials_text,
)
from flowml.reports.metrics import Evaluation, evaluate_predictions
from flowml.reports.provenance import input_record, policy_name
from flowml.reports.results import csv_text
from flowml.validation.baselines import LEAKS
from flowml.validation.validate import TABLE

if TYPE_CHECKING:
    from flowml.features import Recipe
    from flowml.judging import Judgement
    from flowml.judging.compare import Difference
    from flowml.reading import Reading
    from flowml.training import TrainingSettings
    from flowml.validation.parting import Parting
    from flowml.validation.splits import Split
    from flowml.validation.validate import Trial, Validating, Validation

LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "xgboost")


def evaluation_of(validation: Validation) -> Evaluation:
    """Return the counts of the first recipe, as for a given model.

    Parameters
    ----------
    validation : Validation
        Any.

    Returns
    -------
    Evaluation
        A case counts as often as it was tested.
    """
    labels = dict(zip(validation.table.case_ids, validation.labels, strict=True))
    return evaluate_predictions(validation.trials[0].out.predictions, labels)


def differing(validation: Validation) -> set[str]:
    """Name the recipes that were shown to differ from the first.

    Parameters
    ----------
    validation : Validation
        Any.

    Returns
    -------
    set of str
        By McNemar's test on entities at 5 %, with Holm's correction for all of them.
    """
    return holm(
        {each.recipe: each.difference.p for each in validation.trials if each.difference}
    )


def validation_text(validation: Validation) -> str:
    """Write a validation for a terminal.

    Parameters
    ----------
    validation : Validation
        Any.

    Returns
    -------
    str
        The first recipe whole; baselines, other recipes and notes.
    """
    first, others = validation.trials[0], validation.trials[1:]
    parts = [
        _heading(validation),
        judgement_text(first.judgement),
        beside_text(validation.beside),
        leak_text(validation.beside, LEAKS),
        *simple_ones_ahead(validation.beside, LEAKS),
        trials_text([_row(each) for each in validation.trials], differing(validation))
        if others
        else "",
        "\n".join(f"note: {note}" for note in validation.notes),
    ]
    return "\n\n".join(filter(None, parts))


def _row(trial: Trial) -> tuple[str, int, Judgement, Difference | None]:
    return trial.recipe, trial.out.n_features, trial.judgement, trial.difference


def _heading(validation: Validation) -> str:
    trial = validation.trials[0]
    judged, kind = trial.judgement, trial.out.data_kind
    features = trial.recipe if trial.recipe == TABLE else f"recipe {trial.recipe}"
    who = f"{judged.n_cases} cases of {judged.n_patients} patients ({kind})"
    lines = [
        f"{who}; {validation.splits.how}; {features}",
        "shares with 95 % intervals by patient; no case was seen by the model that answers it",
    ]
    if validation.is_shuffled:
        lines.append("THE LABELS WERE SHUFFLED: everything below must be at chance.")
    return "\n".join(lines)


def validation_document(
    validation: Validation,
    recipes: Sequence[Recipe | None],
    parting: Parting,
    reading: Reading | None,
    how: Validating,
) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds of a validation.

    Parameters
    ----------
    validation : Validation
        Any.
    recipes : sequence of (Recipe or None)
        Those that were tried; None for a table of features.
    parting : Parting
        How cases were parted.
    reading : Reading or None
        How files were read; None for a table of features.
    how : Validating
        How models were trained and judged.

    Returns
    -------
    dict
        Plain values; of patients nothing but the ids of cases.
    """
    kept, ids = differing(validation), validation.table.case_ids
    return {
        "evaluation": evaluation_of(validation).to_dict(),
        "data_kind": validation.trials[0].out.data_kind,
        "how": validation.splits.how,
        "labels_shuffled": validation.is_shuffled,
        "notes": list(validation.notes),
        "recipes": [
            {
                "name": trial.recipe,
                "settings": plain(recipe),
                "n_features": trial.out.n_features,
                "judgement": plain(trial.judgement),
                "difference_from_first": plain(trial.difference),
                "differs": trial.recipe in kept,
            }
            for trial, recipe in zip(validation.trials, recipes, strict=True)
        ],
        "every_case_answered": [
            {**plain(each), "is_at_chance": each.is_at_chance} for each in validation.beside
        ],
        "leaks": leak_text(validation.beside, LEAKS),
        "splits": [_split(each, ids) for each in validation.splits.parts],
        "provenance": _provenance(validation, parting, reading, how),
    }


def _split(split: Split, ids: Sequence[str]) -> dict[str, Any]:
    """Return the cases of a split; those not named were trained on."""
    neither = np.setdiff1d(np.arange(len(ids)), np.concatenate([split.train, split.test]))
    return {
        "name": split.name,
        "n_train": len(split.train),
        "test": [ids[row] for row in split.test],
        "neither": [ids[row] for row in neither],
    }


def _provenance(
    validation: Validation, parting: Parting, reading: Reading | None, how: Validating
) -> dict[str, Any]:
    return {
        "disclaimer": DISCLAIMER,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "flowml": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        "parameters": {
            **({} if reading is None else _reading(reading)),
            "parting": plain(parting) | {"first_day": str(parting.first_day or "")},
            "training": _training(how.settings),
            "by": list(how.by),
        },
        "inputs": [input_record(case) for case in validation.table.cases],
    }


def _reading(reading: Reading) -> dict[str, Any]:
    names = reading.marker_names
    return {
        "compensation": policy_name(reading.compensation),
        "marker_names": None if names is None else str(names),
        "quality": reading.quality,
    }


def _training(settings: TrainingSettings) -> dict[str, Any]:
    scheme = settings.scheme
    plainly = plain(replace(settings, scheme=None))
    return {**plainly, "scheme": None if scheme is None else scheme.to_list()}


def validation_csv(validation: Validation) -> str:
    """Return the answers of the first recipe, each with its label and split.

    Parameters
    ----------
    validation : Validation
        Any.

    Returns
    -------
    str
        A row for each time that a case was tested, in order of cases.
    """
    out = validation.trials[0].out
    labels = out.of(validation.labels)
    parts = [validation.splits.parts[number].name for number in out.splits]
    told = {name for p in out.predictions for name in p.probabilities}
    entities = sorted({*validation.labels, *told})
    rows = [
        {"label": label, "split": part, **prediction.as_row(entities)}
        for label, part, prediction in zip(labels, parts, out.predictions, strict=True)
    ]
    order = np.lexsort((out.splits, out.rows))
    columns = [RESULT_COLUMNS[0], "label", "split", *RESULT_COLUMNS[1:]]
    columns += [f"probability_{name}" for name in entities]
    return csv_text(columns, [rows[place] for place in order])
