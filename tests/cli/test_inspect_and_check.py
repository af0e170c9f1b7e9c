"""``flowml inspect``, its cross-check, ``flowml check``: what is printed, and the status."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys

import pytest
from commands import flowml_process, run_here
from small import on_disk


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("cli-look") / "cases")


@pytest.fixture
def place(tmp_path, folder):
    """Return a folder with two good files."""
    found = tmp_path / "cases"
    found.mkdir()
    for name in ("S0001.fcs", "S0002.fcs"):
        shutil.copy(folder / name, found)
    return found


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def cut(place, name="S0001.fcs"):
    (place / "cut.fcs").write_bytes((place / name).read_bytes()[:-100])  # 8 are the CRC


# --- inspect -----------------------------------------------------------------------------


@pytest.fixture
def with_nan(place):
    raw = bytearray((place / "S0001.fcs").read_bytes())
    raw[-12:-8] = b"\x00\x00\xc0\x7f"  # the last value; the CRC stands behind it
    (place / "S0001.fcs").write_bytes(raw)
    return place


def test_inspect_reads_values_only_when_asked_to(flowml, with_nan):
    assert "FCS-VALUE-01" not in flowml("inspect", with_nan).out
    found = flowml("inspect", with_nan, "--values")
    assert found.status == 0
    assert found.out.count("FCS-VALUE-01") == 1
    assert flowml("inspect", with_nan, "--no-values").status == 2


def test_the_cross_check_of_files_on_which_readers_agree(flowml, place):
    found = flowml("inspect", place, "--cross-check")
    assert found.status == 0
    heading, *lines = found.out.splitlines()
    assert heading.startswith("file")
    assert " FlowIO " in heading
    assert [line.split()[0] for line in lines] == ["S0001.fcs", "S0002.fcs"]
    assert all("equal" in line for line in lines)
    assert "FlowIO" in found.err
    assert " 2 equal" in found.err


def test_the_cross_check_in_other_formats(flowml, place):
    cut(place)
    found = flowml("inspect", place, "--cross-check", "--format", "csv", "-q")
    rows = [row for row in rows_of(found.out) if row["reader"] == "FlowIO"]
    assert [(row["file"], row["verdict"]) for row in rows] == [
        ("S0001.fcs", "equal"), ("S0002.fcs", "equal"), ("cut.fcs", "neither reads")
    ]  # fmt: skip
    assert (found.status, found.err) == (1, "")
    items = json.loads(flowml("inspect", place, "--cross-check", "--format", "json").out)
    kept = [item for item in items if item["reader"] == "FlowIO"]
    assert [item["verdict"] for item in kept] == [row["verdict"] for row in rows]
    assert kept[0]["n_events"] == int(rows[0]["n_events"]) > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--values", "--cross-check"), "leave --values out"),
        (("--peer-python", "python"), "--peer-python needs --cross-check"),
        (
            ("--cross-check", "--peer-python", "/dev/null"),
            "no Python that can look for readers",
        ),
    ],
)
def test_options_that_make_no_sense_together(flowml, place, options, said):
    found = flowml("inspect", place, *options)
    assert found.status == 2
    assert said in found.err


def test_the_cross_check_in_a_process_of_its_own(place):
    found = flowml_process("inspect", place, "--cross-check", "--peer-python", sys.executable)
    assert found.status == 0
    assert found.out.count("equal") >= 2


# --- check -------------------------------------------------------------------------------


def test_check_of_whole_files_says_one_line(flowml, place):
    found = flowml("check", place)
    counts = "nothing odd about 2, 0 with findings to look at, 0 cannot be used"
    assert found.out == f"2 files: {counts}\n"
    assert found.status == 0
    assert "S0001.fcs: intact, 1500 events x " in flowml("check", place, "-v").out


def test_check_names_what_is_damaged(flowml, place):
    cut(place)
    (place / "letter.fcs").write_text("Dear colleague")
    os.mkfifo(place / "pipe.fcs")
    found = flowml("check", place)
    assert found.status == 1
    lines = found.out.splitlines()
    assert lines[0].startswith("cut.fcs: cannot be used (FCS-AGREE): the events need")
    assert lines[1].startswith("letter.fcs: cannot be used (FCS-HEADER): not an FCS file")
    counts = "nothing odd about 2, 0 with findings to look at, 2 cannot be used"
    assert lines[-1] == f"4 files: {counts}"
    assert "FIND-SPECIAL: no regular file: a pipe, a socket or a device (pipe.fcs)" in found.err
    named = flowml("check", place / "pipe.fcs")
    assert named.status == 2
    assert "neither a regular file nor a folder" in named.err


def test_check_names_copies_but_not_a_file_given_twice(flowml, place):
    assert flowml("check", place, place / "S0001.fcs").status == 0
    (place / "again").mkdir()
    shutil.copy(place / "S0001.fcs", place / "again" / "X.fcs")
    found = flowml("check", place)
    assert found.status == 1
    assert "again/X.fcs: another file holds the same events (S0001.fcs)" in found.out
    assert "S0001.fcs: another file holds the same events (again/X.fcs)" in found.out
    assert "FILE-COPY  review    2      another file holds the same events" in found.out


def test_check_counts_warnings_only_when_strict(flowml, place):
    raw = (place / "S0001.fcs").read_bytes()
    (place / "S0001.fcs").write_bytes(raw.replace(b"FSC-H", b"FSC-A"))
    found = flowml("check", place)
    assert "S0001.fcs: " in found.out
    assert (found.status, flowml("check", place, "--strict").status) == (0, 1)


def test_check_reads_values_only_when_asked_to(flowml, with_nan):
    assert flowml("check", with_nan).status == 0
    found = flowml("check", with_nan, "--values")
    assert found.status == 1
    assert "S0001.fcs: FCS-VALUE-01" in found.out


def test_check_in_other_formats_and_on_several_processes(flowml, place):
    cut(place)
    found = flowml("check", place, "--format", "csv", "--jobs", 2)
    assert found.status == 1
    assert [(row["file"], row["status"]) for row in rows_of(found.out)] == [
        ("S0001.fcs", "intact"), ("S0002.fcs", "intact"), ("cut.fcs", "cannot be used")
    ]  # fmt: skip
    assert "3 files: nothing odd about 2" in found.err
    document = json.loads(flowml("check", place, "--format", "json").out)
    assert document["summary"]["cannot be used"] == 1
    assert [item["file"] for item in document["files"]] == ["S0001.fcs", "S0002.fcs", "cut.fcs"]


def test_check_without_files_is_wrong_usage(flowml, tmp_path):
    found = flowml("check", tmp_path)
    assert found.status == 2
    assert "no FCS files in" in found.err
    assert flowml("check", tmp_path / "gone").status == 2
    assert flowml("check").status == 2


def test_both_verbs_say_what_they_are_for(flowml):
    for verb in ("inspect", "check"):
        found = flowml(verb, "--help")
        assert "not a medical device" in " ".join(found.out.split())


def test_check_of_many_instruments(flowml, shared_data):
    found = flowml("check", shared_data / "instruments", "--format", "json")
    files = {item["file"]: item for item in json.loads(found.out)["files"]}
    assert found.status == 1
    unusable = [name for name, item in files.items() if item["status"] == "cannot be used"]
    assert unusable == ["cytek-nl-2000__sample_header.fcs"]
    assert files["flowio__coulter.lmd"]["n_datasets"] == 2
    copies = [n for n, i in files.items() if "FILE-COPY" in [f["code"] for f in i["findings"]]]
    assert "fake_large_fcs__fake_large_fcs.fcs" in copies  # it is one, with other offsets
