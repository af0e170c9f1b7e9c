"""Regions: every bin belongs to one, and what a case has there is what was counted there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from small import one_tube, plain_sample

from flowml.features import FeatureName, describe_case, make_recipe, parse_name
from flowml.features.regions import bins_of, edges, region_of, value_in

MARKERS = ("CD19", "CD5")


@pytest.mark.parametrize("bins", [2, 3, 5, 16, 32, 100, 1024])
def test_regions_part_a_scale_without_gaps(bins):
    found = edges(bins)
    assert found[0] == 0
    assert found[-1] == bins
    assert len(found) == min(5, bins) + 1
    assert all(a < b for a, b in pairwise(found))
    widths = np.diff(found)
    assert widths.max() - widths.min() <= 1


def counted(name, **settings):
    """Return a recipe, and the features of a case of which every value is known."""
    random = np.random.default_rng(3)
    values = random.uniform(0, 1024, size=(400, 2))
    recipe = make_recipe(name, transform="linear", exact=True, **settings).learn([])
    case = describe_case(one_tube(plain_sample(values, MARKERS)), recipe)
    names = recipe.get_feature_names_out(case.groups)
    return recipe, values / 1024, dict(zip(names, map(float, case.values), strict=True))


def regions_of(recipe, features):
    bins = bins_of(recipe)
    return {(n.markers, region_of(n, bins)): n for n in map(parse_name, features)}


@pytest.mark.parametrize("bins", [7, 32])
def test_shares_of_a_distribution_are_those_of_the_events(bins):
    recipe, values, features = counted("ecdf", bins=bins)
    found = regions_of(recipe, features)
    assert len(found) == {7: 2 * 4, 32: 2 * 5}[bins]  # no edge lies in the first of 7 bins
    for (markers, region), name in found.items():
        column = values[:, MARKERS.index(markers[0])]
        inside = (column >= region.low[0]) & (column < region.high[0])
        assert value_in(region, name, features) == pytest.approx(inside.mean(), abs=1e-6)


@pytest.mark.parametrize("bins", [4, 16])
def test_shares_of_a_pair_are_those_of_the_events(bins):
    recipe, values, features = counted("pairs", pair_bins=bins)
    found = regions_of(recipe, features)
    assert len(found) == min(5, bins) ** 2
    for (_, region), name in found.items():
        inside = np.all((values >= region.low) & (values < region.high), axis=1)
        assert value_in(region, name, features) == pytest.approx(inside.mean(), abs=1e-6)
    assert sum(value_in(r, n, features) for (_, r), n in found.items()) == pytest.approx(1)


BINS = {"ecdf": 32, "pairs": 16, "mll2021": 20}


@pytest.mark.parametrize(
    ("name", "text", "unit"),
    [
        ("CD5|ecdf20", "0.59 to 0.81 of the scale", "of events"),
        ("CD5|ecdf31", "0.81 to 1 of the scale", "of events"),
        ("B1|CD5|ecdf01", "0 to 0.19 of the scale", "of events"),
        ("CD19:CD5|pairs0310", "CD19 0.19 to 0.38, CD5 0.62 to 0.81", "of events"),
        ("CD5|mll04", "0.2 to 0.4 of the range in training", "of events"),
        ("CD19:CD5|quadrantPN", "CD19+ CD5-", "of events"),
        ("CD19:CD3:CD5|som0203", "node 02, 03 of the map", "of events"),
        ("CD5|quantile05", "quantile of 5 %", "of the scale"),
        ("CD5|median", "median", "of the scale"),
        ("CD5|skewness", "skewness", ""),
        ("FISH|t(11;14)|result", "", ""),
        ("anything at all", "", ""),
        ("CD5|ecdf٣٤", "ecdf٣٤", ""),
    ],
)
def test_statistics_in_words(name, text, unit):
    found = region_of(parse_name(name), BINS)
    assert (found.text, found.unit) == (text, unit)
    if len(found.terms) == 1 and not found.low:
        assert value_in(found, parse_name(name), {name: 0.5}) == 0.5


def test_without_a_recipe_a_bin_is_only_a_name():
    found = region_of(FeatureName("", ("CD5",), "ecdf20"), bins_of(None))
    assert (found.text, found.low) == ("ecdf20", ())


def test_a_region_is_unknown_where_one_of_its_bins_is():
    name = parse_name("CD5|ecdf20")
    region = region_of(name, {"ecdf": 32})
    assert np.isnan(value_in(region, name, {"CD5|ecdf19": 0.1}))
    known = {"CD5|ecdf19": 0.1, "CD5|ecdf26": 0.35}
    assert value_in(region, name, known) == pytest.approx(0.25)


def test_hostile_numbers_do_not_leave_the_scale():
    assert region_of(parse_name("CD5|ecdf999999"), BINS).high == (1.0,)
    assert region_of(parse_name("CD5:CD3|pairs9999"), BINS).high == (1.0, 1.0)
