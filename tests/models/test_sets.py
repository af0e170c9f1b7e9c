"""Sets of entities: each entity's promise is kept by itself."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.models.sets import entity_limits, not_excluded


def test_limits_by_hand():
    own = np.linspace(0.01, 0.39, 39)
    p = np.column_stack([own, 1 - own])
    limits = entity_limits(p, np.zeros(39, np.int64), 2, 0.95)
    assert limits.tolist() == [own[1], 0.0]  # floor(0.05 * 40) = 2: the second smallest
    few = entity_limits(p[:18], np.zeros(18, np.int64), 2, 0.95)  # floor(0.05 * 19) = 0
    assert few.tolist() == [0.0, 0.0]
    nobody = entity_limits(np.empty((0, 2)), np.empty(0, np.int64), 2, 0.95)
    assert nobody.tolist() == [0.0, 0.0]


def test_the_likeliest_is_first_and_a_limit_itself_is_not_below():
    limits = np.array([0.3, 0.1, 0.2, 0.0])
    assert not_excluded(np.array([0.3, 0.09, 0.61, 0.0]), limits).tolist() == [2, 0, 3]
    assert not_excluded(np.array([0.09, 0.05]), np.array([0.5, 0.5])).tolist() == []
    assert not_excluded(np.array([0.1, 0.05]), np.array([0.5, 0.5])).tolist() == [0]  # likely
    assert not_excluded(np.array([0.5, 0.5]), np.zeros(2)).tolist() == [0, 1]


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_every_entity_is_in_its_sets_as_often_as_promised(confidence):
    """A common, a rare and a hard entity; 60 cohorts, and new cases of each."""
    rng = np.random.default_rng(12)

    def drawn(counts):
        codes = np.repeat(np.arange(3), counts)
        margins = rng.normal(0, 1, (len(codes), 3)) + np.diag([3.0, 3.0, 0.7])[codes]
        chances = np.exp(margins)
        return chances / chances.sum(axis=1, keepdims=True), codes

    lacking = np.zeros((60, 3))
    for cohort in range(60):
        limits = entity_limits(*drawn([400, 40, 80]), 3, confidence)
        p, codes = drawn([500] * 3)
        found = p[np.arange(len(codes)), codes] < limits[codes]
        lacking[cohort] = [found[codes == code].mean() for code in range(3)]
    means, errors = lacking.mean(axis=0), lacking.std(axis=0) / np.sqrt(60)
    assert (means <= 1 - confidence + 3 * errors).all()
    assert (means >= (1 - confidence) / 2).all()  # not by excluding nothing
