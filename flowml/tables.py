"""Feature tables of any origin: train on one, ask a model about one, hold answers against it.

No FCS file is read here. A table that `flowml features` wrote keeps its recipe and findings; of
any other the names of the columns are all that is known, and a model demands them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowml.adapting import (
    INPUTS,
    Adapting,
    Read,
    continued,
    known_labels,
    refuse_strangers,
    row_hashes,
)
from flowml.errors import FlowmlError, LabelError, ModelError
from flowml.features import FeatureTable
from flowml.features.casetable import CaseTable
from flowml.features.chosen import common_features, usable_rows
from flowml.features.coverage import Coverage
from flowml.findings import Finding, Severity
from flowml.models import Prediction, TrainedModel
from flowml.pipeline import Classification, events_of
from flowml.quality import Preparation
from flowml.reports.metrics import Evaluation, evaluate_predictions
from flowml.reports.provenance import describe_run
from flowml.safety import listed, nearest, printable
from flowml.training import (
    DEFAULT_SETTINGS,
    Training,
    TrainingSettings,
    canonical_labels,
)
from flowml.verdict import settled

if TYPE_CHECKING:
    import pandas as pd


def train_table(
    table: CaseTable | pd.DataFrame,
    labels: Mapping[str, str] | None = None,
    *,
    patients: Mapping[str, str] | None = None,
    settings: TrainingSettings = DEFAULT_SETTINGS,
) -> Training:
    """Train a classifier on the labelled cases of a feature table.

    Parameters
    ----------
    table : CaseTable or DataFrame
        From `flowml.read_case_table`; or a frame, a row a case, indexed by case id, all of its
        columns numbers. A frame of `flowml.extract` brings its recipe.
    labels : mapping of str to str, optional
        Case id to entity; those of the table where it is not given. Rows without a label are
        left out.
    patients : mapping of str to str, optional
        Case id to patient, for what is held out; those of the table where it is not given. A
        case of no named patient is a patient of its own.
    settings : TrainingSettings
        How the model is trained. What concerns FCS files (stand-ins, alignment) cannot be
        asked for.

    Returns
    -------
    Training
        The classifier, and what was left out. The same for any order of the rows.

    Raises
    ------
    LabelError
        If no row has a label, or an entity is not in the label tree.
    PanelError
        If no column has a number for every case.
    FlowmlError
        If a value is no number, or something is asked for that needs FCS files.
    """
    _refuse_settings(settings)
    given = _as_case_table(table)
    known = canonical_labels(_labels(given, labels), settings.scheme)
    usable, unusable = usable_rows(given.in_order(known).features)
    common, left_out = common_features(usable)
    named = given.patients if patients is None else patients
    groups = [str(named.get(case_id, case_id)) for case_id in usable.case_ids]
    entities = [known[case_id] for case_id in usable.case_ids]
    frame = usable.to_frame()[common]
    classifier = settings.classifier().fit(frame, entities, settings.said(None), groups)
    seen = {*classifier.training_[INPUTS], *row_hashes(usable.columns(common))}
    classifier.training_[INPUTS] = sorted(seen)
    return Training(classifier, unusable, left_out)


def adapt_table(
    table: CaseTable,
    model: TrainedModel,
    *,
    old: CaseTable | None = None,
    seed: int = 0,
    data_kind: str | None = None,
) -> Adapting:
    """Continue a model on the labelled cases of a feature table.

    Parameters
    ----------
    table : CaseTable
        With its labels, and patients if they are known; rows without a label are left out.
    model : TrainedModel
        Trained on columns of these names.
    old : CaseTable, optional
        Labelled cases like those that the old model was trained on, and none of these.
    seed : int
        Of the parts of new cases that are held out in turn.
    data_kind : str, optional
        What the new cases are; where it is not given and a table does not tell, unknown.

    Returns
    -------
    Adapting
        The new model, and what was won and lost.

    Raises
    ------
    LabelError
        If no row has a label, all have the same one, or the model does not know an entity.
    ModelError
        If a column is missing, there are too few cases, or an old case is a new one.
    """
    beside = None if old is None else _read_rows(old, model)
    new = _read_rows(table, model)
    return continued(model, new, beside, seed=seed, data_kind=data_kind)


def _read_rows(table: CaseTable, model: TrainedModel) -> Read:
    """Return the labelled rows of a table, for a model."""
    _refuse_missing(table, model)
    known = known_labels(_labels(table, None), model)
    refuse_strangers(known, model)
    features = table.in_order(known).features
    ids = features.case_ids
    files = [{tube.sha256 for tube in case.tubes} - {""} for case in features.cases]
    rows = row_hashes(features.columns(model.feature_names))
    inputs = [frozenset({*own, row}) for own, row in zip(files, rows, strict=True)]
    patients = [str(table.patients.get(case_id, case_id)) for case_id in ids]
    return Read(features, [known[case_id] for case_id in ids], patients, inputs)


def classify_table(table: CaseTable | pd.DataFrame, model: TrainedModel) -> Classification:
    """Answer for every case of a feature table.

    Parameters
    ----------
    table : CaseTable or DataFrame
        From `flowml.read_case_table`; or a frame, a row a case, indexed by case id.
    model : TrainedModel
        Trained on columns of these names; further ones are passed over.

    Returns
    -------
    Classification
        A row for every case, in the order of the table.

    Raises
    ------
    ModelError
        If the table lacks columns that the model needs, or was computed by another recipe.
    """
    given = _as_case_table(table)
    features = given.features
    _refuse_missing(given, model)
    seen = frozenset(model.training.get(INPUTS, ()))
    hashes = row_hashes(features.columns(model.feature_names))
    answers = [
        settled(answer, given.details.get(case.case_id, {}), None, events_of(case))
        for answer, case in zip(model.predictions(features), features.cases, strict=True)
    ]
    pairs = zip(answers, hashes, strict=True)
    predictions = tuple(_trained_on(p) if row in seen else p for p, row in pairs)
    record = describe_run(model, features, Preparation())
    record["parameters"] = {"required_probabilities": model.caution.levels.to_dict()}
    record["table"] = {"sha256": given.sha256 or None, "n_rows": len(features.cases)}
    return Classification(predictions, model.entities, record, features)


def evaluate_table(
    table: CaseTable | pd.DataFrame,
    model: TrainedModel,
    labels: Mapping[str, str] | None = None,
) -> tuple[Evaluation, Classification]:
    """Classify the labelled cases of a feature table, and hold the answers against the labels.

    Parameters
    ----------
    table : CaseTable or DataFrame
        As for `classify_table`; rows without a label are left out.
    model : TrainedModel
        Trained on columns of these names.
    labels : mapping of str to str, optional
        Case id to entity, by the names that the model knows or those of flowml; those of the
        table where it is not given.

    Returns
    -------
    evaluation : Evaluation
        Accuracy and confusion.
    classification : Classification
        The answers.

    Raises
    ------
    LabelError
        If no row has a label, or an entity is known neither to the model nor to flowml.
    ModelError
        If the table lacks columns that the model needs.
    """
    given = _as_case_table(table)
    known = canonical_labels(_labels(given, labels), model.tree.widened())
    found = classify_table(given.in_order(known), model)
    return evaluate_predictions(found.predictions, known), found


def lacking_columns(names: Any, model: TrainedModel) -> list[str]:
    """Name the columns that a model needs and a table does not have.

    Parameters
    ----------
    names : collection of str
        Columns of the table.
    model : TrainedModel
        Any.

    Returns
    -------
    list of str
        Without those that a case may lack.
    """
    spared = Coverage(model.feature_names).within(model.optional)
    there = spared.union(names)
    return [name for name in model.feature_names if name not in there]


def _as_case_table(table: CaseTable | pd.DataFrame) -> CaseTable:
    return table if isinstance(table, CaseTable) else CaseTable(FeatureTable.from_frame(table))


def _labels(table: CaseTable, labels: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the labels that are given, or those of the table."""
    found = table.labels if labels is None else {str(i): label for i, label in labels.items()}
    ids = table.features.case_ids
    rows = frozenset(ids)
    if rows.isdisjoint(found):
        example = str(next(iter(found), ""))
        why = (
            f"the labels are for {printable(example)!r} and the like; nearest row: "
            f"{printable(nearest(example, ids))}"
            if found
            else "there are no labels"
        )
        raise LabelError(
            f"none of {len(ids)} rows has a label: {why}. Labels go by the id of the row."
        )
    return {case_id: label for case_id, label in found.items() if case_id in rows}


def _trained_on(found: Prediction) -> Prediction:
    """Say of an answer that the model was trained on the very row."""
    if not found.was_usable:
        return found
    message = "the model was trained on a row of these very values; its answer proves nothing"
    finding = Finding("MODEL-TRAINED-ON", message, Severity.WARN)
    return replace(found, findings=(*found.findings, finding))


def _refuse_settings(settings: TrainingSettings) -> None:
    """Refuse what needs the events of cases."""
    if settings.align or settings.pairs:
        what = "instruments cannot be aligned" if settings.align else "no marker can stand in"
        raise FlowmlError(
            f"a table holds features and no events, so that {what}. Train on the FCS files, or "
            "leave it out."
        )


def _refuse_missing(table: CaseTable, model: TrainedModel) -> None:
    """Refuse a table without columns that the model needs."""
    features = table.features
    if model.recipe is not None and features.recipe is not None:
        return  # by the markers of each case
    if not (missing := lacking_columns(features.names, model)):
        return
    shown = printable(listed(missing), 600)
    if model.recipe is not None:
        raise ModelError(
            "the model was trained on features of FCS files (recipe "
            f"{model.recipe.summary()}), and the table lacks {len(missing)} of "
            f"{len(model.feature_names)} of them: {shown}. "
            "Classify the FCS files, or a table that 'flowml features' wrote of them."
        )
    close = nearest(missing[0], [*table.unused, *features.names])
    raise ModelError(
        f"the table lacks {len(missing)} of {len(model.feature_names)} columns that the model "
        f"needs: {shown}. Nearest to the first: {printable(close)}. Columns go by their exact "
        "names, as in training."
    )
