"""``flowml evaluate``: what does not count, and what cannot be right, is said."""

from __future__ import annotations

import pytest
from commands import run_here
from small import on_disk, saved_model


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture
def cases(tmp_path):
    return on_disk(tmp_path / "cases", count=4)


@pytest.fixture
def evaluate(flowml, cases, tmp_path):
    model = saved_model(tmp_path / "m.flowml")
    return lambda *more: flowml(
        "evaluate", cases, "--model", model, "--labels", cases / "cases.csv", *more
    )


def relabel(cases, case_id, entity):
    table = cases / "cases.csv"
    rows = table.read_text(encoding="utf-8").splitlines()
    rows = [f"{case_id},{entity},blood" if r.startswith(f"{case_id},") else r for r in rows]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_an_entity_that_the_model_does_not_know_is_named(evaluate, cases):
    relabel(cases, "S0001", "MCL")
    found = evaluate()
    assert found.status == 0
    assert "the model does not know MCL: such cases cannot be right" in found.err


def test_cases_that_could_not_be_used_are_named_and_count_as_not_answered(evaluate, cases):
    (cases / "S0002.fcs").write_bytes(b"junk")
    found = evaluate()
    assert found.status == 1
    assert "1 cases could not be used, and count as not answered:" in found.err
    assert "S0002: not an FCS file" in found.err
    assert "of 4 labelled cases right" in found.out


def test_a_case_without_a_label_is_named_and_changes_the_status(evaluate, cases):
    relabel(cases, "S0003", "")
    found = evaluate()
    assert found.status == 1
    assert "1 cases have no label and are left out: S0003" in found.err


def test_a_label_for_no_case_is_passed_over(evaluate, cases):
    table = cases / "cases.csv"
    table.write_text(table.read_text(encoding="utf-8") + "ghost,AML,blood\n", encoding="utf-8")
    found = evaluate()
    assert found.status == 0
    assert "1 labels name no case here and are passed over: ghost" in found.err


def test_cases_of_the_training_are_said_to_prove_nothing(flowml, cases, tmp_path):
    table, out = cases / "cases.csv", tmp_path / "own.flowml"
    assert flowml("train", cases, "--labels", table, "--out", out).status == 0
    for verb in ("evaluate", "classify"):
        found = flowml(verb, cases, "--labels", table, "--model", out)
        assert "the model was trained on 4 of these cases: their answers prove" in found.err
