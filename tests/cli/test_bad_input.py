"""What a tired user does: a message, a status, nothing half-written, no traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import flowml_process, run_here
from small import on_disk, sample_of, saved_model, with_events

from flowml.errors import OutputError
from flowml.fcs import write_fcs


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("cli") / "cases")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("cli-model") / "m.flowml")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def place(tmp_path, folder):
    """Return a folder with two good cases."""
    found = tmp_path / "cases"
    found.mkdir()
    for name in ("S0001.fcs", "S0002.fcs"):
        shutil.copy(folder / name, found)
    return found


def table(path, *rows, heading="case_id,entity"):
    path.write_text("\n".join([heading, *rows]) + "\n")
    return path


def says(found, status, *words):
    assert found.status == status, found.err
    for word in words:
        assert word in found.err
    return True


# --- the list of the issue ---------------------------------------------------------------


@pytest.mark.parametrize("verb", ["classify", "features", "inspect", "evaluate", "train"])
def test_a_folder_without_fcs_files(flowml, model, tmp_path, verb):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("x")
    labels = table(tmp_path / "l.csv", "S0001,CLL")
    options = {
        "classify": ("--model", model, "--out", tmp_path / "out"),
        "evaluate": ("--model", model, "--labels", labels, "--out", tmp_path / "out"),
        "train": ("--labels", labels, "--out", tmp_path / "out" / "m.flowml"),
        "features": ("--out", tmp_path / "out" / "t.csv"),
    }
    found = flowml(verb, empty, *options.get(verb, ()))
    assert says(found, 2, "no FCS files in", ".fcs or .lmd", "sub-folders")
    assert names(tmp_path) == ["empty", "l.csv"]


def test_a_folder_that_is_not_there(flowml, model, tmp_path):
    found = flowml("classify", tmp_path / "absent", "--model", model)
    assert says(found, 2, "is not there", "Give a folder with FCS files")


def test_files_that_cannot_be_read_or_are_not_fcs(flowml, model, place, tmp_path):
    whole = (place / "S0001.fcs").read_bytes()
    (place / "cut.fcs").write_bytes(whole[:-1000])
    (place / "empty.fcs").write_bytes(b"")
    (place / "text.fcs").write_text("Dear colleague, here are the data.")
    (place / "dir.fcs").mkdir()
    os.mkfifo(place / "pipe.fcs")
    found = flowml("classify", place, "--model", model, "--out", tmp_path / "out")
    assert found.status == 1
    reasons = dict(line.split(": ", 1) for line in found.out.splitlines() if ": " in line)
    assert sorted(reasons)[::3] == ["cut", "text"]
    assert sorted(reasons)[1:3] == ["empty", "not assessed by the markers of these cases"]
    assert "is empty (0 bytes), expected an FCS file" in reasons["empty"]
    assert "starts with 'Dear c', expected FCS2.0" in reasons["text"]
    assert "FIND-SPECIAL: no regular file" in found.err
    cases = json.loads((tmp_path / "out" / "results.json").read_text())["cases"]
    assert [case["status"] for case in cases].count("unreadable") == 3
    assert len(cases) == 5


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "foo,CLL",
            ("no row of", "ids such as 'foo'", "S0001", "file name without its ending"),
        ),
        ("S0001,CLLX", ("'CLLX' is not an entity", "Nearest: CLL", "Correct the label")),
        ("S0001,CLL", ("all 1 training cases", "Add labelled cases of another entity")),
        ("S0001,CLL\nS0001,AML", ("two labels, CLL and AML", "Keep one")),
        ("S0001,", ("no row of", "gives a label to a case")),
        ("x" * 200_000 + ",CLL", ("field limit",)),
    ],
)
def test_labels_that_cannot_be_used(flowml, place, tmp_path, row, words):
    labels = table(tmp_path / "l.csv", row)
    found = flowml("train", place, "--labels", labels, "--out", tmp_path / "new" / "m.flowml")
    assert says(found, 2, *words)
    assert names(tmp_path) == ["cases", "l.csv"]


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("id,entity", ("no column 'case_id'", "it has id, entity")),
        ("case_id,case_id,entity", ("more than one column 'case_id'",)),
    ],
)
def test_label_columns_that_are_missing_or_double(flowml, place, tmp_path, heading, words):
    labels = table(tmp_path / "l.csv", "S0001,CLL,AML", heading=heading)
    assert says(flowml("train", place, "--labels", labels, "--out", tmp_path / "m"), 2, *words)


def test_a_panel_that_shares_no_marker(flowml, model, tmp_path, shared_data):
    shutil.copy(shared_data / "aml-tube4" / "sample1.fcs", tmp_path)
    found = flowml("classify", tmp_path, "--model", model)
    assert found.status == 1
    assert "not classifiable, because these markers are missing: CD10, CD117" in found.out


def test_a_model_file_that_is_none(flowml, place, tmp_path):
    for file, word in (
        (tmp_path / "absent.flowml", "is not there"),
        (place, "is a folder, not a model file"),
        (place / "S0001.fcs", "is not a file that 'flowml train' wrote"),
    ):
        found = flowml("classify", place, "--model", file, "--out", tmp_path / "out")
        assert says(found, 2, word)
    assert names(tmp_path) == ["cases"]


# --- wrong usage -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("Verbs:", "classify")),
        (("answer",), ("No such command 'answer'",)),
        (("classify",), ("Missing argument 'FOLDER'",)),
        (("classify", "."), ("Missing option '--model'",)),
        (("train", ".", "--out", "m"), ("Missing option '--labels'",)),
        (("evaluate", ".", "--model", "demo"), ("Missing option '--labels'",)),
        (("inspect",), ("Missing argument 'PATH...'",)),
        (("simulate",), ("Missing argument 'OUT'",)),
        (("simulate", "x", "--cases", "0"), ("--cases", "0")),
        (("classify", ".", "--model", "demo", "--jobs", "0"), ("--jobs",)),
        (("classify", ".", "--model", "demo", "--format", "xml"), ("'xml'", "csv")),
        (("classify", ".", "--model", "demo", "--where", "a=b"), ("give --labels too",)),
        (("train", ".", "--labels", "gone.csv", "--out", "m"), ("gone.csv", "does not exist")),
        (("features", ".", "--out", "t.xlsx"), ("must end in .parquet or .csv",)),
        (("features", ".", "--recipe", "ecd"), ("unknown recipe 'ecd'; choose from ecdf",)),
        (("features", ".", "--transform", "lin"), ("unknown transform 'lin'",)),
        (("features", ".", "--bins", "1"), ("bins is 1", "expected 2 to 1024")),
        (("features", ".", "--width", "wide"), ("width is 'wide'", "fixed or auto")),
    ],
)  # fmt: skip
def test_wrong_usage_is_status_2(flowml, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert says(flowml(*arguments), 2, *words)
    assert names(tmp_path) == []


def test_unknown_entities_cannot_be_simulated(flowml, tmp_path):
    found = flowml("simulate", tmp_path / "new", "--entities", "CLL,gout")
    assert says(found, 2, "'gout'", "It knows")
    assert names(tmp_path) == []


def test_a_compensation_that_is_not_there(flowml, model, place):
    found = flowml("classify", place, "--model", model, "--compensation", "matrx.csv")
    assert says(found, 2, "'matrx.csv' is not there", "auto, none, file, or the path of a CSV")


def test_an_output_never_takes_the_place_of_an_input(flowml, folder, place, tmp_path):
    labels = tmp_path / "cases.csv"
    shutil.copy(folder / "cases.csv", labels)
    manifest = table(tmp_path / "manifest.csv", "a,cases/S0001.fcs", heading="case_id,path")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for out in (labels, place / "S0001.fcs"):
        assert says(flowml("train", place, "--labels", labels, "--out", out), 2, "another name")
    assert says(flowml("features", manifest, "--out", manifest), 2, "another name")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


# --- places that cannot be written to ------------------------------------------------------


def test_an_output_that_cannot_be_written_is_status_3(flowml, folder, model, place, tmp_path):
    (tmp_path / "file").write_text("x")
    under = tmp_path / "file" / "out"
    labels = folder / "cases.csv"
    for command in (
        ("classify", place, "--model", model, "--out", under),
        ("evaluate", place, "--model", model, "--labels", labels, "--out", under),
        ("features", place, "--out", under / "t.csv"),
        ("train", place, "--labels", labels, "--out", under / "m.flowml"),
        ("simulate", under, "--cases", 1, "--events", 100),
    ):
        assert says(flowml(*command), 3, "could not write", "Choose a folder")
    assert names(tmp_path) == ["cases", "file"]


def test_an_output_of_the_wrong_kind_is_status_2(flowml, folder, model, place, tmp_path):
    (tmp_path / "file").write_text("x")
    assert says(
        flowml("classify", place, "--model", model, "--out", tmp_path / "file"), 2, "is a file"
    )
    trained = flowml("train", place, "--labels", folder / "cases.csv", "--out", place)
    assert says(trained, 2, "is a directory")


def test_a_read_only_folder_is_status_3_before_any_work(
    flowml, folder, model, place, tmp_path, monkeypatch
):
    def refuse(path):
        raise OutputError(f"could not write {path}: Permission denied.")

    monkeypatch.setattr("flowml.safety.writable_folder", refuse)
    labels = folder / "cases.csv"
    for command in (
        ("classify", place, "--model", model, "--out", tmp_path),
        ("evaluate", place, "--model", model, "--labels", labels, "--out", tmp_path),
        ("train", place, "--labels", labels, "--out", tmp_path / "m.flowml"),
    ):
        found = flowml(*command)
        assert says(found, 3, "Permission denied")
        assert "reading cases" not in found.err
    assert names(tmp_path) == ["cases"]


def test_a_full_disk_leaves_nothing_half_written(flowml, model, place, tmp_path, monkeypatch):
    def full(self, *_arguments, **_named):
        self.write_bytes(b"half a fi")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    found = flowml("classify", place, "--model", model, "--out", tmp_path / "out")
    assert says(found, 3, "No space left on device")
    assert names(tmp_path / "out") == []


def test_results_of_an_earlier_run_stay_when_writing_fails(
    flowml, model, place, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    flowml("classify", place, "--model", model, "--out", out)
    before = (out / "results.csv").read_bytes()
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "I/O error"))
    )
    assert says(flowml("classify", place, "--model", model, "--out", out), 3, "I/O error")
    assert names(out) == ["results.csv", "results.json"]
    assert (out / "results.csv").read_bytes() == before


def test_an_interrupted_run_leaves_nothing(flowml, model, place, tmp_path, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("flowml.reports.results.results_csv", interrupt)
    found = flowml("classify", place, "--model", model, "--out", tmp_path / "out")
    assert says(found, 130, "interrupted")
    assert names(tmp_path / "out") == []


# --- odd files and names -------------------------------------------------------------------


def test_files_without_events_or_numbers(flowml, model, place):
    sample, events = sample_of(), sample_of().events()
    nan = events.copy()
    nan[:, sample.column("CD19")] = np.nan
    for name, values in (
        ("none", events[:0]), ("one", events[:1]), ("hole", nan),
        ("nan", np.full_like(events, np.nan)),
    ):  # fmt: skip
        write_fcs(place / f"{name}.fcs", with_events(sample, values))
    found = flowml("classify", place, "--model", model, "--format", "json")
    assert found.status == 1
    cases = {case["case_id"]: case for case in json.loads(found.out)["cases"]}
    assert "holds no event" in cases["none"]["reason"]
    assert "no value that is a number" in cases["nan"]["reason"]
    assert "CD19" in cases["hole"]["reason"]
    assert cases["one"]["decision"] in {"review", "urgent"}
    assert {cases[name]["status"] for name in ("none", "nan", "hole")} == {"not_classifiable"}


ODD = (
    "with space", "ünïcødé 漢字", "=1+1", "-x", "a\x1b[31mred", 'a,b"c', "a\nb", "\u202ertl",
    "@SUM", "x" * 180, b"bad\xff\xfe",
)  # fmt: skip


def test_odd_names_survive_every_verb(flowml, folder, model, tmp_path):
    place = tmp_path / "ödd 'place'"
    place.mkdir()
    for name in ODD:
        raw = name if isinstance(name, bytes) else name.encode()
        shutil.copy(folder / "S0001.fcs", os.fsencode(place) + b"/" + raw + b".fcs")
    out = place / "résults"
    for encoding in ("utf-8", "latin-1", "ascii"):
        found = flowml_process(
            "classify", place, "--model", model, "--out", out, PYTHONIOENCODING=encoding
        )
        assert found.status == 0
        assert "\x1b" not in found.out
        *rows, last = found.out.splitlines()
        assert len(rows) == 1 + len(ODD)
        assert last.startswith("not assessed by the markers of these cases: ")
    assert len((out / "results.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(ODD)
    assert len(json.loads((out / "results.json").read_text(encoding="utf-8"))["cases"]) == len(
        ODD
    )
    for arguments in (("inspect", place), ("features", place)):  # names go to the terminal
        assert flowml_process(*arguments).status == 0
    for arguments in (
        ("inspect", place, "--format", "json"), ("features", place, "--out", out / "t.csv"),
        ("features", place, "--out", out / "t.parquet"),
    ):  # fmt: skip
        assert flowml(*arguments).status == 0


def test_links_that_go_in_circles_are_not_followed(flowml, model, place):
    (place / "loop").symlink_to("..")
    (place / "sub").mkdir()
    (place / "sub" / "again").symlink_to(place)
    found = flowml("classify", place, "--model", model, "--format", "json")
    assert found.status == 0
    assert len(json.loads(found.out)["cases"]) == 2


def test_a_reader_that_goes_away_is_no_crash(folder):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        command = [sys.executable, "-m", "flowml", "features", str(folder)]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert done.stderr == b"reading cases: 12 of 12\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_that_is_full_is_a_message(folder):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "flowml", "features", str(folder)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"could not write the output: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
