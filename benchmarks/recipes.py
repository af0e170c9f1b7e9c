"""What pairs of markers are worth, and what they cost: the reason for the default recipe.

Run: flowml simulate FOLDER ..., then python benchmarks/recipes.py FOLDER [--folds 3] [--seed 0]
[--populations] [--markdown]; docs/features.md has the whole command. Recipes get the same
cases, folds and settings, and each is held against the one before, paired by patient. Or, with
--widths 12,16,20 in place of FOLDER, what they cost in made-up tubes of so many colours, which
tell of no entity. One process, one thread; costs are processor time, as the clock's depends on
what else runs.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from common import THREADS
from tables import Printer

os.environ |= dict.fromkeys(THREADS, "1")  # before numpy starts any

import numpy as np

from flowml.cases import patients_of
from flowml.events import ArraySource
from flowml.features import FeatureTable, Recipe, make_recipe
from flowml.judging import Answered, Draws
from flowml.judging.answered import ENTITY
from flowml.judging.chances import losses
from flowml.knowledge import load_label_tree
from flowml.reading import Reading, extract_table, found_cases
from flowml.records import Case, Channel, Role, Sample, Tube
from flowml.training import TrainingSettings, canonical_labels, labelled_cases
from flowml.validation import by_patient, cross_validate
from flowml.validation.baselines import answered_of

PLANS = {
    "ecdf": make_recipe("ecdf"),
    "ecdf+pairs, 8 x 8": make_recipe("ecdf+pairs", pair_bins=8),
    "ecdf+pairs, 16 x 16": make_recipe("ecdf+pairs", pair_bins=16),
}
GATED = {  # with --populations
    "ecdf+pairs, 8 x 8": PLANS["ecdf+pairs, 8 x 8"],
    "ecdf+pairs+populations": make_recipe("ecdf+pairs+populations", pair_bins=8),
    "populations": make_recipe("populations"),
}
READING = Reading(hash_files=False)
HEADING = (
    "features", "reading, s", "training, s", "likeliest entity right", "settled and right",
    "log loss",
)  # fmt: skip
MADE_UP, N_FOLDS = ("normal", "CLL", "AML", "B-ALL"), 2
TOP, SPREAD, SHIFT = 262144.0, 1.0, 0.5
Floats = np.ndarray[Any, np.dtype[np.float64]]


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of processor time that something takes, and what it returns."""
    started = time.process_time()
    found = do()
    return time.process_time() - started, found


def series_of(answers: Answered, draws: Draws) -> list[Floats]:
    """Return the figures of a recipe as the cases are, then in each draw of patients."""
    level = answers.levels[ENTITY]
    n = draws.sums(np.ones(len(answers)))
    right = [draws.sums(given == level.truth) / n for given in (level.forced, level.given)]
    return [*right, losses(level.truth, level.chances, draws)[0]]


def compared(
    cases: Sequence[Case],
    labels: Mapping[str, str],
    n_folds: int,
    seed: int,
    plans: Mapping[str, Recipe],
) -> list[list[str]]:
    """Return a line for each recipe: costs, figures, and how far these are from the last."""
    own = [labels[case.case_id] for case in cases]
    patients = patients_of(cases, [case.case_id for case in cases])
    splits = by_patient(own, patients, n_folds, 1, seed)
    rows, last = [], list[Floats]()
    for name, plan in plans.items():
        reading, table = timed(lambda plan=plan: extract_table(cases, plan, READING))
        training, answers, groups = _trained(table, own, patients, splits, seed)
        draws = Draws.of(groups, seed=seed)
        series = series_of(answers, draws)
        costs = [f"{len(table.names):,}", f"{reading:.1f}", f"{training / n_folds:.1f}"]
        before = last or [None] * len(series)
        told = [_told(one, other, draws) for one, other in zip(series, before, strict=True)]
        rows.append([name, *costs, *told])
        last = series
    return rows


def _trained(
    table: FeatureTable, labels: list[str], patients: list[str], splits: Any, seed: int
) -> tuple[float, Answered, list[str]]:
    """Train on each training part; return the seconds, the answers and their patients."""
    settings = TrainingSettings(seed=seed)
    seconds, out = timed(lambda: cross_validate(table, labels, patients, settings, splits))
    return seconds, answered_of(out, labels, load_label_tree()), out.of(patients)


def _told(ours: Floats, theirs: Floats | None, draws: Draws) -> str:
    """Write a figure with its interval, and the difference from another with its own."""
    figure = "{:.3f} ({:.3f} to {:.3f})".format(*draws.estimate(ours))
    if theirs is None:
        return figure
    return figure + "; {:+.3f} ({:+.3f} to {:+.3f})".format(*draws.estimate(ours - theirs))


def made_up(n_colours: int, n_cases: int, n_events: int) -> list[Case]:
    """Draw cases of one tube with so many colours; each entity has levels of its own."""
    rng = np.random.default_rng(n_colours)
    names = ["FSC-A", "SSC-A", *(f"CD{n}" for n in range(101, 101 + n_colours))]
    roles = [Role.FORWARD_SCATTER, Role.SIDE_SCATTER, *[Role.FLUORESCENCE] * n_colours]
    channels = tuple(
        Channel(name, name, name, role, "A", TOP)
        for name, role in zip(names, roles, strict=True)
    )
    levels = rng.uniform(6, 11, (len(MADE_UP), len(names)))
    cases = []
    for number in range(n_cases):
        own = levels[number % len(MADE_UP)] + rng.normal(0, SHIFT, len(names))
        values = np.exp(own + SPREAD * rng.standard_normal((n_events, len(names))))
        events = np.minimum(values, TOP - 1).astype(np.float32)
        name = f"W{number:04d}"
        sample = Sample(name, channels, ArraySource(events))
        cases.append(Case(name, (Tube(name, sample),), {}))
    return cases


def costs_of(width: int, n_cases: int, n_events: int) -> list[list[str]]:
    """Return a line for each recipe: what tubes of so many colours cost."""
    cases = made_up(width, n_cases, n_events)
    labels = {case.case_id: MADE_UP[number % len(MADE_UP)] for number, case in enumerate(cases)}
    rows = []
    for name, *costs in compared(cases, labels, N_FOLDS, 0, PLANS):
        rows.append([str(width), name, *costs[:3]])
    return rows


def of_folder(folder: Path) -> tuple[list[Case], dict[str, str]]:
    """Return the labelled cases of a simulated folder, and their entities."""
    with (folder / "cases.csv").open(encoding="utf-8", newline="") as stream:
        told = {row["case_id"]: row["entity"] for row in csv.DictReader(stream)}
    labels = canonical_labels(told)
    return labelled_cases(found_cases(folder), labels), labels


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--widths", type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--cases", type=int, default=60, help="made-up ones of each width")
    parser.add_argument("--events", type=int, default=10_000, help="of a made-up tube")
    parser.add_argument("--seed", type=int, default=0, help="of folds, models and draws")
    parser.add_argument("--populations", action="store_true", help="what gates add")
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args(arguments)
    if (given.folder is None) == (given.widths is None):
        parser.error("expected a simulated folder, or --widths")
    printer = Printer(markdown=given.markdown)
    if given.widths:
        wide = (costs_of(width, given.cases, given.events) for width in given.widths)
        printer.table(("colours", "recipe", *HEADING[:3]), [*chain.from_iterable(wide)])
    else:
        rows = compared(
            *of_folder(given.folder), given.folds, given.seed,
            GATED if given.populations else PLANS,
        )  # fmt: skip
        printer.table(("recipe (synthetic)", *HEADING), rows)


if __name__ == "__main__":
    main()
