"""How the documentation is built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import flowml
from flowml.fcs.codes import FINDINGS, REFUSALS
from flowml.knowledge import load_label_tree

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
ENTITY_HEADING = ["entity", "lineage", "category", "leukemia or lymphoma", "rule", "source"]

project = "flowml"
author = "The flowml developers"
copyright = "2026, the flowml developers"
version = release = flowml.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "flowml"
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc says it, with shapes and units
numpydoc_show_class_members = False
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write_tables(_app: Sphinx) -> None:
    """Write the tables that are made from the code."""
    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    findings = [[f"`{c}`", str(s), text] for c, (s, text) in FINDINGS.items()]
    refusals = [[f"`{code}`", text] for code, text in REFUSALS.items()]
    entities = [
        [e.name, e.lineage, e.category, e.answer, f"`{e.rule}`", e.source]
        for e in load_label_tree().entities.values()
    ]
    tables = {
        "findings": _table(["code", "severity", "meaning"], findings),
        "refusals": _table(["code", "meaning"], refusals),
        "entities": _table(ENTITY_HEADING, entities),
    }
    for name, text in tables.items():
        (folder / f"{name}.inc").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register what is written before the build."""
    app.connect("builder-inited", write_tables)
