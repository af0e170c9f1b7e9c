"""Each kind of picture looks as it did when a person last looked at it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import small_pictures as small
from PIL import Image

from flowml.gating import Rectangle, Strategy
from flowml.plotting import KINDS, KINDS_OF_CASES

# Cells of the pictures, 0 to 1: mean, all but one in a hundred, all but one in a thousand.
# Edges may be smoothed a little differently; a gate that is moved by a twentieth of an axis, or
# a population that has no colour, makes more difference.
MOST = (0.0015, 0.05, 0.1)


@pytest.fixture(scope="module")
def drawn():
    return {name: small.rendered(draw()) for name, draw in small.PICTURES.items()}


def baseline(name):
    with Image.open(small.BASELINES / f"{name}.png") as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", small.PICTURES)
def test_a_picture_looks_like_its_baseline(name, drawn):
    expected = baseline(name)
    assert drawn[name].shape == expected.shape
    apart = small.difference(drawn[name], expected)
    assert (apart < MOST).all(), "run: python tests/reports/small_pictures.py, and look"


def test_every_kind_has_a_baseline():
    assert {*KINDS, *KINDS_OF_CASES} <= set(small.PICTURES)


def test_every_baseline_has_its_picture_and_is_small():
    files = sorted(small.BASELINES.iterdir())
    assert [path.stem for path in files] == sorted(small.PICTURES)
    assert sum(path.stat().st_size for path in files) < 100_000


def moved_gates():
    """Return the gates, one of them moved by a twentieth of an axis."""
    gates = small.small_gates()
    shape = Rectangle([0.55, -0.2], [1.05, 0.5])
    return Strategy(tuple(
        replace(gate, shape=shape) if gate.name == "T cells" else gate for gate in gates.gates
    ))  # fmt: skip


def other_matrix():
    """Return the sample with half of one share of spillover."""
    sample = small.small_sample()
    matrix = sample.spillover.matrix.copy()
    matrix[1, 2] /= 2
    return replace(sample, spillover=replace(sample.spillover, matrix=matrix))


def further_row():
    row = small.small_row()
    row[1] = 6.0
    return row


def unsure_populations():
    found = small.small_populations()
    return replace(found, scores={**found.scores, "B cells": 0.2})


OTHERS = {
    "view": lambda: small.plots.view(small.small_sample(), "CD45", "SSC-A"),
    "contour": lambda: small.plots.view(small.small_sample(seed=2), "CD3", "CD19",
                                        style="contour"),
    "marked": lambda: small.plots.view(small.small_sample(), "CD3", "CD19",
                                       marked=unsure_populations()),
    "page": lambda: small.small_page(unsure_populations()),
    "gating": lambda: small.plots.gating(small.small_sample(), moved_gates()),
    "compensation": lambda: small.plots.compensation(other_matrix()),
    "histograms": lambda: small.plots.histograms(small.small_sample(bright=0.8),
                                                 reference=small.small_reference()),
    "quality": lambda: small.plots.quality(small.small_sample()),
    "training": lambda: small.plots.training(small.small_model(), further_row()),
    "contributions": lambda: small.plots.contributions(small.small_explanation(0.5)),
}  # fmt: skip


@pytest.mark.parametrize("name", small.PICTURES)
def test_a_picture_of_something_else_is_told_apart(name, drawn):
    """What the comparison must see: a population less, a gate moved, a steady run."""
    other, expected = small.rendered(OTHERS[name]()), drawn[name]
    if other.shape == expected.shape:
        assert (small.difference(other, expected) >= MOST).any()


def test_the_same_picture_is_the_same_bytes(drawn):
    again = small.rendered(small.PICTURES["marked"]())
    assert np.array_equal(again, drawn["marked"])
