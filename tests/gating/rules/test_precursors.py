import pytest

from flowml.gating.rules.precursors import precursors
from tests.gating.rules.mixing import LYMPHOCYTES, NEUTROPHILS, tube

MARKERS = "CD45 CD34 CD117 CD33 CD3 CD10"
BLASTS = {"FSC": 4.85, "SSC": 4.6, "CD45": 3.5, "CD34": 3.8, "CD117": 3.5, "CD33": 3.5}
DIM = {"FSC": 4.8, "SSC": 4.5, "CD45": 3.4}
ERYTHROID = {"FSC": 4.7, "SSC": 4.4, "CD45": 2.9, "CD117": 3.4}


def share(*populations, markers=MARKERS):
    one = tube(markers, (1000, LYMPHOCYTES), (1000, NEUTROPHILS), *populations)
    return precursors(one).cells.sum() / one.n_intact


def test_blasts_count_whatever_their_cd45():
    assert share((1000, BLASTS)) == pytest.approx(1 / 3, abs=0.02)
    assert share((1000, BLASTS | {"CD45": 1.5})) == pytest.approx(1 / 3, abs=0.02)


def test_normal_cells_do_not_count():
    assert share() < 0.02


def test_cd45_dim_cells_count_when_they_are_a_population():
    assert share((1000, DIM)) == pytest.approx(1 / 3, abs=0.03)
    assert share((100, DIM)) < 0.02


def test_a_cell_without_cd45_counts_with_a_lymphoid_marker():
    nude = DIM | {"CD45": 1.5}
    assert share((1000, nude)) < 0.02
    assert share((1000, nude | {"CD10": 4.0})) == pytest.approx(1 / 3, abs=0.03)


def test_erythroid_precursors_with_cd117_do_not_count_where_a_myeloid_marker_tells():
    assert share((200, ERYTHROID)) < 0.02
    assert share((200, ERYTHROID), markers="CD45 CD117 CD3") > 0.07


def test_granulocyte_precursors_do_not_count():
    promyelocytes = NEUTROPHILS | {"CD117": 3.4, "CD45": 3.5}
    assert share((1000, promyelocytes)) < 0.02


def test_b_precursors_are_told_apart():
    one = tube(MARKERS, (1000, LYMPHOCYTES), (500, DIM | {"CD10": 4.0}))
    found = precursors(one)
    assert found.b_precursors.sum() == pytest.approx(500, abs=15)
    assert found.gate == "intact singlets, low SSC, CD34+ or CD117+ or CD45 dim"


def test_a_tube_without_any_marker_finds_nothing():
    one = tube("CD3", (1000, LYMPHOCYTES))
    assert not precursors(one).cells.any()
    assert "no marker" in precursors(one).gate
