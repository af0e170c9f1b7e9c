"""The recipe mll2021: a plain computation of its definition, its standards, Otsu's cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cohort, one_tube, plain_sample, sample_of, with_events

from flowml.errors import FlowmlError
from flowml.fcs import read_fcs
from flowml.features import describe_case, make_recipe
from flowml.features.panel import marker_columns
from flowml.features.recipes.mll2021 import Standard, learn_standard, otsu
from flowml.preprocess import is_shown_in_decades
from flowml.preprocess.transform import Logicle
from flowml.quality import Preparation
from flowml.records import Case, Role, Tube

BOTH = pytest.mark.parametrize("maximum", ["range", "measured"])


def features(case, recipe, compensation="auto"):
    row = describe_case(case, recipe, Preparation(compensation))
    return dict(zip(recipe.get_feature_names_out(row.groups), row.values.tolist(), strict=True))


def compensated(sample):
    events = np.asarray(sample.events(), dtype=np.float64)
    if sample.spillover is not None and sample.scale.value == "raw":
        places = [sample.channel_names.index(name) for name in sample.spillover.channels]
        events[:, places] = events[:, places] @ np.linalg.inv(sample.spillover.matrix)
    return events


def shown_by(standard, values, maximum):
    """Put values through the definition: per maximum, standardised, arcsinh."""
    return np.arcsinh((values / maximum * 1024 - standard.mean) / standard.sd)


def assert_is_its_definition(sample, recipe, measured):
    found = features(one_tube(sample), recipe)
    standards = {standard.marker: standard for standard in recipe.parts[0].standards}
    bins = recipe.parts[0].bins
    events, (columns, _) = compensated(sample), marker_columns(sample)
    known = {m: c for m, c in columns.items() if m in standards}
    assert len(known) >= 3
    assert len(found) == len(known) * (bins - 1) + 3 * len(known) * (len(known) - 1) // 2
    positive, allowed = {}, 1.01 / sample.n_events
    for marker, column in known.items():
        standard, values = standards[marker], events[:, column]
        maximum = values.max() if measured else sample.channels[column].top
        shown = shown_by(standard, values, maximum)
        edges = np.linspace(standard.low, standard.high, bins + 1)[1:-1]
        wanted = [(shown < edge).mean() for edge in edges]
        ours = [found[f"{marker}|mll{n:02d}"] for n in range(1, bins)]
        np.testing.assert_allclose(ours, wanted, atol=allowed)
        positive[marker] = shown >= standard.cut
    for one in known:
        for other in known:
            if one < other:
                name = f"{one}:{other}|quadrant"
                ours = [found[name + which] for which in ("NP", "PN", "PP")]
                a, b = positive[one], positive[other]
                wanted = [(~a & b).mean(), (a & ~b).mean(), (a & b).mean()]
                np.testing.assert_allclose(ours, wanted, atol=2 * allowed)


@BOTH
@pytest.mark.parametrize("bins", [16, 32, 128])
def test_features_of_a_simulated_file_are_their_definition(maximum, bins):
    recipe = make_recipe("mll2021", bins=bins, maximum=maximum, exact=True).fit(cohort()[:6])
    for index in (0, 9):
        assert_is_its_definition(sample_of(index), recipe, maximum == "measured")


@BOTH
def test_features_of_a_real_file_are_their_definition(shared_data, maximum):
    samples = [
        read_fcs(shared_data / name)
        for name in ("spillover/Activation_1.fcs", "instruments/FACS_Diva__facs_diva_test.fcs")
    ]
    for sample in samples:
        recipe = make_recipe("mll2021", maximum=maximum, exact=True).fit([one_tube(sample)])
        assert_is_its_definition(sample, recipe, maximum == "measured")


@BOTH
def test_standards_are_the_moments_of_the_training_cases(maximum):
    cases = [
        one_tube(with_events(sample_of(n), sample_of(n).events()[: 300 + 200 * n]), str(n))
        for n in range(5)
    ]
    recipe = make_recipe("mll2021", maximum=maximum).fit(cases)
    standards = {standard.marker: standard for standard in recipe.parts[0].standards}
    assert list(standards) == sorted(standards)
    for marker in ("CD19", "CD3", "CD45", "SSC-A"):
        units = []
        for case in cases:
            sample = case.tubes[0].origin
            column = sample.column(marker)
            values = compensated(sample)[:, column]
            top = values.max() if maximum == "measured" else sample.channels[column].top
            units.append(values / top * 1024)
        mean = np.mean([u.mean() for u in units])
        sd = np.sqrt(np.mean([((u - mean) ** 2).mean() for u in units]))
        standard = standards[marker]
        assert standard.mean == pytest.approx(mean, rel=2e-3, abs=0.2)
        assert standard.sd == pytest.approx(sd, rel=2e-3)
        weights = np.concatenate([np.full(len(u), 0.2 / len(u)) for u in units])
        shown = np.arcsinh((np.concatenate(units) - mean) / sd)
        order = shown.argsort()
        below = np.cumsum(weights[order])
        for end, share in ((standard.low, 0.001), (standard.high, 0.999)):
            near = shown[order][
                [
                    np.searchsorted(below, share - 5e-4),
                    min(np.searchsorted(below, share + 5e-4), len(shown) - 1),
                ]
            ]
            assert near[0] - 0.05 <= end <= near[1] + 0.05


def brute_cut(values, weights):
    """Return the greatest variance between the groups, over all ways to part them."""
    best = 0.0
    for n in range(1, len(values)):
        one, other = weights[:n].sum(), weights[n:].sum()
        means = (np.average(values[:n], weights=weights[:n]),
                 np.average(values[n:], weights=weights[n:]))  # fmt: skip
        best = max(best, one * other * (means[0] - means[1]) ** 2)
    return best


@settings(max_examples=120, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-50, 50, width=32), st.integers(1, 1000)),
        min_size=2, max_size=40, unique_by=lambda pair: pair[0],
    )
)  # fmt: skip
def test_the_cut_parts_values_as_no_other_does(pairs):
    values, counts = np.array(sorted(pairs)).T
    weights = counts / counts.sum()
    cut = otsu(values, weights)
    low, high = values < cut, values >= cut
    assert low.any()
    assert high.any()
    means = [np.average(values[part], weights=weights[part]) for part in (low, high)]
    between = weights[low].sum() * weights[high].sum() * (means[0] - means[1]) ** 2
    assert between == pytest.approx(brute_cut(values, weights), rel=1e-6, abs=1e-12)


def test_the_cut_lies_between_two_clear_groups_and_is_a_value_where_there_is_one():
    values = np.concatenate([np.linspace(-1, -0.9, 90), np.linspace(2, 2.2, 10)])
    assert otsu(values, np.full(100, 0.01)) == pytest.approx((-0.9 + 2) / 2)
    assert otsu(np.array([3.0]), np.array([1.0])) == 3
    assert otsu(np.array([3.0, 4.0, 5.0]), np.array([0.0, 1.0, 0.0])) == 4
    assert otsu(np.array([]), np.array([])) == 0


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.integers(0, 1000)), min_size=1, max_size=40
    ).filter(lambda pairs: any(count for _, count in pairs))
)
def test_any_distribution_gives_a_standard_that_can_be_used(pairs):
    units, counts = np.array(sorted(pairs)).T
    weights = counts / counts.sum()
    standard = learn_standard("CD3", units, weights)
    assert standard.mean == pytest.approx(
        np.average(units, weights=weights), rel=1e-9, abs=1e-6
    )
    edges = standard.linear(np.linspace(standard.low, standard.high, 17), 1024.0)
    if standard.sd > 1e-3:
        assert (np.diff(edges) > 0).all()
        np.testing.assert_allclose(
            shown_by(standard, edges, 1024.0),
            np.linspace(standard.low, standard.high, 17), atol=1e-4,
        )  # fmt: skip


@BOTH
def test_quadrants_of_a_pair_leave_a_share_for_none(maximum):
    recipe = make_recipe("mll2021", maximum=maximum).fit(cohort()[:5])
    found = features(cohort()[7], recipe)
    pairs = {name.partition("|")[0] for name in found if "quadrant" in name}
    n = len(recipe.parts[1].standards)
    assert len(pairs) == n * (n - 1) // 2
    for pair in pairs:
        shares = [found[f"{pair}|quadrant{which}"] for which in ("NP", "PN", "PP")]
        assert min(shares) >= 0
        assert sum(shares) <= 1 + 1e-6


def test_quadrants_of_different_pairs_agree_on_each_marker():
    recipe = make_recipe("mll2021", exact=True).fit(cohort()[:5])
    found = features(cohort()[7], recipe)
    positive = {}
    for pair in {name.partition("|")[0] for name in found if "quadrant" in name}:
        one, other = pair.split(":")
        np_, pn, pp = (found[f"{pair}|quadrant{which}"] for which in ("NP", "PN", "PP"))
        positive.setdefault(one, []).append(pn + pp)
        positive.setdefault(other, []).append(np_ + pp)
    for shares in positive.values():
        assert np.ptp(shares) < 1e-6


@BOTH
def test_a_marker_that_no_training_case_had_is_passed_over(maximum):
    recipe = make_recipe("mll2021", maximum=maximum).fit(cohort()[:5])
    rows = np.random.default_rng(0).uniform(1, 900, (300, 3)).astype(np.float32)
    case = one_tube(plain_sample(rows, ["CD19", "CD99", "CD3"]))
    found = features(case, recipe)
    assert {name.partition("|")[0] for name in found} == {"CD19", "CD3", "CD19:CD3"}
    only = describe_case(one_tube(plain_sample(rows[:, :1], ["CD99"])), recipe)
    assert only.problem
    assert only.groups == ()


def test_a_value_far_off_moves_what_is_measured_by_it_alone():
    sample = sample_of(2)
    events = sample.events()
    column = sample.column("SSC-A")
    events[0, column] = 10 * events[:, column].max()
    for maximum, moved in (("range", False), ("measured", True)):
        recipe = make_recipe("mll2021+ecdf", maximum=maximum).fit(cohort()[3:6])
        before, after = (
            features(cohort()[2], recipe),
            features(one_tube(with_events(sample, events)), recipe),
        )
        far = [n for n in before if abs(before[n] - after[n]) > 5 / sample.n_events]
        assert bool(far) == moved
        assert all("SSC-A" in name and "ecdf" not in name for name in far)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_odd_values_are_no_maximum(odd):
    sample = sample_of(2)
    events = sample.events().astype(np.float32)
    events[5, sample.column("SSC-A")] = odd
    spoilt = one_tube(with_events(sample, events), "spoilt")
    whole = one_tube(sample, "spoilt")
    recipe = make_recipe("mll2021", maximum="measured")
    fitted, other = recipe.fit([whole, *cohort()[3:6]]), recipe.fit([spoilt, *cohort()[3:6]])
    for one, two in zip(fitted.parts[0].standards, other.parts[0].standards, strict=True):
        assert one.mean == pytest.approx(two.mean, rel=0.05, abs=0.5)
    before, after = features(whole, fitted), features(spoilt, fitted)
    assert before.keys() == after.keys()
    assert max(abs(before[n] - after[n]) for n in before) <= 2 / sample.n_events


@pytest.mark.parametrize("odd", [0.0, -5.0, np.nan])
def test_a_marker_without_a_value_above_zero_cannot_be_measured_by_it(odd):
    recipe = make_recipe("mll2021", maximum="measured").fit(cohort()[:5])
    rows = np.random.default_rng(0).uniform(1, 900, (300, 2)).astype(np.float32)
    rows[:, 0] = odd
    found = features(one_tube(plain_sample(rows, ["CD19", "CD3"])), recipe)
    assert {name.partition("|")[0] for name in found} == {"CD3"}


def test_a_marker_that_never_varies_has_a_standard():
    rows = np.full((300, 2), 7, dtype=np.float32)
    rows[:, 1] = np.arange(300)
    case = one_tube(plain_sample(rows, ["CD19", "CD3"]))
    for maximum in ("range", "measured"):
        recipe = make_recipe("mll2021", maximum=maximum).fit([case])
        values = np.array(list(features(case, recipe).values()))
        assert ((values >= 0) & (values <= 1)).all()


def test_linear_and_logarithmic_markers_are_surveyed_each_on_its_scale():
    sample = sample_of()
    kinds = {is_shown_in_decades(c) for c in sample.channels if c.marker}
    assert kinds == {True, False}
    assert sample.channels[sample.column("SSC-A")].role is Role.SIDE_SCATTER
    recipe = make_recipe("mll2021").fit([one_tube(sample)])
    for standard in recipe.parts[0].standards:
        values = compensated(sample)[:, sample.column(standard.marker)]
        units = values / sample.channels[sample.column(standard.marker)].top * 1024
        assert standard.mean == pytest.approx(units.mean(), rel=2e-3, abs=0.3)
    assert Logicle(1.0).inverse(1.0) == pytest.approx(1)


def test_two_tubes_measured_each_by_its_own_maximum():
    recipe = make_recipe("mll2021", maximum="measured").fit(cohort()[:5])
    rows = np.random.default_rng(0).uniform(1, 900, (300, 2)).astype(np.float32)
    one = Tube("1", plain_sample(rows, ["CD19", "CD3"]))
    ten = Tube("2", plain_sample(rows / 8, ["CD19", "CD3"]))
    alone, both = features(Case("a", (one,)), recipe), features(Case("a", (one, ten)), recipe)
    assert both == pytest.approx(alone, abs=2 / 300)


@pytest.mark.parametrize(
    "values",
    [
        ("CD3", 0.0, 0.0, -1.0, 1.0, 0.0), ("CD3", 0.0, -1.0, -1.0, 1.0, 0.0),
        ("CD3", 0.0, 1.0, 1.0, 1.0, 0.0), ("CD3", 0.0, 1.0, 1.0, -1.0, 0.0),
        ("CD3", float("nan"), 1.0, -1.0, 1.0, 0.0), ("CD3", 0.0, float("inf"), -1.0, 1.0, 0.0),
        ("CD3", 0.0, 1.0, -1.0, 1.0, float("inf")), ("CD3", 0, 1.0, -1.0, 1.0, 0.0),
        (3, 0.0, 1.0, -1.0, 1.0, 0.0), ("CD3", 0.0, 1.0, -1e5, 1e5, 0.0),
    ],
)  # fmt: skip
def test_a_standard_that_is_none_is_refused(values):
    with pytest.raises(FlowmlError, match="the standard of"):
        Standard(*values)


def test_edges_that_coincide_are_a_reason_and_no_counts():
    """Sums over equal places would count events twice."""
    sample = plain_sample(np.full((100, 1), 900.0, np.float32), ["CD19"])
    fitted = make_recipe("mll2021").fit([one_tube(sample)])
    (distribution, quadrants) = fitted.parts
    tight = Standard("CD19", 1000.0, 1e-14, -1.0, 1.0, 0.0)
    parts = (replace(distribution, standards=(tight,)), replace(quadrants, standards=(tight,)))
    case = describe_case(one_tube(sample), replace(fitted, parts=parts))
    assert "two edges of the bins of CD19 are the same number" in case.problem


@pytest.mark.parametrize("value", [1e-9, 1.0, 1e6])
@pytest.mark.parametrize("maximum", ["range", "measured"])
def test_a_marker_that_does_not_vary_is_counted_once(value, maximum):
    sample = plain_sample(np.full((500, 1), value, np.float32), ["CD19"], top=2e6)
    fitted = make_recipe("mll2021", maximum=maximum).fit([one_tube(sample)])
    case = describe_case(one_tube(sample), fitted)
    assert case.problem == ""
    assert case.values.min() >= 0
    assert case.values.max() <= 1
