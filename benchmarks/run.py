"""How long it takes from a folder of files to features, beside other ways, and how much memory.

Run: python benchmarks/run.py [--files 40] [--events 50000] [--rounds 7] [--json FILE]
[--markdown] [--peer-python PATH] [--memory] [--only NAMES]

Files are made in a temporary folder. From each to features: compensation by the file's own
matrix, logicle (T 262144, W 0.5, M 4.5, A 0), 64-bin distributions of 10 channels, and all 45
pairs in 16 x 16 bins. Every way has a process of its own with one thread, which imports what it
needs and takes one round before anything counts; then they take turns, round by round, each
round begun by another. The slower ways take some of the files in a turn, other ones in each;
the quick ones all of them three times, one table after another.
A ratio is that of two times a file in one round; given are medians and quartiles. Times are
those of the processor, system calls included (the files are in memory: nobody waits for a
disk); ratios by the clock stand beside them, and workers are timed by the clock. FlowCal and
fcsparser need an older numpy: --peer-python names the Python of an environment that has them.
--only names ways, and the parts workers and agreement, separated by commas.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import Helper, machine, spread
from tables import Printer, measured, put_out, times

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCRIPT = Path(__file__).with_name("ways.py")
OURS, EXACT, FLOOR, FLOWKIT = "flowml", "flowml, exact", "floor", "flowkit"
PEERS = (FLOWKIT, "flowkit events", "flowio + numpy")
ELSEWHERE = ("FlowCal, compensated only", "fcsparser, compensated only")
RECIPES = ("ecdf", "quantiles", "pairs", "moments", "mll2021",
           "mll2021, measured (two passes)", "som")  # fmt: skip
FOLDER_WAYS = (OURS, "flowml, SHA-256 taken", EXACT, *RECIPES)
QUICK = (FLOOR, *FOLDER_WAYS[:3])  # go their way more than once in a turn
PASSES = 3
PARTS = ("workers", "agreement")
COMPARED = ("flowio + numpy", OURS, EXACT)
MEMORY = {  # files, events of each
    "10 files of 2k events": (10, 2_000), "1,000 files of 2k events": (1000, 2_000),
    "1 file of 50k events": (1, 50_000), "1 file of 5M events": (1, 5_000_000),
}  # fmt: skip
MEMORY_RECIPES = ("ecdf", "ecdf+pairs")
MOST_MEMORY = 250  # MiB
LEAST_RATIO = {FLOWKIT: 45, "flowkit events": 20}  # time of the other by ours
MOST_FLOORS, LEAST_GAIN = 8, 1.7
LEAST_SAME = {OURS: 0.99, EXACT: 1 - 1e-5}  # share of counts in FlowKit's bin
CLOCKS = ("wall", "cpu")
Report = dict[str, Any]


def make(folder: Path, n_files: int, n_events: int) -> list[str]:
    """Make a folder of files in a process that ends afterwards; return their paths."""
    folder.mkdir()
    helper = Helper(SCRIPT)
    helper.ask(what="make", folder=str(folder), n_files=n_files, n_events=n_events)
    helper.close()
    return sorted(str(path) for path in folder.iterdir())


def link(files: Sequence[str], folder: Path, n_files: int) -> list[str]:
    """Fill a folder with so many files: the ones given, again and again."""
    folder.mkdir()
    made = []
    for i in range(n_files):
        path = folder / f"tube{i:05d}.fcs"
        try:
            os.link(files[i % len(files)], path)
        except OSError:  # no hard links there
            shutil.copyfile(files[i % len(files)], path)
        made.append(str(path))
    return made


class Ways:
    """A process for each way.

    Parameters
    ----------
    names : iterable of str
        Keys of ways.py's tables.
    folder : Path
        With the files that the ways are tried on.
    files : sequence of str
        Some of them.
    peer_python : str
        Runs `ELSEWHERE`; our own Python does if it is empty.
    """

    def __init__(
        self, names: Iterable[str], folder: Path, files: Sequence[str], peer_python: str = ""
    ) -> None:
        self.helpers: dict[str, Helper] = {}
        self.left_out: dict[str, str] = {}
        self.fits: dict[str, float] = {}  # ms a file
        for name in names:
            python = [peer_python] if name in ELSEWHERE and peer_python else []
            helper = Helper(SCRIPT, *python)
            tried = helper.ask(what="prepare", way=name, folder=str(folder), files=files)
            if tried["wrong"]:
                self.left_out[name] = tried["wrong"]
                helper.close()
                continue
            self.helpers[name] = helper
            if tried["fit"]:
                self.fits[name] = tried["fit"] / len(list(folder.iterdir())) * 1e3

    def __enter__(self) -> Ways:
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self.helpers.values():
            helper.close()


def some_of(files: Sequence[str], turn: int, count: int) -> list[str]:
    """Return the files of a turn: as many as asked for, going round."""
    return [files[(turn * count + i) % len(files)] for i in range(min(count, len(files)))]


def race(
    ways: Ways, folder: Path, files: list[str], rounds: int, some: int
) -> dict[str, dict[str, list[float]]]:
    """Let the ways take turns; return milliseconds a file, by way and clock."""
    names = list(ways.helpers)
    found: dict[str, dict[str, list[float]]] = {
        name: {clock: [] for clock in CLOCKS} for name in names
    }
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            slow = name not in (*FOLDER_WAYS, FLOOR)
            taken = some_of(files, turn, some) if slow else files
            passes = PASSES if name in QUICK else 1
            took = ways.helpers[name].ask(
                what="time", folder=str(folder), files=taken, passes=passes
            )
            for clock in CLOCKS if turn else ():  # the first round is not counted
                found[name][clock].append(took[clock] / passes / len(taken) * 1e3)
    return found


def by_round(above: Sequence[float], below: Sequence[float]) -> dict[str, Any]:
    """Return the ratio of two ways, round by round."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def features(folder: Path, files: list[str], args: argparse.Namespace) -> Report:
    """Time all ways on the folder."""
    wanted = [name for name in (*PEERS, *ELSEWHERE, FLOOR, *FOLDER_WAYS) if name in args.only]
    with Ways(wanted, folder, files[:1], args.peer_python) as ways:
        if needed := {OURS, FLOOR} & set(ways.left_out):
            raise SystemExit("; ".join(f"{name} {ways.left_out[name]}" for name in needed))
        found = race(ways, folder, files, args.rounds, args.peer_files)
        ours, floor = found[OURS], found[FLOOR]
        rows = {
            name: {
                "ms": spread(each["cpu"], 3),
                "by flowml": by_round(each["cpu"], ours["cpu"]),
                "by floor": by_round(each["cpu"], floor["cpu"]),
                "by flowml, clock": by_round(each["wall"], ours["wall"]),
            }
            for name, each in found.items()
        }
        return {"ways": rows, "left out": ways.left_out, "fit ms a file": ways.fits}


def workers(folder: Path, files: list[str], args: argparse.Namespace) -> Report:
    """Time one worker, two that have to be started, and the same two again.

    What the machine gives: two processes at once, each with half of the files.
    """
    many = link(files, folder.with_name("many"), args.many)
    halves = [folder.with_name(name) for name in ("left", "right")]
    for start, half in enumerate(halves):
        link(many[start::2], half, len(many[start::2]))
    found: dict[str, list[float]] = {}
    for _ in range(args.worker_rounds):  # a process each: workers stay warm for a while
        with Ways([OURS], folder, files[:1]) as ours, Ways([OURS], folder, files[:1]) as other:
            pair = ours.helpers[OURS], other.helpers[OURS]
            for key, seconds in one_turn(*pair, folder.with_name("many"), halves).items():
                found.setdefault(key, []).append(seconds)
    one = found["one worker"]
    return {
        key: {
            "ms": spread([seconds / len(many) * 1e3 for seconds in each], 3),
            "times one worker": by_round(one, each),
        }
        for key, each in found.items()
    }


def one_turn(ours: Helper, other: Helper, many: Path, halves: list[Path]) -> dict[str, float]:
    """Return the clock's seconds of one process, two halves at once, and two workers."""

    def take(helper: Helper, folder: Path, jobs: int = 1) -> float:
        took: float = helper.ask(what="time", folder=str(folder), jobs=jobs)["wall"]
        return took

    seconds = {"one worker": take(ours, many)}
    with ThreadPoolExecutor(2) as pool:
        seconds["two processes, half each"] = max(pool.map(take, (ours, other), halves))
    seconds["two workers, their start included"] = take(ours, many, 2)
    seconds["two workers, second call"] = take(ours, many, 2)
    return seconds


def agreement(folder: Path, files: list[str], args: argparse.Namespace) -> Report:
    """Compare counts with those of FlowKit, bin for bin, over a few of the files."""
    few = folder.with_name("few")
    chosen = link(files, few, min(args.compared_files, len(files)))
    rows: Report = {}
    with Ways([FLOWKIT, *COMPARED], few, chosen[:1]) as ways:
        out = {name: str(folder.with_name(f"counts{i}.npz"))
               for i, name in enumerate(ways.helpers)}  # fmt: skip
        for name, helper in ways.helpers.items():
            helper.ask(what="counts", folder=str(few), files=chosen, out=out[name])
    truth, comparer = out.pop(FLOWKIT), Helper(SCRIPT)
    for name, found in out.items():
        rows[name] = comparer.ask(what="compare", truth=truth, found=found)
    comparer.close()
    return rows


def memory(folder: Path) -> Report:
    """Return the most memory of processes that each make the features of one folder.

    This process never holds events: a child's peak begins with its parent's.
    """
    rows: Report = {}
    for what, (n_files, n_events) in MEMORY.items():
        place = folder.with_name("memory")
        make(place, n_files, n_events)
        rows[what] = {}
        for recipe in MEMORY_RECIPES:
            helper = Helper(SCRIPT)
            out = str(folder.with_name("table.parquet"))
            rows[what][recipe] = round(
                helper.ask(what="memory", folder=str(place), recipe=recipe, out=out)["peak"], 1
            )
            helper.close()
        shutil.rmtree(place)
    return rows


def target(what: str, found: float, limit: float, *, least: bool) -> Report:
    """Say whether a figure is what is asked for."""
    met = found >= limit if least else found <= limit
    return {"what": what, "found": found, "asked": limit, "least": least, "met": met}


def judge(report: Report) -> list[Report]:
    """Compare the figures with what the project asks for."""
    verdicts = []
    rows = report["features"]["ways"]
    for name, least in LEAST_RATIO.items():
        if name in rows:
            ratio = rows[name]["by flowml"]["median"]
            verdicts.append(target(f"{name} / {OURS}", ratio, least, least=True))
    floors = rows[OURS]["by floor"]["median"]
    verdicts.append(target(f"{OURS} / {FLOOR}", floors, MOST_FLOORS, least=False))
    for key, row in report.get("workers", {}).items():
        if key.startswith("two workers"):
            gain = row["times one worker"]["median"]
            verdicts.append(target(f"one worker / {key}", gain, LEAST_GAIN, least=True))
    for name, row in report.get("agreement", {}).items():
        if name in LEAST_SAME:
            what, same = f"{name}: counts in FlowKit's bin", row["single"]["counts"]
            verdicts.append(target(what, same, LEAST_SAME[name], least=True))
    for what, row in report.get("memory", {}).items():
        for recipe, peak in row.items():
            text = f"MiB, {recipe}, {what}"
            verdicts.append(target(text, peak, MOST_MEMORY, least=False))
    return verdicts


def measure(args: argparse.Namespace) -> Report:
    """Measure all that was asked for."""
    report: Report = machine() | {
        "files": args.files,
        "events": args.events,
        "rounds": args.rounds,
        "files of slower ways": args.peer_files,
        "passes of quick ways": PASSES,
    }
    for key, python in (("here", []), ("peer", [args.peer_python])):
        if python != [""]:
            helper = Helper(SCRIPT, *python)
            report[f"versions {key}"] = helper.ask(what="versions")
            helper.close()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "files"
        if args.memory:
            report["memory"] = memory(folder)
        files = make(folder, args.files, args.events)
        report["features"] = features(folder, files, args)
        for key, part in (("workers", workers), ("agreement", agreement)):
            if key in args.only:
                report[key] = part(folder, files, args)
    report["targets"] = judge(report)
    return report


def show(report: Report, printer: Printer) -> None:
    """Print the report as tables."""
    packages = [f"{key} {value}" for key, value in report["versions here"].items()]
    printer.line(
        f"Python {report['python']}, {', '.join(packages)}; {report['machine']}; "
        f"{report['files']} files of {report['events']:,} events x 14 channels, "
        f"{report['rounds']} rounds, one thread, processor time: median (quartiles)."
    )
    if peers := report.get("versions peer"):
        text = ", ".join(f"{key} {value}" for key, value in peers.items())
        printer.line(f"FlowCal and fcsparser: {text}.")
    times(printer, report["features"])
    measured(printer, report)


def chosen(names: str) -> set[str]:
    """Return the ways and parts to be measured; ours and the floor always are."""
    known = {*PEERS, *ELSEWHERE, *FOLDER_WAYS, FLOOR, *PARTS}
    if not names:
        return known
    found, rest = {OURS, FLOOR}, names
    for name in sorted(known, key=len, reverse=True):  # some have a comma of their own
        if name in rest:
            found.add(name)
            rest = rest.replace(name, "", 1)
    if unknown := rest.strip(", "):
        raise SystemExit(f"--only {unknown}: choose from {'; '.join(sorted(known))}")
    return found


def two_or_more(text: str) -> int:
    """Read a number of rounds: quartiles need two."""
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r}, expected 2 or more")
    return int(text)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=two_or_more, default=7)
    parser.add_argument("--peer-files", type=int, default=8, help="files a turn, slower ways")
    parser.add_argument("--many", type=int, default=400, help="files for two workers")
    parser.add_argument("--worker-rounds", type=two_or_more, default=5)
    parser.add_argument("--compared-files", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--markdown", action="store_true", help="tables to paste into docs")
    parser.add_argument("--peer-python", default="", help="has FlowCal and fcsparser")
    parser.add_argument("--memory", action="store_true", help="measure memory, too")
    parser.add_argument("--only", type=chosen, default="", help="ways and parts")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure, print tables, and write JSON if asked."""
    args = parsed()
    put_out(measure(args), show, args)


if __name__ == "__main__":
    main()
