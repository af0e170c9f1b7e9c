"""Automatic gates on tubes made by hand, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

import flowml
from flowml.errors import FlowmlError, StateError
from flowml.gating.automatic import DEFAULT_GATE, gate_tube
from flowml.gating.rules.cells import Cells
from tests.gating.rules.mixing import LYMPHOCYTES, NEUTROPHILS, tube

MARKERS = "CD45 CD3 CD4 CD8 CD19 CD5 CD20 kappa lambda"
T4 = LYMPHOCYTES | {"CD4": 3.8, "CD5": 4.0}
T8 = LYMPHOCYTES | {"CD8": 4.1, "CD5": 4.0}
B = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.1, "CD19": 3.7, "CD20": 4.2}
MONOCYTES = {"FSC": 4.9, "SSC": 4.84, "CD45": 3.95, "CD4": 3.0, "CD33": 4.2, "CD14": 4.2}
BLASTS = {"FSC": 4.8, "SSC": 4.5, "CD45": 3.2, "CD34": 3.8, "CD117": 3.5, "CD33": 3.4}
BARE = BLASTS | {"CD45": 1.8}  # CD45-negative blasts
NARROW = 0.6  # spread of side scatter, of that of markers
DEBRIS = {"FSC": 3.9, "SSC": 4.2, "CD45": 2.5}
BLOOD = (
    (2000, T4, "CD4 T cells"), (1000, T8, "CD8 T cells"),
    (300, B | {"kappa": 3.7}, "B cells kappa"),
    (200, B | {"lambda": 3.7}, "B cells lambda"), (800, MONOCYTES, "monocytes"),
    (5000, NEUTROPHILS, "granulocytes"), (700, DEBRIS, "debris"),
)  # fmt: skip


def made(markers, *parts):
    """Mix populations; return the tube and the name of each event."""
    cells = tube(markers, *(part[:2] for part in parts)).cells
    names = np.repeat([part[2] for part in parts], [part[0] for part in parts])
    ssc = cells.levels["SSC"]
    for _, look, name in parts:
        own = names == name
        ssc[own] = look["SSC"] + (ssc[own] - look["SSC"]) * NARROW
    return cells, names


def agreement(found, names, population, *others):
    true, own = np.isin(names, [population, *others]), found.masks[population]
    return (true & own).sum() / true.sum(), (true & own).sum() / own.sum()


@pytest.fixture(scope="module")
def blood():
    return made(MARKERS, *BLOOD)


def codes(found, population):
    return [f.code for f in found.findings if f" of {population} " in f.message]


@pytest.mark.parametrize(
    ("population", "others"),
    [
        ("CD4 T cells", ()), ("CD8 T cells", ()), ("B cells kappa", ()), ("B cells lambda", ()),
        ("T cells", ("CD4 T cells", "CD8 T cells")),
        ("B cells", ("B cells kappa", "B cells lambda")),
        ("monocytes", ()), ("granulocytes", ()), ("debris", ()),
        ("lymphocytes", ("CD4 T cells", "CD8 T cells", "B cells kappa", "B cells lambda")),
    ],
)  # fmt: skip
def test_populations_of_blood_are_found_and_sure(blood, population, others):
    found = gate_tube(blood[0])
    recall, precision = agreement(found, blood[1], population, *others)
    assert recall > 0.95
    assert precision > 0.95
    assert found.is_sure(population)


def test_each_population_lies_within_its_parent(blood):
    found = gate_tube(blood[0])
    for name in found.masks:
        if parent := found.parent(name):
            assert not (found.masks[name] & ~found.masks[parent]).any()
    assert not (found.masks["monocytes"] & found.masks["granulocytes"]).any()
    assert not (found.masks["cells"] & found.masks["debris"]).any()


def test_the_order_of_events_does_not_matter(blood):
    cells = blood[0]
    order = np.random.default_rng(3).permutation(cells.n_events)
    turned = {key: values[order] for key, values in cells.levels.items()}
    one, other = gate_tube(cells), gate_tube(Cells("1", turned, cells.n_events))
    assert one.scores == pytest.approx(other.scores)
    for name, mask in one.masks.items():
        np.testing.assert_array_equal(mask[order], other.masks[name])


def test_the_gate_of_mature_panels_holds_large_and_dim_lymphoma_cells():
    dim = B | {"CD45": 3.6, "FSC": 4.8, "SSC": 4.5, "kappa": 3.7}
    cells, names = made(MARKERS, *BLOOD, (800, dim, "lymphoma"))
    found = gate_tube(cells, "mature")
    gate = found.masks[DEFAULT_GATE["mature"]]
    assert gate[names == "lymphoma"].mean() > 0.97
    assert gate[np.isin(names, ["granulocytes", "debris"])].mean() < 0.01
    assert found.is_sure(DEFAULT_GATE["mature"])


def test_the_gate_of_acute_panels_keeps_cells_without_cd45():
    cells, names = made("CD45 CD3 CD19 CD34 CD117 CD33", *BLOOD, (3000, BARE, "blasts"))
    found = gate_tube(cells)
    assert "CD45+ low SSC" not in found.masks
    assert found.masks[DEFAULT_GATE["acute"]][names == "blasts"].mean() > 0.97
    assert min(agreement(found, names, "blasts")) > 0.95
    assert found.is_sure("blasts")
    assert found.is_sure("cells")


def test_few_blasts_of_a_diluted_marrow_are_found_by_cd34():
    cells, names = made("CD45 CD3 CD19 CD34 CD117 CD33", *BLOOD, (80, BLASTS, "blasts"))
    found = gate_tube(cells)
    assert min(agreement(found, names, "blasts")) > 0.9
    assert found.is_sure("blasts")


def test_doublets_are_told_by_height_and_area():
    cells, names = made(MARKERS, *BLOOD, (600, T4 | {"FSC": 5.0, "SSC": 4.7}, "doublets"))
    rng = np.random.default_rng(4)
    height = cells.levels["FSC"] + rng.normal(0, 0.015, cells.n_events).astype(np.float32)
    height[names == "doublets"] -= 0.25
    found = gate_tube(Cells("1", {**cells.levels, "FSC-H": height}, cells.n_events))
    assert found.masks["singlets"][names == "doublets"].mean() < 0.01
    assert found.masks["singlets"][names != "doublets"].mean() > 0.97
    assert found.is_sure("singlets")
    assert found.parent("cells") == "singlets"


def test_a_ratio_of_height_to_area_that_is_mere_noise_is_not_sure(blood):
    cells = blood[0]
    noise = np.random.default_rng(4).normal(0, 0.3, cells.n_events).astype(np.float32)
    height = cells.levels["FSC"] + noise
    found = gate_tube(Cells("1", {**cells.levels, "FSC-H": height}, cells.n_events))
    assert not found.is_sure("singlets")
    assert codes(found, "singlets") == ["GATE-UNSURE"]
    assert not found.is_sure("T cells")  # they are no surer than what they are a part of


def test_without_lymphocytes_what_is_placed_by_them_is_not_sure():
    cells, _ = made("CD45 CD3 CD19 CD34 CD117", (5000, BLASTS, "blasts"), (8, T4, "T cells"))
    found = gate_tube(cells)
    for population in ("lymphocytes", "monocytes", "granulocytes", "T cells", "B cells"):
        assert not found.is_sure(population)
        assert "GATE-UNSURE" in codes(found, population)


def test_the_mature_gate_falls_back_on_all_cells():
    cells, _ = made(MARKERS, (5000, NEUTROPHILS, "granulocytes"), (8, T4, "T cells"))
    found = gate_tube(cells, "mature")
    assert not found.is_sure("CD45+ low SSC")
    np.testing.assert_array_equal(found.masks["CD45+ low SSC"], found.masks["cells"])


def test_cells_that_have_no_lymphoid_marker_are_no_sure_lymphocytes():
    unmarked = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.2}
    cells, _ = made(MARKERS, (3000, unmarked, "?"), (5000, NEUTROPHILS, "granulocytes"))
    found = gate_tube(cells)
    assert not found.is_sure("lymphocytes")
    assert any("T or B markers" in finding.message for finding in found.findings)


def test_granulocytes_without_granules_leave_monocytes_unsure():
    bare = NEUTROPHILS | {"SSC": 4.86, "CD45": 3.8}
    parts = [part for part in BLOOD if part[2] != "granulocytes"]
    found = gate_tube(made(MARKERS, *parts, (5000, bare, "granulocytes"))[0])
    assert not found.is_sure("monocytes")
    assert found.is_sure("T cells")


@pytest.mark.parametrize(("count", "sure"), [(30, False), (800, True)])
def test_few_monocytes_are_not_sure(count, sure):
    parts = [part for part in BLOOD if part[2] != "monocytes"]
    found = gate_tube(made(MARKERS, *parts, (count, MONOCYTES, "monocytes"))[0])
    assert found.is_sure("monocytes") is sure


def test_where_monocytes_are_many_blasts_are_not_sure():
    markers = "CD45 CD3 CD19 CD34 CD117 CD33"
    few = gate_tube(made(markers, *BLOOD)[0])
    many = gate_tube(made(markers, *BLOOD, (6000, MONOCYTES, "monocytes"))[0])
    assert few.is_sure("blasts")
    assert many.is_sure("monocytes")
    assert not many.is_sure("blasts")


def test_large_debris_without_cd45_leaves_cells_unsure():
    large = {"FSC": 4.6, "SSC": 4.7, "CD45": 1.8}
    found = gate_tube(made(MARKERS, *BLOOD, (12000, large, "debris"))[0])
    assert not found.is_sure("cells")


def test_where_a_marker_has_one_mode_there_are_none_or_all_of_its_cells():
    natural_killers = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.2}
    found = gate_tube(made(MARKERS, (3000, T4, "T cells"), (300, natural_killers, "NK"))[0])
    assert found.masks["T cells"].mean() > 0.87
    assert found.is_sure("T cells")
    assert found.is_sure("B cells")
    assert not found.masks["B cells"].any()
    assert not found.is_sure("B cells kappa")  # of no B cells there is no share


def test_b_cells_without_light_chains_have_none_for_sure():
    parts = [part for part in BLOOD if not part[2].startswith("B cells")]
    found = gate_tube(made(MARKERS, *parts, (900, B, "B cells"))[0])
    assert found.is_sure("B cells")
    assert not found.is_sure("B cells kappa")


@pytest.mark.parametrize("count", [0, 1, 20])
@pytest.mark.parametrize("panel", ["mature", "acute"])
def test_hardly_any_events_are_gated_without_being_sure(blood, count, panel):
    some = {key: values[:count] for key, values in blood[0].levels.items()}
    found = gate_tube(Cells("1", some, count), panel)
    assert all(len(mask) == count for mask in found.masks.values())
    assert not any(map(found.is_sure, found.masks))


def test_events_without_values_are_in_no_population(blood):
    torn = {key: values.copy() for key, values in blood[0].levels.items()}
    torn["CD8"][::5] = np.nan
    found = gate_tube(Cells("1", torn, blood[0].n_events))
    assert not any(mask[::5].any() for mask in found.masks.values())
    assert found.is_sure("CD8 T cells")


@pytest.mark.parametrize(
    ("missing", "absent", "unsure"),
    [
        ("CD45", "monocytes", "lymphocytes"),
        ("SSC", "granulocytes", "lymphocytes"),
        ("CD3", "T cells", ""),
        ("lambda", "B cells kappa", ""),
        ("CD8", "CD4 T cells", ""),
        ("FSC", "debris", "cells"),
    ],
)
def test_missing_channels_are_said(blood, missing, absent, unsure):
    levels = {key: values for key, values in blood[0].levels.items() if key != missing}
    found = gate_tube(Cells("1", levels, blood[0].n_events))
    assert absent not in found.masks
    (said,) = [f.message for f in found.findings if f.code == "GATE-NO-CHANNEL"]
    assert absent in said
    assert not unsure or not found.is_sure(unsure)


def test_the_kind_of_the_panel_is_told_by_its_markers(blood):
    markers = {"CD45": blood[0].levels["CD45"], "SSC": blood[0].levels["SSC"]}
    neither = gate_tube(Cells("1", markers, blood[0].n_events))
    assert [f.code for f in neither.findings].count("GATE-PANEL") == 1
    assert "CD45+ low SSC" not in neither.masks
    assert "CD45+ low SSC" in gate_tube(blood[0]).masks


def test_a_panel_of_another_name_is_refused(blood):
    with pytest.raises(FlowmlError, match="'mature' or 'acute'"):
        gate_tube(blood[0], "chronic")


def test_a_simulated_tube_is_gated_as_it_was_drawn():
    from flowml.simulator import truth_of

    (case,) = flowml.simulate("lst", entities="normal", cases=1, events=20000, seed=7)
    sample = case.tubes[0].origin
    found, truth = flowml.auto_gate(sample), truth_of(sample)
    granulocytes = ("neutrophils", "eosinophils", "immature granulocytes")
    for population, names in {
        "T cells": [name for name in set(truth.population) if "T cells" in name],
        "granulocytes": granulocytes,
    }.items():
        true = np.isin(truth.population, names) & truth.intact
        own = found.masks[population]
        assert found.is_sure(population)
        assert (true & own).sum() / true.sum() > 0.9
        assert (true & own).sum() / own.sum() > 0.9


def test_a_tube_on_a_display_scale_is_refused():
    (case,) = flowml.simulate("lst", entities="normal", cases=1, events=300, seed=7)
    with pytest.raises(StateError, match="display scale"):
        flowml.auto_gate(flowml.display(case.tubes[0].origin))


@pytest.mark.parametrize("name", ["lst-02", "lst-10", "lst-26"])
def test_gates_agree_with_cytometrists(shared_data, name):
    from tests.gating.rules.lst import labelled

    folder = shared_data / "euroflow-lst"
    if not folder.is_dir():
        pytest.skip("the EuroFlow samples are not among the public data")
    sample, labels = labelled(folder / f"{name}.fcs")
    found = flowml.auto_gate(sample)
    true, own = np.char.startswith(labels, "Neutrophils"), found.masks["granulocytes"]
    assert found.is_sure("granulocytes")
    assert own[true].mean() > 0.97
    b_cells = np.char.find(labels, "SIg") >= 0
    assert found.masks["B cells"][b_cells].mean() > 0.95
    assert b_cells[found.masks["B cells"]].mean() > 0.8


def test_t_cells_are_found_without_cd45_and_scatter():
    levels = np.random.default_rng(2).normal([2.0, 4.5], 0.2, (500, 2)).astype(np.float32)
    cells = Cells("t", {"CD3": levels.ravel(), "CD4": levels[:, ::-1].ravel()}, 1000)
    found = gate_tube(cells)
    assert found.parent("T cells") == "cells"
    assert not found.is_sure("T cells")


@pytest.mark.parametrize("level", [1e30, 7.5])
def test_scatter_beyond_every_scale_does_not_hide_granulocytes(level):
    cells, names = made(MARKERS, *BLOOD)
    cells.levels["SSC"][::2] = level
    assert agreement(gate_tube(cells), names, "granulocytes")[0] > 0.95
