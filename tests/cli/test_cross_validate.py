"""``flowml evaluate`` without a model: whole commands, and what a tired user does."""

from __future__ import annotations

import csv
import io
import json

import pytest
from commands import flowml_process, run_here
from small import RECIPE, cohort, flat, saved_model

import flowml as package
from flowml.simulator import held

QUICK = ("--estimator", "logistic", "--confidence", 0.6)


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Return a folder of 32 cases of 30 patients, two of them measured twice."""
    place = tmp_path_factory.mktemp("crossed") / "cases"
    drawn = package.simulate(entities=("normal", "CLL", "AML"), cases=32, events=400, seed=8)
    every = list(map(held, drawn))
    flat(every, place)
    rows = ["case_id,entity,patient_id,laboratory,neoplastic_share"]
    for number, case in enumerate(every):
        patient = f"Secret{max(number, 3) if number != 31 else 30}"
        patient = "Secret3" if number == 0 else patient
        lab = "east" if number % 2 else "west"
        share = case.details.get("neoplastic_share", "")
        rows.append(f"{case.case_id},{case.details['entity']},{patient},{lab},{share}")
    (place / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def run(cases, tmp_path_factory):
    """Return what one whole command wrote, in a process of its own."""
    out = tmp_path_factory.mktemp("out") / "new"
    found = flowml_process(
        "evaluate", cases, "--labels", cases / "cases.csv", "--cross-validate", 2,
        "--recipes", "ecdf,moments", "--by", "neoplastic_share", "--prior",
        "acute_leukemia=0.05", "--out", out, *QUICK,
    )  # fmt: skip
    return found, out


def test_a_cross_validation_prints_what_counts(run):
    found, _ = run
    assert found.status == 0, found.err
    first = found.out.splitlines()[0]
    assert "(synthetic); 2-fold cross-validation by patient; recipe ecdf" in first
    for words in (
        "lineage", "leukemia_vs_lymphoma", "errors that hurt", "neoplasm called normal",
        "at most (95 %)", "acute leukemia", "where 0.05 have it", "calibration error",
        "by neoplastic_share", "label \\ answer", "majority class", "metadata only",
        "missingness only", "logistic regression", "decision tree", "moments", "gained/lost",
    ):  # fmt: skip
        assert words in found.out
    assert "models trained and asked: 4" in found.err  # two folds, two recipes
    assert "simulated cases only" in found.err
    assert "Research use only; not a medical device." in found.err


def test_it_writes_figures_folds_answers_and_pictures(run, cases):
    _, out = run
    assert sorted(path.name for path in out.iterdir()) == [
        "confusion.png", "coverage.png", "evaluation.json", "reliability.png", "results.csv",
    ]  # fmt: skip
    assert all((out / f"{n}.png").read_bytes().startswith(b"\x89PNG") for n in
               ("confusion", "coverage", "reliability"))  # fmt: skip
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert record["data_kind"] == "synthetic"
    assert [each["name"] for each in record["recipes"]] == ["ecdf", "moments"]
    assert record["recipes"][1]["difference_from_first"]["gained"] >= 0
    tested = [name for split in record["splits"] for name in split["test"]]
    rows = rows_of((out / "results.csv").read_text(encoding="utf-8"))
    assert sorted(tested) == sorted(row["case_id"] for row in rows)
    labels = {
        row["case_id"]: row["entity"] for row in rows_of((cases / "cases.csv").read_text())
    }
    assert {row["case_id"]: row["label"] for row in rows} == labels
    of_split = {name: split["name"] for split in record["splits"] for name in split["test"]}
    assert {row["case_id"]: row["split"] for row in rows} == of_split
    versions = record["provenance"]["versions"]
    assert {"flowml", "numpy", "scikit-learn", "xgboost"} <= set(versions)


def test_no_patient_is_named_and_none_is_on_both_sides(run, cases):
    found, out = run
    written = (
        found.out
        + found.err
        + "".join(
            path.read_text(encoding="utf-8") for path in out.iterdir() if path.suffix != ".png"
        )
    )
    assert "Secret" not in written
    record = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    table = rows_of((cases / "cases.csv").read_text(encoding="utf-8"))
    patients = {row["case_id"]: row["patient_id"] for row in table}
    sides = [{patients[name] for name in split["test"]} for split in record["splits"]]
    assert sum(map(len, sides)) == len(set().union(*sides)) < len(table)
    assert record["recipes"][0]["judgement"]["n_patients"] == len(set(patients.values()))


def test_the_same_command_gives_the_same_figures(flowml, run, cases):
    record = json.loads((run[1] / "evaluation.json").read_text(encoding="utf-8"))
    found = flowml(
        "evaluate", cases, "--labels", cases / "cases.csv", "--cross-validate", 2,
        "--prior", "acute_leukemia=0.05", "--by", "neoplastic_share", "--format", "json",
        "--jobs", 2, "-q", "--recipe", RECIPE, *QUICK,
    )  # fmt: skip
    again = json.loads(found.out)
    assert again["recipes"][0]["judgement"] == record["recipes"][0]["judgement"]
    assert again["every_case_answered"] == record["every_case_answered"]
    assert again["splits"] == record["splits"]


@pytest.mark.usefixtures("few_trees")
def test_a_laboratory_of_the_label_table_is_left_out(flowml, cases):
    found = flowml(
        "evaluate", cases, "--labels", cases / "cases.csv", "--leave-out", "laboratory",
        "--recipe", RECIPE, "--format", "csv",
    )  # fmt: skip
    assert found.status == 0, found.err
    assert {row["label"] for row in rows_of(found.out)} == {"AML", "CLL", "normal"}


@pytest.mark.usefixtures("few_trees")
def test_early_cases_train_by_the_date_of_their_files(flowml, cases, tmp_path):
    found = flowml(
        "evaluate", cases, "--labels", cases / "cases.csv", "--train-before", "median",
        "--recipe", RECIPE, "--shuffle-labels", "--out", tmp_path,
    )  # fmt: skip
    assert found.status == 0, found.err
    assert "; trained before 202" in found.out
    assert "THE LABELS WERE SHUFFLED" in found.out
    record = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert record["labels_shuffled"] is True
    (split,) = record["splits"]
    assert split["n_train"] + len(split["test"]) + len(split["neither"]) == 32


@pytest.mark.usefixtures("few_trees")
def test_a_file_that_cannot_be_read_counts_as_not_answered(flowml, tmp_path):
    place = tmp_path / "cases"
    flat(cohort(), place)
    (place / "S0002.fcs").write_bytes(b"junk")
    found = flowml(
        "evaluate", place, "--labels", place / "cases.csv", "--cross-validate", 2,
        "--recipe", RECIPE,
    )  # fmt: skip
    assert found.status == 1
    assert "1 cases could not be used, and count as not answered:" in found.err
    assert found.out.startswith("12 cases of 12 patients (synthetic)")
    assert "no case tells its patient" in found.out


def test_a_model_is_judged_by_columns_too(flowml, cases, tmp_path):
    model = saved_model(tmp_path / "m.flowml")
    found = flowml(
        "evaluate", cases, "--labels", cases / "cases.csv", "--model", model, "--by",
        "laboratory", "--out", tmp_path / "out",
    )  # fmt: skip
    assert found.status == 0, found.err
    assert "of 32 labelled cases right" in found.out
    assert "by laboratory" in found.out
    record = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    strata = record["judgement"]["strata"]["laboratory"]
    assert [(each["value"], each["n"]) for each in strata] == [("east", 16), ("west", 16)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no way of evaluating given, expected one of --model"),
        (("--cross-validate", 3, "--leave-out", "panel"), "--cross-validate and --leave-out"),
        (("--model", "demo", "--cross-validate", 3), "--model and --cross-validate"),
        (("--model", "demo", "--recipes", "ecdf"), "--recipes does not go with --model"),
        (("--model", "demo", "--shuffle-labels"), "--shuffle-labels does not go with"),
        (("--cross-validate", 3, "--model-sha256", "a"), "--model-sha256 does not go with"),
        (("--leave-out", "panel", "--repeats", 2), "--repeats goes with --cross-validate"),
        (("--cross-validate", 1), "1 is not in the range"),
        (("--cross-validate", 99), "too few for 99 folds"),
        (("--train-before", "3.5.24"), "expected a day written YYYY-MM-DD"),
        (("--train-before", "1999-01-01"), "0 cases before 1999-01-01"),
        (("--leave-out", "instrument"), "expected two or more to leave one out"),
        (("--cross-validate", 2, "--prior", "acute"), "expected a question and a share"),
        (("--cross-validate", 2, "--prior", "fever=0.1"), "of acute_leukemia, neoplasm"),
        (("--cross-validate", 2, "--by", "age\x1b[2J"), "no case has a value of the column"),
        (("--cross-validate", 2, "--recipes", "ecdf,nope"), "unknown recipe 'nope'"),
    ],
)
def test_wrong_usage_is_refused_with_what_to_do(flowml, tmp_path, arguments, words):
    out = tmp_path / "out"
    few = tmp_path / "few"
    flat(cohort()[:6], few)
    found = flowml("evaluate", few, "--labels", few / "cases.csv", *arguments, "--out", out)
    assert found.status == 2
    assert words in " ".join(found.err.split())
    assert "\x1b" not in found.err
    assert not out.exists() or not list(out.iterdir())
