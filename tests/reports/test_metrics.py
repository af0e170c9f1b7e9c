"""Counts of right answers, and their interval, against scipy."""

from __future__ import annotations

import math

import pytest
from scipy.stats import binomtest

from flowml.judging.intervals import wilson_interval
from flowml.models.answer import Prediction
from flowml.reports.metrics import NO_ANSWER, evaluate_predictions


@pytest.mark.parametrize("trials", [1, 2, 7, 10, 100, 12_345])
def test_intervals_are_those_of_scipy(trials):
    for successes in sorted({0, 1, trials // 3, trials - 1, trials}):
        expected = binomtest(successes, trials).proportion_ci(method="wilson")
        found = wilson_interval(successes, trials)
        assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
        assert 0 <= found[0] <= successes / trials <= found[1] <= 1


def test_no_trials_say_nothing_and_certainty_has_an_exact_end():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 3)[0] == 0.0
    assert wilson_interval(3, 3)[1] == 1.0


def said(case_id, entity):
    return Prediction(
        case_id, "answered" if entity else "backed_off", "auto", "", entity=entity
    )


def test_confusion_counts_every_labelled_case_once():
    predictions = [
        said("1", "AML"),
        said("2", "CLL"),
        said("3", ""),
        said("4", "AML"),
        said("5", "HCL"),
    ]
    truth = {"1": "AML", "2": "AML", "3": "CLL", "5": "MCL", "9": "FL"}
    found = evaluate_predictions(predictions, truth)
    assert (found.n_cases, found.n_answered, found.n_correct) == (4, 3, 1)
    assert found.accuracy == 0.25
    assert found.truth == ("AML", "CLL", "MCL")
    assert found.answers == ("AML", "CLL", "HCL", "MCL", NO_ANSWER)
    assert found.confusion.tolist() == [[1, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 1, 0, 0]]
    assert str(found).startswith(
        "1 of 4 labelled cases right, 0.25 (95 % interval 0.05 to 0.70)"
    )
    assert found.to_dict()["confusion"]["AML"]["CLL"] == 1


def test_no_labelled_case_is_no_accuracy():
    found = evaluate_predictions([said("1", "AML")], {})
    assert math.isnan(found.accuracy)
    assert found.to_dict()["accuracy"] is None
