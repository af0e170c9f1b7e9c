"""``flowml check --cases``, as a user calls it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from commands import run_here

import flowml as package

LAB = {"cases": 8, "entities": "all", "events": 2000, "seed": 62}


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six sound cases, one without its third tube, and one with two tubes exchanged."""
    place = tmp_path_factory.mktemp("laboratory") / "runs"
    package.write_cohort(package.simulate("cll-9f", **LAB), place)
    for name in ("cases.csv", "manifest.csv"):
        (place / name).unlink()
    (place / "S0002" / "S0002_3.lmd").unlink()
    one, two = place / "S0005" / "S0005_1.lmd", place / "S0005" / "S0005_2.lmd"
    aside = place / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    return place


def test_accidents_are_named(flowml, folder):
    found = flowml("check", folder, "--cases")
    assert found.status == 1
    assert "S0002 (cll-9f: 1, 2)" in found.out
    assert "PANEL-LOST (review): tube 3 of cll-9f is missing" in found.out
    assert "S0005 (cll-9f: 2, 1, 3)" in found.out
    assert found.out.count("PANEL-SWAPPED (review)") == 2
    assert "S0001" not in found.out
    assert "QUALITY" not in found.out
    assert found.out.endswith(
        "8 cases: nothing that holds back 6, 2 to review, 0 with a tube that cannot be used; "
        "panels: cll-9f 8\n"
    )


def test_everything_is_shown_on_request(flowml, folder):
    found = flowml("check", folder, "--cases", "--quality", "-v")
    assert "S0001 (cll-9f: 1, 2, 3)" in found.out
    assert "QUALITY-EVENTS (warn)" in found.out
    assert flowml("check", folder, "--cases", "--quality", "--strict").status == 1


def test_other_formats(flowml, folder):
    found = flowml("check", folder, "--cases", "--format", "csv", "--jobs", "2")
    rows = {row["case_id"]: row for row in csv.DictReader(io.StringIO(found.out))}
    assert rows["S0001"]["severity"] == "info"
    assert rows["S0002"]["findings"] == "PANEL-LOST"
    assert rows["S0005"]["tubes"] == "2; 1; 3"
    assert "8 cases:" in found.err
    document = json.loads(flowml("check", folder, "--cases", "--format", "json").out)
    assert document["summary"]["review"] == 2
    tube = document["cases"][0]["tubes"][0]
    assert (tube["file"], tube["tube"], tube["n_events"]) == ("S0001/S0001_1.lmd", "1", 2000)
    assert "CD5" in tube["markers"]


def test_cases_by_pattern_and_a_panel_of_ones_own(flowml, folder, tmp_path):
    pattern = r".*/(?P<case>[^_/]+)_(?P<tube>.+)\.lmd"
    found = flowml("check", folder, "--cases", "--pattern", pattern, "--format", "csv", "-q")
    assert found.out.count("cll-9f") == 8
    nothing = flowml("check", folder, "--cases", "--panel", tmp_path / "none.toml")
    assert nothing.status == 2
    assert "none.toml" in nothing.err


def test_a_file_that_cannot_be_read_is_one_cases_fate(flowml, folder):
    broken = folder / "S0007" / "S0007_2.lmd"
    whole = broken.read_bytes()
    try:
        broken.write_bytes(whole[: len(whole) // 2])
        found = flowml("check", folder, "--cases")
    finally:
        broken.write_bytes(whole)
    assert found.status == 1
    assert "S0007 (cll-9f: 1, ?, 3)" in found.out
    assert "1 with a tube that cannot be used" in found.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cases", "--values"], "leave --values out"),
        (["--pattern", "(?P<case>.*)"], "need --cases"),
        (["--case-per", "file"], "need --cases"),
        (["--panel", "x.toml"], "need --cases"),
        (["--compensation", "none"], "needs --quality or --cases"),
        (["--quality", "--compensation", "none.csv"], "is not there"),
    ],
)
def test_options_that_do_not_go_together(flowml, folder, options, message):
    found = flowml("check", folder, *options)
    assert found.status == 2
    assert message in found.err


def test_one_folder_at_a_time(flowml, folder):
    found = flowml("check", folder, folder, "--cases")
    assert found.status == 2
    assert "one folder or manifest" in found.err


def test_how_values_are_compensated_is_said_by_the_user(flowml, folder):
    """Taken as they are, the raw values of the files look uncompensated."""
    ways = {
        way: flowml("check", folder, "--quality", "--compensation", way, "-v").out
        for way in ("auto", "none")
    }
    assert "QUALITY-COMPENSATION" not in ways["auto"]
    assert "QUALITY-COMPENSATION" in ways["none"]
    raw = flowml("check", folder, "--cases", "--quality", "--compensation", "none")
    assert "QUALITY-COMPENSATION" in raw.out
    told = flowml("check", folder, "--cases", "--quality", "--already-compensated")
    assert "QUALITY-COMPENSATION" not in told.out  # whoever says so is believed
