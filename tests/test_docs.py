"""What the documentation says of the code is so."""

from __future__ import annotations

import importlib.util
import re

import pytest
from places import ROOT

import flowml


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "text"), script("write_tables").tables().items())
def test_the_tables_are_those_of_the_code(name, text):
    found = (ROOT / "docs" / "tables" / name).read_text(encoding="utf-8")
    assert found == text, "run: python scripts/write_tables.py"


def test_every_code_that_the_source_gives_is_documented():
    tables = ROOT / "docs" / "tables"
    pages = [ROOT / "docs" / "findings.md", *sorted(tables.glob("*.md"))]
    documented = "".join(page.read_text(encoding="utf-8") for page in pages)
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "flowml").rglob("*.py"))
    given = re.findall(r'Finding\(\s*"([A-Z0-9-]+)"', source)
    given += re.findall(
        r'"((?:CASE|MODEL|PANEL|TABLE|SCALE|MARKER|COMP|QUALITY|RULE|GIVEN|ANSWER|SECOND)-[A-Z-]+)"',
        source,
    )
    assert len(set(given)) > 10
    assert sorted(code for code in set(given) if f"`{code}`" not in documented) == []


def test_every_public_name_is_in_the_api_page():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    names = set(flowml.__all__) - {"__version__", "plot"}
    assert (
        sorted(name for name in names if not re.search(rf"^ +{name}$", page, re.MULTILINE))
        == []
    )


def test_the_readme_names_only_verbs_that_exist():
    from flowml.cli.main import VERBS

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\$ flowml (\w+)", text)) <= set(VERBS)
