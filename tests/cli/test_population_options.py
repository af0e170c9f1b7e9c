"""Populations as features, from the command line: gates of a file travel with the model."""

from __future__ import annotations

import csv
import io
import shutil

import pytest
from commands import run_here
from small import on_disk

GATES = """
version = 1
[[gate]]
name = "cells"
kind = "range"
channels = ["FSC-A"]
bounds = [[0.05, inf]]

[[gate]]
name = "B cells"
parent = "cells"
kind = "range"
channels = ["CD19"]
bounds = [[0.45, inf]]
"""


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("populations") / "cases")


@pytest.fixture
def gates(tmp_path):
    path = tmp_path / "panel.toml"
    path.write_text(GATES, encoding="utf-8")
    return path


def test_features_of_drawn_gates(flowml, folder, gates):
    result = flowml(
        "features", folder, "--recipe", "populations", "--gates", gates,
        "--share-of", "cells", "--absolute", "--quiet",
    )  # fmt: skip
    assert result.status == 0
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert len(rows) == 12
    for row in rows:
        share = float(row["/B cells|of_parent"])
        assert 0 <= share <= 1
        assert row["/B cells|of_cells"] == row["/B cells|of_parent"]
        events = float(row["/B cells|events"])
        assert events == pytest.approx(share * float(row["/cells|events"]), abs=1e-3)
        assert row["/cells|per_microlitre"] == ""  # simulated files tell no volume


def test_a_model_brings_its_gates_along(flowml, folder, gates, tmp_path):
    model, out = tmp_path / "m.flowml", tmp_path / "out"
    trained = flowml(
        "train", folder, "--labels", folder / "cases.csv", "--recipe", "populations",
        "--gates", gates, "--estimator", "logistic", "--confidence", "0.5", "--out", model,
    )  # fmt: skip
    assert trained.status == 0, trained.err
    gates.unlink()
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(next(folder.glob("*.fcs")), new)
    assert flowml("classify", new, "--model", model, "--out", out, "--quiet").status == 0
    (file,) = new.iterdir()
    told = flowml("explain", new, file.stem, "--model", model)
    assert told.status == 0
    assert "B cells" in told.out
    assert "/B cells" not in told.out
    card = flowml("model", "show", model)
    assert "Populations, and in how many training cases" in card.out
    assert "`cells` (100%)" in card.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--gates", "nowhere.toml"), "nowhere.toml"),
        (("--share-of", "blasts"), "no population 'blasts'"),
        (("--share-of", "all"), "cannot be told apart"),
    ],
)
def test_gates_that_cannot_be_used_are_refused(flowml, folder, gates, options, says):
    given = ("--gates", gates) if options[0] != "--gates" else ()
    result = flowml("features", folder, "--recipe", "populations", *given, *options)
    assert result.status != 0
    assert says in result.err
    assert "Traceback" not in result.err
