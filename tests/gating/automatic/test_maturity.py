"""Promyelocytes have the scatter of granulocytes: the gate that takes them says so."""

from __future__ import annotations

import numpy as np
import pytest

import flowml
from flowml.gating.automatic import gate_tube
from flowml.gating.automatic.maturity import maturity_sign
from tests.gating.automatic.test_automatic import MONOCYTES, T4, codes, made
from tests.gating.rules.mixing import NEUTROPHILS, tube, without

PROMYELOCYTES = {
    "FSC": 5.0, "SSC": 5.1, "CD45": 3.4, "CD33": 4.6, "CD117": 3.5, "CD13": 4.0, "MPO": 4.9,
}  # fmt: skip
TELLING = "CD117 CD11b CD15"


def sign(markers, *populations):
    mixed = tube(f"CD45 {markers}", (1000, T4), *populations)
    granulocytes = np.arange(mixed.cells.n_events) >= 1000
    return maturity_sign(mixed, granulocytes)


@pytest.mark.parametrize(
    ("markers", "said"),
    [("CD117", "have CD117"), ("CD11b", "lack CD11b"), ("CD15", "lack CD15")],
)
def test_each_marker_of_maturity_tells_promyelocytes(markers, said):
    found = sign(markers, (2000, PROMYELOCYTES))
    assert found.score < 0.1
    assert said in found.words
    assert sign(markers, (2000, NEUTROPHILS)).score > 0.9


@pytest.mark.parametrize(("early", "sure"), [(100, True), (400, False)])
def test_a_tenth_of_promyelocytes_is_normal_marrow_and_a_third_is_not(early, sure):
    found = sign(TELLING, (1000, NEUTROPHILS), (early, PROMYELOCYTES))
    assert (found.score >= 0.5) is sure


def test_cd45_tells_only_where_no_marker_does():
    dim = NEUTROPHILS | {"CD45": 3.4}  # 0.8 decades below the lymphocytes
    assert sign("CD15", (2000, dim)).score > 0.9
    found = sign("CD10", (2000, dim))
    assert found.score < 0.5
    assert "no marker tells how mature" in found.words
    assert sign("CD10", (2000, NEUTROPHILS)).score > 0.5


def test_of_no_granulocytes_nothing_is_asked():
    mixed = tube(f"CD45 {TELLING}", (1000, T4))
    assert maturity_sign(mixed, mixed.cells.nothing()).score == 1.0
    assert maturity_sign(without(mixed, *TELLING.split()), mixed.cells.nothing()).score == 1.0


def test_a_gate_full_of_promyelocytes_is_not_sure_and_says_why():
    markers = f"CD45 CD3 CD19 CD34 CD33 {TELLING}"
    early = (5000, PROMYELOCYTES, "promyelocytes")
    rest = (1500, T4, "T cells"), (300, MONOCYTES, "monocytes")
    found = gate_tube(made(markers, *rest, early)[0])
    assert not found.is_sure("granulocytes")
    assert codes(found, "granulocytes") == ["GATE-UNSURE"]
    assert any("as promyelocytes do" in finding.message for finding in found.findings)
    assert found.is_sure("T cells")
    mature = gate_tube(made(markers, *rest, (5000, NEUTROPHILS, "granulocytes"))[0])
    assert mature.is_sure("granulocytes")


@pytest.mark.parametrize(("entity", "least", "most"), [("APL", 2, 3), ("normal", 0, 0)])
def test_simulated_leukemia_of_promyelocytes_is_warned_of(entity, least, most):
    cases = flowml.simulate("acute", entities=entity, cases=3, events=5000, seed=42)
    told = [
        any("as promyelocytes do" in finding.message for finding in found.findings)
        for found in (flowml.auto_gate(case.tubes[0].origin) for case in cases)
    ]
    assert least <= sum(told) <= most  # the microgranular variant has low side scatter
