"""A folder with files, for the tests of finding cases."""

from __future__ import annotations

import pytest


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
