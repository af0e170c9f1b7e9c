"""``flowml inspect``: what the files hold."""

from __future__ import annotations

from pathlib import Path

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import format_option, quiet_option


@click.command(epilog=DISCLAIMER)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@format_option
@click.option("--no-values", is_flag=True, help="Read the keywords only; quicker.")
@quiet_option
def command(paths: tuple[Path, ...], form: str, no_values: bool, quiet: bool) -> int:  # noqa: FBT001 - click passes flags
    """Show channels, markers, roles, events, spillover and findings of FCS files.

    PATH is a file or a folder. Files that cannot be read are listed with the reason, and the
    exit status is then 1.
    """
    from flowml.cases import find_files
    from flowml.cli.talk import note
    from flowml.reports.inspection import inspect_file, inspection_csv, inspection_text
    from flowml.reports.results import json_text

    items = []
    for place in paths:
        for file in find_files(place):
            name = file.name if file == place else file.relative_to(place).as_posix()
            items.append(inspect_file(file, name, values=not no_values))
            if form == "table":
                click.echo(inspection_text(items[-1]) + "\n")
    if form == "json":
        click.echo(json_text([item.to_dict() for item in items]))
    elif form == "csv":
        click.echo(inspection_csv(items), nl=False)
    failed = sum(1 for item in items if item.error)
    note(f"{len(items)} files, {failed} cannot be read", quiet=quiet)
    return 1 if failed else 0
