"""The ways from a file to features that run.py compares, each in a process of its own.

Started by run.py; answers one line of JSON with another. Runs in the environment of FlowCal and
fcsparser too, where numpy is older and neither flowml nor a logicle is there: these two end
with compensated events.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent)]  # for flowml, where it is not installed

from stained import FIRST, LAST, MARKERS, TOP, write_folder  # noqa: E402

BINS, PAIR_BINS = 64, 16
PAIRS = tuple(combinations(range(len(MARKERS)), 2))
BLOCK = 8192  # events
WIDTH, LOGS, NEGATIVE = 0.5, 4.5, 0.0  # logicle's W, M and A
FIGURES = {"name": "ecdf+pairs", "bins": BINS, "pair_bins": PAIR_BINS, "markers": MARKERS}
PACKAGES = (
    "numpy",
    "flowml-cytometry",
    "flowkit",
    "flowio",
    "flowutils",
    "FlowCal",
    "fcsparser",
)
KEPT_OUT = ("xgboost", "sklearn")  # of a process that makes features

Counts = tuple["NDArray[Any]", "NDArray[Any]"]  # (10, 64) and (45, 16, 16)


def histograms(columns: Sequence[NDArray[Any]]) -> Counts:
    """Count values on the display scale; those off the scale are dropped."""
    unit = (0, 1)
    single = [np.histogram(column, bins=BINS, range=unit)[0] for column in columns]
    pairs = [
        np.histogram2d(columns[a], columns[b], bins=PAIR_BINS, range=(unit, unit))[0]
        for a, b in PAIRS
    ]
    return np.stack(single), np.stack(pairs)


def unmixing_of(spillover: str) -> NDArray[Any]:
    """Return the inverse of a ``$SPILLOVER`` keyword's matrix."""
    fields = spillover.split(",")
    n = int(fields[0])
    return np.linalg.inv(np.array(fields[n + 1 :], dtype=float).reshape(n, n))


def flowkit_events(path: str) -> Any:
    """Take FlowKit's documented way to transformed events."""
    import flowkit as fk

    sample = fk.Sample(path)
    sample.apply_compensation(sample.metadata["spillover"])
    sample.apply_transform(
        fk.transforms.LogicleTransform(
            param_t=TOP, param_w=WIDTH, param_m=LOGS, param_a=NEGATIVE
        )
    )
    return sample.get_events(source="xform")


def flowkit(path: str) -> Counts:
    """Count the events of FlowKit's documented way."""
    return histograms(flowkit_events(path)[:, FIRST:LAST].T)


def flowio_columns(path: str) -> list[NDArray[Any]]:
    """Read by FlowIO, compensate in numpy, transform by flowutils; channel by channel."""
    from flowio import FlowData
    from flowutils.transforms import logicle

    flow = FlowData(path)
    events = flow.as_array(preprocess=False)[:, FIRST:LAST]
    columns = unmixing_of(flow.text["spillover"]).T @ events.T
    return [logicle(each, None, t=TOP, m=LOGS, w=WIDTH, a=NEGATIVE) for each in columns]


def flowio(path: str) -> Counts:
    """Count what FlowIO, numpy and flowutils make."""
    return histograms(flowio_columns(path))


def flowcal(path: str) -> Any:
    """Read by FlowCal, compensate in numpy."""
    from FlowCal.io import FCSData

    data = FCSData(path)
    return np.asarray(data)[:, FIRST:LAST] @ unmixing_of(data.text["$SPILLOVER"])


def fcsparser(path: str) -> Any:
    """Read by fcsparser, compensate in numpy."""
    from fcsparser import parse

    keywords, frame = parse(path)
    return frame.to_numpy()[:, FIRST:LAST] @ unmixing_of(keywords["$SPILLOVER"])


class Floor:
    """Read the bytes, and take one product of float32 as large as the file's.

    The product is that of values read before: bytes in the file's order would be other numbers,
    of which some are slow to multiply.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._values = np.empty((0, 0), dtype=np.float32)
        self._weights = np.empty((0, 0), dtype=np.float32)
        self._out = np.empty((BLOCK, LAST - FIRST), dtype=np.float32)

    def __call__(self, path: str) -> None:
        """Do it for a file."""
        with Path(path).open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size != len(self._bytes):
                self._prepare(path, size)
            file.readinto(self._bytes)
        for start in range(0, len(self._values), BLOCK):
            block = self._values[start : start + BLOCK]
            np.matmul(block, self._weights, out=self._out[: len(block)])

    def _prepare(self, path: str, size: int) -> None:
        from files import CHANNELS, TEXT_SIZE

        stored = np.fromfile(path, dtype=">f4", offset=TEXT_SIZE)
        self._values = stored.astype(np.float32).reshape(-1, len(CHANNELS))
        self._weights = np.full((len(CHANNELS), LAST - FIRST), 0.1, dtype=np.float32)
        self._bytes = bytearray(size)


# one file after another
BY_FILE: dict[str, Callable[[str], Any]] = {
    "flowkit": flowkit,
    "flowkit events": flowkit_events,
    "flowio + numpy": flowio,
    "FlowCal, compensated only": flowcal,
    "fcsparser, compensated only": fcsparser,
    "floor": Floor(),
}
# a folder at once: settings of make_recipe
BY_FOLDER: dict[str, dict[str, Any]] = {
    "flowml": FIGURES,
    "flowml, SHA-256 taken": FIGURES,
    "flowml, exact": FIGURES | {"exact": True},
    "ecdf": FIGURES | {"name": "ecdf"},
    "quantiles": FIGURES | {"name": "quantiles"},
    "pairs": FIGURES | {"name": "pairs"},
    "moments": FIGURES | {"name": "moments"},
    "mll2021": FIGURES | {"name": "mll2021"},
    "mll2021, measured (two passes)": FIGURES | {"name": "mll2021", "maximum": "measured"},
    "som": FIGURES | {"name": "som"},
}
# what is compared with FlowKit's counts, on the display scale
COLUMNS: dict[str, Callable[[str], Sequence[NDArray[Any]]]] = {
    "flowkit": lambda path: flowkit_events(path)[:, FIRST:LAST].T,
    "flowio + numpy": flowio_columns,
}


class Worker:
    """Answers what run.py asks."""

    def __init__(self) -> None:
        self._way = ""
        self._recipe: Any = None

    def make(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write a folder of files."""
        write_folder(Path(request["folder"]), request["n_files"], request["n_events"])
        return {}

    def prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Import a way, fit it on a folder, and take it once; say why it cannot be taken."""
        self._way = request["way"]
        seconds = 0.0
        try:
            if self._way in BY_FOLDER:
                seconds = self._fit(request["folder"])
            self._take(request)
        except Exception as error:
            return {"wrong": f"cannot: {type(error).__name__}: {error}"[:120]}
        return {"wrong": "", "fit": seconds}

    def _fit(self, folder: str) -> float:
        """Fit a recipe that learns; return the seconds it took."""
        import flowml

        self._recipe = plan = flowml.make_recipe(**BY_FOLDER[self._way])
        if not plan.learns:
            return 0.0
        start = time.perf_counter()
        self._recipe = plan.fit(flowml.find_cases(folder))
        return time.perf_counter() - start

    def _take(self, request: dict[str, Any]) -> Any:
        """Go the way, for a folder or for some of its files."""
        if self._way in BY_FOLDER:
            return self._extract(request)
        for path in request["files"]:
            BY_FILE[self._way](path)
        return None

    def _extract(self, request: dict[str, Any]) -> Any:
        import flowml

        more: dict[str, Any] = {}
        if "SHA-256" in self._way:
            more = {"reading": flowml.Reading(hash_files=True)}
        jobs = request.get("jobs", 1)
        return flowml.extract(request["folder"], recipe=self._recipe, jobs=jobs, **more)

    def time(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the seconds that the way takes; freeing what it made last is not included."""
        made = None
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(request.get("passes", 1)):
            made = self._take(request)
        answer = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        del made
        return answer

    def counts(self, request: dict[str, Any]) -> dict[str, Any]:
        """Save the counts of some files; values off the scale are in the end bins."""
        if self._way in BY_FOLDER:
            single, pairs = counts_of(self._extract(request))
        else:
            found = [self._clipped(path) for path in request["files"]]
            single, pairs = (np.stack(each) for each in zip(*found, strict=True))
        np.savez(request["out"], single=single, pairs=pairs)
        return {}

    def _clipped(self, path: str) -> Counts:
        return histograms([np.clip(each, 0, 1) for each in COLUMNS[self._way](path)])

    def compare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Compare saved counts."""
        with np.load(request["truth"]) as truth, np.load(request["found"]) as found:
            return {key: agreement(truth[key], found[key]) for key in ("single", "pairs")}

    def memory(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run ``flowml features``; return the most memory that this process held, in MiB."""
        from flowml.cli.main import main

        arguments = ["features", request["folder"], "--recipe", request["recipe"],
                     "--bins", str(BINS), "--pair-bins", str(PAIR_BINS), "--out",
                     request["out"], "--quiet"]  # fmt: skip
        try:
            main(arguments)
        except SystemExit as end:
            if end.code:
                raise
        if heavy := [name for name in KEPT_OUT if name in sys.modules]:
            raise SystemExit(f"flowml features imported {', '.join(heavy)}")
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}

    def versions(self, _: dict[str, Any]) -> dict[str, Any]:
        """Return the versions of what is installed."""
        found = {}
        for package in PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found


def counts_of(frame: Any) -> Counts:
    """Return the counts in a table of ``ecdf+pairs``: (n, 10, 64) and (n, 45, 16, 16).

    Distributions are cumulative shares without the last, which is 1; pairs are shares.
    """
    from flowml.features import parse_name

    known = frame.attrs["flowml"]["cases"]
    n_events = np.array([known[key]["tubes"][0]["n_events"] for key in frame.index])
    shares = np.ones((len(frame), len(MARKERS), BINS))
    pairs = np.zeros((len(frame), len(PAIRS), PAIR_BINS, PAIR_BINS))
    for feature, values in zip(frame.columns, frame.to_numpy().T, strict=True):
        name = parse_name(feature)
        places = [MARKERS.index(marker) for marker in name.markers]
        numbers = name.statistic.removeprefix("ecdf").removeprefix("pairs")
        if len(places) == 1:
            shares[:, places[0], int(numbers) - 1] = values
            continue
        bins = [int(numbers[:2]), int(numbers[2:])]
        if places[0] > places[1]:
            places, bins = places[::-1], bins[::-1]
        pairs[:, PAIRS.index((places[0], places[1])), bins[0], bins[1]] = values
    single = np.diff(shares, axis=2, prepend=0) * n_events[:, None, None]
    return np.rint(single), np.rint(pairs * n_events[:, None, None, None])


def agreement(truth: NDArray[Any], found: NDArray[Any]) -> dict[str, float]:
    """Return the share of counts that are in the same bin, and of bins with the same count.

    Bins that are empty in both do not count. Values that change places unnoticed, one for
    another, count as the same.
    """
    used = (truth > 0) | (found > 0)
    return {
        "counts": float(np.minimum(truth, found).sum() / truth.sum()),
        "bins": float((truth == found)[used].mean()),
    }


def main() -> None:
    """Answer requests until there are no more."""
    warnings.simplefilter("ignore")
    worker = Worker()
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(worker, request.pop("what"))(request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
