"""``flowml adapt``: a model is continued on some cases of another panel or instrument."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    PlaceType,
    cases_from,
    columns_from,
    columns_option,
    label_options,
    labels_from,
    model_hash_option,
    model_option,
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
    from flowml.adapting import Adapting, Labelled
    from flowml.features.casetable import CaseTable
    from flowml.models import TrainedModel


@click.command(epilog=DISCLAIMER)
@path_argument
@model_option
@model_hash_option
@label_options(required=False)
@table_options
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE", help="The model that was continued.")  # fmt: skip
@click.option("--old-cases", type=PlaceType(), metavar="FOLDER",
              help="Labelled cases like those that the model was trained on, but none of "
              "these: they tell what is lost.")  # fmt: skip
@click.option("--old-labels", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              metavar="CSV", help="Their table of labels; columns as of --labels.")  # fmt: skip
@click.option("--data-kind",
              type=click.Choice(["real", "simulated-from-real", "resampled", "synthetic"]),
              help="What the new cases are; found from the files if omitted.")  # fmt: skip
@columns_option
@seed_option
@reading_options
def command(
    path: Path | str, model: str, model_sha256: str | None, out: Path, **options: Any
) -> int:
    """Continue a model on the labelled cases in FOLDER, some 30 to 500 of them.

    They are of another laboratory, instrument or panel that has the markers which the model
    requires. The simplest step that foresees cases held out as well as any is taken; the
    model stays as it is where nothing is won. FOLDER may also be a table of features.
    """
    from flowml.cli.talk import note_cases
    from flowml.models import load_model, save_model

    if options["old_labels"] and not options["old_cases"]:
        raise click.UsageError("--old-labels are of --old-cases, which are missing.")
    inputs = (path, Path(model), options["label_table"], options["old_cases"],
              options["old_labels"], *side_tables(options))  # fmt: skip
    refuse_overwriting(out, *filter(None, inputs))
    of_table = is_table(path)
    if not of_table:
        require_labels(options)
    trained = load_model(model, sha256=model_sha256)
    refuse_unwritable(out)
    adapt = _of_tables if of_table else _of_files
    found, is_whole = adapt(path, trained, options)
    save_model(found.model, out)
    note_cases("new cases could not be used", found.unusable)
    note_cases("old cases could not be used", found.old_unusable)
    _say_what_came_of_it(found, out)
    return 0 if is_whole and not found.unusable and not found.old_unusable else 1


def _of_files(
    path: Path | str, model: TrainedModel, options: dict[str, Any]
) -> tuple[Adapting, bool]:
    """Continue a model on FCS files; tell whether all of them could be used."""
    from flowml.adapting import adapt_model
    from flowml.cli.talk import progress

    new, is_whole = _labelled(path, model, options)
    old = None
    if options["old_cases"]:
        if not options["old_labels"]:
            raise click.UsageError("Missing option '--old-labels', for --old-cases.")
        others = options | {"label_table": options["old_labels"], "where": ()}
        old, old_whole = _labelled(options["old_cases"], model, others)
        is_whole = is_whole and old_whole
    with progress("reading new cases", len(new.labels), quiet=options["quiet"]) as advance:
        found = adapt_model(
            new,
            model,
            old=old,
            reading=reading_from(options),
            seed=options["seed"],
            data_kind=options["data_kind"],
            progress=advance,
        )
    return found, is_whole


def _labelled(
    path: Path | str, model: TrainedModel, options: dict[str, Any]
) -> tuple[Labelled, bool]:
    """Find cases and their labels; tell whether none was passed over."""
    from flowml.adapting import Labelled
    from flowml.cli.talk import note_labels

    search = cases_from(path, options)
    cases = list(search.cases)
    labels = labels_from(options, cases, model.tree.widened())
    columns = columns_from(options, cases, labels.entities)
    note_labels(labels)
    is_whole = not search.is_incomplete and not labels.unlabelled
    return Labelled(cases, labels.entities, columns), is_whole


def _of_tables(
    path: Path | str, model: TrainedModel, options: dict[str, Any]
) -> tuple[Adapting, bool]:
    """Continue a model on a table of features; rows without a label are no failure."""
    from flowml.tables import adapt_table

    table = _labelled_table(path, model, options)
    old = None
    if options["old_cases"]:
        if not is_table(options["old_cases"]):
            raise click.UsageError(
                f"{str(path)!r} is a table of features, and {str(options['old_cases'])!r} is "
                "none. Give both as tables, or both as FCS files."
            )
        others = options | {"label_table": options["old_labels"], "where": ()}
        old = _labelled_table(options["old_cases"], model, others)
    seed, kind = options["seed"], options["data_kind"]
    return adapt_table(table, model, old=old, seed=seed, data_kind=kind), True


def _labelled_table(
    path: Path | str, model: TrainedModel, options: dict[str, Any]
) -> CaseTable:
    """Read a table of features with the labels of its rows."""
    from dataclasses import replace

    from flowml.cli.talk import note_labels

    # for a model a column of labels is read if it is named; here it is always needed
    table = table_from(path, options, model, has_labels=True)
    labels = table_labels(table, options, model.tree.widened())
    note_labels(labels)
    return replace(table, labels=labels.entities)


def _say_what_came_of_it(found: Adapting, out: Path) -> None:
    """Print which step was taken, what was won, and what was lost."""
    from flowml.models.adapted import NOT_MEASURED, WHAT, said_of_comparison
    from flowml.safety import file_sha256, printable

    record = found.record
    counts = ", ".join(f"{n} {name}" for name, n in record["cases"].items())
    click.echo(f"continued on {record['n_cases']} new cases: {counts}")
    click.echo(f"step: {record['step']} ({WHAT[record['step']]})")
    for each in record["tried"]:
        strength = f" of strength {each['strength']:g}" if each["strength"] else ""
        click.echo(f"  {each['step']}{strength}: held-out log loss {each['log_loss']:.3f}")
    click.echo(f"new cases, held out: {said_of_comparison(record['new'])}")
    old = record["old"]
    click.echo(f"old cases: {said_of_comparison(old)}" if old else NOT_MEASURED)
    click.echo(f"levels fixed on new cases: {', '.join(record['levels']) or 'none'}")
    click.echo(f"model: {printable(out)} (SHA-256 {file_sha256(out)})")
    click.echo(DISCLAIMER)
