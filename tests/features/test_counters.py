"""Counters of bins, alone and in plans, are plain counting."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.events import COMPUTE_BLOCK
from flowml.features.counting.counters import BinCounter
from flowml.features.counting.joint import coarse_joints, fine_joints
from flowml.features.counting.places import make_ruler
from flowml.features.recipes import make_recipe
from flowml.features.recipes.mll2021 import MllDistribution, MllQuadrants, Standard
from flowml.features.recipes.parts import Ecdf, Moments, Pairs
from flowml.features.recipes.plan import make_plan
from flowml.features.recipes.scales import Scales
from flowml.records import Channel, Role
from flowml.scratch import Scratch


def plain(values, cuts):
    """Return places by comparison, -1 for what is no number."""
    places = np.searchsorted(cuts, values.astype(np.float64), side="right")
    return np.where(np.isnan(values), -1, places)


def plain_pair(one, other, shape):
    both = (one >= 0) & (other >= 0)
    table = np.zeros(shape, dtype=np.int64)
    np.add.at(table, (one[both], other[both]), 1)
    return table


def random_cuts(rng, most):
    return np.unique(rng.normal(0, 100, rng.integers(0, most + 1)))


def spoilt(rng, shape):
    values = rng.normal(0, 120, shape).astype(np.float32)
    odd = rng.uniform(size=shape) < 0.05
    values[odd] = rng.choice(np.float32([np.nan, np.inf, -np.inf, 0, -0.0]), odd.sum())
    return values


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(1, 20), st.integers(0, 10_000), st.integers(0, 300))
def test_singles_and_pairs_are_counted_as_if_alone(n_channels, seed, n_events):
    rng = np.random.default_rng(seed)
    fine = [random_cuts(rng, 90) for _ in range(n_channels)]
    coarse = [random_cuts(rng, 20) for _ in range(n_channels)]
    rulers = [make_ruler(*cuts) for cuts in zip(fine, coarse, strict=True)]
    wanted = {p for p in combinations(range(n_channels), 2) if rng.uniform() < 0.6}
    singles = fine_joints([r.fine_places for r in rulers])
    together = coarse_joints([r.coarse_places for r in rulers], wanted)
    blocks = [spoilt(rng, (n_channels, n)) for n in (n_events, 0, 1, 57)]
    with Scratch() as scratch:
        counter = BinCounter(rulers, singles, together, scratch, exact=True)
        for block in blocks:
            counter.see(block)
        rows = counter.distributions()
        pairs = {pair: np.array(table) for pair, table in counter.pairs().items()}
    values = np.concatenate(blocks, axis=1)
    assert sorted(rows) == list(range(n_channels))
    for row, found in rows.items():
        own = plain(values[row], fine[row])
        np.testing.assert_array_equal(
            found, np.bincount(own[own >= 0], minlength=len(fine[row]) + 1)
        )
    in_fine = {joint.channels for joint in singles}
    assert wanted <= set(pairs)
    for pair, found in pairs.items():
        cuts = [(fine if pair in in_fine else coarse)[c] for c in pair]
        one, other = (plain(values[c], cut) for c, cut in zip(pair, cuts, strict=True))
        shape = tuple(len(cut) + 1 for cut in cuts)
        np.testing.assert_array_equal(found, plain_pair(one, other, shape))


def test_a_missing_value_leaves_out_only_the_pairs_with_it():
    cuts = np.array([0.0])
    rulers = [make_ruler(cuts, cuts)] * 4
    values = np.full((4, 10), 1.0, dtype=np.float32)
    values[2, :3] = np.nan
    pairs = list(combinations(range(4), 2))
    with Scratch() as scratch:
        counter = BinCounter(rulers, fine_joints([3] * 4), coarse_joints([3] * 4, pairs),
                             scratch, exact=False)  # fmt: skip
        counter.see(values)
        rows = {row: int(counts.sum()) for row, counts in counter.distributions().items()}
        sums = {pair: int(counts.sum()) for pair, counts in counter.pairs().items()}
    assert rows == {0: 10, 1: 10, 2: 7, 3: 10}
    assert sums == {pair: 7 if 2 in pair else 10 for pair in pairs}


def test_a_full_block_is_counted_whole():
    rng = np.random.default_rng(8)
    values = rng.normal(0, 100, (3, COMPUTE_BLOCK)).astype(np.float32)
    ruler = make_ruler(np.array([-10.0, 0, 10]), np.array([0.0]))
    with Scratch() as scratch:
        counter = BinCounter([ruler] * 3, fine_joints([5] * 3), [], scratch, exact=False)
        counter.see(values)
        counter.see(values)
        assert all(c.sum() == 2 * COMPUTE_BLOCK for c in counter.distributions().values())


def channels(n):
    """Return channels of three kinds, shown alike or not, in no order."""
    kinds = (Role.FLUORESCENCE, Role.SIDE_SCATTER, Role.FLUORESCENCE)
    return {
        f"M{(n * 7) % 11:02d}x{n}": Channel(
            f"FL{n}",
            "",
            f"M{(n * 7) % 11:02d}x{n}",
            kinds[n % 3],
            "A",
            (1024.0, 262144.0)[n % 2],
        )
        for n in range(n)
    }


def standards(names):
    return tuple(Standard(m, 90.0 + n, 60.0, -1.1, 1.9, 0.1 * n) for n, m in enumerate(names))


@pytest.mark.parametrize("n_channels", [1, 2, 5, 11])
@pytest.mark.parametrize("exact", [True, False])
def test_parts_that_share_the_work_count_what_each_counts_alone(n_channels, exact):
    own = channels(n_channels)
    known = standards(sorted(own)[: max(1, n_channels - 1)])
    parts = (
        Ecdf(37),
        Pairs(5),
        MllDistribution(known, bins=16),
        MllQuadrants(known),
        Moments(),
    )
    values = np.random.default_rng(3).normal(300, 400, (n_channels, 3000)).astype(np.float32)
    values[0, 5] = np.nan

    def tables(parts):
        plan = make_plan(parts, Scales(), own, exact=exact)
        rows = np.ascontiguousarray(values[[sorted(own).index(m) for m in plan.markers]])
        with Scratch() as scratch:
            tally = plan.tally(scratch)
            for start in (0, 1000, 1001):
                tally.see(
                    np.ascontiguousarray(rows[:, start : {0: 1000, 1000: 1001}.get(start)])
                )
            return tally.counts()

    together = tables(parts)
    for part, counts in zip(parts, together, strict=True):
        (alone,) = tables((part,))
        assert counts.keys == alone.keys == tuple(sorted(counts.keys))
        np.testing.assert_array_equal(counts.table, alone.table)
    assert len(together[0].keys) == n_channels
    assert len(together[1].keys) == n_channels * (n_channels - 1) // 2
    assert len(together[2].keys) == len(known)


def test_a_plan_counts_pairs_as_plain_comparison_does():
    own = channels(7)
    markers = sorted(own)
    values = np.random.default_rng(4).normal(500, 900, (7, 4000)).astype(np.float32)
    plan = make_plan((Pairs(16), Ecdf(16)), Scales(), own, exact=True)
    with Scratch() as scratch:
        tally = plan.tally(scratch)
        tally.see(np.ascontiguousarray(values[[markers.index(m) for m in plan.markers]]))
        pairs, singles = tally.counts()
    cuts = {m: Ecdf(16).cuts(own[m], Scales()) for m in markers}
    place = {m: plain(values[n], cuts[m]) for n, m in enumerate(markers)}
    for (marker,), found in zip(*singles, strict=True):
        np.testing.assert_array_equal(found, np.bincount(place[marker], minlength=16))
    for (one, other), found in zip(*pairs, strict=True):
        np.testing.assert_array_equal(found, plain_pair(place[one], place[other], (16, 16)))
        assert one < other


def test_counts_outlive_the_scratch_they_came_from():
    own = channels(4)
    recipe = make_recipe("ecdf+pairs+quantiles", pair_bins=3, bins=3).fit(())
    plan = make_plan(recipe.parts, recipe.scales, own, exact=False)
    values = np.random.default_rng(6).normal(0, 99, (4, 500)).astype(np.float32)
    with Scratch() as scratch:
        tally = plan.tally(scratch)
        tally.see(values)
        counts = tally.counts()
    before = [table.copy() for _, table in counts]
    with Scratch() as scratch:
        for size in (64, 4096, 70_000, 1 << 20):
            for _ in range(8):
                scratch.empty((size,), np.uint8).fill(255)
        for kept, (_, table) in zip(before, counts, strict=True):
            np.testing.assert_array_equal(kept, table)
