"""How far models may be trusted: trained on kept cohorts, asked about cases held out.

Run: python benchmarks/cohort.py FOLDER --final, then python benchmarks/trust.py FOLDER
[--cohorts cll-9f,acute] [--stages folds,instruments,...] [--development]. Every stage trains
models by flowml's own defaults and keeps their answers in FOLDER as JSON; what is there is not
done again. `benchmarks/trusted.py` makes the table. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cohort as kept
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from flowml.features import FeatureTable
from flowml.knowledge import load_label_tree
from flowml.models import Prediction
from flowml.safety import written_aside
from flowml.training import TrainingSettings

FOLDS, SEED = 3, 7
UNSEEN = {"cll-9f": ("HCL", "T-PLL"), "acute": ("APL",)}
STAGES = ("folds", "instruments", "unseen", "strata")
Rows = NDArray[np.intp]


class Question(NamedTuple):
    """Cases to train on and to ask about, of a stage."""

    name: str
    train: Rows
    test: Rows


def patients(truth: Sequence[dict[str, str]]) -> NDArray[np.str_]:
    """Return the patient of each case."""
    return np.array([row["patient_id"] for row in truth])


def entities(truth: Sequence[dict[str, str]]) -> NDArray[np.str_]:
    """Return the entity of each case, by its canonical name."""
    tree = load_label_tree()
    return np.array([tree.canonical(row["entity"]) for row in truth])


def folds(truth: Sequence[dict[str, str]]) -> Iterator[Question]:
    """Part the cases by patient."""
    labels, groups = entities(truth), patients(truth)
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for number, (train, test) in enumerate(split.split(labels, labels, groups)):
        yield Question(f"fold-{number + 1}", train, test)


def instruments(truth: Sequence[dict[str, str]]) -> Iterator[Question]:
    """Leave out one instrument after the other, and the patients measured on it."""
    where, groups = np.array([row["instrument"] for row in truth]), patients(truth)
    for name in sorted(set(where)):
        test = where == name
        train = ~np.isin(groups, groups[test])
        yield Question(name, np.flatnonzero(train), np.flatnonzero(test))


def unseen(truth: Sequence[dict[str, str]], entity: str) -> Iterator[Question]:
    """Train on two thirds of all other cases, and ask about the rest and the entity."""
    labels = entities(truth)
    others = np.flatnonzero(labels != entity)
    part = next(folds([truth[case] for case in others]))
    test = np.sort([*others[part.test], *np.flatnonzero(labels == entity)])
    groups = patients(truth)
    train = others[part.train]
    train = train[~np.isin(groups[train], groups[labels == entity])]
    yield Question(f"without-{entity}", train, test)


def taken(table: FeatureTable, rows: Rows) -> FeatureTable:
    """Return some rows of a table."""
    keep = np.zeros(len(table.cases), dtype=bool)
    keep[rows] = True
    return table.rows(keep.tolist())


def answered(
    train: FeatureTable, labels: NDArray[np.str_], groups: NDArray[np.str_], test: FeatureTable
) -> tuple[list[Prediction], dict[str, object]]:
    """Train by flowml's own defaults, and ask about other cases."""
    settings = TrainingSettings(data_kind="synthetic")
    started = time.process_time()
    classifier = settings.classifier().fit(train.to_frame(), list(labels), groups=groups)
    seconds = time.process_time() - started
    model = classifier.trained()
    about = {
        "seconds": seconds,
        "choice": model.training["choice"],
        "levels": model.caution.levels.to_dict(),
        "n_training": len(labels),
    }
    return model.predictions(test), about


def keep_answers(
    path: Path, predictions: Sequence[Prediction], about: dict[str, object]
) -> None:
    """Write answers as JSON, without what the features tell."""
    rows = [
        {
            "case_id": p.case_id, "status": p.status, "decision": p.decision,
            "lineage": p.lineage, "category": p.category, "entity": p.entity,
            "leukemia_vs_lymphoma": p.leukemia_vs_lymphoma, "rule": p.rule,
            "reason": p.reason, "novelty": p.novelty, "candidates": list(p.candidates),
            "p_entity": p.p_entity, "codes": [item.code for item in p.findings],
            "probabilities": dict(p.probabilities),
        }
        for p in predictions
    ]  # fmt: skip
    with written_aside(path) as aside:
        aside.write_text(json.dumps({"about": about, "answers": rows}), encoding="utf-8")


def questions(name: str, stage: str, truth: Sequence[dict[str, str]]) -> Iterator[Question]:
    """Return what a stage asks of a cohort."""
    if stage == "folds":
        yield from folds(truth)
    elif stage == "instruments":
        yield from instruments(truth)
    elif stage == "unseen":
        for entity in UNSEEN[name]:
            yield from unseen(truth, entity)


def done(home: Path, name: str, base: int, stage: str) -> None:
    """Do one stage on one cohort."""
    table, truth = kept.load(home, name, base)
    labels, groups = entities(truth), patients(truth)
    place = kept.folder_of(home, name, base)
    if stage == "strata" and name == kept.TRAINED_FOR_STRATA:
        target = place / "answers-strata.json"
        if not target.is_file():
            test, _ = kept.load(home, kept.STRATA, base)
            keep_answers(target, *answered(table, labels, groups, test))
        return
    for question in questions(name, stage, truth):
        target = place / f"answers-{stage}-{question.name}.json"
        if target.is_file():
            continue
        train, test = taken(table, question.train), taken(table, question.test)
        rows = question.train
        predictions, about = answered(train, labels[rows], groups[rows], test)
        keep_answers(target, predictions, about)
        print(f"{name} {stage} {question.name}: {about['seconds']:.0f} s", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is asked for and not done yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cohorts", type=lambda text: text.split(","), default=list(UNSEEN))
    parser.add_argument("--stages", type=lambda text: text.split(","), default=list(STAGES))
    parser.add_argument("--development", action="store_true")
    options = parser.parse_args(arguments)
    base = kept.DEVELOPMENT if options.development else kept.FINAL
    for stage in options.stages:
        for name in options.cohorts:
            done(options.folder, name, base, stage)


if __name__ == "__main__":
    main()
