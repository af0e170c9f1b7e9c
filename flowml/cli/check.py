"""``flowml check``: which files are damaged, odd, or copies of one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    format_option,
    jobs_option,
    marker_names_from,
    marker_names_option,
    paths_argument,
    quality_option,
    quiet_option,
    values_option,
    verbose_option,
)


@click.command(epilog=DISCLAIMER)
@paths_argument
@values_option
@quality_option
@click.option("--strict", is_flag=True, help="Findings of severity warn count as wrong, too.")
@marker_names_option
@format_option
@jobs_option
@quiet_option
@verbose_option
def command(paths: tuple[Path, ...], **options: Any) -> int:
    """Tell quickly which FCS files are whole, odd, or copies of one another.

    PATH is a file or a folder. Every data set of every file must be where $TOT, the DATA
    segment and the size of the file say that it is; events are read with --values only, and
    of files whose events may be the same. --quality reads them, and says of each tube how it
    was measured: rate, disturbances, doublets, debris, compensation and more. Exit status: 0
    all fine; 1 a file cannot be used, or has a finding of severity review or fail, or with
    --strict one of severity warn; 2 there is no FCS file.
    """
    from functools import partial

    from flowml.batch import run
    from flowml.cli.talk import note, progress
    from flowml.reports import check as report
    from flowml.reports.inspection import named_files
    from flowml.reports.results import json_text

    own = marker_names_from(options["marker_names"])
    files = named_files(paths)
    with progress("checked", len(files), quiet=options["quiet"]) as done:
        look = partial(
            report.check_file,
            values=options["values"],
            quality=options["quality"],
            marker_names=own,
        )
        checks = run(look, files, jobs=options["jobs"], progress=done)
    checks = report.with_copies(checks)
    form = options["form"]
    if form == "table":
        click.echo(report.check_text(checks, verbose=options["verbose"]))
    elif form == "csv":
        click.echo(report.check_csv(checks), nl=False)
    else:
        click.echo(json_text(report.check_document(checks)))
    if form != "table":
        note(report.summary(checks), quiet=options["quiet"])
    return 1 if report.is_wrong(checks, strict=options["strict"]) else 0
