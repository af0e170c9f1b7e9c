"""``flowml evaluate``: answers held against labels, of a model or of a way of training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.evaluate_model import evaluate_model
from flowml.cli.evaluate_training import (
    OF_TRAINING,
    WAYS,
    evaluate_training,
    parting_options,
    settings_from,
    training_options,
)
from flowml.cli.labelled import labelled_folder, labelled_table
from flowml.cli.options import (
    chained,
    columns_option,
    format_option,
    given_option,
    label_options,
    model_hash_option,
    path_argument,
    reading_options,
    require_labels,
    rules_option,
    seed_option,
)
from flowml.cli.tables import is_table, table_options

if TYPE_CHECKING:
    from flowml.judging.judge import JudgeSettings

OF_MODEL = ("model_sha256", "rules")
judging_options = chained(
    click.option("--by", multiple=True, metavar="COLUMN",
                 help="Part the figures by a column of the label table, the manifest or the "
                 "table of features, by instrument or panel; may be repeated."),
    click.option("--prior", "priors", multiple=True, metavar="QUESTION=SHARE",
                 help="PPV and NPV where this share of patients has it, like "
                 "acute_leukemia=0.05 or neoplasm=0.4; may be repeated."),
)  # fmt: skip


@click.command(epilog=DISCLAIMER)
@path_argument
@click.option("--model", metavar="FILE",
              help="A model that 'flowml train' wrote, or 'demo' for the bundled one "
              "(synthetic); without one, say how to train and test.")  # fmt: skip
@model_hash_option
@label_options(required=False)
@table_options
@parting_options
@judging_options
@training_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Gets evaluation.json, results.csv and, of a model, results.json, else pictures.",
)
@format_option
@columns_option
@given_option
@rules_option
@seed_option
@reading_options
@click.pass_context
def command(context: click.Context, /, path: Path | str, **options: Any) -> int:
    """Hold answers against the labels of the cases in FOLDER.

    With --model, those of that model. With --cross-validate, --leave-out or --train-before,
    those of models that are trained on some of the patients and asked about the others.

    FOLDER may also be a table of features (CSV, TSV, Parquet): --id and --label name its
    columns of ids and labels, --group that of patients.
    """
    from flowml.cli.talk import note_cases, note_labels
    from flowml.models import load_model

    _check_way(context, options)
    judging, settings = _judging(options), settings_from(options)
    if not (of_table := is_table(path)):
        require_labels(options)
    name = options["model"]
    model = load_model(name, sha256=options["model_sha256"]) if name else None
    tree = model.tree.widened() if model else settings.tree
    if of_table:
        given = labelled_table(path, options, tree, model)
    else:
        given = labelled_folder(path, options, tree)
    if model is not None:
        unusable = evaluate_model(given, model, judging, options)
    else:
        unusable = evaluate_training(given, settings, judging, options)
    note_labels(given.labels)
    note_cases("cases could not be used, and count as not answered", unusable)
    return 0 if given.is_whole and not unusable else 1


def _check_way(context: click.Context, options: dict[str, Any]) -> None:
    """Refuse no way of evaluating, or several, and options that belong to another one."""
    from click.core import ParameterSource

    ways = [f"--{name.replace('_', '-')}" for name in ("model", *WAYS) if options[name]]
    if len(ways) != 1:
        raise click.UsageError(
            f"{' and '.join(ways) or 'no way of evaluating'} given, expected one of --model, "
            "--cross-validate, --leave-out and --train-before."
        )
    for name in OF_TRAINING if options["model"] else OF_MODEL:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            flag = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{flag} does not go with {ways[0]}.")
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
