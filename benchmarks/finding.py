"""How long it takes to find 10,000 small files, and to read what all their keywords say.

Run: python benchmarks/finding.py [--cases 2500] [--rounds 5] [--jobs 2] [--markdown]. Makes
the files (four tubes a case, 8 channels, 50 events) in a temporary folder. Each way runs in a
process of its own, start included, in turn with the others; the first round is not counted.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import ONE_THREAD, machine, shown, spread

import flowml
from flowml.events import ArraySource
from flowml.records import Channel, Role, Sample

N_EVENTS = 50
TUBES = {
    "B": ("CD19", "CD20", "CD5", "CD10", "CD45"),
    "T": ("CD3", "CD4", "CD8", "CD7", "CD45"),
    "M": ("CD34", "CD117", "CD13", "CD33", "CD45"),
    "P": ("CD38", "CD138", "CD56", "CD27", "CD45"),
}
DETECTORS = ("FITC-A", "PE-A", "PerCP-Cy5-5-A", "PE-Cy7-A", "APC-A")
ASKED = 20.0  # seconds for finding, reading and listing
FIND = """
import sys, flowml
cases = flowml.find_cases(sys.argv[1])
print(len(cases), sum(len(case.tubes) for case in cases))
"""
FIND_BY_PATTERN = FIND.replace(
    "(sys.argv[1])", "(sys.argv[1], pattern=r'[^/]+/(?P<case>[^_/]+)_(?P<tube>.+)[.]fcs')"
)


def channels(markers: tuple[str, ...]) -> tuple[Channel, ...]:
    """Return scatter, time and the fluorescence of a tube."""
    scatter = (Channel("FSC-A", "", "FSC-A", Role.FORWARD_SCATTER, "A"),
               Channel("SSC-A", "", "SSC-A", Role.SIDE_SCATTER, "A"))  # fmt: skip
    stained = (
        Channel(name, marker, marker, Role.FLUORESCENCE, "A")
        for name, marker in zip(DETECTORS, markers, strict=True)
    )
    return (*scatter, *stained, Channel("Time", "", "", Role.TIME))


def write_cases(folder: Path, n_cases: int) -> None:
    """Write a folder for each case; the keywords of no two files are the same."""
    rng = np.random.default_rng(1)
    panels = {name: channels(markers) for name, markers in TUBES.items()}
    for number in range(n_cases):
        home = folder / f"C{number:05d}"
        home.mkdir()
        for tube, panel in panels.items():
            name = f"{home.name}_{tube}.fcs"
            values = rng.normal(1e4, 3e3, (N_EVENTS, len(panel))).astype(np.float32)
            about = {"$FIL": name, "$SMNO": str(rng.integers(1 << 40)), "$CYT": "Benchmark"}
            flowml.write_fcs(home / name, Sample(name, panel, ArraySource(values)), about)


def ways(folder: Path, jobs: int) -> dict[str, list[str]]:
    """Return the command of each way."""
    here = [sys.executable, "-m", "flowml"]
    workers = ["--jobs", str(jobs), str(folder)]
    return {
        "find_cases, a folder a case": [sys.executable, "-c", FIND, str(folder)],
        "find_cases, by a pattern": [sys.executable, "-c", FIND_BY_PATTERN, str(folder)],
        "flowml check, one process": [*here, "check", "-q", "--format", "csv", str(folder)],
        f"flowml check, {jobs} workers": [*here, "check", "-q", "--format", "csv", *workers],
        "flowml inspect, one process": [*here, "inspect", "-q", "--format", "csv", str(folder)],
        f"flowml inspect, {jobs} workers": [
            *here,
            "inspect",
            "-q",
            "--format",
            "csv",
            *workers,
        ],
    }


def verify(way: str, out: str, n_cases: int) -> None:
    """See that a way found all files, and knew every marker."""
    n_files = n_cases * len(TUBES)
    if way.startswith("find_cases"):
        right = out.split() == [str(n_cases), str(n_files)]
    else:
        rows = list(csv.DictReader(io.StringIO(out)))
        right = len({row["file"] for row in rows}) == n_files
        right &= not any(row["error"] for row in rows)
        if "inspect" in way:
            found = {
                (row["file"][-5], row["marker"])
                for row in rows
                if row["role"] == "fluorescence"
            }
            right &= found == {(tube, m) for tube, markers in TUBES.items() for m in markers}
    if not right:
        raise SystemExit(f"{way} did not find what was written")


def timed(command: list[str]) -> tuple[float, float, str]:
    """Return seconds by the clock, of the processors, and what a command prints."""
    start, before = time.perf_counter(), _used()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ONE_THREAD)
    return time.perf_counter() - start, _used() - before, done.stdout


def _used() -> float:
    """Return the processor time of all processes that were started here, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(
    folder: Path, n_cases: int, rounds: int, jobs: int
) -> dict[str, dict[str, list[float]]]:
    """Take all ways in turn; return seconds by the clock and of the processors."""
    times: dict[str, dict[str, list[float]]] = {}
    for turn in range(rounds + 1):
        for way, command in ways(folder, jobs).items():
            clock, processor, out = timed(command)
            if turn:
                found = times.setdefault(way, {"clock": [], "processor": []})
                found["clock"].append(clock)
                found["processor"].append(processor)
            else:
                verify(way, out, n_cases)
    return times


def main() -> None:
    """Print medians and quartiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_cases(Path(folder), asked.cases)
        times = measure(Path(folder), asked.cases, asked.rounds, asked.jobs)
    results = {
        way: {kind: spread(seconds) for kind, seconds in found.items()}
        for way, found in times.items()
    }
    if asked.markdown:
        heading = ["| way | seconds, by the clock | of the processors |", "| --- | --- | --- |"]
        rows = [
            f"| {way} | {shown(found['clock'])} | {shown(found['processor'])} |"
            for way, found in results.items()
        ]
        print("\n".join([*heading, *rows]))
    else:
        print(json.dumps({**machine(), "asked": ASKED, "seconds": results}, indent=1))


if __name__ == "__main__":
    main()
