"""Leukemia or lymphoma: every rule of the table worked by hand."""

from __future__ import annotations

import itertools
import math

import pytest
from verdict_answers import answer, codes, evidence, finding, open_answer

from flowml.knowledge.verdict import load_verdicts
from flowml.verdict import settled

CLL, MBL = "leukemia_lymphoma_overlap", "precursor_state"
# entity, what was given, answer, rule, decision
TABLE = [
    (
        "AML",
        {"distribution": "tissue", "specimen": "tissue"},
        "leukemia",
        "acute-leukemia",
        "urgent",
    ),
    ("APL", {}, "leukemia", "acute-leukemia", "urgent"),
    ("MPAL", {}, "leukemia", "acute-leukemia", "urgent"),
    ("AUL", {}, "leukemia", "acute-leukemia", "urgent"),
    ("B-ALL", {}, "leukemia", "acute-leukemia", "urgent"),
    (
        "B-ALL",
        {"specimen": "marrow", "distribution": "both"},
        "leukemia",
        "acute-leukemia",
        "urgent",
    ),
    (
        "B-ALL",
        {"specimen": "tissue", "distribution": "tissue"},
        "undetermined",
        "lymphoblastic-tissue-only",
        "urgent",
    ),
    ("T-ALL", {"specimen": "tissue"}, "undetermined", "lymphoblastic-tissue-only", "urgent"),
    (
        "ETP-ALL",
        {"distribution": "tissue"},
        "undetermined",
        "lymphoblastic-tissue-only",
        "urgent",
    ),
    (
        "T-ALL",
        {"specimen": "marrow", "distribution": "both", "blasts_percent": "25"},
        "leukemia",
        "lymphoblastic-marrow-25-percent",
        "urgent",
    ),
    (
        "T-ALL",
        {"specimen": "marrow", "distribution": "both", "blasts_percent": "24,9"},
        "lymphoma",
        "lymphoblastic-marrow-below-25-percent",
        "urgent",
    ),
    ("CLL", {}, "undetermined", "cll-sll-mbl-needs-count", "auto"),
    ("CLL", {"clonal_b_cells": "5"}, "leukemia", "cll-count-reached", "auto"),
    (
        "CLL",
        {"clonal_b_cells": "12", "distribution": "both"},
        "leukemia",
        "cll-count-reached",
        "auto",
    ),
    (
        "CLL",
        {"clonal_b_cells": "4.99", "distribution": "both"},
        "lymphoma",
        "sll-below-count-in-tissue",
        "auto",
    ),
    (
        "CLL",
        {"lymphocytes": "4.9", "distribution": "both"},
        "lymphoma",
        "sll-below-count-in-tissue",
        "auto",
    ),
    ("CLL", {"lymphocytes": "80"}, "undetermined", "cll-sll-mbl-needs-count", "auto"),
    ("CLL", {"distribution": "tissue"}, "lymphoma", "sll-tissue-only", "auto"),
    ("CLL", {"specimen": "tissue"}, "undetermined", "cll-sll-mbl-needs-count", "review"),
    (
        "CLL",
        {"clonal_b_cells": "2", "distribution": "blood/marrow"},
        "neither",
        "mbl-below-count",
        "auto",
    ),
    ("CLL", {"clonal_b_cells": "2"}, "neither", "mbl-below-count", "review"),
    ("HCL", {"distribution": "both"}, "leukemia", "by-entity", "auto"),
    ("HCL-v", {}, "undetermined", "splenic-b-cell-leukemia-lymphoma", "auto"),
    ("B-PLL", {}, "undetermined", "splenic-b-cell-leukemia-lymphoma", "auto"),
    ("SBLPN", {}, "undetermined", "splenic-b-cell-leukemia-lymphoma", "auto"),
    ("SDRPL", {}, "undetermined", "splenic-b-cell-leukemia-lymphoma", "auto"),
    ("MCL", {}, "lymphoma", "by-entity", "auto"),
    ("MCL", {"clonal_b_cells": "30"}, "lymphoma", "lymphoma-leukemic-phase", "auto"),
    ("FL", {"clonal_b_cells": "1"}, "lymphoma", "by-entity", "auto"),
    ("MZL", {}, "lymphoma", "by-entity", "auto"),
    ("LPL", {}, "lymphoma", "by-entity", "auto"),
    ("DLBCL", {}, "lymphoma", "by-entity", "auto"),
    ("BL", {}, "lymphoma", "by-entity", "urgent"),
    ("T-PLL", {}, "leukemia", "by-entity", "auto"),
    ("T-LGLL", {}, "leukemia", "lgl-clonality-not-assessed", "review"),
    ("T-LGLL", {"t_clonality": "clonal"}, "leukemia", "lgl-clonal", "auto"),
    ("NK-LGLL", {"t_clonality": "polyclonal"}, "undetermined", "lgl-not-clonal", "review"),
    ("NK-LGLL", {}, "leukemia", "lgl-clonality-not-assessed", "review"),
    ("ANKL", {}, "leukemia", "by-entity", "urgent"),
    ("ATLL", {}, "undetermined", "atll-needs-blood-count-and-htlv1", "auto"),
    ("ATLL", {"abnormal_t_percent": "5"}, "leukemia", "atll-5-percent-in-blood", "auto"),
    (
        "ATLL",
        {"abnormal_t_per_ul": "600", "lymphocytes": "10"},
        "leukemia",
        "atll-5-percent-in-blood",
        "auto",
    ),
    (
        "ATLL",
        {"abnormal_t_percent": "4.9", "distribution": "both"},
        "lymphoma",
        "atll-tissue",
        "auto",
    ),
    (
        "ATLL",
        {"distribution": "tissue", "specimen": "tissue"},
        "lymphoma",
        "atll-tissue",
        "review",
    ),
    (
        "ATLL",
        {"abnormal_t_percent": "2"},
        "undetermined",
        "atll-needs-blood-count-and-htlv1",
        "auto",
    ),
    ("Sezary", {}, "lymphoma", "by-entity", "auto"),
    ("Sezary", {"abnormal_t_per_ul": "1000"}, "lymphoma", "sezary-1000-per-ul", "auto"),
    ("Sezary", {"abnormal_t_per_ul": "999"}, "lymphoma", "sezary-below-1000-per-ul", "auto"),
    ("PTCL", {}, "lymphoma", "by-entity", "auto"),
    ("AITL", {}, "lymphoma", "by-entity", "auto"),
    ("HSTL", {}, "lymphoma", "by-entity", "auto"),
    ("NKTCL", {}, "lymphoma", "by-entity", "auto"),
    ("MM", {}, "neither", "by-entity", "auto"),
    ("MM", {"plasma_cells_percent": "5"}, "leukemia", "plasma-cell-leukemia-5-percent", "auto"),
    (
        "MM",
        {"plasma_cells_percent": "60", "specimen": "marrow"},
        "neither",
        "by-entity",
        "auto",
    ),
    (
        "MM",
        {"plasma_cells_blood_percent": "7", "specimen": "marrow"},
        "leukemia",
        "plasma-cell-leukemia-5-percent",
        "auto",
    ),
    ("PCL", {}, "undetermined", "plasma-cell-leukemia-needs-smear", "review"),
    (
        "PCL",
        {"plasma_cells_percent": "20", "specimen": "blood"},
        "leukemia",
        "plasma-cell-leukemia-5-percent",
        "auto",
    ),
    ("PCL", {"plasma_cells_percent": "4"}, "neither", "plasma-cells-below-5-percent", "review"),
    ("MGUS", {}, "neither", "by-entity", "auto"),
    (
        "MGUS",
        {"plasma_cells_percent": "6"},
        "undetermined",
        "mgus-contradicted-by-smear",
        "review",
    ),
    ("MDS", {}, "neither", "consistent-with-only", "auto"),
    ("MPN", {}, "neither", "consistent-with-only", "auto"),
    ("MDS", {"blasts_percent": "20"}, "leukemia", "blasts-20-percent", "urgent"),
    ("CML", {}, "leukemia", "consistent-with-genetics-required", "auto"),
    ("CML", {"blasts_percent": "30"}, "leukemia", "blasts-20-percent", "urgent"),
    ("CMML", {"blasts_percent": "19"}, "leukemia", "consistent-with-genetics-required", "auto"),
    ("JMML", {}, "leukemia", "consistent-with-genetics-required", "auto"),
    ("BPDCN", {}, "leukemia", "blood-or-marrow-disease", "urgent"),
    (
        "BPDCN",
        {"distribution": "tissue", "specimen": "tissue"},
        "undetermined",
        "bpdcn-needs-blood-or-marrow",
        "urgent",
    ),
    ("BPDCN", {"specimen": "fluid"}, "undetermined", "bpdcn-needs-blood-or-marrow", "urgent"),
    ("normal", {}, "neither", "no-abnormal-population-detected", "auto"),
    ("reactive", {}, "neither", "no-abnormal-population-detected", "auto"),
]


@pytest.mark.parametrize(("entity", "given", "expected", "rule", "decision"), TABLE)
def test_the_table_by_hand(entity, given, expected, rule, decision):
    found = settled(answer(entity), given)
    assert (found.leukemia_vs_lymphoma, found.rule) == (expected, rule)
    assert found.decision == decision
    assert found.entity == entity


def test_every_rule_of_the_file_is_worked_by_hand():
    worked = {rule for _, _, _, rule, _ in TABLE}
    by_evidence = {"lgl-trbc1-one-sided", "lgl-clonality-not-shown"}  # below
    assert {rule.name for rule in load_verdicts().rules} - worked == by_evidence


@pytest.mark.parametrize(
    ("entity", "given", "category"),
    [
        ("CLL", {"clonal_b_cells": "2"}, MBL),
        ("CLL", {"clonal_b_cells": "6"}, CLL),
        ("CML", {"blasts_percent": "20"}, "acute_leukemia"),
        ("MM", {"plasma_cells_percent": "6"}, "plasma_cell_neoplasm"),
        ("MDS", {"blasts_percent": "19"}, "myeloid_non_acute"),
    ],
)
def test_a_rule_may_move_the_category(entity, given, category):
    assert settled(answer(entity), given).category == category


@pytest.mark.parametrize(
    ("entity", "given", "phase"),
    [
        ("Sezary", {"abnormal_t_per_ul": "1200"}, "yes"),
        ("Sezary", {"Sézary-Zellen /µl": "12"}, "no"),
        ("Sezary", {}, ""),
        ("MCL", {"klonale B-Zellen": "5,5"}, "yes"),
        ("MCL", {"clonal_b_cells": "1"}, ""),
    ],
)
def test_a_count_flags_the_leukemic_phase(entity, given, phase):
    assert settled(answer(entity), given).leukemic_phase == phase


@pytest.mark.parametrize(
    ("signs", "rule", "decision"),
    [
        (("trbc1_cd8",), "lgl-trbc1-one-sided", "auto"),
        ((), "lgl-clonality-not-shown", "review"),
    ],
)
def test_trbc1_of_the_rule_for_t_cells_counts_as_clonality(signs, rule, decision):
    status = "present" if signs else "absent"
    seen = finding("t_cells", status, signs, numbers={"trbc1_cd8": 0.95, "ratio": 1.0})
    found = settled(answer("T-LGLL"), {}, evidence(seen))
    assert (found.leukemia_vs_lymphoma, found.rule) == ("leukemia", rule)
    assert found.decision == decision


def test_what_would_decide_is_named():
    assert "a count of clonal B cells would decide" in settled(answer("CLL"), {}).reason
    assert "LGL expansion, clonality not assessed" in settled(answer("T-LGLL"), {}).reason
    assert "whether blood or marrow is affected would decide" in (
        settled(answer("T-ALL"), {"specimen": "tissue"}).reason
    )


def test_the_probability_moves_with_the_answer():
    found = settled(answer("CLL", p=0.9, p_leukemia=0.04), {"clonal_b_cells": "8"})
    assert found.p_leukemia == pytest.approx(0.94)
    found = settled(answer("T-ALL", p=0.9), {"distribution": "tissue"})
    assert found.p_leukemia == pytest.approx(0.0)
    same = settled(answer("MCL", p=0.9), {"clonal_b_cells": "8"})
    assert (same.p_lymphoma, same.p_leukemia) == (0.9, 0.0)


def test_without_an_entity_an_acute_leukemia_of_tissue_is_undetermined_if_it_may_be_lymphoid():
    axes = {"category": "acute_leukemia", "leukemia_vs_lymphoma": "leukemia"}
    for lineage, expected in (
        ("T", "undetermined"),
        ("", "undetermined"),
        ("myeloid", "leukemia"),
    ):
        found = settled(open_answer(lineage=lineage, **axes), {"distribution": "tissue"})
        assert found.leukemia_vs_lymphoma == expected


GIVEN = {
    "specimen": ["", "blood", "marrow"],
    "distribution": ["", "blood/marrow", "both", "tissue"],
    "lymphocytes": ["", "40"],
    "blasts_percent": ["", "3"],
    "treated": ["", "yes"],
}


@pytest.mark.parametrize(
    ("entity", "count"),
    [
        ("CLL", {"clonal_b_cells": "9"}),
        ("CLL", {"clonal_b_cells": "2"}),
        ("ATLL", {"abnormal_t_percent": "8"}),
        ("PCL", {"plasma_cells_blood_percent": "8"}),
        ("Sezary", {"abnormal_t_per_ul": "2000"}),
    ],
)
def test_to_say_more_never_unsettles_what_a_count_has_settled(entity, count):
    assert settled(answer(entity), count).leukemia_vs_lymphoma != "undetermined"
    for values in itertools.product(*GIVEN.values()):
        more = dict(zip(GIVEN, values, strict=True)) | count
        found = settled(answer(entity), more)
        assert found.leukemia_vs_lymphoma != "undetermined", more
        assert "GIVEN-VALUE" not in codes(found)


@pytest.mark.parametrize("text", ["130", "-1", "many", "nan", "inf", "1e3", "<5", "5,200", "५"])
def test_a_count_that_is_none_decides_nothing_and_is_told(text):
    found = settled(answer("MM"), {"plasma_cells_percent": text})
    assert (found.leukemia_vs_lymphoma, found.decision) == ("neither", "review")
    assert codes(found) == ["GIVEN-VALUE"]
    assert "plasma_cells_percent" in found.reason
    assert math.isnan(found.detection_limit_percent)
