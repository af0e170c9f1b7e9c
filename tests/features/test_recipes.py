"""Recipes: settings, what is refused, plain values there and back, ecdf by flowutils."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from functools import cache

import flowutils
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cohort, labels, one_tube, plain_sample, sample_of

import flowml
from flowml.errors import FlowmlError
from flowml.fcs import read_fcs
from flowml.features import (
    DEFAULT_RECIPE,
    RECIPES,
    FittedRecipe,
    Recipe,
    describe_case,
    make_recipe,
)
from flowml.features.panel import marker_columns
from flowml.preprocess import is_shown_in_decades
from flowml.reading import extract_table
from flowml.validation import Parting, validate

SMALL = {"map_side": 2, "pair_bins": 3, "bins": 16}
NAMES = [*RECIPES, "+".join(RECIPES), "som+ecdf"]


EVERYTHING = "+".join(RECIPES)


def fitted(name=EVERYTHING, **options):
    markers = options.pop("markers", None)
    return _fitted(name, tuple(markers or ()), **options)


@cache
def _fitted(name, markers, **options):
    return make_recipe(name, **SMALL, markers=markers, **options).fit(cohort()[:2])


def plain_shown(sample):
    """Put all channels on their display scales by flowutils and nothing of ours."""
    events = np.asarray(sample.events(), dtype=np.float64)
    if sample.spillover is not None and sample.scale.value == "raw":
        places = [sample.channel_names.index(name) for name in sample.spillover.channels]
        events[:, places] = events[:, places] @ np.linalg.inv(sample.spillover.matrix)
    shown = {}
    for marker, column in marker_columns(sample)[0].items():
        channel, values = sample.channels[column], events[:, column]
        if is_shown_in_decades(channel):
            values = flowutils.transforms.logicle(
                values[:, None].copy(), [0], t=channel.top, m=4.5, w=0.5, a=0
            )[:, 0]
        else:
            values = values / channel.top
        shown[marker] = values
    return shown


def assert_features_are_plain(sample, *, exact):
    recipe = make_recipe("ecdf+pairs", bins=32, pair_bins=8, exact=exact).fit(())
    case = describe_case(one_tube(sample), recipe)
    found = dict(zip(recipe.get_feature_names_out(case.groups), case.values, strict=True))
    shown = plain_shown(sample)
    assert len(shown) >= 3
    # exact: one event that float32 puts on the other side of an edge, else the snapped edges
    allowed = 1.01 / sample.n_events if exact else 0.02
    edges = np.linspace(0, 1, 33)[1:-1]
    for marker, values in shown.items():
        wanted = [(values < edge).mean() for edge in edges]
        ours = [found[f"{marker}|ecdf{n:02d}"] for n in range(1, 32)]
        np.testing.assert_allclose(ours, wanted, atol=allowed)
    cells = {m: np.clip(np.floor(v * 8), 0, 7).astype(int) for m, v in shown.items()}
    for one in shown:
        for other in shown:
            if one < other:
                wanted = np.zeros((8, 8))
                np.add.at(wanted, (cells[one], cells[other]), 1 / sample.n_events)
                ours = [found[f"{one}:{other}|pairs{n // 8:02d}{n % 8:02d}"] for n in range(64)]
                np.testing.assert_allclose(ours, wanted.ravel(), atol=2 * allowed)


@pytest.mark.parametrize("exact", [True, False])
def test_features_of_a_simulated_file_are_a_plain_computation(exact):
    assert_features_are_plain(sample_of(), exact=exact)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("name", ["aml-tube4/sample11.fcs", "spillover/Activation_1.fcs"])
def test_features_of_a_real_file_are_a_plain_computation(shared_data, name, exact):
    assert_features_are_plain(read_fcs(shared_data / name), exact=exact)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"name": "ecdff"}, "unknown recipe 'ecdff'"),
        ({"name": ""}, "unknown recipe ''"),
        ({"name": "ecdf+"}, "unknown recipe ''"),
        ({"name": "ecdf+ecdf"}, "each once"),
        ({"name": 5}, "unknown recipe"),
        ({"name": "mll2021 quadrants"}, "unknown recipe"),
        ({"name": "ecdf", "transform": "logs"}, "unknown transform 'logs'"),
        ({"name": "ecdf", "transform": []}, "unknown transform"),
        ({"name": "ecdf", "transform": None}, "unknown transform"),
        ({"name": "ecdf", "bins": 1}, "bins is 1, expected 2 to 1024"),
        ({"name": "ecdf", "bins": 2000}, "bins is 2000"),
        ({"name": "ecdf", "bins": True}, "whole number"),
        ({"name": "ecdf", "bins": 8.0}, "whole number"),
        ({"name": "mll2021", "bins": 15}, "bins is 15, expected 16 to 128"),
        ({"name": "ecdf+mll2021", "bins": 129}, "bins is 129, expected 16 to 128"),
        ({"name": "pairs", "pair_bins": 33}, "pair_bins is 33, expected 2 to 32"),
        ({"name": "ecdf+pairs", "bins": 1024, "pair_bins": 16}, "too many together"),
        ({"name": "som", "map_side": 1}, "map_side is 1, expected 2 to 32"),
        ({"name": "quantiles", "quantiles": ()}, "quantiles are"),
        ({"name": "quantiles", "quantiles": (0.5, 0.25)}, "shares that rise"),
        ({"name": "quantiles", "quantiles": (0.5, 0.5)}, "shares that rise"),
        ({"name": "quantiles", "quantiles": (0.005,)}, "whole percent"),
        ({"name": "quantiles", "quantiles": (1.0,)}, "whole percent"),
        ({"name": "quantiles", "quantiles": (float("nan"),)}, "whole percent"),
        ({"name": "quantiles", "quantiles": (float("inf"),)}, "whole percent"),
        ({"name": "quantiles", "quantiles": (1e307,)}, "whole percent"),
        ({"name": "quantiles", "quantiles": 5}, "quantiles are"),
        ({"name": "quantiles", "quantiles": None}, "quantiles are"),
        ({"name": "ecdf", "width": "wide"}, "width is 'wide', expected fixed or auto"),
        ({"name": "ecdf", "width": np.ones(3)}, "width is"),
        ({"name": "ecdf", "width": "auto", "transform": "log"}, "logicle's"),
        ({"name": "mll2021", "maximum": "top"}, "expected range or measured"),
        ({"name": "ecdf", "markers": "CD19"}, "canonical names"),
        ({"name": "ecdf", "markers": ["CD19", "CD19"]}, "markers are"),
        ({"name": "ecdf", "markers": ["a|b"]}, "canonical names"),
        ({"name": "ecdf", "markers": [1]}, "canonical names"),
        ({"name": "ecdf", "markers": [""]}, "canonical names"),
        ({"name": "ecdf", "by_tube": 1}, "true or false"),
        ({"name": "ecdf", "exact": "yes"}, "true or false"),
        ({"name": "ecdf", "colour": 1}, "unknown option 'colour'"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused(settings_, message):
    with pytest.raises(FlowmlError, match=message):
        make_recipe(**settings_)


def test_the_finest_bins_that_are_allowed_can_be_used():
    for options in (
        {"name": "ecdf", "bins": 1024},
        {"name": "pairs", "pair_bins": 32},
        {"name": "ecdf+pairs", "bins": 255, "pair_bins": 32},
        {"name": "ecdf+pairs", "bins": 400, "pair_bins": 16},
        {"name": "ecdf+mll2021+pairs", "bins": 128, "pair_bins": 16},
    ):
        recipe = make_recipe(**options).fit(cohort()[:2])
        case = describe_case(cohort()[0], recipe)
        assert case.problem == ""
        assert np.isfinite(case.values).all()


def test_lists_are_taken_for_tuples():
    recipe = make_recipe("quantiles", quantiles=[0.1, 0.5], markers=["CD3", "CD19"])
    assert recipe.quantiles == (0.1, 0.5)
    assert recipe.markers == ("CD3", "CD19")


def test_the_usual_recipe_is_one_and_the_same_everywhere():
    usual = make_recipe(DEFAULT_RECIPE)
    assert usual == Recipe() == make_recipe("ecdf+pairs", pair_bins=8)
    assert not usual.learns
    for verb in (flowml.extract, flowml.train, extract_table):
        assert inspect.signature(verb).parameters["recipe"].default == DEFAULT_RECIPE
    assert usual.learn([]).sha256 == extract_table(cohort()[:1]).recipe.sha256
    (trial,) = validate(cohort(), labels(), Parting(folds=2)).trials
    assert trial.recipe == DEFAULT_RECIPE


def test_the_recipe_of_distributions_alone_is_as_it_was_before_pairs_were_usual():
    sha256 = "550290e85afe77e393fb584713db4aa72efe46edb31a1482169db0538d6b1226"
    assert (
        make_recipe("ecdf").learn([]).sha256 == sha256
    )  # of models that are trained and tables that are kept


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_survives_the_way_through_json(name):
    for options in ({}, {"exact": True, "by_tube": True}, {"width": "auto"},
                    {"maximum": "measured", "markers": ["CD3", "CD19"]}):  # fmt: skip
        recipe = fitted(name, **options)
        again = FittedRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
        assert again == recipe
        assert again.sha256 == recipe.sha256
        assert again.name == recipe.name == name
        assert again.passes == recipe.passes
        assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301
        one, other = (describe_case(cohort()[4], each) for each in (recipe, again))
        assert one.groups == other.groups
        assert one.values.tobytes() == other.values.tobytes()


def test_recipes_that_compute_other_things_have_other_hashes():
    every = [fitted(name) for name in NAMES] + [
        fitted("ecdf", **options)
        for options in ({"exact": True}, {"by_tube": True}, {"width": "auto"},
                        {"transform": "arcsinh"}, {"markers": ["CD3"]})
    ]  # fmt: skip
    assert len({recipe.sha256 for recipe in every}) == len(every)


def test_a_summary_is_short():
    text = json.dumps(fitted().summary())
    assert len(text) < 2500
    assert fitted().sha256 in text


def test_features_are_named_as_scikit_learn_names_them():
    recipe = fitted()
    case = describe_case(cohort()[4], recipe)
    names = recipe.get_feature_names_out(case.groups)
    assert names.dtype == object
    assert len(names) == len(case.values) == sum(recipe.size(g) for g in case.groups)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_what_they_should_be_on_a_sound_case(name):
    case = describe_case(cohort()[5], fitted(name))
    assert case.problem == ""
    assert case.values.dtype == np.float32
    names = fitted(name).get_feature_names_out(case.groups)
    gated = np.array(["/" in n for n in names])  # may have too few events to be told of
    assert np.isfinite(case.values[~gated]).all()
    assert np.isfinite(case.values[gated]).any() == gated.any()
    words = ("|ecdf", "|pairs", "|mll", "|quadrant", "|som", "|of_")
    known = np.isfinite(case.values)
    share = known & np.array([any(word in n for word in words) for n in names])
    assert ((case.values >= 0) & (case.values <= 1))[share].all()
    assert (np.abs(case.values[~share & known]) < 60).all()


def test_a_recipe_of_parts_gives_what_each_part_gives():
    both = fitted("ecdf+pairs+quantiles+populations+mll2021+som+moments")
    together = describe_case(cohort()[4], both)
    found = dict(zip(both.get_feature_names_out(together.groups), together.values, strict=True))
    for name in RECIPES:
        alone = fitted(name)
        case = describe_case(cohort()[4], alone)
        for feature, value in zip(
            alone.get_feature_names_out(case.groups), case.values, strict=True
        ):
            assert np.array_equal(found.pop(feature), value, equal_nan=True)
    assert not found


@pytest.mark.parametrize(
    "values",
    [
        {}, {"name": "ecdf"}, {"name": [], "transform": "logicle", "bins": 3}, None, [1],
        "ecdf", 5, [], [[]], {"parts": []}, {"parts": None}, {1: 2},
    ],
)  # fmt: skip
def test_a_damaged_recipe_is_refused(values):
    with pytest.raises(FlowmlError):
        FittedRecipe.from_dict(values)


PLAIN = json.loads(json.dumps(fitted(width="auto", markers=["CD3", "CD19", "SSC-A"]).to_dict()))


def deep(levels=5000):
    found = []
    for _ in range(levels):
        found = [found]
    return found


HOSTILE = st.one_of(
    st.sampled_from([
        None, True, False, 0, 1, -1, 2**63, 10**400, 0.0, -1.0, 0.5, 1e-300, 1e300, 1e307,
        float("nan"), float("inf"), -float("inf"), "", "CD19", "a|b:c", "\udcff", "\x00",
        "logicle", "log", "mll2021", "som", "ecdf", [], [[]], {}, {"part": "ecdf"}, [None],
        ["CD3", "CD3"], [1.0, 2.0], {"a": 1}, [["CD3", 1.0]], "x" * 10_000, [0.5] * 1000,
        deep(),
    ]),
    st.integers(), st.floats(), st.text(max_size=5),
    st.lists(st.floats(), max_size=6),
)  # fmt: skip


def places(value, path=()):
    """Return the paths of all values of a nest, but only some of long lists."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for n in {0, 1, len(value) - 1} & set(range(len(value))):
            yield from places(value[n], (*path, n))


PATHS = list(places(PLAIN))[1:]


def mutated(path, what, value):
    found = copy.deepcopy(PLAIN)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    if what == "remove":
        del inner[path[-1]]
    elif what == "double" and isinstance(inner, list):
        inner.append(inner[path[-1]])
    else:
        inner[path[-1]] = value
    return found


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.sampled_from(PATHS), st.sampled_from(["set", "set", "remove", "double"]), HOSTILE)
def test_hostile_values_are_refused_or_can_be_used(path, what, value):
    """No exception but FlowmlError, neither when a recipe is built nor when it is used."""
    try:
        recipe = FittedRecipe.from_dict(mutated(path, what, value))
    except FlowmlError as error:
        assert len(str(error)) < 600  # noqa: PT017
        return
    assert len(recipe.sha256) == 64
    assert recipe.name
    json.dumps(recipe.summary())
    rows = np.random.default_rng(0).normal(200, 300, (120, 3)).astype(np.float32)
    case = describe_case(one_tube(plain_sample(rows, ["CD3", "CD19", "SSC-A"])), recipe)
    assert len(recipe.get_feature_names_out(case.groups)) == len(case.values)
    again = FittedRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again.sha256 == recipe.sha256


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["parts", "widths", "markers", "transform", "by_tube", "exact",
                             "part", "bins", "shares"]), inner, max_size=6),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_plain_value_that_is_no_recipe_is_refused(value):
    try:
        FittedRecipe.from_dict(value)
    except FlowmlError:
        return
    assert value["parts"]
