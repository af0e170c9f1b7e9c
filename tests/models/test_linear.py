"""Logistic regression: scikit-learn's own answers, and scores worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from flowml.errors import ModelError
from flowml.models import linear
from flowml.models.linear import ABSENT, FEW, FURTHEST, Standard, fit_linear, linear_from
from flowml.models.predictor import softmax

STRENGTH = 10.0


def cases(n, n_features, n_classes, seed=0):
    """Cases whose first features tell, on scales of their own; one in ten values is missing."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % n_classes
    rows = rng.normal(size=(n, n_features))
    rows[:, 0] += codes
    rows[:, 1] -= 2 * (codes == 1)
    rows = rows * rng.uniform(1, 1000, n_features) + 5000
    rows[rng.random(rows.shape) < 0.1] = np.nan
    return rows.astype(np.float32), codes.astype(np.int64)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("n", "n_features"), [(90, 6), (24, 60)])
def test_probabilities_are_those_of_scikit_learn(monkeypatch, n, n_features, n_classes):
    monkeypatch.setattr(linear, "PRECISION", 1e-10)
    monkeypatch.setattr(linear, "MOST_STEPS", 10_000)
    rows, codes = cases(n, n_features, n_classes)
    found = fit_linear(rows, codes, n_classes, STRENGTH)
    known = np.where(np.isnan(rows), np.nan, rows.astype(float))
    scores = np.nan_to_num((known - np.nanmean(known, axis=0)) / np.nanstd(known, axis=0))
    solver = LogisticRegression(C=STRENGTH / n_features, tol=1e-10, max_iter=10_000)
    expected = solver.fit(scores, codes).predict_proba(scores)
    np.testing.assert_allclose(softmax(found.margins(rows)), expected, rtol=0, atol=1e-5)


def test_quick_settings_of_the_solver_are_near_enough():
    rows, codes = cases(90, 6, 3)
    scores = Standard.of(rows).of_rows(rows)
    solver = LogisticRegression(C=STRENGTH / 6, tol=1e-10, max_iter=10_000)
    expected = solver.fit(scores, codes).predict_proba(scores)
    found = softmax(fit_linear(rows, codes, 3, STRENGTH).margins(rows))
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)


def test_shares_are_taken_by_their_log_odds():
    """0, a half and 1 have log-odds of -9.21034, 0 and 9.21034 with 1e-4 on either side."""
    far = np.log((1 + FEW) / FEW)
    assert far == pytest.approx(9.21044, abs=1e-5)
    found = Standard.of(np.float32([[0], [0.5], [1]]))
    assert found.shares.tolist() == [True]
    assert found.center[0] == pytest.approx(0, abs=1e-12)
    assert found.spread[0] == pytest.approx(far * np.sqrt(2 / 3))
    scores = found.of_rows(np.float32([[0], [0.5], [1]]))[:, 0]
    assert scores == pytest.approx([-np.sqrt(1.5), 0, np.sqrt(1.5)])


def test_a_feature_beyond_one_is_no_share_and_a_share_beyond_one_counts_as_one():
    assert Standard.of(np.float32([[0], [1.01]])).shares.tolist() == [False]
    assert Standard.of(np.float32([[-0.01], [1]])).shares.tolist() == [False]
    share = Standard.of(np.float32([[0.2], [0.7]]))
    scores = share.of_rows(np.float32([[1], [7], [0], [-3]]))[:, 0]
    assert scores[0] == scores[1] > 0 > scores[2] == scores[3]


def test_constant_and_missing_features_say_nothing():
    rows = np.float32([[5, np.nan, 1], [5, np.nan, 2], [5, np.nan, 4]])
    found = Standard.of(rows)
    assert found.center.tolist() == [5, 0, pytest.approx(7 / 3)]
    assert found.spread[:2].tolist() == [1, 1]
    model = fit_linear(rows, np.array([0, 1, 1]), 2, STRENGTH)
    assert np.abs(model.coefficients[:, :2]).max() == 0
    nothing = np.float32([[np.nan] * 3])
    assert model.margins(nothing)[0].tolist() == model.intercept.tolist()


def test_rounding_of_large_numbers_is_no_spread():
    rows = np.float32([[262144.0], [262144.03], [262144.0]])
    assert Standard.of(rows).spread.tolist() == [1]


@pytest.mark.parametrize("shape", [(6, 3), (3, 6)])
def test_cases_that_are_all_alike_are_each_class_as_often_as_it_is(shape):
    codes = np.array([0, 0, 1, 0, 0, 1][: shape[0]])
    found = softmax(
        fit_linear(np.ones(shape, np.float32), codes, 2, STRENGTH).margins(
            np.ones((1, shape[1]), np.float32)
        )
    )
    assert found[0, 1] == pytest.approx(1 / 3, abs=0.01)


def test_values_that_are_far_away_count_as_the_furthest():
    rows, codes = cases(30, 4, 3)
    model = fit_linear(rows, codes, 3, STRENGTH)
    far = np.full((2, 4), 3e38, np.float32)
    far[1] *= -1
    scores = model.standard.of_rows(far)
    assert scores.tolist() == [[FURTHEST] * 4, [-FURTHEST] * 4]
    assert np.isfinite(model.margins(far)).all()


def test_no_margin_is_above_the_largest():
    rows, codes = cases(30, 4, 3)
    model = fit_linear(rows, codes, 3, STRENGTH)
    corners = np.float32(np.sign(model.coefficients)) * np.float32(1e30)
    reached = max(np.abs(model.margins(corners)).max(), np.abs(model.margins(-corners)).max())
    assert reached == pytest.approx(model.largest_margin())


@pytest.mark.parametrize("shape", [(40, 5), (20, 50)])
def test_a_row_has_the_same_bits_alone_and_in_company(shape):
    rows, codes = cases(*shape, 3)
    model = fit_linear(rows, codes, 3, STRENGTH)
    together = model.margins(rows)
    turned = model.margins(np.asfortranarray(rows[::-1]))[::-1]
    alone = np.vstack([model.margins(row[None, :]) for row in rows])
    assert together.tobytes() == alone.tobytes() == turned.copy().tobytes()
    again = fit_linear(rows.copy(), codes.copy(), 3, STRENGTH)
    assert again.coefficients.tobytes() == model.coefficients.tobytes()


@pytest.mark.parametrize("present", [[0, 2], [2]])
def test_a_class_without_a_case_is_never_likely(present):
    rows, _ = cases(30, 4, 3)
    codes = np.array(present)[np.arange(30) % len(present)]
    model = fit_linear(rows, codes, 4, STRENGTH)
    gone = [code for code in range(4) if code not in present]
    assert model.intercept[gone].tolist() == [ABSENT] * len(gone)
    assert softmax(model.margins(rows))[:, gone].max() < 1e-6


def test_contributions_add_up_to_the_margins():
    rows, codes = cases(30, 4, 3)
    model = fit_linear(rows, codes, 3, STRENGTH)
    for row, margins in zip(rows, model.margins(rows), strict=True):
        found = model.contributions(row)
        np.testing.assert_allclose(found.margins, margins, rtol=1e-12, atol=1e-12)
        assert (found.values[:, np.isnan(row)] == 0).all()
        assert found.bias.tolist() == model.intercept.tolist()


def test_tables_go_there_and_back():
    rows, codes = cases(30, 4, 3)
    model = fit_linear(rows, codes, 3, STRENGTH)
    again = linear_from(model.tables(), 4, 3)
    assert again.margins(rows).tobytes() == model.margins(rows).tobytes()


@pytest.mark.parametrize("name", linear.TABLES)
def test_tables_that_are_odd_are_refused(name):
    rows, codes = cases(30, 4, 3)
    tables = fit_linear(rows, codes, 3, STRENGTH).tables()
    own = tables[name]
    odd = [None, own[:-1], own[None], own.astype(np.float32)]
    if name != "shares":
        odd += [own * np.nan, own * np.inf]
    if name == "spread":
        odd += [own * 0, -own]
    for table in odd:
        with pytest.raises(ModelError, match=f"'{name}'"):
            linear_from(tables | {name: table}, 4, 3)
