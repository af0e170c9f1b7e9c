"""The order of things, on a small cohort: the same bits every way, and reasons for the rest."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small import (
    QUICK,
    RECIPE,
    cohort,
    labels,
    model,
    on_disk,
    one_tube,
    plain_sample,
    sample_of,
    saved_model,
    training,
    with_events,
)

import flowml
from flowml.errors import CaseError, FlowmlError, LabelError, ModelError, PanelError
from flowml.fcs import write_fcs
from flowml.features import make_recipe
from flowml.models import load_model
from flowml.pipeline import Reading, classify, evaluate, extract_table
from flowml.records import Case, Tube
from flowml.reports.results import results_csv, results_document
from flowml.safety import file_sha256
from flowml.simulator import knowledge_sha256
from flowml.training import TrainingSettings, train

SECRETS = {
    "$FIL": "Mustermann_Erika_1951.fcs", "$SMNO": "SN-4711", "@SAMPLEID1": "PAT-0815",
    "$SRC": "Erika M.", "$CELLS": "Erikas marrow", "$OP": "Dr. Whoever",
    "PATIENT ID": "42424242",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("run") / "cases")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("model") / "m.flowml")


@pytest.fixture(scope="module")
def plain_answers(folder, model_file):
    return classify(folder, model_file)


def bits(found):
    return repr(found.predictions)


def test_most_training_cases_are_found_again(plain_answers):
    right = [p for p in plain_answers.predictions if p.entity == labels()[p.case_id]]
    assert len(plain_answers.predictions) == 12
    assert len(right) >= 10


def test_files_and_samples_in_memory_give_the_same_bits(plain_answers):
    assert bits(classify(cohort(), model())) == bits(plain_answers)


def same(one, other):
    """Tell whether two trainings gave the same model, bit by bit."""
    first, second = (each.classifier.trained() for each in (one, other))
    return first.predictor.document == second.predictor.document and all(
        table.tobytes() == second.predictor.tables()[name].tobytes()
        for name, table in first.predictor.tables().items()
    )


@pytest.mark.parametrize("chunk", [1, 100, 8192])
def test_any_chunk_gives_the_same_bits(folder, model_file, plain_answers, chunk):
    cases = flowml.find_cases(folder)[: 3 if chunk == 1 else None]
    found = classify(cases, model_file, reading=Reading(chunk=chunk))
    assert repr(found.predictions) == repr(plain_answers.predictions[: len(cases)])


def test_two_workers_give_the_same_bits_and_the_same_model(folder, model_file, plain_answers):
    assert bits(classify(folder, model_file, reading=Reading(jobs=2))) == bits(plain_answers)
    one, two = (
        train(folder, labels(), RECIPE, reading=Reading(jobs=jobs), settings=QUICK)
        for jobs in (1, 2)
    )
    assert same(one, two)


def test_any_order_of_files_gives_the_same_bits(tmp_path, folder, model_file, plain_answers):
    order = np.random.default_rng(8).permutation(12)
    cases = flowml.find_cases(folder)
    shuffled = [cases[i] for i in order]
    assert bits(classify(shuffled, model_file)) == bits(plain_answers)
    one, other = (train(each, labels(), RECIPE, settings=QUICK) for each in (cases, shuffled))
    assert same(one, other)
    files = sorted(folder.glob("*.fcs"))
    for i in order:  # a directory lists what was copied first, first
        shutil.copy(files[i], tmp_path / files[i].name)
    assert bits(classify(tmp_path, model_file)) == bits(plain_answers)


def test_the_same_seed_trains_the_same_model_and_another_does_not():
    one, other = (
        train(cohort(), labels(), RECIPE, settings=replace(QUICK, seed=seed)) for seed in (0, 1)
    )
    assert same(one, training())
    assert not same(one, other)


def test_progress_counts_the_cases(folder, model_file):
    seen = []
    classify(folder, model_file, progress=seen.append)
    assert seen == list(range(1, 13))


def test_extract_keeps_the_order_that_it_was_given():
    turned = flowml.extract(cohort()[::-1], RECIPE)
    assert list(turned.index) == [case.case_id for case in cohort()[::-1]]


def test_one_case_that_cannot_be_used_does_not_stop_the_others(tmp_path, model_file):
    on_disk(tmp_path, 3)
    (tmp_path / "A.fcs").write_bytes(b"")
    (tmp_path / "B.fcs").write_text("not FCS at all")
    whole = (tmp_path / "S0001.fcs").read_bytes()
    (tmp_path / "C.fcs").write_bytes(whole[: len(whole) // 2])
    write_fcs(tmp_path / "D.fcs", with_events(sample_of(), sample_of().events()[:0]))
    for jobs in (1, 2):
        found = {
            p.case_id: p
            for p in classify(tmp_path, model_file, reading=Reading(jobs=jobs)).predictions
        }
        assert [found[name].status for name in "ABC"] == ["unreadable"] * 3
        assert found["D"].status == "not_classifiable"
        assert "holds no event" in found["D"].reason
        assert {found[f"S000{n}"].status for n in (1, 2, 3)} <= {"answered", "backed_off"}
        assert {found[name].decision for name in "ABCD"} == {"review"}


def test_a_case_that_lacks_a_marker_is_told_which(model_file):
    sample = sample_of()
    column = sample.column("CD5")
    renamed = tuple(
        replace(c, marker="", label="") if n == column else c
        for n, c in enumerate(sample.channels)
    )
    (found,) = classify([one_tube(replace(sample, channels=renamed))], model_file).predictions
    assert found.status == "not_classifiable"
    assert found.reason == "not classifiable, because these markers are missing: CD5"
    assert not found.probabilities


def test_a_panel_that_shares_no_marker_is_told_what_is_needed(model_file):
    sample = plain_sample(np.ones((200, 2), np.float32), ["CD99", "CD98"])
    (found,) = classify([one_tube(sample)], model_file).predictions
    assert found.status == "not_classifiable"
    assert "shares no marker with the model, which needs CD10, CD117" in found.reason


def test_a_folder_without_files_says_what_was_looked_for(tmp_path, model_file):
    with pytest.raises(CaseError, match=r"no FCS files in .*looked for names that end in"):
        classify(tmp_path, model_file)


def test_cases_need_ids_of_their_own(model_file):
    with pytest.raises(CaseError, match="two cases have the id 'S0001'"):
        classify([cohort()[0], cohort()[0]], model_file)
    with pytest.raises(CaseError, match="no cases were given"):
        flowml.extract([])


def test_labels_that_cannot_be_used_say_why():
    with pytest.raises(LabelError, match=r"none of 12 cases has a label.*'S1' and the like"):
        train(cohort(), {"S1": "CLL"})
    with pytest.raises(LabelError, match=r"'CLLL' is not an entity.*Nearest: CLL"):
        train(cohort(), {"S0001": "CLLL"})
    with pytest.raises(LabelError, match="the label of 'S0001' is nan"):
        train(cohort(), {"S0001": float("nan")})
    with pytest.raises(LabelError, match="all 2 training cases that can be used are CLL"):
        train(cohort(), {"S0001": "CLL", "S0002": "CLL"})
    with pytest.raises(LabelError, match="none of 12 cases has a label"):
        evaluate(cohort(), {}, model())


def test_labels_may_be_a_series_with_aliases():
    spelled = pd.Series(labels()).replace({"CLL": "cll/sll", "AML": "aml"})
    assert same(train(cohort(), spelled, RECIPE, settings=QUICK), training())


def test_cases_that_cannot_be_used_are_left_out_of_training_with_their_reason():
    empty = one_tube(with_events(sample_of(), sample_of().events()[:0]), "zero")
    trained = train([*cohort(), empty], labels() | {"zero": "CLL"}, RECIPE, settings=QUICK)
    assert trained.unusable == {"zero": "the case holds no event"}
    assert trained.classifier.predictor_.document == training().classifier.predictor_.document
    blank = replace(empty, case_id="blank")
    with pytest.raises(
        PanelError, match="none of 2 labelled cases can be used; the first: the"
    ):
        train([empty, blank], {"zero": "CLL", "blank": "AML"})


def test_training_cases_that_share_no_marker_are_refused():
    rows = np.ones((200, 1), np.float32)
    cases = [one_tube(plain_sample(rows, [marker]), marker) for marker in ("CD3", "CD19")]
    with pytest.raises(PanelError, match="share no marker; they have CD19, CD3"):
        train(cases, {"CD3": "CLL", "CD19": "AML"})


def test_a_marker_that_one_case_lacks_is_left_out_and_named():
    sample = sample_of()
    fewer = tuple(replace(c, marker="") if c.marker == "CD7" else c for c in sample.channels)
    cases = [one_tube(replace(sample, channels=fewer), "S0001"), *cohort()[1:]]
    trained = train(cases, labels(), RECIPE, settings=QUICK)
    assert trained.left_out_markers == ("CD7",)
    assert "CD7" not in trained.classifier.trained().markers


def test_simulated_and_other_cases_do_not_mix_unsaid():
    other = one_tube(replace(sample_of(), keywords={}), "S0001")
    with pytest.raises(
        ModelError, match="11 of 12 training files say that they were simulated"
    ):
        train([other, *cohort()[1:]], labels())
    said = train(
        [other, *cohort()[1:]], labels(), settings=replace(QUICK, data_kind="synthetic")
    )
    assert said.classifier.trained().training["data_kind"] == "synthetic"
    with pytest.raises(ModelError, match="unknown data kind 'dreamt'"):
        TrainingSettings(data_kind="dreamt")


@pytest.mark.parametrize(
    "how",
    [
        {"compensation": "not-there.csv"},
        {"compensation": "fil"},
        {"jobs": 0},
        {"chunk": 0},
    ],
)
def test_reading_that_would_fail_every_case_is_refused_at_once(how):
    with pytest.raises(FlowmlError, match=r"is not there|expected 1 or more"):
        Reading(**how)


def test_evaluation_counts_the_labelled_cases_only(folder, model_file):
    some = {"S0001": labels()["S0001"], "S0002": "MCL"}
    evaluation, found = evaluate(folder, some, model_file)
    assert [p.case_id for p in found.predictions] == ["S0001", "S0002"]
    assert evaluation.n_cases == 2
    assert evaluation.n_correct <= 1


def test_a_model_without_recipe_does_not_take_fcs_files():
    bare = replace(model(), recipe=None)
    with pytest.raises(ModelError, match="has no recipe"):
        classify(cohort(), bare)


# --- what is written down ----------------------------------------------------------------


def documents(found):
    return (
        results_csv(found.predictions, found.entities),
        results_document(found.predictions, found.entities, found.provenance),
    )


def test_provenance_says_what_made_the_answers(folder, model_file, plain_answers):
    record = plain_answers.provenance
    assert record["model"]["sha256"] == file_sha256(model_file)
    assert record["model"]["data_kind"] == "synthetic"
    assert record["model"]["recipe"] == make_recipe(RECIPE).fit(()).summary()
    assert record["versions"]["flowml"] == flowml.__version__
    assert record["parameters"] == {
        "quality": "off",
        "compensation": "auto",
        "marker_names": None,
        "required_probabilities": model().caution.levels.to_dict(),
    }
    assert "not a medical device" in record["disclaimer"]
    assert [item["case_id"] for item in record["inputs"]] == sorted(labels())
    for item in record["inputs"]:
        (tube,) = item["tubes"]
        assert tube["sha256"] == file_sha256(folder / tube["name"])
        assert (tube["n_events"], tube["compensation"]) == (1500, "$SPILLOVER")
    json.loads(documents(plain_answers)[1])


def test_no_absolute_path_stands_in_any_output(tmp_path, folder, model_file):
    place = tmp_path / "secret place"
    shutil.copytree(folder, place)
    (place / "broken.fcs").write_text("x")
    matrix = place / "matrix.csv"
    spillover = sample_of().spillover
    rows = [
        ",".join(spillover.channels),
        *(",".join(map(str, row)) for row in spillover.matrix),
    ]
    matrix.write_text("\n".join(rows) + "\n")
    for policy in ("auto", str(matrix)):
        found = classify(place, model_file, reading=Reading(policy))
        assert any(p.entity for p in found.predictions)
        for text in documents(found):
            assert str(tmp_path) not in text
            assert "secret place" not in text
    assert f"matrix.csv (SHA-256 {file_sha256(matrix)})" in documents(found)[1]
    card = (
        train(place, labels(), RECIPE, reading=Reading(str(matrix)), settings=QUICK)
        .classifier.trained()
        .card
    )
    assert "secret place" not in card
    assert "matrix.csv" in card
    matrix.write_text("a,b\n1,0\n0,1\n")
    found = classify(place, model_file, reading=Reading(str(matrix)))
    assert {p.status for p in found.predictions} == {"unreadable"}
    assert all("secret place" not in text for text in documents(found))


def test_no_keyword_that_may_name_a_patient_stands_in_any_output(tmp_path, model_file):
    sample = sample_of()
    write_fcs(tmp_path / "a.fcs", sample, SECRETS | {"FLOWML_SIMULATED": "yes"})
    whole = (tmp_path / "a.fcs").read_bytes()
    assert all(value.encode() in whole for value in SECRETS.values())
    for name, at in (("cut", len(whole) // 2), ("head", 400), ("text", 1200)):
        (tmp_path / f"{name}.fcs").write_bytes(whole[:at])
    for key in (b"$PAR", b"$TOT", b"$MODE", b"$DATATYPE", b"$BYTEORD"):
        (tmp_path / f"no {key[1:].decode()}.fcs").write_bytes(
            whole.replace(key, b"$XXXXXXX"[: len(key)])
        )
    found = classify(tmp_path, model_file)
    assert {p.status for p in found.predictions} >= {"unreadable", "answered"} - {"answered"}
    for text in documents(found):
        assert not [secret for secret in SECRETS.values() if secret in text]


# --- the bundled model -------------------------------------------------------------------


def script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROOT = Path(__file__).resolve().parent.parent


def test_the_demo_model_knows_what_the_simulator_knows_now():
    made_from = load_model("demo").training["simulator_knowledge_sha256"]
    assert made_from == knowledge_sha256(), (
        "the simulator has changed since the demo model was trained: run "
        "scripts/make_demo_model.py (make demo-model)"
    )


def test_the_demo_model_says_what_it_is():
    demo = load_model("demo")
    assert demo.is_synthetic
    assert "This model has seen simulated cases only" in demo.card
    assert set(flowml.simulator.known_entities()) == set(demo.entities)


def test_the_demo_cohort_was_not_trained_on():
    seed = script(ROOT / "examples" / "demo.py").SEED
    maker = script(ROOT / "scripts" / "make_demo_model.py")
    trained_on = load_model("demo").training["simulator_seed"]
    assert trained_on == maker.TRAINING_SEED
    assert len({seed, trained_on, maker.CHECK_SEED}) == 3


# --- real files --------------------------------------------------------------------------


def test_real_files_that_are_compensated_already_are_taken_as_they_are(shared_data):
    place = shared_data / "aml-tube4"
    auto, none = (extract_table(place, reading=Reading(policy)) for policy in ("auto", "none"))
    assert len(auto.cases) == 20
    assert {tube.compensation for case in auto.cases for tube in case.tubes} == {"none"}
    assert auto.values.tobytes() == none.values.tobytes()
    assert all("SPILL-APPLIED" in {f.code for f in case.findings} for case in auto.cases)


def test_one_case_of_two_tubes_pools_them(model_file):
    tubes = tuple(Tube(f"t{n}", case.tubes[0].origin) for n, case in enumerate(cohort()[:2]))
    (found,) = classify([Case("two", tubes)], model_file).predictions
    assert found.probabilities
