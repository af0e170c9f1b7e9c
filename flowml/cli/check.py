"""``flowml check``: which files are damaged, odd, or copies of one another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    cases_from,
    compensation_options,
    follow_links_option,
    format_option,
    jobs_option,
    layout_options,
    marker_names_from,
    marker_names_option,
    panel_option,
    paths_argument,
    policy_from,
    quality_option,
    quiet_option,
    values_option,
    verbose_option,
)

if TYPE_CHECKING:
    from types import ModuleType


@click.command(epilog=DISCLAIMER)
@paths_argument
@values_option
@quality_option
@compensation_options
@click.option(
    "--cases", is_flag=True,
    help="Check cases rather than files: panel, lost, swapped and foreign tubes, wrong labels, "
    "another patient's tube.",
)  # fmt: skip
@layout_options
@panel_option
@click.option("--strict", is_flag=True, help="Findings of severity warn count as wrong, too.")
@marker_names_option
@follow_links_option
@format_option
@jobs_option
@quiet_option
@verbose_option
def command(paths: tuple[Path | str, ...], form: str, **options: Any) -> int:
    """Tell quickly which FCS files are whole, odd, or copies of one another.

    PATH is a file, a folder or an address of one. Every data set of every file must be where
    $TOT, the DATA segment and the size of the file say that it is; events are read with
    --values only, and of files whose events may be the same. --quality reads them, and says of
    each tube how it was measured: rate, disturbances, doublets, debris, compensation and more.
    With --cases, PATH is a folder or a manifest of cases, which are held against each other.
    Exit status: 0 all fine; 1 a file cannot be used, a folder cannot be read, or a file or a
    case has a finding of severity review or fail, or with --strict one of severity warn; 2
    there is no FCS file.
    """
    _refuse_what_does_not_fit(paths, options)
    if options["cases"]:
        return _check_cases(paths[0], form, options)
    return _check_files(paths, form, options)


def _refuse_what_does_not_fit(paths: tuple[Path | str, ...], options: dict[str, Any]) -> None:
    if options["cases"]:
        if len(paths) > 1:
            raise click.UsageError("--cases takes one folder or manifest.")
        if options["values"]:
            raise click.UsageError("--cases reads the values anyway; leave --values out.")
    elif options["panels"] or options["pattern"] or options["case_per"] != "auto":
        raise click.UsageError("--panel, --pattern and --case-per need --cases.")
    if policy_from(options) != "auto" and not (options["cases"] or options["quality"]):
        raise click.UsageError("--compensation needs --quality or --cases.")


def _check_cases(path: Path | str, form: str, options: dict[str, Any]) -> int:
    from flowml.checking import check_cases
    from flowml.cli.talk import progress
    from flowml.reading import Reading
    from flowml.reports import casecheck as report

    search = cases_from(path, options)
    names = marker_names_from(options["marker_names"])
    with progress("checked", len(search.cases), quiet=options["quiet"]) as done:
        checks = check_cases(
            list(search.cases),
            panels=options["panels"],
            quality=options["quality"],
            reading=Reading(
                compensation=policy_from(options), jobs=options["jobs"], marker_names=names
            ),
            progress=done,
        )
    is_wrong = _show(report, checks, form, options)
    return 1 if is_wrong or search.is_incomplete else 0


def _check_files(paths: tuple[Path | str, ...], form: str, options: dict[str, Any]) -> int:
    from functools import partial

    from flowml.batch import run
    from flowml.cli.talk import note_passed_over, progress
    from flowml.reading import Reading
    from flowml.reports import check as report
    from flowml.reports.inspection import NamedFile, search_places

    search = search_places(paths, follow_links=options["follow_links"])
    files: list[NamedFile] = [(origin, name) for name, origin in search.files]
    look = partial(
        report.check_file,
        values=options["values"],
        quality=options["quality"],
        marker_names=marker_names_from(options["marker_names"]),
        compensation=Reading(compensation=policy_from(options)).compensation,
    )
    if not options["quiet"]:
        note_passed_over(search.findings, verbose=options["verbose"])
    with progress("checked", len(files), quiet=options["quiet"]) as done:
        checks = run(look, files, jobs=options["jobs"], progress=done)
    checks = report.with_copies(checks)
    is_wrong = _show(report, checks, form, options)
    return 1 if is_wrong or search.is_incomplete else 0


def _show(report: ModuleType, checks: list[Any], form: str, options: dict[str, Any]) -> bool:
    """Print checks of files or of cases, and tell whether one is wrong."""
    from flowml.cli.talk import note
    from flowml.reports.results import json_text

    if form == "table":
        click.echo(report.check_text(checks, verbose=options["verbose"]))
    elif form == "csv":
        click.echo(report.check_csv(checks), nl=False)
    else:
        click.echo(json_text(report.check_document(checks)))
    if form != "table":
        note(report.summary(checks), quiet=options["quiet"])
    return bool(report.is_wrong(checks, strict=options["strict"]))
