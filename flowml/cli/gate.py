"""``flowml gate``: the populations of cases, by gates drawn, found or learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import cases_from, path_argument, reading_from, reading_options

PANELS = ("auto", "mature", "acute")  # as flowml.gating.automatic knows them


@click.command(epilog=DISCLAIMER)
@path_argument
@click.option("--gates", required=True, metavar="FILE|auto",
              help="A TOML file, Gating-ML 2.0, a workspace of FlowJo 10, or what "
              "flowml.EventClassifier has learned; auto: gates that are found without a "
              "person, each with a score.")  # fmt: skip
@click.option("--panel", type=click.Choice(PANELS), default=PANELS[0], show_default=True,
              help="Of automatic gates: which cells are of interest; auto tells by the "
              "markers.")  # fmt: skip
@click.option("--sample", default="", metavar="NAME",
              help="Sample of a workspace whose gates all tubes get; else each gets those of "
              "the sample with the name of its file.")  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False),
              metavar="DIR", help="Gets populations.csv, populations-wide.csv, markers.csv and "
              "gating.json.")  # fmt: skip
@click.option("--masks", is_flag=True,
              help="Write which events belong to which population, too, a file for each tube "
              "(DIR/masks).")  # fmt: skip
@reading_options
def command(
    path: Path | str, gates: str, sample: str, out: Path, *, masks: bool, **options: Any
) -> int:
    """Count the populations of the cases in FOLDER, and say how bright they are.

    Exit status 1: some tubes could not be gated; each has its reason.
    """
    from flowml.cli.talk import note, note_cases, progress
    from flowml.gated import gate_cases
    from flowml.gating import GateDocument, Strategy
    from flowml.gating.gaters import gates_from
    from flowml.reports.populations import (
        attrition_table,
        brightness_csv,
        counts_csv,
        gating_record,
        wide_csv,
    )
    from flowml.reports.results import write_text
    from flowml.reports.tables import findings_text
    from flowml.safety import printable, writable_folder

    chosen = gates_from(gates, options["panel"])  # before any case is looked for
    if sample:
        if not isinstance(chosen, GateDocument) or isinstance(chosen.content, Strategy):
            raise click.UsageError("--sample names one of a workspace of FlowJo; these gates "
                                   "are of none. Leave it out.")  # fmt: skip
        chosen.strategy(sample)
    search = cases_from(path, options)
    reading = reading_from(options)
    writable_folder(out)
    place = writable_folder(out / "masks") if masks else None
    n_tubes = sum(len(case.tubes) for case in search.cases)
    with progress("gating tubes", n_tubes, quiet=options["quiet"]) as advance:
        tubes = gate_cases(
            search.cases,
            chosen,
            sample=sample,
            masks=place,
            reading=reading,
            progress=advance,
        )
    record = gating_record(tubes, gates, sample, options["panel"], reading.preparation)
    for name, text in (
        ("populations.csv", counts_csv(tubes)),
        ("populations-wide.csv", wide_csv(tubes)),
        ("markers.csv", brightness_csv(tubes)),
        ("gating.json", record + "\n"),
    ):
        write_text(out / name, text)
    if any(tube.counts for tube in tubes):
        click.echo(attrition_table(tubes))
    note(f"{len(tubes)} tubes: {printable(out)}", quiet=options["quiet"])
    unusable = {f"{tube.case_id} {tube.tube}": tube.reason for tube in tubes if tube.reason}
    note_cases("tubes could not be gated", unusable)
    if options["verbose"]:
        note(findings_text(tubes))
    return 1 if unusable or search.is_incomplete else 0
