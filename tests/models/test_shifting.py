"""A model shifted by new cases: against other solvers, and as little as they demand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from small import cohort, model

from flowml.models.linear import LinearModel, Standard
from flowml.models.predictor import Predictor, softmax
from flowml.models.shifting import (
    OFFSET_SPREAD,
    SCALE_SPREAD,
    fit_shift,
    no_shift,
    shifted,
)
from flowml.pipeline import extract_table


def drawn(n, margins_of, n_classes=3, seed=0):
    """Margins that a model gives, and classes drawn by other ones."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 2, (n, n_classes))
    chances = softmax(margins_of(margins))
    codes = (rng.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return margins, np.minimum(codes, n_classes - 1)


def test_scale_and_offsets_are_those_of_a_solver_that_knows_no_slope():
    """The loss by its definition, by another method."""
    margins, codes = drawn(40, lambda m: 0.5 * m + [1.0, 0.0, -1.0])

    def loss(values):
        scale, offsets = values[0], values[1:]
        chances = softmax(scale * margins + offsets)[np.arange(40), codes]
        away = ((scale - 1) / SCALE_SPREAD) ** 2 + (offsets**2).sum() / OFFSET_SPREAD**2
        return -np.log(chances).sum() + away / 2

    tight = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 20_000, "maxfev": 20_000}
    best = minimize(loss, [1.0, 0, 0, 0], method="Nelder-Mead", options=tight)
    found = fit_shift(margins, codes)
    assert found.residual is None
    assert found.scale == pytest.approx(best.x[0], abs=1e-4)
    assert found.offsets == pytest.approx(best.x[1:], abs=1e-4)
    assert found.scale < 0.8
    assert found.offsets[0] > 0.3 > -0.3 > found.offsets[2]


@pytest.mark.parametrize("n_features", [4, 60])  # fewer than cases, and more of them
def test_the_residual_is_that_of_scikit_learn_where_the_old_model_knows_nothing(n_features):
    rng = np.random.default_rng(1)
    scores, codes = rng.normal(size=(45, n_features)), np.arange(45) % 3
    scores[:, 0] += codes
    found = fit_shift(np.zeros((45, 3)), codes, scores, strength=2.0)
    root = np.sqrt(2.0 / n_features)
    columns = np.column_stack([scores * root, np.full(45, OFFSET_SPREAD)])
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8, max_iter=5000)
    theirs.fit(columns, codes)
    assert found.residual == pytest.approx(theirs.coef_[:, :-1] * root, abs=1e-4)
    assert found.offsets == pytest.approx(theirs.coef_[:, -1] * OFFSET_SPREAD, abs=1e-4)
    assert found.scale == pytest.approx(1.0)


def test_many_cases_tell_what_their_classes_were_drawn_by():
    margins, codes = drawn(20_000, lambda m: 0.5 * m + [0.4, 0.0, -0.4])
    found = fit_shift(margins, codes)
    assert found.scale == pytest.approx(0.5, abs=0.03)
    assert found.offsets == pytest.approx([0.4, 0.0, -0.4], abs=0.06)


def test_a_class_without_a_case_keeps_its_place():
    """Nothing is added to it, and over the others offsets add up to nothing."""
    margins, codes = drawn(60, lambda m: m + np.array([2.0, 0.0, -50.0]))
    assert set(codes) == {0, 1}
    scores = np.random.default_rng(2).normal(size=(60, 5))
    found = fit_shift(margins, codes, scores, strength=2.0)
    assert found.offsets[2] == 0
    assert not found.residual[2].any()
    assert found.offsets.sum() == pytest.approx(0, abs=1e-5)
    assert found.residual.sum(axis=0) == pytest.approx(0, abs=1e-5)
    assert found.offsets[0] > 0.2


def test_cases_of_one_class_shift_nothing():
    margins, _ = drawn(30, lambda m: m)
    assert fit_shift(margins, np.ones(30, np.int64), np.ones((30, 2)), 2.0).is_none
    assert no_shift(3).is_none


def test_the_shifted_model_gives_the_shifted_margins_and_shares_them_out():
    old = model()
    rows = extract_table(cohort(), old.recipe).columns(old.feature_names)
    rows = np.ascontiguousarray(rows, np.float32)
    linear = old.predictor.linear
    codes = np.arange(len(rows)) % 3
    scores, margins = linear.standard.of_rows(rows), old.predictor.margins(rows)
    shift = fit_shift(margins, codes, scores, strength=5.0)
    new = shifted(old.predictor, shift, linear.standard)
    assert new.margins(rows) == pytest.approx(shift.of_margins(margins, scores), abs=1e-9)
    parts = new.contributions(rows[0])
    assert parts.margins == pytest.approx(new.margins(rows[:1])[0], abs=1e-9)
    assert new.document == old.predictor.document
    assert new.margins(rows[3:4]).tobytes() == new.margins(rows)[3:4].tobytes()


def test_trees_alone_get_a_linear_part():
    both = model().predictor
    trees = Predictor(both.trees, both.document, None, (0.7, 0.0), both.columns)
    rows = np.zeros((2, len(model().feature_names)), np.float32)
    shift = fit_shift(np.eye(3)[[0, 1, 2, 0]], np.array([1, 1, 2, 0]))
    new = shifted(trees, shift, Standard.of(rows))
    assert new.kind == "blend"
    expected = shift.scale * trees.margins(rows) + shift.offsets
    assert new.margins(rows) == pytest.approx(expected, abs=1e-9)


def test_a_linear_model_alone_stays_one_and_no_shift_is_the_model_itself():
    standard = Standard.of(np.eye(3, dtype=np.float32))
    old = Predictor(None, b"", LinearModel(standard, np.eye(3), np.zeros(3)), (0.0, 2.0))
    assert shifted(old, no_shift(3), standard) is old
    new = shifted(old, fit_shift(np.eye(3), np.array([1, 1, 2])), standard)
    assert new.kind == "logistic"
    assert new.weights == (0.0, 1.0)
