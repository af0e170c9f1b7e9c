"""A model knows the panels it was trained on: what is odd in one case alone is found."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest
from places import ROOT
from small import QUICK, RECIPE, held, with_events
from small import model as small_model

import flowml
from flowml.errors import ModelError
from flowml.models import load_model, save_model
from flowml.models.panels import is_panel_record
from flowml.pipeline import classify
from flowml.records import Case, Tube
from flowml.reports.results import results_document
from flowml.training import train


@cache
def cases():
    """Twelve cases of three tubes."""
    entities = {"normal": 6, "CLL": 6}
    return tuple(flowml.simulate("cll-9f", entities=entities, events=800, seed=3))


@cache
def model():
    labels = {case.case_id: case.details["entity"] for case in cases()}
    return train(cases(), labels, RECIPE, settings=QUICK).classifier.trained()


def answer_for(*tubes):
    return classify([Case("case", tubes)], model()).predictions[0]


def codes(prediction):
    return {item.code for item in prediction.findings}


def test_a_case_of_the_training_panel_is_recognised_and_nothing_is_odd():
    found = answer_for(*cases()[0].tubes)
    assert found.panel == "cll-9f"
    assert not {code for code in codes(found) if code.startswith("PANEL-")}
    assert "MODEL-FLUOROCHROME" not in codes(found)
    (case,) = json.loads(results_document([found], model().entities, {}))["cases"]
    assert case["panel"] == "cll-9f"


def test_a_lost_tube_is_named_in_a_case_of_its_own():
    found = answer_for(*cases()[0].tubes[:2])
    assert "PANEL-LOST" in codes(found)
    assert found.status == "not_classifiable"
    assert "these markers are missing: CD3" in found.reason


def test_a_tube_under_another_name_is_swapped():
    one, two, three = cases()[0].tubes
    swapped = [replace(one, label=two.label), replace(two, label=one.label), three]
    assert all(tube.label for tube in cases()[0].tubes)
    assert "PANEL-SWAPPED" in codes(answer_for(*swapped))


def test_a_tube_of_another_panel_is_foreign():
    other = held(flowml.simulate("screening", cases=1, entities=["CLL"], events=800, seed=8)[0])
    found = answer_for(*cases()[0].tubes[:2], replace(other.tubes[0], label=""))
    assert {"PANEL-FOREIGN", "PANEL-LOST"} <= codes(found)


def test_a_case_of_another_panel_is_unknown_to_the_model():
    other = held(flowml.simulate("screening", cases=1, entities=["CLL"], events=800, seed=8)[0])
    found = answer_for(*other.tubes)
    assert "PANEL-UNKNOWN" in codes(found)
    assert found.panel == ""
    assert "these markers are missing" in found.reason


def test_a_marker_on_another_fluorochrome_is_for_review():
    tubes = []
    for tube in cases()[0].tubes:
        sample = tube.origin
        channels = tuple(
            replace(c, label=f"{c.marker} BV786") if c.marker == "CD5" else c
            for c in sample.channels
        )
        moved = with_events(sample, sample.events(), channels=channels)
        tubes.append(Tube(tube.name, moved, tube.label, tube.details))
    found = answer_for(*tubes)
    (told,) = [item for item in found.findings if item.code == "MODEL-FLUOROCHROME"]
    assert "CD5 on BV786 (in training PacBlue)" in told.message
    assert found.was_usable
    assert found.decision != "auto"


def test_panels_travel_with_the_model_and_stand_in_its_card(tmp_path):
    save_model(model(), tmp_path / "m.flowml")
    again = load_model(tmp_path / "m.flowml")
    assert again.training["panels"] == model().training["panels"]
    assert "- cll-9f, tube 1: " in again.card
    assert "CD5 (PacBlue)" in again.card


@pytest.mark.parametrize(
    "wrong",
    [
        {"panels": "cll-9f"},
        {"panels": [{"name": "cll-9f", "is_learned": True}]},
        {"panels": [{"name": 1, "tubes": [], "is_learned": True}]},
        {"panels": [{"name": "x", "tubes": [{"name": "1"}], "is_learned": True}]},
        {"dyes": ["CD5"]},
        {"dyes": {"CD5": "APC"}},
        {"dyes": {"CD5": [1]}},
    ],
)
def test_a_bundle_with_other_panels_is_refused(tmp_path, wrong):
    training = {**model().training, **wrong}
    assert is_panel_record(model().training)
    assert not is_panel_record(training)
    save_model(replace(model(), training=training), tmp_path / "m.flowml")
    with pytest.raises(ModelError, match="training summary is not one that flowml wrote"):
        load_model(tmp_path / "m.flowml")


def test_a_model_that_knows_no_panel_finds_nothing_odd():
    bare = {k: v for k, v in model().training.items() if k not in {"panels", "dyes"}}
    found = classify([Case("c", cases()[0].tubes)], replace(model(), training=bare))
    (prediction,) = found.predictions
    assert prediction.panel == ""
    assert not {code for code in codes(prediction) if code.startswith("PANEL-")}


def test_a_case_of_another_panel_with_the_required_markers_is_answered_for_review():
    """The markers of the screening tube lie in three tubes of the acute panel, on a Navios."""
    other = flowml.simulate("acute", cases=2, entities=["normal", "AML"], events=800, seed=8)
    for found in classify(other, small_model()).predictions:
        assert found.was_usable
        assert {"PANEL-FOREIGN", "MODEL-FLUOROCHROME", "MODEL-SCALE"} <= codes(found)
        assert found.decision != "auto"


def test_a_case_of_another_panel_without_them_is_refused_with_the_list():
    other = flowml.simulate("cll-9f", cases=1, entities=["normal"], events=800, seed=8)
    (found,) = classify(other, small_model()).predictions
    assert found.status == "not_classifiable"
    assert found.reason.endswith("these markers are missing: CD117, CD33, CD34, CD7")


def test_the_example_of_a_changed_panel_can_be_simulated():
    case = flowml.simulate(ROOT / "examples" / "panels" / "screening-2.toml", cases=1, seed=1)[
        0
    ]
    (found,) = classify([case], small_model()).predictions
    assert found.reason.endswith("these markers are missing: CD33")
    (told,) = [item for item in found.findings if item.code == "MODEL-FLUOROCHROME"]
    assert "CD7 on APC-R700 (in training FITC)" in told.message
    assert "CD5 on V450-A (in training APC-R700-A)" in told.message  # by the detector
    assert "CD117" not in told.message
