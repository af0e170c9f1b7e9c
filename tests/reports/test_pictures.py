"""Each kind of picture looks as it did when a person last looked at it."""

from __future__ import annotations

import numpy as np
import pytest
import small_pictures as small
from PIL import Image

# Cells of the pictures, 0 to 1: mean, and all but one in a hundred. Edges may be smoothed a
# little differently; a gate, a population or a band that is not drawn makes more difference.
MEAN, MOST = 0.002, 0.06


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
    mean, most = small.difference(drawn[name], expected)
    assert mean < MEAN, "run: python tests/reports/small_pictures.py, and look"
    assert most < MOST, "run: python tests/reports/small_pictures.py, and look"


def test_every_baseline_has_its_picture_and_is_small():
    files = sorted(small.BASELINES.iterdir())
    assert [path.stem for path in files] == sorted(small.PICTURES)
    assert sum(path.stat().st_size for path in files) < 100_000


def test_a_picture_of_something_else_is_told_apart(drawn):
    """What the comparison must see: other populations, another gate, a steady run."""
    others = {
        "view": small.plots.view(small.small_sample(), "CD45", "SSC-A"),
        "contour": small.plots.view(small.small_sample(), "CD3", "CD19"),
        "marked": small.plots.view(small.small_sample(), "CD3", "CD19"),
        "histograms": small.plots.histograms(small.small_sample()),
        "quality": small.plots.quality(small.small_sample()),
    }
    for name, picture in others.items():
        mean, most = small.difference(small.rendered(picture), drawn[name])
        assert mean >= MEAN or most >= MOST, name


def test_the_same_picture_is_the_same_bytes(drawn):
    again = small.rendered(small.PICTURES["marked"]())
    assert np.array_equal(again, drawn["marked"])
