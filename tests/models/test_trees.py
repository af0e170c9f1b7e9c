"""Trees: equal to xgboost's own answers, and nothing damaged gets through."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import xgboost

from flowml.errors import ModelError
from flowml.models.predictor import softmax
from flowml.models.trees import DEEPEST, read_trees

N_FEATURES = 5


@cache
def boosted(n_classes=3, depth=4, rounds=6, *, noise=True, child=0.0):
    """Train a small ensemble on rounded values, with holes."""
    random = np.random.default_rng(n_classes * 100 + depth)
    rows = random.normal(size=(120, N_FEATURES)).round(1).astype(np.float32)
    labels = (np.abs(rows[:, 0]) * 1.7 + (random.normal(size=120) if noise else 0)).astype(int)
    labels = np.abs(labels) % n_classes
    rows[random.random(rows.shape) < 0.15] = np.nan
    settings = {
        "objective": "multi:softprob", "num_class": n_classes, "tree_method": "hist",
        "max_depth": depth, "eta": 0.3, "min_child_weight": child, "nthread": 1, "seed": 1,
    }  # fmt: skip
    return xgboost.train(settings, xgboost.DMatrix(rows, label=labels), rounds), rows


def probabilities(ensemble, rows):
    return softmax(ensemble.margins(rows))


def document(booster):
    return bytes(booster.save_raw(raw_format="json"))


KINDS = {
    "three classes": {},
    "two classes": {"n_classes": 2},
    "seven classes": {"n_classes": 7},
    "deep": {"depth": 20, "rounds": 3},
    "leaves only": {"child": 1e6},
    "one round": {"rounds": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_those_of_xgboost(kind):
    booster, rows = boosted(**KINDS[kind])
    n_classes = KINDS[kind].get("n_classes", 3)
    ensemble = read_trees(document(booster), N_FEATURES, n_classes)
    if kind == "leaves only":
        assert ensemble.depth == 0
    if kind == "deep":
        assert ensemble.depth > 6
    cuts = ensemble.threshold[ensemble.left != -1]
    on_the_cut = np.resize(cuts if len(cuts) else np.float32([0.0]), (60, N_FEATURES))
    just_below = np.nextafter(on_the_cut, np.float32(-np.inf))
    nothing = np.full((1, N_FEATURES), np.nan, np.float32)
    far = np.float32([[1e30] * N_FEATURES, [-1e30] * N_FEATURES])
    everything = np.vstack([rows, on_the_cut, just_below, nothing, far])
    expected = booster.predict(xgboost.DMatrix(everything, missing=np.nan))
    found = probabilities(ensemble, everything)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-12)


def test_a_row_has_the_same_bits_alone_and_in_company():
    booster, rows = boosted(n_classes=7)
    ensemble = read_trees(document(booster), N_FEATURES, 7)
    together = probabilities(ensemble, rows)
    turned = probabilities(ensemble, rows[::-1].copy())[::-1]
    alone = np.vstack([probabilities(ensemble, row[None, :]) for row in rows])
    assert together.tobytes() == alone.tobytes() == turned.copy().tobytes()


def test_no_rows_give_no_answers():
    booster, rows = boosted()
    ensemble = read_trees(document(booster), N_FEATURES, 3)
    assert probabilities(ensemble, rows[:0]).shape == (0, 3)


def test_huge_leaves_give_certainty_and_no_overflow():
    whole = plain()
    whole["learner"]["gradient_booster"]["model"]["trees"][0]["split_conditions"] = [
        3e38
    ] * len(trees(whole)[0]["split_conditions"])
    ensemble = read_trees(json.dumps(whole).encode(), N_FEATURES, 3)
    found = probabilities(ensemble, np.zeros((1, N_FEATURES), np.float32))
    assert found[0].tolist() == [1.0, 0.0, 0.0]


def plain():
    return json.loads(document(boosted()[0]))


def trees(whole):
    return whole["learner"]["gradient_booster"]["model"]["trees"]


def refused(whole, match=None):
    raw = whole if isinstance(whole, bytes) else json.dumps(whole).encode()
    with pytest.raises(ModelError, match=match):
        read_trees(raw, N_FEATURES, 3)


USED = (
    "left_children", "right_children", "split_indices", "split_conditions", "default_left",
    "sum_hessian",
)  # fmt: skip


def test_the_plain_document_is_read():
    assert read_trees(json.dumps(plain()).encode(), N_FEATURES, 3).n_classes == 3


@pytest.mark.parametrize("key", USED)
@pytest.mark.parametrize(
    "change",
    [
        lambda values: values[:-1], lambda values: [*values, 0], lambda _: [], lambda _: None,
        lambda _: 3, lambda values: "1" * len(values), lambda values: [[v] for v in values],
        lambda values: ["x"] * len(values), lambda values: [{}] * len(values),
        lambda values: [10**400] * len(values), lambda values: dict.fromkeys(map(str, values)),
    ],
)  # fmt: skip
def test_a_damaged_array_is_refused(key, change):
    whole = plain()
    for tree in trees(whole):
        tree[key] = change(tree[key])
    refused(whole)


@pytest.mark.parametrize("key", USED)
def test_a_missing_array_is_refused(key):
    whole = plain()
    del trees(whole)[1][key]
    refused(whole)


def first_split(tree):
    return next(node for node, left in enumerate(tree["left_children"]) if left != -1)


@pytest.mark.parametrize("index", [-1, N_FEATURES, 2**31, 2**40, 0.5, None, -(2**31)])
def test_a_feature_out_of_bounds_is_refused(index):
    whole = plain()
    trees(whole)[0]["split_indices"][first_split(trees(whole)[0])] = index
    refused(whole)


@pytest.mark.parametrize("side", ["left_children", "right_children"])
@pytest.mark.parametrize("child", [10**6, -2, 1.5, 2**31, 2**63, None])
def test_a_child_out_of_bounds_is_refused(side, child):
    whole = plain()
    tree = trees(whole)[0]
    tree[side][first_split(tree)] = child
    refused(whole)


def test_a_cycle_a_shared_child_and_half_a_split_are_refused():
    for left, right in ((0, 1), (1, 0), (1, 1), (-1, 1), (1, -1)):
        whole = plain()
        tree = trees(whole)[0]
        assert tree["left_children"][0] != -1
        tree["left_children"][0], tree["right_children"][0] = left, right
        refused(whole, "not a tree")


def test_one_child_on_both_sides_is_refused():
    whole = plain()
    sides = {"left_children": [1, -1, -1], "right_children": [1, -1, -1]}
    trees(whole)[0].update(sides | {key: [0, 0, 0] for key in USED[2:]})
    refused(whole, "not a tree")


def test_a_child_shared_over_levels_is_refused():
    tree = {"left_children": [1, 3, -1, -1], "right_children": [2, 2, -1, -1]}
    whole = plain()
    trees(whole)[0].update(tree | {key: [0, 0, 0, 0] for key in USED[2:]})
    refused(whole, "not a tree")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39, -1e300, None])
def test_a_threshold_that_is_no_number_is_refused(value):
    whole = plain()
    trees(whole)[2]["split_conditions"][0] = value
    refused(whole)


def chain(depth):
    """Return a tree that splits on its right side only, so many times."""
    left, right = [], []
    for level in range(depth):
        left += [2 * level + 1, -1]
        right += [2 * level + 2, -1]
    size = 2 * depth + 1
    tree = {"left_children": [*left, -1], "right_children": [*right, -1]}
    return tree | {key: [0] * size for key in USED[2:]}


def test_a_tree_may_be_deep_but_not_without_end():
    whole = plain()
    trees(whole)[0].update(chain(DEEPEST))
    assert read_trees(json.dumps(whole).encode(), N_FEATURES, 3).depth == DEEPEST
    trees(whole)[0].update(chain(DEEPEST + 1))
    refused(whole, "too deep")
    trees(whole)[0].update(chain(50_000))
    refused(whole, "too deep")


def test_a_document_of_very_many_parts_is_refused_before_it_is_read():
    refused(b"[" + b"{}," * 2_000_000 + b"0]", "too many parts")


def test_categories_are_refused():
    whole = plain()
    trees(whole)[0]["split_type"][0] = 1
    refused(whole, "categories")


def test_another_objective_or_booster_is_refused():
    whole = plain()
    whole["learner"]["objective"]["name"] = "reg:squarederror"
    refused(whole, r"multi:softprob")
    whole = plain()
    whole["learner"]["gradient_booster"]["name"] = "dart"
    refused(whole, "gbtree")


@pytest.mark.parametrize(
    "info",
    [
        [0],
        [0] * 17 + [3],
        [0] * 17 + [-1],
        [0.5] * 18,
        [[0]] * 18,
        None,
        "0" * 18,
        [2**40] * 18,
    ],
)
def test_a_tree_of_no_class_is_refused(info):
    whole = plain()
    assert len(trees(whole)) == 18
    whole["learner"]["gradient_booster"]["model"]["tree_info"] = info
    refused(whole)


@pytest.mark.parametrize("base", ["[0.5,0.5]", "NaN", "[1e999,0,0]", "x", "", "{}", 0.5, None])
def test_base_scores_that_do_not_fit_are_refused(base):
    whole = plain()
    whole["learner"]["learner_model_param"]["base_score"] = base
    refused(whole)


def test_no_tree_and_empty_trees_are_refused():
    whole = plain()
    whole["learner"]["gradient_booster"]["model"]["trees"] = []
    refused(whole, "0 trees")
    for empty in (slice(0, 1), slice(0, 18), slice(17, 18)):
        whole = plain()
        for tree in trees(whole)[empty]:
            tree.update({key: [] for key in USED})
        refused(whole)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"3", b'{"learner": 1}', b"\xff\xfe\x00", b"{", b'"' + b"a" * 1000,
        b"[" * 100_000, b'{"learner":' * 100_000, b'{"learner": ' + b"9" * 10_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(raw):
    refused(raw)


def test_random_damage_is_refused_or_computes():
    random = np.random.default_rng(20)
    rows = boosted()[1]
    for _ in range(150):
        whole = deepcopy(plain())
        tree = trees(whole)[random.integers(18)]
        key = USED[random.integers(len(USED))]
        place = random.integers(len(tree[key]))
        tree[key][place] = [-1, 0, 1, 2, 3, 1e9, -7, 0.25][random.integers(8)]
        try:
            ensemble = read_trees(json.dumps(whole).encode(), N_FEATURES, 3)
        except ModelError:
            continue
        assert np.isfinite(probabilities(ensemble, rows)).all()
