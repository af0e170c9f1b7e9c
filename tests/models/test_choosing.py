"""What is chosen on cases held out: the simpler where it does as well, and always the same."""

from __future__ import annotations

import numpy as np
import pytest
from test_pooling import calibration_error

from flowml.errors import ModelError
from flowml.models import choosing
from flowml.models.boosting import PATIENCE, Boosting, boost, strongest_features
from flowml.models.choosing import VARIANTS, Chooser, Plan, _simplest, unchosen
from flowml.models.heldout import Cohort, parted
from flowml.models.predictor import BLEND, BOOSTED, LOGISTIC

QUICK = Boosting(
    n_rounds=60, learning_rate=0.3, max_depth=3, min_child_weight=0.5, subsample=1.0,
    colsample=1.0, most_features=100, seed=0,
)  # fmt: skip


def plain(rows, codes):
    return rows, codes


def plan(estimator="auto", **settings):
    return Plan(estimator, QUICK, 20.0, **settings)


def chooser(rows, codes, folds=3, augment=plain):
    cohort = Cohort(rows, codes, np.arange(len(codes)))
    return Chooser(cohort, int(codes.max()) + 1, parted(cohort, 0, folds), augment)


def linear_cases(n=60, n_features=30, seed=1):
    """Few cases whose many features all tell a little: a sum of them tells all."""
    rng = np.random.default_rng(seed)
    codes = (np.arange(n) % 2).astype(np.int64)
    rows = rng.normal(0, 1, (n, n_features)) + 0.6 * codes[:, None]
    return rows.astype(np.float32), codes


def crossed_cases(n=300, seed=2):
    """Two features that tell nothing alone, and all together."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (n, 4)).astype(np.float32)
    return rows, ((rows[:, 0] > 0) ^ (rows[:, 1] > 0)).astype(np.int64)


def test_few_cases_of_a_linear_task_get_logistic_regression():
    found = chooser(*linear_cases()).chosen(plan())
    assert found.record["estimator"] == LOGISTIC
    assert found.weights[0] == 0 < found.weights[1]
    assert set(found.record["log_loss"]) == {BOOSTED, LOGISTIC, BLEND}
    assert found.record["settings"] == {"strength": 20.0}


def test_features_that_tell_together_only_get_trees():
    found = chooser(*crossed_cases()).chosen(plan())
    losses = found.record["log_loss"]
    assert found.record["estimator"] == BOOSTED
    assert losses[LOGISTIC] > 0.6 > 0.4 > losses[BOOSTED]
    assert found.weights[1] == 0 < found.weights[0]


@pytest.mark.parametrize("estimator", [BOOSTED, LOGISTIC, BLEND])
def test_what_is_asked_for_is_trained(estimator):
    rows, codes = linear_cases()
    found = chooser(rows, codes).chosen(plan(estimator))
    assert list(found.record["log_loss"]) == [estimator]
    made = found.plan.trained(rows, codes, 2, found.weights)
    assert made.kind == estimator == found.record["estimator"]
    assert made.margins(rows).shape == (60, 2)


def test_the_simplest_within_a_standard_error_goes_before():
    best = np.tile([0.2, 0.4], 50)
    up_and_down = np.tile([0.5, -0.4], 50)  # mean 0.05, standard error of 0.045
    clearly = np.full(100, 0.02) + np.tile([0.01, -0.01], 50)  # mean 0.02, standard error 0.001
    assert (
        _simplest({BOOSTED: best + 1, LOGISTIC: best + up_and_down * 0.8, BLEND: best}) == BLEND
    )
    hardly = np.tile([0.5, -0.45], 50)  # mean 0.025, standard error 0.0475
    assert _simplest({BOOSTED: best + 1, LOGISTIC: best + hardly, BLEND: best}) == LOGISTIC
    assert _simplest({BOOSTED: best + hardly, LOGISTIC: best + 1, BLEND: best}) == BOOSTED
    assert _simplest({BOOSTED: best, LOGISTIC: best + clearly, BLEND: best}) == BOOSTED
    assert _simplest({BOOSTED: best, LOGISTIC: best, BLEND: best}) == LOGISTIC
    assert _simplest({BLEND: best}) == BLEND


def test_training_ends_when_held_out_cases_gain_nothing_and_the_rounds_are_the_best():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 5)).astype(np.float32)
    codes = rng.integers(0, 2, 80)
    found = chooser(rows, codes).chosen(plan(BOOSTED))
    assert 1 <= found.plan.boosting.n_rounds < 60 - PATIENCE  # noise: soon at an end
    assert found.record["settings"]["n_rounds"] == found.plan.boosting.n_rounds
    document, losses = boost(rows[:60], codes[:60], 2, QUICK, (rows[60:], codes[60:]))
    assert len(losses) - 1 - int(np.argmin(losses)) == PATIENCE
    assert boost(rows[:60], codes[:60], 2, QUICK)[1] == []


def test_the_first_rounds_are_what_fewer_rounds_train():
    from dataclasses import replace

    from flowml.models.trees import read_trees

    rows, codes = crossed_cases()
    whole, few = (
        read_trees(boost(rows, codes, 2, replace(QUICK, n_rounds=n))[0], 4, 2) for n in (20, 7)
    )
    assert whole.first(7).margins(rows).tobytes() == few.margins(rows).tobytes()


def test_what_is_foreseen_is_by_models_of_other_parts():
    """Labels at random: nothing can be foreseen, whatever is learned by heart."""
    rng = np.random.default_rng(5)
    rows, codes = rng.normal(size=(200, 8)).astype(np.float32), rng.integers(0, 2, 200)
    held = chooser(rows, codes).chosen(plan()).held
    assert sorted(held.cases) == list(range(200))
    assert (held.codes == codes[held.cases]).all()
    right = held.probabilities.argmax(axis=1) == held.codes
    assert 0.35 < right.mean() < 0.62
    assert held.probabilities.max() < 0.9


@pytest.mark.parametrize("estimator", [LOGISTIC, BOOSTED])
def test_what_is_foreseen_is_calibrated_where_the_model_is_right(estimator):
    """Three entities of one spread each: of 1,200 cases near p, p are right."""
    rng = np.random.default_rng(8)
    codes = rng.integers(0, 3, 1200)
    rows = (rng.normal(0, 1.5, (1200, 3)) + 2 * np.eye(3)[codes]).astype(np.float32)
    held = chooser(rows, codes).chosen(plan(estimator)).held
    assert calibration_error(held.probabilities, held.codes) < 0.05


def test_a_search_keeps_what_is_better_and_counts_what_it_tried():
    rows, codes = linear_cases()
    plain_, searched = (
        chooser(rows, codes).chosen(plan(search=number)) for number in (0, len(VARIANTS))
    )
    assert searched.record["variants_tried"] == len(VARIANTS)
    for kind in (BOOSTED, LOGISTIC):
        better, before = (each.record["log_loss"][kind] for each in (searched, plain_))
        assert better <= before


def test_a_budget_that_is_spent_ends_the_search(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(choosing.time, "monotonic", lambda: next(clock))
    found = chooser(*linear_cases()).chosen(plan(LOGISTIC, search=8, budget=25))
    assert found.record["variants_tried"] == 2  # after 10 and 20 seconds, not after 30
    monkeypatch.undo()
    none = chooser(*linear_cases()).chosen(plan(LOGISTIC, search=8, budget=0))
    assert none.record["variants_tried"] == 0


def bits(found, rows, codes):
    made = found.plan.trained(rows, codes, int(codes.max()) + 1, found.weights)
    return found.weights, found.held.probabilities.tobytes(), made.margins(rows).tobytes()


def test_the_same_cases_give_the_same_bits():
    rows, codes = crossed_cases(120)
    one, other = (
        bits(chooser(rows.copy(), codes).chosen(plan(BLEND)), rows, codes) for _ in "ab"
    )
    assert one == other


def test_gaps_are_added_to_what_is_trained_on_only():
    rows, codes = linear_cases()
    seen = []

    def doubled(some, of):
        seen.append(len(some))
        return np.vstack([some, some]), np.concatenate([of, of])

    found = chooser(rows, codes, augment=doubled).chosen(plan(LOGISTIC))
    assert seen == [40, 40, 40]
    assert found.held.probabilities.shape == (60, 2)


def test_without_parts_nothing_is_calibrated():
    assert unchosen(plan()).weights == (1.0, 0.0)
    assert unchosen(plan(LOGISTIC)).weights == (0.0, 1.0)
    assert unchosen(plan(BLEND)).weights == (0.5, 0.5)
    assert unchosen(plan()).held is None
    assert unchosen(plan()).record == {}


def test_an_unknown_estimator_is_refused():
    with pytest.raises(ModelError, match=r"'forest', expected one of auto, boosted, logistic"):
        plan("forest")


def test_the_strongest_features_are_those_that_tell_classes_apart():
    rng = np.random.default_rng(3)
    codes = np.arange(90) % 3
    rows = rng.normal(size=(90, 10)).astype(np.float32) * 100
    rows[:, 7] += 1000 * codes
    rows[:, 2] += 300 * (codes == 1)
    rows[:, 5] = 4.0  # never varies
    rows[::7, 2] = np.nan
    assert strongest_features(rows, codes, 2).tolist() == [2, 7]
    assert strongest_features(rows, codes, 10).tolist() == list(range(10))
    assert 5 not in strongest_features(rows, codes, 9)
