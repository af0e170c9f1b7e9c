"""Records carry data, cannot be changed, and cross between processes."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from flowml.errors import PanelError
from flowml.events import ArraySource
from flowml.findings import Finding, Severity
from flowml.records import Channel, Role, Sample, Spillover

SCATTER = Role.SIDE_SCATTER
CHANNELS = (
    Channel("FS INT LIN", marker="FSC-A", role=Role.FORWARD_SCATTER, pulse="A"),
    Channel("SSC-A", marker="SSC-A", role=SCATTER, pulse="A"),
    Channel("SSC-H", marker="SSC-H", role=SCATTER, pulse="H"),
    Channel("FITC-A", "CD3-FITC", "CD3", Role.FLUORESCENCE, "A"),
    Channel("FITC-H", "CD3-FITC", "CD3", Role.FLUORESCENCE, "H"),
    Channel("PE-A", "CD19 a", "CD19", Role.FLUORESCENCE, "A"),
    Channel("APC-A", "CD19 b", "CD19", Role.FLUORESCENCE, "A"),
)


@pytest.fixture
def sample() -> Sample:
    values = np.arange(21, dtype=np.float32).reshape(3, 7)
    matrix = Spillover(("PE-A", "APC-A"), np.array([[1, 0.1], [0.2, 1]]))
    return Sample("s", CHANNELS, ArraySource(values), {"$TOT": "3"}, matrix)


@pytest.mark.parametrize(
    ("name", "column"),
    [("SSC-A", 1), ("ssc", 1), ("FSC", 0), ("fs int lin", 0), ("CD3", 3), ("FITC-H", 4),
     ("cd3-fitc", 3), ("CD19 b", 6), ("PE-A", 5)],
)  # fmt: skip
def test_channels_are_found_by_name_marker_or_label(sample, name, column):
    assert sample.column(name) == column


def test_a_marker_on_two_channels_is_ambiguous(sample):
    with pytest.raises(PanelError, match=r"more than one channel goes by 'CD19' in s; it has"):
        sample.column("CD19")


def test_an_unknown_channel_names_the_nearest(sample):
    with pytest.raises(PanelError, match=r"no channel goes by 'CD33'.*Nearest: CD3"):
        sample.column("CD33")


def test_hostile_names_are_shown_harmless(sample):
    with pytest.raises(PanelError) as refused:
        sample.column("\x1b[31m" + "x" * 100_000)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 1500


def test_arrays_of_records_are_read_only(sample):
    for array in (sample.spillover.matrix, sample.source.values, sample.stored):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 5
    for block in sample.blocks(2):
        assert not block.flags.writeable


def test_records_are_frozen(sample):
    with pytest.raises(FrozenInstanceError):
        sample.name = "other"
    with pytest.raises(FrozenInstanceError):
        sample.channels[0].name = "other"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_blocks_concatenate_to_all_events(sample, size):
    np.testing.assert_array_equal(np.concatenate(list(sample.blocks(size))), sample.events())


def test_events_are_a_copy_of_their_own(sample):
    events = sample.events()
    events[0, 0] = 99
    assert sample.events()[0, 0] == 0


def test_no_events_still_have_their_channels():
    assert Sample("s", CHANNELS, ArraySource(np.empty((0, 7)))).events().shape == (0, 7)


def test_a_sample_crosses_to_another_process(sample):
    other = pickle.loads(pickle.dumps(sample))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(other.events(), sample.events())
    assert other.channels == sample.channels
    assert dict(other.keywords) == {"$TOT": "3"}
    assert not other.source.values.flags.writeable
    assert not other.spillover.matrix.flags.writeable
    bare = Sample("s", CHANNELS, ArraySource(np.empty((0, 7))))
    assert pickle.loads(pickle.dumps(bare)).keywords == {}  # noqa: S301 - our own bytes


def test_a_finding_reads_as_code_severity_and_message():
    assert str(Finding("A-1", "why", Severity.REVIEW)) == "A-1 (review): why"
