"""What keeps a model from answering, brought together, saved and read again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flowml.errors import ModelError
from flowml.knowledge import load_label_tree
from flowml.models.caution import Caution, caution_from, learned_caution
from flowml.models.choosing import Held
from flowml.models.gauging import fit_novelty
from flowml.models.levels import Levels, fixed_levels
from flowml.models.sets import entity_limits

TREE = load_label_tree().subset(["normal", "CLL", "AML"])


def held(n=300):
    rng = np.random.default_rng(2)
    codes = np.arange(n) % 3
    margins = rng.normal(0, 1, (n, 3)) + 3 * np.eye(3)[codes]
    p = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    return Held(np.arange(n), np.arange(n) % 5, codes, p)


def novelty(n_features=4):
    rows = np.random.default_rng(1).normal(size=(30, n_features)).astype(np.float32)
    return fit_novelty(rows, np.arange(30) % 3, 3), rows


def test_what_is_learned_is_levels_and_limits_of_the_cases_held_out():
    cases, far = held(), novelty()[0]
    found = learned_caution(cases, far, TREE, 0.9)
    assert found.levels == fixed_levels(cases.probabilities, cases.codes, TREE, 0.9)
    limits = entity_limits(cases.probabilities, cases.codes, 3, 0.9)
    assert found.limits == tuple(limits)
    assert found.novelty is far
    assert min(found.limits) > 0


def test_without_cases_held_out_probabilities_must_reach_what_is_promised():
    found = learned_caution(None, None, TREE, 0.95)
    assert found.levels.entity == 0.95
    assert found.limits == (0.0, 0.0, 0.0)
    assert found.candidates(np.array([0.1, 0.2, 0.7])).tolist() == [2, 1, 0]
    assert found.unlike(np.zeros((2, 4), np.float32), np.full((2, 3), 1 / 3)) == [None, None]


def test_equal_requirements_know_nothing_else():
    found = Caution.equal(0.7, 3)
    assert found.levels == Levels.equal(0.7)
    assert found.tables() == {}
    assert found.to_dict()["edges"] is None


def test_candidates_are_those_that_reach_their_limit():
    found = Caution(Levels.equal(0.5), (0.02, 0.05, 0.0))
    assert found.candidates(np.array([0.02, 0.045, 0.935])).tolist() == [2, 0]


@pytest.mark.parametrize("known", [True, False])
def test_a_caution_goes_there_and_back(known):
    far, rows = novelty()
    own = learned_caution(held(), far if known else None, TREE, 0.9)
    if known:
        own = Caution(own.levels, own.limits, caution_with(far, 2.5))
    again = caution_from(own.to_dict(), own.tables(), 4, 3)
    chances = np.full((30, 3), 1 / 3)
    assert again.to_dict() == own.to_dict()
    assert again.unlike(rows, chances) == own.unlike(rows, chances)
    if known:
        assert [each.furthest for each in again.unlike(rows, chances)] == [2.5] * 30
        assert [each.unusual for each in again.unlike(rows, chances)] == [1.25] * 30


def caution_with(far, furthest):
    from dataclasses import replace

    return replace(far, unusual=furthest / 2, furthest=furthest)


@pytest.mark.parametrize(
    "change",
    [
        {"limits": None}, {"limits": [0.1, 0.2]}, {"limits": [0.1, 0.2, 1.2]},
        {"limits": [0.1, 0.2, -0.2]}, {"limits": [0, 0, True]}, {"limits": [0, 0, math.nan]},
        {"edges": 0}, {"edges": [-2.0, 1.0]}, {"edges": [True, 2]}, {"edges": [1, "3"]},
        {"edges": [1, math.nan]}, {"edges": []}, {"edges": [2, 1]}, {"edges": [1, 2, 3]},
        {"levels": {}}, {"levels": None}, {"new": 1},
    ],
)  # fmt: skip
def test_odd_values_are_refused(change):
    far, _ = novelty()
    own = Caution(Levels.equal(0.5), (0.1, 0.2, 0.3), caution_with(far, 2.0))
    with pytest.raises(ModelError):
        caution_from(own.to_dict() | change, own.tables(), 4, 3)
    for value in (None, [], "x", 3):
        with pytest.raises(ModelError, match="not what flowml wrote"):
            caution_from(value, own.tables(), 4, 3)


def test_a_novelty_without_its_tables_is_refused():
    far, _ = novelty()
    own = Caution(Levels.equal(0.5), (0.1, 0.2, 0.3), caution_with(far, 2.0))
    with pytest.raises(ModelError, match="novelty"):
        caution_from(own.to_dict(), {}, 4, 3)
