"""``flowml simulate``: a cohort of simulated cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowml.cli.main import DISCLAIMER
from flowml.cli.options import quiet_option, seed_option


@click.command(epilog=DISCLAIMER)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False), metavar="OUT")
@click.option(
    "--cases", type=click.IntRange(1, 100_000), default=40, show_default=True,
    help="How many cases.",
)  # fmt: skip
@click.option(
    "--events", type=click.IntRange(100, 5_000_000), default=10_000, show_default=True,
    help="Events of each case.",
)  # fmt: skip
@click.option("--entities", metavar="A,B,...", help="Which entities; all that it knows if omitted.")
@seed_option
@quiet_option
def command(out: Path, entities: str | None, **options: Any) -> int:
    """Write simulated cases to the folder OUT: an FCS file each, and labels.csv.

    Every file says in a keyword that it is simulated.
    """
    from flowml.cli.talk import note
    from flowml.simulate import known_entities, simulate_cohort, write_cohort

    names = [name.strip() for name in entities.split(",")] if entities else known_entities()
    cohort = simulate_cohort(
        names, n_cases=options["cases"], n_events=options["events"], seed=options["seed"]
    )
    write_cohort(cohort, out)
    note(
        f"{len(cohort)} simulated cases of {', '.join(names)} in {out}", quiet=options["quiet"]
    )
    return 0
