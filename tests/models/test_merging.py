"""A training summary with new cases in it: none of them is foreign, nothing old is lost."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache

import pytest
from small import cohort, dimmer, held, model

import flowml
from flowml.errors import ModelError
from flowml.models import load_model, save_model
from flowml.models.about import DATA_KINDS, training_record
from flowml.models.adapted import adapted_lines, is_adapted
from flowml.models.merging import merged_record
from flowml.pipeline import classify, extract_table


def cases(panel="screening", seed=51, each=8):
    numbers = dict.fromkeys(("normal", "CLL", "AML"), each)
    return [
        held(case) for case in flowml.simulate(panel, entities=numbers, events=800, seed=seed)
    ]


@cache
def adapted():
    """The small model, continued on cases of an instrument of half the gain."""
    new = [dimmer(case, "Dim 2") for case in cases()]
    return flowml.adapt_model((new, {c.case_id: c.details["entity"] for c in new}), model())


def record(tops, dyes=(), panels=(), **more):
    """A summary with these scales."""
    plain = {
        "data_kind": "real", "n_events": 10, "scales": tops, "compensated": [True],
        "inputs": ["b"], "panels": list(panels), "dyes": dict(dyes),
    }  # fmt: skip
    return plain | more


def panel(name, detectors):
    tube = {"name": "1", "detectors": detectors, "labels": []}
    return {"name": name, "tubes": [tube], "is_learned": True}


def test_scales_dyes_and_inputs_by_hand():
    old = record({"CD5": [100.0, 100.0]}, {"CD5": ["FITC"]}, inputs=["a"], remark="x", cases={})
    new = record({"CD5": [50.0, 60.0], "CD7": [9.0, 9.0]}, {"CD5": ["PE"]})
    found = merged_record(old, new)
    assert found["scales"] == {"CD5": [50.0, 100.0], "CD7": [9.0, 9.0]}
    assert found["dyes"] == {"CD5": ["FITC", "PE"]}
    assert found["inputs"] == ["a", "b"]
    assert found["n_events"] == 20
    assert found["remark"] == "x"


def test_panels_of_the_same_markers_are_one_and_others_are_added_by_another_name():
    old = record({}, panels=[panel("panel A", {"CD5": ["FL1"], "CD7": []})])
    same = record({}, panels=[panel("panel B", {"CD5": ["FL3"], "CD7": ["FL4"]})])
    (both,) = merged_record(old, same)["panels"]
    assert both == panel("panel A", {"CD5": ["FL1", "FL3"], "CD7": []})
    other = record({}, panels=[panel("panel A", {"CD5": ["FL3"]})])
    names = [each["name"] for each in merged_record(old, other)["panels"]]
    assert names == ["panel A", "panel A, new"]


@pytest.mark.parametrize("kind", DATA_KINDS)
def test_a_model_that_has_seen_simulated_cases_stays_synthetic(kind):
    old, new = record({}, data_kind=kind), record({}, data_kind="synthetic")
    assert merged_record(old, new)["data_kind"] == "synthetic"
    assert merged_record(new, old)["data_kind"] == "synthetic"
    assert merged_record(old, record({}))["data_kind"] == kind


def test_cases_that_were_masked_in_another_way_are_refused():
    with pytest.raises(ModelError, match="--quality off"):
        merged_record(record({}), record({}, masked=True))
    with pytest.raises(ModelError, match="--quality mask"):
        merged_record(record({}, masked=True), record({}))


def test_new_cases_are_no_longer_foreign_and_old_ones_are_not_either():
    codes = {"MODEL-SCALE", "MODEL-FLUOROCHROME", "PANEL-UNKNOWN", "PANEL-RELABELLED"}
    own = [dimmer(case, "Dim 2") for case in cases(seed=52, each=2)]
    for asked in (own, cohort()):
        for answer in classify(asked, adapted().model).predictions:
            assert codes.isdisjoint(finding.code for finding in answer.findings)


def test_what_the_new_cases_show_is_in_the_summary():
    new = [dimmer(case, "Dim 2") for case in cases()]
    table = extract_table(new, model().recipe)
    alone = training_record(table.cases, None)
    found = adapted().model.training
    assert found["n_events"] == model().training["n_events"] + alone["n_events"]
    assert found["cases"] == model().training["cases"]
    assert is_adapted(found["adapted"])
    assert is_adapted(json.loads(json.dumps(found["adapted"])))


BROKEN = [
    ("step", "other"), ("scale", "1"), ("scale", float("nan")), ("strength", None),
    ("offsets", []), ("offsets", {"CLL": "1"}), ("n_cases", -1), ("folds", 2.5),
    ("cases", []), ("cases", {"CLL": -1}), ("tried", {}), ("tried", [1]),
    ("tried", [{"step": "old", "strength": 0, "log_loss": "x"}]), ("levels", ["odd"]),
    ("levels", "acute"), ("novelty", [1, 2, 3]), ("novelty", {}), ("new", None),
    ("new", {}), ("old", []), ("old", {"n_cases": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BROKEN)
def test_a_record_that_flowml_did_not_write_is_refused(key, value, tmp_path):
    changed = deepcopy(adapted().model)
    changed.training["adapted"][0][key] = value
    assert not is_adapted(changed.training["adapted"])
    save_model(changed, tmp_path / "m.flowml")
    with pytest.raises(ModelError, match="training summary is not one that flowml wrote"):
        load_model(tmp_path / "m.flowml")


@pytest.mark.parametrize("key", ["n_cases", "log_loss", "right", "right_lost"])
def test_a_comparison_without_a_part_is_refused(key):
    told = deepcopy(adapted().model.training["adapted"])
    del told[0]["new"][key]
    assert not is_adapted(told)


def test_a_model_that_was_never_continued_has_no_section():
    assert is_adapted(None)
    assert not is_adapted([])
    assert adapted_lines(model().training) == []
