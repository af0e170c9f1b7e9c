"""How a patient's cells look: medians within what the knowledge says, and drawn as it says."""

from dataclasses import replace

import numpy as np
import pytest

from flowml.knowledge.biology import read_biology
from flowml.simulator.looks import (
    SCATTER_SHIFT,
    STICKY,
    SUBCLONE_SCATTER_SHIFT,
    SUBCLONE_SHIFT,
    WIDENING,
    draw_looks,
    draw_subclones,
    is_polytypic,
    joined,
)
from tests.knowledge.small_biology import written
from tests.simulator.drawing import generator

N = 1500
NEG, DIM, POS, BRIGHT = 1.5, 2.8, 3.7, 4.2
BAND = 0.1  # of every level of the small knowledge


@pytest.fixture(scope="module")
def biology(tmp_path_factory):
    return read_biology(written(tmp_path_factory.mktemp("small")))


def drawn(biology, name="T cells", n=N, chains=("",), seed=1, **changes):
    """Draw one kind of cell of many patients."""
    rng = generator(seed)
    population = replace(biology.populations[name], **changes)
    return [draw_looks(population, chains, biology, rng) for _ in range(n)]


def column(biology, looks, marker, what="path"):
    """Return what was drawn of a marker, the first look of each patient."""
    return np.array(
        [getattr(one, what)[0, ..., biology.markers.index(marker)] for one in looks]
    )


def is_uniform(values, low, high):
    """Whether values fill a range evenly: ends, mean and variance, within five errors."""
    n, width = len(values), high - low
    ends = (
        low <= values.min() < low + 0.02 * width and high - 0.02 * width < values.max() <= high
    )
    mean = abs(values.mean() - (low + high) / 2) < 5 * width / np.sqrt(12 * n)
    return ends and mean and values.var() == pytest.approx(width**2 / 12, rel=0.1)


def test_a_level_is_drawn_evenly_within_its_band(biology):
    found = column(biology, drawn(biology), "CD3")
    assert (found == found[:, :1]).all()  # no path: all cells alike
    assert is_uniform(found[:, 0], BRIGHT - BAND, BRIGHT + BAND)


def test_what_is_not_listed_is_negative(biology):
    looks = drawn(biology)
    assert is_uniform(column(biology, looks, "CD19")[:, 0], NEG - BAND, NEG + BAND)
    assert (column(biology, looks, "CD19", "spread") == 0.2).all()
    assert (column(biology, looks, "CD19", "cells") == 1).all()


def test_a_range_is_drawn_between_its_levels_and_a_band_beyond(biology):
    expression = replace(biology.populations["T cells"].expressions["CD7"], share=1.0)
    found = column(biology, drawn(biology, expressions={"CD7": expression}), "CD7")[:, 0]
    assert found.min() > DIM - BAND
    assert found.max() < POS + BAND
    assert found.mean() == pytest.approx((DIM + POS) / 2, abs=0.03)
    # two independent even draws: their variances add up
    variance = ((POS - DIM) ** 2 + (2 * BAND) ** 2) / 12
    assert found.var() == pytest.approx(variance, rel=0.1)


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0, 3.0])
def test_variation_multiplies_the_band(biology, variation):
    found = column(biology, drawn(biology, variation=variation), "CD3")[:, 0]
    if variation == 0:
        assert np.ptp(found) < 1e-12
    else:
        assert is_uniform(found, BRIGHT - variation * BAND, BRIGHT + variation * BAND)


def test_cells_spread_more_where_patients_vary_more(biology):
    spreads = column(biology, drawn(biology, variation=3.0), "CD3", "spread")
    assert is_uniform(spreads, 0.1, 0.1 * (1 + 2 * WIDENING))
    calm = column(biology, drawn(biology, variation=0.5), "CD3", "spread")
    np.testing.assert_allclose(calm, 0.1)


def test_steps_of_a_path_shift_together(biology):
    found = column(biology, drawn(biology, "hematogones"), "CD34")
    np.testing.assert_allclose(found - found[:, :1], [[0, DIM - BRIGHT, NEG - BRIGHT]] * N)
    assert is_uniform(found[:, 0], BRIGHT - BAND, BRIGHT + BAND)


def test_an_antigen_is_lost_in_its_share_of_patients(biology):
    looks = drawn(biology)
    medians, cells = column(biology, looks, "CD7")[:, 0], column(biology, looks, "CD7", "cells")
    lost = medians < NEG + BAND
    assert lost.mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(N))
    assert medians[~lost].min() > DIM - BAND
    assert (cells[lost] == 1).all()
    assert is_uniform(cells[~lost], 0.4, 0.9)


def test_an_antigen_that_is_lost_leaves_the_others_as_they_were(biology):
    given = biology.populations["T cells"].expressions
    (with_it, without) = (
        drawn(biology, n=1, expressions={**given, "CD7": replace(given["CD7"], share=share)})[0]
        for share in (1.0, 0.0)
    )
    others = np.arange(len(biology.markers)) != biology.markers.index("CD7")
    assert np.array_equal(with_it.path[..., others], without.path[..., others])
    assert np.array_equal(with_it.scatter, without.scatter)
    assert not np.array_equal(with_it.path, without.path)


def test_cells_with_kappa_and_with_lambda_differ_in_their_chain_alone(biology):
    (looks,) = drawn(biology, "B cells", 1, ("kappa", "lambda"))
    assert looks.chains == ("kappa", "lambda")
    at = biology.markers.index
    chains = [at(marker) for marker in ("kappa", "lambda", "cykappa", "cylambda")]
    others = np.setdiff1d(np.arange(len(biology.markers)), chains)
    assert np.array_equal(looks.path[0][:, others], looks.path[1][:, others])
    kappa, lambda_ = looks.path[:, 0]
    assert kappa[at("kappa")] == pytest.approx(POS, abs=BAND)
    assert kappa[at("cykappa")] == pytest.approx(DIM, abs=BAND)
    for marker in ("lambda", "cylambda"):
        assert kappa[at(marker)] == pytest.approx(NEG, abs=BAND)
    assert lambda_[at("lambda")] == pytest.approx(POS, abs=BAND)
    assert lambda_[at("kappa")] == pytest.approx(NEG, abs=BAND)


def test_cells_without_a_chain_have_neither(biology):
    (looks,) = drawn(biology, "B cells", 1)
    for marker in ("kappa", "lambda", "cykappa", "cylambda"):
        assert looks.path[0, 0, biology.markers.index(marker)] == pytest.approx(NEG, abs=BAND)


def test_antibody_against_the_other_chain_sticks_where_the_line_says_so(biology):
    chains = biology.populations["B cells"].light_chains
    sticky = replace(chains, other=biology.populations["T cells"].expressions["CD45"])
    (looks,) = drawn(biology, "B cells", 1, ("kappa", "lambda"), light_chains=sticky)
    columns = [biology.markers.index(marker) for marker in ("lambda", "kappa")]
    other = looks.path[[0, 1], 0, columns]
    assert (np.abs(other - BRIGHT) < BAND).all()


def test_what_sticks_belongs_to_the_donor(biology):
    wide = replace(biology.populations["T cells"].expressions["CD7"], share=1.0)
    population = replace(
        biology.populations["T cells"],
        expressions={"kappa": wide, "lambda": wide},
        variation=0.0,
    )
    at = [biology.markers.index(marker) for marker in ("kappa", "lambda")]
    for stickiness, expected in ((0.0, DIM), (0.5, (DIM + POS) / 2), (1.0, POS)):
        looks = draw_looks(population, ("",), biology, generator(), stickiness)
        np.testing.assert_allclose(looks.path[0][:, at], expected)


def test_scatter_lies_about_its_median(biology):
    scatter = np.array([one.scatter[0] for one in drawn(biology, variation=2.0)])
    expected = np.log10([46_000, 28_000])
    shift = np.sqrt(2.0) * SCATTER_SHIFT
    assert np.abs(scatter.mean(axis=0) - expected).max() < 5 * shift / np.sqrt(N)
    np.testing.assert_allclose(scatter.std(axis=0), shift, rtol=0.1)


def test_subclones_drift_in_what_they_express_and_in_nothing_else(biology):
    founder = drawn(biology, n=1)[0]
    every = draw_subclones(founder, N, biology, generator(2))
    drift = every.path - founder.path
    expressed = (founder.path[0] > NEG + 0.3).any(axis=0)
    assert expressed[biology.markers.index("CD45")]
    expressed[biology.markers.index("CD45")] = False  # alike in all clones of a patient
    assert 0 < expressed.sum() < len(expressed)
    assert (drift[..., ~expressed] == 0).all()
    np.testing.assert_allclose(drift[:, 0, expressed].std(axis=0), SUBCLONE_SHIFT, rtol=0.1)
    assert (drift[:, :1] == drift).all()  # the whole path drifts
    np.testing.assert_allclose(
        (every.scatter - founder.scatter).std(axis=0), SUBCLONE_SCATTER_SHIFT, rtol=0.1
    )
    assert np.array_equal(every.cells, np.tile(founder.cells, (N, 1)))


def test_an_antigen_on_part_of_a_path_drifts_too(biology):
    founder = drawn(biology, "hematogones", 1)[0]
    (one,) = draw_subclones(founder, 1, biology, generator(2)).path - founder.path
    assert (one[:, biology.markers.index("CD34")] != 0).all()


def test_both_light_chains_stick_to_the_same_cells_that_make_none(biology):
    (t_cells,) = drawn(biology, n=1)
    (b_cells,) = drawn(biology, "B cells", 1, ("kappa", "lambda"))
    assert t_cells.together == ((("kappa", "lambda", STICKY), ("CD3", "CD7", 0.5)),)
    assert b_cells.together == ((("CD3", "CD7", 0.5),),) * 2
    assert joined([t_cells, b_cells]).together == t_cells.together + b_cells.together


def test_looks_are_joined_in_their_order(biology):
    one, other = drawn(biology, n=1)[0], drawn(biology, "B cells", 1, ("kappa", "lambda"))[0]
    both = joined([one, other])
    assert len(both) == 3
    assert both.names == ("T cells", "B cells", "B cells")
    assert both.chains == ("", "kappa", "lambda")
    assert np.array_equal(both.path, np.concatenate([one.path, other.path]))


def test_the_same_draws_give_the_same_looks(biology):
    one, same, other = (drawn(biology, n=1, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one.path, same.path)
    assert np.array_equal(one.scatter, same.scatter)
    assert not np.array_equal(one.path, other.path)


def test_which_populations_are_polytypic(biology):
    assert is_polytypic(biology.populations["B cells"])
    assert not is_polytypic(biology.populations["T cells"])
    for variant in biology.diseases["CLL"].variants:
        assert not any(is_polytypic(clone.population) for clone in variant.clones)
