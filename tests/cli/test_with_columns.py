"""``--with-columns``: results of other methods, as whole commands."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex

import pytest
from commands import run_here
from places import ROOT
from small import RECIPE, labels, on_disk, saved_model

from flowml.features import read_table
from flowml.models import load_model
from flowml.safety import file_sha256

PAGE = ROOT / "docs" / "other_methods.md"
ALL = {case_id: (index, "yes") for index, case_id in enumerate(sorted(labels()))}


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture
def cases(tmp_path):
    return on_disk(tmp_path / "cases")


def table(path, rows=ALL, heading="case_id,wbc,blasts"):
    lines = [heading, *(",".join(map(str, (c, *row))) for c, row in rows.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def counts(tmp_path):
    return table(tmp_path / "counts.csv")


@pytest.fixture
def trained(flowml, cases, counts, tmp_path):
    out = tmp_path / "m.flowml"
    found = flowml("train", cases, "--labels", cases / "cases.csv", "--out", out,
                   "--recipe", RECIPE, "--with-columns", counts)  # fmt: skip
    return found, out


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


# --- features ----------------------------------------------------------------------------


def test_features_get_further_columns(flowml, cases, counts, tmp_path):
    fish = table(tmp_path / "f.csv", {"S0001": ("+",), "S0002.fcs": ("-",)}, "id,del17p")
    for name in ("t.csv", "t.parquet"):
        found = flowml("features", cases, "--with-columns", counts, "--with-columns",
                       f"FISH={fish}", "--out", tmp_path / name)  # fmt: skip
        assert found.status == 0
        features = read_table(tmp_path / name)
        assert features.names[-3:] == (
            "counts|wbc|result", "counts|blasts|result", "FISH|del17p|result",
        )  # fmt: skip
        assert features.values[:, -3].tolist() == list(range(12))
        assert features.values[:2, -1].tolist() == [1, 0]
    assert "FISH: 10 cases have no row: S0003, S0004" in found.err
    assert "counts:" not in found.err


def test_features_go_to_standard_output_with_results(flowml, cases, counts):
    rows = rows_of(flowml("features", cases, "--with-columns", counts).out)
    assert [float(row["counts|wbc|result"]) for row in rows] == list(range(12))


def test_features_do_not_hash_files(flowml, cases, tmp_path):
    assert flowml("features", cases, "--out", tmp_path / "t.parquet").status == 0
    tubes = [tube for case in read_table(tmp_path / "t.parquet").cases for tube in case.tubes]
    assert len(tubes) == 12
    assert {tube.sha256 for tube in tubes} == {""}


def test_rows_and_cases_that_do_not_meet_are_noted_unless_quiet(flowml, cases, tmp_path):
    other = table(tmp_path / "lab.csv", {"S0001": (1, 2), "ghost": (1, 2), "Erika": (3, 4)})
    found = flowml("features", cases, "--with-columns", other)
    assert found.status == 0
    assert "lab: 2 rows name no case here, and are left out" in found.err
    assert "lab: 11 cases have no row: S0002, S0003" in found.err
    assert "Erika" not in found.err
    assert flowml("features", cases, "--with-columns", other, "--quiet").err == ""


def test_a_table_of_other_cases_says_what_ids_are(flowml, cases, tmp_path):
    other = table(tmp_path / "lab.csv", {"ghost": (1, 2)})
    found = flowml("features", cases, "--with-columns", other)
    assert found.status == 2
    assert "none of its 1 rows names a case here, by its id, file name or stem" in found.err
    assert "ghost" not in found.err


# --- wrong usage -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["gone.csv"], "gone.csv is not there. Give a CSV file"),
        (["FISH=gone.csv"], "gone.csv is not there"),
        (["=lab.csv"], "lacks a method or a file"),
        (["FISH="], "lacks a method or a file"),
        (["a|b=lab.csv"], "'a|b' cannot be the name of a method"),
        (["lab.csv", "lab=more/lab.csv"], "method 'lab'. Name each method"),
        (["wrong.csv"], "wrong.csv: line 2, column 'name' holds text (not shown"),
    ],
)
@pytest.mark.parametrize("verb", ["features", "train", "classify", "evaluate"])
def test_what_cannot_be_joined_is_refused_before_any_work(
    flowml, cases, tmp_path, monkeypatch, given, message, verb
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more").mkdir()
    for path in (tmp_path / "lab.csv", tmp_path / "more" / "lab.csv"):
        table(path)
    table(tmp_path / "wrong.csv", {"S0001": (1, "Mustermann")}, "case_id,wbc,name")
    model = ("--model", saved_model(tmp_path / "m.flowml"))
    gold = ("--labels", cases / "cases.csv")
    more = {"features": (), "train": (*gold, "--out", "out.flowml"), "classify": model,
            "evaluate": (*model, *gold)}[verb]  # fmt: skip
    found = flowml(verb, cases, *more, *(x for each in given for x in ("--with-columns", each)))
    assert found.status == 2
    assert message in " ".join(found.err.replace("│", " ").split())
    assert "Mustermann" not in found.err
    assert "reading cases" not in found.err
    assert not (tmp_path / "out.flowml").exists()


def test_a_file_whose_name_has_the_sign_is_that_file(flowml, cases, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "a=b.csv")
    found = flowml("features", cases, "--with-columns", "a=b.csv")
    assert "a=b|wbc|result" in found.out.splitlines()[0]


@pytest.mark.parametrize("verb", ["features", "train"])
def test_an_output_does_not_take_the_place_of_the_results(flowml, cases, counts, verb):
    before = counts.read_bytes()
    gold = ("--labels", cases / "cases.csv") if verb == "train" else ()
    found = flowml(verb, cases, *gold, "--with-columns", counts, "--out", counts)
    assert found.status == 2
    assert counts.read_bytes() == before


# --- train, classify, evaluate -----------------------------------------------------------


def test_train_says_what_the_model_needs(trained):
    found, file = trained
    assert found.status == 0
    assert "results of other methods: counts|wbc, counts|blasts\n" in found.out
    model = load_model(file)
    assert model.results == ("counts|wbc", "counts|blasts")
    assert "Results of other methods, all of them: counts|wbc, counts|blasts." in model.card


def test_train_leaves_out_what_one_case_lacks_and_says_so(flowml, cases, tmp_path):
    other = table(tmp_path / "lab.csv", ALL | {"S0005": (1, "not done")})
    found = flowml("train", cases, "--labels", cases / "cases.csv", "--with-columns", other,
                   "--recipe", RECIPE, "--out", tmp_path / "m.flowml")  # fmt: skip
    assert found.status == 0
    assert "left out, because not every case has them: lab|blasts\n" in found.out
    assert load_model(tmp_path / "m.flowml").results == ("lab|wbc",)


def test_train_asks_for_rows_of_labelled_cases_only(flowml, cases, counts, tmp_path):
    gold, few = tmp_path / "gold.csv", dict(list(ALL.items())[:6])
    rows = (cases / "cases.csv").read_text(encoding="utf-8").splitlines()[:7]
    gold.write_text("\n".join(rows) + "\n", encoding="utf-8")
    table(counts, few)
    found = flowml("train", cases, "--labels", gold, "--with-columns", counts,
                   "--recipe", RECIPE, "--out", tmp_path / "m.flowml")  # fmt: skip
    assert "have no row" not in found.err
    assert "rows name no case" not in found.err
    assert load_model(tmp_path / "m.flowml").results == ("counts|wbc", "counts|blasts")


def test_classify_joins_the_results(flowml, cases, counts, trained, tmp_path):
    found = flowml("classify", cases, "--model", trained[1], "--with-columns", counts,
                   "--out", tmp_path / "out")  # fmt: skip
    assert found.status == 0
    record = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert record["provenance"]["other_methods"] == [
        {"method": "counts", "quantities": ["wbc", "blasts"], "sha256": file_sha256(counts)}
    ]
    assert {case["status"] for case in record["cases"]} <= {"answered", "backed_off"}


def test_classify_does_not_guess_without_the_results(flowml, cases, counts, trained):
    table(counts, {case_id: row for case_id, row in ALL.items() if case_id != "S0002"})
    one = flowml("classify", cases, "--model", trained[1], "--with-columns", counts,
                 "--format", "csv")  # fmt: skip
    assert one.status == 1
    assert [r["case_id"] for r in rows_of(one.out) if r["status"] == "not_classifiable"] == [
        "S0002"
    ]
    none = flowml("classify", cases, "--model", trained[1], "--format", "csv")
    assert none.status == 1
    for row in rows_of(none.out):
        assert row["status"] == "not_classifiable"
        assert "counts|wbc, counts|blasts (join them with --with-columns)" in row["reason"]


def test_labelled_cases_need_a_row_and_rows_may_be_of_any_case(
    flowml, cases, counts, trained, tmp_path
):
    gold = tmp_path / "gold.csv"
    gold.write_text("case_id,entity\nS0001,normal\nS0002,CLL\n", encoding="utf-8")
    for rows in (ALL, {case_id: ALL[case_id] for case_id in ("S0001", "S0002")}):
        table(counts, rows)
        for verb in ("classify", "evaluate"):
            found = flowml(verb, cases, "--model", trained[1], "--with-columns", counts,
                           "--labels", gold)  # fmt: skip
            assert "of 2 labelled cases right" in found.out
            assert "rows name no case" not in found.err
            assert "have no row" not in found.err


def test_evaluate_joins_the_results(flowml, cases, counts, trained):
    ask = ("evaluate", cases, "--model", trained[1], "--labels", cases / "cases.csv")
    found = flowml(*ask, "--with-columns", counts)
    assert found.status == 0
    assert "of 12 labelled cases right" in found.out
    without = flowml(*ask)
    assert without.status == 1
    assert "0 of 12 labelled cases right" in without.out
    assert "join them with --with-columns" in without.err


# --- the page ----------------------------------------------------------------------------


def test_the_examples_of_the_page_run(flowml, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (tmp_path / "lab.csv").write_text(example, encoding="utf-8")
    table(tmp_path / "counts.csv")
    commands = re.findall(r"^\$ flowml (.*)$", page, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        assert flowml(*shlex.split(command)).status == 0, command
    assert read_table("named.csv").names[-1] == "blood counts|monosomy 7|result"
    assert read_table("table.csv").values[:3, -1].tolist() == [0, 1, 0]
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(script, names)  # noqa: S102 - our own page
    assert "S0012" in capsys.readouterr().out
    assert list(names["table"].columns[-3:]) == [
        "counts|wbc|result", "counts|blasts|result", "FISH|del17p|result",
    ]  # fmt: skip
