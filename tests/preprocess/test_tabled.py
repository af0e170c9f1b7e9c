"""Tabled scales against the exact ones, over every key of float32."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FlowmlError
from flowml.preprocess import TRANSFORMS, Tabled
from flowml.preprocess.tabled import _table
from flowml.preprocess.transform import (
    Arcsinh,
    Biexponential,
    Hyperlog,
    Linear,
    Log,
    Logicle,
)

SCALES = [
    Logicle(262144), Logicle(4194304, 0.5, 5.5, -0.25), Logicle(1e6, 2.25), Logicle(1024, 0.1),
    Logicle(1000, 0.5, 1.0), Arcsinh(262144), Arcsinh(1024), Arcsinh(1e4, 5.0),
    Arcsinh.from_decades(1e5, 4.5, 1), Log(262144), Log(1000, 2), Linear(262144),
    Linear(1e-40), Linear(1e300), Hyperlog(262144), Hyperlog(1e4, 1, 4, 1),
    Biexponential(262144), Biexponential(1e4, -100, 4, 1),
]  # fmt: skip


@dataclass(frozen=True)
class Kinked:
    """A scale with a kink within a key, a plateau, and finite ends."""

    top: float = 1000.0

    def __call__(self, x):
        with np.errstate(all="ignore"):
            values = np.asarray(x, dtype=np.float64) / self.top
            return np.clip(np.where(values > 0.1234, 3 * values - 0.2468, values), -0.5, 1)

    def inverse(self, y):
        raise NotImplementedError


def every_key(seed: int = 0) -> np.ndarray:
    """Return values of all 65,536 upper halves: their ends, and others within."""
    random = np.random.default_rng(seed)
    lower = random.integers(0, 1 << 16, (1 << 16, 12), dtype=np.uint32)
    lower[:, :3] = [0, 1 << 15, (1 << 16) - 1]
    upper = np.arange(1 << 16, dtype=np.uint32)[:, None] << np.uint32(16)
    return (upper | lower).view(np.float32)


def assert_close(shown, exact):
    assert shown.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(shown), np.isnan(exact))
    with np.errstate(over="ignore"):
        single = exact.astype(np.float32)
    away = np.isinf(single)  # infinite, or beyond what float32 holds
    np.testing.assert_array_equal(shown[away], single[away])
    if away.all():
        return
    rest = ~away & ~np.isnan(exact)
    error = np.abs(shown[rest] - exact[rest]) / np.maximum(1, np.abs(exact[rest]))
    assert error.max() < 1e-6


@pytest.mark.parametrize("scale", [*SCALES, Kinked()], ids=repr)
def test_every_key_is_within_a_millionth(scale):
    values = every_key()
    assert_close(Tabled(scale)(values), scale(values))


@pytest.mark.parametrize("scale", SCALES, ids=repr)
def test_every_value_around_the_steepest_and_most_curved_places(scale):
    places = [0, 1e-3, 1, 150, scale.inverse(0.5), scale.inverse(0.2), scale.top]
    bits = np.minimum(places, 3e38).astype(np.float32).view(np.uint32)[:, None] + np.arange(
        40_000
    )
    values = bits.astype(np.uint32).view(np.float32)
    for signed in (values, -values):
        assert_close(Tabled(scale)(signed), scale(signed))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    values=st.lists(st.floats(width=32), max_size=40),
    scale=st.sampled_from([*SCALES, Kinked()]),
)
def test_any_float32_is_shown_as_exactly(values, scale):
    values = np.array(values, dtype=np.float32)
    if values.size:
        assert_close(Tabled(scale)(values), scale(values))
    else:
        assert Tabled(scale)(values).shape == (0,)


@pytest.mark.parametrize("scale", [*SCALES, Kinked()], ids=repr)
def test_equal_values_give_equal_bits_anywhere(scale):
    random = np.random.default_rng(5)
    values = (random.lognormal(4, 3, 9001) - 60).astype(np.float32)
    values[::7] = 0
    values[1::97] = 123.4
    tabled = Tabled(scale)
    together = tabled(values)
    order = random.permutation(len(values))
    np.testing.assert_array_equal(tabled(values[order]), together[order])
    alone = np.array([tabled(value) for value in values[:300]])
    np.testing.assert_array_equal(alone, together[:300])
    np.testing.assert_array_equal(tabled(values[3:]), together[3:])


@pytest.mark.parametrize("scale", [Logicle(262144), Log(262144), Linear(1024)], ids=repr)
def test_shapes_outputs_and_layouts(scale):
    tabled = Tabled(scale)
    values = np.linspace(-100, 5000, 30_000, dtype=np.float32).reshape(3, 10_000)
    expected = tabled(values)
    out = np.empty_like(values)
    assert tabled(values, out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(tabled(np.asfortranarray(values)), expected)
    np.testing.assert_array_equal(tabled(values[:, ::2]), expected[:, ::2])
    np.testing.assert_array_equal(tabled(values.astype(">f4")), expected)
    np.testing.assert_array_equal(tabled(values.astype(np.float64)), expected)
    before = values.copy()
    assert tabled(values, out=values) is values
    np.testing.assert_array_equal(values, expected)
    assert (before != values).any()
    assert tabled(np.empty((0, 4), np.float32)).shape == (0, 4)
    assert tabled(np.float32(7)).shape == ()


@pytest.mark.parametrize(
    "out", [np.empty((2, 3), np.float64), np.empty(6, np.float32), np.empty((3, 2), "f4").T]
)
def test_an_output_of_another_kind_is_refused(out):
    with pytest.raises(FlowmlError, match=r"out is float.*expected float32 of shape \(2, 3\)"):
        Tabled(Logicle(1000))(np.zeros((2, 3), np.float32), out=out)


def test_rising_values_rise_but_for_the_error():
    values = np.sort(every_key()[:, :4].ravel())
    values = values[np.isfinite(values) & (np.abs(values) < 1e7)]
    steps = np.diff(Tabled(Logicle(262144))(values))
    assert steps.min() > -1e-6


def test_tables_are_shared_and_do_not_travel():
    first, second = Tabled(Logicle(5000.0)), Tabled(Logicle(5000))
    assert first == second
    assert first._table is second._table
    sent = pickle.dumps(first)
    assert len(sent) < 1000
    assert pickle.loads(sent)._table is first._table  # noqa: S301 - made above


def test_scales_of_usual_parameters_need_nothing_exact_above_zero():
    for make in TRANSFORMS.values():
        scale = make(262144.0)
        if not isinstance(scale, Linear):
            table = _table(scale)
            assert table.shift == 16
            assert table.exact is None or not table.exact[1 << 7 :].any()


def test_longer_keys_are_taken_where_they_are_needed():
    assert _table(Arcsinh(1024)).shift < 16
    assert _table(Arcsinh(1024)).exact is None
    kinked = _table(Kinked())
    assert kinked.shift == 16
    assert 0 < kinked.exact[:0x7F80].sum() <= 4


def test_scratch_memory_is_that_of_a_chunk():
    import tracemalloc

    tabled = Tabled(Logicle(262144))
    values = np.full((30, 8192), 55.0, np.float32)
    out = np.empty_like(values)
    tabled(values, out)
    tracemalloc.start()
    tabled(values, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150_000
