"""One marker counts for another that no tube of the case measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small import one_tube, plain_sample

from flowml.errors import FlowmlError
from flowml.features import FeatureTable, FittedRecipe, describe_case, make_recipe
from flowml.features.assemble import assemble
from flowml.records import Case, Channel, Role, Tube

SCATTER = {"FSC-A": "A", "FSC-H": "H"}
ALL = "ecdf+pairs+quantiles+moments"


def sample(values, names, tops=None):
    channels = tuple(
        Channel(name, "", name, Role.FORWARD_SCATTER, SCATTER[name])
        if name in SCATTER
        else Channel(name, name, name, Role.FLUORESCENCE)
        for name in names
    )
    topped = tuple(replace(c, top=(tops or {}).get(c.name, 1024.0)) for c in channels)
    return replace(plain_sample(values, names, name="a.fcs"), channels=topped)


def values(n_columns, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(1, 1000, (400, n_columns)).astype(np.float32)


def recipe(*pairs, name=ALL, **options):
    return replace(make_recipe(name, pair_bins=5, **options).fit(()), stand_ins=pairs)


def named(fitted, case):
    return dict(zip(fitted.get_feature_names_out(case.groups), case.values, strict=True))


def codes(case):
    return [item.code for item in case.findings]


@pytest.mark.parametrize("by_tube", [False, True])
def test_heights_alone_give_the_features_of_areas_with_the_same_values(by_tube):
    fitted = recipe(("FSC-A", "FSC-H"), by_tube=by_tube)
    rows = values(3)
    heights = describe_case(one_tube(sample(rows, ["FSC-H", "CD19", "CD5"])), fitted)
    areas = describe_case(one_tube(sample(rows, ["FSC-A", "CD19", "CD5"])), fitted)
    assert heights.groups == areas.groups
    assert heights.values.tobytes() == areas.values.tobytes()
    assert heights.stand_ins == {"FSC-A": "FSC-H"}
    assert codes(heights).count("PANEL-STAND-IN") == 1
    assert "PANEL-STAND-IN" not in codes(areas)


def test_maps_and_fitted_scales_know_the_stand_in_by_the_name_of_the_marker():
    names, rows = ["FSC-A", "CD19", "CD5"], values(3)
    cases = [one_tube(sample(values(3, seed) - 100, names), f"c{seed}") for seed in range(4)]
    plan = make_recipe("mll2021+som+ecdf", map_side=2, width="auto")
    fitted = replace(plan.fit(cases), stand_ins=(("FSC-A", "FSC-H"), ("CD19", "CD20")))
    lacking = describe_case(one_tube(sample(rows, ["FSC-H", "CD20", "CD5"])), fitted)
    whole = describe_case(one_tube(sample(rows, names)), fitted)
    found = named(fitted, lacking)
    for name, value in named(fitted, whole).items():
        np.testing.assert_array_equal(found[name], value)


def test_a_marker_that_stands_in_for_another_counts_under_both_names():
    fitted = recipe(("CD20", "CD22"))
    case = describe_case(one_tube(sample(values(2), ["CD22", "CD5"])), fitted)
    found = named(fitted, case)
    own = {name: value for name, value in found.items() if name.startswith("CD22|")}
    assert own
    for name, value in own.items():
        np.testing.assert_array_equal(found[name.replace("CD22", "CD20")], value)
    assert {("CD20", "CD22"), ("CD20", "CD5")} <= {group.markers for group in case.groups}


def test_a_marker_of_another_tube_needs_no_stand_in():
    fitted = recipe(("CD20", "CD22"))
    first, second = sample(values(2), ["CD20", "CD5"]), sample(values(2, 1), ["CD22", "CD19"])
    case = Case("a", (Tube("1", first), Tube("2", second)))
    with_it, without = describe_case(case, fitted), describe_case(case, recipe())
    assert with_it.groups == without.groups
    assert with_it.values.tobytes() == without.values.tobytes()
    assert with_it.stand_ins == {}


def test_every_tube_with_the_stand_in_counts():
    fitted = recipe(("CD20", "CD22"), name="ecdf")
    rows = values(2)
    first, second = (sample(part, ["CD22", "CD5"]) for part in (rows[:150], rows[150:]))
    case = describe_case(Case("a", (Tube("1", first), Tube("2", second))), fitted)
    whole = describe_case(one_tube(sample(rows, ["CD22", "CD5"])), fitted)
    assert case.groups == whole.groups
    assert case.values.tobytes() == whole.values.tobytes()


def test_the_first_stand_in_that_is_there_is_taken():
    fitted = recipe(("CD20", "CD22"), ("CD20", "CD79b"))
    both = describe_case(one_tube(sample(values(2), ["CD79b", "CD22"])), fitted)
    one = describe_case(one_tube(sample(values(2), ["CD79b", "CD5"])), fitted)
    assert both.stand_ins == {"CD20": "CD22"}
    assert one.stand_ins == {"CD20": "CD79b"}


def test_a_marker_that_two_channels_claim_was_measured():
    fitted = recipe(("CD20", "CD22"))
    doubled = sample(values(3), ["CD20", "X", "CD22"])
    channels = (doubled.channels[0], replace(doubled.channels[1], marker="CD20"),
                doubled.channels[2])  # fmt: skip
    case = describe_case(one_tube(replace(doubled, channels=channels)), fitted)
    assert case.stand_ins == {}
    assert "PANEL-DOUBLE" in codes(case)


def test_a_hidden_marker_is_as_if_it_had_not_been_measured():
    fitted = recipe(("FSC-A", "FSC-H"))
    rows = values(3)
    whole = one_tube(sample(rows, ["FSC-A", "FSC-H", "CD5"]))
    lacking = one_tube(sample(rows[:, 1:], ["FSC-H", "CD5"]))
    hidden = describe_case(whole, fitted, hidden=("FSC-A",))
    there = describe_case(lacking, fitted)
    assert hidden.groups == there.groups
    assert hidden.values.tobytes() == there.values.tobytes()
    assert describe_case(whole, fitted).stand_ins == {}


def test_the_scale_is_that_of_the_stand_in():
    fitted = recipe(("FSC-A", "FSC-H"))
    heights = sample(values(2), ["FSC-H", "CD5"], {"FSC-H": 4096.0})
    (tube,) = describe_case(one_tube(heights), fitted).tubes
    assert tube.tops == {"CD5": 1024.0, "FSC-A": 4096.0}


def test_only_markers_that_are_asked_for_count_also_by_their_stand_ins():
    fitted = recipe(("CD20", "CD22"), markers=["CD20", "CD5"])
    case = describe_case(one_tube(sample(values(2), ["CD22", "CD5"])), fitted)
    assert {m for group in case.groups for m in group.markers} == {"CD20", "CD5"}


def test_a_case_that_cannot_be_read_says_so_all_the_same(tmp_path):
    broken = tmp_path / "b.fcs"
    broken.write_bytes(b"not at all")
    case = describe_case(Case("a", (Tube("b.fcs", broken),)), recipe(("CD20", "CD22")))
    assert codes(case) == ["CASE-UNREADABLE"]


def test_recipes_without_stand_ins_are_as_they_were_and_others_come_back():
    bare, fitted = recipe(), recipe(("FSC-A", "FSC-H"), ("CD20", "CD22"))
    assert "stand_ins" not in bare.to_dict()
    assert bare.sha256 != fitted.sha256
    assert FittedRecipe.from_dict(fitted.to_dict()) == fitted


@pytest.mark.parametrize(
    "wrong",
    [
        [["CD20", "CD20"]], [["CD20", "CD22"]] * 2, [["CD20"]], [["CD20", 5]], ["CD20"], "CD20",
        [["CD20", "CD22"], ["CD22", "CD19"]], [["a|b", "CD22"]], [["", "CD22"]], None,
    ],
)  # fmt: skip
def test_stand_ins_that_are_none_are_refused(wrong):
    with pytest.raises(FlowmlError):
        FittedRecipe.from_dict({**recipe().to_dict(), "stand_ins": wrong})


def test_the_table_tells_what_was_taken():
    fitted = recipe(("FSC-A", "FSC-H"), name="ecdf")
    made = (sample(values(2), ["FSC-H", "CD5"]), sample(values(2), ["FSC-A", "CD5"]))
    table = assemble(
        (describe_case(one_tube(s, str(n)), fitted) for n, s in enumerate(made)), fitted
    )
    again = FeatureTable.from_frame(table.to_frame())
    assert [case.stand_ins for case in again.cases] == [{"FSC-A": "FSC-H"}, {}]
    assert again.recipe == fitted
    story = table.story()["cases"]
    assert "stand_ins" not in story["1"]["tubes"][0]
    story["0"]["tubes"][0]["stand_ins"] = {"FSC-A": 5}
    frame = table.to_frame()
    frame.attrs["flowml"] = table.story() | {"cases": story}
    with pytest.raises(FlowmlError, match="damaged"):
        FeatureTable.from_frame(frame)
