"""``flowml gate`` as a whole command."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from commands import flowml_process, run_here
from small import cohort, on_disk
from workspaces import population, tube, workspace

import flowml as package
from flowml.events import ArraySource
from flowml.gating import Populations, read_masks
from flowml.gating.populations import Count
from flowml.gating.statistics import Brightness, GatedTube, brightness_of
from flowml.records import Channel, Role, Sample
from flowml.reports.populations import brightness_csv, counts_csv, wide_csv
from flowml.safety import file_sha256

GATES = """
version = 1

[[gate]]
name = "=B cells"
parent = "cells"
kind = "range"
channels = ["CD19"]
bounds = [[0.35, inf]]

[[gate]]
name = "cells"
kind = "rectangle"
channels = ["FSC-A", "SSC-A"]
bounds = [[0.05, inf], [-inf, 0.9]]

[[gate]]
name = "nothing"
kind = "range"
channels = ["CD19"]
bounds = [[50.0, 60.0]]
"""
NAMES = ["cells", "=B cells", "nothing"]  # as the tree is read


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("gate") / "cases", 3)


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    path = tmp_path_factory.mktemp("gates") / "panel.toml"
    path.write_text(GATES, encoding="utf-8")
    return path


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_counts_brightness_and_masks_are_what_python_gives(flowml, folder, gates, tmp_path):
    out = tmp_path / "out"
    found = flowml("gate", folder, "--gates", gates, "--out", out, "--masks")
    assert found.status == 0, found.err
    case = package.find_cases(folder)[0]
    sample = package.read_fcs(case.tubes[0].origin)
    masks = package.gate(sample, package.read_gates(gates))
    rows = [r for r in rows_of(out / "populations.csv") if r["case_id"] == case.case_id]
    assert [r["population"].lstrip("'") for r in rows] == NAMES
    for row, name in zip(rows, NAMES, strict=True):
        assert int(row["n_events"]) == masks[name].sum()
        assert int(row["n_all"]) == sample.n_events
    assert float(rows[1]["share_of_parent"]) == pytest.approx(
        masks["=B cells"].sum() / masks["cells"].sum(), abs=1e-6
    )
    bright = [r for r in rows_of(out / "markers.csv") if r["case_id"] == case.case_id]
    cd19 = {r["population"].lstrip("'"): r for r in bright if r["marker"] == "CD19"}
    values = package.compensate(sample).linear[:, sample.column("CD19")].astype(float)
    own = values[masks["=B cells"]]
    assert float(cd19["=B cells"]["median"]) == pytest.approx(np.median(own), rel=1e-4)
    low, high = np.percentile(own, [15.87, 84.13])
    assert float(cd19["=B cells"]["spread"]) == pytest.approx((high - low) / 2, rel=1e-4)
    assert cd19["nothing"]["median"] == ""  # of no event nothing is known
    assert {row["score"] for row in rows} == {"1"}
    kept = read_masks(out / "masks" / rows[0]["masks"])
    for name in NAMES:
        assert np.array_equal(kept.masks[name], masks[name])
    assert kept.parent("=B cells") == "cells"


def test_the_wide_table_has_a_row_for_each_tube(flowml, folder, gates, tmp_path):
    found = flowml("gate", folder, "--gates", gates, "--out", tmp_path)
    assert found.status == 0
    wide = rows_of(tmp_path / "populations-wide.csv")
    assert [row["case_id"] for row in wide] == [c.case_id for c in package.find_cases(folder)]
    long = rows_of(tmp_path / "populations.csv")
    assert wide[0]["cells | n_events"] == long[0]["n_events"]
    assert "'=B cells | CD19 | median" in wide[0]  # no formula, in a heading neither
    assert not (tmp_path / "masks").exists()
    lines = found.out.splitlines()
    assert lines[0].split() == ["population", "within", "tubes", "events", "%", "of", "these"]
    assert len(lines) == 4
    total = sum(int(row["n_events"]) for row in long if row["population"] == "cells")
    assert lines[1].split()[:4] == ["cells", "all", "events", "3"]
    assert str(total) in lines[1]


def test_the_record_says_what_was_read_and_no_path(flowml, folder, gates, tmp_path):
    flowml("gate", folder, "--gates", gates, "--out", tmp_path)
    text = (tmp_path / "gating.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert record["gates"]["sha256"] == file_sha256(gates)
    assert record["versions"]["flowml"] == package.__version__
    assert [item["n_events"] for item in record["inputs"]] == [1500] * 3
    assert all(item["sha256"] for item in record["inputs"])
    assert str(folder) not in text
    assert str(gates.parent) not in text


def test_one_bad_file_never_stops_the_others(flowml, gates, tmp_path):
    place = on_disk(tmp_path / "cases", 3)
    files = sorted(place.glob("*.fcs"))
    files[0].write_bytes(b"FCS3.1 and nothing more")
    bare = cohort()[0].tubes[0].origin
    columns = [i for i, c in enumerate(bare.channels) if c.marker != "CD19"]
    poor = package.Sample(
        "poor.fcs",
        tuple(bare.channels[i] for i in columns),
        type(bare.source)(bare.linear[:, columns]),
    )
    package.write_fcs(files[1], poor)
    answers = []
    for jobs in (1, 2):
        out = tmp_path / f"out{jobs}"
        found = flowml("gate", place, "--gates", gates, "--out", out, "--jobs", jobs)
        assert found.status == 1
        assert "2 tubes could not be gated" in found.err
        answers.append((out / "populations.csv").read_text(encoding="utf-8"))
    assert answers[0] == answers[1]
    rows = rows_of(out / "populations.csv")
    assert [row["population"].lstrip("'") for row in rows] == ["", "", *NAMES]
    assert "CD19" in rows[1]["reason"]
    assert rows[0]["reason"]
    assert rows_of(out / "populations-wide.csv")[0]["cells | n_events"] == ""


def lab_of(*names):
    return workspace(
        *(
            tube(name, population(f"of {name}", "FSC-A", 10, 1e5), number, matrix="")
            for number, name in enumerate(names, start=1)
        )
    )


def test_each_tube_gets_the_gates_of_its_sample(flowml, folder, tmp_path):
    first, second, third = sorted(path.name for path in folder.glob("*.fcs"))
    wsp = tmp_path / "lab.wsp"
    wsp.write_text(lab_of(first, second), encoding="utf-8")
    found = flowml("gate", folder, "--gates", wsp, "--out", tmp_path / "a")
    assert found.status == 1
    rows = rows_of(tmp_path / "a" / "populations.csv")
    assert [r["population"] for r in rows] == [f"of {first}", f"of {second}", ""]
    assert f"no sample '{third}'" in rows[2]["reason"]
    asked = ("--sample", second, "--jobs", 2)
    found = flowml("gate", folder, "--gates", wsp, "--out", tmp_path / "b", *asked)
    assert found.status == 0
    rows = rows_of(tmp_path / "b" / "populations.csv")
    assert [r["population"] for r in rows] == [f"of {second}"] * 3
    found = flowml("gate", folder, "--gates", wsp, "--out", tmp_path / "c", "--sample", "x")
    assert found.status == 2
    assert "no sample 'x'" in found.err
    assert not (tmp_path / "c").exists()


def test_what_cannot_be_done_is_said_before_any_work(flowml, folder, gates, tmp_path):
    found = flowml("gate", folder, "--gates", tmp_path / "none.toml", "--out", tmp_path)
    assert found.status == 2
    bad = tmp_path / "bad.toml"
    bad.write_text("version = 2", encoding="utf-8")
    found = flowml("gate", folder, "--gates", bad, "--out", tmp_path)
    assert (found.status, "not a gate document" in found.err) == (2, True)
    asked = ("--masks", "--quality", "mask")
    found = flowml("gate", folder, "--gates", gates, "--out", tmp_path, *asked)
    assert (found.status, "Choose one" in found.err) == (2, True)
    (tmp_path / "file").write_text("")
    found = flowml("gate", folder, "--gates", gates, "--out", tmp_path / "file")
    assert found.status in {2, 3}


def test_it_runs_as_a_process_of_its_own(folder, gates, tmp_path):
    found = flowml_process("gate", folder, "--gates", gates, "--out", tmp_path, "-q")
    assert (found.status, found.err) == (0, "")


def test_gates_are_found_without_a_person(flowml, folder, tmp_path):
    out = tmp_path / "out"
    found = flowml("gate", folder, "--gates", "auto", "--panel", "mature", "--out", out)
    assert found.status == 0, found.err
    case = package.find_cases(folder)[0]
    own = package.auto_gate(package.read_fcs(case.tubes[0].origin), "mature")
    rows = [r for r in rows_of(out / "populations.csv") if r["case_id"] == case.case_id]
    told = {r["population"]: (int(r["n_events"]), float(r["score"])) for r in rows}
    assert told == {
        c.name: (c.n_events, pytest.approx(c.score, abs=1e-6)) for c in own.counts()
    }
    unsure = {name for name in told if not own.is_sure(name)}
    bright = [r for r in rows_of(out / "markers.csv") if r["case_id"] == case.case_id]
    assert all(row["median"] == "" for row in bright if row["population"] in unsure)
    record = json.loads((out / "gating.json").read_text(encoding="utf-8"))
    assert record["gates"] == {"name": "automatic", "panel": "mature"}


def test_gates_are_learned(flowml, folder, tmp_path):
    samples = [package.read_fcs(c.tubes[0].origin) for c in package.find_cases(folder)]
    labels = [
        np.where(s.events()[:, s.column("CD19")] > 3000, "B", "artefact") for s in samples
    ]
    labels = [np.where(s.events()[:, s.column("CD3")] > 3000, "T", own)
              for s, own in zip(samples, labels, strict=True)]  # fmt: skip
    classifier = package.EventClassifier(artefact="artefact")
    classifier.fit(samples, labels).save(tmp_path / "own.events")
    out = tmp_path / "out"
    found = flowml("gate", folder, "--gates", tmp_path / "own.events", "--out", out)
    assert found.status == 0, found.err
    rows = rows_of(out / "populations.csv")
    first = [row for row in rows if row["case_id"] == rows[0]["case_id"]]
    own = classifier.populations(samples[0])
    assert [int(row["n_events"]) for row in first] == [c.n_events for c in own.counts()]
    record = json.loads((out / "gating.json").read_text(encoding="utf-8"))
    assert record["gates"]["sha256"] == file_sha256(tmp_path / "own.events")


def test_a_damaged_classifier_and_an_unknown_file_are_told(flowml, folder, tmp_path):
    damaged = tmp_path / "own.events"
    damaged.write_bytes(b"PK\x03\x04 nothing else")
    for path, said in ((damaged, "own.events"), (tmp_path / "absent.xml", "absent.xml")):
        found = flowml("gate", folder, "--gates", path, "--out", tmp_path / "out")
        assert found.status == 2
        assert said in found.err
        assert "Traceback" not in found.err


def test_a_sample_of_no_workspace_is_refused(flowml, folder, gates, tmp_path):
    for wanted in (gates, "auto"):
        found = flowml(
            "gate", folder, "--gates", wanted, "--out", tmp_path / "a", "--sample", "x"
        )
        assert (found.status, "Leave it out" in found.err) == (2, True)
    assert not (tmp_path / "a").exists()


def test_small_shares_and_small_scales_keep_their_digits():
    count = Count("clone", "", 7, 3_000_000, 3_000_000, 1.0)
    bright = Brightness("clone", "CD19", -1.25e-5, 0.5)
    tube = GatedTube("c", "t", 9, counts=(count,), brightness=(bright,))
    share = counts_csv([tube]).splitlines()[1].split(",")[7]
    assert float(share) == pytest.approx(7 / 3e6, rel=1e-8)
    assert brightness_csv([tube]).splitlines()[1].endswith(",-1.25e-05,0.5")
    assert "-1.25e-05" in wide_csv([tube])


def test_a_channel_without_a_marker_goes_by_its_name():
    channels = (Channel("FL1", "", "", Role.FLUORESCENCE), Channel("T", "", "X", Role.TIME))
    sample = Sample("s", channels, ArraySource(np.ones((3, 2), np.float32)))
    found = Populations({"all": np.ones(3, bool)})
    assert [item.marker for item in brightness_of(sample, None, found)] == ["FL1"]
