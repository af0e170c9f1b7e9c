"""How the documentation is built."""

from __future__ import annotations

import flowml

project = "flowml"
author = "The flowml developers"
copyright = "2026, the flowml developers"
version = release = flowml.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build", "_templates", "tables"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "flowml"
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc says it, with shapes and units
numpydoc_show_class_members = False
myst_heading_anchors = 3
