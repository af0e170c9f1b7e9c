"""What fitting learns of training cases: each counts alike, in any order, whatever is odd."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from small import cohort, one_tube, plain_sample, sample_of, with_events

from flowml.errors import FlowmlError
from flowml.features import describe_case, make_recipe
from flowml.features.recipes.learn import FEWEST_EVENTS, MOST_EVENTS, share_of_events, survey
from flowml.features.recipes.scales import Scales
from flowml.preprocess import logicle_width
from flowml.quality import Preparation
from flowml.records import Case, Channel, Role, Sample, Tube

LEARNING = [
    ("ecdf", {"width": "auto"}),
    ("mll2021", {}),
    ("mll2021", {"maximum": "measured"}),
    ("som", {"map_side": 4}),
    ("som+mll2021+quantiles", {"map_side": 3, "width": "auto"}),
]
ALL = pytest.mark.parametrize(("name", "options"), LEARNING)


def of_unequal_size():
    """Return eight cases with different numbers of events."""
    return [
        one_tube(with_events(sample_of(n), sample_of(n).events()[: 250 + 170 * n]), f"case {n}")
        for n in range(8)
    ]


def negatives(case_id, values, top=1024.0, marker="CD3"):
    rows = np.column_stack([values, np.abs(values)]).astype(np.float32)
    return one_tube(plain_sample(rows, [marker, "CD19"], top=top), case_id)


def numbers(fitted):
    """Return all numbers of a fitted recipe, in order."""
    found = []

    def gather(value):
        if isinstance(value, float):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            for each in value:
                gather(each)
        elif isinstance(value, dict):
            for each in value.values():
                gather(each)

    gather(fitted.to_dict())
    return np.array(found)


@ALL
def test_the_order_of_the_cases_changes_no_bit(name, options):
    recipe, cases = make_recipe(name, **options), of_unequal_size()
    surveys = [recipe.survey(case, len(cases)) for case in cases]
    rng = np.random.default_rng(0)
    hashes = {recipe.learn([surveys[n] for n in rng.permutation(8)]).sha256 for _ in range(3)}
    assert len(hashes) == 1


@ALL
def test_a_case_with_100_times_the_events_counts_no_more(name, options):
    recipe = make_recipe(name, **options)
    others = [recipe.survey(case, 4) for case in cohort()[1:4]]
    events = sample_of().events()[:40]
    few = one_tube(with_events(sample_of(), events), "first")
    many = one_tube(with_events(sample_of(), np.tile(events, (100, 1))), "first")
    one, hundred = (recipe.learn([recipe.survey(case, 4), *others]) for case in (few, many))
    np.testing.assert_allclose(numbers(one), numbers(hundred), rtol=1e-6, atol=1e-6)
    without = recipe.learn(others)
    assert np.abs(numbers(one) - numbers(without)).max() > 1e-4


@ALL
def test_a_case_that_cannot_be_read_is_passed_over(tmp_path, name, options):
    broken = tmp_path / "broken.fcs"
    broken.write_bytes(b"not at all")
    recipe, cases = make_recipe(name, **options), of_unequal_size()[:3]
    odd = [
        Case("a broken", (Tube("broken.fcs", broken),)),
        Case("b not there", (Tube("no.fcs", tmp_path / "no.fcs"),)),
        Case("c half", (cases[0].tubes[0], Tube("broken.fcs", broken))),
        Case("d none", ()),
        one_tube(with_events(sample_of(), sample_of().events()[:0]), "e empty"),
        one_tube(plain_sample(np.ones((5, 2)), ["", ""]), "f unnamed"),
        one_tube(with_events(sample_of(), np.full((9, 14), np.nan)), "g nan"),
    ]
    surveys = [recipe.survey(case, 8) for case in cases]
    passed = [recipe.survey(case, 8) for case in odd]
    assert recipe.learn([*passed[:3], *surveys, *passed[3:]]) == recipe.learn(surveys)


@ALL
def test_no_case_to_learn_from_is_said(tmp_path, name, options):
    recipe = make_recipe(name, **options)
    broken = Case("a", (Tube("no.fcs", tmp_path / "no.fcs"),))
    for cases in ([], [broken], [Case("b", ())]):
        with pytest.raises(FlowmlError, match=f"none of {len(cases)} can be used"):
            recipe.fit(cases)


def test_recipes_with_nothing_to_learn_need_no_case():
    for name in ("ecdf", "pairs", "quantiles", "moments", "ecdf+pairs+quantiles+moments"):
        recipe = make_recipe(name)
        assert not recipe.learns
        assert recipe.fit(()) == recipe.fit(cohort()[:2])
    assert all(make_recipe(name, **options).learns for name, options in LEARNING)


def fitted_width(*cases, marker="CD3"):
    return dict(make_recipe("ecdf", width="auto").fit(cases).scales.widths).get(marker)


@pytest.mark.parametrize("top", [1024.0, 262144.0])
@pytest.mark.parametrize("spread", [0.002, 0.02])
def test_a_width_is_that_of_the_negative_values(top, spread):
    values = np.random.default_rng(1).normal(0, spread * top, 20_000)
    low = np.quantile(values[values < 0], 0.05)
    wanted = logicle_width(low, top)
    assert fitted_width(negatives("a", values, top)) == pytest.approx(wanted, abs=0.002)
    assert wanted == pytest.approx((4.5 - np.log10(top / -low)) / 2, abs=1e-6)


def test_a_width_refers_to_all_cases_alike():
    rng = np.random.default_rng(2)
    parts = [rng.normal(0, sd, 5000) for sd in (1, 10)]
    cases = [negatives("a", parts[0][:500]), negatives("b", parts[1])]
    weights = np.concatenate([np.full(500, 10), np.ones(5000)])
    values = np.concatenate([parts[0][:500], parts[1]])
    below = values < 0
    order = values[below].argsort()
    share = np.cumsum(weights[below][order]) / weights[below].sum()
    low = values[below][order][np.searchsorted(share, 0.05)]
    assert fitted_width(*cases) == pytest.approx(logicle_width(low, 1024.0), abs=0.02)


def test_a_marker_without_negative_values_keeps_the_usual_width():
    case = negatives("a", np.random.default_rng(1).normal(0, 20, 2000))
    assert fitted_width(case, marker="CD19") is None
    recipe = make_recipe("ecdf", width="auto").fit([case])
    channel = Channel("FL2", "", "CD19", Role.FLUORESCENCE, "", 1024.0)
    assert recipe.scales.of(channel) == Scales().of(channel)
    own = replace(channel, marker="CD3")
    assert recipe.scales.of(own) != Scales().of(own)


def test_scatter_has_no_width():
    recipe = make_recipe("ecdf", width="auto").fit(cohort()[:3])
    assert "CD19" in dict(recipe.scales.widths)
    assert not {"SSC-A", "FSC-A"} & set(dict(recipe.scales.widths))


def test_a_marker_on_two_kinds_of_scale_learns_its_width_where_it_is_in_decades():
    sample = sample_of()
    linear = Sample(
        sample.name,
        tuple(
            replace(c, role=Role.OTHER) if c.marker == "CD19" else c for c in sample.channels
        ),
        sample.source,
        spillover=sample.spillover,
    )
    alone = fitted_width(one_tube(sample, "m"), marker="CD19")
    for other in ("a", "z"):
        both = fitted_width(one_tube(linear, other), one_tube(sample, "m"), marker="CD19")
        assert both == alone


def test_a_fitted_width_changes_the_features_of_that_marker_alone():
    case = negatives("a", np.random.default_rng(1).normal(0, 200, 2000))
    usual, auto = make_recipe("ecdf").fit(()), make_recipe("ecdf", width="auto").fit([case])
    one, other = describe_case(case, usual), describe_case(case, auto)
    assert one.groups == other.groups
    changed = {
        name.partition("|")[0]
        for name, a, b in zip(
            usual.get_feature_names_out(one.groups), one.values, other.values, strict=True
        )
        if a != b
    }
    assert changed == {"CD3"}


def test_events_of_a_map_are_few_where_cases_are_many():
    shares = [share_of_events(n) for n in (0, 1, 10, 100, 1000, 10**6)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (MOST_EVENTS, FEWEST_EVENTS)


@pytest.mark.parametrize("n_events", [1, 7, 100, 1499, 1500, 5000])
def test_events_are_taken_evenly_over_the_tube(n_events):
    sample = sample_of()
    rows = np.arange(1500, dtype=np.float32)[:, None].repeat(14, axis=1)
    case = one_tube(
        with_events(sample, np.tile(rows, (23, 1)) * 0 + np.arange(34_500)[:, None])
    )
    seen = survey(case, ("SSC-A",), Preparation("none"), n_events)
    ((channels, events),) = seen.events
    assert list(channels) == ["SSC-A"]
    assert n_events / 2 < events.shape[1] <= n_events
    assert set(np.diff(events[0])) <= {-(-34_500 // n_events)}


def test_tubes_of_a_case_are_surveyed_together():
    sample = sample_of()
    events = sample.events()
    cut = [
        Tube(str(n), with_events(sample, part))
        for n, part in enumerate(np.split(events, [400]))
    ]
    whole = survey(one_tube(sample), (), Preparation("none"))
    parts = survey(Case("case", tuple(cut)), (), Preparation("none"))
    assert list(whole.histograms) == list(parts.histograms)
    for marker, seen in whole.histograms.items():
        other = parts.histograms[marker]
        np.testing.assert_array_equal(seen.counts, other.counts)
        assert seen.maximum == other.maximum


def test_only_chosen_markers_are_learned():
    recipe = make_recipe("mll2021+som", map_side=2, markers=["CD3", "CD19", "CD99"])
    with pytest.raises(FlowmlError, match="CD99"):
        recipe.fit(cohort()[:3])
    fitted = make_recipe("mll2021+som", map_side=2, markers=["CD3", "CD19"]).fit(cohort()[:3])
    assert [s.marker for s in fitted.parts[0].standards] == ["CD19", "CD3"]
    assert fitted.parts[2].markers == ("CD19", "CD3")


def test_a_map_lies_in_what_all_tubes_have():
    rng = np.random.default_rng(0)
    sets = (["CD3", "CD19", "CD5"], ["CD5", "CD3", "CD10"])
    cases = [
        one_tube(plain_sample(rng.uniform(0, 900, (200, 3)).astype(np.float32), s), str(n))
        for n, s in enumerate(sets)
    ]
    assert make_recipe("som", map_side=3).fit(cases).parts[0].markers == ("CD3", "CD5")


def test_every_case_is_learned_from():
    recipe = make_recipe("mll2021", markers=["CD19", "SSC-A"])
    surveys = [recipe.survey(case, 4) for case in cohort()[:4]]
    whole = recipe.learn(surveys).sha256
    for left in itertools.combinations(surveys, 3):
        assert recipe.learn(left).sha256 != whole
