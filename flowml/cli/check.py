"""``flowml check``: which files are damaged, odd, or copies of one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    follow_links_option,
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
@follow_links_option
@format_option
@jobs_option
@quiet_option
@verbose_option
def command(paths: tuple[Path | str, ...], form: str, jobs: int, **options: Any) -> int:
    """Tell quickly which FCS files are whole, odd, or copies of one another.

    PATH is a file, a folder or an address of one. Every data set of every file must be where
    $TOT, the DATA segment and the size of the file say that it is; events are read with
    --values only, and of files whose events may be the same. --quality reads them, and says of
    each tube how it was measured: rate, disturbances, doublets, debris, compensation and more.
    Exit status: 0 all fine; 1 a file cannot be used, a folder cannot be read, or a file has a
    finding of severity review or fail, or with --strict one of severity warn; 2 there is no
    FCS file.
    """
    from functools import partial

    from flowml.batch import run
    from flowml.cli.talk import note, note_passed_over, progress
    from flowml.reports import check as report
    from flowml.reports.inspection import NamedFile, search_places
    from flowml.reports.results import json_text

    search = search_places(paths, follow_links=options["follow_links"])
    files: list[NamedFile] = [(origin, name) for name, origin in search.files]
    look = partial(
        report.check_file,
        values=options["values"],
        quality=options["quality"],
        marker_names=marker_names_from(options["marker_names"]),
    )
    if not options["quiet"]:
        note_passed_over(search.findings, verbose=options["verbose"])
    with progress("checked", len(files), quiet=options["quiet"]) as done:
        checks = run(look, files, jobs=jobs, progress=done)
    checks = report.with_copies(checks)
    if form == "table":
        click.echo(report.check_text(checks, verbose=options["verbose"]))
    elif form == "csv":
        click.echo(report.check_csv(checks), nl=False)
    else:
        click.echo(json_text(report.check_document(checks)))
    if form != "table":
        note(report.summary(checks), quiet=options["quiet"])
    return 1 if report.is_wrong(checks, strict=options["strict"]) or search.is_incomplete else 0
