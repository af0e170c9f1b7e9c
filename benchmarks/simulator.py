"""How many tubes a second the simulator draws, in memory and as files.

Run: python benchmarks/simulator.py [--tubes 48] [--events 50000] [--rounds 7] [--json FILE]
[--markdown] [--panels cll-9f,lst,acute,screening]

For each panel, all its entities in equal numbers, accidents left out: every event of every tube
is drawn and read block by block, as features are made, by one process and by two workers; then
the same tubes are written as files of the panel's first instrument to a temporary folder, with
the tables of the cohort. The start of two workers is timed apart, by cases of a few events.
Every round of a panel has a process of its own, whose first cases are not counted; rounds go
through the panels in turn. Times are those of the clock, which workers need: other programs on
the machine slow them; the processor's milliseconds a tube of one process stand beside them.
Given are medians and quartiles.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Helper, machine, shown, spread
from tables import Printer, put_out

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = Path(__file__).with_name("tubes.py")
PANELS = ("cll-9f", "lst", "acute", "screening")
SEED = 4_107
WORKERS = 2
LEAST_TUBES = 20  # a second, of two workers
START = "start of two workers, s"
PROCESSOR = ", processor ms a tube"
WAYS = {  # what is asked for, by how many workers
    "in memory, one process": ("draw", 1),
    "in memory, two workers": ("draw", WORKERS),
    "as files, one process": ("write", 1),
    "as files, two workers": ("write", WORKERS),
}
Report = dict[str, Any]


def one_round(panel: str, args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Return tubes a second of every way, processor time, and the start of workers."""
    helper = Helper(SCRIPT)
    helper.ask(
        what="prepare", panel=panel, tubes=args.tubes, events=args.events, seed=SEED,
        folder=str(folder),
    )  # fmt: skip
    found = {START: helper.ask(what="start", jobs=WORKERS)["seconds"]}
    for name, (what, jobs) in WAYS.items():
        took = helper.ask(what=what, jobs=jobs)
        found[name] = took["tubes"] / took["seconds"]
        if jobs == 1:
            found[name + PROCESSOR] = took["processor"] / took["tubes"] * 1e3
    helper.close()
    return found


def measure(args: argparse.Namespace) -> Report:
    """Let the panels take turns."""
    found: dict[str, dict[str, list[float]]] = {panel: {} for panel in args.panels}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(args.rounds):
            for panel, rows in found.items():
                for key, value in one_round(panel, args, Path(name)).items():
                    rows.setdefault(key, []).append(value)
    rates = {
        panel: {key: spread(values) for key, values in rows.items()}
        for panel, rows in found.items()
    }
    return {
        **machine(), "tubes": args.tubes, "events": args.events, "rounds": args.rounds,
        "panels": rates, "targets": judge(rates),
    }  # fmt: skip


def judge(rates: dict[str, dict[str, Any]]) -> list[Report]:
    """Compare the rates of two workers with what the project asks for."""
    return [
        {"what": f"{panel}, {name}", "found": rows[name]["median"],
         "met": rows[name]["median"] >= LEAST_TUBES}
        for panel, rows in rates.items()
        for name, (_, jobs) in WAYS.items()
        if jobs == WORKERS
    ]  # fmt: skip


def show(report: Report, printer: Printer) -> None:
    """Print the report as tables."""
    printer.line(
        f"Python {report['python']}; {report['machine']}; {report['tubes']} tubes of "
        f"{report['events']:,} events, {report['rounds']} rounds: median (quartiles)."
    )
    apart = [name + PROCESSOR for name, (_, jobs) in WAYS.items() if jobs == 1]
    for heading, names in (("tubes a second, by the clock", [*WAYS]), ("", [*apart, START])):
        printer.table(
            (heading or "panel", *names),
            [
                [panel, *(shown(rows[name]) for name in names)]
                for panel, rows in report["panels"].items()
            ],
        )
    printer.table(
        ("target, tubes a second", "found", "asked", "met"),
        [
            [row["what"], f"{row['found']:.3g}", f"at least {LEAST_TUBES}",
             "met" if row["met"] else "NOT met"]
            for row in report["targets"]
        ],
    )  # fmt: skip


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tubes", type=int, default=48, help="at least, of each panel")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--panels", type=lambda text: text.split(","), default=PANELS)
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--markdown", action="store_true", help="tables to paste into docs")
    args = parser.parse_args(arguments)
    if args.rounds < 2:
        parser.error(f"--rounds is {args.rounds}, expected 2 or more: quartiles need two")
    return args


def main() -> None:
    """Measure, print tables, and write JSON if asked."""
    args = parsed()
    put_out(measure(args), show, args)


if __name__ == "__main__":
    main()
