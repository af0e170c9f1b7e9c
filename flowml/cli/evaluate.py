"""``flowml evaluate``: a model's answers held against labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    cases_from,
    columns_from,
    columns_option,
    format_option,
    given_from,
    given_option,
    label_options,
    labels_from,
    model_hash_option,
    model_option,
    path_argument,
    reading_from,
    reading_options,
    require_labels,
    rules_option,
)
from flowml.cli.tables import is_table, table_from, table_labels, table_options

if TYPE_CHECKING:
    from flowml.cases import Labels
    from flowml.models import TrainedModel
    from flowml.pipeline import Classification
    from flowml.reports.metrics import Evaluation


@click.command(epilog=DISCLAIMER)
@path_argument
@model_option
@model_hash_option
@label_options(required=False)
@table_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Gets evaluation.json, results.csv and results.json.",
)
@format_option
@columns_option
@given_option
@rules_option
@reading_options
def command(
    path: Path | str, model: str, model_sha256: str | None, out: Path | None, **options: Any
) -> int:
    """Classify the labelled cases in FOLDER; print accuracy and confusion.

    FOLDER may also be a table of features (CSV, TSV, Parquet): --id and --label name its
    columns of ids and labels.
    """
    from flowml.cli.talk import progress
    from flowml.models import load_model
    from flowml.pipeline import evaluate
    from flowml.safety import writable_folder

    if not (of_table := is_table(path)):
        require_labels(options)
    trained = load_model(model, sha256=model_sha256)
    if of_table:
        return _evaluate_table(path, trained, out, options)
    search = cases_from(path, options)
    cases = given_from(options, search.cases)
    labels = labels_from(options, cases, trained.tree.widened())
    columns = columns_from(options, cases, labels.entities)
    if out is not None:
        writable_folder(out)
    with progress("reading cases", len(labels.entities), quiet=options["quiet"]) as advance:
        evaluation, found = evaluate(
            cases,
            labels.entities,
            trained,
            columns=columns,
            reading=reading_from(options),
            progress=advance,
            rules=options["rules"],
        )
    all_usable = _report((evaluation, found), trained, labels, out, options)
    return 0 if all_usable and not labels.unlabelled and not search.is_incomplete else 1


def _evaluate_table(
    path: Path | str, trained: TrainedModel, out: Path | None, options: dict[str, Any]
) -> int:
    """Classify the labelled rows of a table of features; others are no failure."""
    from flowml.safety import writable_folder
    from flowml.tables import evaluate_table

    table = table_from(path, options, trained)
    labels = table_labels(table, options, trained.tree.widened())
    if out is not None:
        writable_folder(out)
    evaluated = evaluate_table(table, trained, labels.entities)
    all_usable = _report(evaluated, trained, labels, out, options)
    return 0 if all_usable and not (options["label_table"] and labels.unlabelled) else 1


def _report(
    evaluated: tuple[Evaluation, Classification],
    trained: TrainedModel,
    labels: Labels,
    out: Path | None,
    options: dict[str, Any],
) -> bool:
    """Write and print what came of it; tell whether all cases could be used."""
    from flowml.cli.talk import note, note_cases, note_labels, note_model
    from flowml.reports.metrics import evaluation_document
    from flowml.reports.results import json_text, write_results, write_text
    from flowml.reports.tables import confusion_csv, confusion_table

    evaluation, found = evaluated
    document = json_text(evaluation_document(evaluation, found.provenance))
    if out is not None:
        write_results(out, found.predictions, found.entities, found.provenance)
        write_text(out / "evaluation.json", document + "\n")
    if options["form"] == "json":
        click.echo(document)
    elif options["form"] == "csv":
        click.echo(confusion_csv(evaluation), nl=False)
    else:
        click.echo(f"{evaluation}\n\n{confusion_table(evaluation)}")
    note_labels(labels)
    if strangers := sorted(set(evaluation.truth) - set(trained.entities)):
        note(f"the model does not know {', '.join(strangers)}: such cases cannot be right")
    unusable = {p.case_id: p.reason for p in found.predictions if not p.was_usable}
    note_cases("cases could not be used, and count as not answered", unusable)
    note_model(trained, found.predictions)
    return not unusable
