"""How far a model is shifted: not at all without reason, and what is won is not made up."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from flowml.errors import ModelError
from flowml.models import adapting
from flowml.models.adapting import NewCases, adapt, compared, simplest
from flowml.models.heldout import Cohort
from flowml.models.predictor import softmax


def cases(n=120, seed=0, scale=1.0, offsets=(0, 0, 0), slope=0.0, patients=None):
    """Cases of an old model whose true margins are scaled, offset, or bent by a feature."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, 6))
    margins = 2 * scores[:, :3]
    truth = scale * margins + np.array(offsets) + slope * scores[:, 3:]
    chances = softmax(truth).cumsum(axis=1)
    codes = np.minimum((rng.random((n, 1)) > chances).sum(axis=1), 2).astype(np.int64)
    who = np.arange(n) if patients is None else np.arange(n) % patients
    return NewCases(Cohort(scores.astype(np.float32), codes, who), margins, scores)


@cache
def unchanged():
    """What is decided on cases that are drawn as the model says."""
    return [adapt(cases(seed=seed), 0) for seed in range(6)]


def test_cases_like_the_old_ones_leave_the_model_as_it_is():
    assert [found.step.name for found in unchanged()].count("old") >= 5


def test_what_is_reported_as_won_is_nothing_where_there_is_nothing_to_win():
    lost = [found.won["right_lost"] for found in unchanged()]
    assert abs(np.mean([each[0] for each in lost])) < 0.01
    assert all(low <= 0 <= high for _, low, high in lost)


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"scale": 0.3}, "recalibrated"),
        ({"offsets": (1.5, 0, -1.5)}, "recalibrated"),
        ({"slope": 3.0}, "residual"),
    ],
)
def test_a_change_is_followed_by_the_simplest_step_that_does(changed, step):
    found = adapt(cases(200, seed=3, **changed), 0)
    assert found.step.name == step
    before, after = found.won["log_loss"]
    assert after < before


def test_what_is_won_is_what_other_cases_show():
    """The interval of the gain holds the gain on many further cases."""
    inside = 0
    for seed in range(5):
        found = adapt(cases(200, seed=seed, slope=3.0), 0)
        more = cases(4000, seed=100 + seed, slope=3.0)
        told = compared(softmax(more.margins), more.foreseen(found.shift), more.cohort.codes)
        _, low, high = found.won["right_lost"]
        inside += low <= told["right_lost"][0] <= high
    assert inside >= 4


def test_patients_are_never_on_both_sides(monkeypatch):
    seen = []

    def noted(cohort, seed, folds=5):
        parts = parted(cohort, seed, folds)
        seen.extend((cohort.patients[train], cohort.patients[test]) for train, test in parts)
        return parts

    parted = adapting.parted
    monkeypatch.setattr(adapting, "parted", noted)
    adapt(cases(patients=40), 0)
    assert len(seen) > 5
    assert all(set(train).isdisjoint(test) for train, test in seen)


def test_the_same_cases_and_seed_give_the_same_bits():
    one, other = (adapt(cases(slope=2.0), 1) for _ in range(2))
    assert one.shift.residual.tobytes() == other.shift.residual.tobytes()
    assert one.losses == other.losses
    assert one.won == other.won


def test_cases_of_two_patients_are_too_few():
    with pytest.raises(ModelError, match="no entity of the new cases has cases of 3 patients"):
        adapt(cases(patients=2), 0)


def test_the_simplest_by_hand():
    best = np.array([1.0, 1.0, 1.0, 1.0])
    unsure = best + np.array([0.9, -0.3, 0.4, -0.6])  # mean 0.1, standard error 0.29
    sure = best + np.array([0.1, 0.2, 0.1, 0.2])  # mean 0.15, standard error 0.025
    assert simplest([unsure, best]) == 0
    assert simplest([sure, best]) == 1
    assert simplest([sure, unsure, best]) == 1
    assert simplest([best, best]) == 0


def test_a_comparison_by_hand():
    before = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1], [0.6, 0.4]])
    after = np.array([[0.4, 0.6], [0.2, 0.8], [0.9, 0.1], [0.4, 0.6]])
    found = compared(before, after, np.array([1, 1, 0, 1]))
    assert found["n_cases"] == 4
    assert found["right"] == [2, 4]
    expected = -np.log([[0.5, 0.8, 0.9, 0.4], [0.6, 0.8, 0.9, 0.6]]).mean(axis=1)
    assert found["log_loss"] == pytest.approx(expected)
    lost, low, high = found["right_lost"]
    assert lost == -0.5
    assert low < lost < high
