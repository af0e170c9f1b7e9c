"""The scripts that hold automatic gates against cytometrists count as they say."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from places import ROOT

from tests.gating.rules.mixing import LYMPHOCYTES, tube

B = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.1, "CD19": 3.7, "CD20": 4.2}
MARKERS = "CD45 CD3 CD19 CD20 CD5 kappa lambda"


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(ROOT / "scripts")
        yield importlib.import_module("measure_gates")


@pytest.fixture(scope="module")
def clones(script):
    assert script
    return importlib.import_module("measure_clones")


def made(script, name, diagnosis, *parts):
    """Mix populations of a number of events, a look and a lineage."""
    cells = tube(MARKERS, *(part[:2] for part in parts)).cells
    lineages = np.repeat([part[2] for part in parts], [part[0] for part in parts])
    return script.Tube(name, diagnosis, cells, lineages, lineages)


def test_right_is_a_harmonic_mean_of_nine_tenths(script):
    assert script.Agreement(1.0, 0.82, sure=True).right  # 2 x 0.82 / 1.82 = 0.901
    assert not script.Agreement(1.0, 0.81, sure=True).right  # 0.895
    assert not script.Agreement(0.0, 0.0, sure=True).right


def test_thresholds_were_set_on_donors_with_an_odd_number(script):
    part = (10, B, "B")
    assert made(script, "lst-07", "HD", part).is_development
    assert not made(script, "lst-08", "HD", part).is_development
    assert not made(script, "lst-25", "MCL", part).is_development


def test_truth_is_what_the_cytometrist_said(script):
    some = made(script, "lst-01", "HD", (3, B, "B"), (2, B, "plasma_cell"), (4, B, "artefact"))
    assert script.truth(some, "cells").sum() == 5
    assert script.truth(some, "debris").sum() == 4
    assert script.truth(some, "B cells").sum() == 5
    assert script.truth(some, "T cells").sum() == 0


def test_a_clone_takes_the_place_of_a_share_of_a_donor(clones, script):
    donor = made(
        script, "lst-02", "HD", (8000, LYMPHOCYTES | {"CD5": 4.0}, "T"),
        (1200, B | {"kappa": 3.7}, "B"), (800, B | {"lambda": 3.7}, "B"),
    )  # fmt: skip
    look = B | {"CD5": 3.4, "CD20": 3.4, "kappa": 3.5}
    clone = made(script, "lst-22", "MCL", (900, look, "B-clone"), (500, LYMPHOCYTES, "T"))
    seen = clones.mixed(donor, clone, 0.03)
    assert seen.present
    assert seen.gated == pytest.approx(300, abs=10)
    assert seen.own / seen.cells > 0.9
    few = clones.mixed(donor, clone, 0.001)
    assert (few.present, few.described, few.cells, few.gated) == (False, False, 0, 10)
    some = clones.mixed(donor, clone, 0.004)
    assert (some.present, some.described, some.cells, some.gated) == (False, True, 0, 40)


def test_lymphocytes_are_taken_out(script):
    donor = made(script, "lst-02", "HD", (5000, LYMPHOCYTES, "T"), (700, B, "neutrophil"))
    assert script.without_lymphocytes(donor).n_events == pytest.approx(710, abs=15)


def test_hits_are_counted_for_either_half_of_the_donors(clones, script):
    donors = [made(script, f"lst-0{n}", "HD", (10, B, "B")) for n in (1, 2, 3)]
    cells = clones.by_half(donors, [True, True, False]).split(" | ")
    assert [cell[:6] for cell in cells] == ["1 of 2", "1 of 1", "2 of 3"]
