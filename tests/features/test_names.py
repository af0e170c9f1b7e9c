"""Names of features are composed and taken apart; what a case lacks is said in markers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import one_tube, plain_sample

from flowml.features import describe_case, feature_name, make_recipe, parse_name
from flowml.features.coverage import Coverage
from flowml.features.names import RESULT, FeatureName, as_marker
from flowml.records import Case, Tube

WORDS = st.text(min_size=1, max_size=12).map(as_marker)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.one_of(st.just(""), WORDS), st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_a_name_is_taken_apart_into_what_it_was_made_of(tube, markers, statistic):
    if statistic == RESULT:
        return
    parts = (tube, tuple(markers), statistic)
    assert parse_name(feature_name(*parts)) == FeatureName(*parts)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(alphabet="ab|:", max_size=12))
def test_any_text_can_be_taken_apart(text):
    name = parse_name(text)
    assert name.markers
    assert len(name) == 3


@pytest.mark.parametrize(
    ("feature", "parts"),
    [
        ("CD19|ecdf07", ("", ("CD19",), "ecdf07")),
        ("CD19:CD5|pairs0712", ("", ("CD19", "CD5"), "pairs0712")),
        ("CD3+CD4|CD3|ecdf01", ("CD3+CD4", ("CD3",), "ecdf01")),
        ("PBO|CD19:CD5|pairs0000", ("PBO", ("CD19", "CD5"), "pairs0000")),
        ("clinical|WBC|result", ("", ("clinical|WBC",), "result")),
        ("clinical|ratio 1:2|result", ("", ("clinical|ratio 1:2",), "result")),
        ("age", ("", ("age",), "")),
        ("", ("", ("",), "")),
    ],
)
def test_names_say_what_they_say(feature, parts):
    assert parse_name(feature) == parts


@pytest.mark.parametrize("by_tube", [False, True])
def test_all_names_of_all_recipes_come_apart(by_tube):
    rows = np.random.default_rng(0).uniform(0, 900, (300, 3)).astype(np.float32)
    tube = Tube("a.fcs", plain_sample(rows, ["CD3", "CD1|9:x", "CD5"]), "B|1")
    case = Case("a", (tube,))
    recipe = make_recipe(
        "ecdf+pairs+quantiles+moments+mll2021+som", map_side=2, pair_bins=3, by_tube=by_tube
    ).fit([case])
    found = describe_case(case, recipe)
    names = recipe.get_feature_names_out(found.groups)
    assert len(set(names)) == len(names) == len(found.values)
    for group in found.groups:
        assert recipe.size(group) == len(recipe.feature_names(group))
        for name in recipe.feature_names(group):
            tube_name, markers, statistic = parse_name(name)
            assert (tube_name, markers) == (group.tube, group.markers)
            assert statistic
    assert {group.tube for group in found.groups} == {"B/1" if by_tube else ""}
    assert {m for group in found.groups for m in group.markers} == {"CD1/9.x", "CD3", "CD5"}


NAMES = (
    "CD3|ecdf01", "CD3|ecdf02", "CD19|ecdf01", "CD3:CD19|pairs0000", "CD3:CD5|pairs0000",
    "CD19:CD3:CD5|som0000", "clinical|WBC|result", "PBO|CD20|mean", "PBO|CD20:CD3|pairs0000",
    "T|CD20|mean",
)  # fmt: skip


def lacking(*blank, names=NAMES):
    return Coverage(names).lacking(np.array([name in blank for name in names]))


@pytest.mark.parametrize(
    ("blank", "markers", "results"),
    [
        ([], [], []),
        (["CD3|ecdf01"], ["CD3"], []),  # though something is known of a pair
        (["CD3:CD5|pairs0000"], ["CD3:CD5"], []),
        (["CD19:CD3:CD5|som0000"], ["CD19:CD3:CD5"], []),
        (["CD3:CD5|pairs0000", "CD19:CD3:CD5|som0000"], ["CD5"], []),
        (["clinical|WBC|result"], [], ["clinical|WBC"]),
        (["PBO|CD20|mean"], ["PBO|CD20"], []),
        (["PBO|CD20|mean", "PBO|CD20:CD3|pairs0000"], ["PBO|CD20", "PBO|CD3"], []),
        (["T|CD20|mean"], ["T|CD20"], []),
    ],
)
def test_what_is_lacking_is_said_in_markers(blank, markers, results):
    assert lacking(*blank) == (markers, results)


def test_all_that_is_lacking():
    markers, results = lacking(*NAMES)
    assert markers == ["CD3", "CD19", "CD5", "PBO|CD20", "PBO|CD3", "T|CD20"]
    assert results == ["clinical|WBC"]


def test_coverage_names_markers_and_results():
    coverage = Coverage(NAMES)
    assert coverage.markers == ["CD3", "CD19", "CD5", "CD20"]
    assert coverage.results == ["clinical|WBC"]


def test_coverage_of_nothing_lacks_nothing():
    coverage = Coverage(())
    assert (coverage.markers, coverage.results) == ([], [])
    assert coverage.lacking(np.zeros(0, dtype=bool)) == ([], [])


def test_pairs_across_tubes_are_lacking_where_their_markers_are_not():
    rows = np.random.default_rng(0).uniform(0, 900, (300, 2)).astype(np.float32)
    recipe = make_recipe("ecdf+pairs", bins=4, pair_bins=2).fit(())
    one = describe_case(one_tube(plain_sample(rows, ["CD3", "CD19"])), recipe)
    names = recipe.get_feature_names_out(one.groups).tolist()
    tubes = (
        Tube("1", plain_sample(rows, ["CD3", "CD4"])),
        Tube("2", plain_sample(rows, ["CD19", "CD4"])),
    )
    two = describe_case(Case("b", tubes), recipe)
    known = set(recipe.get_feature_names_out(two.groups))
    blank = np.array([name not in known for name in names])
    assert Coverage(names).lacking(blank) == (["CD19:CD3"], [])
