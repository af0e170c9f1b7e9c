"""Blocks of compensated values: against a product in float64, and whatever the values are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import plain_sample, sample_of, with_events

from flowml.events import COMPUTE_BLOCK
from flowml.fcs import read_fcs
from flowml.features.counting.blocks import Blocks
from flowml.preprocess import choose_unmixing, unmixing_by
from flowml.records import Spillover
from flowml.scratch import Scratch

EXACT = pytest.mark.parametrize("exact", [False, True])


def read(sample, columns=None, unmixing=None, *, exact=False, chunk=1):
    """Return all values, shape (n_columns, n_events), and how many were odd."""
    columns = range(len(sample.channels)) if columns is None else columns
    with Scratch() as scratch:
        blocks = Blocks(sample, columns, unmixing, scratch, exact=exact)
        found = [block.copy() for block in blocks.read(chunk)]
    assert all(block.shape[1] <= COMPUTE_BLOCK for block in found)
    empty = np.empty((len(columns), 0), np.float32)
    return np.concatenate([empty, *found], axis=1), blocks.odd


def matrix(size, seed=0, share=0.3):
    found = np.random.default_rng(seed).uniform(0, share, (size, size))
    np.fill_diagonal(found, 1)
    return found


def overlapping(values, detectors):
    """Return a sample, and the compensation of the detectors, in any order."""
    n_channels = values.shape[1]
    sample = plain_sample(values, [f"M{n}" for n in range(n_channels)])
    names = tuple(f"FL{d + 1}" for d in detectors)
    return sample, unmixing_by(sample, Spillover(names, matrix(len(names))))


def plain(values, unmixing):
    """Compensate in float64."""
    found = np.array(values, dtype=np.float64)
    found[:, unmixing.columns] = found[:, unmixing.columns] @ unmixing.inverse
    return found.T


def assert_near(found, wanted, values, unmixing, exact):
    """Allow for rounding: of the result in exact mode, of each summand otherwise."""
    if exact:
        rounding = np.spacing(np.abs(wanted).astype(np.float32))
    else:
        summands = np.abs(values).astype(np.float64)
        summands[:, unmixing.columns] = summands[:, unmixing.columns] @ np.abs(unmixing.inverse)
        rounding = (len(unmixing.columns) + 2) * 2.0**-24 * summands.T
    assert (np.abs(found - wanted) <= rounding).all()


def file_or_simulated(request, name):
    if name == "simulated":
        return sample_of()
    return read_fcs(request.getfixturevalue("shared_data") / name)


@EXACT
@pytest.mark.parametrize("name", ["simulated", "spillover/Activation_1.fcs"])
def test_values_are_those_of_a_product_in_float64(request, name, exact):
    sample = file_or_simulated(request, name)
    unmixing, _ = choose_unmixing(sample)
    values = sample.events()
    found, odd = read(sample, None, unmixing, exact=exact)
    assert_near(found, plain(values, unmixing), values, unmixing, exact)
    outside = [c for c in range(values.shape[1]) if c not in unmixing.columns]
    np.testing.assert_array_equal(found[outside], values[:, outside].T)
    assert odd == 0
    if exact:  # and those of the samples that are compensated whole
        wanted = unmixing.apply(values.astype(np.float64)).astype(np.float32).T
        assert_near(found, wanted.astype(np.float64), values, unmixing, exact)


@EXACT
@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    n_events=st.integers(0, 40),
    n_channels=st.integers(1, 9),
    kind=st.sampled_from([np.float32, np.float64, np.int16, np.uint32, ">f4"]),
    data=st.data(),
)
def test_any_sample_is_compensated_as_in_float64(exact, n_events, n_channels, kind, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    values = rng.uniform(0, 30_000, (n_events, n_channels)).astype(kind)
    detectors = rng.permutation(n_channels)[: data.draw(st.integers(1, n_channels))]
    columns = rng.permutation(n_channels)[: data.draw(st.integers(1, n_channels))].tolist()
    sample, unmixing = overlapping(values, detectors)
    found, odd = read(sample, columns, unmixing, exact=exact)
    everything = values.astype(np.float64)
    wanted = plain(everything, unmixing)[columns]
    allowed, _ = read(sample, None, unmixing, exact=exact)
    assert found.shape == (len(columns), n_events)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=0.05)
    # float32 rounds the value itself, where the source holds float64
    assert_near(
        allowed, plain(everything.astype(np.float32), unmixing),
        everything.astype(np.float32), unmixing, False,
    )  # fmt: skip
    assert odd == 0


@EXACT
@pytest.mark.parametrize("n_events", [1, COMPUTE_BLOCK - 1, COMPUTE_BLOCK, COMPUTE_BLOCK + 1])
def test_the_last_block_may_have_any_size(n_events, exact):
    values = np.random.default_rng(1).uniform(0, 999, (n_events, 3)).astype(np.float32)
    sample, unmixing = overlapping(values, [2, 0])
    found, _ = read(sample, None, unmixing, exact=exact)
    assert_near(found, plain(values, unmixing), values, unmixing, exact)
    np.testing.assert_array_equal(
        read(sample, [1, 1, 0], exact=exact)[0], values[:, [1, 1, 0]].T
    )


@EXACT
@pytest.mark.parametrize("layout", ["fortran", "strided", "reversed", "read-only"])
def test_values_may_lie_anyhow_in_memory(layout, exact):
    values = np.random.default_rng(2).uniform(0, 999, (100, 4)).astype(np.float32)
    wide = np.repeat(np.repeat(values, 2, axis=0), 3, axis=1)
    view = {
        "fortran": np.asfortranarray(values),
        "strided": wide[::2, ::3],
        "reversed": values[::-1].copy()[::-1],
        "read-only": values.copy(),
    }[layout]
    view.flags.writeable = False
    for with_matrix in (True, False):
        sample, unmixing = overlapping(view, [0, 1, 3])
        straight, _ = overlapping(values, [0, 1, 3])
        unmixing = unmixing if with_matrix else None
        found, _ = read(sample, None, unmixing, exact=exact)
        wanted, _ = read(straight, None, unmixing, exact=exact)
        assert found.tobytes() == wanted.tobytes()


ODD = [np.nan, np.inf, -np.inf]


@EXACT
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_an_odd_detector_spoils_the_detectors_of_its_event_alone(odd, kind, exact):
    values = np.random.default_rng(3).uniform(0, 999, (50, 5)).astype(kind)
    sample, unmixing = overlapping(values, [1, 3, 4])
    sound, _ = read(sample, None, unmixing, exact=exact)
    values = values.copy()
    values[7, 3] = odd
    sample, _ = overlapping(values, [1, 3, 4])
    found, n_odd = read(sample, None, unmixing, exact=exact)
    assert n_odd == 1
    spoilt = np.zeros_like(found, dtype=bool)
    spoilt[[1, 3, 4], 7] = True
    assert not np.isfinite(found[spoilt]).any()
    np.testing.assert_array_equal(found[~spoilt], sound[~spoilt])
    with np.errstate(invalid="ignore"):
        applied = unmixing.apply(values)[7].astype(np.float32)
    np.testing.assert_array_equal(found[[1, 3, 4], 7], applied[[1, 3, 4]])


@EXACT
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_outside_the_matrix_spoils_nothing_else(odd, exact):
    values = np.random.default_rng(4).uniform(0, 999, (50, 5)).astype(np.float32)
    sample, unmixing = overlapping(values, [1, 3, 4])
    sound, _ = read(sample, None, unmixing, exact=exact)
    values = values.copy()
    values[7, 2] = values[49, 0] = odd
    sample, _ = overlapping(values, [1, 3, 4])
    found, n_odd = read(sample, None, unmixing, exact=exact)
    sound[2, 7] = sound[0, 49] = odd
    assert n_odd == 2
    np.testing.assert_array_equal(found, sound)


@EXACT
@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.integers(0, 10_000))
def test_odd_values_anywhere_give_what_compensating_the_sample_gives(exact, seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 999, (30, 6)).astype(np.float32)
    places = rng.uniform(size=values.shape) < 0.1
    values[places] = rng.choice(np.float32(ODD), places.sum())
    sample, unmixing = overlapping(values, rng.permutation(6)[:4])
    found, n_odd = read(sample, None, unmixing, exact=exact)
    applied = unmixing.apply(values).T
    finite = np.isfinite(applied)
    np.testing.assert_array_equal(np.isfinite(found), finite)
    np.testing.assert_array_equal(found[~finite], applied[~finite])
    np.testing.assert_allclose(found[finite], applied[finite], rtol=1e-5, atol=1e-2)
    assert n_odd == places.sum()


def test_without_a_matrix_odd_values_are_counted_and_stay_where_they_are():
    values = np.float32([[1, np.nan, 5], [np.inf, 2, np.nan], [3, 4, 6]])
    sample = plain_sample(values, ["CD3", "CD19", "CD5"])
    found, odd = read(sample, [0, 1])
    np.testing.assert_array_equal(found, values[:, :2].T)
    assert odd == 2


def test_every_kind_of_nan_becomes_the_usual_one():
    kinds = np.uint32([0x7F800001, 0xFF800001, 0xFFC00000, 0x7FFFFFFF]).view(np.float32)
    for unmixing in (None, overlapping(np.ones((1, 2)), [1])[1]):
        found, odd = read(plain_sample(np.stack([kinds, kinds], 1), ["A", "B"]), None, unmixing)
        assert set(found.view(np.uint32).ravel().tolist()) == {0x7FC00000}
        assert odd == 8


@EXACT
def test_huge_values_are_no_reason_to_lose_others(exact):
    values = np.full((20, 3), 3e38, dtype=np.float32)
    values[::2] *= -1
    values[:, 2] = np.arange(20)
    sample, unmixing = overlapping(values, [0, 1])
    found, odd = read(sample, None, unmixing, exact=exact)
    np.testing.assert_array_equal(found[2], values[:, 2])
    assert odd == 0
    np.testing.assert_array_equal(read(sample)[0], values.T)


@EXACT
def test_what_float32_cannot_hold_spoils_its_own_detectors_at_most(exact):
    values = np.random.default_rng(5).uniform(0, 999, (20, 4))
    values[3, 1], values[5, 0] = 1e300, -1e300
    sample, unmixing = overlapping(values, [1, 2])
    found, _ = read(sample, None, unmixing, exact=exact)
    np.testing.assert_array_equal(found[3], values[:, 3].astype(np.float32))
    whole = [n for n in range(20) if n not in {3, 5}]
    np.testing.assert_allclose(found[:, whole], plain(values, unmixing)[:, whole], rtol=1e-5)
    assert np.isfinite(found[0, 3])
    assert found[0, 5] == -np.inf
    assert np.isfinite(found[1:, 5]).all()


def test_a_block_is_valid_until_the_next_one():
    values = np.arange(3 * COMPUTE_BLOCK, dtype=np.float32)[:, None]
    with Scratch() as scratch:
        blocks = Blocks(plain_sample(values, ["CD3"]), [0], None, scratch, exact=False)
        for start, block in enumerate(blocks.read(100_000)):
            assert block.flags.c_contiguous
            assert block[0, 0] == start * COMPUTE_BLOCK


def test_a_sample_without_events_has_no_blocks():
    sample = with_events(sample_of(), sample_of().events()[:0])
    unmixing, _ = choose_unmixing(sample)
    found, odd = read(sample, None, unmixing)
    assert (found.size, odd) == (0, 0)
