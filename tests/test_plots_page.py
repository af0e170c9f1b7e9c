"""The gallery of pictures: all of them there, described, and small."""

from __future__ import annotations

import re
import sys
from importlib import import_module

import pytest
from places import ROOT

from flowml.plotting import KINDS, KINDS_OF_CASES

PICTURES = ROOT / "docs" / "pictures" / "plots"
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
        yield import_module("make_plots")
    for name in ("make_plots", "make_gallery"):
        sys.modules.pop(name, None)


def test_every_kind_has_its_picture_on_the_page(script):
    page = (ROOT / "docs" / "plots.md").read_text(encoding="utf-8")
    shown = re.findall(r"\(pictures/plots/(\w+)\.png\)", page)
    assert sorted(shown) == sorted(script.PICTURES) == sorted([*KINDS, *KINDS_OF_CASES])
    assert sorted(path.stem for path in PICTURES.iterdir()) == sorted(shown)
    for kind in (*KINDS, *KINDS_OF_CASES):
        assert f"| `{kind}` |" in page
    for path in PICTURES.iterdir():
        assert path.stat().st_size < MOST_BYTES, f"{path.name}: run scripts/make_plots.py"
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_is_the_same_each_time(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "EVENTS", 2_000)
    script.case.cache_clear()
    first, again = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, again):
        script.save(script.PICTURES["gating"](), path)
    script.case.cache_clear()
    assert first.read_bytes() == again.read_bytes()
