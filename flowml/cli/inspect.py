"""``flowml inspect``: what the files hold, and what other readers make of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    follow_links_option,
    format_option,
    jobs_option,
    marker_names_from,
    marker_names_option,
    panel_option,
    paths_argument,
    quality_option,
    quiet_option,
    values_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.cases import FileSearch


@click.command(epilog=DISCLAIMER)
@paths_argument
@format_option
@values_option
@quality_option
@follow_links_option
@click.option(
    "--cross-check",
    is_flag=True,
    help="Compare all values with what FlowIO, fcsparser and FlowCal read, where installed.",
)
@click.option(
    "--peer-python",
    metavar="PYTHON",
    help="Interpreter that has the other readers; this one where it is not given.",
)
@marker_names_option
@panel_option
@jobs_option
@quiet_option
def command(paths: tuple[Path | str, ...], form: str, **options: Any) -> int:
    """Show channels, markers, roles, events, spillover and findings of FCS files.

    PATH is a file, a folder or an address of one. Only the keywords are read, unless --values,
    --quality or --cross-check is given. Files that cannot be read are listed with the reason,
    and the exit status is then 1; so it is if a folder cannot be read, or another reader that
    can read a file reads other values.
    """
    from flowml.cli.talk import note_passed_over
    from flowml.reports.inspection import search_places

    python = options["peer_python"]
    for name in ("values", "quality"):
        if options[name] and options["cross_check"]:
            raise click.UsageError(f"--cross-check reads all values; leave --{name} out.")
    if python and not options["cross_check"]:
        raise click.UsageError("--peer-python needs --cross-check.")
    search = search_places(paths, follow_links=options["follow_links"])
    if not options["quiet"]:
        note_passed_over(search.findings)
    if options["cross_check"]:
        status = _cross_check(_local(search), form, python, quiet=options["quiet"])
    else:
        status = _inspect(search, form, options)
    return max(status, int(search.is_incomplete))


def _inspect(search: FileSearch, form: str, options: Mapping[str, Any]) -> int:
    from functools import partial

    from flowml.batch import stream
    from flowml.cli.talk import note
    from flowml.knowledge.shapes import known_shapes
    from flowml.reports.inspection import inspect_found, inspection_csv, inspection_text
    from flowml.reports.results import json_text

    look = partial(
        inspect_found,
        values=options["values"],
        quality=options["quality"],
        marker_names=marker_names_from(options["marker_names"]),
        panels=known_shapes(options["panels"]),
    )
    items = []
    for item in stream(look, search.files, jobs=options["jobs"]):
        items.append(item)
        if form == "table":
            click.echo(inspection_text(item) + "\n")
    if form == "json":
        click.echo(json_text([item.to_dict() for item in items]))
    elif form == "csv":
        click.echo(inspection_csv(items), nl=False)
    failed = sum(1 for item in items if item.error)
    note(f"{len(items)} files, {failed} cannot be read", quiet=options["quiet"])
    return 1 if failed else 0


def _local(search: FileSearch) -> list[tuple[Path, str]]:
    """Return the files, which other readers must be able to open."""
    files = [(origin, name) for name, origin in search.files if isinstance(origin, Path)]
    if len(files) < len(search.files):
        raise click.UsageError("--cross-check reads files of this machine, not of an address.")
    return files


def _cross_check(
    files: list[tuple[Path, str]], form: str, python: str | None, *, quiet: bool
) -> int:
    import sys

    from flowml.cli.talk import note, progress
    from flowml.fcs.crosscheck import cross_check, installed_peers
    from flowml.reports import crosscheck as report
    from flowml.reports.results import json_text
    from flowml.safety import printable

    python = python or sys.executable
    peers = installed_peers(python)
    if not peers:
        raise click.UsageError(
            f"no other reader is installed for {printable(python)}: nothing can be compared. "
            "Install flowio, fcsparser or FlowCal there."
        )
    found = []
    with progress("compared", len(files), quiet=quiet) as done:
        for count, (file, name) in enumerate(files, start=1):
            found += cross_check(file, name, peers, python=python)
            done(count)
    if form == "json":
        click.echo(json_text([report.comparison_row(item) for item in found]))
    elif form == "csv":
        click.echo(report.crosscheck_csv(found), nl=False)
    else:
        click.echo(report.crosscheck_text(found))
    for line in report.crosscheck_summary(found, peers):
        note(line, quiet=quiet)
    return 1 if report.is_wrong(found) else 0
