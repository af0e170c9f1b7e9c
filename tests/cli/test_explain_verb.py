"""``flowml explain`` and ``flowml model`` as whole commands."""

from __future__ import annotations

import csv
import io
import json

import pytest
from commands import run_here
from small import model, on_disk, saved_model

import flowml as package
from flowml.reports.results import json_text
from flowml.safety import file_sha256


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("explain") / "cases", 3)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("explain-model") / "m.flowml")


def test_the_answer_and_its_reasons_are_printed(flowml, folder, saved):
    found = flowml("explain", folder, "S0001", "--model", saved, "--top", 3)
    assert found.status == 0
    lines = found.out.splitlines()
    assert lines[0].startswith("S0001: ")
    assert sum(line.startswith("marker ") for line in lines) == 1
    assert " more" in found.out
    assert "of events" in found.out
    assert "simulated cases only" in found.err
    assert "not a medical device" in found.err


def test_json_is_what_python_gives(flowml, folder, saved):
    found = flowml("explain", folder, "S0001", "--model", saved, "--format", "json")
    document = json.loads(found.out)
    case = next(c for c in package.find_cases(folder) if c.case_id == "S0001")
    expected = package.explain(case, saved).to_dict()
    assert document["explanation"] == json.loads(json_text(expected))
    assert document["answer"]["case_id"] == "S0001"
    assert document["provenance"]["model"]["sha256"] == file_sha256(saved)
    assert str(folder) not in found.out


def test_csv_adds_up_at_every_level(flowml, folder, saved):
    asked = ("--entity", "normal", "--against", "aml")
    found = flowml("explain", folder, "S0001", "--model", saved, *asked, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(found.out)))
    totals = {
        level: sum(float(row["difference"]) for row in rows if row["level"] == level)
        for level in ("marker", "tube", "region")
    }
    assert totals["marker"] == pytest.approx(totals["tube"], abs=1e-3)
    assert totals["region"] == pytest.approx(totals["tube"], abs=1e-3)


def test_files_are_written(flowml, folder, saved, tmp_path):
    out = tmp_path / "why"
    found = flowml(
        *("explain", folder, "S0001", "--model", saved, "--out", out, "--picture", "svg"),
        *("--format", "csv"),
    )
    assert found.status == 0
    names = ["contributions.svg", "explanation.csv", "explanation.json", "views.svg"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert (out / "explanation.csv").read_text(encoding="utf-8") == found.out
    assert json.loads((out / "explanation.json").read_text(encoding="utf-8"))["explanation"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("S001",), "no case 'S001' among 3. Nearest: S0001"),
        (("S0001", "--entity", "CLLL"), "does not know 'CLLL'; it knows AML, CLL, normal"),
        (("S0001", "--entity", "CLL", "--against", "CLL"), "against itself"),
        (("S0001", "--model-sha256", "0"), "not the model that was asked for"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_written(
    flowml, folder, saved, arguments, said
):
    found = flowml("explain", folder, *arguments, "--model", saved)
    assert found.status == 2
    assert said in found.err
    assert found.out == ""


def test_a_case_that_cannot_be_used_says_why(flowml, saved, tmp_path):
    (tmp_path / "bad.fcs").write_bytes(b"FCS3.1 no more")
    found = flowml("explain", tmp_path, "bad", "--model", saved, "-q")
    assert found.status == 1
    assert "flowml: bad: " in found.err
    assert found.out == ""


def test_a_model_of_a_table_cannot_explain_files(flowml, folder, tmp_path):
    import pandas as pd

    table = pd.DataFrame({"a": [0.0, 1.0, 0.0, 1.0]}, index=list("abcd"))
    package.LineageClassifier(n_rounds=1).fit(table, ["CLL", "AML"] * 2).save(tmp_path / "m")
    found = flowml("explain", folder, "S0001", "--model", tmp_path / "m")
    assert found.status == 2
    assert "no recipe" in found.err


# --- flowml model --------------------------------------------------------------------------


def test_a_model_is_shown(flowml, saved):
    found = flowml("model", "show", saved)
    assert found.status == 0
    assert file_sha256(saved) in found.out
    assert model().card.splitlines()[0] in found.out
    assert "caution" in found.out
    document = json.loads(flowml("model", "show", saved, "--format", "json").out)
    assert document["required"] == list(model().required)
    assert document["settings"]["caution"] == model().caution.to_dict()
    assert document["settings"]["weights"] == list(model().predictor.weights)
    assert document["recipe"]["sha256"] == model().recipe.sha256
    assert list(document["entities"]) == list(model().entities)


def test_a_model_is_verified(flowml, saved):
    found = flowml("model", "verify", saved, "--model-sha256", file_sha256(saved))
    assert found.status == 0
    assert all(line.startswith("ok ") for line in found.out.splitlines())
    assert json.loads(flowml("model", "verify", saved, "--format", "json").out)["passed"]


def test_what_is_no_model_fails(flowml, folder, saved):
    found = flowml("model", "verify", folder / "cases.csv")
    assert (found.status, found.out.split()[0]) == (1, "FAILED")
    found = flowml("model", "verify", saved, "--model-sha256", "0", "--format", "json")
    assert found.status == 1
    assert not json.loads(found.out)["passed"]
    assert flowml("model", "show", folder / "cases.csv").status == 2


@pytest.mark.parametrize("verb", ["show", "verify"])
def test_the_verbs_of_a_model_have_help_with_the_disclaimer(flowml, verb):
    assert "not a medical device" in flowml("model", verb, "--help").out
