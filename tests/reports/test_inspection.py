"""What a file holds, without what may name a patient."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from small import sample_of, with_events

import flowml
from flowml.errors import CaseError
from flowml.fcs import write_fcs
from flowml.knowledge.shapes import known_shapes
from flowml.reports.inspection import (
    inspect_file,
    inspection_csv,
    inspection_text,
    search_places,
)
from flowml.reports.results import json_text

SECRETS = {
    "$FIL": "Mustermann_Erika_1951.fcs", "$SMNO": "SN-4711", "@SAMPLEID1": "PAT-0815",
    "$SRC": "Erika Mustermann", "SAMPLE ID": "MRN77", "$CELLS": "Mustermann marrow",
    "$OP": "Dr. Who", "$COM": "born 1951", "PATIENT ID": "4242424242",
}  # fmt: skip


def written(path, values=None):
    sample = sample_of() if values is None else with_events(sample_of(), values)
    path.parent.mkdir(exist_ok=True)
    write_fcs(path, sample, SECRETS | dict(sample.keywords) | SECRETS)
    return path


def test_channels_roles_events_and_spillover_are_listed(tmp_path):
    item = inspect_file(written(tmp_path / "a.fcs"), "a.fcs")
    assert (item.n_events, item.scale, item.error) == (1500, "raw", "")
    assert item.spillover == "$SPILLOVER, 10 detectors"
    assert len(item.channels) == len(sample_of().channels)
    text = inspection_text(item)
    assert "1500 events" in text
    assert any(line.split()[1:3] == ["FITC-A", "CD7"] for line in text.splitlines()[2:])


def test_no_keyword_that_may_name_a_patient_is_shown(tmp_path):
    item = inspect_file(written(tmp_path / "a.fcs"), "a.fcs")
    shown = inspection_text(item) + inspection_csv([item]) + json_text(item.to_dict())
    assert not [secret for secret in SECRETS.values() if secret in shown]


def test_values_that_are_no_numbers_are_found_only_where_the_events_are_read(tmp_path):
    values = sample_of().events()
    values[:7, 2] = np.nan
    path = written(tmp_path / "a.fcs", values)
    assert "FCS-VALUE-01" not in [f.code for f in inspect_file(path, "a").findings]
    item = inspect_file(path, "a", values=True)
    assert [f.code for f in item.findings].count("FCS-VALUE-01") == 1
    assert "7 values" in inspection_text(item)


def bytes_read():
    return int(Path("/proc/self/io").read_text(encoding="ascii").split()[1])


def test_only_text_is_read_unless_values_are_asked_for(tmp_path):
    path = written(tmp_path / "a.fcs", np.tile(sample_of().events(), (50, 1)))
    before = bytes_read()
    assert inspect_file(path, "a").n_events == 75_000
    text_only = bytes_read()
    inspect_file(path, "a", values=True)
    assert path.stat().st_size > 3_000_000
    assert text_only - before < 200_000 < bytes_read() - text_only


def test_files_of_several_folders_are_named_apart_and_stand_once(tmp_path):
    for folder in ("one", "two"):
        written(tmp_path / folder / "a.fcs")
    one, two = tmp_path / "one", tmp_path / "two"

    def names(*places):
        return [name for name, _ in search_places(places).files]

    assert names(one) == ["a.fcs"]
    assert names(one, two) == ["one/a.fcs", "two/a.fcs"]
    assert names(one, one / "a.fcs") == ["one/a.fcs"]
    assert names(one / "a.fcs") == ["a.fcs"]
    with pytest.raises(CaseError, match="Give a folder"):
        names(tmp_path / "gone")


def test_a_file_that_cannot_be_read_has_a_row_with_its_reason(tmp_path):
    path = tmp_path / "=bad.fcs"
    path.write_bytes(b"hello, world")
    item = inspect_file(path, path.name)
    (row,) = csv.DictReader(io.StringIO(inspection_csv([item])))
    assert row["file"] == "'=bad.fcs"
    assert "not an FCS file" in row["error"]
    assert row["code"] == "FCS-HEADER"
    assert row["name"] == ""
    assert inspection_text(item).splitlines()[1].startswith("  cannot be read (FCS-HEADER)")
    assert json.loads(json_text(item.to_dict()))["code"] == "FCS-HEADER"


def test_every_channel_has_a_row(tmp_path):
    item = inspect_file(written(tmp_path / "a.fcs"), "a.fcs")
    rows = list(csv.DictReader(io.StringIO(inspection_csv([item]))))
    assert [row["name"] for row in rows] == list(sample_of().channel_names)
    assert {row["n_events"] for row in rows} == {"1500"}


def test_the_tube_of_a_panel_and_fluorochromes_are_named(tmp_path):
    case = flowml.simulate("cll-9f", cases=1, entities=["CLL"], events=200, seed=1)[0]
    sample = case.tubes[0].origin
    flowml.write_fcs(tmp_path / "a.fcs", sample, sample.keywords)
    item = inspect_file(tmp_path / "a.fcs", "a.fcs", panels=known_shapes())
    assert (item.nearest.panel, item.nearest.tube) == ("cll-9f", "1")
    assert "  tube 1 of cll-9f" in inspection_text(item).splitlines()
    dyes = {c["marker"]: c["fluorochrome"] for c in item.channels}
    assert dyes["CD5"] == "PacBlue"
    assert dyes["FSC-A"] == ""
    assert item.to_dict()["nearest"]["tube"] == "1"
    (row, *_) = csv.DictReader(io.StringIO(inspection_csv([item])))
    assert (row["panel"], row["tube"]) == ("cll-9f", "1")


def test_a_tube_of_no_known_panel_has_no_name(tmp_path):
    item = inspect_file(written(tmp_path / "a.fcs"), "a.fcs")
    assert item.nearest is None
    assert item.to_dict()["nearest"] is None
