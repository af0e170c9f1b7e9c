"""The house is one that people can live in: short functions, short modules."""

from __future__ import annotations

import ast

import pytest
from places import ROOT

LONGEST_FUNCTION, LONGEST_MODULE = 60, 400
MODULES = sorted((ROOT / "flowml").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_and_modules_can_be_seen_whole(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_MODULE
    for item in ast.walk(ast.parse(text)):
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            assert item.end_lineno - item.lineno < LONGEST_FUNCTION, item.name


def test_names_of_test_modules_are_unique():
    """Without packages among the tests, pytest imports only one of two modules of a name."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
