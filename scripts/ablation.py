"""What each recipe of features is worth: the table of docs/features.md.

Run: python scripts/ablation.py [--markdown] [--json FILE] [--data FOLDER]. Takes about ten
minutes on two cores. Two sets of cases, each judged by itself: `aml-tube4` (`real`), found in
../shared/data beside the project or by --data, and simulated cases, held in memory
(`synthetic`).

Every recipe is judged on the same stratified folds. What it learns it learns of a fold's
training cases alone, and so does the scaler of the logistic regression. Where a set has a test
part, folds lie within the training part, and what is learned of the whole training part answers
for the test part once. Nothing here is tuned.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import flowml
from flowml.features import FittedRecipe, Recipe, describe_case, make_recipe
from flowml.features.assemble import assemble
from flowml.judging import Draws
from flowml.judging.compare import holm, mcnemar
from flowml.judging.intervals import wilson_interval
from flowml.judging.scores import class_means
from flowml.records import Case, Tube
from flowml.safety import written_aside
from flowml.simulator import held, known_entities, simulate

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
AGAINST, EXACT = "ecdf", "ecdf exact"
ROWS: dict[str, dict[str, Any]] = {
    AGAINST: {"name": "ecdf"},
    "quantiles": {"name": "quantiles"},
    "moments": {"name": "moments"},
    "pairs 16 bins": {"name": "pairs", "pair_bins": 16},
    "mll2021": {"name": "mll2021"},
    "mll2021 measured": {"name": "mll2021", "maximum": "measured"},
    "som": {"name": "som"},
    "populations": {"name": "populations"},
    "ecdf+populations": {"name": "ecdf+populations"},
    "ecdf+pairs 16 bins": {"name": "ecdf+pairs", "pair_bins": 16},
    "ecdf width auto": {"name": "ecdf", "width": "auto"},
    "ecdf arcsinh": {"name": "ecdf", "transform": "arcsinh"},
    "ecdf log": {"name": "ecdf", "transform": "log"},
    "ecdf linear": {"name": "ecdf", "transform": "linear"},
    "ecdf hyperlog": {"name": "ecdf", "transform": "hyperlog"},
    "ecdf biexponential": {"name": "ecdf", "transform": "biexponential"},
    "ecdf 16 bins": {"name": "ecdf", "bins": 16},
    "ecdf 64 bins": {"name": "ecdf", "bins": 64},
    "ecdf 128 bins": {"name": "ecdf", "bins": 128},
    EXACT: {"name": "ecdf", "exact": True},
}
MODELS = ("boosted", "logistic")
DRAWS = 2000
FEWEST_TO_DRAW = 30  # of fewer cases a bootstrap does not show how uncertain they are
SHARES = (0.025, 0.975)

Array = np.ndarray[Any, Any]
Key = tuple[str, str]  # line of the table, model


class Fold(NamedTuple):
    """Rows of a table from which a model learns, and those that it answers for."""

    learn: Array
    answer: Array


class Extracted(NamedTuple):
    """What one recipe made of a cohort: a table for each fold, and ms a file."""

    tables: list[Array]
    ms: list[float]


class Cohort(NamedTuple):
    """Cases of one kind with their labels, one tube each; by `is_test` nothing is chosen."""

    name: str
    kind: str
    cases: Sequence[Case]
    labels: Array
    is_test: Array

    def folds(self, n_folds: int, seed: int) -> list[Fold]:
        """Part the training cases, stratified by label; the test part, if any, comes last."""
        from sklearn.model_selection import StratifiedKFold

        own, test = np.flatnonzero(~self.is_test), np.flatnonzero(self.is_test)
        cut = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        parts = [Fold(own[a], own[b]) for a, b in cut.split(own, self.labels[own])]
        return [*parts, Fold(own, test)] if len(test) else parts


def simulated(n_each: int, n_events: int, seed: int) -> Cohort:
    """Simulate cases of every entity that the simulator knows."""
    entities = dict.fromkeys(known_entities(), n_each)
    cases = [held(case) for case in simulate(entities=entities, events=n_events, seed=seed)]
    labels = np.array([case.details["entity"] for case in cases])
    name = f"simulated, {len(cases)} cases of {len(entities)} entities, {n_events} events"
    return Cohort(name, "synthetic", cases, labels, np.zeros(len(cases), dtype=bool))


def tube4(folder: Path) -> Cohort:
    """Find the 20 cases of aml-tube4, 10 of them its test part."""
    with (folder / "samples.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    cases = [Case(row["file"], (Tube(row["file"], folder / row["file"]),), {}) for row in rows]
    labels, split = (np.array([row[column] for row in rows]) for column in ("label", "split"))
    return Cohort("aml-tube4", "real", cases, labels, split == "test")


def table_of(cases: Sequence[Case], fitted: FittedRecipe, ms: list[float]) -> Array:
    """Compute the features of all cases, and note how long each took.

    A case of which no gate is sure has no value, and is answered for like that.
    """
    found = []
    for case in cases:
        begun = time.perf_counter()
        found.append(describe_case(case, fitted, hashed=False))
        ms.append((time.perf_counter() - begun) * 1e3)
    wrong = [case for case in found if case.problem and not fitted.gated]
    if problems := [f"{case.case_id}: {case.problem}" for case in wrong]:
        sys.exit(f"{len(problems)} cases cannot be used; the first: {problems[0]}")
    return assemble(found, fitted).values


def extract(cohort: Cohort, recipe: Recipe, folds: Sequence[Fold]) -> Extracted:
    """Compute a table for each fold; a recipe that learns nothing has one for all."""
    found = Extracted([], [])
    for fold in folds:
        if found.tables and not recipe.learns:
            found.tables.append(found.tables[0])
        else:
            fitted = recipe.fit([cohort.cases[row] for row in fold.learn])
            found.tables.append(table_of(cohort.cases, fitted, found.ms))
    return found


def make_model(name: str, seed: int) -> Any:
    """Return a model that is not fitted yet."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "boosted":
        return flowml.LineageClassifier(random_state=seed)
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=5000),
    )


def answers(name: str, table: Array, fold: Fold, labels: Array, seed: int) -> Array:
    """Learn of some rows and answer for the others."""
    model = make_model(name, seed).fit(table[fold.learn], labels[fold.learn])
    return np.asarray(model.predict(table[fold.answer]))


def majority(labels: Array, fold: Fold) -> Array:
    """Answer with the most frequent label of the training cases, the first of equals."""
    names, counts = np.unique(labels[fold.learn], return_counts=True)
    return np.full(len(fold.answer), names[counts.argmax()])


def f1_of(truth: Array, given: Array, seed: int) -> dict[str, Any]:
    """Return the mean F1 over classes, and a bootstrap interval over cases."""
    names, n = np.unique(np.concatenate([truth, given])), len(truth)
    codes = [np.searchsorted(names, each) for each in (truth, given)]
    drawn = np.random.default_rng(seed).integers(n, size=(DRAWS, n))
    counts = [np.ones(n), *(np.bincount(rows, minlength=n) for rows in drawn)]
    draws = Draws(np.array(counts, dtype=np.float32), np.arange(n), np.ones(n))
    values = class_means(*codes, len(names), draws)[1]
    ends = None if n < FEWEST_TO_DRAW else np.quantile(values[1:], SHARES).tolist()
    return {"macro_f1": float(values[0]), "macro_f1_interval_95": ends}


def accuracy_of(truth: Array, given: Array) -> dict[str, Any]:
    """Return how many are right, with Wilson's interval."""
    n_right, n = int((truth == given).sum()), len(truth)
    low_high = list(wilson_interval(n_right, n))
    return {"n": n, "n_right": n_right, "accuracy": n_right / n, "interval_95": low_high}


def compare(given: Mapping[Key, Array], truth: Array) -> dict[Any, dict[str, Any]]:
    """Hold every recipe against `AGAINST`, with the same model, on the same cases."""
    found: dict[Any, dict[str, Any]] = {}
    for (row, model), ours in given.items():
        if row != AGAINST and (AGAINST, model) in given:
            one, other = ours == truth, given[AGAINST, model] == truth
            gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
            found[row, model] = {"gained": gained, "lost": lost, "p": mcnemar(gained, lost)}
    kept = holm({key: value["p"] for key, value in found.items()})
    return {key: {**value, "differs": key in kept} for key, value in found.items()}


def judge(
    cohort: Cohort, rows: Mapping[str, Any], folds: list[Fold], seed: int, jobs: int = 2
) -> dict[str, Any]:
    """Extract, learn and answer; return everything that the table tells, as plain values."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        made = {row: extract(cohort, make_recipe(**how), folds) for row, how in rows.items()}
        tasks = [
            (model, table, fold, cohort.labels, seed)
            for found in made.values()
            for model in MODELS
            for table, fold in zip(found.tables, folds, strict=True)
        ]
        with ThreadPoolExecutor(jobs) as pool:
            said = iter(list(pool.map(lambda task: answers(*task), tasks)))
    given = {(row, model): [next(said) for _ in folds] for row in made for model in MODELS}
    return told(cohort, made, folds, given, seed)


def told(
    cohort: Cohort, made: Mapping[str, Extracted], folds: Sequence[Fold],
    given: Mapping[Key, list[Array]], seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Hold the answers against the labels."""
    n_folds = len(folds) - bool(cohort.is_test.any())
    truth = cohort.labels[np.concatenate([fold.answer for fold in folds[:n_folds]])]
    own = {key: np.concatenate(parts[:n_folds]) for key, parts in given.items()}
    compared = compare(own, truth)
    lines: dict[str, dict[str, Any]] = {
        row: {"features": found.tables[0].shape[1], "ms_a_file": statistics.median(found.ms)}
        for row, found in made.items()
    }
    for (row, model), answer in own.items():
        line = accuracy_of(truth, answer) | f1_of(truth, answer, seed)
        lines[row][model] = line | {"against": compared.get((row, model))}
        for fold, said in zip(folds[n_folds:], given[row, model][n_folds:], strict=True):
            lines[row][model]["test"] = accuracy_of(cohort.labels[fold.answer], said)
    base = np.concatenate([majority(cohort.labels, fold) for fold in folds[:n_folds]])
    return {
        "name": cohort.name,
        "kind": cohort.kind,
        "folds": n_folds,
        "cases": {str(label): int((truth == label).sum()) for label in np.unique(truth)},
        "majority": accuracy_of(truth, base),
        "rows": lines,
        "exact": _exact(made, own),
    }


def _exact(made: Mapping[str, Extracted], own: Mapping[Key, Array]) -> dict[str, Any] | None:
    """Say how far features with snapped edges are from those with exact ones."""
    if not {AGAINST, EXACT} <= set(made):
        return None
    apart = np.abs(made[AGAINST].tables[0] - made[EXACT].tables[0])
    other = {m: int((own[AGAINST, m] != own[EXACT, m]).sum()) for m in MODELS}
    largest, mean = float(np.nanmax(apart)), float(np.nanmean(apart))
    return {"largest": largest, "mean": mean, "other_answers": other}


def lines_of(judged: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the heading and the lines of a table, as text."""
    has_test = any("test" in line[m] for line in judged["rows"].values() for m in MODELS)
    heading = [f"recipe ({judged['kind']})", "features", "ms a file"]
    for model in MODELS:
        heading += [f"{model}: accuracy", "macro F1", f"against {AGAINST}"]
        heading += [f"{model}: test part"] if has_test else []
    yield heading
    for row, line in judged["rows"].items():
        cells = [row, f"{line['features']:,}", f"{line['ms_a_file']:.1f}"]
        for model in MODELS:
            found = line[model]
            cells += [_accuracy(found), _f1(found), _against(found["against"])]
            cells += [_accuracy(found["test"], counts=True)] if has_test else []
        yield cells
    rest = [""] * (len(heading) - 4)
    yield ["majority class", "0", "", _accuracy(judged["majority"]), *rest]


def _accuracy(found: Mapping[str, Any], *, counts: bool = False) -> str:
    value = f"{found['n_right']} of {found['n']}" if counts else f"{found['accuracy']:.2f}"
    return value + " ({:.2f} to {:.2f})".format(*found["interval_95"])


def _f1(found: Mapping[str, Any]) -> str:
    ends = found["macro_f1_interval_95"]
    return f"{found['macro_f1']:.2f}" + (f" ({ends[0]:.2f} to {ends[1]:.2f})" if ends else "")


def _against(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    return f"+{found['gained']} -{found['lost']}" + (" differs" if found["differs"] else "")


def notes_of(judged: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a reader of the table has to know."""
    cases = ", ".join(f"{n} {label}" for label, n in judged["cases"].items())
    yield f"{judged['name']} (`{judged['kind']}`), {judged['folds']} folds over {cases}."
    if judged["exact"]:
        apart = judged["exact"]
        other = ", ".join(f"{n} ({model})" for model, n in apart["other_answers"].items())
        what = f"{apart['largest']:.1e} apart at most, {apart['mean']:.1e} on average"
        yield f"Snapped and exact edges: features of ecdf are {what}; other answers: {other}."


LEGEND = f"""\
Accuracy: 95 % interval of Wilson. Macro F1: bootstrap over cases, from {FEWEST_TO_DRAW} on. The
intervals tell of the number of cases, not of what other folds or seeds would give. ms a file:
median, indicative. against {AGAINST}: cases right here and wrong there, wrong here and right
there; "differs" where McNemar's exact test stands at 5 % after Holm's correction for the whole
table. What is not marked was not shown to differ."""


def as_text(lines: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Lay out a table."""
    if markdown:
        marked = ["| " + " | ".join(line) + " |" for line in lines]
        return "\n".join([marked[0], "|---" * len(lines[0]) + "|", *marked[1:]])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def options() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds aml-tube4")
    parser.add_argument("--cases", type=int, default=40, help="simulated cases of each entity")
    parser.add_argument("--events", type=int, default=5000, help="events of a simulated case")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of cases, folds and models")
    parser.add_argument("--jobs", type=int, default=2, help="threads that fit models")
    parser.add_argument("--rows", default=",".join(ROWS), help="lines, separated by commas")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    given = options().parse_args(arguments)
    names = [name.strip() for name in given.rows.split(",")]
    if unknown := [name for name in names if name not in ROWS]:
        sys.exit(f"unknown row {unknown[0]!r}; choose from {', '.join(ROWS)}.")
    rows = {name: ROWS[name] for name in names}
    cohorts = []
    if (folder := given.data / "aml-tube4").is_dir():
        cohorts.append(tube4(folder))
    else:
        print("aml-tube4 (real) is left out: it is not in the folder of --data.\n")
    cohorts.append(simulated(given.cases, given.events, given.seed))
    every = []
    for cohort in cohorts:
        folds = cohort.folds(given.folds, given.seed)
        every.append(judged := judge(cohort, rows, folds, given.seed, given.jobs))
        print("\n".join(notes_of(judged)) + "\n")
        print(as_text(list(lines_of(judged)), markdown=given.markdown) + "\n")
    print(LEGEND)
    if given.json:
        story = {"seed": given.seed, "flowml": flowml.__version__, "cohorts": every}
        with written_aside(given.json) as aside:
            aside.write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
