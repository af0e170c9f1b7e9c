"""The tables that run.py prints: to be read in a terminal, or pasted as Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from common import shown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence


def put_out(
    report: dict[str, Any],
    show: Callable[[dict[str, Any], Printer], object],
    args: argparse.Namespace,
) -> None:
    """Print what was measured, as `args.markdown` says, and write JSON to `args.json`."""
    show(report, Printer(markdown=args.markdown))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


class Printer:
    """Prints lines and tables.

    Parameters
    ----------
    markdown : bool
        Whether tables are written as Markdown's.
    """

    def __init__(self, *, markdown: bool) -> None:
        self._markdown = markdown

    def line(self, text: str) -> None:
        """Print a line of text."""
        print(text, end="\n\n" if self._markdown else "\n")

    def table(self, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table; nothing if it has no rows."""
        if not rows:
            return
        if self._markdown:
            lines = [heading, ["---"] * len(heading), *rows]
            print("\n".join(f"| {' | '.join(cells)} |" for cells in lines), end="\n\n")
            return
        columns = zip(heading, *rows, strict=True)
        widths = [max(map(len, column)) for column in columns]
        print()
        for cells in (heading, *rows):
            padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            print("  ".join(padded).rstrip())


def times(printer: Printer, found: dict[str, Any]) -> None:
    """Print how long each way takes."""
    keys = ("ms", "by flowml", "by floor", "by flowml, clock")
    heading = (
        "way",
        "ms a file",
        "time / flowml",
        "time / floor",
        "time / flowml, by the clock",
    )
    rows = [[name, *(shown(row[key]) for key in keys)] for name, row in found["ways"].items()]
    printer.table(heading, rows)
    for name, why in found["left out"].items():
        printer.line(f"{name}: left out, {why}")
    for name, fit in found["fit ms a file"].items():
        printer.line(f"{name}: fitted beforehand, {fit:.3g} ms a file")


def measured(printer: Printer, report: dict[str, Any]) -> None:
    """Print workers, agreement, memory and targets, as far as they were measured."""
    printer.table(
        ("many files, by the clock", "ms a file", "one worker / this"),
        [
            [name, shown(row["ms"]), shown(row["times one worker"])]
            for name, row in report.get("workers", {}).items()
        ],
    )
    printer.table(
        ("beside FlowKit's counts", "in the same bin: 64 bins", "16 x 16 bins",
         "bins with the same count: 64 bins", "16 x 16 bins"),
        [
            [name, *(f"{row[of][key]:.5%}" for key in ("counts", "bins") for of in row)]
            for name, row in report.get("agreement", {}).items()
        ],
    )  # fmt: skip
    memory = report.get("memory", {})
    recipes = [*next(iter(memory.values()), {})]
    printer.table(
        ("peak of `flowml features`, MiB", *recipes),
        [[what, *(f"{row[key]:.0f}" for key in recipes)] for what, row in memory.items()],
    )
    printer.table(
        ("target", "found", "asked", "met"), [_judged(row) for row in report["targets"]]
    )


def _judged(row: dict[str, Any]) -> list[str]:
    bound = "at least" if row["least"] else "at most"
    return [
        row["what"],
        f"{row['found']:.6g}",
        f"{bound} {row['asked']:.6g}",
        "met" if row["met"] else "NOT met",
    ]
