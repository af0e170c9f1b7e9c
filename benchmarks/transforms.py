"""Logicle by table and exactly, beside flowutils: one run, in turns, one thread.

Run: python benchmarks/transforms.py [--rounds 15] [--json FILE]. The data are made: 50,000
events x 10 channels in float32, negative values included, one channel behind another. A turn
maps all of them once; flowutils (compiled C) is given its float64 and takes 1-D arrays, which
spares it a copy of columns. Processor time; medians and quartiles of the ratios of one round.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import ONE_THREAD, THREADS, in_turns, machine, shown, spread

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS, CHANNELS, BLOCK = 50_000, 10, 8192
TOP = 262144.0
TARGET_RATIO, TARGET_ERROR = 12, 1e-6
Ways = dict[str, "Callable[[], Any]"]


def made_events() -> Any:
    """Return values as of a compensated tube: negatives around zero, and positives."""
    import numpy as np

    random = np.random.default_rng(20)
    size = (CHANNELS, EVENTS)
    noise = random.normal(0, 1, size) * random.uniform(60, 400, (CHANNELS, 1))
    bright = np.exp(random.normal(0, 0.5, size) + random.uniform(6, 11, (CHANNELS, 1)))
    positive = random.random(size) < random.uniform(0.05, 0.7, (CHANNELS, 1))
    return np.minimum(noise + positive * bright, TOP).astype(np.float32)


def make_ways(events: Any) -> tuple[Ways, Any]:
    """Return what is timed, by name, and the output of the table."""
    import numpy as np
    from flowutils.transforms import logicle

    from flowml.preprocess import Tabled
    from flowml.preprocess.transform import Logicle

    exact, tabled = Logicle(TOP), Tabled(Logicle(TOP))
    doubles, out = events.astype(np.float64), np.empty_like(events)
    blocks = [
        np.ascontiguousarray(events[:, start : start + BLOCK])
        for start in range(0, EVENTS, BLOCK)
    ]
    outs = [np.empty_like(block) for block in blocks]
    ways: Ways = {
        "flowutils": lambda: [logicle(channel, None, t=TOP) for channel in doubles],
        "table": lambda: tabled(events, out=out),
        "table, blocks": lambda: [tabled(*pair) for pair in zip(blocks, outs, strict=True)],
        "exact": lambda: [exact(channel) for channel in doubles],
    }
    return ways, out


def every_key() -> Any:
    """Return finite values of all upper halves of a float32, 33 of each."""
    import numpy as np

    upper = np.arange(1 << 16, dtype=np.uint32)[:, None] << np.uint32(16)
    lower = np.linspace(0, 65535, 33).astype(np.uint32)
    values = (upper | lower).view(np.float32)
    return values[np.isfinite(values)]


def table_error(scale: Any, values: Any) -> float:
    """Return the largest error of a tabled scale, beyond 1 as a share of the result."""
    import numpy as np

    from flowml.preprocess import Tabled

    truth, found = scale(values), Tabled(scale)(values)
    finite = np.isfinite(truth)
    if not np.array_equal(truth[~finite], found[~finite]):
        raise SystemExit(f"{scale}: infinite results differ")
    distance = np.abs(found[finite] - truth[finite])
    return float((distance / np.maximum(1, np.abs(truth[finite]))).max())


def errors(events: Any, out: Any) -> dict[str, float]:
    """Return the largest errors: of the tables, and of our exact logicle against flowutils."""
    import numpy as np
    from flowutils.transforms import logicle

    from flowml.preprocess import TRANSFORMS, make_transform

    exact = make_transform("logicle", TOP)(events)
    foreign = logicle(events.astype(np.float64).ravel(), None, t=TOP).reshape(events.shape)
    values = every_key()
    tables = {
        f"table, {name}, all float32 keys": table_error(make_transform(name, TOP), values)
        for name in TRANSFORMS
    }
    return {
        "table, logicle, these events": float(np.abs(out - exact).max()),
        **tables,
        "exact logicle against flowutils": float(np.abs(exact - foreign).max()),
    }


def run(rounds: int) -> dict[str, Any]:
    """Measure, and sum up."""
    events = made_events()
    ways, out = make_ways(events)
    seconds = in_turns(ways, rounds)
    reference = seconds["flowutils"]
    results = {
        name: {
            "ns_a_value": spread([each / events.size * 1e9 for each in times]),
            "flowutils_by_this": spread(
                [other / own for other, own in zip(reference, times, strict=True)]
            ),
        }
        for name, times in seconds.items()
    }
    return {
        **machine(),
        "data": f"synthetic, {EVENTS} events x {CHANNELS} channels, float32, "
        f"{(events < 0).mean():.0%} negative",
        "rounds": rounds,
        "results": results,
        "largest_error": errors(events, out),
    }


def main() -> None:
    """Print a table, and whether the target is met; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = run(options.rounds)
    print(f"{report['machine']}; {report['data']}; {report['rounds']} rounds, one thread")
    for name, result in report["results"].items():
        print(
            f"{name:14} {shown(result['ns_a_value'])} ns a value; "
            f"flowutils / this: {shown(result['flowutils_by_this'])}"
        )
    for name, error in report["largest_error"].items():
        print(f"largest error, {name}: {error:.2g}")
    ratio = report["results"]["table"]["flowutils_by_this"]["median"]
    error = max(report["largest_error"].values())
    met = ratio >= TARGET_RATIO and error < TARGET_ERROR
    print(f"at least {TARGET_RATIO} times flowutils, error below {TARGET_ERROR}: {met}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in THREADS):  # numpy reads them when imported
        os.execve(sys.executable, [sys.executable, *sys.argv], ONE_THREAD)  # noqa: S606
    main()
