"""T cells: ratio, lost markers, TRBC1."""

from __future__ import annotations

import pytest

from flowml.gating.rules.t_cells import t_cell_finding
from tests.gating.rules.mixing import LYMPHOCYTES, NEUTROPHILS, tube, without

MARKERS = "CD45 CD3 CD4 CD8 CD2 CD5 CD7 TRBC1"
T = LYMPHOCYTES | {"CD2": 3.9, "CD5": 4.0, "CD7": 3.8}
HELPER, KILLER = T | {"CD4": 3.8}, T | {"CD8": 4.1}


def mixed(helpers, killers, *more, markers=MARKERS):
    """Two in five T cells have TRBC1."""
    parts = [
        (round(share * number), look | trbc1)
        for number, look in ((helpers, HELPER), (killers, KILLER))
        for share, trbc1 in ((0.4, {"TRBC1": 3.7}), (0.6, {}))
        if number
    ]
    return tube(markers, (2000, NEUTROPHILS), *parts, *more)


def test_normal_t_cells_are_no_finding():
    found = t_cell_finding([mixed(1000, 500)])
    assert (found.status, found.urgent) == ("absent", False)
    assert found.numbers["ratio"] == pytest.approx(2, abs=0.1)
    assert found.n_events == pytest.approx(1500, abs=20)


@pytest.mark.parametrize(("helpers", "killers"), [(2000, 100), (100, 1500)])
def test_skewed_ratios_are_found(helpers, killers):
    found = t_cell_finding([mixed(helpers, killers)])
    assert found.status == "present"
    assert "CD4:CD8" in found.summary


@pytest.mark.parametrize("marker", ["CD2", "CD5", "CD7"])
def test_a_large_part_without_a_pan_t_marker_is_found(marker):
    found = t_cell_finding([mixed(500, 500, (1500, HELPER | {marker: 2.0, "TRBC1": 2.0}))])
    assert found.status == "present"
    assert f"{marker} low or absent" in found.summary


def test_cd4_cells_with_less_cd3_or_none_are_found():
    dim = t_cell_finding([mixed(200, 800, (2500, HELPER | {"CD3": 3.8}))])
    assert "CD3 of CD4+ T cells" in dim.summary
    lost = t_cell_finding([mixed(800, 500, (900, HELPER | {"CD3": 2.0}))])
    assert "CD4+ CD3- cells" in lost.summary


@pytest.mark.parametrize("trbc1", [3.7, 2.0])
def test_one_trbc1_is_found(trbc1):
    found = t_cell_finding([mixed(100, 500, (2500, HELPER | {"TRBC1": trbc1}))])
    assert found.status == "present"
    assert "TRBC1" in found.summary


def test_without_surface_cd3_t_cells_are_not_assessable():
    found = t_cell_finding([without(mixed(1000, 500), "CD3")])
    assert (found.status, "CD3" in found.missing) == ("not assessable", True)
    assert t_cell_finding([mixed(20, 20)]).status == "not assessable"
