"""A value's place by table: against comparison, and against a plain computation in float64."""

from __future__ import annotations

import flowutils
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cohort

from flowml.errors import FlowmlError
from flowml.fcs import read_fcs
from flowml.features.counting.blocks import Blocks
from flowml.features.counting.counters import BinCounter
from flowml.features.counting.joint import Joint
from flowml.features.counting.places import KEYS, MARK, make_ruler, rounded_up
from flowml.features.recipes.scales import Scales, even_cuts
from flowml.preprocess import choose_unmixing, is_shown_in_decades
from flowml.scratch import Scratch

LARGEST = float(np.finfo(np.float32).max)
NONE = np.empty(0)


def bits_of(values):
    return np.asarray(values, dtype=np.float32).view(np.uint32)


def rank(values):
    """Number float32 values in their order: -0.0 is -1, 0.0 is 0, its neighbour 1."""
    bits = bits_of(values).astype(np.int64)
    return np.where(bits < 1 << 31, bits, -(bits & 0x7FFFFFFF) - 1)


def every_key():
    """Return all 65,536 keys: their ends, their middles and eight values at random."""
    rng = np.random.default_rng(11)
    keys = np.arange(KEYS, dtype=np.uint32)[:, None] << 16
    ends = np.uint32([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
    low = np.concatenate(
        [np.tile(ends, (KEYS, 1)), rng.integers(0, 1 << 16, (KEYS, 8), dtype=np.uint32)], axis=1
    )
    values = (keys | low).view(np.float32).ravel()
    return values[~np.isnan(values)]


VALUES = every_key()


def found(ruler, values, *, exact):
    entries = ruler.marked[bits_of(values) >> 16]
    if exact:
        marked = entries >= MARK
        entries[marked] = ruler.entries(values[marked])
    entries = entries & (MARK - 1)
    return entries & ((1 << ruler.fine_bits) - 1), entries >> ruler.fine_bits


def moved_to_borders(cuts):
    """Return the ranks of the nearest borders of keys; halfway, of that nearer to zero."""
    at = rank(rounded_up(np.asarray(cuts, dtype=np.float64), np.dtype(np.float32)))
    down, within = np.divmod(at, 1 << 16)
    up = (within > 1 << 15) | ((within == 1 << 15) & (at < 0))
    return np.sort((down + up) << 16)


def assert_places(cuts, coarse=NONE):
    cuts = np.unique(np.asarray(cuts, dtype=np.float64))
    ruler = make_ruler(cuts, coarse)
    for number, each in enumerate((cuts, coarse)):
        snapped = found(ruler, VALUES, exact=False)[number]
        wanted = np.searchsorted(moved_to_borders(each), rank(VALUES), side="right")
        np.testing.assert_array_equal(snapped, wanted)
        exact = found(ruler, VALUES, exact=True)[number]
        wanted = np.searchsorted(each, VALUES.astype(np.float64), side="right")
        np.testing.assert_array_equal(exact, wanted)


BORDER = np.uint32([0x3F800000, 0x3F810000, 0xBF80FFFF, 0x3F808000, 0xBF807FFF]).view(
    np.float32
)


@pytest.mark.parametrize(
    "cuts",
    [
        [], [0.0], [-0.0], [1.0], [-1.0], [1e-45], [-1e-45], [1e-300], [-1e-300],
        [1e39], [-1e39], [1e39, 1e40], [LARGEST], [-LARGEST], [-LARGEST, LARGEST],
        [np.nextafter(LARGEST, np.inf)], [np.nextafter(-LARGEST, -np.inf)],
        [1.17e-38, 1.18e-38], [-1e-40, 0.0, 1e-40], BORDER,
        1 + np.arange(20) * 2.0**-23, -1 - np.arange(20) * 2.0**-23,
        1 + np.arange(20) * 2.0**-40, [100.0, 100.1, 100.2, 100.3, 100.4],
        np.arange(-500, 500), np.geomspace(1e-44, 1e38, 500), -np.geomspace(1e-44, 1e38, 500),
    ],
)  # fmt: skip
def test_places_of_awkward_cuts_are_those_of_comparison(cuts):
    assert_places(cuts)


def test_fine_and_coarse_places_share_an_entry():
    assert_places(np.linspace(-30, 1000, 255), np.linspace(-31, 900, 31))
    assert_places(NONE, np.array([-1.0, 0.0, 3.7]))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=12, unique=True))
def test_places_among_any_cuts_are_those_of_comparison(cuts):
    assert_places(cuts)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30, unique=True))
def test_values_on_a_cut_and_beside_it_are_told_apart_in_exact_mode(cuts):
    cuts = np.unique(np.asarray(cuts, dtype=np.float64))
    near = cuts.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    above = np.nextafter(near, np.float32(np.inf))
    values = np.concatenate([near, below, above])
    places, _ = found(make_ruler(cuts, NONE), values, exact=True)
    wanted = np.searchsorted(cuts, values.astype(np.float64), side="right")
    np.testing.assert_array_equal(places, wanted)


def test_a_snapped_cut_moves_by_less_than_half_a_percent():
    cuts = np.geomspace(1e-30, 1e30, 400)
    moved = np.uint32(moved_to_borders(cuts)).view(np.float32)
    assert np.abs(moved / np.unique(cuts) - 1).max() < 0.004


def test_values_that_are_no_numbers_have_a_place_of_their_own():
    ruler = make_ruler(np.array([1.0, 2.0]), np.array([1.5]))
    keys = np.arange(KEYS)
    no_number = np.isnan((keys << 16 | 1).astype(np.uint32).view(np.float32)) & (
        keys & 0x7FFF != 0x7F80
    )
    own = found(ruler, (keys << 16).astype(np.uint32).view(np.float32), exact=True)
    assert ((own[0] == 3) == no_number).all()
    assert ((own[1] == 2) == no_number).all()
    assert (ruler.fine_places, ruler.coarse_places) == (4, 3)


def test_rulers_of_the_same_cuts_are_one():
    one, other = (make_ruler(np.array([1.0, 2.0]), np.array([1.0])) for _ in range(2))
    assert one is other
    assert one is not make_ruler(np.array([1.0, 2.5]), np.array([1.0]))


@pytest.mark.parametrize("cuts", [[2.0, 1.0], [1.0, 1.0], [np.nan], [1.0, np.inf], [-np.inf]])
def test_cuts_that_do_not_rise_are_refused(cuts):
    with pytest.raises(FlowmlError, match="finite and rise"):
        make_ruler(np.array(cuts), NONE)


def test_more_places_than_an_entry_holds_are_refused():
    with pytest.raises(FlowmlError, match="too many together"):
        make_ruler(np.arange(2000.0), np.arange(32.0))


@pytest.mark.parametrize("exact", [False, True])
def test_the_counter_counts_these_places(exact):
    rng = np.random.default_rng(5)
    cuts = np.sort(rng.normal(0, 100, 40))
    values = rng.normal(0, 150, (1, 9000)).astype(np.float32)
    values[0, :5] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    ruler = make_ruler(cuts, NONE)
    with Scratch() as scratch:
        counter = BinCounter([ruler], [Joint((0,), (ruler.fine_places,))], [], scratch,
                             exact=exact)  # fmt: skip
        counter.see(np.ascontiguousarray(values[:, :5000]))
        counter.see(np.ascontiguousarray(values[:, 5000:]))
        counted = counter.distributions()[0]
    kept = values[0, 1:]
    places, _ = found(ruler, kept, exact=exact)
    np.testing.assert_array_equal(counted, np.bincount(places, minlength=41))


BINS = 64


def plain_bins(sample, columns):
    """Return the bin of every value by float64 and flowutils, and nothing of ours."""
    events = np.asarray(sample.events(), dtype=np.float64)
    if sample.spillover is not None and sample.scale.value == "raw":
        places = [sample.channel_names.index(name) for name in sample.spillover.channels]
        events[:, places] = events[:, places] @ np.linalg.inv(sample.spillover.matrix)
    bins = []
    for column in columns:
        top, shown = sample.channels[column].top, events[:, column]
        if is_shown_in_decades(sample.channels[column]):
            shown = flowutils.transforms.logicle(
                shown[:, None].copy(), [0], t=top, m=4.5, w=0.5, a=0
            )[:, 0]
        else:
            shown = shown / top
        bins.append(np.clip(np.floor(shown * BINS), 0, BINS - 1).astype(int))
    return np.array(bins)


def our_bins(sample, columns, *, exact):
    unmixing, _ = choose_unmixing(sample)
    rulers = [
        make_ruler(even_cuts(Scales().of(sample.channels[c]), BINS), NONE) for c in columns
    ]
    bins = []
    with Scratch() as scratch:
        for values in Blocks(sample, columns, unmixing, scratch, exact=exact).read(1):
            rows = [
                found(r, row, exact=exact)[0] for r, row in zip(rulers, values, strict=True)
            ]
            bins.append(np.array(rows, dtype=int))
    return np.concatenate(bins, axis=1)


def assert_values_are_in_their_bins(samples):
    moved, moved_exactly, total = 0, 0, 0
    for sample in samples:
        columns = [i for i, c in enumerate(sample.channels) if c.marker]
        plain = plain_bins(sample, columns)
        total += plain.size
        moved += np.count_nonzero(our_bins(sample, columns, exact=False) != plain)
        moved_exactly += np.count_nonzero(our_bins(sample, columns, exact=True) != plain)
    assert total > 100_000
    assert moved <= total / 100
    assert moved_exactly <= total / 100_000


def test_values_of_simulated_files_are_in_their_bins():
    assert_values_are_in_their_bins([case.tubes[0].origin for case in cohort()])


@pytest.mark.parametrize(
    "name", ["spillover/Activation_1.fcs", "instruments/FACS_Diva__facs_diva_test.fcs"]
)
def test_values_of_a_real_file_are_in_their_bins(shared_data, name):
    assert_values_are_in_their_bins([read_fcs(shared_data / name)])
