"""How empty the place of a cut is."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.gating.rules.chains import KAPPA, LAMBDA, NEITHER, parting
from flowml.gating.rules.cuts import LEAST_EVENTS, clearness


def peaks(*parts):
    rng = np.random.default_rng(1)
    return np.concatenate([rng.normal(at, 0.1, count) for at, count in parts])


def test_between_peaks_that_lie_far_apart_a_place_is_empty():
    assert clearness(peaks((2.0, 900), (4.0, 100)), 3.0) == pytest.approx(1.0)


def test_a_cut_through_a_peak_is_not_clear():
    assert clearness(peaks((3.0, 1000)), 3.0) < 0.05


def test_the_lower_peak_counts_where_there_are_two():
    # equal counts in each bin but for a hole: a quarter of the lower peak's height is left
    values = np.concatenate(
        [
            np.repeat(np.arange(2.025, 3, 0.05), 800),
            np.repeat(np.arange(3.025, 4, 0.05), 100),
            np.repeat(np.arange(4.025, 5, 0.05), 400),
        ]
    )
    assert clearness(values, 3.525) == pytest.approx(1 - 100 / 400, abs=0.02)


def test_with_hardly_any_events_on_one_side_the_higher_peak_counts():
    assert clearness(peaks((2.0, 3000), (3.5, 1)), 3.2) > 0.99


def test_few_events_tell_nothing():
    assert np.isnan(clearness(np.full(LEAST_EVENTS - 1, 3.0), 2.0))
    assert np.isnan(clearness(np.empty(0), 2.0))


def test_the_order_of_values_does_not_matter():
    values = peaks((2.0, 500), (2.6, 300))
    assert clearness(values, 2.3) == clearness(values[::-1], 2.3)


def test_light_chains_part_as_far_as_their_difference_does():
    chains = np.repeat(np.int8([KAPPA, LAMBDA, NEITHER]), 200)
    bright, dim = np.full(200, 3.7), np.full(200, 2.0)
    apart = parting(
        np.concatenate([bright, dim, dim]), np.concatenate([dim, bright, dim]), chains
    )
    assert apart == pytest.approx(1.0)
    difference = peaks((0.15, 200), (-0.15, 200))
    both = np.where(difference > 0, KAPPA, LAMBDA).astype(np.int8)
    assert parting(difference + 3, np.full(400, 3.0), both) < 0.5


def test_one_chain_alone_is_parted_from_none():
    difference = peaks((1.5, 400))
    chains = np.full(400, KAPPA, np.int8)
    assert parting(difference + 2, np.full(400, 2.0), chains) == pytest.approx(1.0)
