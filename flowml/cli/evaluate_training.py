"""Models are trained and tested again and again: the other way of ``flowml evaluate``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.choosing import CHOOSING, choosing_from, choosing_options
from flowml.cli.features import RECIPE_OPTIONS, recipe_from, recipe_options
from flowml.cli.options import chained, columns_from, reading_from

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from flowml.cli.labelled import Labelled
    from flowml.features import Recipe
    from flowml.features.casetable import CaseTable
    from flowml.judging.judge import JudgeSettings
    from flowml.training import TrainingSettings
    from flowml.validation import Parting, Validation
    from flowml.validation.validate import Validating

MIDDLE = "median"
OF_TRAINING = (
    "repeats", "recipe", "recipes", "markers", "align", "shuffle_labels", *RECIPE_OPTIONS,
    *CHOOSING,
)  # fmt: skip
WAYS = ("cross_validate", "leave_out", "train_before")

parting_options = chained(
    click.option("--cross-validate", type=click.IntRange(2, 100), metavar="K",
                 help="Train on all folds of patients but one, test on that one."),
    click.option("--repeats", type=click.IntRange(1, 100), default=1, show_default=True,
                 help="Times that the folds are drawn anew."),
    click.option("--leave-out", type=click.Choice(["instrument", "panel", "laboratory"]),
                 help="Test on the cases of each in turn, train on all others."),
    click.option("--train-before", metavar="DATE|median",
                 help="Train on the cases before this day (YYYY-MM-DD), test on later ones; by "
                 "the manifest, a column date or $DATE."),
    click.option("--shuffle-labels", is_flag=True,
                 help="A control: patients are given labels at random, and nothing may be "
                 "better than chance."),
)  # fmt: skip
training_options = chained(
    click.option("--recipes", default="", metavar="NAME,NAME",
                 help="Try several recipes on the same folds, each held against the first."),
    click.option("--align", is_flag=True,
                 help="Align instruments by the normal cases that train."),
    choosing_options,
    recipe_options,
)  # fmt: skip


def settings_from(options: dict[str, Any]) -> TrainingSettings:
    """Collect how each model is trained."""
    from flowml.training import TrainingSettings

    return TrainingSettings(
        seed=options["seed"], align=options["align"], **choosing_from(options)
    )


def evaluate_training(
    given: Labelled,
    settings: TrainingSettings,
    judging: JudgeSettings,
    options: dict[str, Any],
) -> dict[str, str]:
    """Train and test, print all figures, and draw them.

    Returns the cases that could not be used, with the reasons.
    """
    from flowml.cli.talk import note
    from flowml.safety import writable_folder
    from flowml.validation import Validating
    from flowml.validation.document import validation_document

    parting = _parting(options)
    how = Validating(
        settings,
        judging,
        options["by"],
        options["shuffle_labels"],
        trained=lambda n: note(f"models trained and asked: {n}", quiet=options["quiet"]),
    )
    table = given.table
    plans, reading = (_recipes(options), reading_from(options)) if table is None else ([], None)
    if options["out"] is not None:
        writable_folder(options["out"])
    if table is not None:
        found = _of_table(given, table, parting, how)
    else:
        found = _of_files(given, parting, plans, how, options)
    record = validation_document(found, plans or [None], parting, reading, how)
    if table is not None:
        about = {"sha256": table.sha256 or None, "n_rows": len(found.labels)}
        record["provenance"]["table"] = about
    _report(found, record, options)
    _note_leaks(found, options)
    return {p.case_id: p.reason for p in found.trials[0].out.predictions if not p.was_usable}


def _of_files(
    given: Labelled,
    parting: Parting,
    plans: list[Recipe],
    how: Validating,
    options: dict[str, Any],
) -> Validation:
    """Compute features of the cases, and train and test on them."""
    from flowml.cli.talk import progress
    from flowml.validation import validate

    entities = given.labels.entities
    columns = columns_from(options, given.cases, entities)
    with progress("reading cases", len(entities), quiet=options["quiet"]) as advance:
        return validate(
            given.cases,
            entities,
            parting,
            plans,
            columns=columns,
            reading=reading_from(options),
            how=replace(how, progress=advance),
        )


def _of_table(
    given: Labelled, table: CaseTable, parting: Parting, how: Validating
) -> Validation:
    """Train and test on features that are there."""
    from flowml.cases import patients_of
    from flowml.validation import validate_table

    entities = given.labels.entities
    features = table.in_order(entities).features
    details = {case.case_id: case.details for case in given.cases}
    return validate_table(
        features,
        [entities[case_id] for case_id in features.case_ids],
        patients_of(given.cases, features.case_ids),
        parting,
        [details[case_id] for case_id in features.case_ids],
        how,
    )


def _report(found: Validation, record: dict[str, Any], options: dict[str, Any]) -> None:
    """Write and print what came of it."""
    from flowml.reports.results import json_text, write_text
    from flowml.reports.tables import confusion_csv
    from flowml.validation.document import evaluation_of, validation_csv, validation_text

    document, out = json_text(record), options["out"]
    if out is not None:
        write_text(out / "results.csv", validation_csv(found))
        write_text(out / "evaluation.json", document + "\n")
        _draw(found, out)
    if options["form"] == "json":
        click.echo(document)
    elif options["form"] == "csv":
        click.echo(confusion_csv(evaluation_of(found)), nl=False)
    else:
        click.echo(validation_text(found))


def _note_leaks(found: Validation, options: dict[str, Any]) -> None:
    """Say of a leak where no table does, and of simulated cases always."""
    from flowml.about import SYNTHETIC_WARNING
    from flowml.cli.talk import note
    from flowml.models.about import SYNTHETIC
    from flowml.reports.judged import leak_text
    from flowml.validation.baselines import LEAKS

    if options["form"] != "table" and (leak := leak_text(found.beside, LEAKS)):
        note(leak)
    if found.trials[0].out.data_kind == SYNTHETIC:
        note(SYNTHETIC_WARNING)
    note(DISCLAIMER)


def _draw(found: Validation, out: Path) -> None:
    from flowml.reports.judged_plots import draw_judgement

    trial = found.trials[0]
    shuffled = ", LABELS SHUFFLED" if found.is_shuffled else ""
    draw_judgement(trial.judgement, f"{trial.out.data_kind}{shuffled}", out)


def _recipes(options: dict[str, Any]) -> list[Recipe]:
    names = [name.strip() for name in options["recipes"].split(",") if name.strip()]
    return [recipe_from({**options, "recipe": name}) for name in names or [options["recipe"]]]


def _parting(options: dict[str, Any]) -> Parting:
    from flowml.validation import Parting

    return Parting(
        folds=options["cross_validate"] or 0,
        repeats=options["repeats"],
        leave_out=options["leave_out"] or "",
        is_by_day=bool(options["train_before"]),
        first_day=_first_day(options["train_before"]),
        seed=options["seed"],
    )


def _first_day(text: str | None) -> dt.date | None:
    from flowml.validation.circumstances import day_in

    if not text or text == MIDDLE:
        return None
    day = day_in(text)
    if day is None:
        raise click.UsageError(
            f"--train-before {text!r}: expected a day written YYYY-MM-DD, or {MIDDLE}."
        )
    return day
