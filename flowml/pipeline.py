"""The order of things: extract, train, classify, evaluate.

Every step is a call to a layer below. Nothing here writes files or prints: the command line
and lab scripts do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import LabelError, ModelError, PanelError
from flowml.features import FeatureTable, Recipe
from flowml.features.columns import OtherResults
from flowml.features.coverage import Coverage
from flowml.features.gaps import GapShares
from flowml.knowledge import load_label_tree
from flowml.models import Prediction, TrainedModel, load_model
from flowml.models.contract import check_data_kind, mixed_scales
from flowml.reading import (
    DEFAULT_READING,
    Cases,
    Progress,
    Reading,
    extract_table,
    found_cases,
)
from flowml.records import Case
from flowml.reports.metrics import Evaluation, evaluate_predictions
from flowml.reports.provenance import describe_run, policy_name
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from flowml.models.classifier import LineageClassifier


@dataclass(frozen=True)
class Training:
    """A trained classifier, and what happened on the way.

    Parameters
    ----------
    classifier : LineageClassifier
        Fitted.
    unusable : mapping of str to str
        Case id to the reason why it was left out.
    left_out_markers : tuple of str
        Markers that not every training case measured, and results of other methods that not
        every one has.
    mixed_scales : tuple of str
        Markers whose scales end too far apart to be comparable, among the training cases.
    """

    classifier: LineageClassifier
    unusable: Mapping[str, str] = field(default_factory=dict)
    left_out_markers: tuple[str, ...] = ()
    mixed_scales: tuple[str, ...] = ()


def train(  # noqa: PLR0913 - the two inputs, and settings with defaults
    cases: Cases,
    labels: Mapping[str, str],
    recipe: str | Recipe = "ecdf",
    *,
    columns: Sequence[OtherResults] = (),
    reading: Reading = DEFAULT_READING,
    seed: int = 0,
    gap_share: float = 0.0,
    data_kind: str | None = None,
    remarks: Mapping[str, str | int] | None = None,
    progress: Progress | None = None,
) -> Training:
    """Train a classifier on labelled cases.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them; those without a label are not read.
    labels : mapping of str to str
        Case id to entity.
    recipe : str or Recipe
        Features to train on.
    columns : sequence of OtherResults
        Results of other methods; the model then needs those that every training case has.
    reading : Reading
        How files are read.
    seed : int
        The same seed and cases give the same model.
    gap_share : float
        How many markers and tubes copies of the cases lack; see `flowml.LineageClassifier`.
    data_kind : str, optional
        ``real``, ``simulated-from-real``, ``resampled`` or ``synthetic``; found from the files
        if it is not given.
    remarks : mapping, optional
        Further lines for the model card, plain values.
    progress : callable, optional
        Called with the number of cases done.

    Returns
    -------
    Training
        The classifier, and what was left out.

    Raises
    ------
    LabelError
        If no case has a label, or an entity is not in the label tree.
    PanelError
        If the cases share no marker.
    FlowmlError
        If the share of gaps is none, or two `columns` are of one method.
    """
    check_data_kind(data_kind)
    known = _canonical(labels)
    GapShares(gap_share, gap_share)  # refuses what is no share before the work is done
    table = extract_table(_training_cases(cases, known), recipe, reading, progress, columns)
    said = {**_said_of(reading), "seed": seed, **(remarks or {})}
    said |= {"data_kind": data_kind} if data_kind else {}
    return _fitted(table, known, said, gap_share)


def _said_of(reading: Reading) -> dict[str, Any]:
    """Say for the model card how the files were read."""
    own = {"marker_names": str(reading.marker_names)} if reading.marker_names else {}
    return {"compensation": policy_name(reading.compensation), **own}


def _training_cases(cases: Cases, labels: Mapping[str, str]) -> list[Case]:
    """Return the cases that have a label; labels must be of two entities or more."""
    chosen = _labelled(found_cases(cases), labels)
    _check_entities([labels[case.case_id] for case in chosen])
    return chosen


def _fitted(
    table: FeatureTable, labels: Mapping[str, str], said: dict[str, Any], gap_share: float
) -> Training:
    """Fit a classifier on the rows of a table that can be used."""
    from flowml.models.classifier import LineageClassifier

    unusable = {case.case_id: case.problem for case in table.cases if case.problem}
    usable = table.rows([not case.problem for case in table.cases])
    if not usable.cases:
        first = next(iter(unusable.values()))
        raise PanelError(
            f"none of {len(table.cases)} labelled cases can be used; the first: {first}"
        )
    entities = [labels[case_id] for case_id in usable.case_ids]
    _check_entities(entities)
    _refuse_contradictions(usable, entities)
    common, left_out = _common_features(usable)
    classifier = LineageClassifier(
        load_label_tree(), random_state=said["seed"], gap_share=gap_share
    )
    classifier.fit(usable.to_frame()[common], entities, said)
    return Training(classifier, unusable, left_out, mixed_scales(classifier.training_))


def _canonical(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the canonical entity of each case."""
    tree = load_label_tree()
    wrong = [key for key, label in labels.items() if not isinstance(label, str)]
    if wrong:
        raise LabelError(
            f"the label of {printable(wrong[0])!r} is {printable(labels[wrong[0]])}, expected "
            "the name of an entity. Leave out cases without a label."
        )
    return {str(case_id): tree.canonical(label) for case_id, label in labels.items()}


def _check_entities(entities: Sequence[str]) -> None:
    """Refuse to train on a single entity."""
    if len(set(entities)) == 1:
        raise LabelError(
            f"all {len(entities)} training cases that can be used are {entities[0]}, expected "
            "two or more entities. Add labelled cases of another entity."
        )


def _refuse_contradictions(table: FeatureTable, entities: Sequence[str]) -> None:
    """Refuse one file in two cases that have different labels."""
    of_file: dict[str, tuple[str, str]] = {}
    for case, entity in zip(table.cases, entities, strict=True):
        for digest in {tube.sha256 for tube in case.tubes} - {""}:
            other, before = of_file.setdefault(digest, (case.case_id, entity))
            if before != entity:
                raise LabelError(
                    f"the cases {printable(other)!r} ({before}) and "
                    f"{printable(case.case_id)!r} ({entity}) hold the same file. Correct the "
                    "labels, or leave one out."
                )


def _labelled(cases: Sequence[Case], labels: Mapping[str, str]) -> list[Case]:
    """Return the cases that have a label, in order of their ids."""
    chosen = sorted(
        (case for case in cases if case.case_id in labels), key=lambda case: case.case_id
    )
    if not chosen:
        example, ids = next(iter(labels), ""), [case.case_id for case in cases]
        raise LabelError(
            f"none of {len(cases)} cases has a label: the labels are for "
            f"{printable(example)!r} and the like; nearest case: {nearest(example, ids)}. "
            "Labels go by case id."
        )
    return chosen


def _common_features(table: FeatureTable) -> tuple[list[str], tuple[str, ...]]:
    """Keep the markers that every case measured, and the results that every one has.

    Trees send a missing value where training told them, so that a marker that is sometimes
    missing would teach them who orders it.
    """
    complete = np.asarray(np.isfinite(table.values).all(axis=0))
    common = [name for name, whole in zip(table.names, complete.tolist(), strict=True) if whole]
    markers, results = Coverage(table.names).lacking(~complete)
    left_out = (*markers, *results)
    if not Coverage(common).markers:
        raise PanelError(
            f"the training cases share no marker; they have {', '.join(left_out[:20])}. "
            "Train on cases of one panel."
        )
    return common, left_out


@dataclass(frozen=True)
class Classification:
    """Answers, and how they came about.

    Parameters
    ----------
    predictions : tuple of Prediction
        One for each case, in order of their ids.
    entities : tuple of str
        Entities of the model.
    provenance : mapping
        Versions, hashes, parameters and inputs, plain values.
    """

    predictions: tuple[Prediction, ...]
    entities: tuple[str, ...]
    provenance: Mapping[str, Any]


def classify(
    cases: Cases,
    model: TrainedModel | Path | str,
    *,
    columns: Sequence[OtherResults] = (),
    reading: Reading = DEFAULT_READING,
    progress: Progress | None = None,
) -> Classification:
    """Answer for every case.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them.
    model : TrainedModel or path-like
        A model, or the file that holds it; ``demo`` is the bundled one.
    columns : sequence of OtherResults
        Results of other methods, which some models need (`TrainedModel.results`).
    reading : Reading
        How files are read.
    progress : callable, optional
        Called with the number of cases done.

    Returns
    -------
    Classification
        A row for every case, also for those that cannot be used.

    Raises
    ------
    ModelError
        If the model cannot be used, or was not trained on FCS files.
    FlowmlError
        If two `columns` are of one method.
    """
    trained = model if isinstance(model, TrainedModel) else load_model(model)
    if trained.recipe is None:
        raise ModelError(
            "the model was trained on a feature table of another origin; it has no recipe by "
            "which features could be computed from FCS files."
        )
    found = sorted(found_cases(cases), key=lambda case: case.case_id)
    table = extract_table(found, trained.recipe, reading, progress, columns)
    provenance = describe_run(trained, table, reading.preparation) | _origins(columns)
    return Classification(tuple(trained.predictions(table)), trained.entities, provenance)


def _origins(columns: Sequence[OtherResults]) -> dict[str, Any]:
    """Say for the record what was joined; a file's name may tell too much."""
    if not columns:
        return {}
    joined = [
        {"method": r.method, "quantities": list(r.quantities), "sha256": r.sha256 or None}
        for r in columns
    ]
    return {"other_methods": joined}


def evaluate(
    cases: Cases,
    labels: Mapping[str, str],
    model: TrainedModel | Path | str,
    *,
    columns: Sequence[OtherResults] = (),
    reading: Reading = DEFAULT_READING,
    progress: Progress | None = None,
) -> tuple[Evaluation, Classification]:
    """Classify labelled cases, and hold the answers against the labels.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them; those without a label are not read.
    labels : mapping of str to str
        Case id to entity.
    model : TrainedModel or path-like
        A model, or the file that holds it.
    columns : sequence of OtherResults
        Results of other methods, which some models need.
    reading : Reading
        How files are read.
    progress : callable, optional
        Called with the number of cases done.

    Returns
    -------
    evaluation : Evaluation
        Accuracy and confusion.
    classification : Classification
        The answers.

    Raises
    ------
    LabelError
        If no case has a label, or an entity is not in the label tree.
    ModelError
        If the model cannot be used.
    FlowmlError
        If two `columns` are of one method.
    """
    known = _canonical(labels)
    labelled = _labelled(found_cases(cases), known)
    found = classify(labelled, model, columns=columns, reading=reading, progress=progress)
    return evaluate_predictions(found.predictions, known), found
