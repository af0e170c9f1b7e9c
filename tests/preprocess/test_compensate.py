"""Compensation against flowutils and numpy, in any blocks, once."""

from __future__ import annotations

import tracemalloc

import click
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.cli.options import reading_from
from flowml.errors import FcsError, StateError
from flowml.events import ArraySource
from flowml.fcs import read_fcs, read_spillover_csv, write_fcs
from flowml.findings import Finding, Severity
from flowml.preprocess import Unmixing, choose_unmixing, compensate, display, unmixing_by
from flowml.preprocess.compensate import ALREADY, POLICIES
from flowml.records import Channel, Sample, Scale, Spillover

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


@pytest.mark.parametrize(
    "name",
    [
        "instruments/FACS_Diva__facs_diva_test.fcs",
        "instruments/Fortessa__FCS_3.0_Fortessa_PBS_Specimen_001_A1_A01.fcs",
        "instruments/HTS_BD_LSR-II__HTS_BD_LSR_II_Mixed_Specimen_001_D6_D06.fcs",
        "instruments/aurora__ND050-01.fcs",
        "instruments/flowio__100715.fcs",
        "instruments/flowio__B01_KC-A-W---91-US.fcs",
        "instruments/flowio__G11.fcs",
        "spillover/Activation_1.fcs",
    ],
)
def test_values_are_those_of_flowkit(shared_data, name):
    flowkit = pytest.importorskip("flowkit")
    sample = read_fcs(shared_data / name)
    no_dyes = [item for item in sample.channel_names if item == "Width"]  # to FlowKit a dye
    theirs = flowkit.Sample(str(shared_data / name), null_channel_list=no_dyes)
    theirs.apply_compensation(sample.keywords[sample.spillover.source])
    mine = compensate(sample, "auto")
    assert mine.scale is Scale.COMPENSATED
    assert_like_flowkit(mine, theirs, sample.spillover.channels)


def test_values_by_a_csv_matrix_are_those_of_flowkit(shared_data):
    flowkit = pytest.importorskip("flowkit")
    folder = shared_data / "spillover"
    csv = folder / "Compensation-Spillover-Matrix.csv"
    sample = read_fcs(folder / "Activation_1.fcs")
    theirs = flowkit.Sample(str(folder / "Activation_1.fcs"))
    detectors = read_spillover_csv(csv).channels
    numbers = np.loadtxt(csv, delimiter=",", skiprows=1, usecols=range(1, 12))
    theirs.apply_compensation(flowkit.Matrix(numbers, detectors=list(detectors)))
    mine = compensate(sample, str(csv))
    assert_like_flowkit(mine, theirs, detectors)


def test_values_of_a_built_file_are_those_of_flowkit(tmp_path):
    flowkit = pytest.importorskip("flowkit")
    values = np.random.default_rng(8).normal(2000, 4000, (3000, 5)).astype(np.float32)
    made = make_sample(values)
    write_fcs(tmp_path / "a.fcs", made)
    theirs = flowkit.Sample(str(tmp_path / "a.fcs"))
    theirs.apply_compensation(flowkit.Matrix(MATRIX, detectors=list(NAMES)))
    assert_like_flowkit(compensate(read_fcs(tmp_path / "a.fcs")), theirs, NAMES)


def assert_like_flowkit(mine, theirs, detectors):
    """Compare to 1e-5 of each value; not even the small differences of large values differ."""
    assert mine.channel_names == tuple(theirs.pnn_labels)
    columns = [mine.channel_names.index(name) for name in detectors]
    expected = theirs.get_events(source="comp")
    assert np.abs(expected[:, columns]).max() > 0
    np.testing.assert_allclose(
        mine.events()[:, columns], expected[:, columns], rtol=1e-5, atol=1e-9
    )


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
        choose_unmixing(make_sample(spillover=None, noticed=(why,)), policy)


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


@pytest.mark.parametrize(
    ("channels", "matrix", "reason"),
    [
        ("AB", np.ones((2, 2)), "it is singular"),
        ("AB", [[1, 1], [1, 1 + 1e-17]], "it is singular"),
        ("AB", [[1, np.nan], [0, 1]], "values that are not finite numbers"),
        ("AB", [[1, np.inf], [0, 1]], "values that are not finite numbers"),
        ("AB", np.eye(3), r"it has the shape \(3, 3\) for 2 detectors"),
        ("AB", np.ones(4), r"it has the shape \(4,\) for 2 detectors"),
        ("", np.empty((0, 0)), "for 0 detectors"),
        ("AA", np.eye(2), "it names a detector twice"),
        ("AZ", np.eye(2), "names the detectors Z, which s does not have"),
    ],
)
def test_a_matrix_made_by_hand_is_checked(channels, matrix, reason):
    sample = make_sample(spillover=Spillover(tuple(channels), np.array(matrix)))
    with pytest.raises(FcsError, match=reason) as refused:
        compensate(sample)
    assert refused.value.code == "FCS-SPILL"


def test_comp_is_no_matrix_that_auto_applies_or_ignores():
    why = Finding("SPILL-COMP", "$COMP is not applied", Severity.REVIEW)
    with pytest.raises(FcsError, match=r"\$COMP is not applied\. Give .*--already-compensated"):
        choose_unmixing(make_sample(spillover=None, noticed=(why,)), "auto")


def test_names_without_values_leave_the_data_alone_but_file_says_why():
    why = Finding("SPILL-EMPTY", "it holds no values", Severity.WARN)
    sample = make_sample(spillover=None, noticed=(why,))
    assert [item.code for item in choose_unmixing(sample, "auto")[1]] == ["COMP-NONE"]
    with pytest.raises(FcsError, match="it holds no values"):
        choose_unmixing(sample, "file")


def test_what_the_user_declares_is_believed_and_said():
    assert ALREADY in POLICIES
    sample = make_sample()
    done = compensate(sample, ALREADY)
    assert done.scale is Scale.COMPENSATED
    assert [(item.code, item.severity) for item in done.findings] == [
        ("COMP-DECLARED", Severity.INFO)
    ]
    assert "declared compensated by the user" in done.findings[0].message
    np.testing.assert_array_equal(done.events(), sample.events())
    with pytest.raises(StateError):
        compensate(done)


def test_a_declaration_is_not_repeated_where_the_file_says_it():
    assert choose_unmixing(make_sample(scale=Scale.COMPENSATED), ALREADY) == (None, ())


def test_a_declaration_helps_where_the_matrix_cannot_be_used():
    why = Finding("SPILL-UNUSABLE", "it is singular", Severity.REVIEW)
    done = compensate(make_sample(spillover=None, noticed=(why,)), ALREADY)
    assert done.scale is Scale.COMPENSATED


def test_no_events_are_compensated_to_none():
    assert compensate(make_sample(np.empty((0, 5), np.float32))).events().shape == (0, 5)


def test_one_event_is_compensated_as_among_others():
    values = make_sample().events()
    whole = compensate(make_sample(values)).events()
    one = compensate(make_sample(values[:1])).events()
    assert one.tobytes() == whole[:1].tobytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64])
def test_integers_become_floating_point(dtype):
    values = np.arange(100, dtype=dtype).reshape(20, 5)
    done = compensate(make_sample(values)).events()
    assert done.dtype in {np.dtype(np.float32), np.dtype(np.float64)}
    expected = np.linalg.solve(MATRIX.T, values[:, [4, 1, 2]].astype(float).T).T
    np.testing.assert_allclose(done[:, [4, 1, 2]], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 4])
def test_a_value_that_is_no_number_spoils_its_event_only(bad, column):
    values = make_sample().events()[:9000]
    clean = compensate(make_sample(values)).events()
    values[8500, column] = bad
    done = compensate(make_sample(values)).events()
    others = np.arange(9000) != 8500
    assert done[others].tobytes() == clean[others].tobytes()
    if column == 0:  # not a detector of the matrix
        np.testing.assert_array_equal(done[8500, 1:], clean[8500, 1:])
    else:
        assert not np.isfinite(done[8500, [4, 1, 2]]).any()


def test_an_identity_changes_no_bit():
    sample = make_sample(spillover=Spillover(NAMES, np.eye(3)))
    assert compensate(sample).events().tobytes() == sample.events().tobytes()


def matrices():
    """Return a strategy of matrices as instruments have them, 2 to 5 detectors."""
    shares = st.floats(-0.01, 0.15)
    return st.integers(2, 5).flatmap(
        lambda n: st.lists(shares, min_size=n * n, max_size=n * n).map(
            lambda items: np.where(np.eye(n, dtype=bool), 1.0, np.reshape(items, (n, n)))
        )
    )


def sample_of(values, spillover) -> Sample:
    channels = tuple(Channel(name) for name in "PQRST"[: values.shape[1]])
    return Sample("s", channels, ArraySource(values), spillover=spillover)


@settings(max_examples=40, deadline=None)
@given(matrix=matrices(), seed=st.integers(0, 2**32 - 1), n_events=st.integers(0, 40))
def test_unmixing_undoes_mixing(matrix, seed, n_events):
    signal = np.random.default_rng(seed).normal(300, 5000, (n_events, len(matrix)))
    sample = sample_of(signal @ matrix, Spillover(tuple("PQRST"[: len(matrix)]), matrix))
    np.testing.assert_allclose(compensate(sample).events(), signal, rtol=1e-9, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(matrix=matrices(), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_detectors_does_not_matter(matrix, data, seed):
    names = "PQRST"[: len(matrix)]
    order = data.draw(st.permutations(range(len(matrix))))
    values = np.random.default_rng(seed).normal(300, 5000, (30, len(matrix)))
    turned = Spillover(tuple(names[n] for n in order), matrix[np.ix_(order, order)])
    one = compensate(sample_of(values, Spillover(tuple(names), matrix))).events()
    other = compensate(sample_of(values, turned)).events()
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-8)


@settings(max_examples=20, deadline=None)
@given(matrix=matrices(), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_events_does_not_matter(matrix, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(300, 5000, (9000, len(matrix))).astype(np.float32)
    order = rng.permutation(9000)
    spillover = Spillover(tuple("PQRST"[: len(matrix)]), matrix)
    one = compensate(sample_of(values, spillover)).events()
    other = compensate(sample_of(values[order], spillover)).events()
    np.testing.assert_allclose(one[order], other, rtol=2e-7, atol=1e-9)


def test_values_stand_in_memory_once():
    values = np.zeros((400_000, 5), np.float32)
    sample = make_sample(values)
    compensate(sample)  # whatever is loaded once
    tracemalloc.start()
    compensate(sample)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.2 * values.nbytes


def test_unmixing_is_exact_where_large_values_leave_small_differences():
    matrix = np.array([[1, 0.5], [0.5, 1]])
    signal = np.array([[250_000.0, 3.25]])
    sample = sample_of(signal @ matrix, Spillover(("P", "Q"), matrix))
    unmixing = unmixing_by(sample, sample.spillover)
    done = unmixing.apply((signal @ matrix).astype(np.float32))
    seen = (signal @ matrix).astype(np.float32).astype(float)
    np.testing.assert_allclose(done, np.linalg.solve(matrix.T, seen.T).T, rtol=1e-6)


@pytest.mark.parametrize(
    ("policy", "flag", "expected"),
    [
        ("auto", False, "auto"),
        ("auto", True, ALREADY),
        ("none", True, ALREADY),
        (ALREADY, False, ALREADY),
        ("file", False, "file"),
    ],
)
def test_the_flag_and_the_policy_of_that_name_say_the_same(policy, flag, expected):
    options = {
        "compensation": policy, "already_compensated": flag, "jobs": 1,
        "marker_names": None, "quality": "off",
    }  # fmt: skip
    assert reading_from(options).compensation == expected


def test_the_flag_contradicts_a_matrix():
    with pytest.raises(click.UsageError, match="Choose one"):
        reading_from({"compensation": "file", "already_compensated": True, "jobs": 1})
