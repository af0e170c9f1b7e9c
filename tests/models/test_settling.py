"""What is answered holds together, and what is dangerous is not said by the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.knowledge import load_label_tree
from flowml.knowledge.labels import AXES
from flowml.models.levels import ACUTE, NORMAL, Levels
from flowml.models.settling import settle, share

ALL = load_label_tree()
EASY = Levels.equal(0.5)
ROUNDING = 1e-9


def asked(shares, levels=EASY, **options):
    tree = ALL.subset(list(shares))
    p = np.array([shares[name] for name in tree.entities])
    return settle(p, tree, levels, **options)


def test_normal_has_a_requirement_of_its_own():
    strict = replace(EASY, normal=0.995)
    found = asked({"normal": 0.99, "CLL": 0.01}, strict)
    assert found == ({}, "", ("a neoplasm is not excluded (0.010, at most 0.005)",))
    assert asked({"normal": 0.996, "CLL": 0.004}, strict).entity == "normal"
    assert asked({"normal": 0.01, "CLL": 0.99}, strict).entity == "CLL"


@pytest.mark.parametrize("axis", AXES)
def test_normal_is_not_said_by_another_axis_either(axis):
    """A level of the other axes above that of `axis` leaves it alone to speak."""
    alone = {other: 1.0 for other in (*AXES, "entity") if other != axis}
    levels = replace(EASY, **alone, normal=0.995)
    found = asked({"normal": 0.99, "CLL": 0.01}, levels)
    assert found.values == {}
    assert "a neoplasm is not excluded" in found.withheld[0]


def test_neither_may_be_said_where_neoplasms_are_neither_too():
    levels = replace(EASY, lineage=1.0, category=1.0, entity=1.0, normal=0.995)
    found = asked({"normal": 0.55, "MDS": 0.44, "CLL": 0.01}, levels)
    assert found.values == {"answer": "neither"}


def test_an_acute_leukemia_that_is_not_excluded_keeps_a_lineage_only():
    found = asked({"MCL": 0.94, "B-ALL": 0.06})
    assert (found.values, found.entity) == ({"lineage": "B"}, "")
    assert found.withheld == ("an acute leukemia is not excluded (0.060, below 0.050)",)
    assert asked({"MCL": 0.96, "B-ALL": 0.04}).entity == "MCL"
    assert asked({"normal": 0.94, "B-ALL": 0.06}).values == {}
    assert asked({"HCL": 0.94, "B-ALL": 0.06}).values == {"lineage": "B", "answer": "leukemia"}
    assert asked({"MCL": 0.06, "B-ALL": 0.94}).entity == "B-ALL"


def test_an_acute_leukemia_is_not_passed_over_by_another_axis_either():
    levels = replace(EASY, category=1.0, entity=1.0)
    found = asked({"MCL": 0.94, "AML": 0.06}, levels)
    assert found.values == {"lineage": "B"}
    assert "an acute leukemia is not excluded" in found.withheld[0]
    found = asked({"MDS": 0.94, "AML": 0.06}, levels)
    assert found.values == {"lineage": "myeloid"}


def test_a_case_that_is_unlike_all_has_a_lineage_at_most():
    found = asked({"CLL": 1.0, "AML": 0.0}, is_novel=True)
    assert (found.values, found.entity) == ({"lineage": "B"}, "")
    assert found.withheld == ("the case is unlike the training cases",)
    assert asked({"normal": 1.0, "CLL": 0.0}, is_novel=True).values == {}


def test_a_share_of_what_is_not_answered_is_none():
    tree = ALL.subset(["CLL", "AML"])
    p = np.array([0.25, 0.75])
    assert share(p, tree, "lineage", "myeloid") == 0.75
    assert share(p, tree, "lineage", "T") == 0
    assert np.isnan(share(p, tree, "lineage", None))


@st.composite
def questions(draw):
    some = st.lists(st.sampled_from(sorted(ALL.entities)), min_size=2, max_size=7, unique=True)
    tree = ALL.subset(draw(some))
    n = len(tree.entities)
    weights = np.array(
        draw(st.lists(st.sampled_from([0, 1, 2, 5, 30, 300]), min_size=n, max_size=n)), float
    )
    p = weights / weights.sum() if weights.any() else np.full(n, 1 / n)
    required = [draw(st.sampled_from([0.5, 0.6, 0.8, 0.95, 0.999, 1.0])) for _ in range(5)]
    return p, tree, Levels(*required, draw(st.sampled_from([1e-6, 0.003, 0.05])), 0.95)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(questions(), st.booleans())
def test_nothing_contradicts(question, is_novel):
    p, tree, levels = question
    values, entity, withheld = settle(p, tree, levels, is_novel=is_novel)
    entities = list(tree.entities.values())
    agreeing = [
        all(getattr(each, axis) == value for axis, value in values.items()) for each in entities
    ]
    for axis in values:
        assert p[agreeing].sum() >= getattr(levels, axis) - ROUNDING
    if entity:
        own = tree.entities[entity]
        assert values == {axis: getattr(own, axis) for axis in AXES}
        assert p[list(tree.entities).index(entity)] >= levels.entity
        assert not is_novel
    if not values:
        return
    categories = {
        each.category for each, agrees in zip(entities, agreeing, strict=True) if agrees
    }
    if categories == {NORMAL}:
        assert share(p, tree, "category", NORMAL) >= levels.normal
    if ACUTE not in categories and share(p, tree, "category", ACUTE) >= levels.acute:
        assert set(values) <= {"lineage", "answer"}
        assert values.get("answer", "leukemia") == "leukemia"
        assert withheld


@settings(max_examples=150, derandomize=True, deadline=None)
@given(questions())
def test_what_is_more_likely_stays_answered(question):
    """Lower requirements never take an answer away."""
    p, tree, levels = question
    before = settle(p, tree, levels)
    easy = Levels(
        *[min(0.5, value) for value in list(levels.to_dict().values())[:5]], 0.05, 0.95
    )
    after = settle(p, tree, easy)
    if before.entity:
        assert after.entity == before.entity
