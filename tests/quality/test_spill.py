"""What compensation left: on cells whose spillover is known."""

from __future__ import annotations

import numpy as np
import pytest

from flowml.quality.spill import _lowest_mode, matrix_error, residues

SHARES = np.array([[1, 0.20, 0.05], [0.10, 1, 0.15], [0.04, 0.08, 1]])


def cells(n=6000, seed=1):
    """Light of three dyes, an antigen each on a third of the cells; noise is added later."""
    rng = np.random.default_rng(seed)
    light = np.zeros((n, 3))
    owner = np.arange(n) % 4  # a quarter has none
    for dye in range(3):
        mine = owner == dye
        light[mine, dye] = 10 ** (4 + 0.15 * rng.standard_normal(mine.sum()))
    return light, 60 * rng.standard_normal((n, 3))


def compensated(factor):
    """Compensate by the true shares times a factor."""
    light, noise = cells()
    written = SHARES * factor
    np.fill_diagonal(written, 1)
    unmixed = (light @ SHARES + noise) @ np.linalg.inv(written)
    return unmixed.T.astype(np.float32), written


def test_the_right_matrix_leaves_nothing():
    values, written = compensated(1.0)
    found = residues(values)
    assert np.nanmax(np.abs(found.slope)) < 0.01
    assert np.nanmin(found.depth) > -3
    assert matrix_error(found.slope, written)[0] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.25, 1.5])
def test_a_wrong_matrix_is_measured(factor):
    values, written = compensated(factor)
    found = residues(values)
    truth = (SHARES - written) @ np.linalg.inv(written)  # of observed light, what stays behind
    off = ~np.eye(3, dtype=bool)
    assert found.slope[off] == pytest.approx(truth[off], abs=0.06)
    error, count = matrix_error(found.slope, written)
    assert count >= 3
    assert error == pytest.approx((1 - factor) / factor, abs=0.2 / factor)
    assert np.sign(error) == np.sign(1 - factor)
    assert (np.nanmin(found.depth) < -7) == (factor > 1)


def test_raw_values_show_the_shares_themselves():
    light, noise = cells()
    found = residues((light @ SHARES + noise).T.astype(np.float32))
    off = ~np.eye(3, dtype=bool)
    assert found.slope[off] == pytest.approx(SHARES[off], abs=0.03)


def test_an_antigen_of_all_bright_cells_is_no_overcompensation():
    values, _ = compensated(1.0)
    both = values[0] > 3000
    values[1, both] += 8000  # these cells have the second antigen, too
    found = residues(values)
    assert found.slope[0, 1] > 0
    assert np.nanmin(found.depth) > -3


def test_the_order_and_the_unit_do_not_matter():
    values, _ = compensated(1.25)
    once = residues(values)
    bigger = residues(values * np.float32(4))
    assert np.allclose(once.slope, bigger.slope, atol=2e-3, equal_nan=True)
    assert np.allclose(once.depth, bigger.depth, rtol=0.05, atol=0.05, equal_nan=True)
    order = np.random.default_rng(3).permutation(values.shape[1])
    mixed = residues(values[:, order])
    assert np.allclose(once.slope, mixed.slope, atol=0.02, equal_nan=True)


def test_nothing_can_be_told_of_few_or_dim_cells():
    values, written = compensated(1.0)
    assert np.isnan(residues(values[:, :50]).slope).all()
    noise = np.random.default_rng(2).standard_normal((3, 3000)).astype(np.float32)
    assert np.isnan(residues(noise).slope).all()
    assert np.isnan(residues(np.full((2, 500), np.nan, np.float32)).slope).all()
    assert np.isnan(residues(np.zeros((3, 900), np.float32)).slope).all()
    error, count = matrix_error(np.full((3, 3), np.nan), written)
    assert np.isnan(error)
    assert count == 0


def test_values_at_the_end_of_single_precision_raise_nothing():
    values = np.array([-3e38, 3e38] * 500 + [1.0] * 200, dtype=np.float32)
    mode, spread = _lowest_mode(values)
    assert np.isfinite(mode)
    assert np.isfinite(spread)
