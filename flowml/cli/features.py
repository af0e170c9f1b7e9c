"""``flowml features``: the events of cases become a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    chained,
    path_argument,
    reading_from,
    reading_options,
    refuse_overwriting,
)

recipe_options = chained(
    click.option("--recipe", default="ecdf", show_default=True, help="What to compute."),
    click.option("--transform", default="logicle", show_default=True,
                 help="Display scale of fluorescence: logicle, arcsinh or linear."),
    click.option("--bins", type=click.IntRange(2, 1024), default=32, show_default=True,
                 help="Bins on the display scale."),
)  # fmt: skip


@click.command(epilog=DISCLAIMER)
@path_argument
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Ends in .parquet or .csv; standard output (CSV) if omitted.")  # fmt: skip
@recipe_options
@reading_options
def command(
    path: Path, out: Path | None, recipe: str, transform: str, bins: int, **options: Any
) -> int:
    """Compute features of the cases in FOLDER: one row a case.

    FOLDER may also be a CSV manifest with the columns case_id and path.
    """
    from flowml.cases import find_cases
    from flowml.cli.talk import note, note_cases, progress
    from flowml.features import make_recipe, write_table
    from flowml.features.table import check_suffix, table_csv
    from flowml.reading import extract_table
    from flowml.reports.tables import findings_text
    from flowml.safety import printable

    plan = make_recipe(recipe, transform, bins)
    if out is not None:
        check_suffix(out)
        refuse_overwriting(out, path)
    cases = find_cases(path, case_per=options["case_per"])
    with progress("reading cases", len(cases), quiet=options["quiet"]) as advance:
        table = extract_table(cases, plan, reading_from(options), advance)
    if out is None:
        click.echo(table_csv(table), nl=False)
    else:
        write_table(table, out)
        what = f"{len(cases)} cases, {len(table.names)} features: {printable(out)}"
        note(what, quiet=options["quiet"])
    unusable = {case.case_id: case.problem for case in table.cases if case.problem}
    note_cases("cases could not be used", unusable)
    if options["verbose"]:
        note(findings_text(table.cases))
    return 1 if unusable else 0
