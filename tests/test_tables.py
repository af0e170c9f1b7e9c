"""Training and answering on tables in a lab script, without files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plain_tables import COLUMNS, rows_of
from small import QUICK, cohort, labels

import flowml
from flowml.errors import FlowmlError, LabelError, ModelError, PanelError
from flowml.features.casetable import CaseTable
from flowml.knowledge import load_label_tree
from flowml.pipeline import extract_table
from flowml.tables import classify_table, evaluate_table, lacking_columns
from flowml.training import TrainingSettings


@pytest.fixture(scope="module")
def frame():
    rows = pd.DataFrame(rows_of(["AML", "normal"])).set_index("subject")
    return rows.astype(dict.fromkeys(COLUMNS, float))


@pytest.fixture(scope="module")
def given(frame):
    return frame["label"].to_dict()


@pytest.fixture(scope="module")
def model(frame, given):
    return flowml.train_table(frame[list(COLUMNS)], given, settings=QUICK).classifier.trained()


def test_a_frame_and_labels_become_a_model(frame, model):
    assert model.feature_names == COLUMNS
    assert model.recipe is None
    assert model.training["cases"] == {"AML": 20, "normal": 20}
    found = classify_table(frame[list(COLUMNS)], model)
    assert [p.entity for p in found.predictions] == list(frame["label"])
    assert [p.case_id for p in found.predictions] == list(frame.index)


def test_the_model_is_that_of_the_classifier_itself(frame, model):
    ordered = frame.sort_index()
    tree = load_label_tree()
    own = flowml.LineageClassifier(
        tree, estimator=QUICK.estimator, confidence=QUICK.confidence
    ).fit(ordered[list(COLUMNS)], ordered["label"])
    values = ordered[list(COLUMNS)].astype(np.float32)
    assert own.predictor_.document == model.predictor.document != b""
    assert (
        own.predict_proba(values).tobytes() == model.predict_proba(values.to_numpy()).tobytes()
    )


def test_rows_without_a_label_are_left_out(frame, given):
    some = {case_id: label for case_id, label in given.items() if not case_id.endswith("7")}
    training = flowml.train_table(frame[list(COLUMNS)], some, settings=QUICK)
    assert training.classifier.trained().training["n_cases"] == 36
    # only the rows that were trained on are known again
    found = classify_table(frame[list(COLUMNS)], training.classifier.trained())
    known = [p.case_id for p in found.predictions if p.findings]
    assert known == list(some)


def test_patients_go_with_their_rows_to_what_is_held_out(frame, given, monkeypatch):
    told, fit = [], flowml.LineageClassifier.fit

    def noting(self, X, y, training, groups):
        told.append(dict(zip(X.index, groups, strict=True)))
        return fit(self, X, y, training, groups)

    monkeypatch.setattr(flowml.LineageClassifier, "fit", noting)
    named = {case_id: f"P{case_id[-1]}" for case_id in given if case_id != "nor-3"}
    flowml.train_table(frame[list(COLUMNS)], given, patients=named)
    assert told == [named | {"nor-3": "nor-3"}]


def test_evaluation_takes_names_of_the_model_and_of_flowml(frame, given, model):
    others = given | {"AML-0": "Mantel", "nor-0": "gesund"}
    evaluation, found = evaluate_table(frame[list(COLUMNS)], model, others)
    assert (evaluation.n_cases, evaluation.n_correct) == (40, 39)
    assert evaluation.truth == ("AML", "MCL", "normal")
    assert len(found.predictions) == 40


def test_a_table_of_flowml_gives_the_answers_of_its_files():
    from small import model as of_files

    table = CaseTable(extract_table(cohort()[:3], of_files().recipe))
    expected = flowml.classify(cohort()[:3], of_files(), rules=False).predictions
    assert repr(classify_table(table, of_files()).predictions) == repr(expected)


def test_cases_that_could_not_be_used_are_left_out_with_their_reason():
    table = flowml.extract([*cohort(), flowml.Case("empty", ())])
    training = flowml.train_table(table, labels() | {"empty": "AML"}, settings=QUICK)
    assert training.unusable == {"empty": "the case holds no tube"}


def test_a_marker_that_not_every_case_has_is_left_out(frame, given):
    gaps = frame[list(COLUMNS)].copy()
    gaps.iloc[0, 0] = np.nan
    assert flowml.train_table(gaps, given, settings=QUICK).left_out_markers == ("CD34 %",)
    gaps.iloc[0] = np.nan
    with pytest.raises(PanelError, match="none of 3 columns has a number for every"):
        flowml.train_table(gaps, given)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "none of 40 rows has a label: there are no labels"),
        ({"aml": "AML"}, r"labels are for 'aml' and the like; nearest row: AML"),
        ({"AML-0": "AML"}, "1 class"),
        ({"AML-0": "AMLX"}, "'AMLX' is not an entity"),
        ({"AML-0": np.nan}, "expected the name of an entity"),
    ],
)
def test_labels_that_cannot_be_used_say_why(frame, wrong, message):
    with pytest.raises(LabelError, match=message):
        flowml.train_table(frame[list(COLUMNS)], wrong)


@pytest.mark.parametrize("settings", [{"align": True}, {"stand_ins": [("CD20", "CD22")]}])
def test_what_needs_events_is_refused(frame, given, settings):
    with pytest.raises(FlowmlError, match="holds features and no events"):
        flowml.train_table(frame[list(COLUMNS)], given, settings=TrainingSettings(**settings))


def test_text_and_infinite_values_are_refused(frame, given):
    with pytest.raises(FlowmlError, match="not a number"):
        flowml.train_table(frame, given)
    infinite = frame[list(COLUMNS)].replace(frame["CD34 %"].iloc[3], np.inf)
    with pytest.raises(FlowmlError, match=r"column 'CD34 %', of the case 'AML-3'"):
        flowml.train_table(infinite, given)


def test_columns_that_are_missing_are_named(frame, model):
    assert lacking_columns(["CD34 %", "blasts|share", "x"], model) == ["CD45-ECD_mean"]
    with pytest.raises(ModelError, match="lacks 2 of 3 columns that the model needs: CD45"):
        classify_table(frame[["CD34 %"]], model)


def test_a_column_that_may_be_missing_is_not_demanded(model):
    free = replace(model, training={**model.training, "absence": {"optional": ["blasts"]}})
    assert lacking_columns(["CD34 %"], free) == ["CD45-ECD_mean"]
