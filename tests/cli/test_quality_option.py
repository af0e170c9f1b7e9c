"""``--quality`` of check and inspect, and of the verbs that read cases."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from commands import run_here
from small import with_events

import flowml as package


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A sound tube, one with a bubble, one with 40 events."""
    place = tmp_path_factory.mktemp("quality") / "cases"
    place.mkdir()
    sample = package.simulate("screening", cases=1, events=9000, seed=3)[0].tubes[0].origin
    hurt = sample.events()
    hurt[4000:4400, :-1] *= 0.5
    tubes = {"good": sample.events(), "bubble": np.float32(hurt), "few": hurt[:40]}
    for name, values in tubes.items():
        tube = with_events(sample, values)
        package.write_fcs(place / f"{name}.fcs", tube, sample.keywords)
    return place


def test_check_says_it_for_every_file(flowml, folder):
    assert "QUALITY" not in flowml("check", folder).out
    found = flowml("check", folder, "--quality")
    assert found.status == 1
    lines = found.out.splitlines()
    assert lines[0].startswith("bubble.fcs: ")
    assert "QUALITY-FLOW" in lines[0]
    assert "QUALITY-EVENTS" in lines[1]
    assert "signals were disturbed for a while" in found.out
    verbose = flowml("check", folder, "--quality", "-v").out
    assert verbose.count("a mask would keep") == 3
    assert "warn: 4.4 % of events" in verbose
    assert "not assessed: too few events" in verbose


def test_check_in_other_formats(flowml, folder):
    rows = csv.DictReader(
        io.StringIO(flowml("check", folder, "--quality", "--format", "csv").out)
    )
    assert {row["file"]: row["quality"] for row in rows} == {
        "bubble.fcs": "warn", "few.fcs": "fail", "good.fcs": "pass"
    }  # fmt: skip
    assert "quality" not in flowml("check", folder, "--format", "csv").out
    document = json.loads(flowml("check", folder, "--quality", "--format", "json").out)
    bubble = document["files"][0]["quality"]
    ((start, end),) = bubble["disturbed"]
    assert 3900 <= start < end <= 4500
    flow = next(check for check in bubble["checks"] if check["name"] == "flow")
    assert flow["numbers"]["disturbed"] == pytest.approx((end - start) / 9000)
    assert 0.8 < bubble["kept"] < 1


def test_inspect_shows_the_checks_below_the_channels(flowml, folder):
    found = flowml("inspect", folder / "bubble.fcs", "--quality")
    assert found.status == 0
    assert "quality: warn; a mask would keep" in found.out
    assert "matrix        pass: negatives lie where they should" in found.out
    (item,) = json.loads(
        flowml("inspect", folder / "good.fcs", "--quality", "--format", "json").out
    )
    assert item["quality"]["verdict"] == "pass"
    (bare,) = json.loads(flowml("inspect", folder / "good.fcs", "--format", "json").out)
    assert "quality" not in bare
    both = flowml("inspect", folder, "--quality", "--cross-check")
    assert both.status == 2
    assert "leave --quality out" in both.err


def test_a_file_that_cannot_be_read_does_not_stop_the_others(flowml, folder, tmp_path):
    (tmp_path / "cut.fcs").write_bytes((folder / "good.fcs").read_bytes()[:-100])
    found = flowml("check", folder / "good.fcs", tmp_path / "cut.fcs", "--quality")
    assert found.status == 1
    assert "cut.fcs: cannot be used" in found.out


def test_features_by_each_policy(flowml, folder):
    off = flowml("features", folder, "-q")
    assert off.status == 0
    assert flowml("features", folder, "-q", "--quality", "off").out == off.out
    mask = flowml("features", folder, "--quality", "mask", "-v")
    assert mask.status == 0
    assert "QUALITY-MASKED" in mask.err
    strict = flowml("features", folder, "--quality", "strict")
    assert strict.status == 1
    assert "few.fcs failed its quality check: 40 events" in strict.err
    assert flowml("features", folder, "--quality", "some").status == 2
    tables = [list(csv.reader(io.StringIO(item.out))) for item in (off, mask, strict)]
    assert [row[0] for row in tables[0]] == [row[0] for row in tables[2]]
    rows = [{row[0]: row[1:] for row in table} for table in tables]
    assert rows[0]["bubble"] == rows[2]["bubble"] != rows[1]["bubble"]
    assert not any(rows[2]["few"])


def test_a_result_says_what_was_left_out_and_that_training_did_not(flowml, folder):
    found = flowml(
        "classify", folder, "--model", "demo", "--quality", "mask", "--format", "json"
    )
    document = json.loads(found.out)
    text = json.dumps(document)
    assert document["provenance"]["parameters"]["quality"] == "mask"
    assert "QUALITY-MASKED" in text
    assert "MODEL-MASKED" in text
    plain = flowml("classify", folder, "--model", "demo", "--format", "json").out
    assert "QUALITY" not in plain
    assert "MASKED" not in plain
