"""No code is reachable that turns bytes into objects of any kind, or into code."""

from __future__ import annotations

import ast

import pytest
from places import ROOT

PACKAGE = ROOT / "flowml"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
NEVER_IMPORTED = {
    "pickle", "_pickle", "cPickle", "marshal", "shelve", "dbm", "dill", "cloudpickle", "torch",
    "yaml", "jsonpickle", "skops", "onnx", "code", "codeop", "runpy", "ctypes", "cffi",
    "xml.sax", "xml.dom", "xml.dom.minidom", "xml.parsers.expat", "lxml", "plistlib", "tables",
}  # fmt: skip
NEVER_CALLED = {"eval", "exec", "compile", "__import__", "execfile", "breakpoint"}
NEVER_ASKED = {
    "load_model", "load_raw_model", "read_pickle", "read_hdf", "to_pickle", "fromstring",
    "XMLParser", "iterparse", "XML", "loads_pickle", "unsafe_load", "memmap", "load_module",
    "exec_module", "find_class", "Unpickler", "__reduce__", "__setstate__", "system", "popen",
}  # fmt: skip
# What is used of packages that could do more.
ONLY = {
    "joblib": {"Parallel", "delayed", "parallel_config"},
    "xml.etree.ElementTree": {"Element", "SubElement", "tostring", "indent"},
}
# XML is parsed in one place, which refuses any definition of an entity before.
CHECKED = {"flowml.gating.xmltext": {"fromstring", "ParseError"}}
OWN = {"flowml.models.bundle", "flowml.models"}  # where load_model is flowml's own


def faults(text, name=""):
    """Name what is not allowed in the text of a module."""
    tree = ast.parse(text)
    called = _aliases(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [item.name for item in node.names if _is_never(item.name)]
        elif isinstance(node, ast.ImportFrom):
            found += _from_faults(node)
        elif isinstance(node, ast.Call):
            found += _call_faults(node, called)
        elif isinstance(node, ast.Attribute):
            found += _attribute_faults(node, called)
    return [each for each in found if each.rpartition(".")[2] not in CHECKED.get(name, ())]


def _aliases(tree):
    """Return what names stand for modules, anywhere in the file."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    return {
        item.asname or item.name.partition(".")[0]: item.name if item.asname else
        item.name.partition(".")[0]
        for node in imports for item in node.names
    }  # fmt: skip


def _is_never(module):
    return any(module == never or module.startswith(f"{never}.") for never in NEVER_IMPORTED)


def _from_faults(node):
    module = node.module or ""
    if _is_never(module):
        return [module]
    names = {item.name for item in node.names}
    if module in ONLY:
        return sorted(names - ONLY[module])
    if module.startswith("flowml"):
        return []
    full = {f"{module}.{name}" for name in names}
    return sorted(each for each in full if _is_never(each)) + sorted(names & NEVER_ASKED)


def _call_faults(node, called):  # noqa: PLR0911 - one for each way
    function = node.func
    if isinstance(function, ast.Name):
        if function.id in NEVER_CALLED:
            return [function.id]
        return ["Booster(model_file)"] if function.id == "Booster" else []
    if not isinstance(function, ast.Attribute):
        return []
    if function.attr == "Booster" and (node.args[2:] or _keyword(node, "model_file")):
        return ["Booster(model_file)"]
    of_module = called.get(function.value.id) if isinstance(function.value, ast.Name) else None
    if of_module == "numpy" and function.attr in {"load", "fromfile"}:
        allowed = _keyword(node, "allow_pickle")
        if not (isinstance(allowed, ast.Constant) and allowed.value is False):
            return ["numpy.load"]
    if function.attr == "import_module":
        return [] if _is_fixed(node.args[0]) else ["import_module"]
    return []


def _keyword(node, name):
    return next((each.value for each in node.keywords if each.arg == name), None)


def _is_fixed(argument):
    """Tell a module's name that stands in the code from one that comes from elsewhere."""
    if isinstance(argument, ast.JoinedStr):
        first = argument.values[0]
        return isinstance(first, ast.Constant) and first.value.startswith("flowml.")
    if isinstance(argument, ast.Subscript):  # of a dict of the module, written in capitals
        return isinstance(argument.value, ast.Name) and argument.value.id.isupper()
    return isinstance(argument, ast.Constant) and not _is_never(argument.value)


def _attribute_faults(node, called):
    of_module = called.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if of_module in ONLY:
        return [] if node.attr in ONLY[of_module] else [f"{of_module}.{node.attr}"]
    if node.attr in NEVER_ASKED and of_module not in OWN:
        return [node.attr]
    return []


def test_no_module_can_turn_bytes_into_objects():
    found = {
        name: what
        for name, path in MODULES.items()
        if (what := faults(path.read_text(encoding="utf-8"), name))
    }
    assert len(MODULES) > 150
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "def f():\n    import marshal", "from pickle import loads",
        "import torch as t\nt.load(x)", "import joblib\njoblib.load(x)",
        "from joblib import load", "import numpy as np\nnp.load(x)",
        "import numpy\nnumpy.load(x, allow_pickle=True)",
        "import numpy as np\nnp.load(x, allow_pickle=flag)", "eval(x)", "exec(x)",
        "import xgboost\nxgboost.Booster().load_model(x)",
        "import xgboost\nxgboost.Booster(model_file=x)",
        "from xgboost import Booster\nBooster(x)",
        "import yaml", "import xml.etree.ElementTree as ET\nET.fromstring(x)",
        "from xml.etree.ElementTree import parse", "import xml.dom.minidom",
        "import pandas as pd\npd.read_pickle(x)",
        "import importlib\nimportlib.import_module(x)",
        "import importlib\nimportlib.import_module('pickle')", "import os\nos.system(x)",
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_found(text):
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\nnp.load(x, allow_pickle=False)", "import re\nre.compile(x)",
        "import json\njson.loads(x)", "from joblib import Parallel",
        "import importlib\nimportlib.import_module('flowio')",
    ],
)  # fmt: skip
def test_what_is_harmless_is_not(text):
    assert faults(text) == []
