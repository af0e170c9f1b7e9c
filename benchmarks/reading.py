"""How fast FCS files are read, and how much memory it takes, beside other readers.

Run: python benchmarks/reading.py [--rounds 15] [--out FILE.json] [--peer-python PATH]

Files are made in a temporary folder. For each file every reader has a new process of its own,
and they take turns round by round: a machine that is busy for a while slows all of them, and
no reader profits from memory that another file or reader has left behind. In a turn a reader
reads the file five times in a row, as in a folder of files, and the median counts. Times are
those of the processor (the files are in memory: nobody waits for a disk); --clock wall takes
the clock's. First each reader proves that it returns the values that were written; one that
does not is named and left out. A ratio is that of two times of one round; given are its
median and quartiles. FlowCal and fcsparser need an older numpy: --peer-python names the
Python of an environment that has them (docs/performance.md says how to make one).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Helper, machine, shown, spread

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

Helpers = dict[str, tuple[Helper, str]]  # by the name shown; with the name readers.py knows
SCRIPT = Path(__file__).with_name("readers.py")
FILES = {
    "float-be": (50, 200, 1000), "float-le": (50, 200, 1000), "tagged-le": (50, 200),
    "log-be": (50, 200), "mixed-be": (50, 200),
}  # fmt: skip
OURS = "flowml events()"
HERE = (
    OURS, "flowml stored", "flowml blocks()",
    "FlowIO as_array(preprocess=False)", "FlowIO as_array()", "floor: np.fromfile, byte swap",
)  # fmt: skip
PEERS = ("FlowCal", "FlowCal, native byte order", "fcsparser")
OURS_THERE = "flowml events(), peer's Python"
FLOWIO, FLOWCAL = "FlowIO as_array(preprocess=False)", "FlowCal"

# (reader, files, least ratio of its time to ours)
TARGETS = (
    (FLOWIO, ("float-",), (50, 200, 1000), 3.5),
    (FLOWIO, ("tagged-", "log-"), (50, 200), 25.0),
    (FLOWCAL, ("float-", "tagged-", "log-", "mixed-"), (50, 200), 1.0),
)
MEMORY = {
    "read_fcs, events()": (OURS, ("float-be-1000k", "tagged-le-1000k")),
    "read_fcs, blocks()": ("flowml blocks()", ("float-be-1000k", "float-be-4000k")),
    "FlowIO, as_array()": ("FlowIO as_array()", ("float-be-1000k",)),
}
MIB = 1 << 20


def file_of(folder: Path, name: str, *, truth: bool) -> Path:
    """Make a file such as ``float-be-50k`` in a process that ends afterwards."""
    path = folder / f"{name}.fcs"
    n_events = int(name.rsplit("-", 1)[1].rstrip("k")) * 1000
    helper = Helper(SCRIPT)
    saved = str(path.with_suffix("")) if truth else ""
    helper.ask(what="make", path=str(path), n_events=n_events, truth=saved)
    helper.close()
    return path


@contextmanager
def helpers(peer_python: str, without: Container[str] = ()) -> Iterator[Helpers]:
    """Start a process for each reader; yield it with the name it knows the reader by."""
    known = {reader: (sys.executable, reader) for reader in HERE}
    if peer_python:
        known |= {reader: (peer_python, reader) for reader in PEERS}
        known[OURS_THERE] = peer_python, OURS
    started = {
        name: (Helper(SCRIPT, python), reader)
        for name, (python, reader) in known.items()
        if name not in without
    }
    try:
        yield started
    finally:
        for helper, _ in started.values():
            helper.close()


def check(readers: Helpers, path: Path) -> dict[str, str]:
    """Compare what each reader returns with what was written; return the faults."""
    request = {
        "path": str(path),
        "truth": str(path.with_suffix("")),
        "log": "log-" in path.name,
    }
    return {
        name: answer["wrong"]
        for name, (helper, known) in readers.items()
        if (answer := helper.ask(what="compare", reader=known, **request))["wrong"]
    }


def race(
    readers: Helpers, path: Path, rounds: int, reads: int, clock: str
) -> dict[str, list[float]]:
    """Let the readers take turns; each round begins with another one."""
    names = list(readers)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            helper, known = readers[name]
            seconds = helper.ask(what="time", reader=known, path=str(path), reads=reads)[clock]
            if turn:  # the first round is not counted
                times[name].append(seconds * 1e3)
    return times


def compare(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Time all readers on all files."""
    report: dict[str, Any] = {}
    for name in (f"{kind}-{size}k" for kind, sizes in FILES.items() for size in sizes):
        path = file_of(folder, name, truth=True)
        with helpers(args.peer_python) as readers:
            wrong = check(readers, path)
        if faults := [f"{key}: {text}" for key, text in wrong.items() if "flowml" in key]:
            raise SystemExit(f"{name}: {'; '.join(faults)}")
        with helpers(args.peer_python, without=wrong) as readers:
            times = race(readers, path, args.rounds, args.reads, args.clock)
        report[name] = {"left out": wrong, "readers": summary(times)}
        print_file(name, report[name])
        for made in folder.iterdir():
            made.unlink()
    return report


def summary(times: dict[str, list[float]]) -> dict[str, Any]:
    """Return the times, and their ratios to ours of the same round and Python."""
    return {
        name: {
            "ms": spread(values, 3),
            "ratio": spread([a / b for a, b in zip(values, times[OURS], strict=True)]),
        }
        for name, values in times.items()
    }


def print_file(name: str, found: dict[str, Any]) -> None:
    """Print one file's table."""
    print(f"\n{name:36} {'ms: median (quartiles)':32} time / {OURS}")
    for reader, values in found["readers"].items():
        print(f"  {reader:34} {shown(values['ms']):32} {shown(values['ratio'])}")
    for reader, text in found["left out"].items():
        print(f"  {reader:34} left out, {text}")


def judge(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Compare the ratios with what the project asks for."""
    verdicts = []
    for reader, kinds, sizes, least in TARGETS:
        for name, found in report.items():
            known = name.startswith(kinds) and int(name.rsplit("-", 1)[1][:-1]) in sizes
            if known and reader in found["readers"]:
                ratio = found["readers"][reader]["ratio"]
                verdicts.append(
                    {"file": name, "reader": reader, "ratio": ratio, "target": least,
                     "met": ratio["median"] >= least}
                )  # fmt: skip
    return verdicts


def peak(reader: str, path: Path | str) -> float:
    """Return the peak memory of a fresh process that reads a file, MiB."""
    helper = Helper(SCRIPT)
    most: float = helper.ask(what="peak", reader=reader, path=str(path))["peak"]
    helper.close()
    return most


def measure_memory(folder: Path) -> list[dict[str, Any]]:
    """Return what reading adds to a process that has only imported the reader.

    This process never holds events: a child's peak begins with its parent's.
    """
    floor = peak("nothing", "")
    rows = []
    for name in sorted({name for _, names in MEMORY.values() for name in names}):
        path = file_of(folder, name, truth=False)
        size = path.stat().st_size / MIB
        for what, (reader, names) in MEMORY.items():
            if name in names:
                row = {"what": what, "file": name, "file MiB": round(size, 1),
                       "added MiB": round(peak(reader, path) - floor, 1),
                       "limit MiB": round(2.5 * size + 64, 1)}  # fmt: skip
                rows.append(row)
                print("  {what:20} {file:16} {file MiB:6} MiB: +{added MiB} MiB".format(**row)
                      + f" (limit for events(): {row['limit MiB']})")  # fmt: skip
        path.unlink()
    return rows


def main() -> None:
    """Measure, print tables, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path, help="write all figures there, as JSON")
    parser.add_argument("--peer-python", default="", help="has FlowCal and fcsparser")
    parser.add_argument(
        "--reads", type=int, default=5, help="reads in a turn, of which the median counts"
    )
    parser.add_argument("--clock", choices=("cpu", "wall"), default="cpu")
    args = parser.parse_args()
    report: dict[str, Any] = machine() | {
        "rounds": args.rounds,
        "reads": args.reads,
        "clock": args.clock,
    }
    for key, python in (("here", [SCRIPT]), ("peer", [SCRIPT, args.peer_python])):
        if python[-1]:
            helper = Helper(*python)
            report[f"versions {key}"] = helper.ask(what="versions")
            helper.close()
    with tempfile.TemporaryDirectory() as name:
        print("memory beyond the import of flowml.fcs")
        report["memory"] = measure_memory(Path(name))
        report["times"] = compare(Path(name), args)
    report["targets"] = judge(report["times"])
    print("\ntargets: time of the other / ours")
    for row in report["targets"]:
        print(f"  {row['file']:16} {row['reader']:34} {shown(row['ratio']):28} at least "
              f"{row['target']:g}: {'met' if row['met'] else 'NOT met'}")  # fmt: skip
    if args.out:
        args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
