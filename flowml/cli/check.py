"""``flowml check``: which files are damaged, odd, or copies of one another."""

from __future__ import annotations

from pathlib import Path

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    format_option,
    jobs_option,
    marker_names_from,
    marker_names_option,
    paths_argument,
    quiet_option,
    values_option,
    verbose_option,
)


@click.command(epilog=DISCLAIMER)
@paths_argument
@values_option
@click.option("--strict", is_flag=True, help="Findings of severity warn count as wrong, too.")
@marker_names_option
@format_option
@jobs_option
@quiet_option
@verbose_option
def command(  # noqa: PLR0913, PLR0917 - click passes every option
    paths: tuple[Path, ...],
    values: bool,  # noqa: FBT001 - click passes flags
    strict: bool,  # noqa: FBT001
    marker_names: Path | None,
    form: str,
    jobs: int,
    quiet: bool,  # noqa: FBT001
    verbose: bool,  # noqa: FBT001
) -> int:
    """Tell quickly which FCS files are whole, odd, or copies of one another.

    PATH is a file or a folder. Every data set of every file must be where $TOT, the DATA
    segment and the size of the file say that it is; events are read with --values only, and
    of files whose events may be the same. Exit status: 0 all fine; 1 a file cannot be used,
    or has a finding of severity review or fail, or with --strict one of severity warn;
    2 there is no FCS file.
    """
    from functools import partial

    from flowml.batch import run
    from flowml.cli.talk import note, progress
    from flowml.reports import check as report
    from flowml.reports.inspection import named_files
    from flowml.reports.results import json_text

    own = marker_names_from(marker_names)
    files = named_files(paths)
    with progress("checked", len(files), quiet=quiet) as done:
        work = partial(report.check_file, values=values, marker_names=own)
        checks = run(work, files, jobs=jobs, progress=done)
    checks = report.with_copies(checks)
    if form == "table":
        click.echo(report.check_text(checks, verbose=verbose))
    elif form == "csv":
        click.echo(report.check_csv(checks), nl=False)
    else:
        click.echo(json_text(report.check_document(checks)))
    if form != "table":
        note(report.summary(checks), quiet=quiet)
    return 1 if report.is_wrong(checks, strict=strict) else 0
