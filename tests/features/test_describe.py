"""A case becomes a row, or a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small import cohort, one_tube, plain_sample, sample_of, with_events

from flowml.fcs import write_fcs
from flowml.features import describe_case, make_recipe
from flowml.findings import Severity
from flowml.quality import Preparation
from flowml.records import Case, Tube
from flowml.safety import file_sha256

RECIPE = make_recipe("ecdf").fit(())


def codes(case):
    return [item.code for item in case.findings]


def test_a_file_gives_what_its_sample_gives(tmp_path):
    path = tmp_path / "a.fcs"
    write_fcs(path, sample_of(), sample_of().keywords)
    read = describe_case(Case("a", (Tube("a.fcs", path),)), RECIPE)
    held = describe_case(one_tube(sample_of()), RECIPE)
    assert read.groups == held.groups
    assert read.values.tobytes() == held.values.tobytes()
    (tube,) = read.tubes
    assert tube.sha256 == file_sha256(path)
    assert (tube.n_events, tube.compensation, tube.simulated) == (1500, "$SPILLOVER", True)


def test_the_order_of_tubes_does_not_matter():
    first, second = cohort()[0].tubes[0], cohort()[1].tubes[0]
    straight = describe_case(Case("a", (first, second)), RECIPE)
    turned = describe_case(Case("a", (second, first)), RECIPE)
    assert straight.groups == turned.groups
    assert straight.values.tobytes() == turned.values.tobytes()


def test_markers_of_several_tubes_come_together():
    rows = np.arange(600, dtype=np.float32).reshape(300, 2)
    one, two = plain_sample(rows, ["CD3", "CD19"]), plain_sample(rows, ["CD19", "CD10"])
    case = describe_case(Case("a", (Tube("1", one), Tube("2", two))), RECIPE)
    assert [group.markers for group in case.groups] == [("CD10",), ("CD19",), ("CD3",)]
    assert case.problem == ""


def test_a_case_with_a_tube_that_cannot_be_read_says_which(tmp_path):
    broken = tmp_path / "broken.fcs"
    broken.write_bytes(b"not at all")
    tubes = (cohort()[0].tubes[0], Tube("tube 2/broken.fcs", broken))
    case = describe_case(Case("a", tubes), RECIPE)
    assert case.problem.startswith("tube 2/broken.fcs: not an FCS file")
    assert case.groups == ()
    assert case.findings[-1].severity is Severity.FAIL
    assert codes(case)[-1] == "CASE-UNREADABLE"


def test_a_case_without_tubes_events_or_numbers_says_so():
    sample = sample_of()
    nothing = sample.events()[:0]
    nan = np.full_like(sample.events(), np.nan)
    assert describe_case(Case("a", ()), RECIPE).problem == "the case holds no tube"
    for values, reason in ((nothing, "no event"), (nan, "no value that is a number")):
        case = describe_case(one_tube(with_events(sample, values)), RECIPE)
        assert reason in case.problem
        assert codes(case)[-1] == "CASE-EMPTY"


def test_a_sample_without_a_marker_says_what_it_has():
    case = describe_case(one_tube(plain_sample(np.ones((5, 2)), ["", ""])), RECIPE)
    assert codes(case) == ["COMP-NONE", "CASE-NO-MARKER"] or "CASE-NO-MARKER" in codes(case)
    assert "FL1, FL2" in case.problem
    assert "$PnS" in case.problem


def test_few_events_are_for_a_person():
    sample = sample_of()
    few = describe_case(one_tube(with_events(sample, sample.events()[:99])), RECIPE)
    enough = describe_case(one_tube(with_events(sample, sample.events()[:100])), RECIPE)
    assert "CASE-FEW-EVENTS" in codes(few)
    assert "CASE-FEW-EVENTS" not in codes(enough)


def test_infinite_and_missing_values_are_noticed():
    sample = sample_of()
    values = sample.events()
    values[:, 0] = np.nan
    case = describe_case(one_tube(with_events(sample, values)), RECIPE)
    assert {"FCS-VALUE-01", "MARKER-NO-VALUES"} <= set(codes(case))
    found = dict(zip(RECIPE.get_feature_names_out(case.groups), case.values, strict=True))
    assert all(np.isnan(found[f"FSC-A|ecdf{edge:02d}"]) for edge in range(1, 32))
    assert np.isfinite(found["CD19|ecdf16"])


def test_the_caller_may_say_that_data_are_compensated():
    case = one_tube(sample_of())
    said = describe_case(case, RECIPE, Preparation("already"))
    none = describe_case(case, RECIPE, Preparation("none"))
    auto = describe_case(case, RECIPE)
    assert said.values.tobytes() == none.values.tobytes() != auto.values.tobytes()
    tubes = (*said.tubes, *none.tubes, *auto.tubes)
    assert [tube.compensation for tube in tubes] == ["declared", "none", "$SPILLOVER"]
    assert [tube.compensated for tube in tubes] == [True, False, True]
    assert "COMP-DECLARED" in codes(said)


def test_a_channel_without_a_usable_top_is_a_reason_and_no_crash():
    sample = sample_of()
    flat = replace(sample, channels=tuple(replace(c, top=0.0) for c in sample.channels))
    assert describe_case(one_tube(flat), RECIPE).problem


@pytest.mark.parametrize("marker", ["CD19", "=cmd|' /C calc'!A0", 'a,b"c'])
def test_feature_names_are_marker_and_statistic(marker):
    case = describe_case(one_tube(plain_sample(np.ones((200, 1)), [marker])), RECIPE)
    names = RECIPE.get_feature_names_out(case.groups)
    assert len(names) == len(case.values) == 31
    assert names[0] == f"{marker.replace('|', '/')}|ecdf01"
    assert names[-1] == f"{marker.replace('|', '/')}|ecdf31"
