"""Contributions: Shapley values by definition, xgboost's own, and sums that are exact."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from math import factorial
from time import perf_counter

import numpy as np
import pytest
import xgboost

from flowml.errors import ModelError
from flowml.models import contributions
from flowml.models.contributions import Contributions, tree_contributions
from flowml.models.trees import DEEPEST, TreeEnsemble, read_trees


def ensemble_of(trees, n_classes=1):
    """Return an ensemble of trees that are written as nested tuples.

    A leaf is (value, cover); a split (feature, threshold, default_left, left, right).
    """
    nodes, roots, labels, deepest = [], [], [], [0]

    def add(tree, level):
        deepest[0] = max(deepest[0], level)
        place = len(nodes)
        nodes.append(None)
        if len(tree) == 2:
            nodes[place] = (0, -1, -1, tree[0], False, tree[1])
            return place, tree[1]
        feature, threshold, default, *children = tree
        (left, a), (right, b) = (add(child, level + 1) for child in children)
        nodes[place] = (feature, left, right, threshold, default, a + b)
        return place, a + b

    for label, tree in trees:
        roots.append(add(tree, 0)[0])
        labels.append(label)
    feature, left, right, threshold, default, cover = zip(*nodes, strict=True)
    whole = [np.array(each, np.int32) for each in (feature, left, right, roots, labels)]
    return TreeEnsemble(
        *whole[:3], np.array(threshold, np.float32), np.array(default),
        np.array(cover, np.float32), *whole[3:], np.zeros(n_classes), deepest[0],
    )  # fmt: skip


def expected(ensemble, node, row, known):
    """Return what a tree says if only some features are known, by its definition."""
    if ensemble.left[node] == -1:
        return float(ensemble.threshold[node])
    feature, children = ensemble.feature[node], (ensemble.left[node], ensemble.right[node])
    if feature in known:
        is_left = (
            ensemble.default_left[node]
            if np.isnan(row[feature])
            else row[feature] < ensemble.threshold[node]
        )
        return expected(ensemble, children[0 if is_left else 1], row, known)
    covers = [float(ensemble.cover[child]) for child in children]
    said = [expected(ensemble, child, row, known) for child in children]
    return sum(c * s for c, s in zip(covers, said, strict=True)) / sum(covers)


def shapley(ensemble, row):
    """Return contributions and bias by brute force over all sets of features."""
    n = len(row)
    values, bias = np.zeros((ensemble.n_classes, n)), ensemble.base.copy()
    for root, label in zip(ensemble.roots, ensemble.tree_class, strict=True):
        bias[label] += expected(ensemble, root, row, ())
        for feature in range(n):
            others = [each for each in range(n) if each != feature]
            for size in range(n):
                weight = factorial(size) * factorial(n - size - 1) / factorial(n)
                for known in combinations(others, size):
                    more = expected(ensemble, root, row, (*known, feature))
                    gain = more - expected(ensemble, root, row, known)
                    values[label, feature] += weight * gain
    return values, bias


def random_tree(random, depth, n_features):
    if depth == 0 or random.random() < 0.15:
        return float(random.normal()), float(random.integers(1, 50))
    below = [random_tree(random, depth - 1, n_features) for _ in range(2)]
    feature, threshold = int(random.integers(n_features)), float(random.normal())
    return feature, threshold, bool(random.random() < 0.5), *below


# --- worked by hand ----------------------------------------------------------------------


def test_a_tree_of_two_leaves():
    # of 40 cases 10 go left (to 8) and 30 right (to 0): 2 on average
    stump = ensemble_of([(0, (0, 0.5, True, (8.0, 10), (0.0, 30)))])
    left = tree_contributions(stump, np.float32([0.0]))
    right = tree_contributions(stump, np.float32([0.5]))
    assert (left.bias.tolist(), left.values.tolist()) == ([2.0], [[6.0]])
    assert (right.bias.tolist(), right.values.tolist()) == ([2.0], [[-2.0]])
    missing = tree_contributions(stump, np.float32([np.nan]))
    assert missing.values.tolist() == left.values.tolist(), "missing goes left here"


def test_two_features_that_matter_only_together():
    # 4 where both are above 0, else 0, and every leaf as often: 1 on average.
    # Alone, each feature that is above raises 1 to 2; together they make 4: 1.5 each.
    split = (1, 0.0, False, (0.0, 10), (4.0, 10))
    both = ensemble_of([(0, (0, 0.0, False, (1, 0.0, False, (0.0, 10), (0.0, 10)), split))])
    found = tree_contributions(both, np.float32([1.0, 1.0]))
    np.testing.assert_allclose(found.values, [[1.5, 1.5]], rtol=0, atol=1e-15)
    assert found.bias.tolist() == [1.0]
    # the second below: 1 -> 2 -> 0, or 1 -> 0 -> 0 with the second one first
    found = tree_contributions(both, np.float32([1.0, -1.0]))
    np.testing.assert_allclose(found.values, [[0.5, -1.5]], rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(12))
def test_by_brute_force_over_all_sets_of_features(seed):
    random = np.random.default_rng(seed)
    n_features, n_classes = int(random.integers(1, 5)), 2
    trees = [(k % n_classes, random_tree(random, 4, n_features)) for k in range(4)]
    ensemble = ensemble_of(trees, n_classes)
    row = random.normal(size=n_features).astype(np.float32)
    row[random.random(n_features) < 0.3] = np.nan
    found = tree_contributions(ensemble, row)
    values, bias = shapley(ensemble, row)
    np.testing.assert_allclose(found.values, values, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.bias, bias, rtol=0, atol=1e-12)


# --- xgboost ------------------------------------------------------------------------------


def boosted(depth, n_classes=4, rounds=8, n_features=12, n_cases=300):
    random = np.random.default_rng(depth)
    rows = random.normal(size=(n_cases, n_features)).astype(np.float32)
    noise = random.normal(size=n_cases) * 0.3
    score = rows[:, 0] * rows[:, 1] + rows[:, 2] + noise
    labels = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))
    rows[random.random(rows.shape) < 0.2] = np.nan
    settings = {
        "objective": "multi:softprob", "num_class": n_classes, "tree_method": "hist",
        "max_depth": depth, "eta": 0.3, "min_child_weight": 0.1, "nthread": 1, "seed": 1,
    }  # fmt: skip
    booster = xgboost.train(settings, xgboost.DMatrix(rows, label=labels), rounds)
    document = bytes(booster.save_raw(raw_format="json"))
    return booster, read_trees(document, n_features, n_classes), rows


@pytest.mark.parametrize("depth", [1, 2, 4, 7, 12])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_contributions_are_those_of_xgboost(depth, n_classes):
    booster, ensemble, rows = boosted(depth, n_classes)
    shown = np.vstack([rows[:15], np.full((1, rows.shape[1]), np.nan, np.float32)])
    theirs = booster.predict(xgboost.DMatrix(shown, nthread=1), pred_contribs=True)
    for row, each in zip(shown, theirs, strict=True):
        found = tree_contributions(ensemble, row)
        np.testing.assert_allclose(found.values, each[:, :-1], rtol=0, atol=1e-5)
        np.testing.assert_allclose(found.bias, each[:, -1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("depth", [1, 4, 12])
def test_contributions_and_bias_add_up_to_the_margins(depth):
    _, ensemble, rows = boosted(depth)
    margins = ensemble.margins(rows)
    for row, margin in zip(rows[:40], margins, strict=False):
        found = tree_contributions(ensemble, row).margins
        np.testing.assert_allclose(found, margin, rtol=0, atol=1e-9)


def test_a_small_memory_gives_the_same(monkeypatch):
    _, ensemble, rows = boosted(7)
    whole = tree_contributions(ensemble, rows[0])
    monkeypatch.setattr(contributions, "MOST_NUMBERS", 200)
    parted = tree_contributions(ensemble, rows[0])
    np.testing.assert_allclose(parted.values, whole.values, rtol=0, atol=1e-13)


def test_one_case_of_a_large_model_takes_less_than_a_second():
    random = np.random.default_rng(0)
    trees = [(k % 8, random_tree(random, 4, 500)) for k in range(120 * 8)]
    ensemble, row = ensemble_of(trees, 8), random.normal(size=500).astype(np.float32)
    seconds = []
    for _ in range(3):  # the machine may have other things to do once
        start = perf_counter()
        tree_contributions(ensemble, row)
        seconds.append(perf_counter() - start)
    assert min(seconds) < 1


def chain(random, depth, n_features):
    """Return a tree whose every right side splits again."""
    tree = (1.0, 10)
    for level in range(depth):
        leaf = (float(random.normal()), float(random.integers(1, 50)))
        tree = (level % n_features, float(random.normal()), True, leaf, tree)
    return tree


@pytest.mark.parametrize("n_features", [1, 5, 64])
def test_the_deepest_trees_add_up_too(n_features):
    random = np.random.default_rng(n_features)
    ensemble = ensemble_of([(0, chain(random, DEEPEST, n_features))])
    assert ensemble.depth == DEEPEST
    for row in random.normal(size=(5, n_features)).astype(np.float32):
        found = tree_contributions(ensemble, row)
        np.testing.assert_allclose(found.margins, ensemble.margins(row[None])[0], atol=1e-12)


# --- edges --------------------------------------------------------------------------------


def test_a_leaf_alone_contributes_nothing():
    found = tree_contributions(ensemble_of([(0, (3.0, 10))]), np.float32([1.0, 2.0]))
    assert (found.bias.tolist(), found.values.tolist()) == ([3.0], [[0.0, 0.0]])


def test_a_split_without_training_cases_goes_both_ways_alike():
    stump = ensemble_of([(0, (0, 0.5, True, (8.0, 0), (0.0, 0)))])
    assert tree_contributions(stump, np.float32([0.0])).bias.tolist() == [4.0]


def test_nodes_that_no_root_leads_to_change_nothing():
    stump = ensemble_of([(0, (0, 0.5, True, (8.0, 10), (0.0, 30)))])
    stray = replace(  # points at the leaves of the tree, as if it were their parent
        stump,
        **{
            name: np.append(getattr(stump, name), value).astype(getattr(stump, name).dtype)
            for name, value in (
                ("feature", 0), ("left", 2), ("right", 1), ("threshold", 9),
                ("default_left", 0), ("cover", 1),
            )
        },
    )  # fmt: skip
    assert tree_contributions(stray, np.float32([0.0])).values.tolist() == [[6.0]]


@pytest.mark.parametrize("cover", [-1.0, float("nan"), float("inf"), 1e39, None])
def test_covers_that_count_no_cases_are_refused(cover):
    booster, _, rows = boosted(2)
    whole = json.loads(booster.save_raw(raw_format="json"))
    tree = whole["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["sum_hessian"][0] = cover
    with pytest.raises(ModelError):
        read_trees(json.dumps(whole).encode(), rows.shape[1], 4)


def test_the_feature_of_a_leaf_is_never_looked_up():
    stump = ensemble_of([(0, (0, 0.5, True, (8.0, 10), (0.0, 30)))])
    odd = replace(stump, feature=np.array([0, 999, -999], np.int32))
    assert tree_contributions(odd, np.float32([0.0])).values.tolist() == [[6.0]]


# --- linear models, and several together --------------------------------------------------
