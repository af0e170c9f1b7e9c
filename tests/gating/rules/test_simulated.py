"""The rules on a few simulated cases; `scripts/measure_*rules.py` count on many."""

from __future__ import annotations

import pytest

import flowml
from flowml.gating.rules import RULES, rule_findings
from flowml.preprocess import compensate

SEED = 11
FEW_EVENTS = 8000


def findings(panel, entity, cases, *, wanted=lambda _: True, **names):
    """Ask all rules about simulated cases; one mapping of findings by rule for each."""
    cohort = flowml.simulate(
        panel, entities=entity, cases=cases, seed=SEED, **{"events": FEW_EVENTS, **names}
    )
    return [
        {f.rule: f for f in rule_findings([t.origin for t in c.tubes], c.details["specimen"])}
        for c in cohort
        if wanted(c.details["variant"])
    ]


def states(found, rule):
    return [case[rule].status for case in found]


def test_clones_of_a_twentieth_of_the_cells_are_restricted():
    for entity in ("CLL", "MCL", "HCL", "MZL"):
        found = findings("cll-9f", entity, 3, share=(0.04, 0.06))
        assert states(found, "light_chains") == ["present"] * 3, entity
        assert all(case["light_chains"].tube.endswith(("_2.lmd", "_2.fcs")) for case in found)


@pytest.mark.parametrize("panel", ["cll-9f", "lst"])
def test_normal_b_cells_are_not_restricted(panel):
    found = findings(panel, "normal", 5)
    assert "present" not in states(found, "light_chains")
    assert "present" not in states(found, "matutes")
    assert "present" not in states(found, "t_cells")


def test_matutes_score_parts_typical_cll_from_mantle_cell_lymphoma():
    typical = findings("cll-9f", "CLL", 6, wanted=lambda variant: variant == "typical")
    assert len(typical) >= 3
    assert all(case["matutes"].numbers["score"] >= 4 for case in typical)
    mantle = findings("cll-9f", "MCL", 4)
    assert all(case["matutes"].numbers["score"] <= 2 for case in mantle)


def test_both_arms_of_the_apl_alert_fire_and_other_aml_is_left_alone():
    alerts = findings("acute", "APL", 4)
    assert states(alerts, "apl") == ["present"] * 4
    assert all(case["apl"].urgent for case in alerts)
    assert "present" not in states(findings("acute", "AML", 4), "apl")


def test_immature_cells_of_leukemia_and_of_health():
    assert set(states(findings("acute", "B-ALL", 3), "immature_cells")) == {"present"}
    for case in findings("acute", "normal", 3):
        assert "no blasts" not in case["immature_cells"].summary.lower()


def test_a_panel_that_cannot_tell_says_what_is_missing():
    (case,) = findings("lst", "CLL", 1)
    assert case["apl"].status == "not assessable"
    assert "HLA-DR" in case["apl"].missing
    assert case["matutes"].missing


def test_raw_and_compensated_tubes_give_the_same_findings():
    (case,) = flowml.simulate("lst", entities="MCL", cases=1, events=FEW_EVENTS, seed=SEED)
    raw = [tube.origin for tube in case.tubes]
    assert rule_findings(raw) == rule_findings([compensate(sample) for sample in raw])


def test_every_rule_answers_every_panel():
    for panel in ("screening", "cll-9f", "lst", "alot", "acute", "plasma-cell"):
        (case,) = flowml.simulate(panel, entities="normal", cases=1, events=2000, seed=SEED)
        found = rule_findings([tube.origin for tube in case.tubes])
        assert [item.rule for item in found] == list(RULES)
        assert all(item.summary for item in found)
