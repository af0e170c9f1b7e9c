"""Where the events are: three quantities agree, or a named repair makes them, or refusal."""

from __future__ import annotations

import numpy as np
import pytest
from build import make_fcs, values

from flowml.errors import FcsError
from flowml.fcs import read_fcs

ROWS = [[1.5, 2.5], [3.5, 4.5], [5.5, -6.5]]


def codes(sample):
    return {finding.code for finding in sample.findings}


def refusal(path) -> FcsError:
    with pytest.raises(FcsError) as refused:
        read_fcs(path).events()
    return refused.value


def test_a_file_by_the_standard_has_no_findings_about_its_layout(read):
    sample = read()
    np.testing.assert_array_equal(sample.events(), values(ROWS))
    assert codes(sample) == {"SPILL-NONE"}


@pytest.mark.parametrize("tail", [b"", b"00000000", b"junk" * 100])
@pytest.mark.parametrize("gap", [0, 7, 300])
def test_gaps_and_trailing_bytes_do_not_matter(read, tail, gap):
    np.testing.assert_array_equal(read(tail=tail, gap=gap).events(), values(ROWS))


@pytest.mark.parametrize("cut", [1, 4, 8, 23])
def test_a_file_cut_off_is_refused(write, cut):
    error = refusal(write(make_fcs()[:-cut]))
    assert error.code == "FCS-AGREE"
    for part in ("need 24 bytes", "given as 24 bytes", "cut off or damaged: export it again"):
        assert part in str(error)


@pytest.mark.parametrize("which", ["header", "text", "both"])
def test_an_exclusive_end_is_repaired_with_a_finding(read, which):
    shift = (0, 1) if which in {"header", "both"} else (0, 0)
    shift_text = (0, 1) if which in {"text", "both"} else (0, 0)
    sample = read(shift=shift, shift_text=shift_text)
    np.testing.assert_array_equal(sample.events(), values(ROWS))
    assert codes(sample) & {"FCS-OFFSET-01", "FCS-OFFSET-02"}


def test_an_exclusive_end_within_the_file_needs_a_beginning_beyond_doubt(write):
    assert refusal(write(shift=(0, 1), shift_text=(0, 1), gap=5, tail=b"x" * 99)).code == (
        "FCS-AGREE"
    )


def test_header_and_text_that_disagree_are_settled_by_tot(read):
    for how in ({"shift": (0, 8)}, {"shift_text": (-8, 0)}, {"header_data": (90000, 90023)}):
        sample = read(**how)
        np.testing.assert_array_equal(sample.events(), values(ROWS))
        assert "FCS-OFFSET-01" in codes(sample)


def test_two_segments_that_both_fit_are_refused(write):
    error = refusal(write(shift_text=(4, 4), tail=b"x" * 8))
    assert "two DATA segments that both fit $TOT" in str(error)


@pytest.mark.parametrize("fields", [(0, 0), ("", ""), ("********", "********"), (-5, -1)])
def test_offsets_that_the_header_does_not_give_are_taken_from_text(read, fields):
    np.testing.assert_array_equal(read(header_data=fields).events(), values(ROWS))


def test_offsets_that_text_does_not_give_are_taken_from_the_header(read):
    sample = read(changes={"$BEGINDATA": None, "$ENDDATA": None})
    np.testing.assert_array_equal(sample.events(), values(ROWS))


def test_no_offsets_at_all_are_refused(write):
    error = refusal(write(header_data=(0, 0), changes={"$BEGINDATA": None, "$ENDDATA": None}))
    assert "neither HEADER nor TEXT says where it is" in str(error)


@pytest.mark.parametrize("begin", [5, 60, 100])
def test_data_within_header_or_text_are_refused(write, begin):
    where = {"$BEGINDATA": str(begin), "$ENDDATA": str(begin + 23)}
    error = refusal(write(header_data=(0, 0), changes=where))
    assert "puts the DATA segment behind HEADER and TEXT" in str(error)


def test_data_before_text_are_read(write):
    content = make_fcs(changes={"$BEGINDATA": "58", "$ENDDATA": "81"})
    text, data = content[58:-24], content[-24:]
    head = (
        b"FCS3.1    "
        + "".join(f"{n:>8}" for n in (82, 82 + len(text) - 1, 58, 81, 0, 0)).encode()
    )
    np.testing.assert_array_equal(read_fcs(write(head + data + text)).events(), values(ROWS))


def test_a_par_that_is_too_small_is_refused(write):
    error = refusal(write(changes={"$PAR": "1"}))
    assert "$PAR is 1, but $P2B describes one more channel" in str(error)


def test_a_par_that_is_too_large_is_refused(write):
    assert "$P3B is missing" in str(refusal(write(changes={"$PAR": "3"})))


@pytest.mark.parametrize("value", [None, "0", "100000000", "-1", "9" * 5000, "abc"])
def test_an_absurd_or_missing_par_is_refused_at_once(write, value):
    assert refusal(write(changes={"$PAR": value})).code == "FCS-KEY"


@pytest.mark.parametrize("value", ["1", "2", "4", "100000000", "9" * 18])
def test_a_tot_that_does_not_fit_is_refused(write, value):
    error = refusal(write(changes={"$TOT": value}))
    assert error.code == "FCS-AGREE"
    assert f"need {int(value) * 8} bytes" in str(error)


def test_a_missing_tot_follows_from_the_data_segment(read):
    sample = read(changes={"$TOT": None})
    np.testing.assert_array_equal(sample.events(), values(ROWS))
    assert "FCS-KEY-01" in codes(sample)


def test_a_missing_tot_that_does_not_follow_is_refused(write):
    error = refusal(write(changes={"$TOT": None}, shift=(0, 3), shift_text=(0, 3), tail=b"xxx"))
    assert "does not hold a whole number of events" in str(error)


def test_no_events_are_a_sample_with_a_finding(read):
    sample = read(rows=[])
    assert sample.events().shape == sample.stored.shape == (0, 2)
    assert list(sample.blocks(10)) == []
    assert "FCS-EMPTY-01" in codes(sample)


def test_a_tot_of_zero_beside_data_is_refused(write):
    error = refusal(write(changes={"$TOT": "0"}))
    assert "$TOT is 0, but the DATA segment is given as 24 bytes" in str(error)


@pytest.mark.parametrize("mode", ["C", "U", "X"])
def test_histograms_are_refused(write, mode):
    error = refusal(write(changes={"$MODE": mode}))
    assert error.code == "FCS-MODE"
    assert f"$MODE is '{mode}'" in str(error)


def test_a_missing_mode_is_a_finding(read):
    assert "FCS-KEY-02" in codes(read(changes={"$MODE": None}))


@pytest.mark.parametrize(
    ("kinds", "changes", "message"),
    [
        (("F32",), {"$DATATYPE": "A"}, "data type 'A', expected I, F or D"),
        (("F32",), {"$DATATYPE": None}, "data type '', expected I, F or D"),
        (("F32",), {"$P1B": "0"}, "$P1B is 0 for type F, expected 32"),
        (("F32",), {"$P1B": "64"}, "$P1B is 64 for type F, expected 32"),
        (("I16",), {"$P1B": "12"}, "$P1B is 12 for type I, expected 8, 16, 24, 32, 64"),
        (("I16",), {"$P1B": "70"}, "$P1B is 70 for type I, expected 8, 16, 24, 32, 64"),
        (("I32",), {"$BYTEORD": "3,4,1,2"}, "$BYTEORD is '3,4,1,2', expected 1,2,3,4"),
        (("I32",), {"$BYTEORD": None}, "$BYTEORD is '', expected 1,2,3,4"),
    ],
)
def test_types_that_are_not_supported_are_refused_by_name(write, kinds, changes, message):
    error = refusal(write(rows=[[1], [2]], kinds=kinds, changes=changes))
    assert error.code == "FCS-TYPE"
    assert message in str(error)
    assert "xport" in str(error)


@pytest.mark.parametrize("value", [None, "-8", "1" * 5000, "9223372036854775808"])
def test_an_absurd_width_is_refused(write, value):
    assert refusal(write(changes={"$P1B": value})).code == "FCS-KEY"


def test_eight_bit_channels_need_no_byte_order(read):
    sample = read(rows=[[1, 200]], kinds=("I8", "I8"), changes={"$BYTEORD": None})
    assert sample.stored.tolist() == [[1, 200]]


def test_ten_bits_in_words_of_sixteen_are_read_when_three_quantities_agree(write):
    path = write(rows=[[1023, 5], [0xFC01, 6]], kinds=("I16", "I16"), ranges=("1024", "1024"),
                 changes={"$P1B": "10", "$P2B": "10"})  # fmt: skip
    sample = read_fcs(path)
    assert sample.stored.tolist() == [[1023, 5], [1, 6]]
    assert [f.message for f in sample.findings if f.code == "FCS-WIDTH-01"] == [
        "$PnB is not a storage width; the next one fits $TOT ($P1B, $P2B)"
    ]


def test_ten_bits_packed_without_gaps_are_refused(write):
    path = write(rows=[[1, 2]] * 4, kinds=("I8", "I8"), ranges=("1024", "1024"),
                 changes={"$P1B": "10", "$P2B": "10"})  # fmt: skip
    assert refusal(path).code == "FCS-AGREE"


def test_ten_bits_without_a_number_of_events_are_refused(write):
    path = write(rows=[[1], [2]], kinds=("I16",), ranges=("1024",),
                 changes={"$P1B": "10", "$TOT": None})  # fmt: skip
    assert refusal(path).code == "FCS-TYPE"
