"""Hold simulated lymphocyte tubes against the EuroFlow LST samples of 22 donors.

Run: python scripts/anchor_lst.py [--data FOLDER] [--pictures docs/pictures]
Prints, in Markdown, what docs/simulator.md says of the anchor: for every population and channel
the distance between simulated cases and donors beside that between donors, and how well a
classifier tells the two apart, and by what. The donors' values are simulated from real data by
their authors, compensated, and on a display scale of 0 to 10,000.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np

import flowml
from flowml.preprocess.mirrored import Logicle
from flowml.simulator import truth_of

SEED, CASES, EVENTS = 5021, 40, 40_000
CENTRES = 8  # instruments, as EuroFlow's donors come from several laboratories
TOP, WIDTH, DECADES = 262_144.0, 0.8, 4.5  # the display scale of the donors, found by trial
UNITS = 10_000.0
LEAST_EVENTS = 50  # of a population in a sample
QUANTILES = np.linspace(0.005, 0.995, 100)
# the cytometrists' names of the donors' populations, and ours
POPULATIONS = {
    "neutrophils": ("Neutrophils", "Neutrophils (main population)"),
    "CD4 T cells": ("CD4+CD8-", "CD4+CD8negativo"),
    "CD8 T cells": ("CD8+CD4-", "CD8+CD4-CD5+"),
    "gamma-delta T cells": ("TCRgd+", "TCRgd+CD5+CD8-"),
    "NK cells": ("CD56dim", "NK CELLS"),
    "CD56 bright NK cells": ("CD56bright",),
    "B cells kappa": ("Mature SIg Kappa",),
    "B cells lambda": ("Mature SIg Lambda",),
    "plasma cells": ("PLASMA CELLS",),
    "monocytes": ("Monocytes",),
    "eosinophils": ("Eosinophils",),
    "basophils": ("Basophils",),
    "plasmacytoid dendritic cells": ("Plasmocytoid DC", "Plasmacytoid DC"),
    "myeloid dendritic cells": ("Monocytoid DC", "Myeloid DC"),
}
CHANNELS = (
    "CD19+TCRgd", "CD38", "CD3", "CD4+CD20", "CD45", "CD56+kappa", "CD5", "CD8+lambda", "FSC",
    "SSC",
)  # fmt: skip
OURS = {name: own for own, names in POPULATIONS.items() for name in names}
MERGED = {"CD57 T cells": "CD8 T cells", "CD19-negative plasma cells": "plasma cells"}

Values = dict[str, np.ndarray]  # events on the donors' scale, by population


def donors(folder: Path) -> list[Values]:
    """Read one healthy sample of every donor."""
    found, seen = [], set()
    with (folder / "samples.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["diagnosis"] != "HD" or row["donor_group"] in seen:
            continue
        seen.add(row["donor_group"])
        sample = flowml.read_fcs(folder / row["file"])
        labels = (folder / row["file"]).with_suffix(".labels.csv.gz")
        with gzip.open(labels, "rt", encoding="utf-8") as stream:
            names = np.array([OURS.get(line.strip(), "") for line in stream][1:])
        found.append(_by_population(sample.events(), names))
    return found


def simulated(cases: int) -> list[Values]:
    """Draw blood of healthy donors, on the donors' scale."""
    found = []
    cohort = flowml.simulate(
        "lst", entities="normal", cases=4 * cases, events=EVENTS, seed=SEED,
        instruments=CENTRES * ("canto",),
    )  # fmt: skip
    for case in cohort:
        if case.details["specimen"] != "blood" or len(found) == cases:
            continue
        sample = case.tubes[0].origin
        truth = truth_of(sample)
        names = np.char.add(truth.population, np.where(
            truth.population == "B cells", np.char.add(" ", truth.light_chain), ""
        ))  # fmt: skip
        for name, other in MERGED.items():
            names[names == name] = other
        names[~truth.intact] = ""
        found.append(_by_population(on_display(sample), names))
    return found


def on_display(sample: flowml.Sample) -> np.ndarray:
    """Put a simulated tube on the donors' display scale: ten columns in their order."""
    unmixed = flowml.compensate(sample)
    values = unmixed.events().astype(np.float64)
    columns = []
    of_markers = {frozenset(c.marker.split("+")): i for i, c in enumerate(unmixed.channels)}
    for markers in CHANNELS[:-2]:
        column = of_markers[frozenset(markers.split("+"))]
        scale = Logicle(unmixed.channels[column].top, WIDTH, DECADES)
        columns.append(UNITS * scale(values[:, column]))
    for name in ("FSC-A", "SSC-A"):
        column = unmixed.column(name)
        columns.append(values[:, column] / unmixed.channels[column].top * UNITS)
    return np.column_stack(columns)


def _by_population(values: np.ndarray, names: np.ndarray) -> Values:
    return {
        name: values[names == name]
        for name in POPULATIONS
        if (names == name).sum() >= LEAST_EVENTS
    }


def summaries(samples: list[Values]) -> dict[str, np.ndarray]:
    """Return quantiles of every sample, shape (n_samples, n_quantiles, n_channels)."""
    found = defaultdict(list)
    for sample in samples:
        for name, values in sample.items():
            found[name].append(np.quantile(values, QUANTILES, axis=0))
    return {name: np.array(rows) for name, rows in found.items()}


def distances(first: np.ndarray, second: np.ndarray | None = None) -> np.ndarray:
    """Return the mean distance of quantiles (Wasserstein's) of all pairs, by channel."""
    if second is None:
        pairs = combinations(range(len(first)), 2)
        return np.array([np.abs(first[i] - first[j]).mean(axis=0) for i, j in pairs])
    return np.array([np.abs(one - other).mean(axis=0) for one in first for other in second])


def table(real: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray]) -> list[str]:
    """Compare populations channel by channel, as lines of Markdown."""
    lines = [
        "| population | donors | channel | among donors | 95 % | simulated | above | within |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, own in real.items():
        if name not in drawn or len(own) < 3:
            continue
        among, across = distances(own), distances(drawn[name], own)
        for column, channel in enumerate(CHANNELS):
            limit = np.quantile(among[:, column], 0.95)
            typical = np.median(across[:, column])
            lines.append(
                f"| {name} | {len(own)} | {channel} | {np.median(among[:, column]):.0f} | "
                f"{limit:.0f} | {typical:.0f} | {(across[:, column] > limit).mean():.0%} | "
                f"{'yes' if typical <= limit else 'NO'} |"
            )
    return lines


def features(samples: list[Values]) -> tuple[np.ndarray, list[str]]:
    """Return median and spread of every population and channel that all samples may have."""
    names = [f"{n}|{c}|{s}" for n in POPULATIONS for c in CHANNELS for s in ("median", "iqr")]
    rows = []
    for sample in samples:
        row = []
        for name in POPULATIONS:
            if name in sample:
                low, middle, high = np.quantile(sample[name], (0.25, 0.5, 0.75), axis=0)
                row += list(np.column_stack([middle, high - low]).ravel())
            else:
                row += [np.nan] * (2 * len(CHANNELS))
        rows.append(row)
    return np.array(rows), names


def told_apart(real: list[Values], drawn: list[Values]) -> list[str]:
    """Train a classifier to tell donors from simulated cases, and say by what it does."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from xgboost import XGBClassifier

    values = np.vstack([features(real)[0], features(drawn)[0]])
    names = features(real)[1]
    is_drawn = np.array([0] * len(real) + [1] * len(drawn))
    model = XGBClassifier(n_estimators=100, max_depth=2, learning_rate=0.1, n_jobs=1)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    score = cross_val_predict(model, values, is_drawn, cv=folds, method="predict_proba")[:, 1]
    gains = model.fit(values, is_drawn).feature_importances_
    best = [names[i] for i in np.argsort(-gains)[:8] if gains[i] > 0]
    alone = []
    for column, name in enumerate(names):
        known = np.isfinite(values[:, column])
        if known.sum() >= 0.6 * len(known):
            area = roc_auc_score(is_drawn[known], values[known, column])
            alone.append((max(area, 1 - area), name))
    worst = ", ".join(f"{name} {area:.2f}" for area, name in sorted(alone, reverse=True)[:8])
    middle = np.median([area for area, _ in alone])
    return [
        (
            "AUC of boosted trees on medians and interquartile ranges, 5 folds: "
            f"{roc_auc_score(is_drawn, score):.2f}; it uses {', '.join(best)}."
        ),
        f"Single features: median AUC {middle:.2f}; highest {worst}.",
    ]


def correlations(samples: list[Values]) -> dict[str, np.ndarray]:
    """Return the median correlation of channels between the cells of each population."""
    found = defaultdict(list)
    for sample in samples:
        for name, values in sample.items():
            ends = np.quantile(values, (0.01, 0.99), axis=0)
            inner = values[((values >= ends[0]) & (values <= ends[1])).all(axis=1)]
            if len(inner) >= LEAST_EVENTS:
                found[name].append(np.corrcoef(inner.T))
    return {name: np.median(rows, axis=0) for name, rows in found.items()}


def together(real: list[Values], drawn: list[Values]) -> str:
    """Say how far correlations between channels of donors and simulated cases lie apart."""
    own, ours = correlations(real), correlations(drawn)
    pair = np.tril_indices(len(CHANNELS), -1)
    names = [name for name in own if name in ours]
    both = np.array([[own[name][pair], ours[name][pair]] for name in names])
    apart = np.abs(both[:, 0] - both[:, 1])
    n = apart.size
    return (
        f"Correlations of two channels within a population, {n} pairs: mean absolute "
        f"difference {apart.mean():.2f}; with all of ours at 0 it would be "
        f"{np.abs(both[:, 0]).mean():.2f}; larger than 0.3 in {(apart > 0.3).sum()}."
    )


def draw(real: list[Values], drawn: list[Values], folder: Path) -> None:
    """Overlay the densities of donors and simulated cases."""
    import matplotlib.pyplot as plt

    shown = ["CD4 T cells", "CD8 T cells", "B cells kappa", "B cells lambda", "NK cells",
             "monocytes", "neutrophils", "eosinophils"]  # fmt: skip
    figure, axes = plt.subplots(len(shown), len(CHANNELS), figsize=(20, 14), sharex="col")
    for row, name in enumerate(shown):
        for column, channel in enumerate(CHANNELS):
            _overlay(axes[row, column], real, drawn, name, column)
            axes[row, column].set(yticks=[], title=channel if row == 0 else None)
        axes[row, 0].set_ylabel(name)
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "anchor-lst.png", dpi=55)
    plt.close(figure)


def _overlay(ax, real: list[Values], drawn: list[Values], name: str, column: int) -> None:
    edges = np.linspace(-1000, 9000, 101) if column < 8 else np.linspace(0, 9000, 91)
    for samples, color in ((real, "tab:blue"), (drawn[: len(real)], "tab:orange")):
        for sample in samples:
            if name in sample:
                density, _ = np.histogram(sample[name][:, column], edges, density=True)
                ax.plot(edges[:-1], density, color=color, alpha=0.25, lw=0.8)


def main() -> None:
    """Compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/euroflow-lst"))
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--cases", type=int, default=CASES)
    options = parser.parse_args()
    real, drawn = donors(options.data), simulated(options.cases)
    print("\n".join(table(summaries(real), summaries(drawn))))
    print("\n".join(told_apart(real, drawn)))
    print(together(real, drawn))
    if options.pictures:
        draw(real, drawn, options.pictures)


if __name__ == "__main__":
    main()
