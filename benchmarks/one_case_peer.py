"""The same job as `flowml classify` does for one case, as one would write it with FlowKit.

Run: python one_case_peer.py CASE MODEL.json [--train BINS]. With ``--train`` trees of as many
features are made first, from random numbers; the answers mean nothing, their cost is real.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import flowkit
import numpy as np
import xgboost

ENTITIES = ("CLL", "MCL", "normal")
SCATTER = ("FS-A", "FS-H", "SS-A")  # FlowKit knows FSC and SSC only
SCATTER_TOP = 262_144


def features(path: Path, bins: int) -> np.ndarray:
    """Return the shares of a tube's events in bins of each channel."""
    sample = flowkit.Sample(str(path), null_channel_list=list(SCATTER))
    if "spillover" in sample.metadata:
        sample.apply_compensation(sample.metadata["spillover"])
    logicle = flowkit.transforms.LogicleTransform(param_t=262_144, param_w=0.5, param_m=4.5,
                                                  param_a=0)  # fmt: skip
    sample.apply_transform(logicle)
    events = sample.get_events("xform")
    found = []
    for place, name in enumerate(sample.pnn_labels):
        top = SCATTER_TOP if name in SCATTER else 1.0
        counts, _ = np.histogram(events[:, place], bins=bins, range=(0, top))
        found.append(np.cumsum(counts)[:-1] / len(events))
    return np.concatenate(found)


def trained(n_features: int) -> xgboost.Booster:
    """Train trees of as many features, 50 rounds as is usual for a small cohort."""
    random = np.random.default_rng(0)
    rows = random.random((36, n_features))
    labels = np.arange(36) % len(ENTITIES)
    rows[:, :20] += 0.5 * labels[:, None]
    settings = {"objective": "multi:softprob", "num_class": len(ENTITIES), "max_depth": 4,
                "nthread": 1}  # fmt: skip
    return xgboost.train(settings, xgboost.DMatrix(rows, label=labels), 50)


def main() -> None:
    """Read, compensate, transform, count, predict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", type=Path)
    parser.add_argument("model")
    parser.add_argument("--train", type=int, metavar="BINS")
    given = parser.parse_args()
    bins = given.train or 32
    row = np.concatenate([features(path, bins) for path in sorted(given.case.glob("*.fcs"))])
    if given.train:
        trained(len(row)).save_model(given.model)
        return
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(given.model)
    chances = booster.predict(xgboost.DMatrix(row[None, :]))[0]
    best = int(np.argmax(chances))
    print(f"{given.case.name}: {ENTITIES[best]} {chances[best]:.2f}")


if __name__ == "__main__":
    main()
