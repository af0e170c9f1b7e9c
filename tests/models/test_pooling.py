"""Weights: the smallest log loss there is, and never quite sure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.models.pooling import LEAST, MOST, cross_fitted, fit_pool, log_losses
from flowml.models.predictor import softmax


def drawn(n=4000, n_classes=4, temperature=1.0, seed=0):
    """Margins, and classes that are drawn by their softmax at a temperature."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 2, (n, n_classes))
    chances = softmax(margins / temperature)
    codes = (rng.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return margins, np.minimum(codes, n_classes - 1)


def doubtful_loss(weights, margins, codes):
    """The loss by its definition: one case in n + 1 is any other class."""
    n, n_classes = margins[0].shape
    chances = softmax(sum(w * m for w, m in zip(weights, margins, strict=True)))
    right = chances[np.arange(n), codes]
    other = np.log(chances).sum(axis=1) - np.log(right)
    doubt = 1 / (n + 1)
    return float(-((1 - doubt) * np.log(right) + doubt / (n_classes - 1) * other).mean())


def test_losses_by_hand():
    chances = np.array([[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]])
    found = log_losses(chances, np.array([0, 1, 0]))
    assert found == pytest.approx([0.693147, 0.287682, 34.538776], abs=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_weight_is_the_inverse_of_the_temperature(temperature):
    margins, codes = drawn(20_000, temperature=temperature)
    (weight,) = fit_pool([margins], codes).weights
    assert weight == pytest.approx(1 / temperature, rel=0.05)


def test_one_weight_is_the_best_of_a_grid():
    margins, codes = drawn(60, temperature=2.0)
    grid = np.geomspace(0.01, 20, 4001)
    best = grid[np.argmin([doubtful_loss([w], [margins], codes) for w in grid])]
    assert fit_pool([margins], codes).weights[0] == pytest.approx(best, rel=0.01)


def test_two_weights_are_the_best_of_a_grid():
    one, codes = drawn(200, temperature=2.0)
    rng = np.random.default_rng(4)
    other = one * 0.5 + rng.normal(0, 1, one.shape)
    grid = np.linspace(0.001, 1.5, 61)
    every = [(a, b) for a in grid for b in grid]
    best = min(doubtful_loss(pair, [one, other], codes) for pair in every)
    found = fit_pool([one, other], codes).weights
    assert doubtful_loss(found, [one, other], codes) <= best + 1e-7


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_larger_margins_have_smaller_weights(seed, factor):
    margins, codes = drawn(150, seed=seed)
    (plain,), (scaled,) = (fit_pool([m], codes).weights for m in (margins, margins * factor))
    assert scaled * factor == pytest.approx(plain, rel=0.01)


def test_a_perfect_part_stays_in_doubt():
    codes = np.arange(30) % 3
    (weight,) = fit_pool([np.eye(3)[codes] * 10], codes).weights
    sure = softmax(np.array([[10.0, 0, 0]]) * weight)[0, 0]
    assert LEAST < weight < MOST
    assert sure == pytest.approx(1 - 1 / 31, abs=1e-3)  # one in n + 1


def test_margins_of_nothing_and_huge_ones_are_weighed_too():
    codes = np.arange(12) % 3
    for margins in (np.zeros((12, 3)), np.eye(3)[codes] * 1e4, -np.eye(3)[codes] * 1e4):
        (weight,) = fit_pool([margins], codes).weights
        assert LEAST <= weight <= MOST
    assert fit_pool([-np.eye(3)[codes] * 10], codes).weights == (LEAST,)


def test_temperature_scaling_of_scikit_learn_finds_the_same():
    calibration = pytest.importorskip("sklearn.calibration", exc_type=ImportError)
    scaling = getattr(calibration, "_TemperatureScaling", None)
    if scaling is None:
        pytest.skip("this scikit-learn has no temperature scaling")
    margins, codes = drawn(8000, temperature=1.7)
    beta = scaling().fit(margins, codes).beta_
    assert fit_pool([margins], codes).weights[0] == pytest.approx(beta, rel=0.01)


def test_a_part_is_answered_by_weights_of_the_others():
    margins, codes = drawn(90, temperature=2.0)
    part = np.arange(90) % 3
    found = cross_fitted([margins], codes, part)
    for number in range(3):
        own = part == number
        (weight,) = fit_pool([margins[~own]], codes[~own]).weights
        assert found[own].tobytes() == softmax(margins[own] * weight).tobytes()
    turned = codes.copy()
    turned[part == 1] = (turned[part == 1] + 1) % 4
    again = cross_fitted([margins], turned, part)
    assert again[part == 1].tobytes() == found[part == 1].tobytes()


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_probabilities_of_cases_held_out_are_calibrated(temperature):
    """Of cases with a probability near p, p are right: by classes, in ten bins."""
    margins, codes = drawn(6000, temperature=temperature, seed=9)
    found = cross_fitted([margins], codes, np.arange(6000) % 5)
    assert calibration_error(found, codes) < 0.02
    assert calibration_error(softmax(margins * 4 / temperature), codes) > 0.05


def calibration_error(chances, codes):
    """Expected calibration error, averaged over classes."""
    errors = []
    for code in range(chances.shape[1]):
        p, hit = chances[:, code], codes == code
        bins = np.minimum((p * 10).astype(int), 9)
        gaps = [abs(p[bins == b].sum() - hit[bins == b].sum()) for b in range(10)]
        errors.append(sum(gaps) / len(p))
    return float(np.mean(errors))
