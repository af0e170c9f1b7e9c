"""The order of things: classify and evaluate; training has a module of its own.

Every step is a call to a layer below. Nothing here writes files or prints: the command line
and lab scripts do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowml.cases import patients_of
from flowml.errors import ModelError
from flowml.features import CaseFeatures, FeatureTable, FittedRecipe
from flowml.features.columns import OtherResults
from flowml.gating.rules.evidence import TubeEvents
from flowml.judging import Judgement, judge
from flowml.judging.judge import DEFAULT_JUDGING, JudgeSettings
from flowml.knowledge import LabelTree
from flowml.models import Prediction, TrainedModel, load_model
from flowml.reading import DEFAULT_READING, Cases, Progress, Reading, extract_table, found_cases
from flowml.records import Case
from flowml.reports.metrics import Evaluation, evaluate_predictions
from flowml.reports.provenance import describe_run
from flowml.training import canonical_labels, labelled_cases
from flowml.validation.circumstances import circumstances_of, column_of
from flowml.verdict import settled


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
    table : FeatureTable
        What the model was asked about.
    """

    predictions: tuple[Prediction, ...]
    entities: tuple[str, ...]
    provenance: Mapping[str, Any]
    table: FeatureTable


def classify(
    cases: Cases,
    model: TrainedModel | Path | str,
    *,
    columns: Sequence[OtherResults] = (),
    reading: Reading = DEFAULT_READING,
    progress: Progress | None = None,
    rules: bool = True,
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
    rules : bool
        Whether the laboratory's own rules are asked, too, and held against the answers.

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
    trained, recipe = model_for_files(model)
    found = sorted(found_cases(cases), key=lambda case: case.case_id)
    asked = replace(reading, rules=rules)
    table = extract_table(found, recipe, asked, progress, columns)
    provenance = describe_run(trained, table, reading.preparation) | _origins(columns)
    answers = [
        settled(answer, case.details, row.evidence, events_of(row))
        for answer, case, row in zip(
            trained.predictions(table), found, table.cases, strict=True
        )
    ]
    return Classification(
        tuple(answers), trained.entities, provenance | {"rules": rules}, table
    )


def model_for_files(model: TrainedModel | Path | str) -> tuple[TrainedModel, FittedRecipe]:
    """Return a model with the recipe by which it takes FCS files.

    Parameters
    ----------
    model : TrainedModel or path-like
        A model, or the file that holds it; ``demo`` is the bundled one.

    Returns
    -------
    model : TrainedModel
        Loaded and checked.
    recipe : FittedRecipe
        Its own.

    Raises
    ------
    ModelError
        If the model cannot be used, or was not trained on FCS files.
    """
    trained = model if isinstance(model, TrainedModel) else load_model(model)
    if trained.recipe is None:
        raise ModelError(
            "the model was trained on a feature table of another origin; it has no recipe by "
            "which features could be computed from FCS files. Give a table with its columns "
            "in place of the folder, or train a model on FCS files."
        )
    return trained, trained.recipe


def events_of(case: CaseFeatures) -> tuple[TubeEvents, ...]:
    """Return how many events each tube of a case had.

    Parameters
    ----------
    case : CaseFeatures
        With the tubes that were read.

    Returns
    -------
    tuple of TubeEvents
        Empty for a case that cannot be used.
    """
    if case.problem:
        return ()
    return tuple(TubeEvents(tube.name, tube.n_events) for tube in case.tubes)


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
    rules: bool = True,
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
    rules : bool
        As for `classify`.

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
    trained = model if isinstance(model, TrainedModel) else load_model(model)
    known = canonical_labels(labels, trained.tree.widened())
    labelled = labelled_cases(found_cases(cases), known)
    found = classify(
        labelled, trained, columns=columns, reading=reading, progress=progress, rules=rules
    )
    return evaluate_predictions(found.predictions, known), found


def judge_classification(
    found: Classification,
    cases: Sequence[Case],
    labels: Mapping[str, str],
    tree: LabelTree,
    by: Sequence[str] = (),
    settings: JudgeSettings = DEFAULT_JUDGING,
) -> Judgement:
    """Hold the answers of a model against labels, with all figures.

    Parameters
    ----------
    found : Classification
        The answers.
    cases : sequence of Case
        Of which at least these were asked about; their details name patients and columns.
    labels : mapping of str to str
        Case id to entity.
    tree : LabelTree
        Knows the entities of the labels and those of the model (`LabelTree.widened`).
    by : sequence of str
        Columns of the details by which cases are parted.
    settings : JudgeSettings
        Priors, and how patients are drawn.

    Returns
    -------
    Judgement
        With 95 % intervals by patient.

    Raises
    ------
    FlowmlError
        If no case has a column.
    """
    known, own = canonical_labels(labels, tree), {case.case_id: case for case in cases}
    chosen = [own[p.case_id] for p in found.predictions]
    about = circumstances_of(found.table, [case.details for case in chosen])
    return judge(
        found.predictions,
        [known[case.case_id] for case in chosen],
        tree,
        patients_of(chosen, [case.case_id for case in chosen]),
        by={name: column_of(about, name) for name in by},
        settings=settings,
    )
