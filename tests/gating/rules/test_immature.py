import pytest

import flowml
from flowml.gating.rules.cells import open_cells
from flowml.gating.rules.immature import immature_finding
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook
from tests.gating.rules.mixing import LYMPHOCYTES, NEUTROPHILS, tube, without

MARKERS = "CD45 CD34 CD117 CD33 CD3 CD10"
BLASTS = {"FSC": 4.85, "SSC": 4.6, "CD45": 3.5, "CD34": 3.8, "CD117": 3.5, "CD33": 3.5}
APL = {"FSC": 5.0, "SSC": 5.1, "CD45": 3.5, "CD33": 4.4, "CD117": 3.4}
HEMATOGONES = {"FSC": 4.7, "SSC": 4.4, "CD45": 3.5, "CD10": 3.9}


def mixed(count, look, markers=MARKERS):
    return tube(markers, (1000, LYMPHOCYTES), (1000, NEUTROPHILS), (count, look))


def test_a_fifth_and_more():
    found = immature_finding([mixed(1000, BLASTS)])
    assert found.status == "present"
    assert found.summary.startswith("Immature cells 20 % and more")
    assert "not a morphologic blast count" in found.summary
    numbers = found.numbers
    assert numbers["share_of_intact"] == pytest.approx(1 / 3, abs=0.02)
    assert numbers["share_of_intact_low"] < 1 / 3 < numbers["share_of_intact_high"]


def test_a_tenth_is_where_the_classifications_differ():
    found = immature_finding([mixed(330, BLASTS)])
    assert found.status == "present"
    assert "WHO 2022 and ICC differ" in found.summary


def test_few_are_below_ten_and_never_none():
    found = immature_finding([mixed(50, BLASTS)])
    assert found.status == "absent"
    assert "below 10 %" in found.summary
    assert "no blasts" not in found.summary.lower()


@pytest.mark.parametrize("lost", [("CD34",), ("CD117",), ("CD34", "CD117")])
def test_few_do_not_mean_absence_where_a_marker_is_missing(lost):
    found = immature_finding([without(mixed(50, BLASTS), *lost)])
    assert found.status == "not assessable"
    assert found.missing == lost
    assert "not excluded" in found.summary


def test_many_cells_with_dim_cd45_count_without_cd34_and_cd117():
    found = immature_finding([without(mixed(1000, BLASTS), "CD34", "CD117")])
    assert found.status == "present"
    assert found.numbers["cd45_dim_share"] == pytest.approx(1 / 3, abs=0.03)


def test_cells_without_cd45_are_in_the_denominator_and_among_the_blasts():
    found = immature_finding([mixed(1000, BLASTS | {"CD45": 1.0})])
    assert found.numbers["share_of_intact"] == pytest.approx(1 / 3, abs=0.02)


def test_promyelocytes_count_where_the_apl_alert_fires():
    markers = f"{MARKERS} HLA-DR CD11b CD16"
    assert immature_finding([mixed(2000, APL, markers)]).numbers["share_of_intact"] > 0.45
    assert immature_finding([mixed(2000, APL)]).numbers["share_of_intact"] < 0.05


def test_b_precursors_are_named():
    found = immature_finding([mixed(500, HEMATOGONES)])
    assert "hematogones or not" in found.summary


def test_the_tube_with_most_markers_is_used():
    poor = tube("CD45 CD3", (1000, LYMPHOCYTES), name="poor")
    rich = tube(MARKERS, (1000, LYMPHOCYTES), (1000, BLASTS), name="rich")
    assert immature_finding([poor, rich]).tube == "rich"


def test_nothing_to_go_by():
    for tubes in ([], [tube("CD3 CD19", (1000, LYMPHOCYTES))], [tube(MARKERS, (99, BLASTS))]):
        found = immature_finding(tubes)
        assert found.status == "not assessable"
        assert found.missing == ("CD34", "CD117")


def test_simulated_cases():
    book = load_rulebook()
    for case in flowml.simulate(
        "acute", entities={"B-ALL": 2, "normal": 2}, events=4000, seed=5
    ):
        tubes = [RuleTube(open_cells(item.origin), book) for item in case.tubes]
        found = immature_finding(tubes)
        assert (found.status == "present") is (case.details["entity"] == "B-ALL")
