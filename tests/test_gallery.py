"""The gallery: every picture is there, small, described, and the same each time."""

from __future__ import annotations

import re
import sys
from importlib import import_module

import pytest
from places import ROOT

from flowml.knowledge.biology import load_biology
from flowml.knowledge.panels import load_panel, load_views

PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def gallery():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
        yield import_module("make_gallery")
    del sys.modules["make_gallery"]


def test_every_picture_is_described_and_small(gallery):
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    shown = re.findall(r"\(pictures/(\S+\.png)\)", page)
    files = [f"gallery/{wanted.file}.png" for wanted in gallery.PICTURES]
    assert sorted(shown) == sorted([*files, "anchor-views.png"])
    for name in shown:
        path = PICTURES / name
        assert path.stat().st_size < MOST_BYTES, f"{name}: run scripts/make_gallery.py"
        assert path.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in (PICTURES / "gallery").iterdir()) == sorted(
        f"{wanted.file}.png" for wanted in gallery.PICTURES
    )


def test_gates_and_views_are_those_of_the_knowledge_files(gallery):
    views = {view.name: view for view in load_views()}
    populations = load_biology().populations
    for panel, names in gallery.VIEWS.items():
        tubes = [{*tube.markers, "FSC-A", "SSC-A"} for tube in load_panel(panel).tubes]
        for view in (views[name] for name in names):
            assert any({view.x, view.y} <= tube for tube in tubes), view.name
            assert view.gate in {"", *gallery.GATES}
    for gate, names in gallery.GATES.items():
        assert set(names) - {"promyelocytes"} <= set(populations), gate


def test_a_picture_is_the_same_each_time(gallery, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "EVENTS", 2_000)
    monkeypatch.setitem(gallery.VIEWS, "plasma-cell", gallery.PLASMA[: gallery.COLUMNS])
    wanted = next(item for item in gallery.PICTURES if item.file == "mm")
    case = gallery.first_case(wanted)
    assert case.details["entity"] == "MM"
    assert 0.2 <= float(case.details["neoplastic_share"]) <= 0.6
    for name in "ab":
        gallery.save(gallery.draw(wanted), tmp_path / f"{name}.png")
    first, again = ((tmp_path / f"{name}.png").read_bytes() for name in "ab")
    assert first == again
    assert first.startswith(b"\x89PNG")
