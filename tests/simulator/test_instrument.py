"""An instrument: its own gains and spillover, its drift, and what it writes of them."""

from dataclasses import replace

import numpy as np
import pytest

from flowml.knowledge.hardware import load_cytometer, typical_spillover
from flowml.knowledge.panels import load_panel
from flowml.simulator.formats import FORMATS
from flowml.simulator.instrument import DRIFT_DAYS, LARGEST_SPILLOVER, Unit, draw_run
from tests.simulator.drawing import generator, tube_of

TUBE = load_panel("cll-9f").tubes[0]
NAMES = tuple(f"FL{number}" for number in range(len(TUBE.stains)))
QUIET = {
    "unit_gain": 0.0,
    "day_gain": 0.0,
    "run_gain": 0.0,
    "scatter_gain": 0.0,
    "noise_change": 0.0,
}
OFF = ~np.eye(len(NAMES), dtype=bool)


def model(name="cytoflex", **changes):
    return replace(load_cytometer(name), **changes)


def run_of(cytometer, number=1, day=0, seed=1, tube=TUBE, rng=1, rounded=np.array):
    names = tuple(f"FL{number}" for number in range(len(tube.stains)))
    return draw_run(Unit(cytometer, number, seed), tube, names, day, rounded, generator(rng))


def decades(runs):
    """Return log10 of the gains, one row for each run."""
    return np.log10([run.gain for run in runs])


def test_a_unit_is_called_after_its_model_and_number():
    assert Unit(model("navios"), 2, 1).name == "navios-2"


def test_instruments_differ_and_stay_what_they_are_for_every_case():
    one, same, other = (
        run_of(model(run_gain=0.0, matrix_error=0.0), number, rng=rng)
        for number, rng in ((1, 1), (1, 2), (2, 1))
    )
    assert np.array_equal(one.gain, same.gain)
    assert np.array_equal(one.scatter_gain, same.scatter_gain)
    assert np.array_equal(one.spilled, same.spilled)
    assert not np.allclose(one.gain, other.gain, rtol=0.01)
    assert not np.array_equal(one.spilled, other.spilled)
    another = run_of(model(run_gain=0.0), seed=2)
    assert not np.allclose(one.gain, another.gain, rtol=0.01)


def test_a_detector_has_one_gain_whatever_the_tube():
    cytometer = model(run_gain=0.0)
    alone, among = tube_of(PE="CD3"), tube_of(FITC="CD4", PE="CD8", APC="CD5")
    assert run_of(cytometer, tube=alone).gain[0] == run_of(cytometer, tube=among).gain[1]


@pytest.mark.parametrize("name", ["unit_gain", "day_gain", "run_gain"])
def test_each_part_of_the_gain_has_its_size(name):
    cytometer = model(**{**QUIET, name: 0.05})
    runs = [
        run_of(cytometer, number, day=n * 37, rng=n)
        for n, number in enumerate(range(1, 401), start=1)
    ]
    found = decades(runs)
    assert found.std() == pytest.approx(0.05, rel=0.1)
    assert abs(found.mean()) < 5 * 0.05 / np.sqrt(found.size)
    largest = 0.05 * np.sqrt(2) if name == "day_gain" else 0.3
    assert np.abs(found).max() <= largest + 1e-9


def test_a_detector_is_as_noisy_in_every_run_and_differs_between_instruments():
    cytometer = model(noise_change=0.08)
    first, later = (run_of(cytometer, day=day, rng=day).noise for day in (1, 400))
    assert np.array_equal(first, later)
    found = np.log10([run_of(cytometer, number).noise for number in range(1, 401)])
    assert found.std() == pytest.approx(0.08, rel=0.1)
    assert abs(found.mean()) < 5 * 0.08 / np.sqrt(found.size)


def test_all_parts_together_add_up_in_square():
    cytometer = model(unit_gain=0.04, day_gain=0.02, run_gain=0.03)
    found = decades([run_of(cytometer, n, day=n * 37, rng=n) for n in range(1, 401)])
    assert found.std() == pytest.approx(np.sqrt(0.04**2 + 0.02**2 + 0.03**2), rel=0.1)


def test_drift_is_slow_and_has_no_jumps():
    cytometer = model(**{**QUIET, "day_gain": 0.02})
    found = decades([run_of(cytometer, day=day) for day in range(731)])
    steepest = 0.02 * np.sqrt(2) * 2 * np.pi / DRIFT_DAYS[0]  # of a sine wave, a day
    assert 0 < np.abs(np.diff(found, axis=0)).max() <= steepest * 1.001
    assert (np.ptp(found, axis=0) > 0.02).all()  # over two years it is seen
    assert np.linalg.matrix_rank(found - found.mean(axis=0)) > 1  # detectors drift apart


def test_an_instrument_without_variation_measures_what_is_there():
    cytometer = model(**QUIET, spillover_change=0.0, matrix_error=0.0)
    run = run_of(cytometer, day=100)
    assert (run.gain == 1).all()
    assert (run.noise == 1).all()
    assert (run.scatter_gain == 1).all()
    np.testing.assert_allclose(run.spilled, typical_spillover(TUBE.stains))
    np.testing.assert_allclose(run.spillover.matrix, run.spilled)


def test_scatter_has_gains_of_its_own():
    runs = [run_of(model(scatter_gain=0.03), n, day=n * 37, rng=n) for n in range(1, 401)]
    found = np.log10([run.scatter_gain for run in runs])
    assert found.std() == pytest.approx(np.hypot(0.03, 0.015), rel=0.12)
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.2


def test_spillover_differs_between_instruments_by_its_share():
    typical = typical_spillover(TUBE.stains)
    runs = [run_of(model(spillover_change=0.1), n) for n in range(1, 201)]
    spilled = np.array([run.spilled for run in runs])
    seen = typical * OFF > 0
    relative = spilled[:, seen] / typical[seen]
    assert relative.std() == pytest.approx(0.1, rel=0.05)
    assert relative.mean() == pytest.approx(1, abs=0.02)
    assert (spilled[:, typical == 0] == 0).all()
    assert (np.diagonal(spilled, axis1=1, axis2=2) == 1).all()


def test_the_written_matrix_is_wrong_by_the_matrix_error():
    runs = [run_of(model(matrix_error=0.004), rng=n) for n in range(200)]
    error = np.array([run.spillover.matrix - run.spilled for run in runs])
    assert (np.diagonal(error, axis1=1, axis2=2) == 0).all()
    far = (runs[0].spilled > 0.03) & OFF  # from where the scale of shares ends
    assert far.sum() > 5
    assert error[:, far].std() == pytest.approx(0.004, rel=0.1)
    assert abs(error[:, far].mean()) < 5 * 0.004 / np.sqrt(error[:, far].size)
    assert error[0, far] != pytest.approx(error[1, far])  # compensated anew for every run
    never = runs[0].spilled == 0  # no fluorochrome there is seen: nothing was subtracted
    assert never.any()
    assert (error[:, never] == 0).all()


def test_no_share_leaves_its_bounds():
    wild = model(spillover_change=1.0, matrix_error=1.0)
    for number in range(1, 30):
        run = run_of(wild, number, rng=number)
        for matrix in (run.spilled, run.spillover.matrix):
            assert (np.diag(matrix) == 1).all()
            assert ((matrix[OFF] >= 0) & (matrix[OFF] <= LARGEST_SPILLOVER)).all()


@pytest.mark.parametrize("style", ["navios", "cytoflex"])
def test_coefficients_are_rounded_to_what_the_file_holds(style):
    form = FORMATS[style]
    written = run_of(model(style), rounded=form.rounded).spillover.matrix
    exact = run_of(model(style)).spillover.matrix
    assert np.array_equal(form.rounded(written), written)
    assert np.abs(written - exact).max() <= 0.5 * 10**-form.matrix_digits + 1e-9
    assert not np.array_equal(written, exact)


def test_the_matrix_names_the_detectors_in_order():
    assert run_of(model()).spillover.channels == NAMES


def test_the_rate_is_drawn_log_uniformly():
    low, high = 500.0, 5000.0
    rates = [run_of(model(), rng=n).events_per_second for n in range(300)]
    assert low <= min(rates) < max(rates) <= high
    middle = np.sqrt(low * high)
    assert 0.4 < np.mean(np.array(rates) < middle) < 0.6
    fixed = replace(model(), events_per_second=(800.0, 800.0))
    assert run_of(fixed).events_per_second == pytest.approx(800)
