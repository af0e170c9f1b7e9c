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
