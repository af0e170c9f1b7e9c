"""The rules are asked while a case's features are computed, and no file is read twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small import cohort, on_disk, one_tube, plain_sample, sample_of

import flowml
from flowml.events import ArraySource, RememberedSource
from flowml.fcs.data import FileSource
from flowml.features import describe_case, make_recipe
from flowml.gating.rules import RULES, rule_findings
from flowml.quality import Preparation
from flowml.records import Case, Scale

ASKED = Preparation(rules=True)


@pytest.fixture(scope="module")
def recipe():
    return make_recipe("ecdf").learn([])


def test_the_rules_say_what_they_say_of_the_samples_themselves(recipe):
    case = cohort()[1]
    found = describe_case(case, recipe, ASKED)
    samples = [tube.origin for tube in case.tubes]
    assert found.evidence.rules == rule_findings(samples, case.details["specimen"])
    assert [item.rule for item in found.evidence.rules] == list(RULES)
    tube = found.evidence.tubes[0]
    assert (tube.n_events, tube.name) == (samples[0].n_events, samples[0].name)
    assert 0 < tube.n_intact < tube.n_events


def test_features_are_the_same_bits_with_and_without(recipe):
    plain, asked = (
        describe_case(cohort()[0], recipe, Preparation(rules=rules)) for rules in (False, True)
    )
    assert plain.evidence is None
    assert plain.values.tobytes() == asked.values.tobytes()
    assert plain.findings == asked.findings


@pytest.mark.parametrize("chunk", [100, 8192])
def test_a_file_is_read_once(tmp_path, recipe, monkeypatch, chunk):
    case = flowml.find_cases(on_disk(tmp_path / "run", 1))[0]
    asked = []
    read = FileSource.blocks
    monkeypatch.setattr(FileSource, "blocks", lambda s, n: asked.append(n) or read(s, n))
    found = describe_case(case, recipe, ASKED, chunk)
    assert len(asked) == 1
    assert found.evidence.rules == rule_findings([sample_of(0)])


def test_what_a_mask_leaves_out_is_no_evidence(recipe):
    found = describe_case(cohort()[0], recipe, Preparation(quality="mask", rules=True))
    assert found.evidence.tubes[0].n_events == found.tubes[0].n_events
    assert found.evidence.tubes[0].n_events < sample_of(0).n_events


def test_display_values_are_not_for_rules_and_that_is_told(recipe):
    sample = replace(plain_sample(np.full((200, 2), 0.5), ["CD3", "CD4"]), scale=Scale.DISPLAY)
    found = describe_case(one_tube(sample), recipe, ASKED)
    assert found.evidence.rules == ()
    assert "display scale" in found.evidence.problem
    assert found.evidence.tubes[0].n_intact is None


@pytest.mark.parametrize("n_events", [0, 1, 2, 40])
@pytest.mark.parametrize("markers", [["CD19"], ["CD45", "CD3", "CD19", "kappa", "lambda"]])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 500.0])
def test_tubes_with_next_to_nothing_are_no_trouble(recipe, n_events, markers, value):
    sample = plain_sample(np.full((n_events, len(markers)), value), markers)
    found = describe_case(one_tube(sample), recipe, ASKED)
    assert not any(item.urgent for item in found.evidence.rules)


def test_a_case_that_cannot_be_read_has_no_evidence(recipe, tmp_path):
    broken = tmp_path / "a.fcs"
    broken.write_bytes(b"FCS3.1 nothing")
    case = flowml.find_cases(tmp_path)[0]
    assert describe_case(case, recipe, ASKED).evidence is None
    assert describe_case(Case("K", ()), recipe, ASKED).evidence is None


def test_remembered_events_are_those_of_the_source_and_only_if_seen_to_the_end():
    values = np.arange(20.0).reshape(10, 2)
    source = RememberedSource(ArraySource(values))
    next(source.blocks(4))  # not to the end
    assert source.n_events == 10
    for size in (4, 3, 100):
        assert np.array_equal(np.concatenate(list(source.blocks(size))), values)
    assert np.array_equal(source.events(), values)
    assert list(RememberedSource(ArraySource(values[:0])).blocks(4)) == []
