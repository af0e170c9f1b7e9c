"""``flowml align``: a model gets to know a further instrument by its normal cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    cases_from,
    label_options,
    labels_from,
    model_hash_option,
    model_option,
    path_argument,
    reading_from,
    reading_options,
    refuse_overwriting,
    refuse_unwritable,
)


@click.command(epilog=DISCLAIMER)
@path_argument
@model_option
@model_hash_option
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
              metavar="FILE", help="The model that knows the instruments too.")  # fmt: skip
@click.option("--controls", is_flag=True,
              help="All cases are normal or control samples; no table of labels.")  # fmt: skip
@label_options(required=False)
@reading_options
def command(
    path: Path | str, model: str, model_sha256: str | None, out: Path, **options: Any
) -> int:
    """Align the instruments of the normal cases in FOLDER, for a model trained with --align.

    Only cases that --labels calls normal are used, or all with --controls. Disease among them
    is taken for the instrument, and is then no longer seen.
    """
    from flowml.aligning import align_model
    from flowml.cli.talk import note_labels, progress, say_what_was_aligned
    from flowml.models import load_model, save_model
    from flowml.safety import file_sha256, printable
    from flowml.training import canonical_labels, normal_ids

    if bool(options["label_table"]) == options["controls"]:
        raise click.UsageError("Give --labels, or --controls if all cases are normal.")
    refuse_overwriting(out, path, Path(model), options["label_table"])
    trained = load_model(model, sha256=model_sha256)
    search = cases_from(path, options)
    cases = list(search.cases)
    if not options["controls"]:
        tree = trained.tree.widened()
        labels = labels_from(options, cases, tree)
        normals = normal_ids(canonical_labels(labels.entities, tree))
        cases = [case for case in cases if case.case_id in normals]
        note_labels(labels)
    refuse_unwritable(out)
    with progress("reading normal cases", len(cases), quiet=options["quiet"]) as advance:
        found = align_model(cases, trained, reading=reading_from(options), progress=advance)
    save_model(found.model, out)
    say_what_was_aligned(found.aligned, found.not_aligned)
    click.echo(f"model: {printable(out)} (SHA-256 {file_sha256(out)})")
    click.echo(DISCLAIMER)
    return 1 if search.is_incomplete else 0
