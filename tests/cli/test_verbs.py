"""Every verb as a whole command, on simulated and on real files."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys

import pytest
from commands import flowml_process, run_here
from small import RECIPE, labels, on_disk, sample_of, saved_model

from flowml import __version__
from flowml.cli.main import VERBS
from flowml.features import make_recipe, read_table
from flowml.models import load_model
from flowml.models.answer import RESULT_COLUMNS
from flowml.safety import file_sha256

DISCLAIMER = "Research use only; not a medical device."


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("cli") / "cases")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("cli-model") / "m.flowml")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# --- help and imports --------------------------------------------------------------------


def test_help_lists_every_verb(flowml):
    found = flowml("--help")
    assert found.status == 0
    assert all(verb in found.out for verb in VERBS)
    assert DISCLAIMER in found.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_the_disclaimer(flowml, verb):
    found = flowml(verb, "--help")
    assert found.status == 0
    assert DISCLAIMER in " ".join(found.out.split())


def test_the_version_is_that_of_the_package(flowml):
    assert flowml("--version").out == f"flowml, version {__version__}\n"


RUN_AND_LIST = (
    "import sys; from flowml.cli.main import _run; status = _run(sys.argv[1:]); "
    "print(status, *[m for m in ('numpy', 'pandas', 'rich', 'sklearn', 'xgboost', "
    "'matplotlib', 'flowkit') if m in sys.modules], file=sys.stderr)"
)


def imported(*arguments):
    """Run a command in a new process; return its status and the heavy modules it imported."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST, *map(str, arguments)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr.splitlines()[-1].split()


@pytest.mark.parametrize(
    "arguments", [("--help",), ("classify", "--help"), ("train", "--help")]
)
def test_help_imports_nothing_heavy(arguments):
    assert imported(*arguments) == ["0"]


def test_classify_imports_neither_scikit_learn_nor_xgboost(folder, model, tmp_path):
    assert imported("classify", folder, "--model", model, "--out", tmp_path) == ["0", "numpy"]


# --- classify ----------------------------------------------------------------------------


def test_classify_writes_a_row_for_every_case(flowml, folder, model, tmp_path):
    out = tmp_path / "new" / "results"
    found = flowml("classify", folder, "--model", model, "--out", out)
    assert found.status == 0
    assert names(out) == ["results.csv", "results.json"]
    rows = rows_of((out / "results.csv").read_text(encoding="utf-8"))
    assert list(rows[0]) == [
        *RESULT_COLUMNS,
        *(f"probability_{e}" for e in ("AML", "CLL", "normal")),
    ]
    assert [row["case_id"] for row in rows] == sorted(labels())
    record = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert record["provenance"]["model"] == {
        "file": "m.flowml", "sha256": file_sha256(model), "data_kind": "synthetic",
        "entities": ["AML", "CLL", "normal"],
        "recipe": make_recipe(RECIPE).fit(()).summary(),
        "required": list(load_model(model).markers), "optional": [], "substitutable": {},
    }  # fmt: skip
    assert [case["case_id"] for case in record["cases"]] == sorted(labels())


def test_classify_prints_answers_and_says_the_rest_on_standard_error(flowml, folder, model):
    found = flowml("classify", folder, "--model", model)
    assert len(found.out.splitlines()) == 14
    assert found.out.splitlines()[-1].startswith("not assessed by the markers of these cases: ")
    assert found.out.splitlines()[0].split()[:2] == ["case", "lineage"]
    assert "reading cases: 12 of 12" in found.err
    assert "simulated cases only" in found.err
    assert DISCLAIMER in found.err
    quiet = flowml("classify", folder, "--model", model, "--quiet")
    assert quiet.out == found.out
    assert "reading cases" not in quiet.err
    assert "simulated cases only" in quiet.err


def test_classify_prints_csv_and_json_that_programs_read(flowml, folder, model):
    rows = rows_of(flowml("classify", folder, "--model", model, "--format", "csv").out)
    record = json.loads(flowml("classify", folder, "--model", model, "--format", "json").out)
    assert [row["entity"] for row in rows] == [case["entity"] for case in record["cases"]]
    assert len(rows) == 12


def test_classify_with_labels_answers_for_those_and_prints_the_accuracy(
    flowml, folder, model, tmp_path
):
    table = tmp_path / "some.csv"
    table.write_text("file;diagnosis;set\nS0001.fcs;normal;a\nS0002;aml;b\nS0003;CLL;b\n")
    found = flowml(
        "classify", folder, "--model", model, "--labels", table, "--id", "file",
        "--label", "diagnosis", "--where", "set=b",
    )  # fmt: skip
    assert found.status == 0
    assert [line.split()[0] for line in found.out.splitlines()] == [
        "case",
        "S0002",
        "S0003",
        "not",
        "accuracy:",
    ]
    assert "of 2 labelled cases right" in found.out


def test_classify_shows_findings_when_asked(flowml, folder, model):
    assert "MODEL-SYNTHETIC" in flowml("classify", folder, "--model", model, "-v").err
    assert "MODEL-SYNTHETIC" not in flowml("classify", folder, "--model", model).err


def test_classify_with_two_workers_prints_the_same(flowml, folder, model, tmp_path):
    place = tmp_path / "cases"
    shutil.copytree(folder, place)
    (place / "A0.fcs").write_bytes(b"")
    (place / "Z9.fcs").write_text("no")
    one, two = (flowml("classify", place, "--model", model, "--jobs", n) for n in (1, 2))
    assert one.status == two.status == 1
    assert one.out == two.out
    assert [line.partition(":")[0] for line in one.out.splitlines()[-3:-1]] == ["A0", "Z9"]


def test_classify_by_the_bundled_model_says_that_it_is_synthetic(flowml, folder):
    found = flowml("classify", folder, "--model", "demo", "--format", "csv")
    assert "simulated cases only" in found.err
    assert len(rows_of(found.out)) == 12


def test_a_pinned_model_is_the_one(flowml, folder, model):
    pin = ("--model-sha256", file_sha256(model))
    assert flowml("classify", folder, "--model", model, *pin).status == 0
    wrong = flowml("classify", folder, "--model", model, "--model-sha256", "abc")
    assert wrong.status == 2
    assert "expected abc" in wrong.err


# --- train, evaluate, features, simulate ---------------------------------------------------


def test_train_writes_one_file_and_prints_what_it_learned(flowml, folder, tmp_path):
    out = tmp_path / "models" / "m.flowml"
    found = flowml("train", folder, "--labels", folder / "cases.csv", "--out", out)
    assert found.status == 0
    assert names(out.parent) == ["m.flowml"]
    assert "trained on 12 synthetic cases: 4 AML, 4 CLL, 4 normal" in found.out
    assert file_sha256(out) in found.out
    assert DISCLAIMER in found.out
    assert load_model(out).entities == ("AML", "CLL", "normal")


def test_train_twice_gives_the_same_file_with_one_worker_or_two(flowml, folder, tmp_path):
    for name, jobs in (("a", 1), ("b", 2)):
        flowml(
            "train",
            folder,
            "--labels",
            folder / "cases.csv",
            "--out",
            tmp_path / name,
            "--jobs",
            jobs,
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_train_names_the_cases_without_a_label(flowml, folder, tmp_path):
    table = tmp_path / "some.csv"
    kept = (folder / "cases.csv").read_text().splitlines()[:10]
    table.write_text("\n".join([*kept, "S9999,CLL,blood"]) + "\n")
    found = flowml("train", folder, "--labels", table, "--out", tmp_path / "m.flowml")
    assert found.status == 1
    assert "3 cases have no label and are left out: S0010, S0011, S0012" in found.err
    assert "1 labels name no case here and are passed over: S9999" in found.err


def test_evaluate_writes_three_files(flowml, folder, model, tmp_path):
    found = flowml(
        "evaluate",
        folder,
        "--model",
        model,
        "--labels",
        folder / "cases.csv",
        "--out",
        tmp_path,
    )
    assert found.status == 0
    assert names(tmp_path) == ["evaluation.json", "results.csv", "results.json"]
    record = json.loads((tmp_path / "evaluation.json").read_text())["evaluation"]
    assert record["n_cases"] == 12
    assert f"{record['n_correct']} of 12 labelled cases right" in found.out
    assert sum(sum(row.values()) for row in record["confusion"].values()) == 12


def test_evaluate_prints_csv_and_json_that_programs_read(flowml, folder, model):
    command = (
        "evaluate",
        folder,
        "--model",
        model,
        "--labels",
        folder / "cases.csv",
        "--format",
    )
    rows = rows_of(flowml(*command, "csv").out)
    record = json.loads(flowml(*command, "json").out)
    confusion = record["evaluation"]["confusion"]
    assert {row["label"]: int(row["CLL"]) for row in rows} == {
        k: v["CLL"] for k, v in confusion.items()
    }


def test_features_go_to_a_file_or_to_standard_output(flowml, folder, tmp_path):
    printed = flowml("features", folder)
    assert printed.status == 0
    assert len(rows_of(printed.out)) == 12
    for name in ("t.csv", "t.parquet"):
        assert flowml("features", folder, "--out", tmp_path / name).status == 0
    one, two = read_table(tmp_path / "t.csv"), read_table(tmp_path / "t.parquet")
    assert one.values.tobytes() == two.values.tobytes()
    assert one.names == two.names
    assert (tmp_path / "t.csv").read_text() == printed.out


def test_features_of_a_manifest_and_of_other_settings(flowml, folder, tmp_path):
    manifest = tmp_path / "manifest.csv"
    lines = [f"both,{folder}/S000{n}.fcs" for n in (1, 2)] + [f"one,{folder}/S0003.fcs"]
    manifest.write_text("\n".join(["case_id,path", *lines]) + "\n")
    found = flowml("features", manifest, "--transform", "arcsinh", "--bins", 4)
    (both, one) = rows_of(found.out)
    assert (both["case_id"], one["case_id"]) == ("both", "one")
    assert [name for name in both if name.startswith("CD19|")] == [
        "CD19|ecdf01",
        "CD19|ecdf02",
        "CD19|ecdf03",
    ]


def test_simulate_is_the_same_for_the_same_seed(flowml, tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        command = ("simulate", tmp_path / name, "--cases", 3, "--events", 200)
        assert flowml(*command, "--entities", "CLL,normal", "--seed", seed).status == 0
    assert names(tmp_path / "a") == ["S0001", "S0002", "S0003", "cases.csv", "manifest.csv"]
    files = {n: sorted(p for p in (tmp_path / n).rglob("*") if p.is_file()) for n in "abc"}
    contents = {name: [path.read_bytes() for path in files[name]] for name in files}
    assert contents["a"] == contents["b"] != contents["c"]


def test_simulate_does_not_mix_two_cohorts(flowml, folder):
    before = names(folder)
    found = flowml("simulate", folder, "--cases", 1)
    assert found.status == 3
    assert "Choose an empty folder" in found.err
    assert names(folder) == before


def test_from_simulation_to_answers_in_processes_of_their_own(tmp_path):
    cases, file, out = tmp_path / "cases", tmp_path / "m.flowml", tmp_path / "out"
    few = ("--cases", 9, "--events", 1000, "--entities", "CLL,AML,normal")
    assert flowml_process("simulate", cases, *few, "--seed", 1).status == 0
    assert (
        flowml_process("train", cases, "--labels", cases / "cases.csv", "--out", file).status
        == 0
    )
    found = flowml_process("classify", cases, "--model", file, "--out", out, "--jobs", 2)
    assert found.status == 0
    assert len(rows_of((out / "results.csv").read_text())) == 9


# --- inspect -----------------------------------------------------------------------------


def test_inspect_lists_channels_and_reasons(flowml, folder, tmp_path):
    shutil.copy(folder / "S0001.fcs", tmp_path)
    assert flowml("inspect", tmp_path).status == 0
    (tmp_path / "bad.fcs").write_bytes(b"x" * 100)
    found = flowml("inspect", tmp_path)
    assert found.status == 1
    assert "S0001.fcs" in found.out
    assert "cannot be read (FCS-HEADER)" in found.out
    assert "2 files, 1 cannot be read" in found.err
    items = json.loads(flowml("inspect", tmp_path, "--format", "json").out)
    assert [item["name"] for item in items] == ["S0001.fcs", "bad.fcs"]
    rows = rows_of(flowml("inspect", tmp_path, "--format", "csv").out)
    assert len(rows) == 1 + len(sample_of().channels)


def test_inspect_lists_every_file_of_many_instruments(flowml, shared_data):
    place = shared_data / "instruments"
    files = [p for p in place.rglob("*") if p.suffix.lower() in (".fcs", ".lmd")]
    found = flowml("inspect", place, "--format", "json")
    items = json.loads(found.out)
    assert found.status == 1
    assert {item["name"] for item in items} == {p.relative_to(place).as_posix() for p in files}
    for item in items:
        assert bool(item["error"]) != bool(item["channels"])
        assert all(channel["role"] for channel in item["channels"])
    printed = flowml("inspect", place)
    assert printed.status == 1
    assert all(item["name"] in printed.out for item in items)
    unreadable = [item for item in items if item["error"]]
    assert unreadable
    assert all(f"cannot be read ({item['code']}): " in printed.out for item in unreadable)


# --- real files --------------------------------------------------------------------------


def test_the_commands_of_the_readme_on_real_files(flowml, shared_data, tmp_path):
    place, file = shared_data / "aml-tube4", tmp_path / "aml.flowml"
    table = ("--labels", place / "samples.csv", "--id", "file", "--label", "label")
    trained = flowml("train", place, *table, "--where", "split=train", "--out", file)
    assert trained.status == 0
    assert "trained on 10 real cases: 5 AML, 5 normal" in trained.out
    found = flowml(
        "classify",
        place,
        *table,
        "--where",
        "split=test",
        "--model",
        file,
        "--out",
        tmp_path / "o",
    )
    assert found.status == 0
    lines = found.out.splitlines()
    assert len(lines) == 13
    assert lines[-2].startswith("not assessed by the markers of these cases: ")
    assert lines[-1].startswith("accuracy: ")
    assert "of 10 labelled cases right" in lines[-1]
    assert "simulated" not in found.err
    record = json.loads((tmp_path / "o" / "results.json").read_text())["provenance"]
    assert len(record["inputs"]) == 10
    assert {tube["compensation"] for case in record["inputs"] for tube in case["tubes"]} == {
        "none"
    }
    assert record["model"]["data_kind"] == "real"
    assert str(shared_data) not in json.dumps(record)


def test_real_features_are_those_of_data_taken_as_they_are(flowml, shared_data):
    place = shared_data / "aml-tube4"
    auto, none = (
        flowml("features", place, "--compensation", policy) for policy in ("auto", "none")
    )
    assert auto.status == 0
    assert auto.out == none.out
    assert len(rows_of(auto.out)) == 20


def test_features_names_a_marker_that_no_case_has(flowml, folder):
    found = flowml("features", folder, "--markers", "CD45,FOO")
    assert found.status == 2
    assert "no case has the marker FOO" in found.err
    assert "CD45" in found.err


def test_features_says_where_tubes_may_be_of_several_patients(flowml, tmp_path):
    place = on_disk(tmp_path / "days" / "monday", 3)
    (place / "cases.csv").unlink(missing_ok=True)
    found = flowml("features", tmp_path / "days", "--out", tmp_path / "t.csv")
    assert found.status == 0
    assert "1 cases may hold several patients" in found.err
    assert "--case-per file" in found.err
