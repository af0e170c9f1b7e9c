"""``--marker-names``: a laboratory's own names, as whole commands."""

from __future__ import annotations

import csv
import io
import json

import pytest
from commands import run_here
from small import RECIPE, cohort, flat

from flowml.cases import find_cases
from flowml.features import make_recipe, read_table
from flowml.knowledge.marker_names import read_marker_names
from flowml.models import load_model
from flowml.quality import Preparation
from flowml.reading import Reading, extract_table
from flowml.safety import file_sha256

CASES = 12


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture
def cases(tmp_path):
    """Write cases whose CD7 the laboratory calls by a word of its own."""
    from dataclasses import replace

    renamed = []
    for case in cohort()[:CASES]:
        tube = case.tubes[0]
        channels = tuple(
            replace(c, label="Pan T 7") if c.marker == "CD7" else c
            for c in tube.origin.channels
        )
        assert channels != tube.origin.channels
        odd = replace(tube, origin=replace(tube.origin, channels=channels))
        renamed.append(replace(case, tubes=(odd,)))
    return flat(renamed, tmp_path / "cases")


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("alias;canonical\nPan T 7;CD7\n", encoding="utf-8")
    return path


def markers(table):
    return {name.partition("|")[0] for name in table.names}


@pytest.mark.parametrize("jobs", [1, 2])
def test_features_are_those_of_the_marker_meant(flowml, cases, names, tmp_path, jobs):
    plain, named = tmp_path / "plain.csv", tmp_path / "named.csv"
    of_cases = "features", cases, "--recipe", RECIPE, "--out"
    assert flowml(*of_cases, plain).status == 0
    done = flowml(*of_cases, named, "--marker-names", names, "--jobs", jobs)
    assert done.status == 0
    assert markers(read_table(plain)) ^ markers(read_table(named)) == {"Pan T 7", "CD7"}


def test_a_recipe_that_learns_learns_by_the_names(cases, names):
    recipe = make_recipe("quantiles", width="auto")
    own = read_marker_names(names)
    reading = Reading(marker_names=own, hash_files=False)
    found = extract_table(cases, recipe, reading).recipe
    fitted = recipe.fit(find_cases(cases), Preparation(marker_names=own))
    assert found.sha256 == fitted.sha256 != recipe.fit(find_cases(cases)).sha256


def test_a_model_and_its_answers_say_by_which_names_files_were_read(
    flowml, cases, names, tmp_path
):
    model, out, plain = tmp_path / "m.flowml", tmp_path / "out", tmp_path / "plain"
    done = flowml("train", cases, "--labels", cases / "cases.csv", "--out", model,
                  "--marker-names", names)  # fmt: skip
    assert done.status == 0
    said = f"names.csv (SHA-256 {file_sha256(names)})"
    assert load_model(model).training["marker_names"] == said
    assert said in load_model(model).card
    asked = ("classify", cases, "--model", model, "--out")
    assert flowml(*asked, out, "--marker-names", names).status == 0
    recorded = json.loads((out / "results.json").read_text())
    assert recorded["provenance"]["parameters"]["marker_names"] == said
    assert {case["status"] for case in recorded["cases"]} <= {"answered", "backed_off"}
    flowml(*asked, plain)
    recorded = json.loads((plain / "results.json").read_text())
    assert recorded["provenance"]["parameters"]["marker_names"] is None
    assert {case["status"] for case in recorded["cases"]} == {"not_classifiable"}
    assert all("CD7" in case["reason"] for case in recorded["cases"])
    done = flowml("evaluate", cases, "--labels", cases / "cases.csv", "--model", model,
                  "--out", tmp_path / "e", "--marker-names", names)  # fmt: skip
    assert done.status == 0


def test_inspect_and_check_use_the_names(flowml, cases, names):
    file = min(cases.glob("*.fcs"))
    plain = flowml("inspect", file)
    assert "Pan T 7 in FITC-A" in plain.out
    assert "FCS-MARKER-0" in plain.out
    named = flowml("inspect", file, "--marker-names", names, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(named.out)))
    assert [r["marker"] for r in rows if r["label"] == "Pan T 7"] == ["CD7"]
    assert "FCS-MARKER" not in named.out
    assert "FCS-MARKER" in flowml("check", file, "-v").out
    assert "FCS-MARKER" not in flowml("check", file, "-v", "--marker-names", names).out


@pytest.mark.parametrize("verb", ["features", "inspect", "check"])
def test_errors_of_the_file_are_told_before_anything_is_read(flowml, cases, tmp_path, verb):
    bad = tmp_path / "bad.csv"
    bad.write_text("alias,canonical\nA,CD19x\n,CD3\n", encoding="utf-8")
    found = flowml(verb, cases, "--marker-names", bad)
    assert found.status == 2
    assert "line 2: no marker is called 'CD19x'; nearest: CD19" in found.err
    assert "line 3: alias and canonical must not be empty" in found.err
    assert found.out == ""
    missing = flowml(verb, cases, "--marker-names", tmp_path / "none.csv")
    assert missing.status == 2
    assert "could not read the marker names" in missing.err


def test_the_table_of_names_is_not_overwritten(flowml, cases, names):
    before = names.read_bytes()
    found = flowml("features", cases, "--marker-names", names, "--out", names)
    assert found.status == 2
    assert names.read_bytes() == before
