"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import SHARED_DATA


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
