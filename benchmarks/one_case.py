"""One case of three tubes, classified from the shell: flowml, and FlowKit with xgboost.

Run: python benchmarks/one_case.py [--events 50000] [--rounds 7] [--out report.json]. Both are
processes of their own, from start to printed answer, and take turns; asked is that flowml takes
at most half the time. The script (`one_case_peer.py`) reads each tube, compensates, transforms,
takes shares of events in as many bins as flowml's recipe and asks trees of as many features.
Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import ONE_THREAD, machine, shown, spread

ENTITIES = {"normal": 12, "CLL": 12, "MCL": 12}
PANEL, BINS, ASKED = "cll-9f", 32, 2.0
PEER = Path(__file__).with_name("one_case_peer.py")


def prepared(folder: Path, events: int) -> dict[str, list[str]]:
    """Write a case, and a model for either way; return their commands."""
    import flowml
    from flowml.training import TrainingSettings, train

    cohort = list(flowml.simulate(PANEL, entities=ENTITIES, events=2_000, seed=3))
    labels = {case.case_id: case.details["entity"] for case in cohort}
    settings = TrainingSettings(estimator="boosted")
    trained = train(cohort, labels, "ecdf", settings=settings)
    trained.classifier.save(folder / "m.flowml")
    (case,) = flowml.simulate(PANEL, entities={"CLL": 1}, events=events, seed=4)
    place = folder / "cases" / case.case_id
    place.mkdir(parents=True)
    for tube in case.tubes:
        file = place / f"{Path(tube.name).stem}.fcs"
        flowml.write_fcs(file, tube.origin, tube.origin.keywords)
    run = [sys.executable, str(PEER), str(place), str(folder / "peer.json")]
    subprocess.run([*run, "--train", str(BINS)], check=True, env=ONE_THREAD)
    own = [sys.executable, "-m", "flowml", "classify", str(folder / "cases"), "--model",
           str(folder / "m.flowml")]  # fmt: skip
    return {"flowml": own, "FlowKit and xgboost": run}


def seconds_of(command: list[str]) -> float:
    """Return how long a command takes from start to end."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False, env=ONE_THREAD)
    seconds = time.perf_counter() - started
    if done.returncode or not done.stdout:
        raise SystemExit(f"{command[:3]} failed: {done.stderr.decode(errors='replace')[-500:]}")
    return seconds


def measured(commands: dict[str, list[str]], rounds: int) -> dict[str, Any]:
    """Let both take turns, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            seconds = seconds_of(command)
            if turn:
                times[name].append(seconds)
    own, peer = times.values()
    ratios = [b / a for a, b in zip(own, peer, strict=True)]
    return {
        "seconds": {name: spread(values) for name, values in times.items()},
        "times as fast": round(statistics.median(ratios), 2),
        "asked": ASKED,
    }


def main() -> None:
    """Print both medians, and how many times as fast flowml is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=50_000, help="of each tube")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = machine() | {"events": given.events, "rounds": given.rounds}
        report |= measured(prepared(Path(folder), given.events), given.rounds)
    for name, summary in report["seconds"].items():
        print(f"{name:<22}{shown(summary)} s")
    print(f"{report['times as fast']} times as fast; asked: {ASKED}")
    if given.out:
        given.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
