"""What a file holds, without what may name a patient."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
from small import sample_of, with_events

from flowml.fcs import write_fcs
from flowml.reports.inspection import inspect_file, inspection_csv, inspection_text
from flowml.reports.results import json_text

SECRETS = {
    "$FIL": "Mustermann_Erika_1951.fcs", "$SMNO": "SN-4711", "@SAMPLEID1": "PAT-0815",
    "$SRC": "Erika Mustermann", "SAMPLE ID": "MRN77", "$CELLS": "Mustermann marrow",
    "$OP": "Dr. Who", "$COM": "born 1951", "PATIENT ID": "4242424242",
}  # fmt: skip


def written(path, values=None):
    sample = sample_of() if values is None else with_events(sample_of(), values)
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


def test_values_that_are_no_numbers_are_found_unless_only_keywords_are_read(tmp_path):
    values = sample_of().events()
    values[:7, 2] = np.nan
    path = written(tmp_path / "a.fcs", values)
    assert "FCS-VALUE-01" in [f.code for f in inspect_file(path, "a").findings]
    assert "7 values" in inspection_text(inspect_file(path, "a"))
    assert inspect_file(path, "a", values=False).findings == ()


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
