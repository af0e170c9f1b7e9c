"""Whole commands: a model trained with alignment gets to know a further instrument."""

from __future__ import annotations

import pytest
from cli.commands import run_here
from small import RECIPE, dimmer, flat, held

import flowml as toolkit
from flowml.errors import ModelError
from flowml.models import load_model

PLAN = "--recipe", RECIPE


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Cases of the training's instrument, and of another one, as files with tables."""
    place = tmp_path_factory.mktemp("align")
    own, other = (
        [
            held(c)
            for c in toolkit.simulate(entities={"normal": 6, "AML": 4}, events=900, seed=s)
        ]
        for s in (31, 32)
    )
    flat(own, place / "own")
    flat([dimmer(case, "Dim 2") for case in other], place / "other")
    return place


def asked(place, name):
    return place / name, "--labels", place / name / "cases.csv"


def test_a_model_is_trained_with_alignment_and_gets_a_further_instrument(flowml, folders):
    model, more = folders / "m.flowml", folders / "more.flowml"
    trained = flowml("train", *asked(folders, "own"), *PLAN, "--align", "--out", model)
    assert trained.status == 0
    assert "aligned by 6 normal cases: " in trained.out
    before = flowml("classify", folders / "other", "--model", model, "-v")
    assert "ALIGN-UNKNOWN" in before.err
    found = flowml("align", *asked(folders, "other"), "--model", model, "--out", more)
    assert found.status == 0
    assert "aligned by 6 normal cases: Dim 2" in found.out
    after = flowml("classify", folders / "other", "--model", more, "-v")
    assert "ALIGN-UNKNOWN" not in after.err
    assert load_model(more).predictor.document == load_model(model).predictor.document
    assert "| Dim 2 | 6 |" in load_model(more).card
    assert "washes out disease" in load_model(more).card


def test_the_answers_are_the_same_with_two_workers(flowml, folders):
    model = folders / "w.flowml"
    flowml("train", *asked(folders, "own"), *PLAN, "--align", "--out", model)
    other = folders / "w2.flowml"
    flowml("train", *asked(folders, "own"), *PLAN, "--align", "--out", other, "--jobs", 2)
    assert model.read_bytes() == other.read_bytes()


def test_controls_need_no_table_and_too_few_are_refused(flowml, folders, tmp_path):
    model = folders / "c.flowml"
    flowml("train", *asked(folders, "own"), *PLAN, "--align", "--out", model)
    out = tmp_path / "out.flowml"
    ask = ("align", folders / "other", "--model", model, "--out", out)
    assert "Give --labels, or --controls" in flowml(*ask).err
    table = tmp_path / "few.csv"
    table.write_text("case_id,entity\nS0001,normal\nS0002,AML\n")
    few = flowml(*ask, "--labels", table)
    assert few.status != 0
    assert "takes 5 normal cases of one instrument" in few.err
    assert not out.exists()
    found = flowml(*ask, "--controls")
    assert "aligned by 10 normal cases: Dim 2" in found.out


def test_a_model_without_alignment_and_its_own_file_are_refused(flowml, folders):
    model = folders / "plain.flowml"
    flowml("train", *asked(folders, "own"), *PLAN, "--out", model)
    ask = ("align", *asked(folders, "other"), "--model", model)
    found = flowml(*ask, "--out", folders / "n.flowml")
    assert found.status != 0
    assert "trained without alignment" in found.err
    assert flowml(*ask, "--out", model).status == 2
    with pytest.raises(ModelError, match="trained without alignment"):
        toolkit.align_model(folders / "other", load_model(model))
