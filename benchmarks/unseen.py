"""How well novelty finds an entity that a model has not seen: each one left out in turn.

Run: python benchmarks/cohort.py FOLDER, then python benchmarks/unseen.py FOLDER [--cohorts
cll-9f,acute] [--final]. Models are logistic, for time. Beside flowml's score stand its parts:
the distance to the nearest entity, and the mean distance by probabilities. Prints Markdown: a
line an entity, with the area under the ROC curve against cases held out, and how many of its
cases are given an entity at the confidence without a review. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cohort as kept
import numpy as np
import trust
from sklearn.metrics import roc_auc_score

from flowml.features import FeatureTable
from flowml.models.novelty import Novelty
from flowml.training import TrainingSettings

WAYS = ("nearest", "mean", "novelty")


def scores_of(novelty: Novelty, rows: np.ndarray, chances: np.ndarray) -> list[np.ndarray]:
    """Return the score of each way, in the order of `WAYS`."""
    squared = novelty.squared(rows)
    plain = replace(novelty, slopes=np.zeros_like(novelty.slopes))
    return [
        (squared / novelty.usual).min(axis=1),
        plain.weighed(squared, chances),
        novelty.weighed(squared, chances),
    ]


def without(
    table: FeatureTable, truth: Sequence[dict[str, str]], entity: str
) -> tuple[list[float], int, int]:
    """Leave an entity out; return areas, cases released and cases in all."""
    labels, groups = trust.entities(truth), trust.patients(truth)
    question = next(trust.unseen(truth, entity))
    settings = TrainingSettings(data_kind="synthetic", estimator="logistic")
    classifier = settings.classifier()
    train = trust.taken(table, question.train)
    classifier.fit(
        train.to_frame(), list(labels[question.train]), groups=groups[question.train]
    )
    model = classifier.trained()
    test = trust.taken(table, question.test)
    rows = np.ascontiguousarray(test.columns(model.feature_names), dtype=np.float32)
    is_new = labels[question.test] == entity
    scores = scores_of(model.caution.novelty, rows, model.predict_proba(rows))
    answers = np.array([p.decision != "review" for p in model.predictions(test)])
    areas = [float(roc_auc_score(is_new, own)) for own in scores]
    return areas, int((answers & is_new).sum()), int(is_new.sum())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table for each cohort."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cohorts", type=lambda text: text.split(","), default=[*trust.UNSEEN])
    parser.add_argument("--final", action="store_true", help="the seeds of published figures")
    options = parser.parse_args(arguments)
    for name in options.cohorts:
        base = kept.FINAL if options.final else kept.DEVELOPMENT
        table, truth = kept.load(options.folder, name, base)
        print(f"\n| {name} without | {' | '.join(WAYS)} | not for review |")
        print("|---" * (len(WAYS) + 2) + "|")
        every = []
        for entity in sorted(set(trust.entities(truth))):
            areas, released, n = without(table, truth, entity)
            every.append(areas)
            shown = " | ".join(f"{area:.3f}" for area in areas)
            print(f"| {entity} | {shown} | {released} of {n} |", flush=True)
        means = " | ".join(f"{area:.3f}" for area in np.mean(every, axis=0))
        print(f"| mean | {means} | |", flush=True)


if __name__ == "__main__":
    main()
