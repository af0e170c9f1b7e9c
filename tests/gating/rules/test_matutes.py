"""The Matutes score, from one tube or from two."""

from __future__ import annotations

import pytest

from flowml.gating.rules.matutes import matutes_finding
from tests.gating.rules.mixing import LYMPHOCYTES, tube, without

FIRST = "CD45 CD19 CD5 CD20 CD23 FMC7 CD79b IgM"
SECOND = "CD45 CD19 CD22 CD38 kappa lambda"
T = LYMPHOCYTES | {"CD5": 4.0}
CELL = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.1, "CD19": 3.7}
B = CELL | {"CD20": 4.2, "FMC7": 3.6, "CD79b": 3.7, "CD22": 3.5, "IgM": 3.7}
CLL = CELL | {"CD5": 3.4, "CD20": 3.3, "CD23": 3.7, "CD79b": 2.7, "CD22": 2.7, "kappa": 2.8}
MCL = B | {"CD5": 3.4, "kappa": 3.9}


def case(*populations):
    return [tube(FIRST, (2000, T), *populations), tube(SECOND, (2000, T), *populations)]


def test_five_points_for_cll_from_two_tubes():
    found = matutes_finding(case((1500, CLL)))
    assert (found.status, found.numbers["score"]) == ("present", 5)
    assert "5 of 5" in found.summary
    assert found.missing == ()


def test_one_point_for_mantle_cell_lymphoma():
    found = matutes_finding(case((1500, MCL)))
    assert (found.status, found.numbers["score"]) == ("absent", 1)
    assert "against CLL" in found.summary


def test_a_clone_beside_normal_b_cells_is_scored_alone():
    normal = [(600, B | {"kappa": 3.7}), (450, B | {"lambda": 3.7})]
    found = matutes_finding(case((200, CLL), *normal))
    assert found.numbers["score"] == 5


def test_cd22_stands_in_for_cd79b():
    tubes = [without(one, "CD79b") for one in case((1500, CLL))]
    found = matutes_finding(tubes)
    assert found.numbers["score"] == 5
    assert "CD22 weak" in found.summary


@pytest.mark.parametrize(
    ("lost", "look", "status"),
    [
        (("CD23",), CLL, "present"),  # 4 points of 4
        (("CD23", "FMC7"), CLL, "not assessable"),  # 3 of 3
        (("CD23",), MCL, "absent"),  # 1 of 4
    ],
)
def test_missing_markers_are_named_and_weighed(lost, look, status):
    found = matutes_finding([without(one, *lost) for one in case((1500, look))])
    assert (found.status, found.missing) == (status, lost)


def test_without_b_cell_markers_there_is_no_score():
    found = matutes_finding([tube("CD45 CD3", (2000, T))])
    assert found.status == "not assessable"
    assert "not assessable" in found.summary
