"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import SHARED_DATA
from small import QUICK

from flowml.training import DEFAULT_SETTINGS, TrainingSettings


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public data; skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the public data are not beside the project (../shared/data)")
    return SHARED_DATA


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes empty files below a folder called ``run``."""
    root = tmp_path / "run"
    root.mkdir()

    def make(*names):
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return root

    return make


@pytest.fixture
def few_trees(monkeypatch):
    """Let the forests that look for leaks have few trees, where what they find is no matter.

    They take most of the time of a small cross-validation.
    """
    monkeypatch.setattr("flowml.validation.baselines.TREES", 5)


@pytest.fixture(autouse=True)
def quick_training(request, monkeypatch):
    """Let commands train as `QUICK` does where they leave the defaults.

    A dozen cases promise less than the defaults ask for.
    """
    if "cli" not in request.path.parts:
        return
    made = TrainingSettings.__init__
    quick = {name: getattr(QUICK, name) for name in ("estimator", "confidence")}

    def make(self, *given, **named):
        left = {
            name: value
            for name, value in quick.items()
            if named.get(name, getattr(DEFAULT_SETTINGS, name))
            == getattr(DEFAULT_SETTINGS, name)
        }
        made(self, *given, **named | left)

    monkeypatch.setattr(TrainingSettings, "__init__", make)
