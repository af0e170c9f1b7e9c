"""``flowml train``: labelled cases become a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.choosing import choosing_from, choosing_options, say_what_was_chosen
from flowml.cli.features import recipe_from, recipe_options
from flowml.cli.options import (
    cases_from,
    columns_from,
    columns_option,
    label_options,
    labels_from,
    path_argument,
    reading_from,
    reading_options,
    refuse_overwriting,
    refuse_unwritable,
    require_labels,
    seed_option,
    side_tables,
)
from flowml.cli.tables import is_table, table_from, table_labels, table_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.models import TrainedModel
    from flowml.training import Training, TrainingSettings

AUTO = "auto"  # as LineageClassifier(optional=...) takes it, which is slow to import
FEW_CASES = 10  # of an entity, below which its answers deserve no trust


@click.command(epilog=DISCLAIMER)
@path_argument
@label_options(required=False)
@table_options
@choosing_options
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE", help="The model; usually ends in .flowml.")  # fmt: skip
@click.option("--data-kind",
              type=click.Choice(["real", "simulated-from-real", "resampled", "synthetic"]),
              help="What the cases are; found from the files if omitted.")  # fmt: skip
@click.option("--optional", metavar="MARKERS", default="",
              help="Markers that later cases may lack, parted by commas, or 'auto' to try "
              "each: optional is what costs little on training cases held out.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(0, 1, max_open=True), default=0.05,
              show_default=True, help="Share of cases that may be lost without them, at the "
              "upper end of its 95 % interval.")  # fmt: skip
@click.option("--stand-in", "stand_ins", multiple=True, metavar="MARKER=OTHER",
              help="Where a case has no MARKER, OTHER stands in for it, if that costs as "
              "little on training cases that measured both; may be repeated.")  # fmt: skip
@click.option("--align", is_flag=True,
              help="Align instruments that differ by their cases labelled normal; a later case "
              "of another instrument is for review.")  # fmt: skip
@recipe_options
@columns_option
@seed_option
@reading_options
def command(path: Path | str, out: Path, **options: Any) -> int:
    """Train a model on the labelled cases in FOLDER, and write it to one file.

    FOLDER may also be a table of features of any origin (CSV, TSV, Parquet): --id and --label
    name its columns of ids and labels. Rows without a label are left out.
    """
    from flowml.cli.talk import note_cases, note_labels, progress
    from flowml.training import train

    inputs = (options["label_table"], options["scheme"], *side_tables(options))
    refuse_overwriting(out, path, *filter(None, inputs))
    settings = _settings(options)
    if is_table(path):
        return _train_on_table(path, out, settings, options)
    require_labels(options)
    plan = recipe_from(options)
    search = cases_from(path, options)
    cases = list(search.cases)
    labels = labels_from(options, cases, settings.scheme)
    columns = columns_from(options, cases, labels.entities)
    refuse_unwritable(out)
    with progress("reading cases", len(labels.entities), quiet=options["quiet"]) as advance:
        training = train(
            cases,
            labels.entities,
            plan,
            columns=columns,
            reading=reading_from(options),
            settings=settings,
            progress=advance,
        )
    training.classifier.save(out)
    note_labels(labels)
    note_cases("cases could not be used", training.unusable)
    _say_what_was_trained(training, out)
    return 1 if training.unusable or labels.unlabelled or search.is_incomplete else 0


def _settings(options: dict[str, Any]) -> TrainingSettings:
    """Collect how the model is trained."""
    from flowml.training import TrainingSettings

    return TrainingSettings(
        seed=options["seed"],
        optional=_listed(options["optional"]),
        tolerance=options["tolerance"],
        stand_ins=_pairs(options["stand_ins"]),
        data_kind=options["data_kind"],
        align=options["align"],
        **choosing_from(options),
    )


def _train_on_table(
    path: Path | str, out: Path, settings: TrainingSettings, options: dict[str, Any]
) -> int:
    """Train on a table of features; rows without a label are no failure."""
    from flowml.cli.talk import note_cases, note_labels
    from flowml.tables import train_table

    table = table_from(path, options)
    labels = table_labels(table, options, settings.scheme)
    refuse_unwritable(out)
    training = train_table(table, labels.entities, settings=settings)
    training.classifier.save(out)
    note_labels(labels)
    note_cases("cases could not be used", training.unusable)
    _say_what_was_trained(training, out)
    return 1 if training.unusable or (options["label_table"] and labels.unlabelled) else 0


def _listed(text: str) -> str | list[str]:
    """Return the markers that are named; one word for all of them stays as it is."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    return AUTO if names == [AUTO] else names


def _pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return the markers and stand-ins that are named."""
    from flowml.safety import printable

    found = []
    for text in texts:
        marker, _, other = (part.strip() for part in text.partition("="))
        if not marker or not other:
            raise click.UsageError(
                f"--stand-in {printable(text, 80)!r}: expected a marker and what stands in for "
                "it, like FSC-A=FSC-H."
            )
        found.append((marker, other))
    return found


def _say_what_may_stand_in(model: TrainedModel) -> None:
    """Print what was tried out of markers that others may stand in for."""
    from flowml.models.standin import accepted_of, said_of_stand_in
    from flowml.safety import printable

    tried, accepted = model.training.get("stand_ins", {}), accepted_of(model.training)
    for trial in tried.get("alone", ()):
        ((marker, other),) = trial["pairs"]
        may = "may" if (marker, other) in accepted else "may not"
        names = f"{printable(other, 80)} {may} stand in for {printable(marker, 80)}"
        click.echo(f"{names}: {said_of_stand_in(trial)}")


def _say_what_may_be_missing(model: TrainedModel) -> None:
    """Print what was tried out of markers that cases may lack."""
    from flowml.models.contract import said_of_trial
    from flowml.safety import printable

    if not (absence := model.training.get("absence")):
        return
    click.echo(f"optional markers: {printable(', '.join(model.optional) or 'none', 400)}")
    trials = [t for t in absence["alone"] if not set(t["without"]) <= set(model.optional)]
    for trial in [*([absence["together"]] if model.optional else []), *trials]:
        names = printable(", ".join(trial["without"]), 200)
        stays = "" if trial is absence["together"] else " (stays required)"
        click.echo(f"  without {names}{stays}: {said_of_trial(trial)}")


def _say_what_was_trained(training: Training, out: Path) -> None:
    """Print a summary of the model."""
    from flowml.cli.talk import say_what_was_aligned
    from flowml.models.unsure import KEY
    from flowml.safety import file_sha256, printable

    model = training.classifier.trained()
    counts = ", ".join(f"{n} {name}" for name, n in model.training["cases"].items())
    click.echo(
        f"trained on {model.training['n_cases']} {model.training['data_kind']} cases: {counts}"
    )
    used = "markers" if model.recipe else f"{len(model.feature_names)} columns"
    click.echo(f"{used}: {printable(', '.join(model.markers), 400)}")
    say_what_was_chosen(model)
    _say_what_may_be_missing(model)
    _say_what_may_stand_in(model)
    if model.results:
        click.echo(f"results of other methods: {printable(', '.join(model.results), 400)}")
    few = [name for name, n in model.training["cases"].items() if n < FEW_CASES]
    if few:
        click.echo(f"fewer than {FEW_CASES} cases of {', '.join(few)}: expect little of these")
    if training.mixed_scales:
        mixed = printable(", ".join(training.mixed_scales), 400)
        click.echo(f"measured on scales that are not comparable, and mixed: {mixed}")
    say_what_was_aligned(training.aligned, training.not_aligned)
    if training.left_out_markers:
        left_out = printable(", ".join(training.left_out_markers), 400)
        half = ", or of populations half of them" if model.training.get(KEY) else ""
        click.echo(f"left out, because not every case has them{half}: {left_out}")
    click.echo(f"model: {printable(out)} (SHA-256 {file_sha256(out)})")
    click.echo(DISCLAIMER)
