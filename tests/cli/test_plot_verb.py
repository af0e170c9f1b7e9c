"""``flowml plot`` as whole commands."""

from __future__ import annotations

import html
import os
import re

import numpy as np
import pytest
from commands import flowml_process, run_here
from places import ROOT
from small import on_disk
from workspaces import population, tube, workspace

import flowml as package
from flowml.cli.plot import OF_CASES, OF_FILES
from flowml.gating.learned import NetworkSettings
from flowml.plotting import KINDS, KINDS_OF_CASES
from flowml.reports.plots.saving import picture_paths

GATES = """
version = 1
[[gate]]
name = "leukocytes"
kind = "range"
channels = ["CD45"]
bounds = [[0.3, 1.0]]
[[gate]]
name = "lymphocytes"
parent = "leukocytes"
kind = "polygon"
channels = ["CD45", "SSC-A"]
vertices = [[0.5, 0.0], [0.9, 0.0], [0.9, 0.3], [0.5, 0.3]]
"""
PNG = b"\x89PNG"


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return on_disk(tmp_path_factory.mktemp("plot") / "cases", 2)


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    path = tmp_path_factory.mktemp("plot-gates") / "gates.toml"
    path.write_text(GATES, encoding="utf-8")
    return path


def pictures(out):
    return sorted(path.name for path in out.iterdir())


def test_help_knows_the_kinds_that_there_are():
    assert set(OF_FILES) == set(KINDS)
    assert set(OF_CASES) == set(KINDS_OF_CASES)


def test_a_page_is_drawn_where_nothing_else_is_asked_for(flowml, folder, tmp_path):
    found = flowml("plot", folder / "S0001.fcs", "--out", tmp_path, "--dpi", 30)
    assert found.status == 0
    assert pictures(tmp_path) == ["S0001.fcs.page.png"]


def test_every_file_of_a_folder_is_drawn_and_told(flowml, folder, tmp_path):
    out = tmp_path / "new" / "plots"
    found = flowml("plot", folder, "--x", "CD45", "--y", "SSC-A", "--out", out, "--dpi", 40)
    assert found.status == 0
    names = ["S0001.fcs.view.png", "S0002.fcs.view.png"]
    assert pictures(out) == names
    assert found.out.splitlines() == [str(out / name) for name in names]
    assert all((out / name).read_bytes().startswith(PNG) for name in names)
    assert "drawn: 2 of 2" in found.err
    assert "not a medical device" in found.err


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gating", ("--gates", "GATES")),
        ("compensation", ("--marker", "CD5", "--marker", "CD19")),
        ("histograms", ("--marker", "CD5", "--reference", "FOLDER", "--format", "svg")),
        ("quality", ("--format", "pdf")),
    ],
)
def test_every_kind_of_file_is_drawn(kind, options, flowml, folder, gates, tmp_path):
    given = {"GATES": gates, "FOLDER": folder}
    found = flowml(
        "plot", folder / "S0001.fcs", "--kind", kind, "--out", tmp_path, "--dpi", 40,
        *(given.get(option, option) for option in options), "--quiet",
    )  # fmt: skip
    assert (found.status, found.err) == (0, "")
    form = options[-1] if "--format" in options else "png"
    assert pictures(tmp_path) == [f"S0001.fcs.{kind}.{form}"]


def test_a_view_goes_to_the_file_that_is_named(flowml, folder, gates, tmp_path):
    picture = tmp_path / "b-cells.svg"
    view = ("--x", "CD45", "--y", "SSC-A", "--style", "contour")
    marks = ("--within", "leukocytes", "--mark", "lymphocytes", "--gates", gates)
    found = flowml("plot", folder / "S0001.fcs", *view, *marks, "--out", picture)
    assert found.status == 0
    assert picture.read_bytes().startswith(b"<?xml")
    refused = flowml("plot", folder, *view, "--out", picture)
    assert refused.status == 3
    assert "one picture, and there are 2 to be drawn" in refused.err


@pytest.mark.parametrize("kind", KINDS_OF_CASES)
def test_a_case_is_drawn_beside_a_model(kind, flowml, folder, tmp_path):
    found = flowml(
        "plot", folder, "--kind", kind, "--model", "demo", "--case", "S0002",
        "--out", tmp_path, "--dpi", 40,
    )  # fmt: skip
    assert found.status == 0, found.err
    assert pictures(tmp_path) == [f"S0002.{kind}.png"]


def test_a_file_that_cannot_be_drawn_stops_no_other(flowml, folder, tmp_path):
    (tmp_path / "bad.fcs").write_bytes(b"FCS3.1 nothing")
    (tmp_path / "good.fcs").write_bytes((folder / "S0001.fcs").read_bytes())
    out = tmp_path / "out"
    found = flowml("plot", tmp_path, "--x", "CD45", "--y", "SSC-A", "--out", out, "--dpi", 40)
    assert found.status == 1
    assert pictures(out) == ["good.fcs.view.png"]
    assert "1 cannot be drawn:" in found.err
    assert "bad.fcs: " in found.err
    absent = flowml("plot", folder, "--x", "CD99", "--y", "SSC-A", "--out", out / "2")
    assert absent.status == 1
    assert "no channel goes by 'CD99'" in absent.err
    assert not (out / "2").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--x", "CD45"), "needs both --x and --y"),
        (("--kind", "gating"), "needs --gates"),
        (("--within", "B cells"), "populations of --gates"),
        (("--kind", "page", "--reference", "."), "--reference is for"),
        (("--kind", "training"), "needs --model"),
        (("--kind", "training", "--model", "demo", "."), "takes one folder"),
        (("--kind", "portrait"), "'portrait' is not one of"),
        (("--kind", "gating", "--gates", "auto"), "--kind page shows others"),
        (("--kind", "quality", "--transform", "linear"), "--transform is for"),
        (("--gates", "auto", "--panel", "chronic"), "'chronic' is not one of"),
        (("--gates", "absent.toml"), "absent.toml"),
    ],
)
def test_wrong_usage_is_refused(arguments, said, flowml, folder, tmp_path):
    out = tmp_path / "out"
    found = flowml("plot", folder, *arguments, "--out", out)
    assert found.status == 2
    assert said in " ".join(found.err.split())
    assert not out.exists()


def test_a_population_that_is_not_there_is_told(flowml, folder, gates, tmp_path):
    view = ("--x", "CD45", "--y", "SSC-A", "--gates", gates, "--mark", "lymphocites")
    found = flowml("plot", folder / "S0001.fcs", *view, "--out", tmp_path)
    assert found.status == 1
    assert "no population 'lymphocites'; the gates have lymphocytes" in found.err


def test_names_of_pictures_are_harmless_and_different(tmp_path):
    names = [
        "../../x.fcs",
        "a_b.fcs-2",
        "a/b.fcs",
        "a_b.fcs",
        "A_B.FCS",
        "\x1b[31m",
        "-",
        "",
        ".hidden",
        "ä" * 500,
    ]
    paths = picture_paths(names, tmp_path, "page", "png")
    assert len({str(path).casefold() for path in paths}) == len(names), "on any disk"
    assert all(path.parent == tmp_path for path in paths)
    assert all(path.name.isascii() and not path.name.startswith(".") for path in paths)
    assert all(len(path.name) < 120 for path in paths)


def test_a_process_of_its_own_draws_without_a_warning(folder, tmp_path):
    view = ("--x", "CD5", "--y", "CD19", "--out", tmp_path / "a.png")
    found = flowml_process("plot", folder / "S0001.fcs", *view)
    assert found.status == 0, found.err
    assert found.out.splitlines() == [str(tmp_path / "a.png")]


def test_gates_of_another_panel_say_which_marker_is_missing(flowml, folder, tmp_path):
    gates = ROOT / "examples" / "t_cells.toml"
    found = flowml("plot", folder / "S0001.fcs", "--gates", gates, "--out", tmp_path)
    assert found.status == 1
    assert "no channel goes by 'CD" in found.err


def told(out, name="S0001.fcs.page.svg"):
    """Return the text that stands in the comments of an SVG picture."""
    comments = re.findall(r"<!-- (.*?) -->", (out / name).read_text(encoding="utf-8"))
    return [html.unescape(text) for text in comments]


def test_gates_are_found_without_a_person(flowml, folder, tmp_path):
    asked = ("--gates", "auto", "--panel", "mature", "--format", "svg")
    found = flowml("plot", folder / "S0001.fcs", *asked, "--out", tmp_path)
    assert found.status == 0, found.err
    own = package.auto_gate(package.read_fcs(folder / "S0001.fcs"), "mature")
    said = told(tmp_path)
    for count in own.counts():
        if count.name in {"monocytes", "granulocytes"} and own.is_sure(count.name):
            share = f"{100 * count.of_parent:.3g}%"
            assert f"{count.name} {share} of cells, {count.n_events:,}" in said
    unsure = [name for name in own.masks if not own.is_sure(name)]
    assert unsure
    assert any(text.startswith("not sure (score below 0.5)") for text in said)


def test_gates_are_learned(flowml, folder, tmp_path):
    sample = package.read_fcs(folder / "S0001.fcs")
    values = sample.events()
    labels = np.where(values[:, sample.column("CD19")] > 3000, "B", "artefact")
    labels = np.where(values[:, sample.column("CD3")] > 3000, "T", labels)
    settings = NetworkSettings(n_hidden=16, n_passes=8, n_batch=64, rate=1e-2)
    classifier = package.EventClassifier(settings=settings).fit([sample], [labels])
    classifier.save(tmp_path / "own.events")
    asked = ("--gates", tmp_path / "own.events", "--format", "svg")
    found = flowml("plot", folder / "S0001.fcs", *asked, "--out", tmp_path)
    assert found.status == 0, found.err
    counts = {c.name: c for c in classifier.populations(sample).counts() if c.score >= 0.5}
    assert {"B", "T"} <= set(counts)
    for name in ("B", "T"):
        share = f"{100 * counts[name].of_parent:.3g}%"
        assert f"{name} {share} of cells, {counts[name].n_events:,}" in told(tmp_path)
    drawn = flowml(
        "plot", folder / "S0001.fcs", *asked[:2], "--kind", "gating", "--out", tmp_path
    )
    assert (drawn.status, "no outlines to draw" in drawn.err) == (1, True)


def test_each_file_gets_the_gates_of_its_sample_in_a_workspace(flowml, folder, tmp_path):
    wsp = tmp_path / "lab.wsp"
    wsp.write_text(workspace(
        tube("S0001.fcs", population("of 1", "FSC-A", 10, 1e5), 1, matrix=""),
    ), encoding="utf-8")  # fmt: skip
    found = flowml("plot", folder, "--gates", wsp, "--out", tmp_path / "a", "--dpi", 30)
    assert found.status == 1
    assert pictures(tmp_path / "a") == ["S0001.fcs.page.png"]
    assert "S0002.fcs: lab.wsp has no sample 'S0002.fcs'" in found.err
    asked = ("--sample", "S0001.fcs", "--dpi", 30, "--kind", "gating")
    found = flowml("plot", folder, "--gates", wsp, "--out", tmp_path / "b", *asked)
    assert found.status == 0, found.err
    assert len(pictures(tmp_path / "b")) == 2


def test_values_are_shown_as_they_are_stored(flowml, folder, tmp_path):
    asked = ("--transform", "linear", "--x", "CD45", "--y", "SSC-A", "--format", "svg")
    assert flowml("plot", folder / "S0001.fcs", *asked, "--out", tmp_path).status == 0
    assert not any("10^" in text for text in told(tmp_path, "S0001.fcs.view.svg"))


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("plot.jpg", "cannot draw plot.jpg"),
        ("file", "could not write"),
        ("locked", "could not"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_told(out, said, flowml, folder, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir(mode=0o555)
    if out == "locked" and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("whoever may write everywhere meets no locked folder")
    view = ("--x", "CD45", "--y", "SSC-A", "--dpi", 30)
    found = flowml("plot", folder / "S0001.fcs", *view, "--out", tmp_path / out)
    assert found.status == 3
    assert said in found.err
    assert found.out == ""


def test_files_of_one_name_in_two_folders_have_a_picture_each(flowml, folder, tmp_path):
    for name in ("a", "A_"):
        (tmp_path / "in" / name).mkdir(parents=True)
        data = (folder / "S0001.fcs").read_bytes()
        (tmp_path / "in" / name / "x.fcs").write_bytes(data)
    (tmp_path / "in" / "a_x.fcs").write_bytes((folder / "S0002.fcs").read_bytes())
    view = ("--x", "CD45", "--y", "SSC-A", "--dpi", 30)
    found = flowml("plot", tmp_path / "in", *view, "--out", tmp_path / "out")
    assert found.status == 0
    assert len(pictures(tmp_path / "out")) == 3
    assert len(set(found.out.splitlines())) == 3
