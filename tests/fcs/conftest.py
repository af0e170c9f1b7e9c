"""Fixtures of the reader's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from build import make_fcs

from flowml.fcs import read_fcs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowml.records import Sample


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes bytes, or what `make_fcs` makes, to a file."""

    def write_file(content: bytes | None = None, name: str = "a.fcs", **how: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(make_fcs(**how) if content is None else content)
        return path

    return write_file


@pytest.fixture
def read(write: Callable[..., Path]) -> Callable[..., Sample]:
    """Return a function that builds a file and reads it."""

    def read_file(**how: Any) -> Sample:
        return read_fcs(write(**how))

    return read_file
