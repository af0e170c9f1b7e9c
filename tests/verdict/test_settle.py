"""What was given, a second population, and down to how few cells anything is seen."""

from __future__ import annotations

import math

import pytest
from verdict_answers import answer, codes, evidence, finding, immature, open_answer

from flowml.gating.rules.evidence import TubeEvents
from flowml.verdict import settled
from flowml.verdict.detection import detection_limit

# --- scope and contradictions -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"treated": "yes"}, "GIVEN-TREATED", "the patient was treated"),
        ({"Therapie": "Rituximab"}, "GIVEN-TREATED", "anti-CD20, which can hide CD20"),
        ({"treated": "Dr. Who's own brew"}, "GIVEN-TREATED", "the patient was treated"),
        ({"specimen": "Lymphknoten"}, "GIVEN-SPECIMEN", "the specimen is a tissue"),
        ({"Material": "Liquor"}, "GIVEN-SPECIMEN", "the specimen is a fluid"),
        ({"specimen": "spit"}, "GIVEN-VALUE", "specimen"),
        ({"blasts_percent": "101"}, "GIVEN-VALUE", "blasts_percent"),
        ({"clonal_b_cells": "0.5"}, "GIVEN-CONTRADICTION", "clonal B cells were counted"),
        ({"abnormal_t_per_ul": "300"}, "GIVEN-CONTRADICTION", "abnormal T cells"),
        ({"blasts_percent": "7"}, "GIVEN-CONTRADICTION", "blasts of 5 %"),
        ({"plasma_cells_percent": "3"}, "GIVEN-CONTRADICTION", "plasma cells stand"),
        (
            {"lymphocytes": "2", "clonal_b_cells": "9"},
            "GIVEN-CONTRADICTION",
            "neither was used",
        ),
        ({"treated": "no", "Therapie": "ja"}, "GIVEN-TREATED", "treated"),
    ],
)
def test_a_normal_answer_is_held_back_with_its_reason(given, code, words):
    found = settled(answer("normal"), given)
    assert found.decision == "review"
    assert code in codes(found)
    assert words in found.reason
    assert "brew" not in found.reason, "a text that is not known may name a patient"


@pytest.mark.parametrize(
    "given", [{}, {"treated": "nein"}, {"specimen": "KM"}, {"treated": "k.A."}]
)
def test_nothing_to_say_leaves_a_normal_answer_automatic(given):
    found = settled(answer("normal"), given)
    assert (found.decision, codes(found)) == ("auto", [])


@pytest.mark.parametrize("entity", ["normal", "CLL", "MM", "T-PLL"])
def test_blasts_by_microscopy_make_any_answer_that_is_not_acute_urgent(entity):
    assert settled(answer(entity), {"blasts_percent": "22"}).decision == "urgent"


def test_tissue_only_and_cells_in_blood_do_not_go_together():
    found = settled(answer("MCL"), {"distribution": "tissue", "specimen": "blood"})
    assert (found.decision, codes(found)) == ("review", ["GIVEN-CONTRADICTION"])
    assert (
        settled(answer("MCL"), {"distribution": "both", "specimen": "blood"}).decision == "auto"
    )


def test_a_share_of_plasma_cells_in_marrow_is_told_and_not_used():
    found = settled(answer("MM"), {"specimen": "marrow", "plasma_cells_percent": "40"})
    assert codes(found) == ["GIVEN-NOT-USED"]


# --- a second population ----------------------------------------------------------------------

KAPPA = finding("light_chains", signs=("kappa",))
BOTH = finding("light_chains", signs=("kappa", "lambda"))
T_LOSS = finding("t_cells", signs=("ratio", "cd7_low"), numbers={"ratio": 1.0})


@pytest.mark.parametrize(
    ("entity", "seen", "second"),
    [
        ("T-LGLL", KAPPA, "B (kappa restricted)"),
        ("MM", KAPPA, "B (kappa restricted)"),
        ("AML", finding("light_chains", signs=("neither",)), ""),
        ("CLL", KAPPA, ""),
        ("CLL", BOTH, "B (lambda restricted beside kappa)"),
        ("CLL", finding("light_chains", signs=("kappa", "neither")), ""),
        ("CLL", T_LOSS, "T (CD7 low or absent)"),
        ("CLL", finding("t_cells", signs=("trbc1_cd8",)), "T (TRBC1 one-sided)"),
        ("CLL", finding("t_cells", signs=("ratio",), numbers={"ratio": 0.1}), ""),
        ("CLL", finding("t_cells", signs=("cd4_without_cd3",)), ""),
        ("T-PLL", T_LOSS, ""),
        ("normal", KAPPA, ""),
        ("CLL", immature(0.2, cd34_share=0.15), "immature cells (CD34+)"),
        ("CLL", immature(0.2, cd34_share=0.02), ""),
        ("CML", immature(0.2, cd34_share=0.15), ""),
    ],
)
def test_a_second_population_comes_from_evidence_only(entity, seen, second):
    found = settled(answer(entity), {}, evidence(seen))
    assert found.second_population == second
    assert ("SECOND-POPULATION" in codes(found)) == bool(second)
    assert found.decision != "auto" or not second


def test_nothing_is_second_where_no_lineage_is_first():
    assert settled(open_answer(), {}, evidence(KAPPA)).second_population == ""


# --- the limit of detection -------------------------------------------------------------------


def test_the_tube_with_the_fewest_intact_cells_counts():
    found = settled(answer("normal"), {}, evidence(tubes=((50_000, 30_000), (40_000, 20_000))))
    assert found.detection_limit_percent == pytest.approx(100 * 30 / 20_000)  # 0.15 %
    assert found.reason.startswith(
        "no abnormal population detected by this panel, down to 0.15 % (30 of 20000 intact "
        "cells in tube 2; to quantify 0.25 %; Arroz"
    )


def test_without_gates_all_events_count():
    found = settled(answer("normal"), {}, None, [TubeEvents("a.fcs", 60_000)])
    assert found.detection_limit_percent == pytest.approx(0.05)
    assert "30 of 60000 events in a.fcs" in found.reason


def test_the_limit_is_worked_out_for_every_answer_and_told_with_normal_ones():
    found = settled(answer("CLL"), {}, evidence())
    assert found.detection_limit_percent == pytest.approx(100 * 30 / 9000)
    assert "down to" not in found.reason


@pytest.mark.parametrize("intact", [0, 29])
def test_too_few_events_see_nothing_and_are_not_released(intact):
    found = settled(answer("normal"), {}, evidence(tubes=((500, intact),)))
    assert math.isnan(found.detection_limit_percent)
    assert found.decision == "review"
    assert f"too few to see any: {intact} intact cells" in found.reason


def test_no_tube_has_no_limit():
    assert detection_limit([]) is None
    assert math.isnan(settled(answer("normal"), {}).detection_limit_percent)


@pytest.mark.parametrize("events", [30, 31, 1000, 10**6])
def test_more_events_never_see_less(events):
    fewer, more = (detection_limit([TubeEvents("a", n)]).percent for n in (events, 2 * events))
    assert more < fewer <= 100
