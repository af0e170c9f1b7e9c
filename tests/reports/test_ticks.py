"""Ticks of every scale."""

from __future__ import annotations

import math

import numpy as np
import pytest
from flowutils import transforms
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from flowml.preprocess import TRANSFORMS
from flowml.preprocess.transform import (
    Arcsinh,
    Biexponential,
    Hyperlog,
    Linear,
    Log,
    Logicle,
)
from flowml.reports.ticks import decade_ticks, label_width

SCALES = [
    *(make(262144.0) for make in TRANSFORMS.values()),
    *(make(1024.0) for make in TRANSFORMS.values()),
    Logicle(262144.0, 2.0, 4.5, 0.5), Hyperlog(1e4, 1, 4, 1), Log(1e4, 4), Log(3.0, 2),
    Biexponential(262144.0, -100, 4.4, 1), Arcsinh.from_decades(1e5, 4.5, 1), Log(262144, 12),
]  # fmt: skip
ENDS = [(-0.1, 1.0), (0.0, 1.0), (0.3, 1.05), (-2.0, 2.0), (0.4, 0.401)]


def value_of(label):
    """Read a label as a number, as a person would."""
    return 0.0 if label == "0" else float(label.strip("${}").replace("10^{", "1e"))


@pytest.mark.parametrize("scale", SCALES, ids=repr)
@pytest.mark.parametrize(("low", "high"), ENDS)
def test_ticks_stand_where_the_scale_shows_what_they_say(scale, low, high):
    ticks = decade_ticks(scale, low, high)
    shown = [float(scale(value_of(label))) for label in ticks.labels]
    np.testing.assert_allclose(ticks.positions, shown, rtol=0, atol=1e-12)
    places = (*ticks.positions, *ticks.minor)
    assert all(low <= place <= high for place in places)
    assert (np.diff(ticks.positions) >= 0.07 * (high - low)).all()
    assert not set(ticks.positions) & set(ticks.minor)


@pytest.mark.parametrize("scale", [s for s in SCALES if not isinstance(s, Linear)], ids=repr)
def test_every_scale_has_decades_on_the_usual_axis(scale):
    ticks = decade_ticks(scale, -0.05, 1.0)
    tens = [value for value in map(value_of, ticks.labels) if value > 0]
    assert len(tens) >= 1
    np.testing.assert_allclose(np.diff(np.log10(tens)), 1)
    assert max(tens) <= scale.top < 10 * max(tens)
    assert len(ticks.minor) >= 8


def test_a_logarithmic_axis_has_no_zero():
    ticks = decade_ticks(Log(1e4, 4), 0.0, 1.0)
    assert ticks.labels == tuple(f"$10^{{{k}}}$" for k in range(5))
    np.testing.assert_allclose(ticks.positions, [0, 0.25, 0.5, 0.75, 1], atol=1e-12)
    assert len(ticks.minor) == 4 * 8
    np.testing.assert_allclose(ticks.minor[:2], [math.log10(2) / 4, math.log10(3) / 4])


@pytest.mark.parametrize(
    "scale", [Hyperlog(262144.0), Biexponential(262144.0), Arcsinh(262144.0)], ids=repr
)
def test_ticks_below_zero_mirror_those_above(scale):
    zero = float(scale(0))
    ticks = decade_ticks(scale, zero - 0.4, zero + 0.4)
    assert "0" in ticks.labels
    np.testing.assert_allclose(np.add(ticks.positions, ticks.positions[::-1]), 2 * zero)
    assert {label.replace("$-", "$") for label in ticks.labels} == {
        label for label in ticks.labels if "-" not in label
    }


@pytest.mark.parametrize("scale", SCALES, ids=repr)
@pytest.mark.parametrize(
    ("low", "high"), [(-np.inf, 1.0), (np.nan, 1.0), (0.0, np.inf), (1.0, 0.0), (0.5, 0.5)]
)
def test_an_axis_that_is_none_has_no_ticks(scale, low, high):
    ticks = decade_ticks(scale, low, high)
    assert ticks.positions == ticks.minor == ()


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_an_axis_far_beyond_the_scale_is_no_accident(scale):
    ticks = decade_ticks(scale, 0.0, 1e6)
    if isinstance(scale, Linear):
        assert len(ticks.labels) >= 2
    else:
        assert ticks.positions == ticks.minor == ()


def test_ticks_of_the_usual_scale_stand_where_flowutils_puts_them():
    """Parks' logicle as another program computes it: T 262144, W 0.5, M 4.5, A 0."""
    ticks = decade_ticks(Logicle(262144.0, 0.5, 4.5, 0.0), -0.05, 1.0)
    values = np.array([[value_of(label)] for label in ticks.labels])
    expected = transforms.logicle(values, [0], t=262144, m=4.5, w=0.5, a=0)
    np.testing.assert_allclose(ticks.positions, expected[:, 0], atol=1e-6)
    assert "$10^{5}$" in ticks.labels


@pytest.mark.parametrize("label", ["0", "$10^{3}$", "$-10^{3}$", "$10^{-2}$", "200K"])
def test_labels_are_as_wide_as_they_are_drawn(label):
    """In DejaVu Sans, which matplotlib brings."""
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    text = figure.text(0.5, 0.5, label, fontsize=8)
    drawn = text.get_window_extent(canvas.get_renderer()).width * 72 / figure.dpi
    assert label_width(label, 8) == pytest.approx(drawn, rel=0.15, abs=1.0)
