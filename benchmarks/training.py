"""How long the final fit takes, beside plain xgboost with the same parameters.

Run: python benchmarks/training.py [--cases 10000] [--features 2000] [--classes 8]
[--rounds 200] [--runs 3] [--choosing] [--out report.json]. Both get the same matrix and the
same features, and take turns in one process on one thread; asked is a ratio of at most 1.1.
flowml's time includes that its trees are written, read again and checked. Its default offers
trees the 1,000 strongest features only; that is reported apart, and with ``--choosing`` what
estimator, rounds and calibration cost on cases held out. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import THREADS, machine, spread

os.environ |= dict.fromkeys(THREADS, "1")  # before numpy starts any

import numpy as np
import xgboost
from numpy.typing import NDArray

from flowml.models.boosting import Boosting
from flowml.models.choosing import VARIANTS, Chooser, Plan
from flowml.models.heldout import Cohort, parted
from flowml.models.pooling import Pool

TELLING = 40  # features that tell classes apart, and by how much at most
SIGNAL = 1.0
TREES_ONLY = 1.0, 0.0  # weights of trees and linear model
MOST = 1.1
Rows = NDArray[np.float32]
Codes = NDArray[np.int64]


def drawn(n_cases: int, n_features: int, n_classes: int, seed: int = 1) -> tuple[Rows, Codes]:
    """Draw cases whose classes lie apart on some features; one value in 20 is missing."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, n_classes, n_cases)
    rows = random.standard_normal((n_cases, n_features), np.float32)
    telling = min(TELLING, n_features)
    shifts = random.uniform(-SIGNAL, SIGNAL, (n_classes, telling)).astype(np.float32)
    rows[:, :telling] += shifts[codes]
    rows[random.random(rows.shape, np.float32) < 0.05] = np.nan
    return rows, codes


def boosting(n_rounds: int, most_features: int) -> Boosting:
    """Return the settings that flowml trains with."""
    return Boosting(
        n_rounds=n_rounds, learning_rate=0.15, max_depth=4, min_child_weight=0.5,
        subsample=0.8, colsample=0.3, most_features=most_features, seed=0,
    )  # fmt: skip


def plainly(rows: Rows, codes: Codes, n_classes: int, how: Boosting) -> Any:
    """Train as a script without flowml would."""
    data = xgboost.DMatrix(rows, label=codes, missing=np.nan, nthread=1)
    return xgboost.train(how.settings(n_classes), data, num_boost_round=how.n_rounds)


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something takes, and what it returns."""
    started = time.perf_counter()
    found = do()
    return time.perf_counter() - started, found


def compared(
    rows: Rows, codes: Codes, n_classes: int, n_rounds: int, runs: int
) -> dict[str, Any]:
    """Let both train in turns, and see that they train the same trees."""
    how = boosting(n_rounds, rows.shape[1])
    plan, default = Plan("boosted", how, 20.0), boosting(n_rounds, 1000)
    pool = Pool(TREES_ONLY, (0.0,) * n_classes)
    ways: dict[str, Callable[[], Any]] = {
        "xgboost": lambda: plainly(rows, codes, n_classes, how),
        "flowml": lambda: plan.trained(rows, codes, n_classes, pool),
        "flowml, default": lambda: replace(plan, boosting=default).trained(
            rows, codes, n_classes, pool
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    last: dict[str, Any] = {}
    for _ in range(runs):
        for name, way in ways.items():
            seconds, last[name] = timed(way)
            times[name].append(seconds)
    some = rows[:200]
    expected = last["xgboost"].predict(xgboost.DMatrix(some, missing=np.nan))
    apart = float(np.abs(last["flowml"].probabilities(some) - expected).max())
    ratios = [a / b for a, b in zip(times["flowml"], times["xgboost"], strict=True)]
    return {
        "seconds": {
            name: spread(values) if runs > 1 else values for name, values in times.items()
        },
        "ratio": round(float(np.median(ratios)), 3),
        "asked": MOST,
        "probabilities_differ_by": apart,
    }


def choosing(rows: Rows, codes: Codes, n_classes: int, n_rounds: int) -> dict[str, float]:
    """Time what goes before the final fit: estimator, rounds, calibration, and a search."""
    cohort = Cohort(rows, codes, np.arange(len(codes)))
    chooser = Chooser(cohort, n_classes, parted(cohort, 0), lambda some, of: (some, of))
    plan = Plan("auto", boosting(n_rounds, 1000), 20.0)
    alone, _ = timed(lambda: chooser.chosen(plan))
    one, _ = timed(lambda: chooser.chosen(replace(plan, search=1)))
    return {
        "choosing and calibrating": round(alone, 1),
        f"one of {len(VARIANTS)} further settings": round(one - alone, 1),
    }


def main() -> None:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, number in (("cases", 10_000), ("features", 2_000), ("classes", 8),
                         ("rounds", 200), ("runs", 3)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--choosing", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows, codes = drawn(given.cases, given.features, given.classes)
    size = {name: getattr(given, name) for name in ("cases", "features", "classes", "rounds")}
    report = machine() | size
    report |= compared(rows, codes, given.classes, given.rounds, given.runs)
    if given.choosing:
        report["seconds before"] = choosing(rows, codes, given.classes, given.rounds)
    text = json.dumps(report, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
