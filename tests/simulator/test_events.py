"""The events of a tube: laws that detectors follow, and what is seen in real tubes."""

from dataclasses import replace

import numpy as np
import pytest

from flowml.knowledge.panels import load_panel
from flowml.preprocess import compensate
from flowml.records import Spillover
from flowml.simulator import flow
from flowml.simulator.events import (
    BULK_TO_ANTIGEN,
    BULK_TO_SSC,
    DOUBLET_HEIGHT,
    MOST_SHARED,
    draw_events,
)
from flowml.simulator.instrument import Run
from flowml.simulator.plan import DEBRIS, DOUBLETS
from flowml.simulator.source import sample_of
from flowml.simulator.truth import truth_of
from tests.simulator.drawing import (
    bare_plan,
    measured,
    names,
    patient,
    plan_of,
    steady,
    tube_of,
)

SCREENING = load_panel("screening").tubes[0]


def run_with(gain, spilled):
    n = len(gain)
    return Run(
        np.asarray(gain, dtype=float), np.ones(n), np.ones(2), np.asarray(spilled, dtype=float),
        Spillover(names(n), np.eye(n)), 2000.0,
    )  # fmt: skip


def spread_of(values):
    """Return a standard deviation that a few odd events do not move."""
    return np.subtract(*np.quantile(values, [0.8413, 0.1587])) / 2


# --- detectors ---------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_the_variance_of_noise_is_photon_times_signal_plus_noise_squared(monkeypatch, gain):
    """Counted photoelectrons are Poisson: the variance rises in proportion to the light."""
    steady(monkeypatch)
    medians = np.array([1.0, 100.0, 1000.0, 10_000.0, 100_000.0])
    photon, noise = 25.0, 30.0
    plan = bare_plan(
        medians, n_events=40_000,
        photon=np.full(5, photon, dtype=np.float32), noise=np.full(5, noise, dtype=np.float32),
        run=run_with([gain] * 5, np.eye(5)),
    )  # fmt: skip
    found = draw_events(plan).signals.astype(float)
    np.testing.assert_allclose(found.mean(axis=0), gain * medians, rtol=0.01, atol=1)
    expected = photon * gain * (gain * medians) + noise**2
    np.testing.assert_allclose(found.var(axis=0), expected, rtol=0.05)


def test_an_instrument_may_be_noisier_than_its_model(monkeypatch):
    steady(monkeypatch)
    run = replace(run_with([1, 1], np.eye(2)), noise=np.array([1.0, 1.5]))
    plan = bare_plan(
        [10_000.0, 10_000.0], run=run, n_events=40_000,
        photon=np.full(2, 20, dtype=np.float32), noise=np.full(2, 30, dtype=np.float32),
    )  # fmt: skip
    first, second = draw_events(plan).signals.astype(float).std(axis=0)
    assert second / first == pytest.approx(1.5, rel=0.03)


def test_noise_is_gaussian_and_each_detectors_own(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([1000.0, 1000.0], noise=np.full(2, 50, dtype=np.float32))
    noise = (draw_events(plan).signals.astype(float) - 1000) / 50
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.03
    assert np.mean(np.abs(noise) < 1) == pytest.approx(0.6827, abs=0.01)
    assert np.mean(np.abs(noise) < 2) == pytest.approx(0.9545, abs=0.01)


def test_what_is_observed_is_light_times_spillover(monkeypatch):
    steady(monkeypatch)
    medians = np.array([20_000.0, 300.0, 5000.0])
    spilled = np.array([[1, 0.2, 0.05], [0.01, 1, 0.3], [0, 0.1, 1]])
    gain = np.array([1.2, 0.9, 1.1])
    plan = bare_plan(
        medians, run=run_with(gain, spilled), photon=np.full(3, 20, dtype=np.float32)
    )
    found = draw_events(plan).signals.astype(float).mean(axis=0)
    np.testing.assert_allclose(found, (medians * gain) @ spilled, rtol=0.002)


def test_an_instrument_without_noise_shows_the_light_itself(monkeypatch):
    steady(monkeypatch)
    found = draw_events(bare_plan([10.0, 100_000.0])).signals
    np.testing.assert_allclose(found, np.tile([10.0, 100_000.0], (20_000, 1)), rtol=1e-5)


def test_signals_of_a_detector_with_several_antigens_add_up(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([300.0, 700.0, 40.0, 5.0])
    plan = replace(
        plan,
        first_antigen=np.array([0, 2, 3]), autofluorescence=plan.autofluorescence[:, :3] + 10,
        photon=plan.photon[:3], noise=plan.noise[:3], run=run_with([1] * 3, np.eye(3)),
    )  # fmt: skip
    medians = np.median(draw_events(plan).signals, axis=0)
    np.testing.assert_allclose(medians, [1010, 50, 15], rtol=0.01)


def test_autofluorescence_spreads_alike_in_all_detectors(monkeypatch):
    steady(monkeypatch)
    glow = np.array([[200.0, 50.0], [1, 1]], dtype=np.float32)
    found = draw_events(bare_plan([0.01, 0.01], autofluorescence=glow)).signals
    np.testing.assert_allclose(np.median(found, axis=0), [200, 50], rtol=0.01)
    np.testing.assert_allclose(np.log10(found).std(axis=0), 0.1, rtol=0.05)
    assert np.corrcoef(np.log10(found).T)[0, 1] > 0.99  # a cell glows as a whole


# --- cells -------------------------------------------------------------------------------


def test_an_antigen_spreads_between_cells_as_it_shall(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([1000.0, 1000.0])
    plan.spread[:] = [0.05, 0.3]
    decades = np.log10(draw_events(plan).signals)
    np.testing.assert_allclose(decades.mean(axis=0), 3, atol=0.01)
    np.testing.assert_allclose(decades.std(axis=0), [0.05, 0.3], rtol=0.03)
    both_by_bulk = MOST_SHARED * BULK_TO_ANTIGEN / 0.3
    assert np.corrcoef(decades.T)[0, 1] == pytest.approx(both_by_bulk, abs=0.03)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.97])
def test_an_antigen_stands_on_its_share_of_the_cells(monkeypatch, share):
    steady(monkeypatch)
    plan = bare_plan([5000.0, 5000.0])
    plan.cells[:, 0] = share
    plan.spread[:] = 0.1
    found = draw_events(plan).signals
    assert (found[:, 1] > 500).all()
    expressing = found[:, 0] > 500
    assert expressing.mean() == pytest.approx(share, abs=5 * np.sqrt(0.25 / 20_000))
    negative = np.log10(found[~expressing, 0])
    assert (
        np.median(negative) == pytest.approx(-2, abs=0.05) if share < 1 else not len(negative)
    )


def test_a_path_is_filled_and_a_cell_stands_at_one_point_of_it(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([1.0, 1.0])
    plan.path[0] = [[4, 1], [3, 1], [1, 3]]
    falling, rising = np.log10(draw_events(plan).signals).T
    assert falling.min() == pytest.approx(1, abs=0.01)
    assert falling.max() == pytest.approx(4, abs=0.01)
    assert np.mean(falling > 3) == pytest.approx(0.5, abs=0.02)  # half of the way
    for low, high, part in ((1, 2, 0.25), (2, 3, 0.25), (3, 3.5, 0.25), (3.5, 4, 0.25)):
        filled = np.mean((falling > low) & (falling < high))
        assert filled == pytest.approx(part, abs=0.02)
    early = falling > 3.01
    assert np.abs(rising[early] - 1).max() < 0.02
    np.testing.assert_allclose(rising[~early], 4 - falling[~early], atol=0.03)


def test_what_a_clone_expresses_in_part_trails_off(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([10_000.0], neoplastic=np.array([True, False]))
    plan.cells[:, 0] = 0.4
    decades = np.log10(draw_events(plan).signals[:, 0])
    assert np.mean(decades > 3.99) == pytest.approx(0.4, abs=0.02)
    for low, high in ((-2, 0), (0, 2), (2, 3.98)):  # from 4 down to the negative cells' -2
        part = np.mean((decades > low) & (decades < high))
        assert part == pytest.approx(0.6 * (high - low) / 6, abs=0.02)


def test_what_few_cells_of_a_clone_express_is_a_cloud_of_its_own(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([10_000.0], neoplastic=np.array([True, False]))
    plan.cells[:, 0] = 0.2
    decades = np.log10(draw_events(plan).signals[:, 0])
    assert not np.any((decades > -1.9) & (decades < 3.9))


@pytest.mark.parametrize("size_to_ssc", [0.1, 0.6, 0.7])
def test_size_goes_with_granularity_and_with_antigens(monkeypatch, size_to_ssc):
    steady(monkeypatch)
    plan = bare_plan([1000.0])
    plan.scatter_spread[:] = [0.06, 0.1]
    plan.size_to_ssc[:] = size_to_ssc
    plan.spread[:] = 0.1
    found = draw_events(plan)
    fsc, ssc, cd = np.log10([found.scatter[:, 0], found.scatter[:, 2], found.signals[:, 0]])
    assert fsc.std() == pytest.approx(0.06, rel=0.05)
    assert ssc.std() == pytest.approx(0.1, rel=0.05)
    assert cd.std() == pytest.approx(0.1, rel=0.05)
    assert np.corrcoef(fsc, ssc)[0, 1] == pytest.approx(size_to_ssc, abs=0.03)
    by_bulk = BULK_TO_ANTIGEN / 0.1
    assert np.corrcoef(ssc, cd)[0, 1] == pytest.approx(BULK_TO_SSC * by_bulk, abs=0.03)
    of_size = size_to_ssc / BULK_TO_SSC
    assert np.corrcoef(fsc, cd)[0, 1] == pytest.approx(of_size * by_bulk, abs=0.03)


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.84, 1.0])
def test_antigens_go_together_and_keep_their_spreads(monkeypatch, correlation):
    steady(monkeypatch)
    plan = bare_plan([100.0, 100.0, 100.0], together=(((0, 2, correlation),), ()))
    plan.spread[:] = [2.0, 2.0, 3.0]  # wide, so that bulk does little
    decades = np.log10(draw_events(plan).signals)
    np.testing.assert_allclose(decades.std(axis=0), [2, 2, 3], rtol=0.03)
    found = np.corrcoef(decades.T)
    assert found[0, 2] == pytest.approx(correlation, abs=0.03)
    assert abs(found[0, 1]) < 0.03


def test_looks_come_by_their_weights_and_in_no_order():
    plan = bare_plan([100.0], weights=np.array([0.7, 0.3]))
    found = draw_events(plan)
    assert np.mean(found.look == 0) == pytest.approx(0.7, abs=5 * np.sqrt(0.21 / 20_000))
    assert abs(np.corrcoef(found.look, np.arange(20_000))[0, 1]) < 0.04
    assert abs(np.corrcoef(found.look[:-1], found.look[1:])[0, 1]) < 0.04
    np.testing.assert_allclose(np.median(found.scatter[found.look == 1, 0]), 11_000, rtol=0.05)


# --- doublets, the stream, the laser -----------------------------------------------------


def test_doublets_have_two_cells_area_and_light_and_one_cells_height(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([1000.0], doublets=0.05, weights=np.array([0.8, 0.2]))
    found = draw_events(plan)
    assert found.doublet.mean() == pytest.approx(0.05, abs=0.008)
    assert (found.look[found.doublet] == 0).all()  # of whole cells only
    area, height, side = found.scatter[found.doublet].T
    np.testing.assert_allclose(area, 92_000, rtol=0.03)
    np.testing.assert_allclose(side, 52_000, rtol=0.01)
    np.testing.assert_allclose(found.signals[found.doublet], 2000, rtol=0.01)
    ratio = height / (46_000 * plan.cytometer.height_to_area)
    assert ratio.min() >= DOUBLET_HEIGHT[0] * 0.999
    assert ratio.max() <= DOUBLET_HEIGHT[1] * 1.001
    single = ~found.doublet & (found.look == 0)
    np.testing.assert_allclose(found.scatter[single, 0], 46_000, rtol=0.03)


def test_doublets_stand_out_in_area_against_height():
    plan, _ = plan_of(patient(), SCREENING, n_events=20_000)
    found = draw_events(plan)
    ratio = found.scatter[:, 0] / found.scatter[:, 1]
    assert DOUBLETS[0] * 0.8 < found.doublet.mean() < DOUBLETS[1] * 1.2
    cut = 1.2 * np.median(ratio[~found.doublet])
    assert (ratio[found.doublet] > cut).mean() > 0.9
    assert (ratio[~found.doublet] > cut).mean() < 0.001


def test_debris_is_small_and_as_much_as_real_tubes_have():
    plan, _ = plan_of(patient(), SCREENING, n_events=20_000)
    found = draw_events(plan)
    debris = found.look == len(plan.names) - 1
    assert DEBRIS[0] * 0.9 < debris.mean() < DEBRIS[1] * 1.1
    t_cells = np.array([name == "CD4 T cells" for name in plan.names])[found.look]
    fsc = found.scatter[:, 0]
    assert np.median(fsc[debris]) < 0.7 * np.median(fsc[t_cells & ~found.doublet])


def test_a_bubble_weakens_every_pulse_for_a_while(monkeypatch):
    monkeypatch.setattr(flow, "DRIFT", 0.0)
    monkeypatch.setattr(flow, "BUBBLE_CHANCE", 1.0)
    found = draw_events(bare_plan([1000.0]))
    pulse = found.signals[:, 0] / 1000
    weak = pulse < 0.97
    assert 0 < weak.mean() < 0.04
    np.testing.assert_allclose(found.scatter[:, 2] / 26_000, pulse, rtol=1e-4)
    (places,) = np.nonzero(weak)
    assert np.ptp(places) < 0.05 * len(pulse)  # in the order of arrival


def test_scatter_has_its_own_gains(monkeypatch):
    steady(monkeypatch)
    plan = bare_plan([1000.0])
    plan = replace(plan, run=replace(plan.run, scatter_gain=np.array([1.1, 0.8])))
    found = draw_events(plan).scatter
    np.testing.assert_allclose(np.median(found, axis=0)[[0, 2]], [50_600, 20_800], rtol=0.001)
    assert np.median(found[:, 1] / found[:, 0]) == pytest.approx(0.88, rel=0.001)


@pytest.mark.parametrize("n_events", [0, 1, 2])
def test_few_events_and_none(n_events):
    plan, channels = plan_of(patient("CLL"), SCREENING, n_events=n_events)
    found = draw_events(plan)
    assert found.signals.shape == (n_events, 10)
    assert found.scatter.shape == (n_events, 3)
    assert found.look.shape == found.doublet.shape == found.seconds.shape == (n_events,)
    sample = sample_of("few", plan, channels, {})
    assert sample.events().shape == (n_events, len(channels))
    assert truth_of(sample).intact.shape == (n_events,)


def test_time_never_falls_and_values_are_finite():
    for seed in range(5):
        events = draw_events(plan_of(patient(seed=seed), SCREENING, seed=seed)[0])
        assert (np.diff(events.seconds) >= 0).all()
        for values in (events.signals, events.scatter):
            assert values.dtype == np.float32
            assert np.isfinite(values).all()


def test_the_same_plan_gives_the_same_bits():
    one, same, other = (
        draw_events(bare_plan([100.0, 10.0], n_events=100, seed=seed))
        for seed in ((1, 2), (1, 2), (1, 3))
    )
    assert one.signals.tobytes() == same.signals.tobytes()
    assert one.scatter.tobytes() == same.scatter.tobytes()
    assert not np.array_equal(one.scatter, other.scatter)


# --- what the written matrix is worth, and the order of channels --------------------------


@pytest.mark.parametrize(
    ("panel", "model"), [("screening", "lyric"), ("cll-9f", "navios"), ("lst", "canto")]
)
def test_the_written_matrix_recovers_the_medians_before_spillover(panel, model):
    tube = load_panel(panel).tubes[0]
    someone = patient("CLL", share=(0.4, 0.4))
    quiet = replace(plan_of(someone, tube, model)[0], n_events=20_000)
    clean = np.eye(len(tube.stains))
    plain = replace(quiet.run, spilled=clean)
    truth = draw_events(
        replace(quiet, run=plain, noise=quiet.noise * 0, photon=quiet.photon * 0)
    )
    channels = plan_of(someone, tube, model)[1]
    sample = compensate(sample_of("a test", quiet, channels, {}))
    unit = quiet.cytometer.top / 262_144
    found = sample.events()[:, 3:-1] / unit
    neoplastic = quiet.neoplastic[truth.look] & ~truth.doublet
    light = truth.signals[neoplastic].astype(float)
    expected, recovered = np.median(light, axis=0), np.median(found[neoplastic], axis=0)
    # what wrong coefficients leave of the other dyes' light, and the noise of a median
    digits = 0.0005 if model == "navios" else 0.00005
    wrong = np.hypot(quiet.cytometer.matrix_error, digits)
    left = 4 * wrong * np.sqrt((np.median(light, axis=0) ** 2).sum())
    noise = 5 * 1.25 * np.apply_along_axis(spread_of, 0, found[neoplastic])
    assert (np.abs(recovered - expected) < left + noise / np.sqrt(neoplastic.sum()) + 1).all()
    raw = np.median(sample_of("raw", quiet, channels, {}).events()[neoplastic, 3:-1], axis=0)
    assert (np.abs(raw / unit - expected) > left).any()  # there was something to undo


def test_medians_do_not_depend_on_the_order_of_the_channels():
    dyes = {"FITC": "CD3", "PE": "CD19", "APC": "CD45", "V450": "CD20"}
    someone, medians = patient(), []
    for order in (list(dyes), list(dyes)[::-1]):
        tube = tube_of(**{dye: dyes[dye] for dye in order})
        sample = measured(someone, tube, n_events=20_000, matrix_error=0.0, run_gain=0.0,
                          unit_gain=0.0, day_gain=0.0, spillover_change=0.0)  # fmt: skip
        cells = truth_of(sample).population == "CD4 T cells"
        values = compensate(sample).events()[cells]
        medians.append([np.median(values[:, sample.column(m)]) for m in dyes.values()])
    np.testing.assert_allclose(*medians, rtol=0.05, atol=10)


def test_hematogones_are_a_path_and_not_blobs():
    someone = next(
        found
        for found in map(patient, ["normal"] * 20, range(20))
        if found.specimen == "marrow"
    )
    plan, _ = plan_of(someone, tube_of(PE="CD10", APC="CD20", FITC="CD34"))
    only = np.array([name == "hematogones" for name in plan.names], dtype=float)
    plan = replace(plan, weights=only / only.sum(), doublets=0.0, n_events=5000)
    light = np.log10(np.maximum(draw_events(plan).signals, 1))
    cd10, cd20, cd34 = light.T
    assert np.corrcoef(cd10, cd20)[0, 1] < -0.5
    assert np.corrcoef(cd34, cd20)[0, 1] < -0.4
    low, high = np.quantile(cd20, [0.02, 0.98])
    assert (np.histogram(cd20, bins=12, range=(low, high))[0] > 0).all()
