"""Contours enclose the shares that they claim."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from flowml.errors import FlowmlError
from flowml.reports.contours import SHARES, enclosing_levels
from flowml.reports.density import draw_density

LIMITS = [(0.0, 1.0), (0.0, 1.0)]


def test_levels_by_hand():
    density = np.array([[4.0, 3.0], [2.0, 1.0]])
    assert enclosing_levels(density, (0.4, 0.7, 0.9)) == [2.0, 3.0, 4.0]
    assert enclosing_levels(density, (1.0,)) == [1.0]
    assert enclosing_levels(np.zeros((3, 3))) == []
    assert enclosing_levels(np.zeros((0, 0))) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_share_above_a_level_is_at_least_the_one_asked_for(seed):
    density = np.random.default_rng(seed).gamma(0.5, 1, (40, 40))
    levels = enclosing_levels(density)
    assert levels == sorted(levels)
    for level, share in zip(levels, SHARES, strict=True):
        inside = density[density >= level].sum() / density.sum()
        without = density[density > level].sum() / density.sum()
        assert without < share <= inside + 1e-12


def test_a_line_of_a_normal_cloud_is_where_it_must_be():
    """Half of a round normal cloud lies within 1.18 spreads of its middle."""
    values = np.random.default_rng(0).normal(0.5, 0.08, (200_000, 2))
    ax = Figure().add_subplot()
    draw_density(ax, values, LIMITS, {}, style="contour")
    lines = ax.collections[-1]
    share = SHARES[::-1].index(0.45)
    points = lines.get_paths()[len(SHARES) - 1 - share].vertices
    radius = np.hypot(*(points - 0.5).T) / 0.08
    assert radius.mean() == pytest.approx(np.sqrt(-2 * np.log(0.55)), abs=0.06)
    assert radius.std() < 0.05


@pytest.mark.parametrize("n_events", [0, 1, 49])
def test_few_events_are_dots(n_events):
    values = np.random.default_rng(0).uniform(0.2, 0.8, (n_events, 2))
    ax = Figure().add_subplot()
    draw_density(ax, values, LIMITS, {}, style="contour")
    (dots,) = ax.collections
    assert (dots.get_array().count() > 0) == (n_events > 0)


def test_another_style_is_refused():
    with pytest.raises(FlowmlError, match="'heat'; choose from density, contour"):
        draw_density(Figure().add_subplot(), np.zeros((1, 2)), LIMITS, {}, style="heat")
