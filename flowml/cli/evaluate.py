"""``flowml evaluate``: answers held against labels, of a model or of a way of training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.features import RECIPE_OPTIONS, recipe_from, recipe_options
from flowml.cli.options import (
    cases_from,
    chained,
    columns_from,
    columns_option,
    format_option,
    label_options,
    labels_from,
    model_hash_option,
    path_argument,
    reading_from,
    reading_options,
    seed_option,
)

if TYPE_CHECKING:
    import datetime as dt

    from flowml.cases import CaseSearch, Labels
    from flowml.features import Recipe
    from flowml.judging.judge import JudgeSettings
    from flowml.records import Case
    from flowml.validation import Parting, Validation

MIDDLE = "median"
# without a model only, and by a model only
OF_TRAINING = (
    "repeats", "recipe", "recipes", "markers", "align", "shuffle_labels", *RECIPE_OPTIONS,
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
                 "the manifest or $DATE."),
)  # fmt: skip
judging_options = chained(
    click.option("--by", multiple=True, metavar="COLUMN",
                 help="Part the figures by a column of the label table or the manifest, by "
                 "instrument or panel; may be repeated."),
    click.option("--prior", "priors", multiple=True, metavar="QUESTION=SHARE",
                 help="PPV and NPV where this share of patients has it, like "
                 "acute_leukemia=0.05 or neoplasm=0.4; may be repeated."),
    click.option("--shuffle-labels", is_flag=True,
                 help="A control: patients are given labels at random, and nothing may be "
                 "better than chance."),
)  # fmt: skip


@click.command(epilog=DISCLAIMER)
@path_argument
@click.option("--model", metavar="FILE",
              help="A model that 'flowml train' wrote, or 'demo' for the bundled one "
              "(synthetic); without one, say how to train and test.")  # fmt: skip
@model_hash_option
@label_options(required=True)
@parting_options
@judging_options
@click.option(
    "--recipes",
    default="",
    metavar="NAME,NAME",
    help="Try several recipes on the same folds, each held against the first.",
)
@click.option("--align", is_flag=True, help="Align instruments by the normal cases that train.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Gets evaluation.json, results.csv and, of a model, results.json, else pictures.",
)
@recipe_options
@format_option
@columns_option
@seed_option
@reading_options
@click.pass_context
def command(context: click.Context, /, path: Path | str, **options: Any) -> int:
    """Hold answers against the labels of the cases in FOLDER.

    With --model, those of that model. With --cross-validate, --leave-out or --train-before,
    those of models that are trained on some of the patients and asked about the others.
    """
    from flowml.cli.talk import note_labels

    _check_way(context, options)
    judging = _judging(options)
    search = cases_from(path, options)
    labels = labels_from(options, list(search.cases))
    cases = _with_details(search.cases, options)
    if options["model"]:
        unusable = _by_model(cases, labels, judging, options)
    else:
        unusable = _by_training(cases, labels, judging, options)
    note_labels(labels)
    return _status(unusable, labels, search)


def _status(unusable: dict[str, str], labels: Labels, search: CaseSearch) -> int:
    from flowml.cli.talk import note_cases

    note_cases("cases could not be used, and count as not answered", unusable)
    return 1 if unusable or labels.unlabelled or search.is_incomplete else 0


def _check_way(context: click.Context, options: dict[str, Any]) -> None:
    """Refuse no way of evaluating, or several, and options that belong to another one."""
    from click.core import ParameterSource

    ways = [f"--{name.replace('_', '-')}" for name in ("model", *WAYS) if options[name]]
    if len(ways) != 1:
        raise click.UsageError(
            f"{' and '.join(ways) or 'no way of evaluating'} given, expected one of --model, "
            "--cross-validate, --leave-out and --train-before."
        )
    given = [
        name
        for name in (*OF_TRAINING, "model_sha256")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    wrong = [name for name in given if (name == "model_sha256") != bool(options["model"])]
    if (options["model"] and wrong) or "model_sha256" in wrong:
        raise click.UsageError(f"--{wrong[0].replace('_', '-')} does not go with {ways[0]}.")
    if options["repeats"] > 1 and not options["cross_validate"]:
        raise click.UsageError("--repeats goes with --cross-validate only.")


def _judging(options: dict[str, Any]) -> JudgeSettings:
    from flowml.judging.judge import JudgeSettings

    priors = {}
    for text in options["priors"]:
        name, _, share = text.partition("=")
        try:
            priors[name.strip()] = float(share)
        except ValueError:
            raise click.UsageError(
                f"--prior {text!r}: expected a question and a share, like acute_leukemia=0.05."
            ) from None
    return JudgeSettings(priors, seed=options["seed"])


def _with_details(cases: Any, options: dict[str, Any]) -> list[Case]:
    from flowml.cases import with_details

    return with_details(
        options["label_table"],
        cases,
        id_column=options["id_column"],
        but=options["label_column"],
    )


def _by_model(
    cases: list[Case], labels: Labels, judging: JudgeSettings, options: dict[str, Any]
) -> dict[str, str]:
    """Ask a model; print accuracy and confusion, or all figures where a column is named."""
    from flowml.cli.talk import note, note_model, progress
    from flowml.models import load_model
    from flowml.pipeline import evaluate, judge_classification
    from flowml.reports.judged import judgement_text
    from flowml.reports.metrics import evaluation_document
    from flowml.reports.results import json_text, write_results, write_text
    from flowml.reports.tables import confusion_csv, confusion_table
    from flowml.safety import writable_folder

    trained = load_model(options["model"], sha256=options["model_sha256"])
    columns = columns_from(options, cases, labels.entities)
    out, reading = options["out"], reading_from(options)
    if out is not None:
        writable_folder(out)
    with progress("reading cases", len(labels.entities), quiet=options["quiet"]) as advance:
        evaluation, found = evaluate(
            cases, labels.entities, trained, columns=columns, reading=reading, progress=advance
        )
    judgement = judge_classification(found, cases, labels.entities, options["by"], judging)
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
    if strangers := sorted(set(evaluation.truth) - set(trained.entities)):
        note(f"the model does not know {', '.join(strangers)}: such cases cannot be right")
    note_model(trained, found.predictions)
    return {p.case_id: p.reason for p in found.predictions if not p.was_usable}


def _by_training(
    cases: list[Case], labels: Labels, judging: JudgeSettings, options: dict[str, Any]
) -> dict[str, str]:
    """Train and test, print all figures, and draw them."""
    from flowml.cli.talk import note, progress
    from flowml.reports.results import json_text, write_text
    from flowml.reports.tables import confusion_csv
    from flowml.safety import writable_folder
    from flowml.training import TrainingSettings
    from flowml.validation import Validating, validate
    from flowml.validation.document import (
        evaluation_of,
        validation_csv,
        validation_document,
        validation_text,
    )

    plans, parting, out = _recipes(options), _parting(options), options["out"]
    columns, reading = columns_from(options, cases, labels.entities), reading_from(options)
    if out is not None:
        writable_folder(out)
    settings = TrainingSettings(seed=options["seed"], align=options["align"])
    with progress("reading cases", len(labels.entities), quiet=options["quiet"]) as advance:
        how = Validating(
            settings,
            judging,
            options["by"],
            options["shuffle_labels"],
            progress=advance,
            trained=lambda n: note(f"models trained and asked: {n}", quiet=options["quiet"]),
        )
        found = validate(
            cases, labels.entities, parting, plans, columns=columns, reading=reading, how=how
        )
    document = json_text(validation_document(found, plans, parting, reading, how))
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
    _note_leaks(found, options)
    return {p.case_id: p.reason for p in found.trials[0].out.predictions if not p.was_usable}


def _note_leaks(found: Validation, options: dict[str, Any]) -> None:
    """Say of a leak where no table does, and of simulated cases always."""
    from flowml.about import SYNTHETIC_WARNING
    from flowml.cli.talk import note
    from flowml.models.contract import SYNTHETIC
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
