"""Tubes that hardly are any: empty, one event, values that are no numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import flowml
from flowml.errors import StateError
from flowml.events import ArraySource
from flowml.gating.rules import RULES, rule_findings


def samples(panel, change):
    (case,) = flowml.simulate(panel, entities="CLL+T-LGLL", cases=1, events=3000, seed=3)
    return [
        replace(tube.origin, source=ArraySource(change(tube.origin.events())))
        for tube in case.tubes
    ]


def broken(events):
    events[::7, 4] = np.nan
    events[1::7] = np.inf
    return events


@pytest.mark.parametrize("panel", ["cll-9f", "lst"])
@pytest.mark.parametrize(
    "change", [lambda e: e[:0], lambda e: e[:1], lambda e: e[:90], lambda e: e * 0]
)
def test_hardly_any_events_are_not_judged(panel, change):
    found = rule_findings(samples(panel, change))
    assert [item.rule for item in found] == list(RULES)
    assert "present" not in {item.status for item in found}


def test_values_that_are_no_numbers_are_passed_over():
    whole, torn = (rule_findings(samples("lst", change)) for change in (np.array, broken))
    assert [item.status for item in whole] == [item.status for item in torn]


def test_no_tubes_are_not_assessable():
    assert {item.status for item in rule_findings([])} == {"not assessable"}


def test_a_tube_on_a_display_scale_is_refused():
    (sample,) = samples("lst", np.array)
    with pytest.raises(StateError, match="display scale"):
        rule_findings([flowml.display(sample)])
