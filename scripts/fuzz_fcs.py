"""Damage small FCS files in many ways, and see that the reader is never silently wrong.

Run: python scripts/fuzz_fcs.py [--n 100000] [--seed 0] [--jobs 2] [--out report.json].
One mutant again, with its story: --only NUMBER [--to FILE]. The exit status is 1 if a target is
missed: no crash; nothing silent about offsets, widths, byte order and spillover; at most 1 % of
HEADER and TEXT mutants silent at all. Mutants that no reader could tell from a right file
(another conforming $PnR, $PnE, $PnG, $BYTEORD, or another share of the matrix) count apart.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "fcs"))

from judge import ABOUT, OUTCOMES, Judge, Verdict
from mutate import Mutant, make_mutant

CHUNK = 100  # mutants that a worker takes at once
MOST_SILENT = 0.01
NEVER = ("offsets", "widths", "byte order", "spillover")
ROWS = ("HEADER", "TEXT", "DATA bytes", "DATA moved", "TAIL")
COUNTED = ("HEADER", "TEXT")
Z = 1.959964  # of a 95 % interval
Record = dict[str, Any]


def row_of(mutant: Mutant) -> str:
    """Return the row of the table; DATA bytes that change in place change values of course."""
    if mutant.place != "DATA":
        return mutant.place
    return "DATA moved" if mutant.moved else "DATA bytes"


def judge_numbers(task: tuple[int, int, int]) -> list[Record]:
    """Make and judge the mutants `begin` to `end` of a seed."""
    seed, begin, end = task
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(folder))
        return [
            record(mutant, judge.verdict(mutant))
            for mutant in (make_mutant(number, seed) for number in range(begin, end))
        ]


def record(mutant: Mutant, verdict: Verdict) -> Record:
    """Keep what the report needs."""
    kept: Record = {
        "number": mutant.number, "base": mutant.base.name, "row": row_of(mutant),
        "outcome": verdict.outcome, "about": verdict.about, "code": verdict.code,
        "told": verdict.told, "seconds": verdict.seconds,
    }  # fmt: skip
    if verdict.outcome in {"silent", "crash"}:
        kept["steps"] = mutant.steps
    return kept


def judge_all(n: int, seed: int, jobs: int) -> list[Record]:
    """Judge `n` mutants; the same for any number of jobs, times excepted."""
    tasks = [(seed, begin, min(begin + CHUNK, n)) for begin in range(0, n, CHUNK)]
    if jobs == 1:
        return [item for task in tasks for item in judge_numbers(task)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        return [item for items in pool.imap(judge_numbers, tasks) for item in items]


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, Z * Z / n
    middle = share + spread / 2
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4)
    return max((middle - half) / (1 + spread), 0.0), min((middle + half) / (1 + spread), 1.0)


def summarise(records: list[Record], seed: int) -> Record:
    """Count outcomes, and say which targets are missed."""
    table = Counter((item["row"], item["outcome"]) for item in records)
    silent = [item for item in records if item["outcome"] == "silent"]
    about = Counter((item["row"], item["about"]) for item in silent)
    n_counted = sum(item["row"] in COUNTED for item in records)
    hits = sum(item["row"] in COUNTED for item in silent)
    worst = max(records, key=lambda item: item["seconds"])
    report: Record = {
        "n": len(records), "seed": seed,
        "table": {row: {o: table[row, o] for o in OUTCOMES} for row in ROWS},
        "silent_about": {row: {a: about[row, a] for a in ABOUT} for row in ROWS},
        "rate": hits / max(n_counted, 1), "rate_95": wilson(hits, n_counted),
        "silent": hits, "header_and_text": n_counted,
        "refusals": dict(Counter(i["code"] for i in records if i["outcome"] == "refused")),
        "findings": dict(Counter(c for i in records for c in i["told"])),
        "silent_mutants": silent,
        "crashes": [item for item in records if item["outcome"] == "crash"],
        "worst": {"number": worst["number"], "seconds": worst["seconds"]},
    }  # fmt: skip
    report["missed"] = missed(report)
    return report


def missed(report: Record) -> list[str]:
    """Name the targets that are missed."""
    names = ["a crash"] if report["crashes"] else []
    for what in NEVER:
        hits = sum(report["silent_about"][row][what] for row in COUNTED)
        names += [f"{hits} silent about {what}"] if hits else []
    if report["rate"] > MOST_SILENT:
        names.append(f"{report['rate']:.2%} silent")
    return names


def show(report: Record) -> None:
    """Print the report."""
    print(f"{report['n']} mutants, seed {report['seed']}\n")
    for name, columns in (("table", OUTCOMES), ("silent_about", ABOUT)):
        print(f"{name.replace('_', ' '):<13}" + "".join(f"{c:>11}" for c in columns))
        for row in ROWS:
            counts = report[name][row]
            print(f"{row:<13}" + "".join(f"{counts[c]:>11}" for c in columns))
        print()
    for name in ("refusals", "findings"):
        items = sorted(report[name].items(), key=lambda item: -item[1])
        print(f"{name}: " + ", ".join(f"{code} {count}" for code, count in items))
    low, high = report["rate_95"]
    print(
        f"\nsilent: {report['silent']} of {report['header_and_text']} HEADER and TEXT mutants, "
        f"{report['rate']:.3%} (95 % interval {low:.3%} to {high:.3%})"
    )
    worst = report["worst"]
    print(f"longest: {worst['seconds']:.3f} s (mutant {worst['number']})")
    for item in report["crashes"] + report["silent_mutants"][:40]:
        why = item["about"] or item["code"]
        print(f"{item['outcome']} ({why}): mutant {item['number']} of {item['base']!r}")
        print("".join(f"    {step[:200]}\n" for step in item["steps"]), end="")
    print(
        "missed: " + "; ".join(report["missed"]) if report["missed"] else "all targets are met"
    )


def show_one(number: int, seed: int, target: Path) -> None:
    """Write one mutant to a file, and tell its story."""
    mutant = make_mutant(number, seed)
    with tempfile.TemporaryDirectory() as folder:
        verdict = Judge(Path(folder)).verdict(mutant)
    target.write_bytes(mutant.content)
    print(f"mutant {number} of seed {seed}: {mutant.base.name!r}, {row_of(mutant)}")
    print("\n".join(mutant.steps))
    print(f"{verdict}\nwritten to {target}")


def main() -> int:
    """Run the fuzzer from the command line."""
    parser = argparse.ArgumentParser(description="Byte-level fuzzing of the FCS reader.")
    parser.add_argument("--n", type=int, default=100_000, help="number of mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--only", type=int, help="make this mutant again, and tell its story")
    parser.add_argument("--to", type=Path, default=Path("mutant.fcs"), help="file for --only")
    parser.add_argument("--out", type=Path, help="write the report as JSON")
    options = parser.parse_args()
    if options.only is not None:
        show_one(options.only, options.seed, options.to)
        return 0
    report = summarise(judge_all(options.n, options.seed, options.jobs), options.seed)
    if options.out:
        options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    show(report)
    return 1 if report["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
