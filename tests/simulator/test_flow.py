"""The stream of cells: a Poisson process that drifts a little, and now and then a bubble."""

import numpy as np
import pytest

from flowml.simulator import flow
from flowml.simulator.flow import draw_flow
from tests.simulator.drawing import generator, steady

RATE = 2000.0


@pytest.fixture
def bubbles(monkeypatch):
    monkeypatch.setattr(flow, "DRIFT", 0.0)
    monkeypatch.setattr(flow, "BUBBLE_CHANCE", 1.0)


@pytest.mark.parametrize("n_events", [0, 1, 2, 3, 1000])
def test_there_are_as_many_times_as_events_and_they_never_fall(n_events):
    for seed in range(20):
        found = draw_flow(RATE, n_events, generator(seed))
        assert found.seconds.shape == found.strength.shape == (n_events,)
        assert (np.diff(found.seconds, prepend=0.0) >= 0).all()
        assert np.isfinite(found.strength).all()
        assert (found.strength > 0).all()


def test_the_rate_is_what_was_asked_for():
    lasted = [draw_flow(RATE, 20_000, generator(seed)).seconds[-1] for seed in range(100)]
    change = flow.RATE_CHANGE / np.sqrt(flow.RATE_PIECES)  # of a run's mean rate
    assert np.mean(lasted) == pytest.approx(10, rel=5 * change / 10 + 0.02)
    assert np.std(lasted) / 10 == pytest.approx(change, rel=0.3)


def test_arrivals_are_a_poisson_process(monkeypatch):
    monkeypatch.setattr(flow, "RATE_CHANGE", 0.0)
    seconds = draw_flow(RATE, 100_000, generator()).seconds
    waits = np.diff(seconds)
    assert waits.mean() == pytest.approx(1 / RATE, rel=0.02)
    assert waits.std() == pytest.approx(waits.mean(), rel=0.02)  # exponential
    counts = np.histogram(seconds, bins=np.arange(0, seconds[-1], 0.1))[0]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.3)
    assert abs(np.corrcoef(waits[:-1], waits[1:])[0, 1]) < 0.02  # no memory


def test_the_rate_changes_in_pieces(monkeypatch):
    monkeypatch.setattr(flow, "RATE_CHANGE", 1.0)
    waits = np.diff(draw_flow(RATE, 40_000, generator(2)).seconds, prepend=0.0)
    means = waits.reshape(flow.RATE_PIECES * 2, -1).mean(axis=1)
    halves = means.reshape(-1, 2)
    np.testing.assert_allclose(halves[:, 0], halves[:, 1], rtol=0.1)
    assert means.max() > 1.5 * means.min()


def test_a_steady_stream_leaves_pulses_as_they_are(monkeypatch):
    steady(monkeypatch)
    assert (draw_flow(RATE, 1000, generator()).strength == 1).all()


def test_pulses_drift_in_a_line_about_their_middle(monkeypatch):
    monkeypatch.setattr(flow, "BUBBLE_CHANCE", 0.0)
    slopes = []
    for seed in range(300):
        decades = np.log10(draw_flow(RATE, 101, generator(seed)).strength.astype(float))
        np.testing.assert_allclose(np.diff(decades), decades[1] - decades[0], atol=1e-6)
        assert decades[50] == pytest.approx(0, abs=1e-6)
        slopes.append(decades[-1] - decades[0])
    assert np.std(slopes) == pytest.approx(flow.DRIFT, rel=0.2)
    assert abs(np.mean(slopes)) < 5 * flow.DRIFT / np.sqrt(300)


@pytest.mark.usefixtures("bubbles")
def test_a_bubble_weakens_some_pulses_and_leaves_the_others():
    for seed in range(50):
        strength = draw_flow(RATE, 20_000, generator(seed)).strength
        weak = strength < 1
        low, high = flow.BUBBLE_LENGTH
        assert weak.mean() <= 2 * high
        assert strength.max() == 1
        assert np.log10(strength.min()) >= -flow.BUBBLE_LOSS[1] - 1e-6
        if weak.argmax() > 0 and not weak[-1]:  # all of it lies within the run
            assert weak.mean() >= 2 * low * 0.99
            assert np.log10(strength.min()) <= -flow.BUBBLE_LOSS[0] * 0.98
            (edges,) = np.nonzero(np.diff(weak))
            assert len(edges) == 2  # one bubble, in one piece


def test_bubbles_come_as_seldom_as_they_shall(monkeypatch):
    monkeypatch.setattr(flow, "DRIFT", 0.0)
    found = [(draw_flow(RATE, 500, generator(seed)).strength < 1).any() for seed in range(2000)]
    error = np.sqrt(flow.BUBBLE_CHANCE * (1 - flow.BUBBLE_CHANCE) / 2000)
    assert np.mean(found) == pytest.approx(flow.BUBBLE_CHANCE, abs=5 * error)


def test_the_same_draws_give_the_same_stream():
    one, same, other = (draw_flow(RATE, 100, generator(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.seconds, same.seconds)
    assert np.array_equal(one.strength, same.strength)
    assert not np.array_equal(one.seconds, other.seconds)
