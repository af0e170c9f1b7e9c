"""The laboratory's rules against the answer: what blocks a release, and what does not."""

from __future__ import annotations

import itertools

import pytest
from verdict_answers import answer, codes, evidence, finding, immature, open_answer

from flowml.knowledge import load_label_tree
from flowml.verdict import settled

LIGHT = finding("light_chains", signs=("kappa",), summary="All B cells: kappa restricted.")
ALERT = finding("apl", signs=("classic",), summary="Same day: PML::RARA. APL alert.")
LOW = finding("t_cells", signs=("ratio",), numbers={"ratio": 0.1})
HIGH = finding("t_cells", signs=("ratio",), numbers={"ratio": 14.0})
LOSS = finding("t_cells", signs=("ratio", "cd7_low"), numbers={"ratio": 0.1})
BLIND = ("CD34", "CD117")

# answer, rule, decision, code
TABLE = [
    ("normal", LIGHT, "review", "RULE-LIGHT-CHAINS"),
    ("CLL", LIGHT, "auto", "RULE-LIGHT-CHAINS"),
    ("CLL", finding("light_chains", "absent"), "review", "RULE-LIGHT-CHAINS"),
    ("normal", finding("light_chains", "absent"), "auto", ""),
    ("CLL", finding("light_chains", "not assessable"), "auto", ""),
    ("normal", finding("matutes", signs=("for_cll",)), "review", "RULE-MATUTES"),
    ("MCL", finding("matutes", signs=("for_cll",)), "review", "RULE-MATUTES"),
    ("CLL", finding("matutes", signs=("for_cll",)), "auto", "RULE-MATUTES"),
    ("CLL", finding("matutes", "absent", ("against_cll",)), "review", "RULE-MATUTES"),
    ("MCL", finding("matutes", "absent", ("against_cll",)), "auto", ""),
    ("CLL", finding("matutes", "absent"), "auto", ""),
    ("normal", ALERT, "urgent", "RULE-APL"),
    ("CLL", ALERT, "urgent", "RULE-APL"),
    ("normal", finding("apl", "absent", ("undecided",)), "review", "RULE-APL"),
    ("normal", finding("apl", "absent"), "auto", ""),
    ("normal", finding("apl", "not assessable"), "auto", ""),
    ("normal", immature(0.25), "urgent", "RULE-IMMATURE"),
    ("normal", immature(0.12), "review", "RULE-IMMATURE"),
    ("normal", immature(0.05), "auto", ""),
    ("normal", immature(0.25, BLIND), "review", "RULE-IMMATURE"),
    ("normal", immature(0.12, BLIND), "auto", ""),
    ("CLL", immature(0.25), "urgent", "RULE-IMMATURE"),
    ("normal", immature(0.25, ("CD34",), cd117_share=0.22), "urgent", "RULE-IMMATURE"),
    ("normal", immature(0.15, ("CD34",), cd117_share=0.12), "review", "RULE-IMMATURE"),
    ("MM", immature(0.4, cd117_share=0.4), "auto", ""),
    ("MM", immature(0.4, cd34_share=0.11), "review", "RULE-IMMATURE"),
    ("BL", immature(0.6, BLIND, b_precursors_share=0.55), "urgent", ""),
    ("FL", immature(0.25, b_precursors_share=0.22), "auto", ""),
    ("FL", immature(0.35, b_precursors_share=0.22), "review", "RULE-IMMATURE"),
    ("AML", immature(0.6), "urgent", "RULE-IMMATURE"),
    ("BPDCN", immature(0.6), "urgent", "RULE-IMMATURE"),
    ("normal", finding("lineage", signs=("B", "myeloid")), "review", "RULE-LINEAGE"),
    ("MPAL", finding("lineage", signs=("B", "myeloid")), "urgent", "RULE-LINEAGE"),
    ("normal", finding("lineage", "absent", ("B",)), "auto", ""),
    ("AML", finding("lineage", "absent", ("T",)), "urgent", "RULE-LINEAGE"),
    ("normal", LOW, "auto", "RULE-T-CELLS"),
    ("normal", HIGH, "review", "RULE-T-CELLS"),
    ("normal", LOSS, "review", "RULE-T-CELLS"),
    ("T-PLL", HIGH, "auto", "RULE-T-CELLS"),
]


@pytest.mark.parametrize(("entity", "seen", "decision", "code"), TABLE)
def test_the_table_by_hand(entity, seen, decision, code):
    found = settled(answer(entity), {}, evidence(seen))
    assert found.decision == decision
    assert codes(found) == ([code] if code else [])
    assert found.entity == entity, "a rule never changes the label"


def test_an_alert_stands_first_and_a_rule_that_agrees_last():
    reason = settled(answer("AML"), {}, evidence(ALERT, immature(0.6))).reason
    assert reason.startswith("APL alert: Same day: PML::RARA")
    assert reason.endswith("rules that agree: immature cells")


def test_apl_that_cannot_be_assessed_is_told_with_a_myeloid_leukemia():
    seen = finding("apl", "not assessable", summary="APL not assessable: missing HLA-DR.")
    assert "APL not assessable" in settled(answer("AML"), {}, evidence(seen)).reason
    assert "APL not assessable" not in settled(answer("T-ALL"), {}, evidence(seen)).reason


def test_another_lineage_of_blasts_is_a_disagreement_and_the_same_one_is_not():
    seen = evidence(finding("lineage", "absent", ("T",), "Blasts T by WHO 2022."))
    assert "lineage of blasts: Blasts T" in settled(answer("AML"), {}, seen).reason
    assert "rules that agree: lineage of blasts" in settled(answer("T-ALL"), {}, seen).reason


def test_rules_that_could_not_be_asked_keep_a_case_from_release():
    found = settled(answer("normal"), {}, evidence(problem="values are on a display scale"))
    assert (found.decision, codes(found)) == ("review", ["RULE-NOT-ASKED"])


def test_a_case_without_an_answer_can_be_urgent_by_a_rule():
    blank = open_answer()
    assert settled(blank, {}, evidence(ALERT)).decision == "urgent"
    assert settled(blank, {}, evidence(immature(0.4))).decision == "urgent"


EVERY = [rule for _, rule, _, _ in TABLE]
RANK = ["auto", "review", "urgent"]
GIVEN = [
    {}, {"clonal_b_cells": "9"}, {"distribution": "tissue"}, {"treated": "yes"},
    {"blasts_percent": "3"}, {"specimen": "fluid"}, {"plasma_cells_percent": "4"},
]  # fmt: skip


@pytest.mark.parametrize("entity", list(load_label_tree().entities))
def test_nothing_makes_a_decision_weaker(entity):
    for given, seen, before in itertools.product(GIVEN, EVERY, RANK):
        found = settled(answer(entity, decision=before), given, evidence(seen))
        assert RANK.index(found.decision) >= RANK.index(before)


@pytest.mark.parametrize("entity", ["normal", "reactive"])
@pytest.mark.parametrize("urgent", [ALERT, immature(0.2), immature(0.9)])
def test_a_suspicion_of_acute_leukemia_blocks_an_automatic_normal(entity, urgent):
    for other in EVERY:
        if other.rule != urgent.rule:
            found = settled(answer(entity), {}, evidence(urgent, other))
            assert found.decision == "urgent"
