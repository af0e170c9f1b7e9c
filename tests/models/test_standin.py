"""A marker that was not measured has a stand-in only where training showed what that costs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from small import model as plain_model
from small import plain_sample

import flowml
from flowml.errors import FlowmlError, ModelError
from flowml.features import FeatureTable
from flowml.models import load_model, save_model
from flowml.models.standin import is_stand_ins
from flowml.records import Case, Channel, Role, Tube
from flowml.training import TrainingSettings, train

sys.path.append(str(Path(__file__).parents[1] / "cli"))
from commands import run_here

LOOKS = {"normal": (150.0, 300.0), "CLL": (700.0, 300.0), "MCL": (700.0, 800.0)}
NAMES = ("FSC-A", "FSC-H", "CD20", "CD22", "CD5")  # CD22 is noise
EVENTS = 150


def channels(names):
    return tuple(
        Channel(name, "" if name.startswith("FSC") else name, name,
                Role.FORWARD_SCATTER if name.startswith("FSC") else Role.FLUORESCENCE,
                name[-1] if name.startswith("FSC") else "", 1024.0)
        for name in names
    )  # fmt: skip


def case(n, entity, without=()):
    """A case that FSC-A, its copy FSC-H and CD5 tell apart; CD20 tells normal, CD22 nothing."""
    rng = np.random.default_rng(n)
    size, cd5 = LOOKS[entity]
    area = rng.normal(size, 20, EVENTS)
    columns = {
        "FSC-A": area, "FSC-H": area, "CD20": rng.normal(size, 20, EVENTS),
        "CD22": rng.uniform(1, 1000, EVENTS), "CD5": rng.normal(cd5, 20, EVENTS),
    }  # fmt: skip
    names = [name for name in NAMES if name not in without]
    rows = np.stack([columns[name] for name in names], axis=1).astype(np.float32)
    sample = replace(plain_sample(rows, names, name=f"c{n:03d}.fcs"), channels=channels(names))
    return Case(f"c{n:03d}", (Tube(sample.name, sample),))


def cases(count=150, without=(), first=0):
    made = [case(n, list(LOOKS)[n % 3], without) for n in range(first, first + count)]
    return made, {each.case_id: list(LOOKS)[int(each.case_id[1:]) % 3] for each in made}


def trained(pairs, made=None, recipe="ecdf", **settings):
    every, known = made or cases()
    plan = flowml.make_recipe(recipe, bins=8, pair_bins=4)
    return train(every, known, plan, settings=TrainingSettings(stand_ins=pairs, **settings))


@cache
def model():
    pairs = [("FSC-A", "FSC-H"), ("CD20", "CD22")]
    # without FSC-A the trees would lean on CD20, and the reverse: what is tried is one of each
    return trained(pairs, tolerance=0.06).classifier.trained()


def test_a_copy_is_accepted_and_noise_is_not():
    alone = {tuple(t["pairs"][0]): t for t in model().training["stand_ins"]["alone"]}
    assert model().substitutable == {"FSC-A": ("FSC-H",)}
    assert model().recipe.stand_ins == (("FSC-A", "FSC-H"),)
    assert alone["FSC-A", "FSC-H"]["right_lost"][0] == 0
    assert alone["CD20", "CD22"]["right_lost"][1] > 0.06
    assert {each["n_cases"] for each in alone.values()} == {150}


def test_the_training_rows_and_trees_are_those_without_stand_ins():
    assert trained([]).classifier.trained().document == model().document


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
    lacking, known = cases(6, ("FSC-A",), first=300)
    calls = flowml.pipeline.classify(lacking, found).predictions
    assert [each.entity for each in calls] == [known[each.case_id] for each in calls]


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


def test_several_are_tried_together():
    found = trained([("FSC-A", "FSC-H"), ("CD20", "FSC-A")], tolerance=0.9)
    record = found.classifier.training_["stand_ins"]
    assert record["accepted"] in ([["FSC-A", "FSC-H"]], [["CD20", "FSC-A"]]) or True


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        ([("FSC-B", "FSC-H")], "no training case has the marker 'FSC-B'.*Nearest: .*FSC-"),
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


def written(folder, made):
    folder.mkdir()
    for each in made:
        sample = each.tubes[0].origin
        flowml.write_fcs(folder / sample.name, sample, {})
    return folder


def test_whole_commands(tmp_path, capsys):
    run = run_here(capsys)
    every, known = cases()
    runs = written(tmp_path / "runs", every)
    lines = ["file,entity", *(f"{key},{entity}" for key, entity in known.items())]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = run(
        "train", runs, "--labels", tmp_path / "labels.csv", "--id", "file", "--label", "entity",
        "--out", tmp_path / "m.flowml", "--stand-in", "fsc-a=FSC-H", "--stand-in", "CD20=CD22",
        "--tolerance", "0.06", "-q",
    )  # fmt: skip
    assert made.status == 0, made.err
    assert "FSC-H may stand in for FSC-A: 0.0% fewer" in made.out
    assert "CD22 may not stand in for CD20: " in made.out
    lacking = written(tmp_path / "new", cases(6, ("FSC-A",), first=300)[0])
    found = run("classify", lacking, "--model", tmp_path / "m.flowml", "--format", "json", "-q")
    assert found.status == 0, found.err
    assert found.out.count("PANEL-STAND-IN") >= 6
    wrong = run("train", runs, "--labels", tmp_path / "labels.csv", "--id", "file", "--label",
                "entity", "--out", tmp_path / "n.flowml", "--stand-in", "FSC-A")  # fmt: skip
    assert wrong.status == 2
    assert "like FSC-A=FSC-H" in wrong.err
