"""What is written is read back the same: by us, by FlowIO and by FlowKit."""

from __future__ import annotations

import tracemalloc
import warnings
from dataclasses import replace

import flowio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from flowml.errors import FcsError, OutputError, StateError
from flowml.events import ArraySource
from flowml.fcs import read_fcs, write_fcs, writer
from flowml.preprocess import compensate, display
from flowml.records import Channel, Role, Sample, Scale, Spillover


def sample_of(values, **how) -> Sample:
    values = np.asarray(values)
    channels = tuple(Channel(f"FL{n}-A", f"CD{n}") for n in range(1, values.shape[1] + 1))
    return Sample("s", how.pop("channels", channels), ArraySource(values), **how)


def flowkit_sample(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FlowKit's own imports
        import flowkit

        return flowkit.Sample(str(path), preprocess=False)


# FlowIO 1.4.0 drops every dollar sign of TEXT, in values too
NAMES = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters=",$"),
    min_size=1,
    max_size=8,
)
VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def written_samples(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    labels = draw(st.lists(NAMES | st.just(""), min_size=len(names), max_size=len(names)))
    shape = (draw(st.integers(0, 20)), len(names))
    values = draw(arrays(np.float32, shape, elements=VALUES))
    tops = draw(st.lists(st.floats(1e-5, 1e19), min_size=len(names), max_size=len(names)))
    rows = st.integers(1, 3)
    extra = draw(
        st.dictionaries(
            rows.map(lambda n: f"gate {n}"), arrays(np.float32, shape[0], elements=VALUES)
        )
    )
    channels = tuple(map(Channel, names, labels))
    channels = tuple(replace(c, top=top) for c, top in zip(channels, tops, strict=True))
    size = draw(st.integers(0, len(names)))
    matrix = np.eye(size) + draw(
        arrays(np.float64, (size, size), elements=st.floats(0, 0.1))
    ) * (1 - np.eye(size))
    spill = Spillover(tuple(names[:size]), matrix) if size else None
    return Sample("s", channels, ArraySource(values), spillover=spill), extra


@settings(max_examples=100, deadline=None, derandomize=True)
@given(written_samples())
def test_whatever_is_written_is_read_back_bit_for_bit(tmp_path_factory, drawn):
    sample, extra = drawn
    path = tmp_path_factory.mktemp("written") / "a.fcs"
    write_fcs(path, sample, extra_channels=extra)
    back = read_fcs(path)
    names = (*sample.channel_names, *extra)
    expected = np.column_stack([sample.events(), *extra.values()])
    assert back.channel_names == names
    assert back.events().tobytes() == expected.astype("<f4").tobytes()
    measured = back.channels[: len(sample.channels)]
    assert [c.label for c in measured] == [c.label for c in sample.channels]
    assert [c.top for c in measured] == [c.top for c in sample.channels]
    if sample.spillover is not None:
        assert back.spillover.channels == sample.spillover.channels
        np.testing.assert_array_equal(back.spillover.matrix, sample.spillover.matrix)
    if sample.n_events:  # FlowIO refuses empty files
        other = flowio.FlowData(path)
        assert tuple(other.pnn_labels) == names
        assert other.as_array(preprocess=False).astype("<f4").tobytes() == (
            expected.astype("<f4").tobytes()
        )
        third = flowkit_sample(path)
        assert tuple(third.pnn_labels) == names
        assert third.pns_labels == [c.label for c in sample.channels] + [""] * len(extra)
        np.testing.assert_array_equal(third.get_events(source="raw"), expected)


def test_flowkit_reads_the_same(tmp_path):
    channels = (
        Channel("FSC-A", role=Role.FORWARD_SCATTER), Channel("FL1-A", "CD19 PE"),
        Channel("FL2-A", "CD5"), Channel("Time", role=Role.TIME),
    )  # fmt: skip
    values = np.array([[1e5, -3.5, 1e-40, 0], [2e5, 3e38, 7, 1]], dtype=np.float32)
    matrix = np.array([[1, 0.25], [1 / 3, 1]])
    sample = sample_of(
        values, channels=channels, spillover=Spillover(("FL1-A", "FL2-A"), matrix)
    )
    membership = np.array([False, True])
    write_fcs(tmp_path / "a.fcs", sample, extra_channels={"gate B cells": membership})
    other = flowkit_sample(tmp_path / "a.fcs")
    assert other.pnn_labels == ["FSC-A", "FL1-A", "FL2-A", "Time", "gate B cells"]
    assert other.pns_labels == ["", "CD19 PE", "CD5", "", ""]
    np.testing.assert_array_equal(
        other.get_events(source="raw"), np.column_stack([values, membership])
    )
    text = other.get_metadata()["spillover"].split(",")
    assert text[:3] == ["2", "FL1-A", "FL2-A"]
    assert [float(item) for item in text[3:]] == matrix.ravel().tolist()


def test_channels_and_keywords_come_back(tmp_path):
    channels = (Channel("FSC-A", top=1024), Channel("µ / A", "Grün, $CD19", top=262143.5))
    sample = sample_of([[1, 2]], channels=channels)
    write_fcs(tmp_path / "a.fcs", sample, {"$cyt": "Cube", "note": "x"})
    back = read_fcs(tmp_path / "a.fcs", strict=True)
    assert back.channel_names == ("FSC-A", "µ / A")
    assert [channel.label for channel in back.channels] == ["", "Grün, $CD19"]
    assert [channel.top for channel in back.channels] == [1024, 262143.5]
    assert back.keywords["$CYT"] == "Cube"


def test_the_matrix_comes_back_bit_for_bit(tmp_path):
    matrix = np.array([[1, 1 / 3], [0.1 + 0.2, 1]])
    sample = sample_of([[1, 2]], spillover=Spillover(("FL2-A", "FL1-A"), matrix))
    write_fcs(tmp_path / "a.fcs", sample)
    back = read_fcs(tmp_path / "a.fcs").spillover
    assert back.channels == ("FL2-A", "FL1-A")
    np.testing.assert_array_equal(back.matrix, matrix)


@pytest.mark.parametrize(
    "extra",
    [
        {"$tot": "9", "$PAR": "9"}, {"PAR": "9"}, {"$P1DATATYPE": "D"}, {"$P1E": "4,1"},
        {"$P9N": "FL1-A"}, {"$DFC1TO2": "50"}, {"SPILL": "2,FL1-A,FL2-A,1,.5,0,1"},
        {"FLOWML_COMPENSATED": "1"}, {"$BEGINSTEXT": "58", "$ENDSTEXT": "99"},
        {"TRANSFORMATION": "applied", "flowCore_$P1Rmax": "7"}, {"$P1G": "4"}, {"P1B": "16"},
        {"$NEXTDATA": "58"}, {"$MODE": "U"}, {"$COMP": "2,1,1,0,1"}, {"$BYTEORD": "4,3,2,1"},
    ],
    ids=lambda extra: next(iter(extra)),
)  # fmt: skip
def test_keywords_that_describe_the_data_cannot_be_replaced(tmp_path, extra):
    sample = sample_of([[1, 2]])
    write_fcs(tmp_path / "plain.fcs", sample)
    write_fcs(tmp_path / "a.fcs", sample, extra)
    assert (tmp_path / "a.fcs").read_bytes() == (tmp_path / "plain.fcs").read_bytes()


def test_technical_keywords_of_the_file_are_kept_and_no_others(tmp_path):
    given = {
        "$TOT": "1", "$TIMESTEP": "0.01", "$CYT": "Navios", "$VOL": "1250", "$OP": "Dr Secret",
        "$P1N": "FL2-A", "$P2N": "FL1-A", "$P1V": "450", "$P2V": "500", "$P1L": "Frau Secret",
        "$P1F": "Secret", "$SMNO": "Secret", "FLOWML_SIMULATED": "yes", "$FIL": "Secret.fcs",
        "SECRET": "1", "$DATE": "01-JAN-1970", "$P2O": "20", "$P2S": "CD9",
    }  # fmt: skip
    sample = replace(sample_of([[1, 2]]), keywords=given)
    write_fcs(tmp_path / "a.fcs", sample)
    back = read_fcs(tmp_path / "a.fcs", strict=True).keywords
    kept = {key: back.get(key) for key in ("$TIMESTEP", "$CYT", "$VOL", "FLOWML_SIMULATED")}
    assert kept == {
        "$TIMESTEP": "0.01", "$CYT": "Navios", "$VOL": "1250", "FLOWML_SIMULATED": "yes",
    }  # fmt: skip
    assert [back.get(f"$P{n}V") for n in (1, 2)] == ["500", "450"]  # by name, not by number
    assert back["$P1O"] == "20"
    assert b"SECRET" not in (tmp_path / "a.fcs").read_bytes().upper()
    assert "$DATE" not in back
    fewer = replace(sample, source=ArraySource(np.empty((0, 2))))
    write_fcs(tmp_path / "b.fcs", fewer)
    assert "$VOL" not in read_fcs(tmp_path / "b.fcs").keywords


@pytest.mark.parametrize(
    ("key", "value"),
    [("$CYT", "Patient 4711047"), ("$CYT", "born 1.2.1970"), ("$TIMESTEP", "Frau Secret"),
     ("$VOL", "x"), ("$P1V", "a@b.c"), ("$CYT", "")],
)  # fmt: skip
def test_a_technical_keyword_with_something_else_in_it_is_not_kept(tmp_path, key, value):
    given = {"$TOT": "1", "$P1N": "FL1-A", key: value}
    write_fcs(tmp_path / "a.fcs", replace(sample_of([[1, 2]]), keywords=given))
    assert key not in read_fcs(tmp_path / "a.fcs").keywords


def test_results_stand_beside_the_data(tmp_path):
    results = {
        "population": np.array([0, 7, 7], dtype=np.int64), "gate CD19+": [True, False, True],
        "probability CLL": np.array([0.25, np.nan, 1.0]), "UMAP_1": np.array([-3.5, 0, 2**24]),
    }  # fmt: skip
    sample = sample_of([[1, 2], [3, 4], [5, 6]])
    write_fcs(tmp_path / "a.fcs", sample, extra_channels=results)
    back = read_fcs(tmp_path / "a.fcs")
    assert back.channel_names == ("FL1-A", "FL2-A", *results)
    np.testing.assert_array_equal(back.events()[:, :2], sample.events())
    for name, values in results.items():
        np.testing.assert_array_equal(back.events()[:, back.column(name)], values)
    assert back.markers == ("CD1", "CD2", "", "", "", "")
    tops = {name: back.channels[back.column(name)].top for name in results}
    assert tops == {
        "population": 8, "gate CD19+": 2, "probability CLL": 2, "UMAP_1": 2.0**25,
    }  # fmt: skip


@settings(max_examples=50, deadline=None, derandomize=True)
@given(arrays(np.float32, 4, elements=st.floats(-(2.0**60), 2.0**60, width=32)))
def test_the_range_of_a_result_ends_above_its_largest_value(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("top") / "a.fcs"
    write_fcs(path, sample_of(np.zeros((4, 1))), extra_channels={"score": values})
    top = read_fcs(path).channels[1].top
    assert max(values.max(), 1) < top <= 2 * max(values.max(), 1)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("population", [1], r"has the shape \(1,\), expected \(2,\): one number for each"),
        ("population", [[1, 2]], r"has the shape \(1, 2\)"),
        ("population", ["a", "b"], "holds <U1, expected numbers or truth values"),
        ("population", [1j, 0], "holds complex128"),
        ("population", [None, 1], "holds object"),
        ("population", [0, 2**24 + 1], "holds 16777217; float32 holds whole numbers exactly"),
        ("population", [0.0, -(2.0**24) - 1], "holds 16777217; float32"),
        ("population", np.array([0, 2**64 - 1], dtype=np.uint64), "holds 18446744073709551615"),
        ("population", [0, np.inf], "infinite value, or one beyond 3.4e38"),
        ("population", [0.5, 1e300], "infinite value, or one beyond 3.4e38"),
        ("fl1-a", [0, 1], "there is a channel 'fl1-a' already"),
        ("a,b", [0, 1], "cannot be called 'a,b'"), ("", [0, 1], "cannot be called ''"),
        (" a", [0, 1], "cannot be called ' a'"), ("a\x0cb", [0, 1], "cannot be called"),
        ("a\0", [0, 1], "cannot be called"), ("x" * 201, [0, 1], "cannot be called"),
        ("CD19+", [0, 1], "would be taken for a measurement of CD19. Put a word before it"),
        ("FSC", [0, 1], "would be taken for a measurement of FSC-A"),
        ("Time", [0, 1], "would be taken for a measurement of time"),
    ],
)  # fmt: skip
def test_results_that_cannot_be_written_are_refused(tmp_path, name, values, message):
    with pytest.raises(FcsError, match=message):
        write_fcs(
            tmp_path / "a.fcs", sample_of([[1, 2], [3, 4]]), extra_channels={name: values}
        )
    assert list(tmp_path.iterdir()) == []


def test_two_results_of_one_name_are_refused(tmp_path):
    with pytest.raises(FcsError, match="there is a channel 'Score' already"):
        write_fcs(
            tmp_path / "a.fcs", sample_of([[1]]), extra_channels={"score": [1], "Score": [2]}
        )


def test_a_file_can_be_written_over_itself(tmp_path):
    values = np.arange(40_000, dtype=np.float32).reshape(-1, 2)
    write_fcs(tmp_path / "a.fcs", sample_of(values))
    sample = read_fcs(tmp_path / "a.fcs")
    write_fcs(tmp_path / "a.fcs", sample, extra_channels={"index": np.arange(20_000)})
    again = read_fcs(tmp_path / "a.fcs", strict=True)
    np.testing.assert_array_equal(again.events()[:, :2], values)
    np.testing.assert_array_equal(again.events()[:, 2], np.arange(20_000))
    assert [item.name for item in tmp_path.iterdir()] == ["a.fcs"]
    with pytest.raises(FcsError, match="changed after its keywords were read"):
        sample.events()


class CountedZeros:
    """Many events that nobody holds; `said` of them are announced."""

    def __init__(self, n_events: int, said: int | None = None, n_channels: int = 2) -> None:
        self.given, self.n_channels = n_events, n_channels
        self.n_events = n_events if said is None else said

    def blocks(self, size):
        for start in range(0, self.given, size):
            yield np.zeros((min(size, self.given - start), self.n_channels), np.float32)

    def stored(self):
        raise AssertionError


def test_writing_holds_a_block_and_no_more(tmp_path):
    sample = replace(sample_of(np.zeros((0, 2))), source=CountedZeros(2_000_000))
    tracemalloc.start()
    write_fcs(tmp_path / "a.fcs", sample)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "a.fcs").stat().st_size > 16_000_000
    assert peak < 2_000_000


@pytest.mark.parametrize(
    "source", [CountedZeros(9, 10), CountedZeros(10, 9), CountedZeros(10, 10, 3)]
)
def test_a_source_that_gives_other_events_than_it_said_leaves_no_file(tmp_path, source):
    sample = replace(sample_of(np.zeros((0, 2))), source=source)
    with pytest.raises(FcsError, match=r"announced .* events in 2 channels and gave others"):
        write_fcs(tmp_path / "a.fcs", sample)
    assert list(tmp_path.iterdir()) == []


def test_offsets_beyond_the_header_stand_in_text(tmp_path, monkeypatch):
    values = np.arange(4000, dtype=np.float32).reshape(-1, 2)
    write_fcs(tmp_path / "small.fcs", sample_of(values))
    monkeypatch.setattr(writer, "LARGEST_OFFSET", 9_999)
    write_fcs(tmp_path / "a.fcs", sample_of(values))
    small, large = ((tmp_path / name).read_bytes() for name in ("small.fcs", "a.fcs"))
    assert small[58:] == large[58:]
    assert large[26:42] == b"       0       0"
    np.testing.assert_array_equal(read_fcs(tmp_path / "a.fcs", strict=True).events(), values)


def test_the_last_offset_that_fits_the_header_is_written_there():
    fits = writer._header(100, 158, 99_999_999)
    assert fits[26:42] == b"     15899999999"
    assert writer._header(100, 158, 100_000_000)[26:42] == b"       0       0"


def test_a_file_beyond_the_eight_digits_of_its_header_is_read(tmp_path):
    sample = replace(sample_of(np.zeros((0, 2))), source=CountedZeros(12_600_000))
    write_fcs(tmp_path / "a.fcs", sample)
    assert (tmp_path / "a.fcs").stat().st_size > 100_000_000
    with (tmp_path / "a.fcs").open("rb") as stream:
        assert stream.read(58)[26:42] == b"       0       0"
    back = read_fcs(tmp_path / "a.fcs", strict=True)
    assert back.n_events == 12_600_000
    assert not next(back.blocks(10)).any()
    assert flowio.FlowData(tmp_path / "a.fcs").event_count == 12_600_000


def test_keywords_beyond_the_eight_digits_of_the_header_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "LARGEST_OFFSET", 9_999)
    with pytest.raises(FcsError, match=r"the keywords take .* bytes, expected at most 9941"):
        write_fcs(tmp_path / "a.fcs", sample_of([[1]]), {"NOTE": "x" * 10_000})


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
    "extra",
    [{"A": ""}, {"": "x"}, {"A": "form\x0cfeed"}, {"B\x0cC": "x"}, {"A": "\udcff"}, {"A": " "},
     {"A": "x "}, {"\u00c4": "x"}, {"A\n": "x", "B\nC": "y"}],
)  # fmt: skip
def test_keywords_that_cannot_be_written_are_refused_and_leave_nothing(tmp_path, extra):
    with pytest.raises(FcsError, match=r"cannot be written: .*Leave it out, or change it"):
        write_fcs(tmp_path / "a.fcs", sample_of([[1, 2]]), extra)
    assert list(tmp_path.iterdir()) == []


def test_values_beyond_float32_are_refused(tmp_path):
    with pytest.raises(FcsError, match=r"a value of 1e\+300 does not fit float32"):
        write_fcs(tmp_path / "a.fcs", sample_of([[1e300, 2]]))
    assert list(tmp_path.iterdir()) == []


def test_keywords_that_differ_in_letter_case_only_are_refused(tmp_path):
    with pytest.raises(FcsError, match="keyword 'NOTE' is given twice with different values"):
        write_fcs(tmp_path / "a.fcs", sample_of([[1, 2]]), {"note": "x", "Note": "y"})


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ((Channel("A"), Channel("A")), "2 channels are called 'A', expected different names"),
        ((Channel(""), Channel("A")), "1 channels are called ''"),
        ((Channel("A" * 201), Channel("A")), "of 1 to 200 characters. Rename them"),
        ((Channel("A "), Channel("A")), r"'\$P1N' cannot be written: .*ends with a blank"),
        ((Channel("A\x0c"), Channel("A")), r"'\$P1N' cannot be written"),
        ((Channel("A", "B\x0cC"), Channel("B")), r"'\$P1S' cannot be written"),
        ((Channel("A", top=np.nan), Channel("B")), "the scale of channel 'A' ends at nan"),
        ((Channel("A", top=0.0), Channel("B")), "the scale of channel 'A' ends at 0"),
    ],
)
def test_names_that_would_be_read_back_otherwise_are_refused(tmp_path, channels, message):
    with pytest.raises(FcsError, match=message):
        write_fcs(tmp_path / "a.fcs", sample_of([[1, 2]], channels=channels))
    assert list(tmp_path.iterdir()) == []


def test_a_matrix_of_other_channels_is_refused(tmp_path):
    sample = sample_of([[1]], spillover=Spillover(("FL1-A", "X"), np.eye(2)))
    with pytest.raises(FcsError, match="the spillover matrix names X, which s does not have"):
        write_fcs(tmp_path / "a.fcs", sample)


def test_a_marker_that_no_name_says_is_written_as_the_label(tmp_path):
    channels = (
        Channel("FL1-A", "", "CD19", Role.FLUORESCENCE),
        Channel("CD5 PE-A", "", "CD5", Role.FLUORESCENCE),
        Channel("FSC-A", "", "FSC-A", Role.FORWARD_SCATTER),
    )
    write_fcs(tmp_path / "a.fcs", sample_of([[1, 2, 3]], channels=channels))
    back = read_fcs(tmp_path / "a.fcs")
    assert back.markers == ("CD19", "CD5", "FSC-A")
    assert [channel.label for channel in back.channels] == ["CD19", "", ""]


def test_every_real_file_is_written_and_read_back(tmp_path, shared_data):
    written = 0
    for path in sorted((shared_data / "instruments").iterdir()):
        try:
            sample = read_fcs(path, dataset=1)
            if sample.n_events * len(sample.channels) > 400_000:
                continue
            write_fcs(tmp_path / "a.fcs", sample)
        except FcsError:  # refused when read
            continue
        back, written = read_fcs(tmp_path / "a.fcs"), written + 1
        assert back.channel_names == sample.channel_names, path.name
        assert back.markers == sample.markers, path.name
        assert back.scale is sample.scale, path.name
        assert [c.role for c in back.channels] == [c.role for c in sample.channels]
        assert [c.top for c in back.channels] == [c.top for c in sample.channels]
        np.testing.assert_array_equal(back.events(), sample.events().astype(np.float32))
        if sample.spillover is not None and sample.scale is Scale.RAW:
            np.testing.assert_array_equal(back.spillover.matrix, sample.spillover.matrix)
    assert written >= 20


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
