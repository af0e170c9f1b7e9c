"""Every figure against scikit-learn, or worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from flowml.judging import Draws
from flowml.judging.answered import NONE
from flowml.judging.chances import (
    auc_series,
    class_wise_errors,
    losses,
    reliability,
    top_label_error,
)
from flowml.judging.compare import holm, mcnemar
from flowml.judging.coverage import coverage_curve
from flowml.judging.scores import confusion_of, scores_of


def alone(n, **more):
    return Draws.of(list(range(n)), resamples=20, **more)


def cohort(seed, n=120, k=4, ties=False):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    z = rng.normal(size=(n, k))
    z[np.arange(n), truth] += 1.0
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    if ties:
        p = np.round(p, 1)
        p[:, 0] += 1 - p.sum(axis=1)
    return truth, p


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=40))
def test_scores_are_those_of_scikit_learn(pairs):
    truth, given_ = np.array(pairs).T
    found = scores_of(truth, given_, 4, alone(len(truth)))
    assert found.accuracy.value == pytest.approx(reference.accuracy_score(truth, given_))
    labels = sorted(set(truth) | set(given_) - {NONE})
    macro = reference.f1_score(truth, given_, labels=labels, average="macro", zero_division=0)
    assert found.macro_f1.value == pytest.approx(macro)
    recalls = reference.recall_score(
        truth, given_, labels=sorted(set(truth)), average="macro", zero_division=0
    )
    assert found.balanced_accuracy.value == pytest.approx(recalls)
    if (given_ != NONE).any():
        said = given_ != NONE
        wrong = 1 - reference.accuracy_score(truth[said], given_[said])
        assert found.error_among_answered.value == pytest.approx(wrong, abs=1e-12)
    whole = reference.confusion_matrix(truth, given_, labels=[0, 1, 2, 3, NONE])
    assert confusion_of(truth, given_, 4).tolist() == whole[:4].tolist()


@pytest.mark.parametrize("ties", [False, True])
def test_areas_and_losses_are_those_of_scikit_learn(ties):
    truth, p = cohort(1, ties=ties)
    p = np.clip(p, 0.01, None)
    p /= p.sum(axis=1, keepdims=True)
    draws = alone(len(truth))
    hits = truth[:, None] == np.arange(4)
    areas = auc_series(hits, p, np.zeros(len(truth), int), draws)[0]
    expected = [reference.roc_auc_score(hits[:, k], p[:, k]) for k in range(4)]
    assert areas == pytest.approx(expected, abs=1e-6)
    log_loss, brier = losses(truth, p, draws)
    assert log_loss[0] == pytest.approx(reference.log_loss(truth, p, labels=range(4)))
    both = reference.brier_score_loss(truth, p, labels=range(4), scale_by_half=False)
    assert brier[0] == pytest.approx(both)


def test_areas_of_a_draw_are_those_of_the_drawn_cases():
    truth, p = cohort(2, n=60, k=2, ties=True)
    draws = Draws.of([n // 2 for n in range(60)], resamples=5, seed=4)
    found = auc_series((truth == 1)[:, None], p[:, 1:], np.zeros(60, int), draws)[:, 0]
    for counts, area in zip(draws.counts, found, strict=True):
        weights = counts[draws.patient_of]
        expected = reference.roc_auc_score(truth == 1, p[:, 1], sample_weight=weights)
        assert area == pytest.approx(expected, abs=1e-6)


def test_an_area_is_taken_within_splits():
    # each split ranks perfectly, but what is high in one is low in the other
    is_so = np.array([0, 1, 0, 1], bool)[:, None]
    said = np.array([0.1, 0.2, 0.8, 0.9])[:, None]
    pooled = auc_series(is_so, said, np.zeros(4, int), alone(4))[0, 0]
    parted = auc_series(is_so, said, np.array([0, 0, 1, 1]), alone(4))[0, 0]
    assert (pooled, parted) == (0.75, 1.0)


def test_an_area_without_both_classes_is_not_a_number():
    none = auc_series(np.ones((3, 1), bool), np.ones((3, 1)), np.zeros(3, int), alone(3))
    assert np.isnan(none).all()


def test_calibration_errors_worked_by_hand():
    # bin 0.6..0.7 holds two cases, one right: |0.5 - 0.65|; bin 0.9..1.0 two, both right
    p = np.array([[0.65, 0.35], [0.65, 0.35], [0.95, 0.05], [0.95, 0.05]])
    truth = np.array([0, 1, 0, 0])
    top = top_label_error(truth, p, alone(4))[0]
    assert top == pytest.approx((2 * 0.15 + 2 * 0.05) / 4)
    assert class_wise_errors(truth, p, alone(4))[0] == pytest.approx([top, top])
    (low, high) = reliability(p.max(axis=1), p.argmax(axis=1) == truth)
    assert low == pytest.approx((0.6, 0.7, 2, 0.65, 0.5))
    assert high == pytest.approx((0.9, 1.0, 2, 0.95, 1.0))


@pytest.mark.parametrize("seed", [0, 1])
def test_who_keeps_his_word_has_a_small_error_and_a_braggart_a_large_one(seed):
    rng = np.random.default_rng(seed)
    q = rng.uniform(size=4000)
    truth = (rng.uniform(size=4000) < q).astype(int)
    honest = top_label_error(truth, np.column_stack([1 - q, q]), alone(4000))[0]
    bold = (q > 0.5) * 0.98 + 0.01
    boasting = top_label_error(truth, np.column_stack([1 - bold, bold]), alone(4000))[0]
    assert honest < 0.03
    assert boasting == pytest.approx(0.24, abs=0.03)  # says 0.99, is right 0.75


def test_cases_that_were_not_asked_are_no_part_of_any_probability():
    truth, p = cohort(3, n=40)
    gaps = np.vstack([p, np.full((5, 4), np.nan)])
    more = np.concatenate([truth, [0, 1, 2, 3, 0]])
    for figure in (top_label_error, class_wise_errors, losses):
        one = np.asarray(figure(truth, p, alone(40)))[..., 0]
        other = np.asarray(figure(more, gaps, alone(45)))[..., 0]
        assert np.ravel(one)[0] == pytest.approx(np.ravel(other)[0])


def test_coverage_against_error_worked_by_hand():
    curve = coverage_curve([0.9, 0.8, 0.7, 0.6, np.nan], [True, False, True, True, False])
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.coverage == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert curve.error == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert curve.at_error(0.0) == 0.2
    assert curve.at_error(0.3) == 0.8
    assert curve.to_dict()["points"][-1]["coverage"] == 0.8


CASES = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=30)


@given(CASES, st.randoms())
def test_coverage_does_not_depend_on_the_order_of_cases(pairs, random):
    other = list(pairs)
    random.shuffle(other)
    one, two = (coverage_curve(*zip(*cases, strict=True)) for cases in (pairs, other))
    assert one.area == pytest.approx(two.area)
    assert one.error.tolist() == pytest.approx(two.error.tolist())
    whole = 1 - np.mean([right for _, right in pairs])
    assert one.error[-1] == pytest.approx(whole)


def test_no_case_was_asked_and_no_coverage_is_reached():
    curve = coverage_curve([np.nan], [False])
    assert curve.at_error(0.5) == 0.0
    assert math.isnan(curve.area)


def test_mcnemar_and_holm_as_published():
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(0, 0) == 1.0
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {"a"}  # 0.03 is above 0.05 / 2
