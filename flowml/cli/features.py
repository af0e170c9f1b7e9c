"""``flowml features``: the events of cases become a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    cases_from,
    chained,
    columns_from,
    columns_option,
    path_argument,
    reading_from,
    reading_options,
    refuse_overwriting,
    side_tables,
)

if TYPE_CHECKING:
    from flowml.features import FeatureTable, Recipe

# defaults are those of Recipe, which is slow to import
recipe_options = chained(
    click.option("--recipe", default="ecdf+pairs", show_default=True,
                 help="What to compute: ecdf, quantiles, pairs, moments, mll2021, som, "
                 "populations, or several joined by '+'."),
    click.option("--transform", default="logicle", show_default=True,
                 help="Display scale of fluorescence: logicle, arcsinh, log, linear, hyperlog "
                 "or biexponential."),
    click.option("--width", default="fixed", show_default=True, metavar="fixed|auto",
                 help="Logicle's width; auto learns it from the negatives of these cases."),
    click.option("--bins", type=int, default=32, show_default=True,
                 help="Bins on the display scale."),
    click.option("--pair-bins", type=int, default=8, show_default=True,
                 help="Bins of pairs along each axis."),
    click.option("--map-side", type=int, default=10, show_default=True,
                 help="Nodes of a som along each side."),
    click.option("--maximum", default="range", show_default=True, metavar="range|measured",
                 help="What mll2021 divides by; measured reads every file twice."),
    click.option("--markers", default="", metavar="NAME,NAME",
                 help="Use these markers only."),
    click.option("--by-tube", is_flag=True, help="Keep the tubes of a case apart."),
    click.option("--exact", is_flag=True,
                 help="Compare values with the bins' edges themselves; a third slower."),
    click.option("--gates", default="auto", show_default=True,
                 metavar="auto|mature|acute|FILE",
                 help="Of populations: gates that are found without a person, drawn ones "
                 "(TOML, Gating-ML 2.0), or what flowml.EventClassifier has learned."),
    click.option("--share-of", "reference", default="", metavar="NAME",
                 help="Of populations: tell shares of this population, too; of all cells where "
                 "nobody drew the gates."),
    click.option("--absolute", is_flag=True,
                 help="Of populations: tell events, and cells in a microlitre of what was "
                 "measured ($VOL), too."),
)  # fmt: skip
RECIPE_OPTIONS = (
    "transform", "width", "bins", "pair_bins", "map_side", "maximum", "by_tube", "exact",
    "gates", "reference", "absolute",
)  # fmt: skip


def recipe_from(options: dict[str, Any]) -> Recipe:
    """Make the recipe that the options ask for."""
    from flowml.features import make_recipe

    markers = tuple(filter(None, (name.strip() for name in options["markers"].split(","))))
    chosen = {name: options[name] for name in RECIPE_OPTIONS}
    return make_recipe(options["recipe"], markers=markers, **chosen)


@click.command(epilog=DISCLAIMER)
@path_argument
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Ends in .parquet or .csv; standard output (CSV) if omitted.")  # fmt: skip
@recipe_options
@columns_option
@reading_options
def command(path: Path | str, out: Path | None, **options: Any) -> int:
    """Compute features of the cases in FOLDER: one row a case.

    FOLDER may also be a CSV manifest with the columns case_id and path.
    """
    from flowml.cli.talk import note, note_cases, progress
    from flowml.features import write_table
    from flowml.features.tablefile import check_suffix, csv_lines
    from flowml.reading import extract_table
    from flowml.reports.tables import findings_text
    from flowml.safety import printable

    plan = recipe_from(options)
    if out is not None:
        check_suffix(out)
        refuse_overwriting(out, path, *side_tables(options))
    search = cases_from(path, options)
    cases = list(search.cases)
    columns = columns_from(options, cases)
    reading = reading_from(options, hash_files=False)  # nothing in a table needs the hashes
    with progress("reading cases", len(cases), quiet=options["quiet"]) as advance:
        table = extract_table(cases, plan, reading, advance, columns)
    if out is None:
        for line in csv_lines(table):
            click.echo(line, nl=False)
    else:
        write_table(table, out)
        what = f"{len(cases)} cases, {len(table.names)} features: {printable(out)}"
        note(what, quiet=options["quiet"])
    unusable = {case.case_id: case.problem for case in table.cases if case.problem}
    note_cases("cases could not be used", unusable)
    if not options["quiet"]:
        note_cases("cases may hold several patients", _doubtful(table))
    if options["verbose"]:
        note(findings_text(table.cases))
    return 1 if unusable or search.is_incomplete else 0


def _doubtful(table: FeatureTable) -> dict[str, str]:
    """Return the cases whose tubes have the same markers."""
    return {
        case.case_id: item.message
        for case in table.cases
        for item in case.findings
        if item.code == "CASE-SAME-PANEL"
    }
