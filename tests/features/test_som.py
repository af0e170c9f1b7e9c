"""Maps: the nearest node, the codebook that is learned, and shares of nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cohort, one_tube, plain_sample, sample_of, with_events

from flowml.errors import FlowmlError
from flowml.features import describe_case, make_recipe
from flowml.features.counting.fine import HIGHEST, LOWEST
from flowml.features.counting.nodes import AT_A_TIME, NodeCounter, nearest
from flowml.features.recipes.scales import Scales
from flowml.features.recipes.som import Som, learn_codebook
from flowml.preprocess.transform import Linear, Log, Logicle
from flowml.quality import Preparation
from flowml.records import Case, Tube
from flowml.scratch import Scratch


def distances(points, nodes):
    """Return all squared distances, in float64."""
    away = points[:, None, :].astype(np.float64) - nodes[None, :, :]
    return (away**2).sum(axis=2)


def learned(points, side, weights=None):
    weights = np.full(len(points), 1 / len(points)) if weights is None else weights
    return learn_codebook(points.astype(np.float32), weights, side)


def error(points, nodes):
    return np.sqrt(distances(points, nodes).min(axis=1)).mean()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 300), st.integers(1, 60), st.integers(1, 8))
def test_the_nearest_node_is_the_nearest(seed, n_points, n_nodes, n_axes):
    rng = np.random.default_rng(seed)
    points = rng.normal(0.4, 0.5, (n_points, n_axes)).astype(np.float32)
    nodes = rng.normal(0.4, 0.5, (n_nodes, n_axes)).astype(np.float32)
    found = nearest(points, nodes)
    every = distances(points, nodes)
    own = np.take_along_axis(every, found[:, None], axis=1)[:, 0]
    # float32 may take another node that is as near but for its rounding
    assert (own <= every.min(axis=1, initial=np.inf) + 1e-5).all()
    clear = np.partition(every, 1, axis=1) if n_nodes > 1 else np.zeros((n_points, 2))
    sure = clear[:, 1] - clear[:, 0] > 1e-5
    np.testing.assert_array_equal(found[sure], every.argmin(axis=1)[sure])


def test_of_nodes_equally_near_the_first_is_taken():
    nodes = np.float32([[0, 0], [1, 0], [1, 0], [0, 0]])
    points = np.float32([[0, 0], [1, 0], [0.25, 5]])
    assert nearest(points, nodes).tolist() == [0, 1, 0]


def test_more_points_than_are_held_at_once():
    rng = np.random.default_rng(0)
    nodes = rng.uniform(0, 1, (9, 3)).astype(np.float32)
    points = rng.uniform(0, 1, (2 * AT_A_TIME + 7, 3)).astype(np.float32)
    together = nearest(points, nodes)
    every = distances(points, nodes)
    assert (np.take_along_axis(every, together[:, None], 1)[:, 0] - every.min(1) < 1e-6).all()
    np.testing.assert_array_equal(together[:AT_A_TIME], nearest(points[:AT_A_TIME], nodes))


def test_events_are_counted_on_their_display_scales_and_odd_ones_nowhere():
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 1000, (3, 500)).astype(np.float32)
    values[0, 3], values[2, 5], values[1, 7] = np.nan, np.nan, np.inf  # row 1 is no axis
    nodes = rng.uniform(0, 1, (4, 2)).astype(np.float32)
    scales = [Logicle(1000.0), Linear(1000.0)]
    with Scratch() as scratch:
        counter = NodeCounter(nodes, [2, 0], scales, scratch)
        counter.see(values)
    rows = [s(values[r].astype(np.float64)) for s, r in zip(scales, (2, 0), strict=True)]
    shown = np.array(rows).T
    whole = shown[np.isfinite(shown).all(axis=1)]
    wanted = np.bincount(distances(whole, nodes).argmin(axis=1), minlength=4)
    assert counter.counts.sum() == len(whole) == 498
    assert np.abs(counter.counts - wanted).sum() <= 2


def test_learning_brings_the_nodes_nearer_to_the_points():
    rng = np.random.default_rng(2)
    blobs = [rng.normal(c, 0.05, (400, 4)) for c in rng.uniform(0, 1, (5, 4))]
    points = np.concatenate(blobs).astype(np.float32)
    spread = rng.uniform(points.min(0), points.max(0), (64, 4))
    nodes = learned(points, 8)
    assert error(points, nodes) < error(points, spread) / 2
    assert (
        error(points, nodes)
        < error(points, learned(points, 4))
        < error(points, learned(points, 2))
    )


def test_a_map_bends_to_points_that_lie_in_no_plane():
    rng = np.random.default_rng(5)
    turn = rng.uniform(0, 2 * np.pi, 3000)
    ring = np.stack([np.cos(turn), np.sin(turn), np.cos(2 * turn)], axis=1)
    ring += rng.normal(0, 0.02, ring.shape)
    nodes = learned(ring, 8)
    assert error(ring, nodes) < 0.1  # 0.66 of the plane that it begins with
    assert len(np.unique(nearest(ring.astype(np.float32), nodes))) > 64 / 2


def test_the_same_points_give_the_same_map():
    points = np.random.default_rng(3).normal(0.3, 0.2, (500, 5))
    assert learned(points, 5).tobytes() == learned(points, 5).tobytes()


def test_points_count_by_their_weights():
    rng = np.random.default_rng(4)
    points = rng.uniform(0, 1, (300, 3)).astype(np.float32)
    times = rng.integers(1, 5, 300)
    weighted = learned(points, 3, times / times.sum())
    repeated = learned(np.repeat(points, times, axis=0), 3)
    np.testing.assert_allclose(weighted, repeated, atol=1e-5)


def test_neighbours_on_the_grid_are_near_in_space():
    points = np.random.default_rng(5).uniform(0, 1, (4000, 2))
    side = 6
    nodes = learned(points, side).reshape(side, side, 2)
    beside = np.concatenate(
        [np.diff(nodes, axis=0).reshape(-1, 2), np.diff(nodes, axis=1).reshape(-1, 2)]
    )
    flat = nodes.reshape(-1, 2)
    assert np.linalg.norm(beside, axis=1).mean() < np.sqrt(distances(flat, flat)).mean() / 2.5
    every = distances(flat, flat) + np.eye(side**2) * 9
    row, column = np.divmod(np.arange(side**2), side)
    second = every.argmin(axis=1)
    steps = np.abs(row - row[second]) + np.abs(column - column[second])
    assert (steps <= 2).mean() > 0.95


@pytest.mark.parametrize("shift", [0.0, 0.7, -300.0])
def test_all_points_at_one_place(shift):
    nodes = learned(np.full((50, 3), shift), 4)
    np.testing.assert_allclose(nodes, shift, atol=1e-3)


def test_fewer_places_than_nodes():
    places = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0.5]])
    points = np.repeat(places, [40, 5, 1], axis=0)
    nodes = learned(points, 5)
    assert np.isfinite(nodes).all()
    assert error(points, nodes) < 0.05


@pytest.mark.parametrize("points", [np.eye(2), np.float64([[0, 0], [1, 1]]), np.zeros((1, 2))])
def test_few_points_are_enough_for_some_map(points):
    assert np.isfinite(learned(points, 3)).all()


def test_a_map_along_one_line():
    points = np.linspace(0, 1, 200)[:, None] * np.ones(4)
    nodes = learned(points, 4)
    assert error(points, nodes) < 0.1
    np.testing.assert_allclose(nodes, nodes[:, [0]] * np.ones(4), atol=1e-6)


def fitted(side=4, **options):
    return make_recipe("som", map_side=side, **options).fit(cohort()[:6])


def test_shares_of_nodes_add_up_to_one():
    recipe = fitted()
    for case in cohort()[6:]:
        row = describe_case(case, recipe)
        assert row.values.shape == (16,)
        assert row.values.min() >= 0
        assert row.values.sum() == pytest.approx(1, abs=1e-6)


def test_shares_of_nodes_are_a_plain_computation():
    recipe = fitted(markers=["CD19", "CD45", "SSC-A"])
    (part,) = recipe.parts
    assert part.markers == ("CD19", "CD45", "SSC-A")
    sample = sample_of(7)
    events = sample.events().astype(np.float64)
    places = [sample.channel_names.index(name) for name in sample.spillover.channels]
    events[:, places] = events[:, places] @ np.linalg.inv(sample.spillover.matrix)
    columns = [sample.column(marker) for marker in part.markers]
    shown = [recipe.scales.of(sample.channels[c])(events[:, c]) for c in columns]
    own = distances(np.array(shown).T, np.array(part.codebook)).argmin(axis=1)
    wanted = np.bincount(own, minlength=16) / sample.n_events
    found = describe_case(one_tube(sample), recipe).values
    assert np.abs(found - wanted).sum() <= 4.01 / sample.n_events


def test_every_axis_counts_in_the_order_of_the_map():
    codebook = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
    part = Som(("CD3", "CD19"), 2, codebook)
    assert part.statistics() == ("som0000", "som0001", "som0100", "som0101")
    base = make_recipe("ecdf", "linear").fit(())
    recipe = type(base)((part,), base.scales)
    values = np.float32([[1000, 5]] * 30 + [[5, 1000]] * 70)  # CD3, CD19
    for order in ([0, 1], [1, 0]):
        markers = [["CD3", "CD19"][n] for n in order]
        case = describe_case(one_tube(plain_sample(values[:, order], markers)), recipe)
        np.testing.assert_allclose(case.values, [0, 0.7, 0.3, 0], atol=1e-7)


def test_a_tube_without_the_markers_of_the_map_has_no_shares():
    recipe = fitted(markers=["CD19", "CD45"])
    rows = np.random.default_rng(0).uniform(0, 900, (200, 2)).astype(np.float32)
    partly = one_tube(plain_sample(rows, ["CD19", "CD3"]))
    case = describe_case(partly, recipe)
    assert case.groups == ()
    assert case.problem
    both = Case("b", (partly.tubes[0], Tube("2", sample_of())))
    assert len(describe_case(both, recipe).values) == 16


def test_events_far_off_the_scale_have_a_node():
    recipe = fitted(markers=["CD19", "SSC-A"])
    sample = sample_of()
    events = sample.events().astype(np.float32)
    events[:, 0] = 1
    events[::3, sample.column("SSC-A")] = 3.4e38
    events[1::3, sample.column("SSC-A")] = -3.4e38
    row = describe_case(one_tube(with_events(sample, events)), recipe, Preparation("none"))
    assert row.values.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        (("CD3",), 2, ((0.0,),) * 4),
        (("CD3", "CD3"), 2, ((0.0, 0.0),) * 4),
        (("CD3", "CD19"), 2, ((0.0, 0.0),) * 3),
        (("CD3", "CD19"), 2, ((0.0,),) * 4),
        (("CD3", "CD19"), 2, ((0.0, float("nan")),) * 4),
        (("CD3", "CD19"), 2, ((0.0, 1e300),) * 4),
        (("CD3", "CD19"), 2, ((0, 1),) * 4),
        (("CD3", 19), 2, ((0.0, 0.0),) * 4),
        (("CD3", "CD19"), 1, ((0.0, 0.0),)),
        (("CD3", "CD19"), 33, ((0.0, 0.0),) * 33**2),
        (("CD3", "CD19"), True, ((0.0, 0.0),)),
    ],
)
def test_a_codebook_that_is_none_is_refused(values):
    with pytest.raises(FlowmlError):
        Som(*values)


@pytest.mark.parametrize(
    ("options", "n_cases"),
    [({"markers": ["CD3"]}, 3), ({"markers": ["CD98", "CD99"]}, 3), ({"map_side": 32}, 1)],
)
def test_a_map_that_cannot_be_learned_says_why(options, n_cases):
    few = [
        one_tube(with_events(sample_of(n), sample_of(n).events()[:300]), f"case {n}")
        for n in range(n_cases)
    ]
    with pytest.raises(FlowmlError, match=r"a map is learned from|none of 3 can be used"):
        make_recipe("som", **options).fit(few)


def test_a_map_of_cases_that_share_no_marker_says_so():
    rows = np.random.default_rng(0).uniform(0, 900, (300, 2)).astype(np.float32)
    cases = [
        one_tube(plain_sample(rows, markers), case_id)
        for case_id, markers in (("a", ["CD3", "CD4"]), ("b", ["CD19", "CD20"]))
    ]
    with pytest.raises(FlowmlError, match="no marker in common"):
        make_recipe("som", map_side=2).fit(cases)


@pytest.mark.parametrize("far", [3.4e38, 1e30, 1e10, -1e10])
def test_one_event_far_off_the_scale_does_not_rule_the_map(far):
    sample = sample_of()
    events = sample.events().astype(np.float32)
    recipe = make_recipe("som", map_side=4, markers=["CD19", "SSC-A"])
    how = Preparation("none")
    usual = np.array(recipe.fit([one_tube(sample)], how).parts[0].codebook)
    events[7, sample.column("SSC-A")] = far
    spoilt = recipe.fit([one_tube(with_events(sample, events))], how).parts[0].codebook
    assert np.abs(spoilt).max() < 2
    columns = [sample.column(marker) for marker in ("CD19", "SSC-A")]
    shown = [Scales().of(sample.channels[c])(sample.events()[:, c]) for c in columns]
    points = np.array(shown).T
    assert error(points, np.array(spoilt)) < 1.2 * error(points, usual)


def test_values_at_or_below_zero_count_on_a_logarithmic_scale():
    recipe = make_recipe("som", "log", map_side=2, markers=["CD3", "CD19"])
    rng = np.random.default_rng(0)
    values = rng.normal(100, 300, (500, 2)).astype(np.float32)
    case = one_tube(plain_sample(values, ["CD3", "CD19"]))
    fitted = recipe.fit([case])
    part = fitted.parts[0]
    shown = np.clip(Log(1024.0)(values[:, ::-1]), LOWEST, HIGHEST)  # CD19, CD3
    assert part.markers == ("CD19", "CD3")
    nodes = np.array(part.codebook)
    wanted = np.bincount(distances(shown, nodes).argmin(axis=1), minlength=4) / 500
    np.testing.assert_allclose(describe_case(case, fitted).values, wanted, atol=2.01 / 500)
