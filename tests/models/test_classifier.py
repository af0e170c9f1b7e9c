"""The estimator: scikit-learn's contract, and what it refuses."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from small import RECIPE, cohort, labels, model

import flowml
from flowml.errors import FlowmlError, LabelError, ModelError
from flowml.features.table import ATTRS
from flowml.knowledge import load_label_tree
from flowml.models import load_model
from flowml.models.answer import RESULT_COLUMNS

QUICK = {
    "estimator": "boosted",
    "folds": 0,
    "min_probability": 0.5,
    "n_rounds": 10,
    "max_depth": 2,
}


def quick(**settings):
    return flowml.LineageClassifier(**{**QUICK, **settings})


@parametrize_with_checks(
    [quick(), quick(optional="auto"), quick(estimator="auto", folds=3, min_probability=None)]
)
def test_scikit_learn_finds_nothing_to_object_to(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table():
    return flowml.extract(cohort(), RECIPE)


def entities_of(table):
    return pd.Series(labels())[table.index]


def test_the_lab_script_of_the_readme_runs(table, tmp_path):
    fitted = quick(n_rounds=40).fit(table, entities_of(table))
    calls = fitted.classify(table)
    assert list(calls.index) == list(table.index)
    assert list(calls.columns[: len(RESULT_COLUMNS) - 1]) == list(RESULT_COLUMNS[1:])
    fitted.save(tmp_path / "m.flowml")
    assert load_model(tmp_path / "m.flowml").entities == ("AML", "CLL", "normal")


def test_labels_go_by_case_and_not_by_place(table):
    straight = quick().fit(table, entities_of(table))
    shuffled = quick().fit(table, entities_of(table).sample(frac=1, random_state=3))
    assert straight.predictor_.document == shuffled.predictor_.document


def test_labels_without_an_index_go_by_place(table):
    by_index = quick().fit(table, entities_of(table))
    by_place = quick().fit(table, entities_of(table).tolist())
    assert by_index.predictor_.document == by_place.predictor_.document


def test_the_same_seed_gives_the_same_trees_and_another_does_not(table):
    fits = [quick(random_state=seed).fit(table, entities_of(table)) for seed in (1, 1, 2)]
    assert (
        fits[0].predictor_.document
        == fits[1].predictor_.document
        != fits[2].predictor_.document
    )


def test_a_model_of_simulated_cases_says_so_without_being_told(table):
    assert quick().fit(table, entities_of(table)).trained().is_synthetic
    told = quick().fit(table, entities_of(table), {"data_kind": "synthetic"})
    assert told.trained().is_synthetic


def test_simulated_and_other_cases_do_not_mix_unsaid(table):
    mixed = table.copy()
    mixed.attrs = deepcopy(table.attrs)
    mixed.attrs[ATTRS]["cases"][mixed.index[0]]["tubes"][0]["simulated"] = False
    with pytest.raises(ModelError, match="11 of 12 training files"):
        quick().fit(mixed, entities_of(table))
    assert quick().fit(mixed, entities_of(table), {"data_kind": "synthetic"})


def test_features_without_names_are_refused_when_saving(table, tmp_path):
    fitted = quick().fit(table.to_numpy(), entities_of(table).tolist())
    with pytest.raises(ModelError, match="no names"):
        fitted.save(tmp_path / "m.flowml")
    assert list(tmp_path.iterdir()) == []


def test_a_scheme_turns_aliases_into_entities_and_refuses_others(table):
    scheme = load_label_tree()
    spelled = entities_of(table).replace({"CLL": "cll/sll"})
    assert list(quick(scheme=scheme).fit(table, spelled).classes_) == ["AML", "CLL", "normal"]
    with pytest.raises(LabelError, match=r"'CLLX' is not an entity.*Nearest: CLL"):
        quick(scheme=scheme).fit(table, entities_of(table).replace({"CLL": "CLLX"}))


def test_labels_outside_the_tree_train_but_do_not_answer(table, tmp_path):
    fitted = quick().fit(table, entities_of(table).replace({"CLL": "mystery"}))
    assert "mystery" in fitted.predict(table)
    with pytest.raises(LabelError, match="mystery"):
        fitted.save(tmp_path / "m.flowml")


def test_one_entity_is_not_enough(table):
    with pytest.raises(LabelError, match="found 1 class, 'CLL', expected 2 or more"):
        quick().fit(table, ["CLL"] * len(table))


@pytest.mark.parametrize("probability", [0, -1, 1.1, float("nan")])
def test_a_required_probability_that_cannot_be_met_is_refused(table, probability):
    fitted = quick(min_probability=probability).fit(table, entities_of(table))
    with pytest.raises(ModelError, match="required probability"):
        fitted.trained()


def test_an_unknown_kind_of_data_is_refused(table):
    with pytest.raises(ModelError, match="unknown data kind 'dreamt'; choose from real"):
        quick().fit(table, entities_of(table), {"data_kind": "dreamt"})


def test_a_frame_whose_columns_share_a_name_is_refused(table):
    double = pd.concat([table, table.iloc[:, :1]], axis=1)
    with pytest.raises(FlowmlError, match="two columns"):
        quick().fit(table, entities_of(table)).classify(double)


def test_columns_are_found_by_name_in_any_order(table):
    fitted = quick().fit(table, entities_of(table))
    turned = table[table.columns[::-1]]
    turned.attrs = table.attrs
    pd.testing.assert_frame_equal(fitted.classify(table), fitted.classify(turned))


def test_a_case_that_lacks_a_marker_is_not_guessed(table):
    fitted = quick().fit(table, entities_of(table))
    without = table.drop(columns=[c for c in table.columns if c.startswith("CD5|")])
    without.attrs = table.attrs
    calls = fitted.classify(without)
    assert (calls["status"] == "not_classifiable").all()
    assert calls["reason"].str.contains("CD5").all()
    assert calls["probability_CLL"].isna().all()


def test_nan_holds_through_training_and_answering():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    rows[::3, 1] = np.nan
    found = quick().fit(rows, ["a", "b"] * 20).predict_proba(rows)
    assert np.isfinite(found).all()


def test_the_markers_of_a_model_are_those_of_its_features():
    assert "CD19" in model().markers
    assert len(model().markers) * 31 == len(model().feature_names)


def test_labels_indexed_by_number_are_refused_where_cases_are_called_by_number(table):
    numbered = table.set_axis([f"{n:04d}" for n in range(len(table))])
    numbered.attrs = {}
    values = entities_of(table).to_numpy()
    with pytest.raises(LabelError, match="indexed by other cases"):
        quick().fit(numbered, pd.Series(values, index=range(len(table))))
    by_place = quick().fit(table, pd.Series(values, index=range(len(table))))
    assert by_place.predictor_.document == quick().fit(table, list(values)).predictor_.document


def test_double_ids_on_both_sides_are_refused(table):
    double = pd.concat([table.iloc[:6], table.iloc[:6]])
    double.attrs = {}
    turned = pd.Series(["AML", "CLL"] * 6, index=double.index[::-1])
    with pytest.raises(LabelError, match="stands twice"):
        quick().fit(double, turned)


def test_an_empty_table_gives_an_empty_answer(table):
    fitted = quick().fit(table, entities_of(table))
    calls = fitted.classify(table.iloc[:0])
    assert len(calls) == 0
    assert list(calls.columns[: len(RESULT_COLUMNS) - 1]) == list(RESULT_COLUMNS[1:])


def test_a_table_without_a_usable_case_is_refused(tmp_path):
    (tmp_path / "a.fcs").write_bytes(b"junk")
    with pytest.raises(LabelError, match=r"none of 1 cases can be used; the first: not an FCS"):
        quick().fit(flowml.extract(tmp_path), ["AML"])
