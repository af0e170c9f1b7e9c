"""Compensation against flowutils and numpy, in any blocks, once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flowutils import compensate as flowutils_compensate

from flowml.errors import FcsError, StateError
from flowml.fcs import read_fcs, read_spillover_csv
from flowml.preprocess import Unmixing, choose_unmixing, compensate, display
from flowml.records import ArraySource, Channel, Finding, Sample, Scale, Severity, Spillover

MATRIX = np.array([[1, 0.2, 0.05], [0.1, 1, 0.3], [0.0, -0.02, 1]])
NAMES = ("C", "A", "B")  # not in the order of the channels


def make_sample(values=None, **how) -> Sample:
    if values is None:
        values = np.random.default_rng(7).normal(2000, 900, (20_000, 5)).astype(np.float32)
    channels = tuple(Channel(name) for name in ("Time", "A", "B", "SSC", "C"))
    how.setdefault("spillover", Spillover(NAMES, MATRIX))
    return Sample("s", channels, ArraySource(values), **how)


def test_values_are_those_of_a_plain_solve():
    sample = make_sample()
    columns = [4, 1, 2]
    done = compensate(sample).events()
    expected = np.linalg.solve(MATRIX.T, sample.events()[:, columns].astype(float).T).T
    np.testing.assert_allclose(done[:, columns], expected, rtol=1e-4, atol=0.01)
    np.testing.assert_array_equal(done[:, [0, 3]], sample.events()[:, [0, 3]])


def test_values_are_those_of_flowutils(shared_data):
    sample = read_fcs(shared_data / "spillover" / "Activation_1.fcs")
    matrix = read_spillover_csv(shared_data / "spillover" / "Compensation-Spillover-Matrix.csv")
    columns = [sample.channel_names.index(name) for name in matrix.channels]
    path = str(shared_data / "spillover" / "Compensation-Spillover-Matrix.csv")
    for policy, used in (("file", sample.spillover), (path, matrix)):
        where = [sample.channel_names.index(name) for name in used.channels]
        expected = flowutils_compensate.compensate(
            sample.events().astype(float), used.matrix, where
        )
        done = compensate(sample, policy)
        assert done.scale is Scale.COMPENSATED
        np.testing.assert_allclose(done.events(), expected, rtol=2e-5, atol=0.1)
    assert len(columns) == 11


def test_doubles_stay_doubles():
    values = np.random.default_rng(3).normal(size=(50, 5))
    done = compensate(make_sample(values)).events()
    assert done.dtype == np.float64
    expected = np.linalg.solve(MATRIX.T, values[:, [4, 1, 2]].T).T
    np.testing.assert_allclose(done[:, [4, 1, 2]], expected, rtol=1e-12)


def test_mixing_and_unmixing_gives_the_signal_back():
    signal = np.abs(np.random.default_rng(5).normal(500, 200, (300, 5)))
    mixed = signal.copy()
    mixed[:, [4, 1, 2]] = signal[:, [4, 1, 2]] @ MATRIX
    np.testing.assert_allclose(compensate(make_sample(mixed)).events(), signal, rtol=1e-10)


@pytest.mark.parametrize("size", [8192, 16_384, 24_576])
def test_values_are_the_same_bits_for_any_number_of_whole_blocks(size):
    values = make_sample().events()
    unmixing, _ = choose_unmixing(make_sample(), "file")
    whole = unmixing.apply(values)
    pieces = [unmixing.apply(values[k : k + size]) for k in range(0, len(values), size)]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


def test_a_block_is_not_changed_and_may_be_empty():
    sample = make_sample()
    unmixing, _ = choose_unmixing(sample)
    block = sample.events()[:10]
    before = block.copy()
    unmixing.apply(block)
    np.testing.assert_array_equal(block, before)
    assert unmixing.apply(block[:0]).shape == (0, 5)


def test_nan_and_infinities_stay_in_their_event():
    values = make_sample().events()[:100]
    values[3, 1], values[4, 2], values[5, 4] = np.nan, np.inf, 3e38
    done = compensate(make_sample(values)).events()
    assert np.isfinite(np.delete(done, [3, 4, 5], axis=0)).all()
    assert not np.isfinite(done[3:5]).all()


def test_none_never_compensates():
    sample = make_sample()
    assert choose_unmixing(sample, "none") == (None, ())
    done = compensate(sample, "none")
    assert done.scale is Scale.RAW
    np.testing.assert_array_equal(done.events(), sample.events())


def test_auto_uses_the_matrix_of_the_file():
    unmixing, findings = choose_unmixing(make_sample(), "auto")
    assert isinstance(unmixing, Unmixing)
    assert unmixing.columns.tolist() == [4, 1, 2]
    assert findings == ()


def test_auto_leaves_compensated_data_alone():
    assert choose_unmixing(make_sample(scale=Scale.COMPENSATED), "auto") == (None, ())


def test_auto_says_that_there_is_no_matrix():
    unmixing, findings = choose_unmixing(make_sample(spillover=None), "auto")
    assert unmixing is None
    assert [item.code for item in findings] == ["COMP-NONE"]


@pytest.mark.parametrize("policy", ["auto", "file"])
def test_a_matrix_that_cannot_be_used_is_refused_with_its_reason(policy):
    why = Finding("SPILL-UNUSABLE", "it is singular", Severity.REVIEW)
    with pytest.raises(
        FcsError, match=r"s cannot be compensated: it is singular\. Give a matrix"
    ):
        choose_unmixing(make_sample(spillover=None, findings=(why,)), policy)


def test_file_needs_a_matrix():
    with pytest.raises(FcsError, match=r"carries no spillover matrix\. Give .*--compensation"):
        compensate(make_sample(spillover=None))


@pytest.mark.parametrize("policy", ["file", "matrix.csv"])
def test_compensating_twice_is_an_error(policy):
    done = compensate(make_sample())
    with pytest.raises(StateError, match=r"s is already compensated; .*Use the policy auto or"):
        compensate(done, policy)
    with pytest.raises(StateError, match="already display"):
        compensate(display(done), policy)


def test_a_csv_file_is_a_policy_and_its_oddities_are_findings(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("A,B\n100,10\n20,100\n", encoding="utf-8")
    unmixing, findings = choose_unmixing(make_sample(), str(path))
    np.testing.assert_allclose(unmixing.inverse, np.linalg.inv([[1, 0.1], [0.2, 1]]))
    assert [item.code for item in findings] == ["SPILL-PERCENT"]


def test_a_csv_file_for_other_channels_is_refused(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("A,Z\n1,0.1\n0.2,1\n", encoding="utf-8")
    with pytest.raises(FcsError, match=r"names the detectors Z, which s does not have\. Name"):
        choose_unmixing(make_sample(), str(path))


def test_a_policy_that_is_no_file_is_refused():
    with pytest.raises(FcsError, match=r"could not read the matrix automatic.*Give a CSV file"):
        choose_unmixing(make_sample(), "automatic")


def test_a_singular_matrix_made_by_hand_is_refused():
    sample = replace(make_sample(), spillover=Spillover(("A", "B"), np.ones((2, 2))))
    with pytest.raises(FcsError, match=r"cannot be inverted .*Give another one"):
        compensate(sample)


def test_no_events_are_compensated_to_none():
    assert compensate(make_sample(np.empty((0, 5), np.float32))).events().shape == (0, 5)
