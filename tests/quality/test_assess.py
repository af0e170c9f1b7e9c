"""Whole tubes: verdicts, findings, thresholds, and what a mask leaves out."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from small import one_tube, plain_sample, with_events

import flowml
from flowml.errors import FlowmlError, QualityError
from flowml.events import COMPUTE_BLOCK
from flowml.features import describe_case, make_recipe
from flowml.findings import Finding, Severity
from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.files import HOME
from flowml.knowledge.quality import load_quality_book
from flowml.quality import CHECKS, Preparation, Verdict, assess
from flowml.quality.mask import admit
from flowml.quality.records import CODES
from flowml.records import Role


@pytest.fixture(scope="module")
def tube():
    """A sound simulated tube in memory."""
    sample = flowml.simulate("screening", cases=1, events=9000, seed=3)[0].tubes[0].origin
    return with_events(sample, sample.events())


@pytest.fixture(scope="module")
def values(tube):
    return tube.events()


def verdicts(sample, compensation="auto"):
    return {check.name: check for check in assess(sample, compensation).checks}


def with_bubble(tube, values):
    hurt = values.copy()
    hurt[4000:4400, :-1] *= 0.5
    return with_events(tube, hurt)


def test_a_sound_tube_passes(tube):
    found = assess(tube)
    assert found.verdict is Verdict.PASS
    assert found.findings == found.failed == found.disturbed == ()
    assert [check.name for check in found.checks] == list(CHECKS)
    assert {check.code for check in found.checks} == set(CODES)
    assert 0.8 < found.keep.mean() < 1
    assert all(np.isfinite(list(check.numbers.values())).all() for check in found.checks)


def test_every_check_says_why_it_could_not_be_made():
    for n in (0, 1, 30):
        bare = plain_sample(np.ones((n, 1)), ["CD3"])
        found = assess(bare)
        assert len(found.keep) == n
        assert found.verdict is Verdict.FAIL, "too few events"
        why = [c for c in found.checks if c.verdict is Verdict.NOT_ASSESSED]
        assert {c.name for c in why} >= {
            "rate",
            "flow",
            "drift",
            "doublets",
            "debris",
            "matrix",
        }
        assert all(len(c.sentence) > len("not assessed: ") for c in why)


def test_values_that_are_no_numbers_do_no_harm(tube, values):
    odd = values.copy()
    odd[::3] = np.nan
    odd[1::7, 2] = np.inf
    found = assess(with_events(tube, odd))
    assert len(found.checks) == len(CHECKS)


def test_a_bubble_is_named_and_left_out(tube, values):
    found = assess(with_bubble(tube, values))
    ((start, end),) = found.disturbed
    assert not found.keep[start:end].any()
    flow = next(check for check in found.checks if check.name == "flow")
    assert flow.verdict is Verdict.WARN
    assert f"{start + 1} to {end}" in flow.sentence
    assert flow.finding == Finding("QUALITY-FLOW", flow.sentence, Severity.WARN)


def test_a_mask_is_not_made_where_the_usual_cannot_be_told(tube, values):
    hurt = values.copy()
    for start in range(0, 9000, 600):
        hurt[start : start + 250, 3:-1] *= 0.2
    found = assess(with_events(tube, hurt))
    assert verdicts(with_events(tube, hurt))["flow"].verdict is Verdict.FAIL
    disturbed = np.concatenate([np.arange(*stretch) for stretch in found.disturbed])
    assert found.keep[disturbed].mean() > 0.8


def at_the_top(values, sample):
    values[:7000, 0] = sample.channels[0].top


def turned_round(values, _):
    values[:, -1] = values[::-1, -1].copy()


def paused(values, _):
    values[4000:, -1] += 9e5


def much_debris(values, _):
    values[:4000, :3] *= 0.3


def much_stuck(values, _):
    values[:3000, 1] *= 0.5


@pytest.mark.parametrize(
    ("spoil", "name", "verdict"),
    [
        (at_the_top, "ends", "fail"),
        (turned_round, "rate", "fail"),
        (paused, "rate", "warn"),
        (much_debris, "debris", "warn"),
        (much_stuck, "doublets", "warn"),
    ],
)
def test_what_is_spoilt_is_named(tube, values, spoil, name, verdict):
    hurt = values.copy()
    spoil(hurt, tube)
    found = verdicts(with_events(tube, hurt))
    assert found[name].verdict.value == verdict, found[name].sentence
    expected = Severity.FAIL if verdict == "fail" else CODES[found[name].code][0]
    assert found[name].finding.severity is expected


def test_few_events_are_graded_by_number(tube, values):
    book = load_quality_book()
    least, fewest = (int(book.number("events", key)) for key in ("warn", "fail"))
    said = {
        n: verdicts(with_events(tube, values[:n]))["events"].verdict
        for n in (fewest - 1, fewest, least - 1, least)
    }
    assert list(said.values()) == [Verdict.FAIL, Verdict.WARN, Verdict.WARN, Verdict.PASS]


def test_the_reader_s_findings_count(tube):
    for severity, verdict in (
        (Severity.INFO, "pass"),
        (Severity.REVIEW, "warn"),
        (Severity.FAIL, "fail"),
    ):
        noticed = replace(tube, noticed=(Finding("FCS-X", "odd", severity),))
        assert verdicts(noticed)["file"].verdict.value == verdict


def test_wrong_matrices_and_none(tube):
    matrix = tube.spillover.matrix.copy()
    off = ~np.eye(len(matrix), dtype=bool)
    for factor in (0.5, 1.6):
        wrong = matrix.copy()
        wrong[off] *= factor
        spill = flowml.Spillover(tube.spillover.channels, wrong)
        found = verdicts(replace(tube, spillover=spill))["matrix"]
        assert found.verdict in {Verdict.WARN, Verdict.FAIL}
        assert ("overcompensated" in found.sentence) == (factor > 1)
    bare = verdicts(replace(tube, spillover=None))
    assert bare["compensation"].verdict is Verdict.WARN
    assert "--compensation" in bare["compensation"].sentence
    assert bare["matrix"].verdict is Verdict.NOT_ASSESSED
    assert verdicts(replace(tube, spillover=None), "already")["compensation"].verdict is (
        Verdict.PASS
    )
    nearly = np.eye(len(matrix)) + 0.001 * off
    lost = verdicts(replace(tube, spillover=flowml.Spillover(tube.spillover.channels, nearly)))
    assert lost["compensation"].sentence.startswith("hardly any spillover was taken away; in")
    assert lost["compensation"].verdict is Verdict.WARN
    assert all(np.isfinite(list(item.numbers.values())).all() for item in lost.values())
    done = verdicts(flowml.compensate(tube))
    assert done["compensation"].verdict is done["matrix"].verdict is Verdict.PASS


def test_a_display_scale_is_told(tube):
    shown = flowml.display(flowml.compensate(tube))
    found = verdicts(shown)
    assert found["scale"].verdict is Verdict.WARN
    assert found["matrix"].verdict is Verdict.NOT_ASSESSED
    assert found["debris"].verdict is Verdict.PASS


# --- masks ---------------------------------------------------------------------------------


def test_off_does_nothing(tube):
    assert admit(tube, "off") == (tube, ())
    with pytest.raises(FlowmlError, match="expected off, mask, strict"):
        admit(tube, "some")
    with pytest.raises(FlowmlError, match="expected off, mask, strict"):
        flowml.Reading(quality="some")


def test_a_mask_leaves_the_same_events_out_of_every_view(tube, values):
    hurt = with_bubble(tube, values)
    masked, findings = admit(hurt, "mask")
    keep = assess(hurt).keep
    assert masked.n_events == keep.sum() < hurt.n_events
    expected = hurt.events()[keep]
    assert np.array_equal(masked.events(), expected)
    assert np.array_equal(masked.stored, expected)
    for size in (1, 100, COMPUTE_BLOCK, 50_000):
        blocks = [block.copy() for block in masked.blocks(size)]
        assert [len(b) for b in blocks[:-1]] == [size] * (len(blocks) - 1)
        assert np.array_equal(np.concatenate(blocks), expected)
    again = pickle.loads(pickle.dumps(masked.source))  # noqa: S301 - to a worker and back
    assert np.array_equal(again.events(), expected)
    assert not again.keep.flags.writeable
    assert [item.code for item in findings] == ["QUALITY-FLOW", "QUALITY-MASKED"]
    assert f"{hurt.n_events - keep.sum()} of {hurt.n_events} events" in findings[1].message


def test_strict_refuses_with_all_reasons(tube, values):
    hurt = values.copy()
    hurt[:7000, 0] = tube.channels[0].top
    hurt[:, -1] = hurt[::-1, -1].copy()
    with pytest.raises(QualityError, match=r"QUALITY-ENDS.*QUALITY-RATE.*--quality off"):
        admit(with_events(tube, hurt), "strict")
    same, findings = admit(tube, "strict")
    assert same is tube
    assert findings == ()


def test_features_of_a_case_by_each_policy(tube, values):
    recipe = make_recipe("ecdf").learn([])
    case = one_tube(with_bubble(tube, values))
    off, mask, strict = (
        describe_case(case, recipe, Preparation(quality=quality))
        for quality in ("off", "mask", "strict")
    )
    assert np.array_equal(off.values, describe_case(case, recipe).values)
    assert np.array_equal(off.values, strict.values)
    assert not np.array_equal(off.values, mask.values)
    assert not off.tubes[0].masked
    assert mask.tubes[0].masked
    assert mask.tubes[0].n_events < off.tubes[0].n_events
    codes = [{item.code for item in each.findings} for each in (off, mask, strict)]
    assert codes[1] - codes[0] == {"QUALITY-FLOW", "QUALITY-MASKED"}
    assert codes[2] - codes[0] == {"QUALITY-FLOW"}
    chunked = describe_case(case, recipe, Preparation(quality="mask"), 100)
    assert np.array_equal(chunked.values, mask.values)
    bad = one_tube(with_events(tube, values[:50]))
    refused = describe_case(bad, recipe, Preparation(quality="strict"))
    assert "failed its quality check: 50 events" in refused.problem
    assert refused.findings[-1].code == "CASE-QUALITY"
    assert not describe_case(bad, recipe).problem


# --- thresholds ----------------------------------------------------------------------------


def test_a_laboratory_s_own_thresholds(tube, tmp_path):
    text = (HOME / "quality.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(text.replace("value = 5000", "value = 20000"), encoding="utf-8")
    strict = assess(tube, book=load_quality_book(own))
    assert strict.verdict is Verdict.WARN
    assert [item.code for item in strict.findings] == ["QUALITY-EVENTS"]
    for old, new, said in (
        ("backwards_warn", "backward_warn", "nearest: backwards_warn"),
        ("value = 5000, source", "value = 5000, origin", "unknown entry"),
        ("[drift]", "[drifts]", "unknown entry"),
        ("format = 1", "format = 2", "expected 1"),
    ):
        own.write_text(text.replace(old, new), encoding="utf-8")
        load_quality_book.cache_clear()
        with pytest.raises(KnowledgeError, match=said):
            load_quality_book(own)
    load_quality_book.cache_clear()


def test_every_threshold_has_a_source():
    book = load_quality_book()
    assert all(book.sources.values())
    for name, numbers in book.thresholds.items():
        for key, threshold in numbers.items():
            assert threshold.source, f"{name}.{key}"


def test_the_tube_of_the_fixture_has_what_the_tests_need(tube):
    assert [c.marker for c in tube.channels[:3]] == ["FSC-A", "FSC-H", "SSC-A"]
    assert tube.channels[-1].role is Role.TIME
