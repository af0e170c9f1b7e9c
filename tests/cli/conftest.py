"""Commands of these tests train on a handful of cases."""

from __future__ import annotations

import pytest
from small import QUICK

from flowml.training import DEFAULT_SETTINGS, TrainingSettings


@pytest.fixture(autouse=True)
def quick_training(monkeypatch):
    """Train as `QUICK` does where a command leaves the defaults: a dozen cases promise less."""
    made = TrainingSettings.__init__
    quick = {name: getattr(QUICK, name) for name in ("estimator", "confidence")}

    def make(self, *given, **named):
        left = {
            name: value
            for name, value in quick.items()
            if named.get(name, getattr(DEFAULT_SETTINGS, name)) == getattr(DEFAULT_SETTINGS, name)
        }
        made(self, *given, **named | left)

    monkeypatch.setattr(TrainingSettings, "__init__", make)
