"""The network: against scikit-learn's and xgboost's own answers, and against its own slopes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xgboost
from blobs import QUICK, classifier, labelled, named
from sklearn.neural_network import MLPClassifier

from flowml.gating.learned.drawing import Drawn, drawn, joined
from flowml.gating.learned.fitting import _make_aberrant, fit_network, gradient
from flowml.gating.learned.network import BLOCK, NAMES, Network, shapes, shares
from flowml.gating.learned.scores import ARTEFACT


def network(seed=0, n_channels=3, n_hidden=7, n_lineages=3, kind=np.float32):
    rng = np.random.default_rng(seed)
    parts = [
        rng.normal(0, 0.7, shape).astype(kind)
        for shape in shapes(n_channels, n_hidden, n_lineages)
    ]
    return replace(Network(*parts), spread=np.ones(n_channels, kind))


def test_probabilities_are_those_of_scikit_learn():
    ours = network()
    rows = np.random.default_rng(1).normal(0, 1, (50, 3)).astype(np.float32)
    theirs = MLPClassifier((7, 7), max_iter=1, solver="sgd", batch_size=50)
    theirs.partial_fit(rows, np.arange(50) % 3, classes=[0, 1, 2])
    theirs.coefs_ = [ours.weights1, ours.weights2, ours.weights3[:, 1:]]
    theirs.intercepts_ = [ours.bias1, ours.bias2, ours.bias3[1:]]
    _, given_cell = shares(ours.margins(rows))
    assert np.allclose(given_cell, theirs.predict_proba(ours.standard(rows)), atol=1e-6)


def loss(net, scaled, codes, weights, allowed):
    """The mean log loss, written out."""
    first = np.maximum(scaled @ net.weights1 + net.bias1, 0)
    second = np.maximum(first @ net.weights2 + net.bias2, 0)
    margins = second @ net.weights3 + net.bias3
    total = 0.0
    for margin, code, weight, free in zip(margins, codes, weights, allowed, strict=True):
        artefact = 1 / (1 + np.exp(-margin[0]))
        if code == ARTEFACT:
            total -= weight * np.log(artefact)
        else:
            among = np.exp(margin[1:])[free].sum()
            total -= weight * (np.log(1 - artefact) + margin[1 + code] - np.log(among))
    return total / len(codes)


def test_the_gradient_is_the_slope_of_the_loss():
    rng = np.random.default_rng(2)
    net = network(kind=np.float64)
    scaled, weights = rng.normal(0, 1, (20, 3)), rng.uniform(0.5, 2, 20)
    codes = rng.integers(ARTEFACT, 3, 20)
    allowed = rng.random((20, 3)) < 0.6
    allowed[np.arange(20), np.maximum(codes, 0)] = True
    slopes = gradient(net, scaled, codes, weights, allowed)
    for name in NAMES[2:]:
        part = getattr(net, name)
        place = np.unravel_index(part.size // 2, part.shape)
        step = np.zeros_like(part)
        step[place] = 1e-6
        ends = [
            loss(replace(net, **{name: part + sign * step}), scaled, codes, weights, allowed)
            for sign in (1, -1)
        ]
        assert slopes[name][place] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


def test_clear_populations_are_found_as_xgboost_finds_them():
    (train, truth), (test, expected) = labelled(0), labelled(7)
    found = named(classifier().fit([train], [truth]).scores(test))
    names, codes = np.unique(truth.astype(str), return_inverse=True)
    trees = xgboost.train(
        {"objective": "multi:softmax", "num_class": len(names), "nthread": 1},
        xgboost.DMatrix(train.linear, codes),
        20,
    )
    by_trees = names[trees.predict(xgboost.DMatrix(test.linear)).astype(int)]
    assert (found == expected).mean() > 0.98
    assert (found == by_trees).mean() > 0.97


@pytest.mark.parametrize("n_events", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_an_event_has_the_same_bits_however_many_follow(n_events):
    rows = np.random.default_rng(3).normal(0, 1, (4 * BLOCK, 3)).astype(np.float32)
    net = network()
    assert np.array_equal(net.margins(rows[:n_events]), net.margins(rows)[:n_events])


def test_an_event_does_not_depend_on_its_place():
    rows = np.random.default_rng(4).normal(0, 1, (3 * BLOCK, 3)).astype(np.float32)
    order = np.random.default_rng(5).permutation(len(rows))
    net = network()
    assert np.allclose(net.margins(rows[order]), net.margins(rows)[order], atol=1e-5)


def test_a_missing_value_is_no_other_events_matter():
    rows = np.random.default_rng(6).normal(0, 1, (10, 3)).astype(np.float32)
    holed = rows.copy()
    holed[4, 1] = np.nan
    whole, found = network().margins(rows), network().margins(holed)
    assert np.isnan(found[4]).all()
    assert np.array_equal(np.delete(found, 4, 0), np.delete(whole, 4, 0))


def test_the_same_events_give_the_same_network():
    rng = np.random.default_rng(8)
    events = Drawn(
        rng.normal(0, 1, (90, 3)).astype(np.float32),
        rng.integers(ARTEFACT, 2, 90),
        np.ones(90, np.float32),
        np.ones((90, 2), bool),
    )
    first, second = (fit_network(events, (0,), QUICK) for _ in range(2))
    assert all(np.array_equal(getattr(first, n), getattr(second, n)) for n in NAMES)


def test_only_clonal_cells_become_aberrant_and_move_towards_each_other():
    batch = np.random.default_rng(1).uniform(10, 20, (100, 3)).astype(np.float32)
    batch[1::2] += 100
    before, cells = batch.copy(), np.arange(0, 100, 2)
    settings = replace(QUICK, aberrant=1.0, most_changed=1)
    _make_aberrant(batch, cells, settings, np.random.default_rng(0))
    assert np.array_equal(batch[1::2], before[1::2])
    changed = batch != before
    assert 25 < changed.sum() <= len(cells)
    assert (changed.sum(axis=1) <= 1).all()
    assert (batch[cells] >= 10).all()
    assert (batch[cells] <= 20).all()


def test_common_classes_are_thinned_and_still_count_for_more():
    rows, codes = np.zeros((110, 2), np.float32), np.repeat([ARTEFACT, 1], [100, 10])
    part = drawn(rows, codes, 3, 20, seed=0)
    assert np.bincount(part.codes + 1).tolist() == [20, 0, 10]
    assert part.weights[part.codes == ARTEFACT] == pytest.approx(5**0.4)
    assert part.weights[part.codes == 1] == pytest.approx(1)
    assert part.allowed.tolist() == [[False, True, False]] * 30
    assert joined([part, part]).weights.mean() == pytest.approx(1)


def test_artefacts_alone_exclude_no_lineage():
    part = drawn(np.zeros((3, 2), np.float32), np.full(3, ARTEFACT), 2, 9, seed=0)
    assert part.allowed.all()


def test_weights_beyond_all_measure_end_in_no_answer():
    """Of a file that someone made up: no warning, no class."""
    net = network()
    for part in ("weights1", "weights2", "weights3"):
        getattr(net, part)[:] = 3e38
    rows = np.ones((5, 3), np.float32) * np.float32(3e38)
    artefact, lineages = shares(net.margins(rows))
    assert not (artefact < 0.5).any()
    assert np.isnan(lineages).all()
