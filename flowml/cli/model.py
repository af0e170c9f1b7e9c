"""``flowml model``: what a model file is, and whether it is whole."""

from __future__ import annotations

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import model_hash_option

file_argument = click.argument("file", metavar="FILE")
form_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="What to print on standard output.",
)  # fmt: skip


@click.group(epilog=DISCLAIMER)
def command() -> None:
    """Show a model, or verify it. FILE may be 'demo', the bundled model."""


@command.command(epilog=DISCLAIMER)
@file_argument
@form_option
def show(file: str, form: str) -> None:
    """Show what a model is: identity, entities, markers, recipe, settings, and its card."""
    from flowml.cli.talk import note_model
    from flowml.models import load_model, read_manifest
    from flowml.reports.model import model_document, model_text
    from flowml.reports.results import json_text

    model = load_model(file)
    document = model_document(model, read_manifest(file))
    click.echo(json_text(document) if form == "json" else model_text(document))
    note_model(model, [])


@command.command(epilog=DISCLAIMER)
@file_argument
@model_hash_option
@form_option
def verify(file: str, model_sha256: str | None, form: str) -> int:
    """Check a model in every way that needs no cases.

    Digests, limits, indices and settings, as before every use; then whether the trees answer
    as their document says, whether contributions add up to the answers, and whether a saved
    copy answers with the same bits. Exit status: 0 all passed, 1 one did not.
    """
    from flowml.models.verify import verify_model
    from flowml.reports.model import checks_document, checks_text
    from flowml.reports.results import json_text

    checks = verify_model(file, sha256=model_sha256)
    document = checks_document(checks)
    click.echo(json_text(document) if form == "json" else checks_text(checks))
    return 0 if document["passed"] else 1
