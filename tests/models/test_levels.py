"""Required probabilities: worked by hand, and kept on average over many cohorts."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.errors import ModelError
from flowml.knowledge import load_label_tree
from flowml.models.levels import (
    ALLOWED,
    MAJORITY,
    REMOTE,
    SUSPICION,
    Levels,
    allowed_at,
    fixed_levels,
    levels_from,
)

ALL = load_label_tree()
TREE = ALL.subset(["normal", "CLL", "AML"])  # each of a lineage and category of its own
NORMAL, CLL, AML = range(3)


def level(cases, n_more_right, confidence):
    """Fix levels on cases (truth, probabilities), and others of CLL that are surely right."""
    rows = [p for _, p in cases] + [(0.0, 1.0, 0.0)] * n_more_right
    codes = [truth for truth, _ in cases] + [CLL] * n_more_right
    return fixed_levels(np.array(rows), np.array(codes, dtype=np.int64), TREE, confidence)


def test_what_is_allowed_keeps_its_proportions():
    assert allowed_at(0.95) == pytest.approx(ALLOWED)
    assert allowed_at(0.9) == pytest.approx({k: 2 * v for k, v in ALLOWED.items()})
    assert allowed_at(0.5)["entity"] == pytest.approx(0.5)
    for wrong in (0.49, 1.0, float("nan"), -1):
        with pytest.raises(ModelError, match="confidence"):
            allowed_at(wrong)


WRONG = [(AML, (0.0, p, 1 - p)) for p in (0.9, 0.8, 0.7, 0.6)]


@pytest.mark.parametrize(
    ("n_cases", "expected"),
    [
        # floor(0.05 * (n + 1)) - 1 wrong answers may pass
        (18, 0.95),  # 0.95: too few cases; the probability itself must reach what is promised
        (19, 0.9),  # 1.00: none may pass: above the surest wrong one
        (38, 0.9),  # 1.95: none
        (39, 0.8),  # 2.00: one may pass
        (59, 0.7),
        (79, 0.6),
        (99, MAJORITY),  # all four may pass
    ],
)
def test_the_entity_by_hand(n_cases, expected):
    found = level(WRONG, n_cases - len(WRONG), 0.95).entity
    if expected in (0.95, MAJORITY):
        assert found == expected
    else:
        assert found == np.nextafter(expected, 2)


def test_wrong_answers_that_tie_pass_all_or_not_at_all():
    tied = [(AML, (0.0, 0.8, 0.2))] * 3
    assert level(tied, 36, 0.95).entity == np.nextafter(0.8, 2)  # one of 39 might pass
    assert level(tied, 76, 0.95).entity == MAJORITY  # three of 79 may


def test_too_few_cases_must_reach_what_is_promised():
    nobody = fixed_levels(np.empty((0, 3)), np.empty(0, np.int64), TREE, 0.95)
    assert nobody == Levels(0.95, 0.99, 0.98, 0.99, 0.95, SUSPICION, 0.95)
    five = level(WRONG, 1, 0.95)
    assert five == nobody


def test_normal_is_fixed_on_neoplasms_only():
    sure = [(CLL, (0.9, 0.1, 0.0)), (AML, (0.7, 0.0, 0.3))]
    found = level(sure, 197, 0.95)  # floor(0.005 * 200) - 1 = 0 of 199 neoplasms
    assert found.normal == np.nextafter(0.9, 2)
    healthy = [(NORMAL, (0.99, 0.01, 0.0))] * 1000
    assert level([*sure, *healthy], 197, 0.95).normal == found.normal
    assert level(sure, 397, 0.95).normal == np.nextafter(0.7, 2)  # one of 399 may pass


def test_few_reviews_more_make_the_exclusion_of_acute_leukemia_stricter():
    """Of 99 others the place is ceil(0.97 * 100) - 1 = 96, the 97th: two lie above it."""
    others = [(CLL, (0.0, 1 - p, p)) for p in np.arange(1, 100) / 10_000]
    acute = [(AML, (0.0, 0.0, 1.0))] * 50
    found = level([*others, *acute], 0, 0.95).acute
    assert found == np.nextafter(0.0097, 2)
    assert sum(p[2] >= found for _, p in others) == 2
    far = [(CLL, (0.0, 1 - p, p)) for p in np.arange(1, 100) / 1e6]
    assert level([*far, *acute], 0, 0.95).acute == REMOTE
    unsure = [(CLL, (0.0, 0.5, 0.5))] * 99
    assert level([*unsure, *acute], 0, 0.95).acute == SUSPICION


def test_acute_leukemia_is_ruled_out_on_acute_leukemias_only():
    def ruled_out(n_acute, least):
        cases = [(AML, (0.0, 1 - p, p)) for p in least]
        cases += [(AML, (0.0, 0.0, 1.0))] * (n_acute - len(least))
        cases += [(CLL, (0.0, 0.9, 0.1))] * 50  # of all of them one would ask
        return level(cases, 50, 0.95).acute

    assert ruled_out(331, [0.001, 0.01]) == SUSPICION  # 0.003 * 332 < 1: too few
    assert ruled_out(333, [0.001, 0.01]) == 0.001  # none may fall below
    assert ruled_out(667, [0.001, 0.01]) == 0.01  # one may
    assert ruled_out(1000, [0.001, 0.01]) == SUSPICION  # more may: never above it
    assert ruled_out(333, [0.0]) > 0


def test_entities_of_one_lineage_are_no_wrong_lineage():
    tree = ALL.subset(["CLL", "MCL"])
    p = np.tile([0.9, 0.1], (200, 1))
    codes = np.tile([0, 1], 100)
    found = fixed_levels(p, codes, tree, 0.95)
    assert found.lineage == MAJORITY
    assert found.entity == found.category == np.nextafter(0.9, 2)


def drawn(rng, n, skill=1.0):
    """Cases of three entities, and overconfident probabilities of them."""
    codes = rng.choice(3, n, p=[0.3, 0.4, 0.3])
    margins = rng.normal(0, 1.5, (n, 3)) + 3 * skill * np.eye(3)[codes]
    chances = np.exp(1.5 * margins)
    return chances / chances.sum(axis=1, keepdims=True), codes


@pytest.mark.parametrize("confidence", [0.9, 0.7])
def test_on_average_no_more_is_wrong_than_is_allowed(confidence):
    """150 cohorts of 120 cases, and 400 new cases for each."""
    rng = np.random.default_rng(3)
    allowed = allowed_at(confidence)
    wrong = []
    for _ in range(150):
        levels = fixed_levels(*drawn(rng, 120), TREE, confidence)
        p, codes = drawn(rng, 400)
        given = p.max(axis=1) >= levels.entity
        wrong.append((given & (p.argmax(axis=1) != codes)).mean())
    margin = 3 * np.std(wrong) / np.sqrt(150)
    assert allowed["entity"] / 3 < np.mean(wrong) <= allowed["entity"] + margin


def test_of_many_cases_the_dangerous_answers_are_as_rare_as_promised():
    """60 cohorts of 1,500 cases: enough to promise 0.5 and 0.3 %."""
    rng = np.random.default_rng(5)
    missed, passed_over = [], []
    for _ in range(60):
        levels = fixed_levels(*drawn(rng, 1500), TREE, 0.95)
        p, codes = drawn(rng, 2000)
        missed.append((p[codes != NORMAL, NORMAL] >= levels.normal).mean())
        passed_over.append((p[codes == AML, AML] < levels.acute).mean())
    for found, most in ((missed, ALLOWED["normal"]), (passed_over, ALLOWED["acute"])):
        assert most / 4 < np.mean(found) <= most + 3 * np.std(found) / np.sqrt(60)


def test_levels_go_there_and_back_and_odd_ones_are_refused():
    levels = Levels.equal(0.7)
    assert levels_from(levels.to_dict()) == levels
    assert levels.acute == SUSPICION
    for odd in ({}, levels.to_dict() | {"more": 1}, None, [], levels.to_dict() | {"normal": 0}):
        with pytest.raises(ModelError, match=r"required probabilities|required probability"):
            levels_from(odd)
