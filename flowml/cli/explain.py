"""``flowml explain``: why a model answers as it does for one case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    cases_from,
    columns_from,
    columns_option,
    model_hash_option,
    model_option,
    path_argument,
    reading_from,
    reading_options,
)

if TYPE_CHECKING:
    from flowml.models import TrainedModel
    from flowml.models.explanation import Explanation
    from flowml.reading import Reading
    from flowml.records import Case


@click.command(epilog=DISCLAIMER)
@path_argument
@click.argument("case_id", metavar="CASE_ID")
@model_option
@model_hash_option
@click.option("--entity", default="", metavar="ENTITY",
              help="What is explained; the likeliest if it is not given.")  # fmt: skip
@click.option("--against", default="", metavar="ENTITY",
              help="What it is held against; the likeliest of the others.")  # fmt: skip
@click.option("--top", type=click.IntRange(1, 1000), default=12, show_default=True,
              help="Markers and regions to show.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Gets explanation.json, explanation.csv and the pictures.")  # fmt: skip
@click.option("--picture", type=click.Choice(["png", "svg", "pdf"]), default="png",
              show_default=True, help="Format of the pictures.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "csv"]), default="text",
              show_default=True, help="What to print on standard output.")  # fmt: skip
@columns_option
@reading_options
def command(
    path: Path | str,
    case_id: str,
    model: str,
    model_sha256: str | None,
    out: Path | None,
    **options: Any,
) -> int:
    """Say why the model answers as it does for the case CASE_ID in FOLDER.

    What each marker contributes to the answer and to the runner-up, in log odds; the difference
    of the two is what decides. Exit status 1: the case cannot be used.
    """
    from flowml.cli.talk import note_model
    from flowml.errors import CaseError
    from flowml.explaining import chosen_case, explain
    from flowml.models import load_model
    from flowml.safety import writable_folder

    trained = load_model(model, sha256=model_sha256)
    case = chosen_case(cases_from(path, options).cases, case_id)
    columns = columns_from(options, [case])
    reading = reading_from(options)
    if out is not None:
        writable_folder(out)
    asked = {"entity": options["entity"], "against": options["against"]}
    try:
        found = explain(case, trained, columns=columns, reading=reading, **asked)
    except CaseError as error:
        click.echo(f"flowml: {error}", err=True)
        return 1
    if out is not None:
        _write(out, found, case, trained, reading, options)
    _show(found, options)
    note_model(trained, [found.prediction])
    return 0


def _show(found: Explanation, options: dict[str, Any]) -> None:
    from flowml.cli.talk import note
    from flowml.reports.explanation import (
        explanation_csv,
        explanation_document,
        explanation_text,
    )
    from flowml.reports.results import json_text
    from flowml.reports.tables import findings_text

    if options["form"] == "json":
        click.echo(json_text(explanation_document(found)))
    elif options["form"] == "csv":
        click.echo(explanation_csv(found), nl=False)
    else:
        click.echo(explanation_text(found, options["top"]))
    if options["verbose"]:
        note(findings_text([found.prediction]))


def _write(
    out: Path,
    found: Explanation,
    case: Case,
    model: TrainedModel,
    reading: Reading,
    options: dict[str, Any],
) -> None:
    from flowml.explaining import draw_explanation
    from flowml.reports.explanation import explanation_csv, explanation_document
    from flowml.reports.plots import save
    from flowml.reports.results import json_text, write_text

    write_text(out / "explanation.json", json_text(explanation_document(found)) + "\n")
    write_text(out / "explanation.csv", explanation_csv(found))
    drawn = draw_explanation(case, found, model, reading=reading, top=options["top"])
    for name, figure in drawn.items():
        save(figure, out / f"{name}.{options['picture']}")
