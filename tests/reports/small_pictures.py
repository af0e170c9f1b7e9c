"""One small picture of each kind, of values drawn by numpy alone, and how pictures compare.

``python tests/reports/small_pictures.py`` writes the baselines anew: look at every one of them
before you commit it.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from matplotlib.text import Text
from PIL import Image

from flowml.events import ArraySource
from flowml.gating import Combination, Dimension, Gate, Polygon, Range, Rectangle, Strategy
from flowml.gating.populations import Populations
from flowml.knowledge.labels import load_label_tree
from flowml.models import Prediction
from flowml.models.contributions import Contributions
from flowml.models.explanation import Explanation
from flowml.models.gauging import fit_novelty
from flowml.records import Channel, Role, Sample, Spillover
from flowml.reports import plots
from flowml.reports.plots.pages import page_views

BASELINES = Path(__file__).parent / "baselines"
DPI, CELLS = 40, 64  # of a picture that is compared: cells on its longer side
TOP = 262144.0
FLUORESCENCE = ("CD45", "CD3", "CD4", "CD8", "CD19")
#             share  FSC    SSC    CD45   CD3   CD4    CD8    CD19   (medians, linear)
CLUSTERS = {
    "CD4": (0.25, 60e3, 30e3, 40e3, 9e3, 12e3, 100, 60),
    "CD8": (0.15, 60e3, 30e3, 40e3, 9e3, 80, 15e3, 60),
    "B": (0.20, 62e3, 32e3, 30e3, 50, 60, 80, 11e3),
    "granulocytes": (0.40, 120e3, 130e3, 9e3, 60, 90, 60, 80),
}
SHIFTED = 0.5  # of the brightness, in a disturbed stretch


def clusters(n_events=4000, seed=1):
    """Name the population of each event."""
    random = np.random.default_rng(seed)
    shares = [values[0] for values in CLUSTERS.values()]
    return random.choice(list(CLUSTERS), size=n_events, p=shares)


def small_sample(n_events=4000, seed=1, *, bright=1.0):
    """Return a tube of four populations, with spillover, in the order of time."""
    random = np.random.default_rng(seed + 100)
    medians = np.array([CLUSTERS[name][1:] for name in clusters(n_events, seed)])
    values = medians * np.exp(random.normal(0, 0.22, medians.shape))
    values[:, 2:] = values[:, 2:] * bright + random.normal(0, 60, (n_events, 5))
    matrix = np.eye(5) + np.diag([0.15, 0.2, 0.1, 0.05], 1)
    values[:, 2:] = values[:, 2:] @ matrix
    time = np.cumsum(random.exponential(1.0, n_events))
    channels = (
        Channel("FSC-A", "", "FSC-A", Role.FORWARD_SCATTER, "A", TOP),
        Channel("SSC-A", "", "SSC-A", Role.SIDE_SCATTER, "A", TOP),
        *(
            Channel(f"D{n}-A", m, m, Role.FLUORESCENCE, "A", TOP)
            for n, m in enumerate(FLUORESCENCE)
        ),
        Channel("Time", "", "", Role.TIME, "", TOP),
    )
    table = np.column_stack([values, time]).astype(np.float32)
    names = tuple(channel.name for channel in channels[2:7])
    return Sample(
        "small.fcs", channels, ArraySource(table), {"$TIMESTEP": "0.01"},
        Spillover(names, matrix),
    )  # fmt: skip


def small_gates():
    """Return gates of every drawn kind, in a tree."""
    scatter = (Dimension("CD45"), Dimension("SSC-A"))
    return Strategy(
        (
            Gate("leukocytes", Range(0.4, 1.0), (Dimension("CD45"),)),
            Gate("lymphocytes", Polygon([(0.6, 0.02), (0.95, 0.02), (0.95, 0.25), (0.6, 0.25)]),
                 scatter, "leukocytes"),
            Gate("T cells", Rectangle([0.5, -0.2], [1.0, 0.5]),
                 (Dimension("CD3"), Dimension("CD19")), "lymphocytes"),
            Gate("B cells", Rectangle([-0.2, 0.5], [0.5, 1.0]),
                 (Dimension("CD3"), Dimension("CD19")), "lymphocytes"),
            Gate("neither", Combination("and", ("T cells", "B cells"),
                 frozenset({"T cells", "B cells"})), (), "lymphocytes"),
        )
    )  # fmt: skip


def small_populations():
    """Return the truth of the sample; the unsure ones are not to be drawn."""
    name = clusters()
    masks = {
        "lymphocytes": name != "granulocytes",
        "T cells": np.isin(name, ("CD4", "CD8")),
        "CD4 T cells": name == "CD4",
        "CD8 T cells": name == "CD8",
        "B cells": name == "B",
        "granulocytes": name == "granulocytes",
        "blasts": name == "B",
    }
    parents = {"T cells": "lymphocytes", "B cells": "lymphocytes", "CD4 T cells": "T cells",
               "CD8 T cells": "T cells"}  # fmt: skip
    return Populations(masks, parents, {"blasts": 0.1})


def disturbed_sample():
    """Return the tube with a stretch in which all signals were lower."""
    sample = small_sample()
    values = sample.events()
    values[1500:1700, 2:7] *= SHIFTED
    return replace(sample, source=ArraySource(values))


def small_reference():
    """Return six samples that are dimmer than the one shown."""
    return plots.reference(small_sample(1500, seed, bright=0.6) for seed in range(2, 8))


def small_model():
    """Return what the picture needs of a model: three entities, twenty features."""
    random = np.random.default_rng(3)
    codes = np.repeat(np.arange(3), 15)
    rows = random.normal(0, 1, (45, 20)) + 4 * np.eye(3, 20)[codes] - 2
    novelty = replace(
        fit_novelty(rows.astype(np.float32), codes, 3), usual=np.full(3, 20.0),
        unusual=1.8, furthest=3.0,
    )  # fmt: skip
    return SimpleNamespace(
        entities=("CLL", "AML", "T-ALL"),
        feature_names=tuple(f"CD{n // 4 + 1}|q{n % 4}" for n in range(20)),
        tree=load_label_tree(),
        caution=SimpleNamespace(novelty=novelty),
        predict_proba=lambda rows: np.tile([0.8, 0.15, 0.05], (len(rows), 1)),
    )


def small_row():
    """Return a case near the first entity, far off in one feature."""
    row = np.full(20, -2.0, np.float32)
    row[0], row[7] = 2.0, 9.0
    return row


def small_explanation(first=2.0):
    """Return contributions of six markers to CLL against MCL."""
    sizes = {"CD5": first, "CD20": -1.0, "CD23": 0.6, "CD10": 0.3, "CD3": -0.2, "CD45": 0.1}
    names = tuple(f"{marker}|mean" for marker in sizes)
    values = np.array([[*sizes.values()]])
    chances = {"CLL": 0.75, "MCL": 0.25}
    return Explanation(
        Prediction("A1", "answered", "auto", "why", entity="CLL", probabilities=chances),
        "CLL", "MCL", ("CLL", "MCL"), names, np.full(len(names), 0.5, np.float32),
        Contributions(np.vstack([values, 0 * values]), np.zeros(2)), {},
    )  # fmt: skip


def small_page(found=None):
    """Return the first views of a page."""
    sample = small_sample()
    views = page_views(sample.markers)[:4]
    return plots.page(sample, populations=found or small_populations(), views=views)


PICTURES = {
    "view": lambda: plots.view(
        small_sample(), "CD45", "SSC-A", gates=small_gates(), counts=True
    ),
    "contour": lambda: plots.view(small_sample(), "CD3", "CD19", style="contour"),
    "marked": lambda: plots.view(small_sample(), "CD3", "CD19", marked=small_populations()),
    "page": small_page,
    "gating": lambda: plots.gating(small_sample(), small_gates()),
    "compensation": lambda: plots.compensation(small_sample()),
    "histograms": lambda: plots.histograms(small_sample(), reference=small_reference()),
    "quality": lambda: plots.quality(disturbed_sample()),
    "training": lambda: plots.training(small_model(), small_row(), name="A1"),
    "contributions": lambda: plots.contributions(small_explanation()),
}


def rendered(picture):
    """Return a picture without its text as an array, shape (height, width, 3), 0 to 255.

    Letters differ between builds of the font's library; what they say is tested elsewhere.
    """
    stream = io.BytesIO()
    figure = picture if hasattr(picture, "savefig") else picture.figure
    for text in figure.findobj(Text):
        text.set_visible(False)
    figure.savefig(stream, format="png", dpi=DPI)
    return np.asarray(Image.open(stream).convert("RGB"))


def coarse(image):
    """Return the mean colour of each of about `CELLS` times `CELLS` cells, from 0 to 1."""
    height, width = image.shape[:2]
    side = max(height, width) / CELLS
    size = (max(1, round(width / side)), max(1, round(height / side)))
    shrunk = Image.fromarray(image).resize(size, Image.Resampling.BOX)
    return np.asarray(shrunk, np.float64) / 255


def difference(one, other):
    """Return the mean difference of two pictures' cells, and the larger ones."""
    apart = np.abs(coarse(one) - coarse(other))
    return np.array([apart.mean(), *np.quantile(apart.max(axis=2), (0.99, 0.999))])


def main():
    """Write the baselines."""
    BASELINES.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        image = Image.fromarray(rendered(draw())).quantize(64, dither=Image.Dither.NONE)
        image.save(BASELINES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
