"""``flowml classify``: an answer, or a reason, for every case."""

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
    rules_option,
)
from flowml.cli.tables import is_table, table_from, table_labels, table_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.cases import Labels
    from flowml.models import TrainedModel
    from flowml.pipeline import Classification


@click.command(epilog=DISCLAIMER)
@path_argument
@model_option
@model_hash_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Gets results.csv and results.json.")  # fmt: skip
@format_option
@label_options(required=False)
@table_options
@columns_option
@given_option
@rules_option
@reading_options
def command(
    path: Path | str, model: str, model_sha256: str | None, out: Path | None, **options: Any
) -> int:
    """Classify the cases in FOLDER: lineage, category, entity, leukemia or lymphoma.

    With --labels, only the cases that the table names (and --where selects) are classified, and
    the accuracy is printed.

    FOLDER may also be a table of features (CSV, TSV, Parquet): --id names its column of ids,
    and --label, for the accuracy, that of labels.
    """
    from flowml.models import load_model

    if is_table(path):
        trained = load_model(model, sha256=model_sha256)
        return _classify_table(path, trained, out, options)
    from flowml.cli.talk import progress
    from flowml.pipeline import classify
    from flowml.safety import writable_folder

    if options["where"] and not options["label_table"]:
        raise click.UsageError("--where selects rows of a label table: give --labels too.")
    trained = load_model(model, sha256=model_sha256)
    search = cases_from(path, options)
    cases = given_from(options, search.cases)
    tree = trained.tree.widened()
    labels = labels_from(options, cases, tree) if options["label_table"] else None
    columns = columns_from(options, cases, labels.entities if labels else None)
    if labels is not None:
        cases = [case for case in cases if case.case_id in labels.entities]
    if out is not None:
        writable_folder(out)
    with progress("reading cases", len(cases), quiet=options["quiet"]) as advance:
        found = classify(
            cases,
            trained,
            columns=columns,
            reading=reading_from(options),
            progress=advance,
            rules=options["rules"],
        )
    _report(found, trained, labels, out, options)
    usable = all(prediction.was_usable for prediction in found.predictions)
    return 0 if usable and not search.is_incomplete else 1


def _classify_table(
    path: Path | str, trained: TrainedModel, out: Path | None, options: dict[str, Any]
) -> int:
    """Classify the rows of a table of features."""
    from flowml.safety import writable_folder
    from flowml.tables import classify_table

    table = table_from(path, options, trained)
    labels = None
    if options["label_table"] or table.labels:
        labels = table_labels(table, options, trained.tree.widened())
    if options["label_table"] and labels is not None:
        table = table.rows(labels.entities)
    if out is not None:
        writable_folder(out)
    found = classify_table(table, trained)
    _report(found, trained, labels, out, options)
    return 0 if all(prediction.was_usable for prediction in found.predictions) else 1


def _report(
    found: Classification,
    trained: TrainedModel,
    labels: Labels | None,
    out: Path | None,
    options: dict[str, Any],
) -> None:
    """Write and print the answers."""
    from flowml.cli.talk import note_labels, note_model
    from flowml.reports.results import write_results

    if out is not None:
        write_results(out, found.predictions, found.entities, found.provenance)
    _show(found, options)
    note_model(trained, found.predictions)
    if labels is not None:
        note_labels(labels)
        _show_accuracy(found, labels.entities, options["form"])


def _show(found: Classification, options: dict[str, Any]) -> None:
    """Print the answers, and what should be known about them."""
    from flowml.cli.talk import note
    from flowml.reports.results import results_csv, results_document
    from flowml.reports.tables import findings_text, result_table

    if options["form"] == "csv":
        click.echo(results_csv(found.predictions, found.entities), nl=False)
    elif options["form"] == "json":
        click.echo(results_document(found.predictions, found.entities, found.provenance))
    else:
        click.echo(result_table(found.predictions))
    if options["verbose"]:
        note(findings_text(found.predictions))


def _show_accuracy(found: Classification, labels: Mapping[str, str], form: str) -> None:
    from flowml.cli.talk import note
    from flowml.reports.metrics import evaluate_predictions

    accuracy = f"accuracy: {evaluate_predictions(found.predictions, labels)}"
    if form == "table":
        click.echo(accuracy)
    else:
        note(accuracy)
