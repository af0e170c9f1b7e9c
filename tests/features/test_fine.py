"""Fine histograms: quantiles and moments against numpy on flowutils' scale."""

from __future__ import annotations

import flowutils
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cohort, one_tube, plain_sample

from flowml.fcs import read_fcs
from flowml.features import describe_case, make_recipe
from flowml.features.counting.fine import (
    FINE_BINS,
    HIGHEST,
    LOWEST,
    WIDTH,
    FineCounter,
    centres,
    moments,
    quantiles,
)
from flowml.features.panel import marker_columns
from flowml.preprocess import TRANSFORMS, is_shown_in_decades, make_transform
from flowml.preprocess.transform import Linear, Logicle
from flowml.scratch import Scratch

SHARES = tuple(p / 100 for p in range(1, 100))
MOMENTS = ("mean", "sd", "median", "iqr", "skewness")


def counted(values, scales):
    with Scratch() as scratch:
        counter = FineCounter(scales, scratch)
        for start in range(0, values.shape[1], 1000):
            counter.see(np.ascontiguousarray(values[:, start : start + 1000]))
    return counter.counts


def plain_shown(sample, column):
    """Return a channel on its display scale: float64, flowutils, and nothing of ours."""
    events = np.asarray(sample.events(), dtype=np.float64)
    if sample.spillover is not None and sample.scale.value == "raw":
        places = [sample.channel_names.index(name) for name in sample.spillover.channels]
        events[:, places] = events[:, places] @ np.linalg.inv(sample.spillover.matrix)
    top = sample.channels[column].top
    if not is_shown_in_decades(sample.channels[column]):
        return events[:, column] / top
    return flowutils.transforms.logicle(
        events[:, [column]].copy(), [0], t=top, m=4.5, w=0.5, a=0
    )[:, 0]


def plain_quantiles(values, percents):
    """Return the least values with so many percent of the events at or below them.

    As numpy's "inverted_cdf", but in whole numbers: 0.07 * 100 is a little above 7 there.
    """
    ranks = np.array([-(-percent * len(values) // 100) for percent in percents])
    wanted = np.sort(values)[ranks - 1]
    theirs = np.quantile(values, np.array(percents) / 100 - 1e-9, method="inverted_cdf")
    np.testing.assert_array_equal(wanted, theirs)
    return wanted


def assert_statistics_are_plain(sample):
    recipe = make_recipe("quantiles+moments", quantiles=SHARES).fit(())
    case = describe_case(one_tube(sample), recipe)
    names = recipe.get_feature_names_out(case.groups)
    found = dict(zip(names, case.values.tolist(), strict=True))
    columns, _ = marker_columns(sample)
    assert len(columns) >= 3
    for marker, column in columns.items():
        shown = np.clip(plain_shown(sample, column), LOWEST, HIGHEST)
        wanted = plain_quantiles(shown, range(1, 100))
        ours = [found[f"{marker}|quantile{round(100 * share):02d}"] for share in SHARES]
        np.testing.assert_allclose(ours, wanted, atol=0.001, rtol=0)
        away = shown - shown.mean()
        low, median, high = plain_quantiles(shown, (25, 50, 75))
        sd = np.sqrt((away**2).mean())
        wanted = [shown.mean(), sd, median, high - low]
        ours = [found[f"{marker}|{name}"] for name in MOMENTS]
        np.testing.assert_allclose(ours[:4], wanted, atol=0.001, rtol=0)
        if sd > 0.02:  # else a bin is not narrow
            assert ours[4] == pytest.approx((away**3).mean() / sd**3, abs=0.02)


@pytest.mark.parametrize("index", [0, 4, 8])
def test_statistics_of_simulated_files_are_plain(index):
    assert_statistics_are_plain(cohort()[index].tubes[0].origin)


@pytest.mark.parametrize(
    "name",
    [
        "spillover/Activation_1.fcs",
        "aml-tube4/sample11.fcs",
        "instruments/FACS_Diva__facs_diva_test.fcs",
    ],
)
def test_statistics_of_a_real_file_are_plain(shared_data, name):
    assert_statistics_are_plain(read_fcs(shared_data / name))


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_events_are_in_the_bins_of_their_display_values(transform):
    rng = np.random.default_rng(1)
    values = rng.normal(500, 3000, (1, 5000)).astype(np.float32)
    scale = make_transform(transform, 262144.0)
    edges = LOWEST + WIDTH * np.arange(FINE_BINS + 1)
    shown = np.clip(scale(values[0]), LOWEST, HIGHEST)
    wanted = np.histogram(shown, edges)[0]
    found = counted(values, [scale])[0]
    # a display value within 1e-6 of an edge may be on its other side
    moved = np.abs(np.cumsum(found - wanted))
    near = np.histogram(shown, np.sort(np.concatenate([edges - 2e-6, edges + 2e-6])))[0][::2]
    assert (moved <= near[1:]).all()
    assert found.sum() == 5000


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_is_off_the_bins_is_at_their_ends_and_nan_nowhere(transform):
    values = np.float32([[np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 0, -0.0, 1e-45]])
    for top in (1000.0, 262144.0):
        found = counted(values, [make_transform(transform, top)])[0]
        assert found.sum() == 7
        assert found[-1] == 2
        assert found[0] >= 2


def test_channels_shown_alike_or_not_are_counted_each_by_itself():
    rng = np.random.default_rng(2)
    values = rng.normal(300, 500, (4, 2500)).astype(np.float32)
    values[1, ::7] = np.nan
    scales = [Logicle(1000.0), Logicle(1000.0), Linear(1000.0), Logicle(1000.0)]
    found = counted(values, scales)
    for row, scale in enumerate(scales):
        np.testing.assert_array_equal(found[row], counted(values[row : row + 1], [scale])[0])
    assert found.sum(axis=1).tolist() == [2500, 2500 - 358, 2500, 2500]


HISTOGRAMS = st.lists(
    st.tuples(st.integers(0, FINE_BINS - 1), st.integers(1, 50)), min_size=1, max_size=30
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(HISTOGRAMS, st.lists(st.integers(1, 99), min_size=1, max_size=9, unique=True))
def test_quantiles_are_within_a_bin_of_those_of_numpy(bins, percents):
    counts = np.zeros((1, FINE_BINS), np.int64)
    for place, count in bins:
        counts[0, place] += count
    shares = np.array(sorted(percents)) / 100
    found = quantiles(counts, shares)[0]
    values = np.repeat(centres(), counts[0])
    below = [(values <= q + WIDTH / 2).sum() / len(values) for q in found]
    assert (np.array(below) >= shares - 1e-12).all()
    under = [(values < q - WIDTH).sum() / len(values) for q in found]
    assert (np.array(under) <= shares + 1e-12).all()
    assert (np.diff(found) >= 0).all()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(HISTOGRAMS)
def test_moments_are_those_of_the_middles_of_bins(bins):
    counts = np.zeros((1, FINE_BINS), np.int64)
    for place, count in bins:
        counts[0, place] += count
    mean, sd, skewness = moments(counts)[0]
    values = np.repeat(centres(), counts[0])
    away = values - values.mean()
    assert mean == pytest.approx(values.mean(), abs=1e-12)
    assert sd == pytest.approx(values.std(), abs=1e-12)
    wanted = (away**3).mean() / values.std() ** 3 if values.std() > WIDTH / 2 else 0.0
    assert skewness == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_a_single_value_is_its_own_mean_and_all_its_quantiles():
    counts = counted(np.full((1, 50), 300, np.float32), [Linear(1000.0)])
    mean, sd, skewness = moments(counts)[0]
    assert mean == pytest.approx(0.3, abs=WIDTH)
    assert (sd, skewness) == (pytest.approx(0, abs=1e-12), 0)
    np.testing.assert_allclose(quantiles(counts, SHARES)[0], 0.3, atol=WIDTH)


def test_nothing_counted_is_nan():
    counts = np.zeros((2, FINE_BINS), np.int64)
    counts[1, 7] = 1
    assert np.isnan(moments(counts)[0]).all()
    assert np.isnan(quantiles(counts, (0.1, 0.5))[0]).all()
    assert np.isfinite(moments(counts)[1]).all()
    assert moments(counts[:0]).shape == (0, 3)
    assert quantiles(counts[:0], (0.5,)).shape == (0, 1)


def test_a_share_of_events_is_met_exactly_where_it_can_be():
    """7 of 100 events are below: not 8, though 0.07 * 100 is a little above 7."""
    counts = np.zeros((1, FINE_BINS), np.int64)
    counts[0, 1000], counts[0, 3000] = 7, 93
    assert quantiles(counts, (0.07,))[0, 0] == pytest.approx(LOWEST + WIDTH * 1001, abs=WIDTH)


def test_a_tube_of_one_event_has_quantiles():
    sample = plain_sample(np.float32([[100, 200]]), ["CD3", "CD19"])
    recipe = make_recipe("quantiles+moments").fit(())
    case = describe_case(one_tube(sample), recipe)
    assert np.isfinite(case.values).all()


def test_statistics_of_a_marker_do_not_depend_on_its_company():
    rng = np.random.default_rng(3)
    counts = np.zeros((12, FINE_BINS), np.int64)
    for row, width in enumerate(np.geomspace(1e-4, 0.3, 12)):
        shown = rng.normal(0.2 + 0.06 * row, width, 20_000)
        counts[row] = np.histogram(shown, FINE_BINS, (LOWEST, HIGHEST))[0]
    for made in (moments, lambda some: quantiles(some, SHARES)):
        alone = np.concatenate([made(counts[row : row + 1]) for row in range(12)])
        assert made(counts).astype(np.float32).tobytes() == alone.astype(np.float32).tobytes()
