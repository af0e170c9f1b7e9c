"""A marker that was not measured has a stand-in only where training showed what that costs."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from small import model as plain_model
from standing import cases

import flowml
from flowml.errors import FlowmlError, ModelError
from flowml.features import FeatureTable
from flowml.models import load_model, save_model
from flowml.models.heldout import Cohort, HeldOut
from flowml.models.standin import StandIns, is_stand_ins, validate_stand_ins
from flowml.training import TrainingSettings, train


def trained(pairs, made=None, recipe="ecdf", **settings):
    every, known = made or cases()
    plan = flowml.make_recipe(recipe, bins=8, pair_bins=4)
    return train(every, known, plan, settings=TrainingSettings(stand_ins=pairs, **settings))


@cache
def model():
    pairs = [("FSC-A", "FSC-H"), ("CD20", "CD22")]
    return trained(pairs, tolerance=0.06).classifier.trained()


def test_a_copy_is_accepted_and_noise_is_not():
    alone = {tuple(t["pairs"][0]): t for t in model().training["stand_ins"]["alone"]}
    assert model().substitutable == {"FSC-A": ("FSC-H",)}
    assert model().recipe.stand_ins == (("FSC-A", "FSC-H"),)
    assert alone["FSC-A", "FSC-H"]["right_lost"][0] == 0
    assert alone["CD20", "CD22"]["right_lost"][1] > 0.06
    assert {each["n_cases"] for each in alone.values()} == {150}


def test_the_training_rows_and_trees_are_those_without_stand_ins():
    assert trained([]).classifier.trained().predictor.document == model().predictor.document


def test_a_case_without_the_marker_is_answered_as_with_it_and_told():
    lacking, _ = cases(12, ("FSC-A",), first=300)
    whole, _ = cases(12, first=300)
    found = flowml.pipeline.classify(lacking, model())
    like = flowml.pipeline.classify(whole, model())
    for one, other in zip(found.predictions, like.predictions, strict=True):
        assert one.entity == other.entity
        (told,) = [f for f in one.findings if f.code == "PANEL-STAND-IN"]
        assert "FSC-H stands in for FSC-A" in told.message
        assert "0.0% fewer of held-out training cases were answered rightly" in told.message
        assert not any(f.code == "PANEL-STAND-IN" for f in other.findings)
    assert found.provenance["model"]["substitutable"] == {"FSC-A": ["FSC-H"]}
    assert set(found.provenance["model"]["required"]) == set(model().markers)


def test_without_an_accepted_stand_in_there_is_no_answer():
    lacking, _ = cases(3, ("CD20",), first=300)
    for each in flowml.pipeline.classify(lacking, model()).predictions:
        assert each.reason.endswith("these markers are missing: CD20")


def test_pairs_are_made_with_the_stand_in():
    found = trained([("FSC-A", "FSC-H")], recipe="pairs", tolerance=0.06).classifier.trained()
    lacking, whole = (cases(6, without, first=300)[0] for without in (("FSC-A",), ()))
    one, other = (
        flowml.pipeline.classify(each, found).predictions for each in (lacking, whole)
    )
    assert [each.probabilities for each in one] == [each.probabilities for each in other]


def test_too_few_cases_with_both_are_a_reason_and_no_error():
    every, known = cases(30)
    some, _ = cases(30, ("FSC-H",))
    mixed = [*every[:6], *some[6:]]
    record = trained([("FSC-A", "FSC-H")], (mixed, known)).classifier.training_["stand_ins"]
    (trial,) = record["alone"]
    assert (trial["n_cases"], trial["few"]) == (6, ["CLL", "MCL", "normal"])
    assert "right_lost" not in trial
    assert record["accepted"] == []


def test_few_patients_altogether_are_a_reason_too():
    record = trained([("FSC-A", "FSC-H")], cases(6)).classifier.training_["stand_ins"]
    assert record["accepted"] == []
    assert record["alone"][0]["few"] == ["CLL", "MCL", "normal"]


class Answers:
    """A model that is right while the first or the second value is as it was."""

    def probabilities(self, rows):
        right = (rows[:, 0] > 0) | (rows[:, 1] > 0)
        own = np.where(right, rows[:, 2], 1 - rows[:, 2]).astype(int)
        return np.eye(2)[own]


def spoilt(pairs):
    """Cases of two entities; each stand-in spoils the value of its marker."""
    rows = np.ones((400, 3), np.float32)
    rows[:, 2] = np.arange(400) % 2
    for marker, stand_in in pairs:
        rows[:, "AB".index(marker)] = 1 if stand_in == "copy" else -1
    return rows


@pytest.mark.parametrize(
    ("pairs", "accepted", "together"),
    [
        ([("A", "x"), ("B", "y")], [["A", "x"]], [[["B", "y"], ["A", "x"]]]),
        (
            [("A", "x"), ("B", "copy")],
            [["A", "x"], ["B", "copy"]],
            [[["B", "copy"], ["A", "x"]]],
        ),
        ([("A", "x"), ("A", "z")], [["A", "x"], ["A", "z"]], []),
        (
            [("A", "copy"), ("A", "x"), ("B", "y")],
            [["A", "copy"], ["A", "x"]],
            [[["B", "y"], ["A", "copy"]], [["B", "y"], ["A", "x"]]],
        ),
    ],
)
def test_stand_ins_that_cost_nothing_alone_may_cost_too_much_together(
    pairs, accepted, together
):
    rows = spoilt(())
    cohort = Cohort(rows, rows[:, 2].astype(np.int64), np.arange(400))
    held_out = HeldOut(lambda *_: Answers(), cohort, 0.5, 0)
    assert held_out.right.all()
    declared = StandIns(tuple(pairs), spoilt)
    record = validate_stand_ins(cohort, held_out, declared, ["one", "two"], 0.05)
    assert record["accepted"] == accepted
    assert [trial["pairs"] for trial in record["together"]] == together
    assert is_stand_ins(record)


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        ([("CD21", "FSC-H")], "no training case has the marker 'CD21'.*Nearest: .*CD2"),
        ([("CD20", "CD23")], "no training case has the marker 'CD23'.*Nearest: .*CD2"),
        ([("FSC-H", "FSC-A")], "the recipe counts no marker 'FSC-H'.*Nearest: .*FSC-A"),
    ],
)
def test_a_marker_that_no_case_has_is_an_error_with_the_nearest(pairs, match):
    with pytest.raises(ModelError, match=match):
        trained(pairs, cases(6))


@pytest.mark.parametrize(
    "pairs", [[("CD20", "CD20")], [("CD20", "CD22")] * 2, ["CD20"], [("CD20",)], [("", "CD5")]]
)
def test_what_is_no_stand_in_is_refused(pairs):
    with pytest.raises(FlowmlError, match="stand"):
        TrainingSettings(stand_ins=pairs)


def test_it_survives_the_bundle(tmp_path):
    save_model(model(), tmp_path / "m.flowml")
    again = load_model(tmp_path / "m.flowml")
    assert again.recipe == model().recipe
    assert again.substitutable == model().substitutable
    assert again.training["stand_ins"] == json.loads(json.dumps(model().training["stand_ins"]))
    assert "| FSC-H for FSC-A | 150 | 0.0%" in again.card


TRIAL = {"pairs": [["A", "B"]], "n_cases": 9, "few": [], "right_lost": [0, 0, 0],
         "wrong_gained": [0, 0, 0]}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"accepted": [["CD20", "CD22"]]},
        {"accepted": [["CD5", "CD22"]]},
        {"accepted": "all"},
        {"alone": [{}]},
        {"alone": [{**TRIAL, "pairs": []}]},
        {"alone": [{**TRIAL, "pairs": [["A"]]}]},
        {"alone": [{**TRIAL, "n_cases": -1}]},
        {"alone": [{**TRIAL, "right_lost": [0, 0]}]},
        {"alone": [{"pairs": [["A", "B"]], "n_cases": 0, "few": []}]},
        {"together": None},
        {"tolerance": "much"},
    ],
)
def test_a_bundle_with_another_story_is_refused(tmp_path, wrong):
    record = model().training["stand_ins"]
    assert is_stand_ins(record)
    assert not is_stand_ins({**record, **wrong})
    damaged = replace(model())
    damaged.training["stand_ins"] = {**record, **wrong}
    try:
        save_model(damaged, tmp_path / "m.flowml")
    finally:
        damaged.training["stand_ins"] = record
    with pytest.raises(ModelError, match="training summary is not one that flowml wrote"):
        load_model(tmp_path / "m.flowml")


def test_a_recipe_with_a_stand_in_that_was_not_tried_is_refused():
    recipe = replace(plain_model().recipe, stand_ins=(("CD19", "CD20"),))
    with pytest.raises(ModelError, match="other stand-ins than were accepted"):
        replace(plain_model(), recipe=recipe)


def test_a_table_may_have_fewer_stand_ins_than_the_model_and_no_others():
    every, _ = cases(3, first=300)
    recipe = model().recipe
    fewer = flowml.reading.extract_table(every, replace(recipe, stand_ins=()))
    assert all(each.entity for each in model().predictions(fewer))
    other = flowml.reading.extract_table(every, replace(recipe, stand_ins=(("CD5", "CD22"),)))
    with pytest.raises(ModelError, match="Extract them again"):
        model().predictions(other)


def test_what_was_stood_in_for_is_not_trained_on():
    lacking, known = cases(9, ("FSC-A",))
    frame = flowml.extract(lacking, model().recipe)
    assert FeatureTable.from_frame(frame).cases[0].stand_ins == {"FSC-A": "FSC-H"}
    with pytest.raises(ModelError, match="FSC-H stands in for FSC-A, expected the marker"):
        flowml.LineageClassifier().fit(frame, list(known.values()))
