"""``flowml inspect``: what the files hold, and what other readers make of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import (
    format_option,
    marker_names_from,
    marker_names_option,
    paths_argument,
    quality_option,
    quiet_option,
    values_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowml.reports.inspection import Inspection, NamedFile


@click.command(epilog=DISCLAIMER)
@paths_argument
@format_option
@values_option
@quality_option
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
@quiet_option
def command(
    paths: tuple[Path, ...],
    form: str,
    values: bool,  # noqa: FBT001 - click passes flags
    quality: bool,  # noqa: FBT001
    cross_check: bool,  # noqa: FBT001
    peer_python: str | None,
    marker_names: Path | None,
    quiet: bool,  # noqa: FBT001
) -> int:  # fmt: skip
    """Show channels, markers, roles, events, spillover and findings of FCS files.

    PATH is a file or a folder. Only the keywords are read, unless --values, --quality or
    --cross-check is given. Files that cannot be read are listed with the reason, and the exit
    status is then 1; so it is if another reader that can read a file reads other values.
    """
    from functools import partial

    from flowml.reports.inspection import inspect_file, named_files

    for name, given in (("--values", values), ("--quality", quality)):
        if given and cross_check:
            raise click.UsageError(f"--cross-check reads all values; leave {name} out.")
    if peer_python and not cross_check:
        raise click.UsageError("--peer-python needs --cross-check.")
    files = named_files(paths)
    if cross_check:
        return _cross_check(files, form, peer_python, quiet=quiet)
    own = marker_names_from(marker_names)
    look = partial(inspect_file, values=values, quality=quality, marker_names=own)
    return _inspect(files, form, look, quiet=quiet)


def _inspect(
    files: list[NamedFile], form: str, look: Callable[[Path, str], Inspection], *, quiet: bool
) -> int:
    from flowml.cli.talk import note
    from flowml.reports.inspection import inspection_csv, inspection_text
    from flowml.reports.results import json_text

    items = []
    for file, name in files:
        items.append(look(file, name))
        if form == "table":
            click.echo(inspection_text(items[-1]) + "\n")
    if form == "json":
        click.echo(json_text([item.to_dict() for item in items]))
    elif form == "csv":
        click.echo(inspection_csv(items), nl=False)
    failed = sum(1 for item in items if item.error)
    note(f"{len(items)} files, {failed} cannot be read", quiet=quiet)
    return 1 if failed else 0


def _cross_check(files: list[NamedFile], form: str, python: str | None, *, quiet: bool) -> int:
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
