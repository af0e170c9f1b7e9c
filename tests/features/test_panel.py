"""Which channel stands for a marker, by what name a tube goes, and tubes together."""

from __future__ import annotations

import numpy as np
import pytest
from small import cohort, one_tube, plain_sample, sample_of, with_events

from flowml.features import describe_case, make_recipe
from flowml.features.names import as_marker
from flowml.features.opened import open_tube
from flowml.features.panel import marker_columns, tube_key
from flowml.findings import Severity
from flowml.quality import Preparation
from flowml.records import Case, Channel, Role, Sample, Tube

F, FS, SS = Role.FLUORESCENCE, Role.FORWARD_SCATTER, Role.SIDE_SCATTER
COUNTING = "ecdf+pairs+quantiles+moments"  # of which tubes are added up exactly


def channels(*rows):
    made = tuple(Channel(name, "", marker, role, pulse) for name, marker, role, pulse in rows)
    return Sample("a.fcs", made, None)


def test_an_area_stands_for_its_marker_before_a_height_and_never_a_width():
    sample = channels(
        ("PE-W", "CD19", F, "W"), ("PE-H", "CD19", F, "H"), ("PE-A", "CD19", F, "A"),
        ("APC-H", "CD3", F, "H"), ("FITC-W", "CD4", F, "W"), ("Time", "", Role.TIME, ""),
    )  # fmt: skip
    assert marker_columns(sample) == ({"CD19": 2, "CD3": 3}, ())


def test_scatter_is_its_area_or_else_its_height():
    both = channels(("FSC-H", "FSC-H", FS, "H"), ("FSC-A", "FSC-A", FS, "A"))
    assert marker_columns(both)[0] == {"FSC-A": 1}
    heights = channels(("FSC-H", "FSC-H", FS, "H"), ("SSC-W", "SSC-W", SS, "W"))
    assert marker_columns(heights)[0] == {"FSC-H": 0}


def test_a_marker_that_two_channels_claim_is_left_out_and_named():
    sample = channels(
        ("PE-A", "CD19", F, "A"), ("APC-A", "CD19", F, "A"), ("FITC-A", "CD3", F, "A")
    )
    columns, (finding,) = marker_columns(sample)
    assert columns == {"CD3": 2}
    assert finding.code == "PANEL-DOUBLE"
    assert finding.severity is Severity.REVIEW
    assert all(word in finding.message for word in ("CD19", "PE-A", "APC-A"))


def test_a_marker_may_be_any_text_without_the_signs_that_part_names():
    assert as_marker("a|b:c") == "a/b.c"
    assert as_marker("/a") == as_marker("|a") == "_a"  # a population's sign
    sample = channels(("FL1", "kappa:lambda|x", F, ""))
    assert marker_columns(sample)[0] == {"kappa.lambda/x": 0}


def test_two_labels_that_become_one_marker_do_not_share_a_name():
    sample = channels(("FL1", "a|b", F, ""), ("FL2", "a/b", F, ""))
    columns, findings = marker_columns(sample)
    assert columns in ({}, {"a/b": 0}, {"a/b": 1})
    assert findings


def test_a_tube_goes_by_its_label_or_by_its_stained_markers():
    own = {
        "SSC-A": Channel("SSC-A", role=SS),
        "CD5": Channel("FL2", role=F),
        "CD19": Channel("FL1", role=F),
    }
    assert tube_key(Tube("x/1.fcs", sample_of(), "B-cell|1"), own) == "B-cell/1"
    assert tube_key(Tube("x/1.fcs", sample_of()), own) == "CD19 CD5"
    assert tube_key(Tube("x/1.fcs", sample_of()), {"SSC-A": own["SSC-A"]}) == "SSC-A"


def test_only_the_markers_that_are_asked_for_are_used():
    tube = cohort()[0].tubes[0]
    opened = open_tube(tube, markers=("CD19", "CD3", "CD99"))
    assert set(opened.channels) == {"CD19", "CD3"}
    recipe = make_recipe("ecdf+pairs", markers=["CD19", "SSC-A", "CD99"]).fit(())
    case = describe_case(cohort()[0], recipe)
    assert {m for group in case.groups for m in group.markers} == {"CD19", "SSC-A"}
    whole = make_recipe("ecdf+pairs").fit(())
    everything = describe_case(cohort()[0], whole)
    known = dict(
        zip(whole.get_feature_names_out(everything.groups), everything.values, strict=True)
    )
    for name, value in zip(recipe.get_feature_names_out(case.groups), case.values, strict=True):
        assert known[name] == value


def test_none_of_the_markers_is_a_reason():
    recipe = make_recipe("ecdf", markers=["CD98", "CD99"]).fit(())
    case = describe_case(cohort()[0], recipe)
    assert "CD98, CD99" in case.problem
    assert case.findings[-1].code == "CASE-NO-MARKER"


def parts_of(sample, *cuts, labels=("", "", "")):
    events = sample.events()
    parts = np.split(events, cuts)
    return tuple(
        Tube(f"{n}.fcs", with_events(sample, part), label)
        for n, (part, label) in enumerate(zip(parts, labels, strict=False))
    )


@pytest.mark.parametrize("recipe", [*COUNTING.split("+"), COUNTING])
@pytest.mark.parametrize("by_tube", [False, True])
def test_tubes_are_pooled_as_if_they_had_been_one(recipe, by_tube):
    # events outside the matrix, so that no product rounds by its row
    fitted = make_recipe(recipe, by_tube=by_tube, pair_bins=5).fit(())
    sample = sample_of()
    whole = describe_case(one_tube(sample), fitted, Preparation("none"))
    for tubes in (parts_of(sample, 300, 301), parts_of(sample, 300, 301)[::-1]):
        case = describe_case(Case("case", tubes), fitted, Preparation("none"))
        assert case.groups == whole.groups
        assert case.values.tobytes() == whole.values.tobytes()


def test_maps_and_quadrants_are_pooled_too():
    sample = sample_of()
    fitted = make_recipe("mll2021+som", map_side=3).fit(cohort()[:4], Preparation("none"))
    whole = describe_case(one_tube(sample), fitted, Preparation("none"))
    case = describe_case(Case("case", parts_of(sample, 300, 301)), fitted, Preparation("none"))
    assert case.groups == whole.groups
    np.testing.assert_allclose(case.values, whole.values, atol=1.01 / sample.n_events)


@pytest.mark.parametrize("labelled", [True, False])
def test_tubes_are_kept_apart_by_label_or_markers(labelled):
    rng = np.random.default_rng(0)
    rows = rng.uniform(0, 900, (2, 300, 2)).astype(np.float32)
    samples = (
        plain_sample(rows[0], ["CD19", "CD3"]),
        plain_sample(rows[1], ["CD3", "CD10"]),
    )
    labels = ("two", "one") if labelled else ("", "")
    tubes = tuple(
        Tube(f"{n}.fcs", s, label)
        for n, (s, label) in enumerate(zip(samples, labels, strict=True))
    )
    fitted = make_recipe(COUNTING, by_tube=True, pair_bins=3).fit(())
    keys = labels if labelled else ("CD19 CD3", "CD10 CD3")
    case = describe_case(Case("a", tubes), fitted)
    turned = describe_case(Case("a", tubes[::-1]), fitted)
    assert case.groups == turned.groups == tuple(sorted(case.groups))
    assert case.values.tobytes() == turned.values.tobytes()
    found = dict(zip(fitted.get_feature_names_out(case.groups), case.values, strict=True))
    for tube, key in zip(tubes, keys, strict=True):
        alone = describe_case(Case("b", (tube,)), fitted)
        assert {group.tube for group in alone.groups} == {key}
        for name, value in zip(
            fitted.get_feature_names_out(alone.groups), alone.values, strict=True
        ):
            assert name.startswith(f"{key}|")
            assert found[name] == value


def test_tubes_of_one_key_are_pooled_and_others_not():
    sample = sample_of()
    first, second, third = parts_of(sample, 500, 1000, labels=("A", "B", "A"))
    fitted = make_recipe("ecdf", by_tube=True).fit(())
    case = describe_case(Case("a", (first, second, third)), fitted, Preparation("none"))
    both = with_events(sample, np.concatenate([first.origin.events(), third.origin.events()]))
    pooled = describe_case(Case("a", (Tube("x", both, "A"),)), fitted, Preparation("none"))
    own = [group.tube == "A" for group in case.groups]
    assert sum(own) == len(pooled.groups) == len(own) / 2
    assert case.values[: len(case.values) // 2].tobytes() == pooled.values.tobytes()


def test_pooling_leaves_the_counts_of_the_tubes_alone():
    from flowml.features.describe import pooled
    from flowml.features.tube import count_tube

    recipe, how = make_recipe("ecdf").fit(()), Preparation("none")
    tubes = [count_tube(tube, recipe, how) for tube in parts_of(sample_of(), 700)]
    before = [tube.counts[0].table.copy() for tube in tubes]
    pooled(tubes)
    for kept, tube in zip(before, tubes, strict=True):
        np.testing.assert_array_equal(kept, tube.counts[0].table)
