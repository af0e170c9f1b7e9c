"""Whole commands: a model is continued on cases of another instrument."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from cli.commands import run_here
from plain_tables import rows_of, written
from small import ENTITIES, RECIPE, dimmer, flat, held, model, saved_model

import flowml as toolkit
from flowml.errors import LabelError, ModelError
from flowml.models import load_model, save_model
from flowml.models.adapted import NOT_MEASURED
from flowml.pipeline import extract_table


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


def drawn(seed, each):
    numbers = dict.fromkeys(ENTITIES, each)
    return [held(case) for case in toolkit.simulate(entities=numbers, events=900, seed=seed)]


def labelled(seed, each):
    cases = drawn(seed, each)
    return cases, {case.case_id: case.details["entity"] for case in cases}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The small model, cases of a dim instrument, and cases like the old ones."""
    folder = tmp_path_factory.mktemp("adapt")
    saved_model(folder / "m.flowml")
    flat([dimmer(case, "Dim 2") for case in drawn(41, 9)], folder / "new")
    flat(drawn(42, 5), folder / "old")
    return folder


def asked(place, *more, out="out.flowml"):
    new = place / "new"
    return ("adapt", new, "--labels", new / "cases.csv", "--model", place / "m.flowml",
            "--out", place / out, *more)  # fmt: skip


def beside(place):
    return "--old-cases", place / "old", "--old-labels", place / "old" / "cases.csv"


def test_what_is_won_and_lost_is_told_and_stands_in_the_card(flowml, place):
    found = flowml(*asked(place, *beside(place)))
    assert found.status == 0, found.err
    assert "continued on 27 new cases: 9 AML, 9 CLL, 9 normal" in found.out
    assert "new cases, held out: likeliest entity right in " in found.out
    assert "old cases: likeliest entity right in " in found.out
    assert "of 15 cases, before " in found.out
    old, new = load_model(place / "m.flowml"), load_model(place / "out.flowml")
    (record,) = new.training["adapted"]
    assert f"step: {record['step']}" in found.out
    assert record["step"] != "old"
    assert record["new"]["log_loss"][1] < record["new"]["log_loss"][0]
    assert "## Adapted" in new.card
    assert "Old cases: likeliest entity right in " in new.card
    assert new.predictor.document == old.predictor.document
    assert new.required == old.required
    assert flowml("model", "verify", place / "out.flowml").status == 0
    shown = flowml("model", "show", place / "out.flowml")
    assert "Adapted" in shown.out


def test_without_old_cases_the_loss_is_said_not_to_be_measured(flowml, place):
    found = flowml(*asked(place, out="alone.flowml"))
    assert found.status == 0
    assert NOT_MEASURED in found.out
    assert NOT_MEASURED in load_model(place / "alone.flowml").card


def test_new_cases_are_known_from_then_on(flowml, place):
    flowml(*asked(place, out="known.flowml"))
    old, new = load_model(place / "m.flowml"), load_model(place / "known.flowml")
    hashes = set(new.training["inputs"]) - set(old.training["inputs"])
    assert len(hashes) == 27
    again = flowml("classify", place / "new", "--model", place / "known.flowml", "-v")
    assert "was trained on" in again.err
    twice = flowml("adapt", place / "new", "--labels", place / "new" / "cases.csv", "--model",
                   place / "known.flowml", "--out", place / "twice.flowml")  # fmt: skip
    assert twice.status == 2
    assert "0 new cases can be used" in twice.err
    assert "the model was trained on it" in twice.err


def test_a_model_is_continued_once_more(flowml, place):
    flowml(*asked(place, out="once.flowml"))
    flat(drawn(43, 8), place / "more")
    found = flowml("adapt", place / "more", "--labels", place / "more" / "cases.csv", "--model",
                   place / "once.flowml", "--out", place / "again.flowml")  # fmt: skip
    assert found.status == 0
    model_ = load_model(place / "again.flowml")
    assert [each["n_cases"] for each in model_.training["adapted"]] == [27, 24]
    assert model_.card.count("Continued on ") == 2


def test_the_same_cases_give_the_same_file_and_the_same_bits_after_loading(flowml, place):
    flowml(*asked(place, out="a.flowml"))
    flowml(*asked(place, "--jobs", 2, out="b.flowml"))
    assert (place / "a.flowml").read_bytes() == (place / "b.flowml").read_bytes()
    cases = drawn(44, 1)
    found = toolkit.adapt_model(labelled(45, 8), model()).model
    save_model(found, place / "c.flowml")
    again = load_model(place / "c.flowml")
    values = extract_table(cases, found.recipe).columns(found.feature_names)
    assert again.predict_proba(values).tobytes() == found.predict_proba(values).tobytes()


def table(path, rows):
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def labels_of(place, change):
    """Write the table of labels with other entities."""
    with (place / "new" / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return table(place / "changed.csv", [change(dict(row)) for row in rows])


def refused(flowml, place, labels, *more):
    found = flowml("adapt", place / "new", "--labels", labels, "--model", place / "m.flowml",
                   "--out", place / "never.flowml", *more)  # fmt: skip
    assert found.status == 2
    assert not (place / "never.flowml").exists()
    return found.err


def test_labels_that_tell_nothing_are_refused(flowml, place):
    unknown = labels_of(place, lambda row: row | {"entity": "HCL"})
    assert "the model does not know HCL (27 of 27 cases)" in refused(flowml, place, unknown)
    same = labels_of(place, lambda row: row | {"entity": "CLL"})
    said = refused(flowml, place, same)
    assert "all 27 new cases that can be used are CLL" in said
    assert "flowml align" in said
    few = labels_of(place, lambda row: row)
    few.write_text("".join(few.read_text().splitlines(keepends=True)[:11]))
    assert "10 new cases can be used, expected 20 or more" in refused(flowml, place, few)
    nobody = labels_of(place, lambda row: row | {"case_id": f"x{row['case_id']}"})
    assert "label" in refused(flowml, place, nobody)


def test_old_cases_among_the_new_ones_are_refused(flowml, place):
    both = place / "both"
    shutil.copytree(place / "new", both, dirs_exist_ok=True)
    labels = place / "new" / "cases.csv"
    said = refused(flowml, place, labels, "--old-cases", both, "--old-labels", labels)
    assert "27 of 27 old cases are among the new ones" in said


def test_old_cases_that_the_model_was_trained_on_are_left_out(flowml, place):
    training = flat([held(case) for case in drawn(42, 5)], place / "seen")
    trained = flowml("train", training, "--labels", training / "cases.csv", "--recipe",
                     RECIPE, "--out", place / "t.flowml")  # fmt: skip
    assert trained.status == 0
    found = flowml("adapt", place / "new", "--labels", place / "new" / "cases.csv", "--model",
                   place / "t.flowml", "--out", place / "u.flowml", "--old-cases", training,
                   "--old-labels", training / "cases.csv")  # fmt: skip
    assert found.status == 2
    assert (
        "none of the old cases can be used; the first: the model was trained on it" in found.err
    )


def test_options_that_miss_their_half_are_refused(flowml, place):
    labels = place / "new" / "cases.csv"
    only = flowml(*asked(place, "--old-labels", labels, out="never.flowml"))
    assert only.status == 2
    assert "--old-labels are of --old-cases" in only.err
    only = flowml(*asked(place, "--old-cases", place / "old", out="never.flowml"))
    assert only.status == 2
    assert "Missing option '--old-labels'" in only.err
    assert flowml(*asked(place, out="m.flowml")).status == 2
    none = flowml("adapt", place / "new", "--model", place / "m.flowml", "--out", place / "n")
    assert "Missing option '--labels'" in none.err


def test_one_file_with_two_labels_is_refused(flowml, place):
    twice = place / "twice"
    shutil.copytree(place / "new", twice, dirs_exist_ok=True)
    with (twice / "cases.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    first = rows[0]["entity"]
    shutil.copy(twice / f"{rows[0]['case_id']}.fcs", twice / "copy.fcs")
    other = next(name for name in ENTITIES if name != first)
    rows.append(rows[0] | {"case_id": "copy", "entity": other})
    found = flowml("adapt", twice, "--labels", table(twice / "l.csv", rows), "--model",
                   place / "m.flowml", "--out", place / "never.flowml")  # fmt: skip
    assert found.status == 2
    assert "hold the same file" in found.err


def test_a_case_without_the_required_markers_is_left_out_with_the_reason(flowml, place):
    mixed = place / "mixed"
    shutil.copytree(place / "new", mixed, dirs_exist_ok=True)
    other = toolkit.simulate("cll-9f", entities={"CLL": 1}, events=500, seed=3)[0]
    sample = other.tubes[0].origin
    toolkit.write_fcs(mixed / "odd.fcs", sample, sample.keywords)
    with (mixed / "cases.csv").open("a") as stream:
        stream.write("odd,CLL,blood\n")
    found = flowml("adapt", mixed, "--labels", mixed / "cases.csv", "--model",
                   place / "m.flowml", "--out", place / "mixed.flowml")  # fmt: skip
    assert found.status == 1
    assert "1 new cases could not be used" in found.err
    assert "markers are missing" in found.err
    assert load_model(place / "mixed.flowml").training["adapted"][0]["n_cases"] == 27


def test_a_table_of_features_does_in_place_of_a_folder(flowml, tmp_path):
    entities = ("normal", "CLL", "AML")
    own = written(tmp_path / "own.csv", rows_of(entities, count=12))
    columns = ("--id", "subject", "--label", "label")
    assert flowml("train", own, *columns, "--out", tmp_path / "m.flowml").status == 0
    new = written(tmp_path / "new.csv", rows_of(entities, count=10, seed=4))
    old = written(tmp_path / "old.csv", rows_of(entities, count=5, seed=5))
    ask = ("adapt", new, *columns, "--model", tmp_path / "m.flowml", "--out",
           tmp_path / "n.flowml")  # fmt: skip
    found = flowml(*ask, "--old-cases", old)
    assert found.status == 0, found.err
    assert "continued on 30 new cases" in found.out
    assert "old cases: likeliest entity right in " in found.out
    trained = load_model(tmp_path / "n.flowml")
    assert len(trained.training["inputs"]) == 36 + 30
    again = flowml("classify", new, *columns, "--model", tmp_path / "n.flowml", "-v")
    assert "MODEL-TRAINED-ON" in again.err
    wrong = flowml(*ask, "--old-cases", tmp_path)
    assert wrong.status == 2
    assert "Give both as tables, or both as FCS files" in wrong.err
    assert flowml(*ask, "--old-cases", new).status == 2


def test_the_same_in_python(place):
    (cases, labels), beside = labelled(46, 8), labelled(42, 5)
    found = toolkit.adapt_model((cases, labels), place / "m.flowml", old=beside)
    assert found.record["n_cases"] == 24
    assert found.record["old"]["n_cases"] == 15
    assert not found.unusable
    with pytest.raises(LabelError, match="does not know"):
        toolkit.adapt_model((cases, dict.fromkeys(labels, "MCL")), model())
    with pytest.raises(ModelError, match="unknown data kind"):
        toolkit.adapt_model((cases, labels), model(), data_kind="odd")
    assert np.isfinite(found.record["scale"])
