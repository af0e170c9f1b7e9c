"""What other programs make of the files: every panel on every of its cytometers."""

import json
from dataclasses import replace

import flowio
import flowkit
import numpy as np
import pytest
from flowio.utils import read_multiple_data_sets

import flowml
from flowml.fcs import read_fcs
from flowml.findings import Severity
from flowml.knowledge.panels import known_panels, load_panel
from flowml.preprocess import compensate
from flowml.records import Role
from flowml.simulator.formats import FORMATS
from flowml.simulator.source import sample_of
from tests.cli.commands import run_here
from tests.simulator.drawing import patient, plan_of

OFFERS = [(name, model) for name in known_panels() for model in load_panel(name).cytometers]


@pytest.fixture(scope="module", params=OFFERS, ids="-".join)
def written(request, tmp_path_factory):
    """Write two cases of a panel; return the folder and, file by file, what is in memory."""
    panel, model = request.param
    folder = tmp_path_factory.mktemp("vendor")
    cases = flowml.simulate(
        panel, entities=load_panel(panel).entities[2:4], cases=2, events=(500, 2500),
        instruments=[model], seed=8,
    )  # fmt: skip
    files = flowml.write_cohort(cases, folder)
    samples = [tube.origin for case in cases for tube in case.tubes]
    return folder, list(zip(files, samples, strict=True))


def test_we_ourselves_find_nothing_odd(written):
    for file, _ in written[1]:
        found = read_fcs(file, strict=True)
        assert all(item.severity is Severity.INFO for item in found.findings), found.findings


def test_inspect_finds_nothing_above_information(written, capsys):
    folder, pairs = written
    told = run_here(capsys)("inspect", folder, "--values", "--format", "json")
    assert told.status == 0
    items = json.loads(told.out)
    assert len(items) >= len(pairs)
    for item in items:
        assert not item["error"]
        assert {finding["severity"] for finding in item["findings"]} <= {"info"}


def test_check_finds_no_damage(written, capsys):
    told = run_here(capsys)("check", written[0])
    assert told.status == 0, told.out


def test_flowio_and_flowkit_read_the_same(written):
    for file, sample in written[1]:
        if file.suffix == ".lmd":
            _, data = read_multiple_data_sets(str(file))  # the second holds what was measured
            other = flowkit.Sample(data, sample_id="a", subsample=10)
        else:
            data = flowio.FlowData(file)
            other = flowkit.Sample(file, subsample=10)
        assert data.event_count == sample.n_events
        assert data.pnn_labels == list(sample.channel_names)
        assert np.array_equal(data.as_array(preprocess=False), sample.events())
        light = [n for n, c in enumerate(sample.channels) if c.role is not Role.TIME]
        assert np.array_equal(other.get_events("raw")[:, light], sample.events()[:, light])


def test_flowkit_compensates_by_the_files_own_matrix(written):
    for file, sample in written[1]:
        if file.suffix == ".lmd":
            continue  # $DFC is not a matrix that FlowKit knows
        other = flowkit.Sample(file, subsample=10)
        key = "spill" if "spill" in other.metadata else "spillover"
        other.apply_compensation(other.metadata[key])
        dyes = [n for n, c in enumerate(sample.channels) if c.role is Role.FLUORESCENCE]
        np.testing.assert_allclose(
            other.get_events("comp")[:, dyes], compensate(sample).events()[:, dyes],
            rtol=1e-3, atol=1e-5 * sample.channels[0].top,
        )  # fmt: skip


@pytest.mark.parametrize(("panel", "model"), [("lst", "canto"), ("cll-9f", "navios")])
def test_the_time_of_a_slow_run_is_not_odd_either(tmp_path, panel, model):
    """A million events at 300 a second take an hour."""
    plan, channels = plan_of(patient(), load_panel(panel).tubes[0], model, n_events=2000)
    slow = replace(plan, run=replace(plan.run, events_per_second=0.5))
    step = plan.cytometer.time_step
    sample = sample_of("slow", slow, channels, {"$TIMESTEP": repr(step)})
    form = FORMATS[model]
    form.write(tmp_path / f"slow{form.ending}", sample, sample.keywords)
    found = read_fcs(tmp_path / f"slow{form.ending}")
    assert found.events()[-1, -1] * step > 2000
    assert (np.diff(found.events()[:, -1]) >= 0).all()
    assert found.events().tobytes() == sample.events().tobytes()
    assert all(item.severity is Severity.INFO for item in found.findings), found.findings
