"""What a simulated tube looks like, against what a cytometrist knows of real ones."""

import numpy as np
import pytest

from flowml.knowledge.simulator import load_simulator_knowledge
from flowml.preprocess import compensate
from flowml.records import Scale
from flowml.simulate.cohort import draw_case
from flowml.simulate.instrument import TOP, gained_light

KNOWLEDGE = load_simulator_knowledge()
MARKERS = KNOWLEDGE.tube.markers


def drawn(entity, index=0, n_events=20_000, seed=5):
    return draw_case(entity, index, n_events, seed, KNOWLEDGE)


def events_of(draw, name):
    """Return the mask of a population's single cells."""
    names = np.array([look.name for look in draw.patient.looks])
    return (names[draw.cells.look] == name) & ~draw.cells.doublet


def normal_blood():
    """Return the first normal case that is blood."""
    cases = (drawn("normal", index) for index in range(20))
    return next(draw for draw in cases if draw.patient.specimen == "blood")


@pytest.fixture(scope="module")
def blood():
    return normal_blood()


@pytest.fixture(scope="module")
def unmixed(blood):
    sample = compensate(blood.sample)
    values = sample.events()
    return {marker: values[:, sample.column(marker)] for marker in (*MARKERS, "SSC-A")}


def test_its_own_matrix_recovers_the_medians_before_spillover(blood):
    truth = gained_light(blood.cells, blood.instrument)
    recovered = compensate(blood.sample).events()[:, 3:-1]
    on_scale = (blood.sample.events()[:, 3:-1] < TOP).all(axis=1)
    for name in ("T cells", "NK cells", "B cells", "monocytes", "neutrophils"):
        mask = events_of(blood, name) & on_scale
        expected, found = np.median(truth[mask], axis=0), np.median(recovered[mask], axis=0)
        # noise of the medians: a share of the signal, and what spillover spreads on negatives
        error = recovered[mask].std(axis=0) / np.sqrt(mask.sum())
        assert (np.abs(found - expected) < 6 * error + 0.01 * expected).all(), name


def test_observed_is_light_times_spillover_on_average(blood):
    mask = events_of(blood, "neutrophils")
    light = gained_light(blood.cells, blood.instrument)[mask].astype(np.float64)
    expected = (light @ blood.instrument.spillover.matrix).mean(axis=0)
    found = blood.sample.events()[mask, 3:-1].mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=5)


def test_uncompensated_negatives_are_too_bright(blood):
    mask = events_of(blood, "T cells")  # CD3 on APC-H7 and CD5 on APC-R700 spill into APC
    column = blood.sample.column("CD33")
    raw = np.median(blood.sample.events()[mask, column])
    assert raw > 2 * np.median(compensate(blood.sample).events()[mask, column])


@pytest.mark.parametrize(
    ("marker", "name"),
    [
        ("CD3", "T cells"), ("CD5", "T cells"), ("CD7", "NK cells"), ("CD19", "B cells"),
        ("CD20", "B cells"), ("CD33", "monocytes"), ("CD10", "neutrophils"),
    ],
)  # fmt: skip
def test_positive_cells_lie_more_than_a_decade_above_the_negative(blood, unmixed, marker, name):
    negatives = {
        "CD3": "B cells", "CD5": "NK cells", "CD7": "B cells", "CD19": "T cells",
        "CD20": "T cells", "CD33": "T cells", "CD10": "T cells",
    }  # fmt: skip
    positive = np.median(unmixed[marker][events_of(blood, name)])
    negative = np.median(unmixed[marker][events_of(blood, negatives[marker])])
    assert positive > 10 * max(negative, 1)


def test_cd45_and_side_scatter_part_the_white_cells(blood, unmixed):
    medians = {
        name: [np.median(unmixed[axis][events_of(blood, name)]) for axis in ("CD45", "SSC-A")]
        for name in ("T cells", "monocytes", "neutrophils", "eosinophils")
    }
    ssc = [medians[name][1] for name in medians]
    assert ssc == sorted(ssc)
    assert ssc[1] > 2 * ssc[0]
    assert ssc[2] > 2 * ssc[1]
    assert medians["T cells"][0] > medians["monocytes"][0] > medians["neutrophils"][0]


def test_acute_leukemia_blasts_stand_at_cd45_dim_and_low_side_scatter():
    draws = [drawn("AML", index, 4000) for index in range(12)]
    draw = next(d for d in draws if d.patient.variant == "CD34-positive")
    clone = draw.patient.neoplastic[draw.cells.look] & ~draw.cells.doublet
    values, sample = compensate(draw.sample).events(), draw.sample
    cd45, ssc = values[:, sample.column("CD45")], values[:, sample.column("SSC-A")]
    assert np.median(cd45[clone]) < 0.5 * np.median(cd45[events_of(draw, "T cells")])
    assert np.median(ssc[clone]) < 0.5 * np.median(ssc[events_of(draw, "neutrophils")])


def test_cll_carries_less_cd5_than_t_cells_and_less_cd20_than_b_cells():
    draws = [drawn("CLL", index, 10_000) for index in range(12)]
    typical = [d for d in draws if d.patient.variant == "typical"]
    for draw in typical:
        clone = draw.patient.neoplastic[draw.cells.look] & ~draw.cells.doublet
        light = {m: draw.cells.light[:, MARKERS.index(m)] for m in ("CD5", "CD20")}
        cd5 = [np.median(light["CD5"][events_of(draw, n)]) for n in ("B cells", "T cells")]
        assert cd5[0] < np.median(light["CD5"][clone]) < cd5[1]
        normal_cd20 = np.median(light["CD20"][events_of(draw, "B cells")])
        assert np.median(light["CD20"][clone]) < normal_cd20


@pytest.mark.parametrize("entity", ["AML", "B-ALL", "T-ALL", "CLL", "MCL", "FL"])
def test_the_clone_has_the_share_that_was_drawn(entity):
    low, high = KNOWLEDGE.entities[entity].share
    for index in range(5):
        draw = drawn(entity, index, 10_000)
        share = draw.patient.neoplastic_share
        intact = draw.cells.look < len(draw.patient.looks) - 1
        found = draw.patient.neoplastic[draw.cells.look][intact].mean()
        assert low <= share <= high
        assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / intact.sum())


def test_normal_cases_have_no_clone():
    draw = drawn("normal")
    assert draw.patient.neoplastic_share == 0
    assert not draw.patient.neoplastic.any()


def test_noise_grows_with_the_square_root_of_the_signal(blood):
    """After Poisson: the variance of what is measured rises in proportion to the light."""
    column = MARKERS.index("CD45")
    detector = KNOWLEDGE.tube.detectors[column]
    light = gained_light(blood.cells, blood.instrument).astype(np.float64)
    expected = (light @ blood.instrument.spillover.matrix)[:, column]
    noise = blood.sample.events()[:, 3 + column] - expected
    photon = detector.photon * blood.instrument.gain[column]
    for low, high in ((0, 1000), (5000, 10_000), (20_000, 60_000)):
        mask = (expected > low) & (expected < high)
        model = photon * expected[mask].mean() + KNOWLEDGE.tube.electronic_noise**2
        assert noise[mask].var() == pytest.approx(model, rel=0.25)


def test_doublets_stand_out_in_area_against_height(blood):
    values = blood.sample.events()
    ratio = values[:, 0] / values[:, 1]
    doublet, on_scale = blood.cells.doublet, values[:, 0] < TOP
    same = doublet & on_scale & (blood.cells.look < len(blood.patient.looks) - 1)
    assert 0.005 < doublet.mean() < 0.055
    assert np.median(ratio[same]) > 1.5 * np.median(ratio[~doublet])
    cut = 1.2 * np.median(ratio[~doublet])
    assert (ratio[same] > cut).mean() > 0.9
    assert (ratio[~doublet & on_scale] > cut).mean() < 0.01


def test_debris_and_the_end_of_the_scale(blood):
    values = blood.sample.events()
    debris = blood.cells.look == len(blood.patient.looks) - 1
    assert 0.05 < debris.mean() < 0.19
    assert np.median(values[debris, 0]) < 0.35 * np.median(
        values[events_of(blood, "T cells"), 0]
    )
    assert values[:, :-1].max() == TOP
    assert 0 < (values[:, :-1] == TOP).any(axis=1).mean() < 0.2


def test_a_tube_is_raw_float32_and_time_never_falls(blood):
    sample = blood.sample
    assert sample.scale is Scale.RAW
    assert sample.stored.dtype == np.float32
    assert np.isfinite(sample.stored).all()
    assert (np.diff(sample.stored[:, sample.column("Time")]) >= 0).all()


def test_spillover_lies_between_one_and_thirty_per_cent_with_a_unit_diagonal(blood):
    matrix = blood.sample.spillover.matrix
    assert (np.diag(matrix) == 1).all()
    spilled = matrix[~np.eye(len(matrix), dtype=bool)]
    spilled = spilled[spilled > 0]
    assert spilled.min() >= 0.01
    assert spilled.max() <= 0.30
    assert spilled.size > len(matrix)
    assert np.linalg.cond(matrix) < 10


def test_patients_differ_and_variable_antigens_come_and_go():
    column = MARKERS.index("CD34")
    found = []
    for index in range(40):
        draw = drawn("B-ALL", index, 500)
        clone = draw.patient.neoplastic[draw.cells.look]
        found.append(np.quantile(draw.cells.light[clone, column], 0.9))
    with_cd34 = np.mean(np.array(found) > 500)
    assert 0.4 < with_cd34 < 0.9  # pro-B nearly always, common mostly, pre-B seldom


def test_hematogones_are_a_path_and_not_blobs():
    draws = (drawn("normal", index, 60_000) for index in range(20))
    draw = next(d for d in draws if d.patient.specimen == "marrow")
    light = draw.cells.light[events_of(draw, "hematogones")]
    cd10, cd20, cd34 = (np.log10(light[:, MARKERS.index(m)]) for m in ("CD10", "CD20", "CD34"))
    assert np.corrcoef(cd10, cd20)[0, 1] < -0.5
    assert np.corrcoef(cd34, cd20)[0, 1] < -0.4
    filled = np.histogram(cd20, bins=10)[0]
    assert (filled > 0).all()


def test_one_event_is_enough():
    assert drawn("AML", n_events=1).sample.events().shape == (1, 14)
