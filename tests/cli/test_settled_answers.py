"""Whole commands: what a manifest, a table and the rules make of an answer."""

from __future__ import annotations

import csv
import io
import json

import pytest
from commands import run_here
from small import cohort, on_disk, saved_model

ENTITIES = {case.case_id: case.details["entity"] for case in cohort()}
CLL, NORMAL, AML = (
    [case_id for case_id, entity in ENTITIES.items() if entity == name]
    for name in ("CLL", "normal", "AML")
)
GIVEN = {
    CLL[0]: ("blood", "7,5", "", "nein"),
    CLL[1]: ("blood", "1,2", "nur Gewebe", ""),
    CLL[2]: ("PB", "1,2", "Blut/Knochenmark", "Rituximab"),
    NORMAL[0]: ("Lymphknoten", "", "", ""),
    NORMAL[1]: ("KM", "-4", "", ""),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("settled") / "cases")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("settled-model") / "m.flowml")


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


def given_rows():
    nothing = ("",) * 4
    return [(case_id, *GIVEN.get(case_id, nothing)) for case_id in ENTITIES]


def manifest(run):
    path = run / "manifest.csv"
    lines = ["case_id;path;Material;klonale B-Zellen;Befall;Therapie"]
    lines += [f"{i};{i}.fcs;{';'.join(rest)}" for i, *rest in given_rows()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def by_case(found):
    return {row["case_id"]: row for row in csv.DictReader(io.StringIO(found.out))}


def check(rows):
    answers = [(rows[i]["leukemia_vs_lymphoma"], rows[i]["rule"]) for i in CLL[:3]]
    assert answers == [
        ("leukemia", "cll-count-reached"),
        ("lymphoma", "sll-below-count-in-tissue"),
        ("neither", "mbl-below-count"),
    ]
    assert rows[CLL[2]]["category"] == "precursor_state"
    assert "GIVEN-TREATED" in rows[CLL[2]]["findings"]
    assert "GIVEN-SPECIMEN" in rows[NORMAL[0]]["findings"]
    assert "GIVEN-VALUE" in rows[NORMAL[1]]["findings"]
    for case_id in (CLL[1], CLL[2], NORMAL[0], NORMAL[1]):
        assert rows[case_id]["decision"] == "review"
    assert "down to" in rows[NORMAL[2]]["reason"]
    assert float(rows[NORMAL[2]]["detection_limit_percent"]) > 0


def test_columns_of_a_manifest_decide(flowml, run, model):
    found = flowml("classify", manifest(run), "--model", model, "--format", "csv")
    assert found.status == 0
    check(by_case(found))


def test_columns_of_a_table_beside_the_cases_decide(flowml, run, model, tmp_path):
    table = tmp_path / "given.csv"
    lines = ["case_id;specimen;clonal_b_cells;distribution;treated"]
    lines += [";".join(row) for row in given_rows()]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = flowml("classify", run, "--model", model, "--given", table, "--format", "csv")
    check(by_case(found))


def test_columns_of_the_label_table_decide_too(flowml, run, model, tmp_path):
    table = tmp_path / "labels.csv"
    lines = ["case_id,entity,clonal_b_cells"]
    lines += [
        f"{case_id},{entity},7" for case_id, entity in ENTITIES.items() if entity == "CLL"
    ]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = "evaluate", run, "--model", model, "--labels", table, "--out", tmp_path / "out"
    assert "4 of 4 labelled cases right" in flowml(*told).out
    rows = csv.DictReader(io.StringIO((tmp_path / "out" / "results.csv").read_text("utf-8")))
    assert {row["leukemia_vs_lymphoma"] for row in rows} == {"leukemia"}


def test_the_record_has_every_rule_and_can_do_without(flowml, run, model):
    asked, plain = (
        json.loads(flowml("classify", run, "--model", model, "--format", "json", option).out)
        for option in ("--rules", "--no-rules")
    )
    assert (asked["provenance"]["rules"], plain["provenance"]["rules"]) == (True, False)
    for with_rules, without in zip(asked["cases"], plain["cases"], strict=True):
        assert len(with_rules["rules"]["rules"]) == 6
        assert without["rules"] is None
        assert with_rules["entity"] == without["entity"]
        assert with_rules["detection_limit_percent"] > without["detection_limit_percent"]
    codes = [item["code"] for case in asked["cases"] for item in case["findings"]]
    assert "RULE-IMMATURE" in codes  # of the AML


def test_workers_change_nothing(flowml, run, model):
    told = "classify", run, "--model", model, "--format", "json", "--jobs"
    one, two = (json.loads(flowml(*told, jobs).out)["cases"] for jobs in (1, 2))
    assert one == two


def test_a_table_that_contradicts_the_manifest_is_refused(flowml, run, model, tmp_path):
    table = tmp_path / "given.csv"
    table.write_text(f"case_id,Material\n{CLL[0]},KM\n", encoding="utf-8")
    found = flowml("classify", manifest(run), "--model", model, "--given", table)
    assert found.status == 2
    assert "other Material than before" in found.err
