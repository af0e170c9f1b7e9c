"""The names that a lab script uses."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import flowml
from flowml.about import DISCLAIMER


@pytest.mark.parametrize("name", flowml.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(flowml, name)
    assert value.__doc__


def test_a_name_that_is_not_there_says_so():
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = flowml.nope


def test_names_are_listed():
    assert set(dir(flowml)) == set(flowml.__all__)
    assert len(set(flowml.__all__)) == len(flowml.__all__) >= 20


def test_the_disclaimer_stands_in_the_package_itself():
    assert "not a medical device" in DISCLAIMER
    assert DISCLAIMER in flowml.__doc__


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, flowml; heavy = ('numpy', 'pandas', 'sklearn', 'xgboost', 'click'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_lazy_modules_are_the_modules():
    assert flowml.plot is importlib.import_module("flowml.reports.plots")
