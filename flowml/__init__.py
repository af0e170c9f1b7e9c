"""From a folder of flow cytometry files to lineage and leukemia or lymphoma, with reasons.

Research use only; not a medical device.

The names below are imported when they are first used, so that ``import flowml`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from flowml.about import __version__

# name: the module that it lives in
_HOMES = {
    "Case": "flowml.records",
    "Channel": "flowml.records",
    "Finding": "flowml.findings",
    "Sample": "flowml.records",
    "Spillover": "flowml.records",
    "FcsError": "flowml.errors",
    "FlowmlError": "flowml.errors",
    "check_cases": "flowml.checking",
    "find_cases": "flowml.cases",
    "read_fcs": "flowml.fcs",
    "read_label_tree": "flowml.knowledge.labels",
    "read_marker_names": "flowml.knowledge.marker_names",
    "write_fcs": "flowml.fcs",
    "compensate": "flowml.preprocess",
    "display": "flowml.preprocess",
    "auto_gate": "flowml.gating.automatic",
    "EventClassifier": "flowml.gating.learned",
    "gate": "flowml.gating",
    "read_gates": "flowml.gating",
    "write_gates": "flowml.gating",
    "LineageClassifier": "flowml.models.classifier",
    "load_model": "flowml.models",
    "adapt_model": "flowml.adapting",
    "align_model": "flowml.aligning",
    "classify": "flowml.pipeline",
    "evaluate": "flowml.pipeline",
    "explain": "flowml.explaining",
    "gate_cases": "flowml.gated",
    "Reading": "flowml.reading",
    "extract": "flowml.reading",
    "Recipe": "flowml.features",
    "make_recipe": "flowml.features",
    "train": "flowml.training",
    "read_case_table": "flowml.features.casetable",
    "train_table": "flowml.tables",
    "simulate": "flowml.simulator",
    "write_cohort": "flowml.simulator",
}
_MODULES = {"plot": "flowml.reports.plots"}

__all__ = ["__version__", *_HOMES, *_MODULES]  # noqa: PLE0604 - names from the tables above

if TYPE_CHECKING:
    from flowml.adapting import adapt_model
    from flowml.aligning import align_model
    from flowml.cases import find_cases
    from flowml.checking import check_cases
    from flowml.errors import FcsError, FlowmlError
    from flowml.explaining import explain
    from flowml.fcs import read_fcs, write_fcs
    from flowml.features import Recipe, make_recipe
    from flowml.features.casetable import read_case_table
    from flowml.findings import Finding
    from flowml.gated import gate_cases
    from flowml.gating import gate, read_gates, write_gates
    from flowml.gating.automatic import auto_gate
    from flowml.gating.learned import EventClassifier
    from flowml.knowledge.labels import read_label_tree
    from flowml.knowledge.marker_names import read_marker_names
    from flowml.models import load_model
    from flowml.models.classifier import LineageClassifier
    from flowml.pipeline import classify, evaluate
    from flowml.preprocess import compensate, display
    from flowml.reading import Reading, extract
    from flowml.records import Case, Channel, Sample, Spillover
    from flowml.reports import plots as plot
    from flowml.simulator import simulate, write_cohort
    from flowml.tables import train_table
    from flowml.training import train


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'flowml' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
