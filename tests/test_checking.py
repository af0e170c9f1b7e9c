"""What is to be thought of the cases of a laboratory: accidents are named, sound cases pass."""

from dataclasses import replace

import numpy as np
import pytest

import flowml
from flowml.checking import SeenTube, _agreeing, check_cases
from flowml.errors import CaseError, FlowmlError
from flowml.events import ArraySource
from flowml.features.stained import stained_tube
from flowml.findings import Finding, Severity
from flowml.records import Case, Channel, Role, Sample, Tube
from flowml.simulator import write_cohort

LAB = {"cases": 12, "entities": "all", "events": 2500, "seed": 61, "instruments": 2}


@pytest.fixture(scope="module")
def sound():
    return list(flowml.simulate("cll-9f", **LAB))


HOLDING = {Severity.REVIEW, Severity.FAIL}


def codes(check):
    """Return the codes that keep an answer from being released."""
    return {item.code for item in check.findings if item.severity in HOLDING}


def test_a_sound_laboratory_passes(sound):
    checks = check_cases(sound)
    assert [check.case_id for check in checks] == sorted(case.case_id for case in sound)
    assert {check.panel for check in checks} == {"cll-9f"}
    assert {check.places for check in checks} == {("1", "2", "3")}
    assert all(not codes(check) for check in checks)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("lost tube", "PANEL-LOST"),
        ("swapped tubes", "PANEL-SWAPPED"),
        ("missing marker", "PANEL-MISSING"),
        ("relabelled detector", "PANEL-RELABELLED"),
        ("empty tube", "QUALITY-EVENTS"),
    ],
)
def test_an_accident_among_sound_cases_is_named(sound, kind, code):
    odd = flowml.simulate("cll-9f", **LAB, accidents=1.0, accident_kinds=[kind])[3]
    cases = [*sound[:3], odd, *sound[4:]]
    checks = check_cases(cases)
    (found,) = [check for check in checks if codes(check)]
    assert found.case_id == odd.case_id
    assert code in codes(found)
    assert found.severity in HOLDING


def test_a_truncated_file_is_refused_and_the_tube_is_not_called_lost(tmp_path):
    odd = flowml.simulate("cll-9f", **LAB, accidents=1.0, accident_kinds=["truncated file"])
    write_cohort(odd, tmp_path)
    for check in check_cases(flowml.find_cases(tmp_path)):
        assert check.severity is Severity.FAIL
        assert "PANEL-LOST" not in codes(check)
        assert sum(tube.stained is None for tube in check.tubes) == 1


def test_workers_change_nothing(tmp_path):
    write_cohort(flowml.simulate("cll-9f", **{**LAB, "cases": 4}), tmp_path)
    one = check_cases(tmp_path)
    two = check_cases(tmp_path, reading=flowml.Reading(jobs=2))
    assert one == two


def test_a_case_without_tubes_and_no_cases():
    (check,) = check_cases([Case("empty", ())])
    assert (check.panel, check.tubes, check.findings) == ("", (), ())
    with pytest.raises(CaseError, match="no cases were given"):
        check_cases([])


def test_a_laboratorys_own_panel_is_read_and_a_wrong_one_refused(sound, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        'format = 1\nname = "our-b"\ntitle = "ours"\nsource = "SOP"\ncytometers = ["navios"]\n'
        'entities = ["normal"]\n[scored_as]\n[[tube]]\nname = "B"\ntitle = "B"\n[tube.stains]\n'
        'FITC = "CD5"\nPE = "CD10"\n',
        encoding="utf-8",
    )
    source = ArraySource(np.ones((300, 2), dtype=np.float32))
    sample = Sample("x", channels("CD5", "CD10"), source)
    (check,) = check_cases([Case("a", (Tube("x.fcs", sample, "B"),))], panels=[own])
    assert (check.panel, check.places) == ("our-b", ("B",))
    with pytest.raises(FlowmlError, match="unknown panel"):
        check_cases(sound[:1], panels=["no such panel"])


def channels(*markers):
    return tuple(
        Channel(f"FL{n}-A", marker, marker, Role.FLUORESCENCE, "A")
        for n, marker in enumerate(markers, start=1)
    )


def looks(*codes_of_tubes, n_events=1000):
    stained = stained_tube(
        "c", Tube("a.fcs", None), Sample("a", (), ArraySource(np.ones((1, 0))))
    )
    return [
        SeenTube(str(n), stained, n_events, tuple(Finding(c, "x", Severity.WARN) for c in own))
        for n, own in enumerate(codes_of_tubes)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tubes", "expected"),
    [
        ([["QUALITY-MATRIX"], ["QUALITY-MATRIX"]], ["CASE-MATRIX"]),
        ([["QUALITY-MATRIX"], ["QUALITY-COMPENSATION", "QUALITY-ENDS"]], ["CASE-MATRIX"]),
        ([["QUALITY-MATRIX"], []], []),
        ([["QUALITY-MATRIX"]], []),
        ([["QUALITY-SCALE"]], ["CASE-SCALE"]),
        ([["QUALITY-SCALE"], []], []),
        ([], []),
    ],
)
def test_what_all_tubes_of_a_case_agree_in_is_a_finding_of_the_case(tubes, expected):
    found = _agreeing(looks(*tubes))
    assert [item.code for item in found] == expected
    assert all(item.severity is Severity.REVIEW for item in found)
    assert _agreeing(looks(*tubes, n_events=0)) == ()


def test_labels_come_before_what_they_would_make_of_the_cells(sound):
    """CD45's label on another detector: other cells would be compared."""
    names = {"accidents": 1.0, "accident_kinds": ["relabelled detector"]}
    odd = flowml.simulate("cll-9f", **{**LAB, "cases": 4, "seed": 64}, **names)
    checks = check_cases([*sound, *[replace(case, case_id=f"x{case.case_id}") for case in odd]])
    told = [check for check in checks if check.case_id.startswith("x")]
    assert all("PANEL-RELABELLED" in codes(check) for check in told)
    moved = [check for check in told if "CD45 on" in str(check.findings)]
    assert moved
    for check in moved:
        assert "CASE-PATIENT" not in codes(check)
