"""Patients drawn again: the figure itself, its spread, and the exact ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from flowml.judging import Draws
from flowml.judging.draws import FEWEST_PATIENTS, ratio
from flowml.judging.intervals import upper_bound


@pytest.mark.parametrize(("errors", "trials"), [(0, 1), (0, 300), (1, 50), (7, 8), (3, 1000)])
def test_the_upper_bound_is_that_of_scipy_and_of_its_definition(errors, trials):
    bound = upper_bound(errors, trials)
    exact = binomtest(errors, trials).proportion_ci(0.90, method="exact").high
    assert bound == pytest.approx(exact, abs=1e-9)  # one side of a two-sided 90 % interval
    assert binom.cdf(errors, trials, bound) == pytest.approx(0.05, abs=1e-9)


def test_of_no_trials_nothing_is_known():
    assert upper_bound(0, 0) == upper_bound(4, 4) == 1.0


def test_the_first_row_is_the_cases_as_they_are():
    draws = Draws.of(["a", "b", "a", "c"], resamples=50)
    assert draws.n_patients == 3
    assert draws.sums([1, 10, 100, 1000])[0] == 1111
    assert (draws.counts.sum(axis=1) == 3).all()  # as many patients in each draw


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-9, 9)), min_size=1, max_size=30))
def test_sums_are_those_of_counting_one_by_one(cases):
    groups, values = zip(*cases, strict=True)
    draws = Draws.of(groups, resamples=20)
    names = list(dict.fromkeys(groups))
    for row, found in zip(draws.counts, draws.sums(values), strict=True):
        expected = sum(row[names.index(g)] * v for g, v in cases)
        assert found == pytest.approx(expected, abs=1e-3)


def test_a_patient_is_drawn_with_all_of_its_cases():
    groups = [f"p{n // 10}" for n in range(200)]  # 20 patients of 10 like cases each
    hits = np.repeat(np.arange(20) % 2 == 0, 10)
    wide = Draws.of(groups).share(hits, np.ones(200, bool))
    narrow = Draws.of(list(range(200))).share(hits, np.ones(200, bool))
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 2.5 * (narrow.high - narrow.low)  # by sqrt(10)


def test_the_spread_is_that_of_the_binomial_where_cases_are_alone():
    hits = np.arange(400) % 4 == 0
    found = Draws.of(list(range(400)), seed=3).share(hits, np.ones(400, bool))
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert (found.low, found.high) == pytest.approx((0.25 - half, 0.25 + half), abs=0.006)


def test_none_and_all_have_exact_ends_by_patient():
    draws = Draws.of([f"p{n // 2}" for n in range(100)])  # 50 patients
    every, none = np.ones(100, bool), np.zeros(100, bool)
    expected = binomtest(0, 50).proportion_ci(0.95, method="exact").high
    assert draws.share(none, every) == pytest.approx((0, 0, expected), abs=1e-9)
    assert draws.share(every, every) == pytest.approx((1, 1 - expected, 1), abs=1e-9)


def test_a_figure_that_is_perfect_is_not_certain():
    draws = Draws.of(list(range(20)), resamples=30)
    found = draws.estimate(np.ones(31))
    exact = binomtest(20, 20).proportion_ci(0.95, method="exact").low
    assert found == pytest.approx((1, exact, 1))
    assert draws.estimate(np.full(31, 0.5)) == (0.5, 0.5, 0.5)


def test_few_patients_have_no_interval_and_no_cases_no_share():
    few = Draws.of(list(range(FEWEST_PATIENTS - 1)))
    found = few.share(np.arange(FEWEST_PATIENTS - 1) < 3, np.ones(FEWEST_PATIENTS - 1, bool))
    assert found.value == pytest.approx(1 / 3)
    assert not found.has_interval
    assert math.isnan(few.share(np.ones(9, bool), np.zeros(9, bool)).value)


def test_a_case_that_is_asked_twice_counts_once():
    once = Draws.of(["a", "b"], resamples=9)
    twice = Draws.of(["a", "a", "b"], [0.5, 0.5, 1.0], resamples=9)
    assert twice.sums([1, 1, 1]).tolist() == once.sums([1, 1]).tolist()


def test_the_same_seed_gives_the_same_draws():
    one, two, other = (Draws.of("abcdefgh", seed=s, resamples=5).counts for s in (1, 1, 2))
    assert one.tolist() == two.tolist() != other.tolist()


def test_a_ratio_of_nothing_is_not_a_number():
    assert ratio([1, 0], [2, 0])[0] == 0.5
    assert math.isnan(ratio([1, 0], [2, 0])[1])
