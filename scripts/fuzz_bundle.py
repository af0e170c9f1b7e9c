"""Damage model files in many ways, and see that none is another model unsaid.

Run: python scripts/fuzz_bundle.py [--n 2000] [--seed 0] [--jobs 2] [--model FILE]
[--out report.json]. N files are damaged as they lie there; N more are changed inside and given
right hashes and a right digest again. Each is loaded in a process that may die of it, and asked
about the same made-up cases. The exit status is 1 if a target is missed: no crash, nothing that
takes 10 s or 1 GiB, no answer without numbers; no damaged file that is loaded with other
answers; no consistent one, unless a part was changed that is the model itself (`MEANING`); none
of either that a pinned hash lets through.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "models"))

from damage import CONSISTENT, DAMAGED, Judge, Mutant, Verdict, make_model, make_mutant

CHUNK = 50  # mutants that a worker takes at once
OUTCOMES = ("refused", "same", "other", "no numbers", "crash", "slow", "large")
FAULTS = OUTCOMES[3:]
# Whoever changes one of these and makes the hashes right has made another model.
MEANING = frozenset({
    "trees.json", "tables.bin", "weights", "shifts", "caution", "tables", "entities",
    "feature_names", "training", "recipe",
})  # fmt: skip
Record = dict[str, Any]
Task = tuple[str, str, int, int, int]  # model, kind, seed, first and last number


def parts_of(mutant: Mutant) -> list[str]:
    """Return the parts that were changed: members, and for the manifest its keys."""
    found = []
    for step in mutant.steps:
        member, _, rest = step.partition(": ")
        key = rest.partition(" ")[0].partition("/")[0]
        found.append(key if member == "manifest.json" else member)
    return sorted(set(found))


def record(number: int, mutant: Mutant, verdict: Verdict) -> Record:
    """Keep what the report needs."""
    kept: Record = {
        "number": number, "kind": mutant.kind, "outcome": verdict.outcome,
        "pinned": verdict.pinned, "seconds": verdict.seconds, "said": verdict.said,
        "parts": parts_of(mutant) if mutant.kind == CONSISTENT else [],
    }  # fmt: skip
    if verdict.outcome not in {"refused", "same"}:
        kept["steps"] = mutant.steps
    return kept


def judge_numbers(task: Task) -> list[Record]:
    """Make and judge some mutants."""
    model, kind, seed, begin, end = task
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(model), Path(folder))
        made = ((n, make_mutant(judge.raw, kind, n, seed)) for n in range(begin, end))
        return [record(number, mutant, judge.verdict(mutant)) for number, mutant in made]


def judge_all(model: str, n: int, seed: int, jobs: int) -> list[Record]:
    """Judge `n` mutants of both kinds; a process that dies is found and counted."""
    if jobs == 1:
        return [item for kind in (DAMAGED, CONSISTENT)
                for item in judge_numbers((model, kind, seed, 0, n))]  # fmt: skip
    tasks = [
        (model, kind, seed, begin, min(begin + CHUNK, n))
        for kind in (DAMAGED, CONSISTENT)
        for begin in range(0, n, CHUNK)
    ]
    return _in_processes(tasks, jobs)


def _in_processes(tasks: list[Task], jobs: int) -> list[Record]:
    found: list[Record] = []
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = [(task, pool.submit(judge_numbers, task)) for task in tasks]
        died = []
        for task, result in waiting:
            try:
                found += result.result()
            except BrokenProcessPool:
                died.append(task)
    for model, kind, seed, begin, end in died:  # one by one, to find the one that killed it
        for number in range(begin, end):
            found += _alone((model, kind, seed, number, number + 1))
    return found


def _alone(task: Task) -> list[Record]:
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(judge_numbers, task).result()
    except BrokenProcessPool:
        model, kind, seed, number, _ = task
        mutant = make_mutant(Path(model).read_bytes(), kind, number, seed)
        return [record(number, mutant, Verdict("crash", "the process died", pinned=False,
                                               seconds=0.0))]  # fmt: skip


def summarise(records: list[Record], seed: int) -> Record:
    """Count outcomes, and say which targets are missed."""
    table = Counter((item["kind"], item["outcome"]) for item in records)
    other = [item for item in records if item["outcome"] == "other"]
    report: Record = {
        "n": len(records), "seed": seed,
        "table": {k: {o: table[k, o] for o in OUTCOMES} for k in (DAMAGED, CONSISTENT)},
        "let_through_by_pin": sum(not item["pinned"] for item in records),
        "parts_that_change_answers": dict(
            Counter(" + ".join(item["parts"]) for item in other if item["kind"] == CONSISTENT)
        ),
        "longest": max(item["seconds"] for item in records),
        "faults": [item for item in records if item["outcome"] in FAULTS],
        "other": other,
    }  # fmt: skip
    report["missed"] = missed(report)
    return report


def missed(report: Record) -> list[str]:
    """Name the targets that are missed."""
    names = [f"{item['outcome']}: {item['steps']} {item['said']}" for item in report["faults"]]
    for item in report["other"]:
        if item["kind"] == DAMAGED:
            names.append(f"damaged, and another model: {item['steps']}")
        elif not MEANING & set(item["parts"]):
            names.append(f"other answers by what is not the model: {item['steps']}")
    if report["let_through_by_pin"]:
        names.append(f"{report['let_through_by_pin']} let through by a pinned hash")
    return names


def show(report: Record) -> None:
    """Print the report."""
    print(f"{report['n']} mutants, seed {report['seed']}\n")
    print(f"{'':<12}" + "".join(f"{outcome:>12}" for outcome in OUTCOMES))
    for kind, counts in report["table"].items():
        print(f"{kind:<12}" + "".join(f"{counts[outcome]:>12}" for outcome in OUTCOMES))
    print(f"\nlet through by a pinned hash: {report['let_through_by_pin']}")
    print(f"longest: {report['longest']:.2f} s")
    print("other answers after a change of:")
    for part, count in sorted(report["parts_that_change_answers"].items()):
        print(f"  {part}: {count}")
    print(
        "\n".join(["missed:", *report["missed"]] if report["missed"] else ["all targets met"])
    )


def main(arguments: list[str] | None = None) -> int:
    """Make, judge, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--n", type=int, default=2000, help="mutants of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--model", help="a model file; a small one is made if it is not given")
    parser.add_argument("--out", type=Path, help="report, JSON")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        model = given.model or str(make_model(Path(folder)))
        report = summarise(judge_all(model, given.n, given.seed, given.jobs), given.seed)
    show(report)
    if given.out:
        given.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 1 if report["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
