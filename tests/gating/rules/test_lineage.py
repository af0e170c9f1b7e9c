import pytest

import flowml
from flowml.gating.rules.find import RULES, rule_findings
from flowml.gating.rules.lineage import leading, lineage_finding
from flowml.gating.rules.lineage_markers import reference
from flowml.knowledge.rules import load_rulebook
from tests.gating.rules.mixing import LYMPHOCYTES, NEUTROPHILS, tube, without

MARKERS = "CD45 CD34 MPO cyCD3 CD3 CD19 cyCD79a CD22 CD7 TdT"
BLASTS = {"FSC": 4.8, "SSC": 4.55, "CD45": 3.4, "CD34": 3.8}
B_BLASTS = BLASTS | {"CD19": 3.7, "cyCD79a": 3.9, "TdT": 3.5}
T_BLASTS = BLASTS | {"cyCD3": 4.3, "CD7": 4.3}
MYELOBLASTS = BLASTS | {"MPO": 4.5}
MONOBLASTS = BLASTS | {"CD64": 4.0, "CD14": 3.5}


def found_in(*populations, markers=MARKERS):
    normal = (1000, LYMPHOCYTES), (1000, NEUTROPHILS)
    return lineage_finding([tube(markers, *normal, *populations)])


def by_who(found):
    return {key[4:] for key, value in found.numbers.items() if key.startswith("who_") and value}


@pytest.mark.parametrize(
    ("look", "lineage"), [(B_BLASTS, "B"), (T_BLASTS, "T"), (MYELOBLASTS, "myeloid")]
)
def test_one_lineage_by_who(look, lineage):
    found = found_in((1000, look))
    assert found.status == "absent"
    assert by_who(found) == {lineage}
    assert found.numbers[f"leads_{lineage}"] == 1
    assert f"Blasts {lineage}" in found.summary


def test_mixed_phenotype_on_one_population():
    found = found_in((1000, B_BLASTS | MYELOBLASTS))
    assert (found.status, found.urgent) == ("present", False)
    assert by_who(found) == {"B", "myeloid"}
    assert "Two populations" not in found.summary


@pytest.mark.parametrize("lymphoid", [B_BLASTS, T_BLASTS])
def test_two_populations_are_seen(lymphoid):
    found = found_in((600, lymphoid), (600, MYELOBLASTS))
    assert found.status == "present"
    assert "Two populations" in found.summary


def test_mpo_below_half_of_the_neutrophils_is_left_to_the_second_view():
    found = found_in((1000, BLASTS | {"MPO": 3.8}))
    assert not by_who(found)
    assert found.numbers["leads_myeloid"] == 1
    assert "undifferentiated" not in found.summary
    assert "second view" in found.summary


@pytest.mark.parametrize("marker", ["CD13", "CD33", "CD117"])
def test_blasts_with_a_myeloid_marker_are_never_undifferentiated(marker):
    found = found_in((1000, BLASTS | {marker: 3.8}), markers=f"{MARKERS} {marker}")
    assert "undifferentiated" not in found.summary
    assert found.numbers["leads_myeloid"] == 1


def test_blasts_without_any_lineage():
    found = found_in((1000, BLASTS | {"TdT": 3.5}))
    assert found.status == "absent"
    assert "undifferentiated" in found.summary


def test_weak_cd19_needs_two_more_markers():
    weak = BLASTS | {"CD19": 3.1, "cyCD79a": 3.9}
    assert by_who(found_in((1000, weak))) == set()
    assert by_who(found_in((1000, weak | {"CD22": 3.5}))) == {"B"}


def test_two_monocytic_markers_count_as_myeloid():
    markers = "CD45 CD34 CD3 CD64 CD14"
    assert by_who(found_in((1000, MONOBLASTS), markers=markers)) == {"myeloid"}
    assert by_who(found_in((1000, MONOBLASTS | {"CD14": 2.0}), markers=markers)) == set()


def test_the_sample_s_own_cells_are_the_yardstick():
    one = tube(MARKERS, (1000, LYMPHOCYTES), (1000, NEUTROPHILS | {"MPO": 4.0}))
    assert reference(one, "MPO") == pytest.approx(4.0, abs=0.05)
    assert reference(one, "cyCD3") == pytest.approx(4.35, abs=0.05)
    few = tube(MARKERS, (1000, LYMPHOCYTES), (10, NEUTROPHILS | {"MPO": 4.0}))
    assert reference(few, "MPO") == load_rulebook().number("lineage", "usual_mpo")


def test_no_blasts_or_too_few():
    assert found_in().status == "not assessable"
    assert found_in((90, MYELOBLASTS)).status == "not assessable"
    assert lineage_finding([]).status == "not assessable"


def test_missing_markers_are_listed():
    normal = (1000, LYMPHOCYTES), (1000, NEUTROPHILS)
    full = tube(MARKERS, *normal, (1000, B_BLASTS))
    found = lineage_finding([without(full, "MPO", "cyCD3")])
    assert found.status == "not assessable"
    assert found.missing == ("MPO", "cyCD3")
    assert "Blasts B" in found.summary


def test_points_must_lead():
    book = load_rulebook()
    assert leading({"b": 2.0, "t": 2.0, "m": 1.0}, book) == ""
    assert leading({"b": 1.0, "t": 0.5, "m": 0.0}, book) == ""
    assert leading({"b": 0.5, "t": 0.5, "m": 1.0}, book) == "m"


def test_simulated_cases():
    expected = {"B-ALL": "B", "T-ALL": "T", "AML": "myeloid"}
    named = 0
    cohort = flowml.simulate("acute", entities=list(expected), cases=7, events=4000, seed=9012)
    for case in cohort:
        findings = rule_findings([item.origin for item in case.tubes], case.details["specimen"])
        found = dict(zip(RULES, findings, strict=True))["lineage"]
        assert found.status != "present"
        lineages = {
            key[6:] for key, value in found.numbers.items() if key[:6] == "leads_" and value
        }
        assert lineages <= {expected[case.details["entity"]]}, case.details
        named += len(lineages)
    assert named >= 5


def test_an_antigen_counts_once_by_egil():
    found = found_in((1000, T_BLASTS | {"CD3": 4.0}))
    assert found.numbers["egil_T"] == 2.5  # CD3 on the surface and inside 2, CD7 0.5
