"""The examples run as they stand."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import flowml

BIN = str(Path(sys.executable).parent)


def run(*arguments, status=0):
    """Run a command in the project's folder, with this environment's flowml first."""
    found = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "MPLBACKEND": "Agg",
    }
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=ROOT, env=found, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def rows_of(path):
    with Path(path).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo in an empty folder; return the folder and what was shown."""
    place = tmp_path_factory.mktemp("demo")
    return place, run(sys.executable, "examples/demo.py", place).stdout


def test_the_demo_ends_in_an_answer_table_two_result_files_and_a_picture(demo):
    place, shown = demo
    assert "leukemia/lymphoma" in shown
    rows = rows_of(place / "results" / "results.csv")
    assert len(rows) == 28
    for row in rows:  # in the table, or with a reason below it
        assert f"\n{row['case_id']} " in shown or f"\n{row['case_id']}: " in shown
    document = json.loads((place / "results" / "results.json").read_text(encoding="utf-8"))
    assert document["provenance"]["model"]["data_kind"] == "synthetic"
    (picture,) = place.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


FEWER = "import sys; sys.path.insert(0, 'examples'); import demo; demo.CASES = 2; demo.main()"


def test_the_demo_can_be_run_again(demo, tmp_path):
    """With fewer cases, so that one of the earlier run would be seen."""
    place = shutil.copytree(demo[0], tmp_path / "again")
    run(sys.executable, "-c", FEWER, place)
    assert len(list((place / "cases").glob("*/"))) == 2
    assert len(rows_of(place / "results" / "results.csv")) == 2


def test_the_lab_script_runs_where_it_was_run_before(tmp_path):
    flowml.write_cohort(flowml.simulate(cases=6, events=100, seed=3), tmp_path / "new")
    for name in ("lab.flowml", "gates.png"):
        (tmp_path / name).write_bytes(b"of an earlier run")
    shown = run(sys.executable, "examples/lab_script.py", tmp_path).stdout
    assert "Lymphocytes:" in shown
    assert len(list((tmp_path / "new").glob("S*"))) == 4
    assert flowml.load_model(tmp_path / "lab.flowml").entities == (
        "AML",
        "B-ALL",
        "CLL",
        "normal",
    )
    assert (tmp_path / "gates.png").read_bytes().startswith(b"\x89PNG")


def test_the_public_tube_is_trained_on_and_classified(shared_data, tmp_path):
    model, results = tmp_path / "aml.flowml", tmp_path / "results"
    trained = run("sh", "examples/train_aml_tube4.sh", model).stdout
    assert "trained on 10 real cases: 5 AML, 5 normal" in trained
    shown = run("sh", "examples/classify_aml_tube4.sh", model, results).stdout
    assert " of 10 labelled cases right" in shown
    rows = rows_of(results / "results.csv")
    assert len(rows) == 10
    assert {row["status"] for row in rows} <= {"answered", "backed_off", "not_classifiable"}
    assert all("SPILL-APPLIED" in row["findings"] for row in rows)
    document = json.loads((results / "results.json").read_text(encoding="utf-8"))
    tubes = [tube for item in document["provenance"]["inputs"] for tube in item["tubes"]]
    assert {tube["compensation"] for tube in tubes} == {"none"}
    assert len(list(shared_data.glob("aml-tube4/*.fcs"))) == 20


def test_the_instruments_are_all_listed(shared_data):
    shown = run("sh", "examples/inspect_instruments.sh", status=1).stdout
    files = [path.name for path in (shared_data / "instruments").iterdir()]
    assert len(files) == 30
    assert all(f"\n{name}\n" in f"\n{shown}" for name in files)
    assert shown.count("cannot be read (FCS-") == 1
