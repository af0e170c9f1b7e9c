"""What is written is read back, by us and by FlowIO."""

from __future__ import annotations

from dataclasses import replace

import flowio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from flowml.errors import FcsError, OutputError, StateError
from flowml.fcs import read_fcs, write_fcs
from flowml.preprocess import compensate, display
from flowml.records import ArraySource, Channel, Sample, Scale, Spillover


def sample_of(values, **how) -> Sample:
    values = np.asarray(values)
    channels = tuple(Channel(f"FL{n}-A", f"CD{n}") for n in range(1, values.shape[1] + 1))
    return Sample("s", how.pop("channels", channels), ArraySource(values), **how)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    arrays(np.float32, st.tuples(st.integers(0, 20), st.integers(1, 5)),
           elements=st.floats(-(2.0**100), 2.0**100, width=32))
)  # fmt: skip
def test_events_come_back_bit_for_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("written") / "a.fcs"
    write_fcs(path, sample_of(values))
    np.testing.assert_array_equal(read_fcs(path).events(), values)
    if len(values):
        other = flowio.FlowData(path)
        np.testing.assert_array_equal(other.as_array(preprocess=True), values)
        assert other.pnn_labels == [f"FL{n}-A" for n in range(1, values.shape[1] + 1)]


def test_channels_and_keywords_come_back(tmp_path):
    channels = (Channel("FSC-A", top=1024), Channel("µ / A", "Grün, CD19", top=262143.5))
    sample = sample_of([[1, 2]], channels=channels)
    write_fcs(tmp_path / "a.fcs", sample, {"$cyt": "Cube", "note": "x"})
    back = read_fcs(tmp_path / "a.fcs", strict=True)
    assert back.channel_names == ("FSC-A", "µ / A")
    assert [channel.label for channel in back.channels] == ["", "Grün, CD19"]
    assert [channel.top for channel in back.channels] == [1024, 262143.5]
    assert back.keywords["$CYT"] == "Cube"


def test_the_matrix_comes_back_bit_for_bit(tmp_path):
    matrix = np.array([[1, 1 / 3], [0.1 + 0.2, 1]])
    sample = sample_of([[1, 2]], spillover=Spillover(("FL2-A", "FL1-A"), matrix))
    write_fcs(tmp_path / "a.fcs", sample)
    back = read_fcs(tmp_path / "a.fcs").spillover
    assert back.channels == ("FL2-A", "FL1-A")
    np.testing.assert_array_equal(back.matrix, matrix)


def test_keywords_that_describe_the_data_cannot_be_replaced(tmp_path):
    write_fcs(tmp_path / "a.fcs", sample_of([[1, 2]]), {"$tot": "9", "$PAR": "9"})
    assert read_fcs(tmp_path / "a.fcs").events().tolist() == [[1, 2]]


def test_compensated_values_are_not_compensated_again(tmp_path):
    matrix = Spillover(("FL1-A", "FL2-A"), np.array([[1, 0.5], [0.2, 1]]))
    done = compensate(sample_of(np.array([[10.0, 20.0]]), spillover=matrix), "file")
    write_fcs(tmp_path / "a.fcs", done)
    back = read_fcs(tmp_path / "a.fcs")
    assert back.scale is Scale.COMPENSATED
    np.testing.assert_allclose(compensate(back, "auto").events(), done.events())


def test_display_values_are_refused(tmp_path):
    with pytest.raises(StateError, match=r"writes linear values; s is already on its display"):
        write_fcs(tmp_path / "a.fcs", display(sample_of([[1.0, 2.0]])))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "extra", [{"A": ""}, {"": "x"}, {"A": "form\x0cfeed"}, {"B\x0cC": "x"}]
)
def test_keywords_that_cannot_be_written_are_refused_and_leave_nothing(tmp_path, extra):
    with pytest.raises(FcsError, match=r"cannot be written: .*Leave it out, or change it"):
        write_fcs(tmp_path / "a.fcs", sample_of([[1, 2]]), extra)
    assert list(tmp_path.iterdir()) == []


def test_values_beyond_float32_are_refused(tmp_path):
    with pytest.raises(FcsError, match=r"a value of 1e\+300 does not fit float32"):
        write_fcs(tmp_path / "a.fcs", sample_of([[1e300, 2]]))
    assert list(tmp_path.iterdir()) == []


def test_nan_and_infinities_are_written(tmp_path):
    write_fcs(tmp_path / "a.fcs", sample_of([[np.nan, np.inf]]))
    np.testing.assert_array_equal(read_fcs(tmp_path / "a.fcs").events(), [[np.nan, np.inf]])


def test_a_detector_with_a_comma_cannot_stand_in_a_matrix(tmp_path):
    sample = sample_of([[1]], channels=(Channel("A,B"),))
    sample = replace(sample, spillover=Spillover(("A,B",), np.eye(1)))
    with pytest.raises(FcsError, match=r"holds a comma .*Rename 'A,B'"):
        write_fcs(tmp_path / "a.fcs", sample)


def test_a_place_that_cannot_be_written_to_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="could not write"):
        write_fcs(tmp_path / "file" / "a.fcs", sample_of([[1, 2]]))
