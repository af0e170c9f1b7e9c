"""``flowml evaluate`` on a table of features: whole commands."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import numpy as np
import pytest
from commands import run_here
from places import ROOT
from plain_tables import rows_of, written

HOW = ("--id", "subject", "--label", "label")
QUICK = ("--estimator", "logistic")
pytestmark = pytest.mark.usefixtures("few_trees")
SCHEME = ROOT / "examples" / "schemes" / "flowcap.toml"


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def rows():
    """Return 40 rows of 20 patients, two each, of two sites and days."""
    found = rows_of(["aml", "normal"], count=20)
    for n, row in enumerate(found):
        row |= {"who": f"Secret{n // 2}", "site": "north" if n // 2 % 2 else "south"}
        row |= {"date": f"2025-{1 + n // 2 % 5:02d}-01"}
    return found


@pytest.fixture
def table(tmp_path, rows):
    return written(tmp_path / "features.csv", rows)


def said(found, status=0):
    assert found.status == status, found.err
    return " ".join((found.out + found.err).split())


def record_of(folder):
    return json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))


def test_a_table_is_cross_validated_by_patient(flowml, table, rows, tmp_path):
    out = tmp_path / "out"
    found = flowml(
        "evaluate", table, *HOW, "--group", "who", "--drop", "date", "--by", "site",
        "--cross-validate", 3, "--out", out, "--estimator", "logistic", "--confidence", 0.6,
        "--search", 2, "--budget", 1.5,
    )  # fmt: skip
    text = said(found)
    assert text.startswith(
        "40 cases of 20 patients (unknown); 3-fold cross-validation by patient; table of"
    )
    assert "by site" in text
    assert "no case tells its patient" not in text
    assert "models trained and asked: 3" in text
    record = record_of(out)
    training = record["provenance"]["parameters"]["training"]
    asked = {name: training[name] for name in ("estimator", "confidence", "search", "budget")}
    assert asked == {"estimator": "logistic", "confidence": 0.6, "search": 2, "budget": 90.0}
    assert record["provenance"]["table"] == {
        "sha256": hashlib.sha256(table.read_bytes()).hexdigest(), "n_rows": 40,
    }  # fmt: skip
    patients = {row["subject"]: row["who"] for row in rows}
    sides = [{patients[name] for name in split["test"]} for split in record["splits"]]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 20
    shown = found.out + found.err + "".join(
        path.read_text(encoding="utf-8") for path in out.iterdir() if path.suffix != ".png"
    )  # fmt: skip
    assert "Secret" not in shown
    assert record["recipes"][0]["n_features"] == 3, "site, date and who are no features"


def test_the_order_of_the_rows_is_an_accident(flowml, table, rows, tmp_path):
    drawn = np.random.default_rng(1).permutation(len(rows))
    other = written(tmp_path / "other.csv", [rows[n] for n in drawn])
    how = ("--group", "who", "--drop", "site", "--drop", "date", "--cross-validate", 2, *QUICK)
    records = [
        json.loads(flowml("evaluate", path, *HOW, *how, "--format", "json").out)
        for path in (table, other)
    ]
    for key in ("evaluation", "recipes", "every_case_answered", "splits"):
        assert records[0][key] == records[1][key]


def test_rows_without_a_patient_are_said_to_be_their_own(flowml, tmp_path):
    rows = [*rows_of(["aml", "normal"], count=6), rows_of(["x"], count=1)[0] | {"label": ""}]
    path = written(tmp_path / "t.csv", rows)
    text = said(flowml("evaluate", path, *HOW, "--cross-validate", 2, *QUICK))
    assert text.startswith("12 cases of 12 patients")
    assert "no case tells its patient" in text
    assert "1 cases have no label and are left out: x-0" in text


def test_a_site_of_the_table_is_left_out_and_late_rows_are_tested(flowml, tmp_path, rows):
    named = [{k.replace("site", "laboratory"): v for k, v in row.items()} for row in rows]
    path = written(tmp_path / "t.csv", named)
    how = ("evaluate", path, *HOW, "--group", "who", *QUICK, "--out", tmp_path)
    said(flowml(*how, "--drop", "date", "--leave-out", "laboratory"))
    sites = {row["subject"]: row["laboratory"] for row in named}
    for split in record_of(tmp_path)["splits"]:
        assert len({sites[name] for name in split["test"]}) == 1
        assert len(split["test"]) + split["n_train"] == 40
    said(flowml(*how, "--drop", "laboratory", "--train-before", "2025-04-01"))
    (split,) = record_of(tmp_path)["splits"]
    days = {row["subject"]: row["date"] for row in named}
    assert {days[name] for name in split["test"]} == {"2025-04-01", "2025-05-01"}


def test_labels_of_the_laboratory_are_judged_by_its_scheme(flowml, tmp_path, rows):
    renamed = {"aml": "AML", "normal": "no AML"}
    labels = written(
        tmp_path / "labels.csv",
        [{"subject": r["subject"], "dx": renamed[r["label"]], "ward": r["site"]} for r in rows],
    )
    bare = [
        {k: v for k, v in row.items() if k not in ("label", "site", "date")} for row in rows
    ]
    table = written(tmp_path / "bare.csv", bare)
    found = flowml(
        "evaluate", table, "--labels", labels, "--id", "subject", "--label", "dx", "--group",
        "who", "--scheme", SCHEME, "--cross-validate", 2, "--by", "ward", *QUICK, "--out",
        tmp_path,
    )  # fmt: skip
    text = said(found)
    assert "by ward" in text
    assert set(record_of(tmp_path)["evaluation"]["confusion"]) == {"AML", "no AML"}
    scheme = record_of(tmp_path)["provenance"]["parameters"]["training"]["scheme"]
    assert [entity["name"] for entity in scheme] == ["AML", "no AML"]
    answers = csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text("utf-8")))
    assert {row["label"] for row in answers} == {"AML", "no AML"}
    # flowml itself knows no such entity
    found = flowml(
        "evaluate", table, "--labels", labels, "--id", "subject", "--label", "dx", "--group",
        "who", "--cross-validate", 2,
    )  # fmt: skip
    assert "'no AML' is not an entity" in said(found, 2)


def test_a_model_of_a_table_is_judged_by_a_column(flowml, table, tmp_path):
    model = tmp_path / "m.flowml"
    others = ("--group", "who", "--drop", "site", "--drop", "date")
    said(flowml("train", table, *HOW, *others, *QUICK, "--out", model))
    text = said(
        flowml("evaluate", table, *HOW, "--group", "who", "--model", model, "--by", "site",
               "--out", tmp_path / "out")
    )  # fmt: skip
    assert "of 40 labelled cases right" in text
    assert "by site" in text
    judged = record_of(tmp_path / "out")["judgement"]
    assert judged["n_patients"] == 20
    strata = judged["strata"]["site"]
    assert [(each["value"], each["n"]) for each in strata] == [("north", 20), ("south", 20)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cross-validate", 2, "--recipes", "ecdf"), "--recipes reads FCS files"),
        (("--cross-validate", 2, "--align"), "--align reads FCS files"),
        (("--cross-validate", 2, "--by", "who"), "no case has a value of the column 'who'"),
        (("--cross-validate", 2, "--by", "patient_id"), "patients are never shown"),
        (("--cross-validate", 2, "--no-rules"), "--rules does not go with --cross-validate"),
        (("--cross-validate", 2, "--budget", 3), "--budget ends --search, which is not given"),
        (("--cross-validate", 2, "--search", 1, "--budget", 0), "0 is not in the range"),
        (("--cross-validate", 2, "--estimator", "oracle"), "'oracle' is not one of"),
        (("--cross-validate", 2, "--confidence", 1), "is not in the range"),
        (("--cross-validate", 21), "too few for 21 folds"),
        (("--model", "demo", "--estimator", "blend"), "--estimator does not go with --model"),
        (("--model", "demo", "--scheme", SCHEME), "--scheme does not go with --model"),
        ((), "no way of evaluating given"),
    ],
)  # fmt: skip
def test_wrong_usage_is_refused(flowml, table, tmp_path, arguments, words):
    out = tmp_path / "out"
    found = flowml(
        "evaluate", table, *HOW, "--group", "who", "--drop", "site", "--drop", "date",
        *arguments, "--out", out,
    )  # fmt: skip
    assert words in said(found, 2)
    assert not out.exists() or not list(out.iterdir())
