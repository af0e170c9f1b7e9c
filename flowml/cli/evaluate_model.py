"""A model is asked about labelled cases: one way of ``flowml evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowml.cli.options import columns_from, reading_from

if TYPE_CHECKING:
    from flowml.cli.labelled import Labelled
    from flowml.judging import Judgement
    from flowml.judging.judge import JudgeSettings
    from flowml.models import TrainedModel
    from flowml.pipeline import Classification
    from flowml.reports.metrics import Evaluation


def evaluate_model(
    given: Labelled, model: TrainedModel, judging: JudgeSettings, options: dict[str, Any]
) -> dict[str, str]:
    """Print accuracy and confusion, or all figures where a column is named.

    Returns the cases that could not be used, with the reasons.
    """
    from flowml.cli.talk import note, note_model
    from flowml.pipeline import judge_classification
    from flowml.safety import writable_folder

    if options["out"] is not None:
        writable_folder(options["out"])
    evaluation, found = _asked(given, model, options)
    entities, tree = given.labels.entities, model.tree.widened()
    judgement = judge_classification(found, given.cases, entities, tree, options["by"], judging)
    _report(evaluation, found, judgement, options)
    if strangers := sorted(set(evaluation.truth) - set(model.entities)):
        note(f"the model does not know {', '.join(strangers)}: such cases cannot be right")
    note_model(model, found.predictions)
    return {p.case_id: p.reason for p in found.predictions if not p.was_usable}


def _asked(
    given: Labelled, model: TrainedModel, options: dict[str, Any]
) -> tuple[Evaluation, Classification]:
    """Ask the model about features that are there, or about files."""
    from flowml.cli.talk import progress
    from flowml.pipeline import evaluate
    from flowml.tables import evaluate_table

    entities = given.labels.entities
    if given.table is not None:
        return evaluate_table(given.table, model, entities)
    columns = columns_from(options, given.cases, entities)
    with progress("reading cases", len(entities), quiet=options["quiet"]) as advance:
        return evaluate(
            given.cases,
            entities,
            model,
            columns=columns,
            reading=reading_from(options),
            progress=advance,
            rules=options["rules"],
        )


def _report(
    evaluation: Evaluation,
    found: Classification,
    judgement: Judgement,
    options: dict[str, Any],
) -> None:
    """Write and print what came of it."""
    from flowml.reports.judged import judgement_text
    from flowml.reports.metrics import evaluation_document
    from flowml.reports.results import json_text, write_results, write_text
    from flowml.reports.tables import confusion_csv, confusion_table

    out = options["out"]
    document = json_text(evaluation_document(evaluation, found.provenance, judgement))
    if out is not None:
        write_results(out, found.predictions, found.entities, found.provenance)
        write_text(out / "evaluation.json", document + "\n")
    if options["form"] == "json":
        click.echo(document)
    elif options["form"] == "csv":
        click.echo(confusion_csv(evaluation), nl=False)
    elif options["by"] or options["priors"]:
        click.echo(f"{evaluation}\n\n{judgement_text(judgement)}")
    else:
        click.echo(f"{evaluation}\n\n{confusion_table(evaluation)}")
