"""Verifying a model: every check can pass, and every check can fail."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from small import model, saved_model

from flowml.models import read_manifest, verify
from flowml.safety import file_sha256


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("verify") / "m.flowml")


def found(path, **options):
    return {check.name: check.passed for check in verify.verify_model(path, **options)}


def test_a_sound_model_passes_every_check(path):
    names = ["file", "members", "manifest", "trees", "contributions", "saved and loaded"]
    assert found(path) == dict.fromkeys(names, True)
    assert found(path, sha256=file_sha256(path)) == dict.fromkeys(names, True)
    assert found("demo") == dict.fromkeys(names, True)


def test_another_hash_a_damaged_and_a_missing_file_fail(path, tmp_path):
    assert found(path, sha256="0" * 64) == {"file": False}
    assert found(tmp_path / "none") == {"file": False}
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 255
    (tmp_path / "damaged").write_bytes(raw)
    assert found(tmp_path / "damaged") == {"file": False}


def altered(change):
    """Return the model with other trees in memory than in its document."""
    own = model().predictor
    trees = replace(own.trees, **change(own.trees))
    return replace(model(), predictor=replace(own, trees=trees))


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (lambda t: {"threshold": t.threshold + np.float32(0.25)}, "trees"),
        (lambda t: {"default_left": ~t.default_left}, "trees"),
        (lambda t: {"base": t.base + np.arange(len(t.base))}, "saved and loaded"),
    ],
)
def test_trees_that_are_not_those_of_the_document_fail(path, monkeypatch, change, failed):
    loaded = verify.load_model(path)
    odd = replace(altered(change), origin=loaded.origin)
    monkeypatch.setattr(
        verify, "load_model", lambda given, **_: odd if given == path else loaded
    )
    checks = found(path)
    assert not checks[failed]


def test_contributions_that_do_not_add_up_fail(path, monkeypatch):
    monkeypatch.setattr("flowml.models.predictor.tree_contributions", shifted)
    assert [name for name, passed in found(path).items() if not passed] == ["contributions"]


def shifted(ensemble, row):
    from flowml.models.contributions import tree_contributions

    found = tree_contributions(ensemble, row)
    return replace(found, bias=found.bias + 1e-6)


def test_the_manifest_is_that_of_the_file(path):
    manifest = read_manifest(path)
    assert tuple(manifest["weights"]) == model().predictor.weights
    assert manifest["caution"] == model().caution.to_dict()
    assert tuple(manifest["feature_names"]) == model().feature_names
    assert json.dumps(manifest)
