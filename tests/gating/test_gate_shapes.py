"""Quadrants, ratios and what lies outside; by table and grid the same masks as exactly."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowml
from flowml.errors import GateError
from flowml.events import ArraySource
from flowml.gating import (
    Combination,
    Dimension,
    Ellipsoid,
    Gate,
    Polygon,
    Range,
    Ratio,
    Rectangle,
    Strategy,
    gate_populations,
    quadrants,
)
from flowml.gating.gates import inside
from flowml.gating.outline import outline
from flowml.gating.raster import INSIDE, NEAR, SIDE, lay_out
from flowml.gating.strategy import between_dividers
from flowml.preprocess import display_scale
from flowml.preprocess.transform import TRANSFORMS
from flowml.records import Channel, Role, Sample, Spillover

CHANNELS = (
    Channel("FSC-A", marker="FSC-A", role=Role.FORWARD_SCATTER, pulse="A"),
    Channel("FSC-H", marker="FSC-H", role=Role.FORWARD_SCATTER, pulse="H"),
    Channel("FITC-A", "CD4", "CD4", Role.FLUORESCENCE, "A"),
    Channel("PE-A", "CD8", "CD8", Role.FLUORESCENCE, "A"),
)
SPILLOVER = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.2], [0.1, 1]]))
CD4, CD8 = Dimension("CD4"), Dimension("CD8")


def made(n_events, seed=0):
    random = np.random.default_rng(seed)
    values = random.lognormal(8, 2, (n_events, 4)) * random.choice([-0.05, 1], (n_events, 4))
    return Sample("s", CHANNELS, ArraySource(values.astype(np.float32)), spillover=SPILLOVER)


def alone(*gates):
    return Strategy(gates)


def test_quadrants_part_all_events_that_have_values():
    names = {"--": (0, 0), "-+": (0, 1), "+-": (1, 0), "++": (1, 1)}
    sample = made(3000)
    masks = flowml.gate(sample, alone(*quadrants((CD4, CD8), [[0.4], [0.5]], names)))
    assert list(masks) == list(names)
    assert (np.sum(list(masks.values()), axis=0) == 1).all()
    shown = flowml.display(flowml.compensate(sample)).linear[:, 2:]
    by_hand = (shown[:, 0] >= 0.4) & (shown[:, 1] < 0.5)
    assert (masks["+-"] != by_hand).sum() <= 1  # float32 there


def test_more_dividers_make_more_parts_and_a_value_on_one_lies_above_it():
    dim, parts = Dimension("FSC-A", "linear"), {"a": [0], "b": [1], "c": [2]}
    gates = quadrants([dim], [[10.0, 20.0]], parts)
    values = np.array([[9.9], [10.0], [19.9], [20.0], [np.nan], [np.inf]])
    masks = [inside(values, gate.shape) for gate in gates]
    assert np.array(masks).astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 0, 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dividers", "place", "says"),
    [
        ([[1, 1]], [0], "numbers that rise"),
        ([[]], [0], "numbers that rise"),
        ([[np.inf]], [0], "numbers that rise"),
        ([[1]], [2], "expected 0 to 1"),
        ([[1]], [-1], "expected 0 to 1"),
        ([[1]], [0, 0], "among dividers on 1 axes"),
    ],
)
def test_dividers_that_make_no_sense_are_refused(dividers, place, says):
    with pytest.raises(GateError, match=says):
        between_dividers(dividers, place)


def test_a_place_has_one_name():
    with pytest.raises(GateError, match="1 places by 2 names"):
        quadrants([CD4], [[0.5]], {"a": [1], "b": [1]})


def test_a_ratio_is_of_compensated_values_less_their_offsets():
    sample = made(3000)
    ratio = Ratio("CD8", factor=2.0, offset=5.0, divisor_offset=-3.0)
    gates = alone(Gate("r", Range(0.5, 4), (Dimension("CD4", "linear", ratio=ratio),)))
    values = sample.linear[:, 2:].astype(float) @ np.linalg.inv(SPILLOVER.matrix)
    share = 2 * (values[:, 0] - 5) / (values[:, 1] + 3)
    assert np.array_equal(flowml.gate(sample, gates)["r"], (share >= 0.5) & (share < 4))


def test_a_ratio_with_zero_is_infinite_or_no_number():
    values = np.array([[1, 0, 1, 1], [0, 0, 1, 1], [-1, 0, 1, 1], [4, 2, 1, 1]], np.float32)
    sample = Sample("s", CHANNELS, ArraySource(values))
    axis = Dimension("FSC-A", "linear", ratio=Ratio("FSC-H"))
    masks = flowml.gate(
        sample,
        alone(
            Gate("up", Range(1, np.inf), (axis,)),
            Gate("not up", Range(1, np.inf), (axis,), outside=True),
        ),
    )
    assert masks["up"].tolist() == [True, False, False, True]
    assert masks["not up"].tolist() == [False, True, True, False]


def test_ratios_that_make_no_sense_are_refused():
    with pytest.raises(GateError, match="first not 0"):
        Ratio("X", factor=0)
    with pytest.raises(GateError, match="ratio on the scale logicle"):
        alone(Gate("r", Range(0, 1), (Dimension("A", ratio=Ratio("B")),)))
    strange = alone(Gate("r", Range(0, 1), (Dimension("CD4", "linear", ratio=Ratio("CD5")),)))
    with pytest.raises(GateError, match=r"gate 'r'.*'CD5'"):
        flowml.gate(made(5), strange)


def test_outside_is_all_of_the_parent_that_is_not_inside():
    parent = Gate("cells", Range(1e3, 1e5), (Dimension("FSC-A", "linear"),))
    shape = Polygon([(0.3, 0.3), (0.8, 0.4), (0.5, 0.9)])
    masks = flowml.gate(
        made(3000),
        alone(
            parent,
            Gate("in", shape, (CD4, CD8), "cells"),
            Gate("out", shape, (CD4, CD8), "cells", outside=True),
        ),
    )
    assert not (masks["in"] & masks["out"]).any()
    assert np.array_equal(masks["in"] | masks["out"], masks["cells"])
    assert 0 < masks["in"].sum() < masks["cells"].sum()
    with pytest.raises(GateError, match="negate its populations"):
        Gate("n", Combination("not", ("in",)), outside=True)


def test_populations_go_down_the_tree():
    gates = (
        Gate("c", Range(0, 1), (CD4,), "b"), Gate("a", Range(0, 1), (CD4,)),
        Gate("b", Range(0, 1), (CD8,)), Gate("d", Range(0, 1), (CD8,), "a"),
    )  # fmt: skip
    found = gate_populations(made(50), alone(*gates))
    assert list(found.masks) == ["a", "d", "b", "c"]
    assert found.parent("c") == "b"


def shapes(random):
    """Draw a shape of each kind, on a display scale."""
    low = random.uniform(-0.1, 0.6, 2)
    turn = random.normal(0, 0.2, (2, 2))
    return (
        Rectangle(low, low + random.uniform(0.05, 0.6, 2)),
        Rectangle([low[0], -np.inf], [np.inf, low[1] + 0.2]),
        Polygon(random.uniform(-0.1, 1.1, (random.integers(3, 9), 2))),  # most cross themselves
        Polygon(np.round(random.uniform(0, 1, (5, 2)), 1)),  # sides that are level or upright
        Ellipsoid(random.uniform(0.2, 0.8, 2), turn @ turn.T + 1e-3 * np.eye(2), 1.5),
        Polygon([(0.2, 0.3), (0.2 + 1e-7, 0.9), (0.2 + 2e-7, 0.1)]),  # too narrow for a grid
    )


@pytest.mark.parametrize("scale", ["logicle", "arcsinh", *TRANSFORMS])
def test_tables_and_grids_change_no_mask(scale):
    """Enough events for tables; the truth is the exact value of each event."""
    random = np.random.default_rng(len(scale))
    sample = made(40_000, seed=3)
    of = [display_scale(c, scale) for c in CHANNELS[2:]]
    axes = tuple(Dimension(name, of_it) for name, of_it in zip(("CD4", "CD8"), of, strict=True))
    gates = [
        Gate(f"{turn}.{number}", shape, axes)
        for turn in range(3)
        for number, shape in enumerate(shapes(random))
    ]
    linear = flowml.compensate(_in_double(sample)).linear[:, 2:]
    shown = np.column_stack([one(values) for one, values in zip(of, linear.T, strict=True)])
    on_a_bound = np.abs(random.choice(shown[:, 0][np.isfinite(shown[:, 0])], 1))[0]
    gates.append(Gate("on a value", Rectangle([on_a_bound, -9], [9, 9]), axes))
    masks = flowml.gate(_in_double(sample), alone(*gates))
    for gate in gates:
        wrong = np.flatnonzero(masks[gate.name] != inside(shown, gate.shape))
        # a product may differ in its last bit, which shows where an event lies on a bound
        assert len(wrong) <= (gate.name == "on a value"), gate


def _in_double(sample):
    return Sample(
        "s", CHANNELS, ArraySource(sample.linear.astype(np.float64)), spillover=SPILLOVER
    )


def test_values_that_are_not_finite_are_where_they_were():
    values = made(25_000).linear.copy()
    values[:6, 2] = [np.nan, np.inf, -np.inf, 3e38, -3e38, 0]
    sample = Sample("s", CHANNELS, ArraySource(values))
    gates = alone(
        Gate("above", Range(0.5, np.inf), (CD4,)), Gate("below", Range(-np.inf, 0.5), (CD4,)),
        Gate("p", Polygon([(-99, -99), (99, -99), (99, 99), (-99, 99)]), (CD4, CD8)),
        Gate("e", Ellipsoid([0.5, 0.5], np.eye(2) * 1e4), (CD4, CD8)),
    )  # fmt: skip
    masks = flowml.gate(sample, gates)
    assert masks["above"][:6].tolist() == [False, True, False, True, False, False]
    assert masks["below"][:6].tolist() == [False, False, True, False, True, True]
    for name in "pe":
        assert masks[name][:6].tolist() == [False, False, False, True, True, True]
        assert masks[name][6:].all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 12))
def test_cells_that_are_sure_are_right(seed, n_vertices):
    """Of any polygon, and of values that err by the margin."""
    random = np.random.default_rng(seed)
    shape = Polygon(random.normal(0, 1, (n_vertices, 2)))
    margin = 1e-5
    raster = lay_out(shape.vertices, margin)
    low, high = shape.vertices.min(axis=0), shape.vertices.max(axis=0)
    if raster is None:
        assert (high - low).min() / SIDE < 10 * margin
        return
    points = random.uniform(low, high, (2000, 2))
    seen = np.clip(points + random.uniform(-margin, margin, points.shape), low, high)
    cells = raster.look_up(*seen.T)
    sure = cells != NEAR
    assert np.array_equal((cells == INSIDE)[sure], inside(points, shape)[sure])
    assert sure.mean() > 0.3


def test_a_grid_of_a_tiny_polygon_holds_all_that_its_box_lets_in():
    """Of values as small as these the box is wider than its shape, by its own allowance."""
    random = np.random.default_rng(2)
    values = random.normal(0, 1e-13, (3000, 4)) + 5e-14
    shape = Polygon(random.uniform(0, 1e-13, (6, 2)))
    axes = (Dimension("FSC-A", "linear"), Dimension("FSC-H", "linear"))
    masks = flowml.gate(
        Sample("s", CHANNELS, ArraySource(values)), alone(Gate("p", shape, axes))
    )
    assert np.array_equal(masks["p"], inside(values[:, :2], shape))
    assert masks["p"].any()


def test_a_polygon_of_many_corners_takes_little_memory():
    random = np.random.default_rng(3)
    values = random.uniform(0, 1, (60_000, 4)).astype(np.float32)
    shape = Polygon(random.uniform(0, 1, (600, 2)))
    axes = (Dimension("FSC-A", "linear"), Dimension("FSC-H", "linear"))
    sample = Sample("s", CHANNELS, ArraySource(values))
    tracemalloc.start()
    mask = flowml.gate(sample, alone(Gate("p", shape, axes)))["p"]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100e6  # it was 800 MB, all events against all sides
    assert np.array_equal(mask[:2000], inside(values[:2000, :2], shape))


def test_an_ellipse_may_have_axes_of_units_far_apart():
    """A scatter channel that ends at 2^24, in its units, beside a logicle scale."""
    spread = np.array([8e5, 5e-3])
    shape = Ellipsoid([4e6, 0.5], [[1, 0.6], [0.6, 1]] * np.outer(spread, spread), 2.0)
    round_one = Ellipsoid([0, 0], [[1, 0.6], [0.6, 1]], 2.0)
    values = np.random.default_rng(4).normal(0, 1.5, (5000, 2))
    assert np.array_equal(
        inside(values * spread + shape.center, shape), inside(values, round_one)
    )
    assert shape.extent is not None
    steepest = 1 / (5e-3 * (1 - 0.6**2) ** 0.5)
    assert shape.extent[2] == pytest.approx(steepest, rel=1e-6)
    offsets = (outline(shape, np.zeros((2, 2))) - shape.center) / spread
    squares = (offsets @ np.linalg.inv([[1, 0.6], [0.6, 1]]) * offsets).sum(axis=1)
    assert np.allclose(squares, 2.0)
