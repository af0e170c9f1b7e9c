"""Random trees of gates against plain numpy in double precision, event by event.

The truth is worked out gate by gate on all events at once: no blocks, no tables, no grids, and
polygons by exact products in place of rounded crossings. Only events within a billionth of a
bound, where a product may be rounded either way, are left to their gate.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowml
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
    apply,
)
from flowml.gating.strategy import LINEAR, UNCOMPENSATED
from flowml.preprocess import display_scale
from flowml.preprocess.transform import Arcsinh, Hyperlog, Linear, Log, Logicle
from flowml.records import Channel, Role, Sample, Spillover

ROLES = (Role.FORWARD_SCATTER, Role.SIDE_SCATTER, *[Role.FLUORESCENCE] * 3, Role.TIME)
OWN = Spillover(("C2", "C3", "C4"), np.array([[1, 0.2, 0.01], [0.1, 1, 0.3], [0, 0.05, 1]]))
OTHER = Spillover(("C2", "C4"), np.array([[1, 0.4], [0.1, 1]]))
TOPS = (262144.0, 1024.0, 1.0, 1e-3, 1e-12, 1e7, 1e15)
SIZES = (0, 1, 2, 300, 8191, 8193, 65535, 65537)
CLOSE = 1e-9


def made(random, n_events, top):
    """Draw events, a few of them not finite, zero or at the top."""
    channels = tuple(
        Channel(f"C{n}", f"M{n}", f"M{n}", role, "A", top) for n, role in enumerate(ROLES)
    )
    values = random.lognormal(0, 2, (n_events, 6)) * top / 50
    values *= random.choice([-0.1, 1], values.shape)
    for odd in (np.nan, np.inf, -np.inf, 0.0, top) if n_events else ():
        places = random.integers(0, n_events, 1 + n_events // 50)
        values[places, random.integers(0, 6, len(places))] = odd
    kind = random.choice([np.float32, np.float64])
    return Sample("s", channels, ArraySource(values.astype(kind)), spillover=OWN)


def drawn_axes(random, n_axes, top):
    scale = random.choice(
        ["logicle", "arcsinh", LINEAR, Logicle(2 * top), Arcsinh(top, top / 50, 1.0), Log(top),
         Linear(top / 3), Hyperlog(top)]
    )  # fmt: skip
    axes = []
    for _ in range(n_axes):
        compensation = random.choice(["FCS", UNCOMPENSATED, "other"])
        ratio = Ratio(f"C{random.integers(6)}", -1.5, 0.0, float(random.choice([0, top / 99])))
        axes.append(
            Dimension(f"C{random.integers(6)}", LINEAR, compensation, ratio)
            if random.random() < 0.15
            else Dimension(f"C{random.integers(6)}", scale, compensation)
        )
    return tuple(axes)


def drawn_shape(random, n_axes, middle, width):
    if n_axes == 1:
        low, high = np.sort(middle + width * random.normal(0, 0.5, (2, 1)), axis=0)[:, 0]
        return Range(low, high if random.random() < 0.8 else np.inf)
    if n_axes == 2 and random.random() < 0.6:
        corners = middle + width * random.normal(0, 0.6, (random.integers(3, 12), 2))
        if random.random() < 0.3:
            corners[1:] = corners[:-1]  # a corner twice
        return Polygon(corners if random.random() < 0.9 else corners[[0, 0, 0]])  # no area
    if random.random() < 0.5:
        ends = np.sort(middle + width * random.normal(0, 0.5, (2, n_axes)), axis=0)
        open_ends = random.random((2, n_axes)) < 0.2
        return Rectangle(*np.where(open_ends, [[-np.inf], [np.inf]], ends))
    turn = random.normal(0, 0.4, (n_axes, n_axes))
    covariance = (turn @ turn.T + 1e-3 * np.eye(n_axes)) * np.outer(width, width)
    return Ellipsoid(middle + width * random.normal(0, 0.3, n_axes), covariance, 1.5)


def drawn_strategy(random, top):
    gates = []
    for number in range(random.integers(1, 20)):
        names = [gate.name for gate in gates]
        parent = str(random.choice([*names, ""]))
        if names and random.random() < 0.25:
            operation = str(random.choice(["and", "or", "not"]))
            joined = random.choice(names, 1 if operation == "not" else random.integers(1, 4))
            joined = tuple(map(str, joined))
            complements = frozenset(name for name in joined if random.random() < 0.4)
            shape, axes = Combination(operation, joined, complements), ()
        else:
            axes = drawn_axes(random, int(random.choice([1, 2, 2, 2, 3])), top)
            width = np.array([top / 50 if axis.scale == LINEAR else 1.0 for axis in axes])
            width = np.where([axis.ratio is not None for axis in axes], 1.0, width)
            shape = drawn_shape(random, len(axes), width / 2, width)
        outside = bool(axes) and bool(random.random() < 0.2)
        gates.append(Gate(f"g{number}", shape, axes, parent, outside))
    random.shuffle(gates)  # a parent may follow its child
    return Strategy(tuple(gates), {"other": OTHER})


def on_axis(sample, axis):
    """Return all values of an axis in double precision."""
    values = sample.linear.astype(np.float64)
    if axis.compensation != UNCOMPENSATED:
        matrix = OTHER if axis.compensation == "other" else OWN
        columns = [sample.column(name) for name in matrix.channels]
        inverse = np.linalg.inv(matrix.matrix)
        values[:, columns] = sum(
            values[:, [column]] * row for column, row in zip(columns, inverse, strict=True)
        )
    x = values[:, sample.column(axis.channel)]
    if ratio := axis.ratio:
        y = values[:, sample.column(ratio.divisor)] - ratio.divisor_offset
        return ratio.factor * ((x - ratio.offset) / y)
    if axis.scale == LINEAR:
        return x
    channel = sample.channels[sample.column(axis.channel)]
    scale = display_scale(channel, axis.scale) if isinstance(axis.scale, str) else axis.scale
    return scale(x)


def in_polygon(points, corners):
    """Tell the events inside, and how far each is from the nearest side, by exact products."""
    inside, near = np.zeros(len(points), bool), np.full(len(points), np.inf)
    for one, other in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        (x1, y1), (x2, y2) = sorted([one, other], key=lambda corner: corner[1])
        met = (y1 <= points[:, 1]) & (points[:, 1] < y2)
        inside ^= met & ((x2 - x1) * (points[:, 1] - y1) > (points[:, 0] - x1) * (y2 - y1))
        along = other - one
        share = np.clip((points - one) @ along / max(along @ along, 1e-300), 0, 1)
        near = np.fmin(near, np.abs(points - one - share[:, None] * along).max(axis=1))
    return inside & np.isfinite(points).all(axis=1), near


def in_shape(values, shape):
    """Tell the events inside, and those too close to a bound for another order of sums."""
    if isinstance(shape, Polygon):
        inside, near = in_polygon(values, shape.vertices)
        return inside, near < CLOSE * max(1.0, np.abs(shape.vertices).max())
    if isinstance(shape, Ellipsoid):
        offsets = values - shape.center
        squares = (offsets @ np.linalg.inv(shape.covariance) * offsets).sum(axis=1)
        inside = squares <= shape.distance_square
        return inside, np.abs(squares / shape.distance_square - 1) < 1e-6
    low, high = np.atleast_1d(shape.low), np.atleast_1d(shape.high)
    inside = (values >= low) & ((values < high) | (np.isposinf(high) & ~np.isnan(values)))
    close = CLOSE * np.maximum(1, np.abs(values))
    near = (np.abs(values - low) < close) | (np.abs(values - high) < close)
    return inside.all(axis=1), near.any(axis=1)


def truth(sample, strategy):
    """Return the mask of each gate, and which events of it are too close to call."""
    masks, unsure = {"": np.ones(sample.n_events, bool)}, {"": np.zeros(sample.n_events, bool)}
    for gate in strategy.ordered:
        shape = gate.shape
        if isinstance(shape, Combination):
            joined = [masks[name] ^ (name in shape.complements) for name in shape.populations]
            mask = (np.any if shape.operation == "or" else np.all)(joined, axis=0)
            mask = mask ^ (shape.operation == "not")
            doubt = np.any([unsure[name] for name in shape.populations], axis=0)
        else:
            values = np.column_stack([on_axis(sample, axis) for axis in gate.dimensions])
            mask, doubt = in_shape(values, shape)
            mask = mask ^ gate.outside
        masks[gate.name] = mask & masks[gate.parent]
        unsure[gate.name] = doubt | unsure[gate.parent]
    return masks, unsure


@pytest.mark.parametrize("least_tabled", [0, apply.LEAST_TABLED])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from(SIZES), st.sampled_from(TOPS))
def test_every_event_of_every_gate_is_where_plain_numpy_puts_it(least_tabled, seed, size, top):
    random = np.random.default_rng(seed)
    sample, strategy = made(random, size, top), drawn_strategy(random, top)
    usual = apply.LEAST_TABLED
    apply.LEAST_TABLED = least_tabled
    try:
        found = flowml.gate(sample, strategy)
    finally:
        apply.LEAST_TABLED = usual
    with np.errstate(all="ignore"):
        masks, unsure = truth(sample, strategy)
    assert list(found) == [gate.name for gate in strategy.gates]
    for name, mask in found.items():
        wrong = (mask != masks[name]) & ~unsure[name]
        assert not wrong.any(), strategy[name]
