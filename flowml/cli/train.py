"""``flowml train``: labelled cases become a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
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
    seed_option,
    side_tables,
)

if TYPE_CHECKING:
    from flowml.pipeline import Training

FEW_CASES = 10  # of an entity, below which its answers deserve no trust


@click.command(epilog=DISCLAIMER)
@path_argument
@label_options(required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE", help="The model; usually ends in .flowml.")  # fmt: skip
@click.option("--data-kind",
              type=click.Choice(["real", "simulated-from-real", "resampled", "synthetic"]),
              help="What the cases are; found from the files if omitted.")  # fmt: skip
@click.option("--gap-share", type=click.FloatRange(0, 1, max_open=True), default=0.0,
              show_default=True, help="Train on copies of the cases too, in which each marker "
              "and each tube is left out with this probability.")  # fmt: skip
@recipe_options
@columns_option
@seed_option
@reading_options
def command(path: Path | str, out: Path, **options: Any) -> int:
    """Train a model on the labelled cases in FOLDER, and write it to one file."""
    from flowml.cli.talk import note_cases, note_labels, progress
    from flowml.pipeline import train
    from flowml.safety import writable_folder

    refuse_overwriting(out, path, options["label_table"], *side_tables(options))
    plan = recipe_from(options)
    search = cases_from(path, options)
    cases = list(search.cases)
    labels = labels_from(options, cases)
    columns = columns_from(options, cases, labels.entities)
    writable_folder(next(parent for parent in out.absolute().parents if parent.exists()))
    with progress("reading cases", len(labels.entities), quiet=options["quiet"]) as advance:
        training = train(
            cases,
            labels.entities,
            plan,
            columns=columns,
            reading=reading_from(options),
            seed=options["seed"],
            gap_share=options["gap_share"],
            data_kind=options["data_kind"],
            progress=advance,
        )
    training.classifier.save(out)
    note_labels(labels)
    note_cases("cases could not be used", training.unusable)
    _say_what_was_trained(training, out)
    return 1 if training.unusable or labels.unlabelled or search.is_incomplete else 0


def _say_what_was_trained(training: Training, out: Path) -> None:
    """Print a summary of the model."""
    from flowml.safety import file_sha256, printable

    model = training.classifier.trained()
    counts = ", ".join(f"{n} {name}" for name, n in model.training["cases"].items())
    click.echo(
        f"trained on {model.training['n_cases']} {model.training['data_kind']} cases: {counts}"
    )
    click.echo(f"markers: {printable(', '.join(model.markers), 400)}")
    if model.results:
        click.echo(f"results of other methods: {printable(', '.join(model.results), 400)}")
    few = [name for name, n in model.training["cases"].items() if n < FEW_CASES]
    if few:
        click.echo(f"fewer than {FEW_CASES} cases of {', '.join(few)}: expect little of these")
    if training.mixed_scales:
        mixed = printable(", ".join(training.mixed_scales), 400)
        click.echo(f"measured on scales that are not comparable, and mixed: {mixed}")
    if training.left_out_markers:
        left_out = printable(", ".join(training.left_out_markers), 400)
        click.echo(f"left out, because not every case has them: {left_out}")
    click.echo(f"model: {printable(out)} (SHA-256 {file_sha256(out)})")
    click.echo(DISCLAIMER)
