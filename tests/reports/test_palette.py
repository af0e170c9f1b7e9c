"""Colours of populations: the same everywhere, and different for every eye."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from flowml.gating.automatic import names as automatic
from flowml.reports.palette import (
    OTHERS,
    POPULATIONS,
    VERMILION,
    colour,
    colours,
    is_frame,
    known_population,
)

MAIN = ("T cells", "B cells", "NK cells", "monocytes", "granulocytes", "blasts", "plasma cells")
TOGETHER = (("kappa", "lambda"), ("CD4 T cells", "CD8 T cells"), ("CD4 T cells", "B cells"))
LEAST = 13.0  # CIE76; about 2.3 is a just noticeable difference (Mahy et al. 1994)
# Linear RGB as seen by people without one kind of cone (Machado et al., IEEE TVCG 15:1291).
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(text, eye):
    values = np.array([int(text[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.asarray(EYES[eye]) @ linear, 0, 1) / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", EYES)
def test_populations_of_one_picture_can_be_told_apart(eye):
    for one, other in (*combinations(MAIN, 2), *TOGETHER):
        apart = lab(POPULATIONS[one], eye) - lab(POPULATIONS[other], eye)
        assert np.linalg.norm(apart) > LEAST, f"{one} and {other}, {eye}"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("T", "T cells"), ("T-cells", "T cells"), ("CD3+", "T cells"), ("CD3 pos", "T cells"),
        ("B cells", "B cells"), ("CD19+", "B cells"), ("Monos", "monocytes"),
        ("Neutrophils", "granulocytes"), ("CD4+ T cells", "CD4 T cells"),
        ("CD8 T", "CD8 T cells"), ("NK cells", "NK cells"), ("kappa+ B", "kappa"),
        ("plasma_cell", "plasma cells"), ("dendritic", "dendritic cells"),
        ("B cells kappa", "kappa"), ("other T cells", "T cells"),
        ("blasts (not sure)", "blasts"), ("Lymphocytes", "lymphocytes"),
        ("Blasts", "blasts"), ("clone", "abnormal cells"),
        ("CD3-", ""), ("CD4-CD8-", ""), ("CD19 neg", ""), ("P1", ""), ("", ""),
        ("not T", ""), ("x" * 10_000, ""),
    ],
)  # fmt: skip
def test_names_of_populations(name, known):
    assert known_population(name) == known


def test_every_population_goes_by_its_own_name():
    assert [known_population(name) for name in POPULATIONS] == list(POPULATIONS)
    assert len(set(POPULATIONS.values())) == len(POPULATIONS) - 1, "blasts are abnormal cells"


def test_every_automatic_population_has_its_own_colour_or_none():
    every = automatic.EVERY
    frames = [name for name in every if is_frame(name)]
    assert sorted(frames) == ["CD45+ low SSC", "cells", "debris", "singlets"]
    own = [known_population(name) for name in every if name not in frames]
    assert "" not in own
    assert len(set(own)) == len(own)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("Singlets", True), ("intact cells", True), ("artefact", True), ("WBC", True),
     ("T cells", False), ("", False), ("CD45-", True), ("P1", False), ("cells of P1", False)],
)  # fmt: skip
def test_gates_of_quality(name, is_one):
    assert is_frame(name) is is_one


def test_no_name_is_taken_for_blasts_by_chance():
    """Cells, say, in the colour of blasts would frighten."""
    assert VERMILION not in {colour(f"P{n}") for n in range(200)}


def test_a_name_that_is_not_known_keeps_its_colour():
    names = [f"P{n}" for n in range(30)]
    assert [colour(name) for name in names] == [colour(name) for name in reversed(names)][::-1]
    assert {colour(name) for name in names} == set(OTHERS)


def test_names_of_one_picture_do_not_share_a_colour():
    names = [f"P{n}" for n in range(6)]
    found = colours([*names, "T cells"])
    assert len(set(found.values())) == 7
    assert list(found) == [*names, "T cells"]
    assert found["P0"] == colour("P0") or colour("P0") == POPULATIONS["T cells"]
    assert found["T cells"] == POPULATIONS["T cells"]
    many = [f"P{n}" for n in range(50)]
    assert set(colours(many)) == set(many)
