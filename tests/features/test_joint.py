"""Channels counted together: marginals and pairs are those of plain counting."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.features.counting.joint import (
    MOST_PLACES,
    Joint,
    coarse_joints,
    fine_joints,
    joint_places,
    pair_marginals,
    single_marginals,
)

RADICES = st.lists(st.integers(2, 60), min_size=1, max_size=20)


def counted(joints, places):
    out = np.empty(places.shape[1], np.uint16)
    return [
        np.bincount(joint_places(joint, places, out), minlength=joint.size).astype(np.int64)
        for joint in joints
    ]


def random_places(radix, n_events, seed):
    rng = np.random.default_rng(seed)
    return np.array([rng.integers(0, r, n_events) for r in radix], dtype=np.uint16)


def plain_pair(places, radix, pair):
    table = np.zeros([radix[c] for c in pair], dtype=np.int64)
    np.add.at(table, tuple(places[list(pair)].astype(int)), 1)
    return table


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.integers(2, 1100), min_size=1, max_size=20), st.integers(0, 1000))
def test_every_channel_has_its_own_distribution(radix, seed):
    joints = fine_joints(radix)
    assert sorted(c for joint in joints for c in joint.channels) == list(range(len(radix)))
    assert all(j.size <= MOST_PLACES or len(j.channels) == 1 for j in joints)
    places = random_places(radix, 50, seed)
    for joint, counts in zip(joints, counted(joints, places), strict=True):
        for channel, found in single_marginals(joint, counts).items():
            wanted = np.bincount(places[channel], minlength=radix[channel])
            np.testing.assert_array_equal(found, wanted)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(RADICES, st.integers(0, 1000), st.floats(0, 1))
def test_every_pair_that_is_wanted_is_counted(radix, seed, share):
    every = list(combinations(range(len(radix)), 2))
    keep = np.random.default_rng(seed).uniform(size=len(every)) <= share
    wanted = [pair for pair, kept in zip(every, keep, strict=True) if kept]
    joints = coarse_joints(radix, wanted)
    covered = {p for joint in joints for p in combinations(joint.channels, 2)}
    assert set(wanted) <= covered
    places = random_places(radix, 50, seed)
    for joint, counts in zip(joints, counted(joints, places), strict=True):
        assert joint.radix == tuple(radix[c] for c in joint.channels)
        for pair, found in pair_marginals([joint], counts[None]).items():
            np.testing.assert_array_equal(found, plain_pair(places, radix, pair))


def test_pairs_are_those_of_histogram2d():
    radix = [17] * 6
    places = random_places(radix, 5000, 3)
    joints = coarse_joints(radix, combinations(range(6), 2))
    counts = np.array(counted(joints, places))
    for (first, second), found in pair_marginals(joints, counts).items():
        table, *_ = np.histogram2d(
            places[first], places[second], bins=17, range=[[0, 17], [0, 17]]
        )
        np.testing.assert_array_equal(found, table)


@pytest.mark.parametrize(("n_channels", "most"), [(2, 1), (3, 1), (10, 17), (20, 80)])
def test_triples_spare_most_of_the_pairs(n_channels, most):
    joints = coarse_joints([17] * n_channels, combinations(range(n_channels), 2))
    assert len(joints) <= most


def test_no_pair_needs_no_joint():
    assert coarse_joints([5], []) == ()
    assert coarse_joints([5, 5, 5], []) == ()
    assert fine_joints([]) == ()


@pytest.mark.parametrize(("radix", "size"), [((65_536,), 65_536), ((256, 256), 65_536)])
def test_the_last_place_of_the_largest_joint_does_not_run_over(radix, size):
    joint = Joint(tuple(range(len(radix))), radix)
    places = np.array([[r - 1] for r in radix], dtype=np.uint16)
    assert joint.size == size
    assert joint_places(joint, places, np.empty(1, np.uint16)).tolist() == [size - 1]


def test_marginals_are_arrays_of_their_own():
    counts = np.arange(6)
    for joint in (Joint((0,), (6,)), Joint((0, 1), (2, 3))):
        for found in single_marginals(joint, counts).values():
            assert not np.shares_memory(found, counts)
