"""``flowml simulate``: a cohort of simulated cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import quiet_option, seed_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowml.records import Case


@click.command(epilog=DISCLAIMER)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False), metavar="OUT")
@click.option(
    "--cases", type=click.IntRange(1, 100_000), default=42, show_default=True,
    help="How many cases.",
)  # fmt: skip
@click.option(
    "--events", type=click.IntRange(100, 5_000_000), default=10_000, show_default=True,
    help="Events of each case.",
)  # fmt: skip
@click.option("--entities", metavar="A,B,...", help="Which entities; all if omitted.")
@seed_option
@quiet_option
def command(out: Path, entities: str | None, quiet: bool, **options: Any) -> int:  # noqa: FBT001 - click passes flags
    """Write simulated cases to the folder OUT: an FCS file each, and labels.csv.

    OUT must be empty or not there yet. Every file says in a keyword that it is simulated.
    """
    from flowml.cli.talk import note, progress
    from flowml.safety import printable
    from flowml.simulate import iterate_cohort, known_entities, write_cohort

    names = entities.split(",") if entities else known_entities()
    cohort = iterate_cohort(
        names, n_cases=options["cases"], n_events=options["events"], seed=options["seed"]
    )
    with progress("simulating cases", options["cases"], quiet=quiet) as advance:
        files = write_cohort(_counted(cohort, advance), out)
    note(f"{len(files)} simulated cases in {printable(out)}, with labels.csv", quiet=quiet)
    return 0


def _counted(cases: Iterable[Case], advance: Callable[[int], object]) -> Iterator[Case]:
    for number, case in enumerate(cases, start=1):
        yield case
        advance(number)
