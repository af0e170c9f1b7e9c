"""The examples run as they stand."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

from places import ROOT

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


def test_the_demo_ends_in_an_answer_table_two_result_files_and_a_picture(tmp_path):
    shown = run(sys.executable, "examples/demo.py", tmp_path).stdout
    assert "leukemia/lymphoma" in shown
    rows = rows_of(tmp_path / "results" / "results.csv")
    assert len(rows) == 28
    for row in rows:  # in the table, or with a reason below it
        assert f"\n{row['case_id']} " in shown or f"\n{row['case_id']}: " in shown
    document = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    assert document["provenance"]["model"]["data_kind"] == "synthetic"
    (picture,) = tmp_path.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_demo_can_be_run_again(tmp_path):
    for _ in range(2):
        run(sys.executable, "examples/demo.py", tmp_path)


def test_the_lab_script_runs_twice(tmp_path):
    for _ in range(2):
        shown = run(sys.executable, "examples/lab_script.py", tmp_path).stdout
    assert "Lymphocytes:" in shown
    assert (tmp_path / "lab.flowml").is_file()
    assert (tmp_path / "gates.png").is_file()


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
