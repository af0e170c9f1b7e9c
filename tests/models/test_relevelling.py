"""What an answer must pass after new cases: never less without evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flowml.knowledge import load_label_tree
from flowml.models.caution import Caution
from flowml.models.choosing import Held
from flowml.models.gauging import fit_novelty
from flowml.models.levels import Levels, fixed_levels
from flowml.models.relevelling import caution_anew, levels_anew

TREE = load_label_tree().subset(["normal", "CLL", "AML"])
NORMAL, CLL, AML = range(3)
OLD = Levels(0.7, 0.7, 0.7, 0.7, 0.8, 0.02, 0.95)


def cases(n, wrong=()):
    """CLL that is surely right, and AML that is called CLL, as sure as given."""
    sure = [[0.0, 1.0, 0.0]] * n
    rows = np.array(sure + [[0.0, p, 1 - p] for p in wrong])
    return rows, np.array([CLL] * n + [AML] * len(wrong))


def test_the_tree_is_in_the_order_of_these_codes():
    assert list(TREE.entities) == ["normal", "CLL", "AML"]


def test_few_cases_keep_the_old_levels_and_rise_above_wrong_answers():
    found, anew = levels_anew(OLD, *cases(17), TREE)
    assert anew == ()
    assert found == OLD
    found, anew = levels_anew(OLD, *cases(16, [0.85]), TREE)
    assert anew == ()
    above = float(np.nextafter(0.85, 1))
    assert found == replace(OLD, entity=above, lineage=above, category=above, answer=above)


def test_no_more_is_asked_than_of_a_model_of_so_few_cases():
    rows, codes = cases(16, [0.999])
    found, _ = levels_anew(OLD, rows, codes, TREE)
    fixed = fixed_levels(rows, codes, TREE, 0.95)
    assert found.entity == fixed.entity == pytest.approx(0.95)
    assert found.lineage == fixed.lineage == pytest.approx(0.99)


def test_enough_cases_fix_a_level_anew_even_below_the_old_one():
    rows, codes = cases(18, [0.55])  # 19: one in twenty, so that none may pass
    found, anew = levels_anew(OLD, rows, codes, TREE)
    assert anew == ("entity",)
    assert found.entity == float(np.nextafter(0.55, 1)) < OLD.entity
    assert found.category == OLD.category


def test_acute_leukemia_is_held_to_the_old_level_until_there_are_enough():
    rows = np.array([[0.0, 0.0, 1.0]] * 331)
    codes = np.full(331, AML)
    assert levels_anew(OLD, rows, codes, TREE)[0].acute == OLD.acute
    rows, codes = np.vstack([rows, [[0, 0.999, 0.001]]]), np.append(codes, AML)
    found, anew = levels_anew(OLD, rows, codes, TREE)
    assert "acute" not in anew  # 332: 0.999 of a case
    rows, codes = np.vstack([rows, [[0, 0, 1.0]]]), np.append(codes, AML)
    found, anew = levels_anew(OLD, rows, codes, TREE)
    assert "acute" in anew
    assert found.acute == 0.001


def held(rows, codes):
    return Held(np.arange(len(codes)), np.zeros(len(codes), np.intp), codes, rows)


def test_limits_are_fixed_anew_or_lowered_to_what_was_seen():
    codes = np.array([CLL] * 19 + [AML] * 3)
    rows = np.array([[0.0, 0.8, 0.2]] * 19 + [[0.0, 0.7, 0.3]] * 3)
    old = Caution(OLD, (0.4, 0.4, 0.4))
    found, _ = caution_anew(old, held(rows, codes), np.zeros((22, 2), np.float32), TREE)
    assert found.limits == (0.4, 0.8, 0.3)


def test_a_probability_given_by_hand_stays():
    old = Caution.equal(0.5, 3)
    rows, codes = cases(40)
    found, anew = caution_anew(old, held(rows, codes), np.zeros((40, 2), np.float32), TREE)
    assert found.levels == old.levels
    assert found.limits == old.limits
    assert anew == ()


def test_edges_of_novelty_only_move_outwards():
    rng = np.random.default_rng(0)
    own = rng.normal(size=(90, 4)).astype(np.float32)
    codes = np.arange(90) % 3
    novelty = replace(fit_novelty(own, codes, 3), unusual=20.0, furthest=30.0)
    old = Caution(OLD, (0.0, 0.0, 0.0), novelty)
    new = held(*cases(40))
    same, _ = caution_anew(old, new, own[:40], TREE)
    assert (same.novelty.unusual, same.novelty.furthest) == (20.0, 30.0)
    far, _ = caution_anew(old, new, own[:40] + np.float32(9), TREE)
    assert 20 < far.novelty.unusual < far.novelty.furthest
    scores = novelty.scores(own[:40] + np.float32(9), new.probabilities)
    assert (scores >= far.novelty.unusual).mean() <= 0.1
    assert far.novelty.axes is novelty.axes
