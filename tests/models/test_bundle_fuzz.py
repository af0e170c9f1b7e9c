"""A short run of the fuzzer of model files, and proof that it would see what it looks for.

The long run is ``python scripts/fuzz_bundle.py``.
"""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from damage import (
    CONSISTENT,
    DAMAGED,
    Judge,
    Mutant,
    changed,
    consistent,
    make_gated_model,
    make_model,
    make_mutant,
    members_of,
    right_recipe,
)
from places import ROOT

import flowml
from flowml.errors import ModelError
from flowml.models import load_model
from flowml.models.bundle import CARD, MANIFEST

SHORT = 100


@pytest.fixture(scope="module")
def fuzz():
    path = ROOT / "scripts" / "fuzz_bundle.py"
    spec = importlib.util.spec_from_file_location("fuzz_bundle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture
def judge(model, tmp_path):
    return Judge(model, tmp_path)


def test_no_target_is_missed_in_a_short_run(fuzz, model):
    report = fuzz.summarise(fuzz.judge_all(str(model), SHORT, seed=5, jobs=1), 5)
    assert report["missed"] == []
    counts = report["table"]
    assert sum(counts[DAMAGED].values()) == sum(counts[CONSISTENT].values()) == SHORT
    assert counts[DAMAGED]["refused"] > 0.9 * SHORT
    assert all(counts[CONSISTENT][outcome] > 1 for outcome in ("refused", "same", "other"))


def test_damaged_gates_are_refused_or_can_be_asked(tmp_path):
    file = make_gated_model(tmp_path)
    members = members_of(file.read_bytes())
    case = next(iter(flowml.simulate(entities=("CLL",), cases=1, events=300, seed=1)))
    asked = 0
    for number in range(SHORT):
        manifest = json.loads(members[MANIFEST])
        part = next(part for part in manifest["recipe"]["parts"] if "gates" in part)
        document = json.loads(part["gates"])
        step = changed(document, np.random.default_rng(number))
        part["gates"] = json.dumps(document)
        right_recipe(manifest)
        file.write_bytes(consistent(members, manifest))
        try:
            model = load_model(file)
        except ModelError:
            continue
        answer = flowml.classify([case], model).predictions[0]
        assert answer.status in {"answered", "backed_off", "not_classifiable"}, step
        asked += 1
    assert 0 < asked < SHORT / 2


def test_the_same_number_is_the_same_mutant(judge):
    for kind in (DAMAGED, CONSISTENT):
        one, again, other = (make_mutant(judge.raw, kind, n, 3) for n in (7, 7, 8))
        assert one == again != other


def test_the_right_file_in_another_order_is_the_same(judge):
    members = members_of(judge.raw)
    raw = consistent(members, json.loads(members[MANIFEST]))
    assert raw != judge.raw
    found = judge.verdict(Mutant(CONSISTENT, raw, ()))
    assert (found.outcome, found.pinned) == ("same", True)


def altered(judge, change):
    members = members_of(judge.raw)
    manifest = json.loads(members[MANIFEST])
    change(manifest)
    return judge.verdict(Mutant(CONSISTENT, consistent(members, manifest), ()))


def test_another_weight_is_seen(judge):
    def heavier(manifest):
        manifest["weights"][0] *= 1.0000001

    found = altered(judge, heavier)
    assert (found.outcome, found.pinned) == ("other", True)


def test_a_reader_that_fails_hangs_or_is_not_sure_is_seen(judge, monkeypatch):
    def raising(*_, **__):
        raise IndexError("4 is out of bounds")

    mutant = Mutant(DAMAGED, judge.raw, ())
    assert judge.verdict(mutant).outcome == "same"
    monkeypatch.setattr("damage.SLOW", 1)
    for name, reader, outcome in (
        ("damage.load_model", raising, "crash"),
        ("damage._bits_of", lambda *_: endless(), "slow"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(name, reader)
            patch.setattr(Judge, "_is_pinned", lambda _: True)
            assert judge.verdict(mutant).outcome == outcome
    with monkeypatch.context() as patch:
        patch.setattr(
            "flowml.models.trained.TrainedModel.predict_proba",
            lambda _, values: values[:, :3] * float("nan"),
        )
        assert judge.verdict(mutant).outcome == "no numbers"


def endless():
    while True:
        pass


def test_a_missed_target_is_named(fuzz):
    plain = {
        "number": 1, "pinned": True, "seconds": 0.1, "said": "", "steps": ["x"], "parts": [],
    }  # fmt: skip
    faults = [
        {"kind": DAMAGED, "outcome": "other"},
        {"kind": CONSISTENT, "outcome": "other", "parts": ["flowml_version"]},
        {"kind": CONSISTENT, "outcome": "crash"},
        {"kind": CONSISTENT, "outcome": "refused", "pinned": False},
    ]
    for fault in faults:
        assert len(fuzz.summarise([plain | fault], 0)["missed"]) == 1
    meant = {"kind": CONSISTENT, "outcome": "other", "parts": ["weights"]}
    assert fuzz.summarise([plain | meant], 0)["missed"] == []


def test_parts_are_members_and_keys_of_the_manifest(fuzz):
    steps = (f"{MANIFEST}: caution/levels/entity is '1'", f"{CARD}: only until 3")
    assert fuzz.parts_of(Mutant(CONSISTENT, b"", steps)) == ["card.md", "caution"]


def test_a_change_goes_to_any_depth():
    import numpy as np

    paths = set()
    for number in range(300):
        document = {"a": {"b": [1, {"c": "x"}]}, "d": 2.0}
        paths.add(changed(document, np.random.default_rng(number)).partition(" ")[0])
    assert paths == {"a", "d", "a/b", "a/b/0", "a/b/1", "a/b/1/c"}
