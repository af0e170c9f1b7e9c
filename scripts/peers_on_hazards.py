"""How other readers of FCS do on the corpus of hazards (tests/fcs/hazards).

Run: python scripts/peers_on_hazards.py [READER ...], with FlowIO, FlowKit, fcsparser or FlowCal
installed. Each reader has a process of its own, and some seconds and gigabytes for each file; a
reader that dies is started again behind the file. Entries that choose a data set, read strictly
or join a Beckman Coulter pair are left out: others have no such notion.

"Right" means the stored values, and the linear ones of readers that decode. The truth is that
of the corpus: the first of two equal keywords, a neutral value for a malformed one. "Loads what
cannot be proven" are files that must be refused. A refusal is an exception of the reader's own,
an OSError, a ValueError or a NotImplementedError; any other exception is a crash.

`--known FILE` writes what fails of the entries that can be read; for FlowIO the tests hold it
against tests/fcs/hazards/flowio.txt.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import multiprocessing
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "fcs")]

from hazards import CORPUS, Exact, Hazard  # noqa: E402
from hazards.compare import same  # noqa: E402

SECONDS = 10
MEMORY = 2 << 30  # bytes
REFUSALS = (OSError, ValueError, NotImplementedError)
COLUMNS = (
    "right", "wrong, silently", "wrong, with a warning", "loads what cannot be proven",
    "refuses what can be read", "refuses rightly", "crashes", "hangs or takes 2 GiB",
)  # fmt: skip


def read_flowio(path: str) -> tuple[Any, Any]:
    """Return stored and linear values by FlowIO."""
    data = importlib.import_module("flowio").FlowData(path)
    return data.as_array(preprocess=False), data.as_array(preprocess=True)


def read_flowkit(path: str) -> tuple[Any, Any]:
    """Return linear values by FlowKit; it keeps no others."""
    return None, importlib.import_module("flowkit").Sample(path).get_events(source="raw")


def read_fcsparser(path: str) -> tuple[Any, Any]:
    """Return stored values by fcsparser; it decodes none."""
    _, table = importlib.import_module("fcsparser").parse(path, reformat_meta=False)
    return table.to_numpy(), None


def read_flowcal(path: str) -> tuple[Any, Any]:
    """Return stored values by FlowCal."""
    return np.asarray(importlib.import_module("FlowCal").io.FCSData(path)), None


def is_common(entry: Hazard) -> bool:
    """Tell whether an entry asks for nothing that only our reader has."""
    asks = entry.strict or entry.nobody or entry.dataset != "auto"
    return not asks and not entry.name.startswith("coulter-pair")


ENTRIES = [entry for entry in CORPUS if is_common(entry)]
READERS = {
    "flowio": read_flowio,
    "flowkit": read_flowkit,
    "fcsparser": read_fcsparser,
    "FlowCal": read_flowcal,
}


def judge(stored: Any, linear: Any, expected: Any, *, warned: bool) -> str:
    """Return the column of values that a reader returned."""
    if not isinstance(expected, Exact):
        return "loads what cannot be proven"
    wide = expected.stored if expected.linear is None else expected.linear
    time = [n for n, role in enumerate(expected.roles or ()) if role == "time"]
    tables = [(expected.stored, stored), (wide, linear)]
    for wanted, got in tables:
        if got is not None and not _same_table(wanted, got, time):
            return "wrong, with a warning" if warned else "wrong, silently"
    return "right"


def _same_table(wanted: Any, got: Any, leave: list[int]) -> bool:
    """Compare values but for columns of time, which some readers scale."""
    table = [[float(x) for x in row] for row in wanted]
    found = np.array(got, dtype=float).tolist()
    for column in leave:
        for row in (*table, *found):
            del row[column : column + 1]
    return same(table, found, 1e-6)


def read_one(reader: str, path: str, expected: Any) -> str:
    """Return the column of one file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            stored, linear = READERS[reader](path)
        except (TimeoutError, MemoryError):
            return "hangs or takes 2 GiB"
        except Exception as error:
            own = type(error).__module__.partition(".")[0] in READERS
            if not own and not isinstance(error, REFUSALS):
                return "crashes"
            readable = isinstance(expected, Exact)
            return "refuses what can be read" if readable else "refuses rightly"
        return judge(stored, linear, expected, warned=bool(caught))


def _on_alarm(*_: object) -> None:
    raise TimeoutError


def _pages_in_use() -> int:
    """Return the bytes of address space that this process has (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def work(reader: str, files: list[tuple[str, Any]], start: int, out: Any) -> None:
    """Read files from a place on; send what came of each."""
    importlib.import_module(reader)
    signal.signal(signal.SIGALRM, _on_alarm)
    resource.setrlimit(resource.RLIMIT_AS, (_pages_in_use() + MEMORY, resource.RLIM_INFINITY))
    for path, expected in files[start:]:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            found = read_one(reader, path, expected)
        signal.setitimer(signal.ITIMER_REAL, 0)
        out.send(found)


def outcomes(reader: str, files: list[tuple[str, Any]]) -> list[str]:
    """Return the column of every file for one reader."""
    context = multiprocessing.get_context("spawn")
    found: list[str] = []
    while len(found) < len(files):
        mine, theirs = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(reader, files, len(found), theirs))
        process.start()
        theirs.close()
        with contextlib.suppress(EOFError):
            while len(found) < len(files) and mine.poll(3 * SECONDS):
                found.append(mine.recv())
        if len(found) < len(files):  # it died, or does not answer the alarm
            found.append("hangs or takes 2 GiB")
        process.kill()
        process.join()
    return found


def installed(names: list[str]) -> dict[str, str]:
    """Return the versions of the readers that are there."""
    there = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            there[name] = version(name)
    return there


def known_text(reader: str, number: str, columns: dict[str, str]) -> str:
    """Return the lines of a table of what a reader fails at."""
    lines = [f"{reader} {number}"]
    lines += [f"{column}\t{name}" for name, column in columns.items() if column != "right"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Lay the corpus out, let every reader read it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", default=list(READERS), metavar="READER")
    parser.add_argument("--known", type=Path, help="write the failures of the last reader here")
    given = parser.parse_args()
    entries = [e for e in ENTRIES if isinstance(e.expected, Exact) or not given.known]
    with tempfile.TemporaryDirectory() as folder:
        files = [(e.lay_out(Path(folder) / str(n)), e.expected) for n, e in enumerate(entries)]
        print(f"| {len(entries)} files | " + " | ".join(COLUMNS) + " |")
        print("|---" * (len(COLUMNS) + 1) + "|")
        for reader, number in installed(given.readers).items():
            found = outcomes(reader, files)
            counts = Counter(found)
            cells = " | ".join(str(counts[column]) for column in COLUMNS)
            print(f"| {reader} {number} | {cells} |", flush=True)
            if given.known:
                names = [entry.name for entry in entries]
                table = known_text(reader, number, dict(zip(names, found, strict=True)))
                given.known.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
