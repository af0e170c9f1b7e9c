"""How well events are classified by learning, and how fast (docs/events.md).

Run: python scripts/measure_events.py FOLDER [--xgboost]
FOLDER holds the EuroFlow lymphocyte tubes with the population of every event. Data kind
`simulated-from-real`. Healthy donors are held out four-fold by donor group; the patients are
classified by classifiers of all healthy donors, of three seeds (docs/events.md says how their
settings were chosen).
A prediction is held against the labels of its own sample: classes that these do not tell apart,
and erythroid cells, are left out of the macro F1. Times are processor time of one thread: on
values in memory, and of the whole call on a file. With ``--xgboost`` trees are trained on the
events of the first fold's classifier, and timed in the same run.

In six files (lst-15 to lst-21) the names of four channels stand in another order than the
values: by name, T cells lack CD5 and have CD56; by place, they look like those of all others.
The channels of every file are therefore taken in the order of the first.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import flowml
from flowml.gating.learned import (
    EventScores,
    NetworkSettings,
    read_event_labels,
    translated,
)
from flowml.gating.learned.drawing import coded, drawn, joined
from flowml.gating.learned.network import shares
from flowml.records import Sample

ARTEFACT, CLONE, B, ERYTHROID = "artefact", "B-clone", "B", "erythroid"
MONOCYTE, DENDRITIC = "monocyte", "dendritic"
CLONAL = ("B", "T", "NK")  # lineages of the neoplasms that this tube looks for
FOLDS = 4
ROUNDS, DEPTH = 80, 6
REQUIRED = {B: 0.99, "T": 0.99, "NK": 0.98, "neutrophil": 0.98, MONOCYTE: 0.95, ARTEFACT: 0.93}
REPEATS = 5
SEEDS = (0, 1, 2)  # of the classifiers that the patients are shown to; the first is the default


class Tube(NamedTuple):
    """One sample with the class of every event."""

    name: str
    diagnosis: str
    donor: str
    sample: Sample
    classes: np.ndarray


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV table."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def read_tubes(folder: Path) -> list[Tube]:
    """Read all samples and their labels."""
    rows = read_rows(folder / "populations.csv")
    classes = {row["population"].strip(): row["lineage"] for row in rows}
    tubes: list[Tube] = []
    for row in read_rows(folder / "samples.csv"):
        labels = read_event_labels(folder / f"{row['sample_id']}.labels.csv.gz")
        sample = flowml.read_fcs(folder / row["file"])
        if tubes:
            sample = replace(sample, channels=tubes[0].sample.channels)
        known = row["sample_id"], row["diagnosis"], row["donor_group"]
        tubes.append(Tube(*known, sample, translated(labels, classes)))
    return tubes


def fitted(tubes: Sequence[Tube], seed: int = 0) -> flowml.EventClassifier:
    """Train on some samples."""
    classifier = flowml.EventClassifier(
        artefact=ARTEFACT, clonal=CLONAL, settings=NetworkSettings(seed=seed)
    )
    return classifier.fit([tube.sample for tube in tubes], [tube.classes for tube in tubes])


def named(scores: EventScores) -> np.ndarray:
    """Return the class of every event by name."""
    return np.array([*scores.lineages, "", scores.artefact_name], dtype=object)[scores.codes]


class Counts:
    """Hits of every class, over samples whose labels tell it apart."""

    def __init__(self) -> None:
        self.table: dict[str, np.ndarray] = {}
        self.merged = np.zeros(2)

    def add(self, truth: np.ndarray, answer: np.ndarray) -> None:
        """Count the events of one sample."""
        for name in set(truth) - {ERYTHROID}:
            own, said = truth == name, answer == name
            found = [
                np.count_nonzero(own & said),
                np.count_nonzero(own),
                np.count_nonzero(said),
            ]
            self.table[name] = self.table.get(name, np.zeros(3)) + found
        monocytes = truth == MONOCYTE
        either = np.isin(answer[monocytes], (MONOCYTE, DENDRITIC))
        self.merged += np.count_nonzero(either), np.count_nonzero(monocytes)

    def recall(self, name: str) -> float:
        """Return the share of a class that was found."""
        hits, own, _ = self.table[name]
        return float(hits / own)

    def precision(self, name: str) -> float:
        """Return the share of what was called so that is."""
        hits, _, said = self.table[name]
        return float(hits / said) if said else float("nan")

    def f1(self, name: str) -> float:
        """Return the harmonic mean of both."""
        hits, own, said = self.table[name]
        return float(2 * hits / (own + said))

    @property
    def macro_f1(self) -> float:
        """Mean over classes."""
        return float(np.mean([self.f1(name) for name in self.table]))


def folds_of(tubes: Sequence[Tube]) -> list[set[str]]:
    """Part donor groups by their names, in turn."""
    donors = sorted({tube.donor for tube in tubes})
    return [set(donors[fold::FOLDS]) for fold in range(FOLDS)]


def print_healthy(counts: Counts, per_donor: Sequence[float]) -> None:
    """Print recall, precision and F1 of every class."""
    print(
        "\n| class | events | recall | required | precision | F1 |\n|---|---|---|---|---|---|"
    )
    for name in sorted(counts.table, key=lambda item: -counts.table[item][1]):
        figures = f"{counts.recall(name):.3f} | {REQUIRED.get(name, '')}"
        rest = f"{counts.precision(name):.3f} | {counts.f1(name):.3f}"
        print(f"| {name} | {counts.table[name][1]:.0f} | {figures} | {rest} |")
    merged = counts.merged[0] / counts.merged[1]
    print(f"| monocyte, or dendritic | {counts.merged[1]:.0f} | {merged:.3f} | 0.97 | | |")
    lowest, middle = min(per_donor), float(np.median(per_donor))
    print(
        f"\nmacro F1 {counts.macro_f1:.4f} (required 0.94); of single donor groups: median "
        f"{middle:.3f}, lowest {lowest:.3f}"
    )


def print_patients(
    classifiers: Sequence[flowml.EventClassifier], tubes: Sequence[Tube]
) -> None:
    """Print what becomes of the clonal cells of each patient, by each classifier."""
    print("\n| patient | clonal cells | lineage B, given a cell | called B | precision of B |")
    print("|---|---|---|---|---|")
    for tube in tubes:
        clone, found = tube.classes == CLONE, []
        for classifier in classifiers:
            scores = classifier.scores(tube.sample)
            given = scores.lineage_codes[clone] == scores.lineages.index(B)
            called = named(scores) == B
            right = np.isin(tube.classes[called], (B, CLONE))
            found.append((given.mean(), called[clone].mean(), right.mean()))
        cells = [
            ", ".join(f"{value:.3f}" for value in column) for column in zip(*found, strict=True)
        ]
        print(
            f"| {tube.name}, {tube.diagnosis} | {np.count_nonzero(clone)} | "
            f"{' | '.join(cells)} |"
        )
    print("| required | | 0.95 | 0.85 | 0.90 |")


def quickest(run: object, n_events: int) -> float:
    """Return microseconds an event: the least processor time of a few runs."""
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        run()  # type: ignore[operator]
        times.append(time.thread_time() - start)
    return min(times) / n_events * 1e6


def print_times(classifier: flowml.EventClassifier, tube: Tube) -> float:
    """Print how long an event takes."""
    model, n_events = classifier.trained(), tube.sample.n_events
    rows = model.view.events(tube.sample, "auto")

    def classes() -> None:
        artefact, given_cell = shares(model.network.margins(rows))
        named_scores = EventScores(
            model.lineages, model.artefact, artefact, given_cell, model.threshold
        )
        _ = named_scores.codes

    alone = quickest(classes, n_events)
    whole = quickest(lambda: classifier.scores(tube.sample).codes, n_events)
    print(
        f"\nprocessor time an event, one thread: {alone:.2f} us from values to probabilities "
        f"and classes (required 1), {whole:.2f} us from the file"
    )
    return alone


def print_xgboost(
    classifier: flowml.EventClassifier,
    train: Sequence[Tube],
    test: Sequence[Tube],
    alone: float,
) -> None:
    """Print what plain trees do with the same events, in the same run."""
    import xgboost

    model = classifier.trained()
    parts = []
    for place, tube in enumerate(train):
        rows = model.view.events(tube.sample, "auto")
        codes = coded(tube.classes, model.lineages, ARTEFACT)
        parts.append(drawn(rows, codes, len(model.lineages), classifier.most_events, place))
    events = joined(parts)
    names = np.array([*model.lineages, ARTEFACT], dtype=object)
    matrix = xgboost.DMatrix(
        events.rows, np.where(events.codes < 0, len(model.lineages), events.codes),
        weight=events.weights, nthread=1,
    )  # fmt: skip
    settings = {"objective": "multi:softprob", "num_class": len(names), "max_depth": DEPTH,
                "tree_method": "hist", "nthread": 1}  # fmt: skip
    booster = xgboost.train(settings, matrix, ROUNDS)
    trees, net = Counts(), Counts()
    for tube in test:
        rows = model.view.events(tube.sample, "auto")
        trees.add(tube.classes, names[booster.inplace_predict(rows).argmax(axis=1)])
        net.add(tube.classes, named(classifier.scores(tube.sample)))
    took = quickest(lambda: booster.inplace_predict(rows).argmax(axis=1), len(rows))
    print(
        f"\nfirst fold, same events: xgboost ({ROUNDS} rounds of depth {DEPTH}) macro F1 "
        f"{trees.macro_f1:.4f} at {took:.2f} us an event, ours {net.macro_f1:.4f} at "
        f"{alone:.2f} us ({took / alone:.1f} times as fast)"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--xgboost", action="store_true", help="train trees beside it")
    chosen = parser.parse_args()
    if not (chosen.folder / "samples.csv").is_file():
        raise SystemExit(f"{chosen.folder} holds no samples.csv: give the folder of the data.")
    tubes = read_tubes(chosen.folder)
    healthy = [tube for tube in tubes if tube.diagnosis == "HD"]
    counts, per_donor = Counts(), []
    everyone = [fitted(healthy, seed) for seed in SEEDS]
    print_patients(everyone, [tube for tube in tubes if tube.diagnosis != "HD"])
    alone = print_times(everyone[0], healthy[0])
    for place, donors in enumerate(folds_of(healthy)):
        train = [tube for tube in healthy if tube.donor not in donors]
        test = [tube for tube in healthy if tube.donor in donors]
        classifier = fitted(train)
        for donor in sorted(donors):
            own = Counts()
            for tube in test:
                if tube.donor == donor:
                    answer = named(classifier.scores(tube.sample))
                    own.add(tube.classes, answer)
                    counts.add(tube.classes, answer)
            per_donor.append(own.macro_f1)
        if chosen.xgboost and place == 0:
            print_xgboost(classifier, train, test, alone)
    print_healthy(counts, per_donor)


if __name__ == "__main__":
    main()
