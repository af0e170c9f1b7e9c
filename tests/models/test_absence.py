"""What may be missing is what proved to cost little; all else is required."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import RECIPE, cohort, labels

import flowml
from flowml.errors import ModelError
from flowml.models import load_model, save_model
from flowml.models.absence import is_absence
from flowml.models.heldout import paired_loss
from flowml.training import TrainingSettings, train

QUICK = {
    "estimator": "boosted", "folds": 0, "min_probability": 0.5, "n_rounds": 15,
    "max_depth": 2, "colsample": 1.0, "subsample": 1.0,
}  # fmt: skip


def told(n=400, seed=0, noise=0.4):
    """Cases that CD5 and CD23 tell apart together, of CD23 there is a copy, CD10 is noise."""
    rng = np.random.default_rng(seed)
    entity = rng.integers(0, 3, n)
    cd5, cd23 = (entity > 0) * 1.0, (entity > 1) * 1.0
    frame = pd.DataFrame({
        "CD5|q1": cd5, "CD23|q1": cd23, "CD200|q1": cd23, "CD10|q1": np.zeros(n),
    })  # fmt: skip
    frame += rng.normal(0, noise, frame.shape) / 4
    frame.index = pd.Index([f"c{i:03d}" for i in range(n)], name="case_id")
    return frame.astype(np.float32), np.array(["normal", "MCL", "CLL"])[entity]


@pytest.fixture(scope="module")
def fitted():
    frame, entities = told()
    return flowml.LineageClassifier(**QUICK, optional="auto", random_state=1).fit(
        frame, entities
    )


def test_what_another_marker_tells_may_be_missing_and_what_none_tells_may_not(fitted):
    model = fitted.trained()
    assert "CD10" in model.optional
    assert len({"CD23", "CD200"} & set(model.optional)) == 1  # one, or the other
    assert "CD5" in model.required
    assert set(model.required) | set(model.optional) == set(model.markers)


def test_the_loss_of_a_marker_that_tells_a_third_of_cases_is_a_third(fitted):
    alone = {t["without"][0]: t for t in fitted.training_["absence"]["alone"]}
    loss, low, high = alone["CD5"]["right_lost"]
    assert 0.15 < low < loss < high  # normal and MCL are one without CD5
    assert abs(alone["CD10"]["right_lost"][0]) < 0.02


def test_a_case_without_an_optional_marker_is_answered_and_told(fitted):
    model = fitted.trained()
    frame, entities = told(100, seed=9)
    frame[[f"{m}|q1" for m in model.optional]] = np.nan
    calls = model.classify(frame)
    assert (calls["entity"] == entities).mean() > 0.9
    assert calls["findings"].str.contains("MODEL-WITHOUT").all()
    assert "CD10" in next(
        f.message
        for f in model.predictions(flowml.features.FeatureTable.from_frame(frame))[0].findings
        if f.code == "MODEL-WITHOUT"
    )


def test_without_a_required_marker_there_is_no_answer_and_only_it_is_named(fitted):
    model = fitted.trained()
    frame, _ = told(20, seed=9)
    frame[["CD5|q1", "CD10|q1"]] = np.nan
    calls = model.classify(frame)
    assert (calls["status"] == "not_classifiable").all()
    assert calls["reason"].str.endswith("these markers are missing: CD5").all()


def test_a_case_with_everything_has_no_such_finding(fitted):
    calls = fitted.classify(told(20, seed=9)[0])
    assert not calls["findings"].str.contains("MODEL-WITHOUT").any()


def test_the_card_tells_what_was_tried(fitted):
    card = fitted.trained().card
    assert "Markers that a case must have: CD5" in card
    assert "| CD5 | " in card
    assert "Tried out on 400 training cases, parted by patient into 5" in card


def test_it_survives_the_bundle(fitted, tmp_path):
    save_model(fitted.trained(), tmp_path / "m.flowml")
    again = load_model(tmp_path / "m.flowml")
    assert again.optional == fitted.trained().optional
    assert again.training["absence"] == json.loads(json.dumps(fitted.training_["absence"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"optional": ["CD5"]},
        {"n_cases": -1},
        {"alone": [{}]},
        {"alone": [{"without": [], "right_lost": [0, 0, 0], "wrong_gained": [0, 0, 0]}]},
        {"together": {"without": ["CD10"], "right_lost": [0, 0], "wrong_gained": [0, 0, 0]}},
        {"tolerance": "much"},
    ],
)
def test_a_bundle_with_another_story_is_refused(fitted, tmp_path, wrong):
    model = fitted.trained()
    absence = model.training["absence"]
    assert is_absence(absence)
    assert not is_absence({**absence, **wrong})
    damaged = replace(model, training={**model.training, "absence": {**absence, **wrong}})
    save_model(damaged, tmp_path / "m.flowml")
    with pytest.raises(ModelError, match="training summary is not one that flowml wrote"):
        load_model(tmp_path / "m.flowml")


def test_the_same_seed_gives_the_same_trials():
    frame, entities = told(150)
    one, two = (
        flowml.LineageClassifier(**QUICK, optional=["CD10"], random_state=3).fit(
            frame, entities
        )
        for _ in range(2)
    )
    assert one.training_["absence"] == two.training_["absence"]
    assert one.predictor_.document == two.predictor_.document


def test_patients_are_never_on_both_sides():
    """Every patient has four cases that are alike and tell nothing of any other patient."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 4)
    entities = np.array(["CLL", "MCL"])[patients % 2]
    frame = pd.DataFrame(
        np.repeat(rng.normal(size=(60, 2)), 4, axis=0), columns=["CD5|q1", "CD10|q1"]
    )

    def n_right(groups):
        model = flowml.LineageClassifier(n_rounds=60, optional=["CD10"], min_child_weight=0)
        return model.fit(frame, entities, groups=groups).training_["absence"]["n_right"]

    assert n_right(None) > 200
    assert n_right(patients) < 160


def test_an_entity_of_few_patients_is_trained_on_but_not_tried():
    frame, entities = told(150)
    entities = entities.copy()
    entities[:2] = "HCL"
    model = flowml.LineageClassifier(**QUICK, optional=["CD10"]).fit(frame, entities)
    assert model.training_["absence"]["n_cases"] == 148
    assert "HCL" in model.classes_


def test_one_patient_is_too_few():
    frame, entities = told(30)
    with pytest.raises(ModelError, match="no entity has cases of 3 patients"):
        flowml.LineageClassifier(optional="auto").fit(frame, entities, groups=["one"] * 30)


def test_what_is_no_marker_of_the_model_is_refused_with_the_nearest():
    frame, entities = told(30)
    with pytest.raises(ModelError, match=r"'CD24' cannot be optional.*Nearest: .*CD23"):
        flowml.LineageClassifier(optional=["CD24"]).fit(frame, entities)
    with pytest.raises(ModelError, match="expected a list of markers, or 'auto'"):
        flowml.LineageClassifier(optional="CD23").fit(frame, entities)
    with pytest.raises(ModelError, match="expected a share of cases"):
        flowml.LineageClassifier(optional="auto", tolerance=1.0).fit(frame, entities)
    with pytest.raises(ModelError, match="2 groups for 30 cases"):
        flowml.LineageClassifier().fit(frame, entities, groups=["a", "b"])


def test_interval_by_hand():
    """100 cases, 8 lost, 2 won: by the formula of Agresti and Min, worked out apart."""
    lost, won = np.arange(100) < 8, (np.arange(100) >= 8) & (np.arange(100) < 10)
    loss = paired_loss(lost, won)
    assert loss.loss == 0.06
    assert loss.low == pytest.approx(0.058824 - 1.959964 * 0.031990, abs=1e-5)
    assert loss.high == pytest.approx(0.058824 + 1.959964 * 0.031990, abs=1e-5)


def test_no_change_in_few_cases_is_not_taken_for_sure():
    none = np.zeros(30, dtype=bool)
    assert paired_loss(none, none).high > 0.05
    many = np.zeros(1000, dtype=bool)
    assert paired_loss(many, many).high < 0.01


@given(st.lists(st.sampled_from([(False, False), (True, False), (False, True)]), min_size=1))
def test_intervals_hold_the_estimate_and_turn_with_it(changes):
    lost, won = np.array(changes).T
    there, back = paired_loss(lost, won), paired_loss(won, lost)
    assert -1 <= there.low <= there.high <= 1
    assert there.loss == -back.loss
    assert there.high == pytest.approx(-back.low)


def test_train_takes_markers_as_a_person_writes_them():
    training = train(
        cohort(), labels(), RECIPE, settings=TrainingSettings(optional=["cd5", "SSC"])
    )
    found = training.classifier.training_["absence"]
    assert [trial["without"] for trial in found["alone"]] == [["CD5"], ["SSC-A"]]
    assert found["n_cases"] == 12  # too few for anything to be optional
    assert found["optional"] == []
