"""Cross-validate on the features of FlowCAP-II: the default classifier beside plain baselines.

Run: python scripts/measure_flowcap.py TABLE [--jobs N] [--repeats N]. TABLE has the columns
subject and label, and else features only. Subjects above 179 belong to the challenge's test:
neither their labels nor their features are used. Prints a table in Markdown. Data kind: real.

Each repeat parts the subjects anew into five folds, by subject and with the same share of AML;
every subject is then answered once by a model that has not seen it. AUC is that of the
probability of AML, F1 that of the answers of `predict`, both over all subjects of a repeat.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from flowml.batch import run
from flowml.features.casetable import read_case_table
from flowml.models.classifier import LineageClassifier

LAST_SUBJECT = 179  # of the training part of the challenge
POSITIVE = "aml"
FOLDS, REPEATS = 5, 10
HEADING = ("classifier", "AUC", "95 % interval", "AUC, lowest and highest", "F1",
           "95 % interval", "F1, lowest and highest")  # fmt: skip

Score = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Subjects:
    """Features, labels and ids of subjects.

    Parameters
    ----------
    values : ndarray, shape (n_subjects, n_features), float32
        One row a subject.
    labels : ndarray, shape (n_subjects,), str
        As the table has them.
    ids : ndarray, shape (n_subjects,), str
        A subject's rows never stand in two folds.
    """

    values: np.ndarray
    labels: np.ndarray
    ids: np.ndarray


def baseline_logistic(seed: int) -> Any:
    """Return a logistic regression on standardised features."""
    model = LogisticRegression(max_iter=5_000, random_state=seed)
    return make_pipeline(StandardScaler(), model)


CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "LineageClassifier, default": lambda _: LineageClassifier(),
    "logistic regression, standardised": baseline_logistic,
    "decision tree": lambda seed: DecisionTreeClassifier(random_state=seed),
}


def training_subjects(path: Path) -> Subjects:
    """Read the labelled subjects of the challenge's training part."""
    table = read_case_table(path, id_column="subject", label_column="label")
    ids = [i for i in table.features.case_ids if int(i) <= LAST_SUBJECT and i in table.labels]
    features = table.rows(set(ids)).features
    labels = np.array([table.labels[i] for i in features.case_ids])
    return Subjects(np.asarray(features.values), labels, np.array(features.case_ids))


def scored(repeat: int, subjects: Subjects) -> dict[str, Score]:
    """Return AUC and F1 of every classifier, on folds that are the same for all."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat)
    parts = list(folds.split(subjects.values, subjects.labels, groups=subjects.ids))
    return {name: held_out(make, repeat, parts, subjects) for name, make in CLASSIFIERS.items()}


def held_out(
    make: Callable[[int], Any],
    seed: int,
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    subjects: Subjects,
) -> Score:
    """Return AUC and F1 of answers about subjects that were not trained on."""
    chances = np.empty(len(subjects.labels))
    answers = np.empty(len(subjects.labels), dtype=subjects.labels.dtype)
    for inside, outside in parts:
        model = make(seed).fit(subjects.values[inside], subjects.labels[inside])
        column = list(model.classes_).index(POSITIVE)
        chances[outside] = model.predict_proba(subjects.values[outside])[:, column]
        answers[outside] = model.predict(subjects.values[outside])
    truth = subjects.labels == POSITIVE
    return float(roc_auc_score(truth, chances)), float(f1_score(truth, answers == POSITIVE))


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean over repeats, and its 95 % interval by Student's t.

    All repeats share their subjects: the interval tells how much the parting into folds moves
    the mean, and not how far it may be from that of other subjects.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(student.ppf(0.975, len(values) - 1)) * error
    return mean, mean - half, mean + half


def rows_of(found: Sequence[Mapping[str, Score]]) -> list[str]:
    """Return a row of the table for each classifier."""
    rows = []
    for name in CLASSIFIERS:
        cells = [name]
        for values in zip(*(repeat[name] for repeat in found), strict=True):
            mean, low, high = interval(values)
            cells += [f"{mean:.3f}", f"{low:.3f} to {high:.3f}"]
            cells.append(f"{min(values):.3f} to {max(values):.3f}")
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args(arguments)
    subjects = training_subjects(options.table)
    work = partial(scored, subjects=subjects)
    found = run(work, range(options.repeats), jobs=options.jobs)
    positive = int((subjects.labels == POSITIVE).sum())
    print(
        f"{len(subjects.ids)} subjects, {positive} {POSITIVE}; {len(found)} x {FOLDS} folds\n"
    )
    print(f"| {' | '.join(HEADING)} |\n|{'---|' * len(HEADING)}")
    print("\n".join(rows_of(found)))


if __name__ == "__main__":
    main()
