"""What a model demands of a case: markers, scale, compensation; and what it says of itself."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small import (
    QUICK,
    RECIPE,
    cohort,
    flat,
    held,
    labels,
    model,
    on_disk,
    one_tube,
    sample_of,
    with_events,
)

import flowml
from flowml.errors import LabelError, ModelError
from flowml.findings import Severity
from flowml.models.contract import Contract
from flowml.pipeline import classify
from flowml.records import Case, Tube
from flowml.training import TrainingSettings, train


def codes(prediction):
    return {finding.code for finding in prediction.findings}


def scaled(factor):
    """Return a case whose CD19 was measured on a scale with another top."""
    sample = sample_of()
    channels = tuple(
        replace(c, top=c.top * factor) if c.marker == "CD19" else c for c in sample.channels
    )
    return one_tube(replace(sample, channels=channels))


def answer_for(case, of=None):
    return classify([case], of or model()).predictions[0]


@pytest.mark.parametrize("factor", [0.11, 0.49, 2.01, 9.0])
def test_a_scale_that_ends_elsewhere_is_for_review(factor):
    prediction = answer_for(scaled(factor))
    assert "MODEL-SCALE" in codes(prediction)
    assert prediction.was_usable
    assert prediction.decision in {"review", "urgent"}


@pytest.mark.parametrize("factor", [0.099, 10.1, 1024.0])
def test_another_scale_is_not_classifiable(factor):
    prediction = answer_for(scaled(factor))
    assert prediction.status == "not_classifiable"
    assert "the scale is another one: CD19 (top" in prediction.reason
    assert "in training 262144 to 262144" in prediction.reason


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.9])
def test_nearly_the_same_scale_is_taken(factor):
    prediction = answer_for(scaled(factor))
    assert "MODEL-SCALE" not in codes(prediction)
    assert prediction.was_usable


def test_values_compensated_in_another_way_are_for_review():
    found = classify(
        cohort()[:1], model(), reading=flowml.Reading(compensation="none")
    ).predictions[0]
    assert "MODEL-COMPENSATION" in codes(found)
    assert found.decision in {"review", "urgent"}
    assert "MODEL-COMPENSATION" not in codes(answer_for(cohort()[0]))


def test_a_file_that_the_model_was_trained_on_is_noticed(tmp_path):
    folder = on_disk(tmp_path / "cases")
    trained = train(
        flowml.find_cases(folder), labels(), RECIPE, settings=QUICK
    ).classifier.trained()
    seen = classify(folder, trained).predictions
    assert all("MODEL-TRAINED-ON" in codes(prediction) for prediction in seen)
    others = flowml.simulate(entities=["AML"], cases=1, events=1500, seed=77)
    flat(map(held, others), tmp_path / "new")
    new = classify(tmp_path / "new", trained).predictions
    assert not any("MODEL-TRAINED-ON" in codes(prediction) for prediction in new)


def test_tubes_with_the_same_markers_in_one_case_are_for_review():
    first, second = sample_of(0), sample_of(1)
    prediction = answer_for(Case("mon", (Tube("a.fcs", first), Tube("b.fcs", second))))
    assert "CASE-SAME-PANEL" in codes(prediction)
    assert prediction.decision in {"review", "urgent"}


def test_fluorescence_on_a_display_scale_is_for_review():
    sample = sample_of()
    short = tuple(replace(c, top=4.0) for c in sample.channels)
    case = one_tube(with_events(sample, sample.events() / 65536, channels=short))
    severity = {finding.code: finding.severity for finding in answer_for(case).findings}
    assert severity["SCALE-DISPLAY"] is Severity.REVIEW


def test_a_table_that_lost_its_story_is_for_review():
    frame = flowml.extract(cohort()[:2], RECIPE)
    frame.attrs.clear()
    calls = model().classify(frame)
    assert all("TABLE-NO-STORY" in text for text in calls["findings"])
    assert "auto" not in set(calls["decision"])


@pytest.mark.parametrize("kind", ["real", "resampled", "simulated-from-real", "unknown"])
def test_simulated_files_are_synthetic_whatever_is_said(kind):
    with pytest.raises(ModelError, match=rf"given as {kind}, but 12 of 12 training files say"):
        train(cohort(), labels(), RECIPE, settings=TrainingSettings(data_kind=kind))


def test_a_model_of_a_bare_table_is_of_unknown_kind():
    frame = flowml.extract(cohort(), RECIPE)
    frame.attrs.clear()
    fitted = flowml.LineageClassifier(n_rounds=5).fit(frame, pd.Series(labels())[frame.index])
    assert fitted.trained().training["data_kind"] == "unknown"


def test_labels_of_other_cases_are_refused():
    frame = flowml.extract(cohort(), RECIPE)
    series = pd.Series(labels())
    for wrong in (series.rename({"S0001": "S9999"}), series.rename(lambda key: f"{key}.fcs")):
        with pytest.raises(LabelError, match=r"indexed by other cases than the table"):
            flowml.LineageClassifier(n_rounds=5).fit(frame, wrong)


def test_two_spellings_of_one_entity_are_refused():
    frame = flowml.extract(cohort(), RECIPE)
    spelled = [label if n else label.lower() for n, label in enumerate(labels().values())]
    fitted = flowml.LineageClassifier(n_rounds=5).fit(frame, spelled)
    with pytest.raises(LabelError, match=r"two labels mean one entity"):
        fitted.trained()


def test_cases_that_could_not_be_read_are_left_out_of_a_fit(tmp_path):
    folder = on_disk(tmp_path / "cases")
    (folder / "S0002.fcs").write_bytes(b"not an FCS file")
    frame = flowml.extract(folder, RECIPE)
    series = pd.Series(labels())
    with pytest.warns(UserWarning, match=r"1 cases could not be used and are left out: S0002"):
        fitted = flowml.LineageClassifier(n_rounds=5).fit(frame, series)
    assert fitted.trained().training["n_cases"] == len(cohort()) - 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = flowml.LineageClassifier(n_rounds=5).fit(
            frame.drop(index="S0002"), series.drop("S0002")
        )
    assert again.predictor_.document == fitted.predictor_.document


def test_neither_a_sample_nor_a_model_shows_what_it_holds():
    sample = replace(sample_of(), keywords={"PATIENT NAME": "Erika Mustermann"})
    assert "Erika" not in repr(sample)
    assert len(repr(model())) < 100


def test_aml_tube4_and_its_raw_files_are_on_other_scales(shared_data):
    tube, raw = shared_data / "aml-tube4", shared_data / "aml-fc500"
    chosen = flowml.find_cases(tube)[:6]
    some = {case.case_id: ("AML", "normal")[n % 2] for n, case in enumerate(chosen)}
    trained = train(chosen, some, RECIPE, settings=QUICK).classifier.trained()
    for prediction in classify(raw, trained).predictions:
        assert prediction.status == "not_classifiable"
        assert "the scale is another one" in prediction.reason
    for prediction in classify(tube, trained).predictions:
        assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_one_file_in_two_cases_with_different_labels_is_refused(tmp_path):
    folder = on_disk(tmp_path / "cases", count=3)
    (folder / "S0004.fcs").write_bytes((folder / "S0001.fcs").read_bytes())
    names = {"S0001": "CLL", "S0002": "AML", "S0003": "AML", "S0004": "AML"}
    with pytest.raises(LabelError, match=r"'S0001' \(CLL\) and 'S0004' \(AML\) hold the same"):
        train(folder, names)


def test_scales_that_training_cases_mix_are_named():
    cases = [one_tube(scaled(1 / 256).tubes[0].origin, "S0001"), *cohort()[1:]]
    assert train(cases, labels(), RECIPE).mixed_scales == ("CD19",)
    assert train(cohort(), labels(), RECIPE).mixed_scales == ()


def test_every_answer_lists_what_its_markers_do_not_assess():
    prediction = answer_for(cohort()[0])
    keys = {item.key for item in prediction.not_assessed}
    assert {"plasma cells", "NK cells"} <= {item.title for item in prediction.not_assessed}
    assert "; not assessed by these markers: " in prediction.reason
    assert "plasma cells (needs CD138 and CD38)" in prediction.reason
    assert not keys & {"b_cells", "t_cells", "blasts"}


def test_what_is_not_answered_lists_nothing_but_why():
    prediction = answer_for(scaled(1024.0))
    assert prediction.not_assessed == ()
    assert "not assessed" not in prediction.reason


def test_an_optional_marker_that_is_missing_leaves_its_questions_open():
    names = ["CD19|q", "T1|kappa|q", "T1|lambda|q"]
    contract = Contract(names, {}, has_recipe=True)
    all_there, no_kappa = (
        {item.title for item in contract.not_assessed(contract.lacking(np.array(row)))}
        for row in ([0.1, 0.2, 0.3], [0.1, np.nan, 0.3])
    )
    assert no_kappa - all_there == {"clonality of B cells"}
    whole = contract.lacking(np.array([0.1, 0.2, 0.3]))
    stood_for = {item.title for item in contract.not_assessed(whole, ("kappa",))}
    assert stood_for == no_kappa
    foreign = Contract(names, {}, has_recipe=False)
    assert foreign.not_assessed(foreign.lacking(np.array([0.1, 0.2, 0.3]))) == ()
