"""Shapes, strategies and masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from flowutils.gating import points_in_ellipsoid, points_in_polygon
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import flowml
from flowml.errors import FcsError, GateError, StateError
from flowml.events import ArraySource
from flowml.gating import (
    Combination,
    Dimension,
    Ellipsoid,
    Gate,
    Polygon,
    Range,
    Rectangle,
    Strategy,
)
from flowml.gating.gates import inside
from flowml.records import Channel, Role, Sample, Scale, Spillover

CORNERS = arrays(np.float64, (6, 2), elements=st.integers(0, 8).map(float))
LATTICE = np.array([(x, y) for x in range(-1, 10) for y in range(-1, 10)], dtype=float)


@given(CORNERS)
def test_polygon_agrees_with_flowutils_even_where_it_crosses_itself(corners):
    expected = points_in_polygon(corners, LATTICE + 0.25)
    assert np.array_equal(inside(LATTICE + 0.25, Polygon(corners)), expected)


def test_points_on_a_side_are_inside_one_of_two_neighbours():
    left = Polygon([(0, 0), (4, 0), (4, 8), (0, 8)])
    right = Polygon([(4, 0), (8, 0), (8, 8), (4, 8)])
    both = inside(LATTICE, left).astype(int) + inside(LATTICE, right)
    x, y = LATTICE.T
    assert np.array_equal(both == 1, (x >= 0) & (x < 8) & (y >= 0) & (y < 8))
    assert both.max() == 1


def test_polygon_agrees_with_flowutils_on_its_sides():
    for corners in ([(0, 0), (6, 2), (3, 8)], [(1, 1), (1, 5), (5, 5), (5, 1)]):
        expected = points_in_polygon(np.array(corners, float), LATTICE)
        assert np.array_equal(inside(LATTICE, Polygon(corners)), expected)


def test_ellipsoid_agrees_with_flowutils():
    points = np.random.default_rng(1).normal(size=(500, 3)) * 2
    covariance = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 3.0]])
    expected = points_in_ellipsoid(covariance, np.array([0.1, 0.2, 0.3]), 1.5, points)
    assert np.array_equal(inside(points, Ellipsoid([0.1, 0.2, 0.3], covariance, 1.5)), expected)


def test_ranges_are_half_open_and_open_ends_hold_infinity():
    values = np.array([[-np.inf], [1.0], [2.0], [3.0], [np.inf], [np.nan]])
    assert inside(values, Range(1.0, 3.0)).tolist() == [False, True, True] + [False] * 3
    assert inside(values, Range(2.0, np.inf)).tolist() == [
        False,
        False,
        True,
        True,
        True,
        False,
    ]
    assert inside(values, Range(-np.inf, np.inf)).tolist() == [True] * 5 + [False]


@pytest.mark.parametrize(
    "shape",
    [
        Range(-np.inf, np.inf),
        Rectangle([-np.inf, -np.inf], [np.inf, np.inf]),
        Polygon([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
        Ellipsoid([0, 0], np.eye(2)),
    ],
)
def test_nan_is_in_no_shape_and_no_events_are_no_mask(shape):
    assert not inside(np.full((3, shape.n_dims), np.nan), shape).any()
    assert inside(np.empty((0, shape.n_dims)), shape).shape == (0,)
    assert inside(np.zeros((1, shape.n_dims)), shape).tolist() == [True]


def test_infinite_values_are_in_no_polygon_and_no_ellipse():
    values = np.array([[0, np.inf], [-np.inf, 0], [np.inf, np.inf], [np.inf, -np.inf]])
    assert not inside(values, Polygon([(-1, -1), (1, -1), (1, 1), (-1, 1)])).any()
    assert not inside(values, Ellipsoid([0, 0], np.eye(2))).any()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Range(2, 1), "below the high"),
        (lambda: Range(np.nan, 1), "below the high"),
        (lambda: Rectangle([0, 1], [1]), "one low and one high"),
        (lambda: Polygon([(0, 0), (1, 1)]), "3 to 10000 vertices"),
        (lambda: Polygon([(0, 0), (1, 1), (np.inf, 0)]), "3 to 10000 vertices"),
        (lambda: Ellipsoid([0], [[1]]), "n >= 2"),
        (lambda: Ellipsoid([0, 0], np.ones((2, 2))), "inverted"),
        (lambda: Ellipsoid([0, 0], np.eye(2), -1), "above 0"),
        (lambda: Combination("xor", ("a",)), "expected and"),
        (lambda: Combination("not", ("a", "b")), "exactly one"),
        (lambda: Combination("or", ()), "one or more"),
        (lambda: Gate("", Range(0, 1), (Dimension("X"),)), "no name"),
        (lambda: Gate("g", Range(0, 1)), "names 0 channels"),
    ],
)
def test_what_is_no_gate_is_refused(make, says):
    with pytest.raises(GateError, match=says):
        make()


def test_shapes_cannot_be_changed():
    low = np.zeros(2)
    shape = Rectangle(low, np.ones(2))
    low[0] = 5
    assert shape.low[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        shape.low[0] = 1


@dataclass(frozen=True)
class Pieces:
    """Events that come in pieces of a size of its own."""

    values: np.ndarray
    size: int

    @property
    def n_events(self):
        return len(self.values)

    def blocks(self, size):  # noqa: ARG002 - it is the point not to look at it
        for start in range(0, len(self.values), self.size):
            yield self.values[start : start + self.size]

    def events(self):
        return self.values.copy()

    def stored(self):
        return self.values

    def findings(self):
        return ()


CHANNELS = (
    Channel("FSC-A", marker="FSC-A", role=Role.FORWARD_SCATTER, pulse="A"),
    Channel("FITC-A", "CD3", "CD3", Role.FLUORESCENCE, "A"),
    Channel("PE-A", "CD19", "CD19", Role.FLUORESCENCE, "A"),
)
SPILLOVER = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.2], [0.1, 1]]))


def make_sample(n_events=3000, seed=0, **more):
    values = np.random.default_rng(seed).lognormal(8, 2, (n_events, 3)).astype(np.float32)
    return Sample("s", CHANNELS, ArraySource(values), spillover=SPILLOVER, **more)


def make_strategy():
    return Strategy(
        (
            Gate("T", Range(0.4, 0.8), (Dimension("CD3"),), "cells"),
            Gate("cells", Range(500, 1e5), (Dimension("FSC-A", "linear"),)),
            Gate(
                "blob",
                Polygon([(0.3, 0.3), (0.8, 0.4), (0.5, 0.9)]),
                (Dimension("CD3"), Dimension("CD19")),
                "T",
            ),
            Gate("rest", Combination("not", ("T",)), (), "cells"),
            Gate("none", Combination("and", ("T", "cells"), frozenset({"cells"}))),
            Gate("all", Combination("or", ("cells", "rest"), frozenset({"rest"}))),
        )
    )


def test_masks_are_in_the_order_of_the_strategy_and_children_in_their_parents():
    masks = flowml.gate(make_sample(), make_strategy())
    assert list(masks) == ["T", "cells", "blob", "rest", "none", "all"]
    assert all(mask.dtype == bool and mask.shape == (3000,) for mask in masks.values())
    assert 0 < masks["blob"].sum() < masks["T"].sum() < masks["cells"].sum() < 3000
    assert not (masks["T"] & ~masks["cells"]).any()
    assert not (masks["blob"] & ~masks["T"]).any()
    assert np.array_equal(masks["rest"], masks["cells"] & ~masks["T"])
    assert not masks["none"].any()
    assert np.array_equal(masks["all"], masks["cells"] | ~masks["rest"])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4000), st.integers(0, 1000))
def test_neither_the_cut_into_blocks_nor_the_order_of_events_matters(size, seed):
    sample, strategy = make_sample(), make_strategy()
    expected = flowml.gate(sample, strategy)
    order = np.random.default_rng(seed).permutation(3000)
    shuffled = replace(sample, source=Pieces(sample.stored[order], size))
    for name, mask in flowml.gate(shuffled, strategy).items():
        assert np.array_equal(mask, expected[name][order])


def test_a_dimension_gets_the_compensation_that_it_asks_for():
    sample = make_sample()
    own = Strategy((Gate("g", Range(1000, 5000), (Dimension("CD19", "linear"),)),))
    raw = Strategy(
        (Gate("g", Range(1000, 5000), (Dimension("CD19", "linear", "uncompensated"),)),)
    )
    named = Strategy(
        (Gate("g", Range(1000, 5000), (Dimension("CD19", "linear", "M"),)),), {"M": SPILLOVER}
    )
    values = sample.linear.astype(float)
    unmixed = values[:, 1:] @ np.linalg.inv(SPILLOVER.matrix)
    by_hand = (unmixed[:, 1] >= 1000) & (unmixed[:, 1] < 5000)
    assert np.array_equal(flowml.gate(sample, own)["g"], by_hand)
    assert np.array_equal(flowml.gate(sample, named)["g"], by_hand)
    untouched = (values[:, 2] >= 1000) & (values[:, 2] < 5000)
    assert np.array_equal(flowml.gate(sample, raw)["g"], untouched)
    assert np.array_equal(flowml.gate(sample, own, "none")["g"], untouched)
    done = replace(sample, scale=Scale.COMPENSATED)
    assert np.array_equal(flowml.gate(done, own)["g"], untouched)
    for strategy in (raw, named):
        with pytest.raises(StateError, match="already compensated"):
            flowml.gate(done, strategy)
    with pytest.raises(StateError, match="display scale"):
        flowml.gate(flowml.display(sample), own)
    with pytest.raises(FcsError, match="cannot be compensated"):
        flowml.gate(replace(sample, spillover=None), own, "file")


def test_display_coordinates_are_those_of_the_display_scale():
    sample = make_sample()
    strategy = Strategy((Gate("g", Range(0.5, 0.7), (Dimension("CD3"),)),))
    shown = flowml.display(flowml.compensate(sample)).linear[:, 1]
    expected = (shown >= 0.5) & (shown < 0.7)
    assert (flowml.gate(sample, strategy)["g"] != expected).sum() <= 1  # float32 there


@pytest.mark.parametrize("n_events", [0, 1])
def test_few_events(n_events):
    masks = flowml.gate(make_sample(n_events), make_strategy())
    assert all(mask.shape == (n_events,) for mask in masks.values())


def test_an_event_without_values_is_in_no_shape():
    sample = make_sample(2)
    values = np.full((2, 3), np.nan, dtype=np.float32)
    masks = flowml.gate(replace(sample, source=ArraySource(values)), make_strategy())
    assert not any(masks[name].any() for name in ("T", "cells", "blob", "rest", "none"))


def test_a_channel_that_is_not_there_is_named_with_its_gate():
    strategy = Strategy((Gate("my gate", Range(0, 1), (Dimension("CD4"),)),))
    with pytest.raises(GateError, match=r"'my gate'.*'CD4'"):
        flowml.gate(make_sample(), strategy)
    foreign = Spillover(("APC-A",), np.eye(1))
    strategy = Strategy(
        (Gate("g", Range(0, 1), (Dimension("CD3", "linear", "M"),)),), {"M": foreign}
    )
    with pytest.raises(GateError, match="APC-A"):
        flowml.gate(make_sample(), strategy)


def simple(name, parent="", **more):
    return Gate(name, Range(0, 1), (Dimension("X", **more),), parent)


@pytest.mark.parametrize(
    ("gates", "says"),
    [
        ((simple("a"), simple("a")), "two gates named 'a'"),
        ((simple("a", "b"),), "'b', which is not there"),
        ((simple("a", "b"), simple("b", "a")), "depend on themselves"),
        ((simple("a", "a"),), "depend on themselves"),
        ((Gate("a", Combination("not", ("c",))),), "'c', which is not there"),
        ((simple("a", scale="cubic"),), "'cubic'"),
        ((simple("a", compensation="M"),), "no matrices"),
    ],
)
def test_what_is_no_tree_is_refused(gates, says):
    with pytest.raises(GateError, match=says):
        Strategy(gates)


def test_a_gate_is_found_by_its_name():
    strategy = make_strategy()
    assert strategy["T"].parent == "cells"
    with pytest.raises(GateError, match=r"'cell'.*Nearest: cells"):
        strategy["cell"]


def test_polygons_that_share_a_side_share_no_event_and_leave_none_out():
    """Integer events lie on slanted sides exactly; the side is told in either direction."""
    whole = np.stack(np.meshgrid(np.arange(60), np.arange(60)), -1).reshape(-1, 2)
    random = np.random.default_rng(0)
    events = whole.astype(float)
    for corners in random.integers(0, 60, (400, 4, 2)).astype(float):
        a, b, c, d = corners
        along, left, right = b - a, c - a, d - a
        if (along[0] * left[1] - along[1] * left[0]) * (
            along[0] * right[1] - along[1] * right[0]
        ) >= 0:
            continue  # not on two sides of a-b
        one, other = (inside(events, Polygon(three)) for three in ([a, b, c], [b, a, d]))
        assert not (one & other).any()
        assert np.array_equal(one | other, inside(events, Polygon([a, d, b, c])))


def test_the_largest_numbers_are_no_error():
    far = Polygon([(-1e308, -1e308), (1e308, 1e308), (1e308, -1e308)])
    assert not inside([[np.inf, 0], [0, np.nan]], far).any()
    wide = Ellipsoid([0, 0], np.eye(2) * 1e300)
    assert inside([[1e300, 1e300], [0, 0]], wide).tolist() == [False, True]


def test_what_is_negated_is_among_what_is_joined():
    with pytest.raises(GateError, match="complements names b"):
        Combination("and", ("a",), frozenset({"b"}))
