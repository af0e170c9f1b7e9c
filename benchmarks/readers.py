"""The readers that reading.py compares, each in a process of its own.

Started by reading.py; answers one line of JSON with another. Runs in the environment of FlowCal
and fcsparser too, where numpy is older and flowml is not installed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent)]  # for flowml, where it is not installed
CLOSE = 2e-7  # relative: a logarithmic value rounded to float32


def flowml_events(path: str) -> Any:
    from flowml.fcs import read_fcs

    return read_fcs(path).events()


def flowml_stored(path: str) -> Any:
    from flowml.fcs import read_fcs

    return read_fcs(path).stored


def flowml_blocks(path: str) -> Iterator[Any]:
    from flowml.fcs import read_fcs

    return read_fcs(path).blocks()


def flowio_raw(path: str) -> Any:
    from flowio import FlowData

    return FlowData(path).as_array(preprocess=False)


def flowio(path: str) -> Any:
    from flowio import FlowData

    return FlowData(path).as_array(preprocess=True)


def flowcal(path: str) -> Any:
    from FlowCal.io import FCSData

    return FCSData(path)


def flowcal_native(path: str) -> Any:
    from FlowCal.io import FCSData

    values = np.asarray(FCSData(path))
    return values.astype(values.dtype.newbyteorder("="))


def fcsparser(path: str) -> Any:
    from fcsparser import parse

    return parse(path)[1].to_numpy()


def floor(path: str) -> Any:
    from files import CHANNELS, TEXT_SIZE

    kind, order, _ = Path(path).stem.split("-")
    sign = "<" if order == "le" else ">"
    code = {"float": "f4", "tagged": "u4", "log": "u2", "mixed": "u1"}[kind]
    values = np.fromfile(path, dtype=f"{sign}{code}", offset=TEXT_SIZE)
    if kind == "mixed":  # bytes only
        return values
    return values.reshape(-1, len(CHANNELS)).astype(code)


def nothing(_: str) -> None:
    import flowml.fcs  # noqa: F401


# what a reader returns: values as stored, linear ones, or blocks of linear ones
READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "flowml events()": (flowml_events, "linear"),
    "flowml stored": (flowml_stored, "stored"),
    "flowml blocks()": (flowml_blocks, "blocks"),
    "FlowIO as_array(preprocess=False)": (flowio_raw, "stored"),
    "FlowIO as_array()": (flowio, "linear"),
    "FlowCal": (flowcal, "stored"),
    "FlowCal, native byte order": (flowcal_native, "stored"),
    "fcsparser": (fcsparser, "stored"),
    "floor: np.fromfile, byte swap": (floor, "bytes"),
    "nothing": (nothing, "bytes"),
}
PACKAGES = ("numpy", "flowio", "FlowCal", "fcsparser")


def run(reader: str, path: str) -> Any:
    """Read all values of a file; those of blocks are dropped as they come."""
    read, what = READERS[reader]
    if what != "blocks":
        return read(path)
    for _ in read(path):
        pass
    return None


def timed(request: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds that reading takes, the median of a turn's reads.

    Freeing the values is not included.
    """
    times = []
    for _ in range(request["reads"]):
        wall, cpu = time.perf_counter(), time.process_time()
        values = run(request["reader"], request["path"])
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
        del values
    cpu, wall = (median(column) for column in zip(*times, strict=True))
    return {"cpu": cpu, "wall": wall}


def compared(request: dict[str, Any]) -> dict[str, Any]:
    """Compare a reader's values with saved ones; say what is wrong, or nothing."""
    read, what = READERS[request["reader"]]
    if what == "bytes":
        return {"wrong": ""}
    try:
        values = read(request["path"])
        values = np.concatenate(list(values)) if what == "blocks" else np.asarray(values)
    except Exception as error:
        return {"wrong": f"cannot: {type(error).__name__}: {error}"[:120]}
    truth = np.load(f"{request['truth']}-{'stored' if what == 'stored' else 'linear'}.npy")
    near = CLOSE if what != "stored" and request["log"] else 0.0
    same = values.shape == truth.shape and np.allclose(values, truth, rtol=near, atol=0)
    return {"wrong": "" if same else "returns other values"}


def made(request: dict[str, Any]) -> dict[str, Any]:
    """Write a file, and beside it the values that it holds."""
    from files import write_file

    stem, n_events = Path(request["path"]).stem, request["n_events"]
    kind, order, _ = stem.split("-")
    stored, linear = write_file(
        Path(request["path"]), kind, "<" if order == "le" else ">", n_events
    )
    if request["truth"]:
        np.save(f"{request['truth']}-stored.npy", stored)
        np.save(f"{request['truth']}-linear.npy", linear)
    return {}


def versions() -> dict[str, str]:
    """Return the versions of what is installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except ImportError:
            continue
    return found


def peak(request: dict[str, Any]) -> dict[str, Any]:
    """Read a file, and return the most memory that this process ever held, in MiB."""
    run("nothing", "")
    values = run(request["reader"], request["path"])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    del values
    return {"peak": most}


ANSWERS = {"time": timed, "compare": compared, "make": made, "peak": peak}


def main() -> None:
    """Answer requests until there are no more."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("what")
        answer = versions() if what == "versions" else ANSWERS[what](request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
