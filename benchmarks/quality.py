"""How long the quality checks of a tube take.

Run: python benchmarks/quality.py [--events 50000] [--rounds 15] [--json FILE] [--markdown]

A simulated tube of nine colours (12 channels with scatter and time; no file is read) is held in
memory and checked again and again by one thread, after one round that does not count. Given are
the milliseconds of the processor: medians and quartiles.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).resolve().parent.parent)]  # for flowml, if not installed

from common import machine, shown, spread
from tables import Printer, put_out

import flowml
from flowml.quality import artefact_score, assess
from flowml.quality.values import open_values
from flowml.simulator import held
from flowml.threads import one_thread

MOST = 200.0  # milliseconds for all checks
PANEL, SEED = "cll-9f", 5_101
Report = dict[str, Any]


def ways(events: int) -> dict[str, Callable[[], object]]:
    """Return what is timed."""
    case = held(flowml.simulate(PANEL, cases=1, entities="CLL", events=events, seed=SEED)[0])
    sample = case.tubes[0].origin
    values = open_values(sample)
    fsc, ssc, cd45 = values.scatter("FSC-A"), values.scatter("SSC-A"), values.cd45
    return {
        "all checks": lambda: assess(sample),
        "of that: read and compensate": lambda: open_values(sample),
        "artefact score, scatter": lambda: artefact_score(fsc, ssc),
        "artefact score, scatter and CD45": lambda: artefact_score(fsc, ssc, cd45),
    }


def milliseconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def measure(args: argparse.Namespace) -> Report:
    """Let what is timed take turns."""
    timed = ways(args.events)
    found: dict[str, list[float]] = {name: [] for name in timed}
    with one_thread():
        for work in timed.values():
            work()
        for _ in range(args.rounds):
            for name, work in timed.items():
                found[name].append(milliseconds(work))
    rows = {name: spread(values, 1) for name, values in found.items()}
    return {
        **machine(), "events": args.events, "rounds": args.rounds, "ms": rows,
        "met": rows["all checks"]["median"] <= MOST,
    }  # fmt: skip


def show(report: Report, printer: Printer) -> None:
    """Print the report as a table."""
    printer.line(
        f"Python {report['python']}; {report['machine']}; {report['events']:,} events, "
        f"{report['rounds']} rounds: median (quartiles). Asked: all checks within "
        f"{MOST:.0f} ms; {'met' if report['met'] else 'NOT met'}."
    )
    rows = [[name, shown(row)] for name, row in report["ms"].items()]
    printer.table(("quality of a tube", "processor, ms"), rows)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--markdown", action="store_true", help="tables to paste into docs")
    args = parser.parse_args(arguments)
    if args.rounds < 2:
        parser.error(f"--rounds is {args.rounds}, expected 2 or more: quartiles need two")
    return args


def main() -> None:
    """Measure, print, and write JSON if asked."""
    args = parsed()
    put_out(measure(args), show, args)


if __name__ == "__main__":
    main()
