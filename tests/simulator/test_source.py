"""Events that are drawn when they are asked for: the same each time, anywhere, and on disk."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import flowml
from flowml.errors import FlowmlError
from flowml.events import COMPUTE_BLOCK
from flowml.fcs import read_fcs
from flowml.knowledge.panels import known_panels, load_panel
from flowml.records import Role, Scale
from flowml.simulator import truth_of
from flowml.simulator.events import REFERENCE_TOP, draw_events
from flowml.simulator.formats import FORMATS
from flowml.simulator.source import SimulatedSource, measured
from tests.simulator.drawing import bare_plan, patient, plan_of, tube_of

OFFERS = [
    pytest.param(name, model, id=f"{name}-{model}")
    for name in known_panels()
    for model in load_panel(name).cytometers
]
MODELS = {"navios": "cll-9f", "cytoflex": "cll-9f", "canto": "lst", "lyric": "screening"}


@pytest.fixture(scope="module")
def sample():
    return flowml.simulate(entities="CLL", cases=1, events=1000, seed=3)[0].tubes[0].origin


@pytest.mark.parametrize("size", [1, 7, 999, 1000, 1001, COMPUTE_BLOCK])
def test_blocks_are_the_events_whatever_their_size(sample, size):
    blocks = list(sample.blocks(size))
    assert {len(block) for block in blocks[:-1]} <= {size}
    assert np.concatenate(blocks).tobytes() == sample.events().tobytes()


def test_a_block_of_no_events_is_refused(sample):
    with pytest.raises(FlowmlError, match="at least 1"):
        next(sample.blocks(0))


def test_events_are_drawn_alike_each_time_and_are_the_callers_own(sample):
    first = sample.events()
    before = first.tobytes()
    first[:] = 0
    assert sample.events().tobytes() == before
    assert sample.stored.tobytes() == sample.linear.tobytes() == before


def test_asking_changes_nothing(sample):
    list(sample.blocks(10))
    truth_of(sample)
    assert (sample.n_events, sample.findings, sample.scale) == (1000, (), Scale.RAW)
    assert sample.events().dtype == np.float32


def test_a_sample_can_be_sent_to_a_worker(sample):
    sent = pickle.dumps(sample)
    back = pickle.loads(sent)  # noqa: S301 - made a line above
    assert back.events().tobytes() == sample.events().tobytes()
    assert back.channels == sample.channels
    assert dict(back.keywords) == dict(sample.keywords)
    assert len(sent) < 50_000  # a plan, not events


def test_a_cohort_can_be_sent_to_a_worker():
    cohort = flowml.simulate(entities="CLL,normal", cases=4, events=50, seed=1)
    back = pickle.loads(pickle.dumps(cohort))  # noqa: S301 - made a line above
    assert back.case_ids == cohort.case_ids
    for one, other in zip(cohort, back, strict=True):
        assert one.details == other.details
        assert (
            one.tubes[0].origin.events().tobytes() == other.tubes[0].origin.events().tobytes()
        )


# --- units and numbers of the instrument's files -----------------------------------------


def drawn(model, medians, **changes):
    """Return what an instrument's file holds of cells that shine as told."""
    tube = tube_of(**dict(zip(("FITC", "PE"), ("CD3", "CD4"), strict=True)))
    plan, channels = plan_of(patient(), tube, model, n_events=10)
    plan = bare_plan(medians, n_events=200, cytometer=plan.cytometer, **changes)
    return plan, channels, SimulatedSource(plan, channels).events()


@pytest.mark.parametrize("model", MODELS)
def test_reference_units_become_the_instruments_own(model):
    plan, channels, values = drawn(model, [1000.0, 40_000.0])
    unit = plan.cytometer.top / REFERENCE_TOP
    medians = np.median(values, axis=0)
    np.testing.assert_allclose(medians[3:5], np.array([1000, 40_000]) * unit, rtol=0.02)
    np.testing.assert_allclose(medians[[0, 2]], np.array([46_000, 26_000]) * unit, rtol=0.02)
    assert medians[1] == pytest.approx(medians[0] * plan.cytometer.height_to_area, rel=0.02)
    assert channels[-1].role is Role.TIME
    seconds = values[:, -1] * plan.cytometer.time_step
    expected = draw_events(plan).seconds
    np.testing.assert_allclose(seconds, expected, atol=plan.cytometer.time_step * 5.01)
    assert (np.diff(values[:, -1]) >= 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_what_is_off_the_scale_stands_at_its_end(model):
    plan, _, values = drawn(model, [2e6, 100.0])
    assert (values[:, 3] == plan.cytometer.top - 1).all()
    assert (values[:, 4] < plan.cytometer.top / 100).all()
    huge = np.full((2, 2), 7.0, dtype=np.float32)  # scatter, decades
    _, _, values = drawn(model, [100.0, 100.0], scatter=huge)
    assert (values[:, :3] == plan.cytometer.top - 1).all()


@pytest.mark.parametrize("model", MODELS)
def test_values_below_nothing_stay_where_the_file_can_hold_them(model):
    noise = np.full(2, 500, dtype=np.float32)
    _, _, values = drawn(model, [1.0, 1.0], noise=noise)
    below = (values[:, 3:5] < 0).mean()
    assert below == 0 if model == "navios" else 0.4 < below < 0.6


def test_the_time_of_a_long_run_stays_exact():
    plan, channels, _ = drawn("cytoflex", [100.0, 100.0])
    events = draw_events(plan)
    late = replace(events, seconds=events.seconds + 10_000)  # of the largest tube there may be
    time = measured(late, plan, channels)[:, -1]
    assert np.abs(time * 0.001 - late.seconds).max() < 0.002
    assert (np.diff(time) >= 0).all()


# --- from file and from memory -----------------------------------------------------------


@pytest.mark.parametrize(("panel", "model"), OFFERS)
def test_a_file_gives_to_the_last_bit_what_is_held_in_memory(tmp_path, panel, model):
    cohort = flowml.simulate(
        panel, entities=known(panel), cases=2, events=(300, 600), instruments=[model], seed=5
    )
    files = iter(flowml.write_cohort(cohort, tmp_path))
    for case in cohort:
        for tube in case.tubes:
            memory, disk = tube.origin, read_fcs(next(files))
            assert disk.events().tobytes() == memory.events().tobytes()
            assert disk.channels == memory.channels
            assert disk.spillover.channels == memory.spillover.channels
            assert np.array_equal(disk.spillover.matrix, memory.spillover.matrix)
            assert disk.scale is memory.scale
            assert dict(memory.keywords).items() <= dict(disk.keywords).items()
    tables = [flowml.extract(source, recipe="pairs") for source in (cohort, tmp_path)]
    assert tables[0].columns.equals(tables[1].columns)
    assert tables[0].to_numpy().tobytes() == tables[1].to_numpy().tobytes()


def known(panel):
    return load_panel(panel).entities[1:3]


@pytest.mark.parametrize("recipe", ["ecdf", "pairs"])
def test_workers_compute_the_same_bits(recipe):
    cohort = flowml.simulate("cll-9f", cases=5, events=(200, 3000), accidents=0.5, seed=9)
    one, two = (flowml.extract(cohort, recipe=recipe, jobs=jobs) for jobs in (1, 2))
    assert list(one.index) == list(two.index) == list(cohort.case_ids)
    assert one.to_numpy().tobytes() == two.to_numpy().tobytes()


def test_styles_and_models_agree():
    assert {load_panel(name).cytometers[0] for name in known_panels()} <= set(MODELS)
    assert set(MODELS) == set(FORMATS)
