"""Cuts, modes and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from flowml.gating.rules.cuts import above_negatives, density, modes, share_interval, valley
from flowml.knowledge.rules import Bounds

BOUNDS = Bounds(2.8, 2.5, 3.2)
RNG = np.random.default_rng(7)


def levels(*populations):
    parts = [RNG.normal(middle, spread, count) for middle, spread, count in populations]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (3, 100), (50, 100), (97, 100)])
def test_interval_of_a_share_agrees_with_scipy(hits, total):
    expected = binomtest(hits, total).proportion_ci(0.95, method="wilson")
    assert share_interval(hits, total, 0.95) == pytest.approx((expected.low, expected.high))


def test_nothing_is_known_of_a_share_without_events():
    assert share_interval(0, 0, 0.95) == (0.0, 1.0)


def test_valley_lies_between_two_modes():
    cut = valley(levels((2.2, 0.2, 900), (3.6, 0.15, 300)), BOUNDS)
    assert cut.measured
    assert BOUNDS.low <= cut.at <= BOUNDS.high


@pytest.mark.parametrize(
    "values",
    [levels((2.2, 0.2, 900)), levels((3.6, 0.2, 900)), levels((2.8, 0.3, 900)), levels()],
    ids=["negative", "positive", "in between", "none"],
)
def test_without_two_modes_the_cut_is_the_fallback(values):
    assert valley(values, BOUNDS) == (BOUNDS.at, False)


@pytest.mark.parametrize(
    ("mode", "spread", "at"), [(1.5, 0.2, 2.5), (2.4, 0.15, 2.85), (3.1, 0.1, 3.2)]
)
def test_cut_above_negatives_stays_within_bounds(mode, spread, at):
    cut = above_negatives(levels((mode, spread, 500)), BOUNDS, 3)
    assert cut.at == pytest.approx(at, abs=0.1)
    assert BOUNDS.low <= cut.at <= BOUNDS.high


def test_without_negatives_the_cut_is_the_fallback():
    assert not above_negatives(levels(), BOUNDS, 3).measured


def test_modes_are_found_from_low_to_high():
    found = modes(levels((2.2, 0.1, 500), (3.6, 0.1, 50), (4.2, 0.1, 900)), 0.01)
    assert found == pytest.approx([2.2, 3.6, 4.2], abs=0.1)


def test_density_counts_every_event_and_not_their_order():
    values = levels((2.2, 0.1, 500), (9.0, 0.1, 5))
    assert density(values).sum() == pytest.approx(505, rel=0.02)
    assert np.array_equal(density(values), density(values[::-1]))
