"""Markers of files by a laboratory's own names, and findings about labels that none knows."""

from __future__ import annotations

import pytest
from build import make_fcs

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.fcs.naming import MOST_NAMED
from flowml.findings import Severity
from flowml.knowledge.marker_names import read_marker_names


def labelled(path, *labels):
    kinds = ["F32"] * len(labels)
    changes = {f"$P{n}S": label for n, label in enumerate(labels, start=1)}
    path.write_bytes(make_fcs([[1.0] * len(labels)] * 3, kinds, changes=changes))
    return path


def told(sample):
    return {f.code: f.message for f in sample.findings if f.code.startswith("FCS-MARKER")}


def test_unknown_labels_are_said_with_the_nearest_markers(tmp_path):
    path = labelled(tmp_path / "a.fcs", "CD19x-PE", "CD3", "GFP reporter", "Kapa FITC", "PE-A")
    sample = read_fcs(path)
    assert sample.markers == ("CD19x", "CD3", "GFP reporter", "Kapa", "")
    found = told(sample)
    assert found["FCS-MARKER-01"].endswith("(GFP reporter in FL3)")
    assert "CD19x in FL1: CD19" in found["FCS-MARKER-02"]
    assert "Kapa in FL4: kappa" in found["FCS-MARKER-02"]
    severities = {f.code: f.severity for f in sample.findings}
    assert severities["FCS-MARKER-01"] is Severity.INFO
    assert severities["FCS-MARKER-02"] is Severity.WARN
    with pytest.raises(FcsError, match="misspelt"):
        read_fcs(path, strict=True)


def test_channels_without_a_marker_are_no_finding(tmp_path):
    path = labelled(tmp_path / "a.fcs", "", "FITC-A", "CD19", "FL4 INT LOG", "nix-APC", "xxxxx")
    sample = read_fcs(path)
    assert told(sample) == {}
    assert sample.markers == ("", "", "CD19", "", "", "")


def test_many_unknown_labels_and_hostile_ones_are_cut(tmp_path):
    labels = ["\x1b[31mCD19x", "Q" * 5000 + "x", *(f"thing {n} of many" for n in range(60))]
    found = told(read_fcs(labelled(tmp_path / "a.fcs", *labels)))
    text = " ".join(found.values())
    assert "\x1b" not in text
    assert len(text) < 1200
    assert text.count(" in FL") <= 2 * MOST_NAMED


def test_own_names_take_the_finding_away(tmp_path):
    table = tmp_path / "names.csv"
    table.write_text("alias,canonical,new\nCD19x,CD19,\nGFP reporter,GFP-R,yes\n")
    path = labelled(tmp_path / "a.fcs", "CD19x-PE", "CD3", "GFP reporter")
    sample = read_fcs(path, marker_names=read_marker_names(table), strict=True)
    assert sample.markers == ("CD19", "CD3", "GFP-R")
    assert [c.label for c in sample.channels] == ["CD19x-PE", "CD3", "GFP reporter"]
    assert told(sample) == {}
    assert read_fcs(path).markers == ("CD19x", "CD3", "GFP reporter")


def test_labels_of_coulters_first_set_are_told_too(tmp_path, shared_data):
    data = (shared_data / "aml-fc500" / "0004.FCS").read_bytes()
    odd = data.replace(b"CD15-FITC", b"CD1S-FITC")
    assert odd != data
    path = tmp_path / "a.lmd"
    path.write_bytes(odd)
    found = told(read_fcs(path))
    assert "CD1S in FL1: CD1" in found["FCS-MARKER-02"]
    table = tmp_path / "names.csv"
    table.write_text("alias;canonical\nCD1S;CD15\n")
    sample = read_fcs(path, marker_names=read_marker_names(table))
    assert sample.markers[2] == "CD15"
    assert sample.spillover is not None
    assert told(sample) == {}
