"""The artefact score, peaks and doublets: outside truth, a property, an edge for each."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

import flowml
from flowml.quality import artefact_score
from flowml.quality.peaks import find_peaks, smallest_cells, smoothed
from flowml.quality.singlets import find_doublets
from flowml.quality.values import open_values
from flowml.simulator import truth_of


def blood(n=4000, seed=3):
    """Lymphocytes, granulocytes and debris in linear scatter; True for debris."""
    rng = np.random.default_rng(seed)
    where = [(50_000, 25_000, 3), (100_000, 120_000, 5), (15_000, 20_000, 1)]
    fsc, ssc = [], []
    for x, y, times in where:
        fsc.append(x * (1 + 0.12 * rng.standard_normal(times * n // 9)))
        ssc.append(y * (1 + 0.15 * rng.standard_normal(times * n // 9)))
    debris = np.repeat([False, False, True], [len(part) for part in fsc])
    return np.concatenate(fsc), np.concatenate(ssc), debris


def test_peaks_lie_where_the_cells_were_put():
    fsc, ssc, _ = blood()
    peaks = find_peaks(fsc, ssc)
    assert len(peaks) == 3
    assert max(peak.height for peak in peaks) == 1
    cells = smallest_cells(peaks)
    assert cells.fsc == pytest.approx(50_000, rel=0.06)
    assert cells.ssc == pytest.approx(25_000, rel=0.15)


def test_smoothing_keeps_the_sum_and_is_a_normal_kernel():
    spike = np.zeros((21, 21))
    spike[10, 10] = 100
    found = smoothed(spike, 1.5)
    assert found.sum() == pytest.approx(100)
    assert found[10, 10] / found[10, 13] == pytest.approx(np.exp(0.5 * (3 / 1.5) ** 2))
    assert np.allclose(found, found.T)
    rough = np.random.default_rng(1).random((8, 8, 8))
    assert smoothed(rough, 1.0).sum() == pytest.approx(rough.sum())


@pytest.mark.parametrize("with_cd45", [False, True])
def test_debris_scores_higher_than_cells_whatever_the_units(with_cd45):
    fsc, ssc, debris = blood()
    rng = np.random.default_rng(5)
    pale = np.where(debris, 0.1, 0.5) + 0.03 * rng.standard_normal(len(fsc))
    cd45 = pale if with_cd45 else None
    score = artefact_score(fsc, ssc, cd45).score
    assert (score[debris] > np.quantile(score[~debris], 0.97)).mean() > 0.98
    other = artefact_score(fsc * 4, ssc * 0.25, cd45).score
    assert np.allclose(score, other, atol=1e-3), "units do not matter"
    order = rng.permutation(len(fsc))
    mixed = artefact_score(fsc[order], ssc[order], cd45[order] if with_cd45 else None)
    assert np.array_equal(mixed.score, score[order]), "nor does the order of events"


def test_too_few_or_no_values_have_no_score():
    assert artefact_score(np.ones(10), np.ones(10)) is None
    assert artefact_score(np.empty(0), np.empty(0)) is None
    assert artefact_score(np.full(500, np.nan), np.full(500, np.nan)) is None
    assert smallest_cells([]) is None
    fsc, ssc, _ = blood()
    fsc[7] = np.nan
    score = artefact_score(fsc, ssc).score
    assert np.isnan(score[7])
    assert np.isfinite(np.delete(score, 7)).all()


def test_equal_cells_do_not_break_the_score():
    found = artefact_score(np.full(300, 5.0), np.full(300, 7.0))
    assert found is None or np.isfinite(found.score).all()


@pytest.mark.parametrize(("name", "least"), [("lst-09", 0.6), ("lst-16", 0.75)])
def test_cytometrists_own_labels_agree(shared_data, name, least):
    """Two held-out donors of the LST samples; scripts/measure_artefacts.py has all."""
    folder = shared_data / "euroflow-lst"
    with (folder / "populations.csv").open(encoding="utf-8") as stream:
        lineage = {r["population"].strip(): r["lineage"] for r in csv.DictReader(stream)}
    with gzip.open(folder / f"{name}.labels.csv.gz", "rt", encoding="utf-8") as stream:
        kinds = [lineage[row["population"].strip()] for row in csv.DictReader(stream)]
    artefact = np.array(kinds) == "artefact"
    values = open_values(flowml.read_fcs(folder / f"{name}.fcs"), "none")
    scatter = values.scatter("FSC-A"), values.scatter("SSC-A")
    recalls = []
    for axes in (scatter, (*scatter, values.cd45)):
        score = artefact_score(*axes).score
        recalls.append((score[artefact] > np.quantile(score[~artefact], 0.97)).mean())
    assert recalls[0] > least
    assert recalls[1] > 0.75


def test_doublets_of_the_simulator_are_found():
    sample = flowml.simulate("screening", cases=1, events=6000, seed=21)[0].tubes[0].origin
    values, truth = open_values(sample), truth_of(sample)
    found = find_doublets(values.scatter("FSC-A"), values.scatter("FSC-H"))
    assert found.mask[truth.doublet].mean() > 0.95
    assert found.mask[truth.intact].mean() < 0.01
    assert found.cut < found.mode


def test_doublets_by_width_and_without_a_pulse_that_tells():
    rng = np.random.default_rng(2)
    width = 100 * (1 + 0.02 * rng.standard_normal(1000))
    width[:50] *= 1.8
    assert np.array_equal(np.flatnonzero(find_doublets(width).mask), np.arange(50))
    area = rng.random(1000) + 1
    assert find_doublets(area, 2 * area) is None, "one was computed from the other"
    assert find_doublets(area[:20], area[:20] * 0.9) is None
    assert find_doublets(-area, area) is None
