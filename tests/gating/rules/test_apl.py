import pytest

import flowml
from flowml.gating.rules.apl import apl_finding, can_tell
from flowml.gating.rules.find import RULES, rule_findings
from tests.gating.rules.mixing import LYMPHOCYTES, NEUTROPHILS, tube, without

MARKERS = "CD45 CD33 CD117 HLA-DR CD11b CD10 CD16 CD34 CD2 CD3"
CLASSIC = {"FSC": 5.0, "SSC": 5.1, "CD45": 3.5, "CD33": 4.4, "CD117": 3.4}
VARIANT = CLASSIC | {"SSC": 4.7, "CD34": 3.5, "CD2": 3.5}
NPM1 = {"FSC": 4.9, "SSC": 4.7, "CD45": 3.5, "CD33": 4.4, "CD117": 3.5}
MYELOBLASTS = NPM1 | {"HLA-DR": 3.8, "CD34": 3.8}
MATURING = CLASSIC | {"CD117": 2.0, "CD11b": 3.4}


def mixed(count, look, *more):
    return tube(MARKERS, (1000, LYMPHOCYTES), (1000, NEUTROPHILS), (count, look), *more)


def test_the_classic_arm_is_urgent_and_says_what_to_do():
    found = apl_finding([mixed(2000, CLASSIC)])
    assert (found.status, found.urgent) == ("present", True)
    assert "same day" in found.summary.lower()
    assert "PML::RARA" in found.summary
    assert "classic arm" in found.summary
    assert found.missing == ("MPO",)
    assert found.numbers["share_of_intact"] == pytest.approx(0.5, abs=0.02)
    low, high = (found.numbers[f"share_of_intact_{end}"] for end in ("low", "high"))
    assert low < found.numbers["share_of_intact"] < high
    assert found.numbers["cd117"] > 0.95


def test_the_variant_arm_has_low_scatter_and_cd34_or_cd2():
    found = apl_finding([mixed(2000, VARIANT)])
    assert found.status == "present"
    assert "variant arm" in found.summary


@pytest.mark.parametrize("lost", ["CD34", "CD2"])
def test_one_of_cd34_and_cd2_is_enough(lost):
    assert apl_finding([mixed(2000, VARIANT | {lost: 2.0})]).urgent


def test_low_scatter_without_cd34_and_cd2_is_said_but_no_alert():
    found = apl_finding([mixed(2000, NPM1)])
    assert (found.status, found.urgent) == ("absent", False)
    assert "not excluded" in found.summary


def test_without_cd34_and_cd2_in_the_tube_the_variant_cannot_be_told():
    found = apl_finding([without(mixed(2000, VARIANT), "CD34", "CD2")])
    assert found.status == "not assessable"
    assert found.missing == ("CD34", "CD2")


def test_myeloblasts_with_hla_dr_are_no_suspects():
    found = apl_finding([mixed(3000, MYELOBLASTS)])
    assert found.status == "absent"
    assert found.n_events < 100


def test_promyelocytes_among_maturing_granulocytes_do_not_fire():
    assert not apl_finding([mixed(700, CLASSIC, (2000, MATURING))]).urgent
    assert apl_finding([mixed(2000, CLASSIC, (700, MATURING))]).urgent


def test_few_promyelocytes_do_not_fire():
    assert apl_finding([mixed(150, CLASSIC)]).status == "absent"


def test_cd117_is_not_needed_where_hardly_a_cell_has_cd11b():
    assert apl_finding([mixed(2000, CLASSIC | {"CD117": 2.0})]).urgent


def test_each_tube_is_judged_by_what_it_has():
    small = without(mixed(2000, CLASSIC), "CD33", "CD11b", "CD10", "CD16", "CD2")
    found = apl_finding([tube("CD45 CD19", (1000, LYMPHOCYTES)), small])
    assert found.urgent
    assert {"CD33", "CD11b", "CD10", "CD16", "CD2", "MPO"} == set(found.missing)


def test_mpo_stands_in_for_cd33():
    found = apl_finding(
        [tube("CD45 MPO CD117 HLA-DR CD3", (1000, LYMPHOCYTES), (2000, CLASSIC | {"MPO": 4.8}))]
    )
    assert found.urgent


def test_what_is_missing_is_listed():
    alot = tube("CD45 MPO CD34 CD19 CD7 CD3", (1000, LYMPHOCYTES))
    found = apl_finding([alot])
    assert found.status == "not assessable"
    assert set(found.missing) == {"HLA-DR", "CD117", "CD11b"}
    assert not can_tell(alot)


def test_markers_of_different_tubes_do_not_help_each_other():
    one = tube("CD45 HLA-DR", (1000, LYMPHOCYTES))
    other = tube("CD45 CD117 CD33", (1000, LYMPHOCYTES))
    found = apl_finding([one, other])
    assert found.status == "not assessable"
    assert found.missing


def test_too_few_cells():
    found = apl_finding([tube(MARKERS, (60, LYMPHOCYTES), (60, NEUTROPHILS))])
    assert found.status == "not assessable"
    assert apl_finding([tube(MARKERS, (0, LYMPHOCYTES))]).status == "not assessable"
    assert apl_finding([]).status == "not assessable"


def test_simulated_cases():
    wanted = {"APL": 6, "AML": 3, "reactive": 3}
    for case in flowml.simulate("acute", entities=wanted, events=4000, seed=9011):
        findings = rule_findings([item.origin for item in case.tubes], case.details["specimen"])
        found = dict(zip(RULES, findings, strict=True))["apl"]
        assert found.urgent is (case.details["entity"] == "APL"), case.details
