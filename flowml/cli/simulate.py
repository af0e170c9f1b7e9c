"""``flowml simulate``: a cohort of simulated cases."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowml.about import DISCLAIMER
from flowml.cli.options import chained, jobs_option, quiet_option, seed_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowml.simulator import Cohort

Item = TypeVar("Item")
Result = TypeVar("Result")

RANGE = ".."
LARGEST_TUBE = 5_000_000  # events

cohort_options = chained(
    click.option("--panel", default="screening", show_default=True, metavar="NAME|TOML",
                 help="Which tubes: screening, cll-9f, lst, alot, acute, plasma-cell, or a "
                 "laboratory's own file."),
    click.option("--cases", type=click.IntRange(1, 100_000), default=42, show_default=True,
                 help="How many cases."),
    click.option("--entities", default="all", show_default=True, metavar="A,B,...",
                 help="Which entities, in equal numbers; all that the panel can tell apart. "
                 "A+B is a case with both."),
    click.option("--instruments", default="1", show_default=True, metavar="N|MODEL,...",
                 help="How many instruments of the panel's first model, or their models."),
    click.option("--events", default="10000", show_default=True, metavar="N|LEAST..MOST",
                 help="Events of a tube, or a range to draw them from."),
    click.option("--share", metavar="LEAST..MOST",
                 help="Neoplastic share of intact cells, in place of the entities' own: "
                 "0.005..0.02."),
    click.option("--accidents", type=click.FloatRange(0, 1), default=0.0, show_default=True,
                 metavar="SHARE", help="Share of the cases that an accident befalls."),
    click.option("--accident-kinds", metavar="A,B,...",
                 help="Which accidents: lost tube, swapped tubes, foreign tube, ..."),
)  # fmt: skip


@click.command(epilog=DISCLAIMER)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False), metavar="OUT")
@cohort_options
@click.option("--truth", is_flag=True, help="Write, beside each file, what each event is.")
@seed_option
@jobs_option
@quiet_option
def command(out: Path, truth: bool, **options: Any) -> int:  # noqa: FBT001 - click passes flags
    """Write simulated cases to the folder OUT: a folder a case, cases.csv and manifest.csv.

    OUT must be empty or not there yet. Every file says in a keyword that it is simulated.
    """
    from flowml.batch import stream
    from flowml.cli.talk import note, progress
    from flowml.safety import printable
    from flowml.simulator import write_cohort

    cohort, quiet = _cohort(options), options["quiet"]
    with progress("simulating cases", len(cohort), quiet=quiet) as advance:

        def each(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterable[Result]:
            return stream(function, items, jobs=options["jobs"], progress=advance)

        files = write_cohort(cohort, out, truth=truth, each=each)
    what = f"{len(cohort)} simulated cases, {len(files)} files in {printable(out)}"
    note(f"{what}, with cases.csv and manifest.csv", quiet=quiet)
    return 0


def _cohort(options: dict[str, Any]) -> Cohort:
    """Ask the simulator for what the options say."""
    from flowml.simulator import ACCIDENTS, simulate

    kinds = options["accident_kinds"]
    return simulate(
        options["panel"],
        cases=options["cases"],
        entities=options["entities"],
        instruments=_instruments(options["instruments"]),
        events=_events(options["events"]),
        share=_range(options["share"], float, "--share") if options["share"] else None,
        accidents=options["accidents"],
        accident_kinds=_names(kinds) if kinds else tuple(ACCIDENTS),
        seed=options["seed"],
    )


def _instruments(text: str) -> int | list[str]:
    """Read ``3``, or ``navios,cytoflex``."""
    number = re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", text)
    return int(text) if number else _names(text)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _events(text: str) -> tuple[int, int]:
    low, high = _range(text, int, "--events")
    if not 100 <= low <= high <= LARGEST_TUBE:
        raise click.BadParameter(
            f"{text!r} is not between 100 and {LARGEST_TUBE}, the smaller number first.",
            param_hint="'--events'",
        )
    return low, high


def _range(text: str, kind: Callable[[str], Result], option: str) -> tuple[Result, Result]:
    """Read ``5000`` or ``5000..50000``."""
    low, _, high = text.partition(RANGE)
    try:
        return kind(low), kind(high or low)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a number, nor two with '{RANGE}' between them.",
            param_hint=f"'{option}'",
        ) from None
