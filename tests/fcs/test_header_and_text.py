"""HEADER and TEXT: what is read, what is repaired, what is refused."""

from __future__ import annotations

import time

import numpy as np
import pytest
from build import HEADER_SIZE, header, keywords, make_fcs, pack, text_segment
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.fcs.header import parse_header
from flowml.fcs.text import parse_text


def codes(sample_or_findings):
    return {f.code for f in getattr(sample_or_findings, "findings", sample_or_findings)}


@pytest.mark.parametrize("version", ["FCS2.0", "FCS3.0", "FCS3.1", "FCS3.2"])
def test_every_version_of_the_standard_is_read(read, version):
    assert read(version=version).n_events == 3


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "?PNG"),
        (b"PK\x03\x04" + bytes(100), "PK"),
        (b"case_id,path\n1,a.fcs\n" + bytes(60), "case_i"),
        (b"FCS1.0    " + bytes(60), "FCS1.0"),
        (b"F", "'F'"),
    ],
)
def test_what_is_not_fcs_is_refused_and_shown(write, content, found):
    with pytest.raises(FcsError) as refused:
        read_fcs(write(content))
    assert refused.value.code == "FCS-HEADER"
    for part in (found, "expected FCS2.0", "Export the measurement as FCS"):
        assert part in str(refused.value)


def test_an_empty_file_is_refused(write):
    with pytest.raises(FcsError, match=r"empty \(0 bytes\), expected an FCS file\. Export"):
        read_fcs(write(b""))


def test_a_header_that_is_cut_off_is_refused():
    with pytest.raises(FcsError, match=r"has 30 bytes, expected 58.*export it again"):
        parse_header(header((58, 100), (101, 200))[:30])


@pytest.mark.parametrize("field", ["        ", "-1      ", "abc     ", "1.5     ", "0       "])
def test_a_header_without_text_offsets_is_refused(field):
    raw = b"FCS3.1    " + (field * 6).encode()
    with pytest.raises(FcsError, match=r"does not say where the TEXT segment is, expected"):
        parse_header(raw)


@pytest.mark.parametrize("field", ["58      ", "00000058", "      58", "  58\x00\x00\x00\x00"])
def test_offsets_may_be_padded_with_blanks_zeros_or_nulls(field):
    raw = b"FCS3.1    " + field.encode() + b"     100" + b" " * 32
    assert parse_header(raw).text.begin == 58
    assert not parse_header(raw).data.given


@pytest.mark.parametrize("end", [10_000, 99_999_999])
def test_a_text_segment_beyond_the_file_is_refused(write, end):
    content = make_fcs()
    wrong = content[:18] + f"{end:>8}".encode() + content[26:]
    with pytest.raises(FcsError, match=rf"58 to {end}, but the file has \d+.*export it again"):
        read_fcs(write(wrong))


@pytest.mark.parametrize(
    "delimiter", ["/", "|", "\\", "\x0c", "*", ".", "^", "\t", "!", "\x1e"]
)
def test_any_delimiter_splits_keywords(read, delimiter):
    sample = read(delimiter=delimiter, changes={"$FIL": f"a{delimiter}b", "$COM": "c"})
    assert sample.keywords["$FIL"] == f"a{delimiter}b"
    assert sample.keywords["$COM"] == "c"
    assert sample.events()[1].tolist() == [3.5, 4.5]


def test_empty_values_are_read_where_that_makes_sense_of_the_keys(read):
    sample = read(changes={"$SRC": "", "$OP": "", "$CYT": "x"})
    assert sample.keywords["$SRC"] == ""
    assert sample.keywords["$CYT"] == "x"
    assert "FCS-TEXT-01" in codes(sample)


def test_an_empty_last_value_is_read():
    found, findings = parse_text(b"/$PAR/1/$FIL//")
    assert found == {"$PAR": "1", "$FIL": ""}
    assert not findings


def test_a_missing_final_delimiter_is_a_finding(write):
    content = make_fcs(changes={"ZZ": "end", "$BEGINDATA": None, "$ENDDATA": None}, gap=3)
    cut = content.index(b"end/") + 3
    patched = content[:cut] + b" " + content[cut + 1 :]
    sample = read_fcs(write(patched))
    assert sample.keywords["ZZ"] == "end"
    assert "FCS-TEXT-02" in codes(sample)


@pytest.mark.parametrize("shift", [-1, 1, 2])
@pytest.mark.parametrize("first", [1.5, 1.1])  # whose first bytes are 0 and not 0
def test_text_that_ends_a_little_off_is_read(write, shift, first):
    rows = np.float32([[first, 2.5], [3.5, 4.5]]).tolist()
    content = make_fcs(rows)
    end = int(content[18:26]) + shift
    sample = read_fcs(write(content[:18] + f"{end:>8}".encode() + content[26:]))
    assert sample.events().tolist() == rows
    assert codes(sample) & {"FCS-TEXT-06", "FCS-TEXT-08"}


@pytest.mark.parametrize("delimiter", ["\n", "\r", " "])
def test_a_delimiter_that_pads_elsewhere_ends_text(write, delimiter):
    changes = {"$BEGINSTEXT": None, "$ENDSTEXT": None}
    sample = read_fcs(write(make_fcs(delimiter=delimiter, gap=8, changes=changes)))
    assert sample.n_events == 3


def test_keywords_far_behind_the_end_of_text_are_read_too(write):
    changes = {f"KEY{n}": "x" * 40 for n in range(4000)}
    content = make_fcs(changes=changes)
    end = int(content[18:26]) - 150_000
    sample = read_fcs(write(content[:18] + f"{end:>8}".encode() + content[26:]))
    assert all(sample.keywords[key] == value for key, value in changes.items())


# an empty value before a keyword, and a doubled delimiter elsewhere: no reading fits
TWO_WAYS = "/$PAR/2/EXPERIMENT//{key}/2/NOTE/p//q/$TOT/1/$MODE/L/"


@pytest.mark.parametrize("key", ["SPILL", "SPILLOVER", "TRANSFORMATION"])
def test_a_decisive_keyword_that_may_be_swallowed_is_refused(key):
    with pytest.raises(FcsError, match=rf"one way only: a doubled delimiter .*{key}"):
        parse_text(TWO_WAYS.format(key=key).encode())


@pytest.mark.parametrize("key", ["$SPILLOVER", "$CYT"])
def test_a_standard_keyword_behind_an_empty_value_is_found(key):
    found, findings = parse_text(TWO_WAYS.format(key=key).encode())
    assert found[key] == "2"
    assert codes(findings) == {"FCS-TEXT-01"}


def test_a_delimiter_within_a_key_is_for_review():
    _, findings = parse_text(b"/$PAR/1/A//B/x/NOTE/p//q/$TOT/1/")
    assert codes(findings) == {"FCS-TEXT-07"}


@pytest.mark.parametrize("padding", [b"   ", b"\r\n", b"\x00\x00"])
def test_padding_behind_the_last_delimiter_is_passed_over(padding):
    assert parse_text(b"/$PAR/1/" + padding) == ({"$PAR": "1"}, [])


def test_latin_1_and_utf_8_values_are_both_read():
    found, findings = parse_text("/A/Grün/".encode() + "B/Grün/".encode("latin-1"))
    assert found == {"A": "Grün", "B": "Grün"}
    assert codes(findings) == {"FCS-TEXT-04"}


def test_keys_are_upper_case_and_blanks_do_not_matter(read):
    changes = {"$PAR": None, "$par": " 2 ", "$Tot": "  3", "$TOT": None, "$MODE": " l "}
    sample = read(changes=changes)
    assert sample.keywords["$PAR"] == "2"
    assert sample.n_events == 3


def test_the_first_of_two_equal_keywords_is_kept_with_a_finding():
    found, findings = parse_text(b"/A/1/a/2/B/3/B/3/")
    assert found == {"A": "1", "B": "3"}
    assert [finding.code for finding in findings] == ["FCS-TEXT-03"]
    assert "first kept (1 keywords)" in findings[0].message


def test_keywords_like_standard_ones_do_not_replace_them(read):
    sample = read(changes={"PAR": "99", "P1N": "no", "$COM": "costs $5"})
    assert sample.channel_names == ("FL1", "FL2")
    assert sample.keywords["$COM"] == "costs $5"


def test_supplemental_text_is_read_and_the_primary_text_goes_first(write):
    rows, kinds = [[1.0, 2.0]], ("F32", "F32")
    data = pack(rows, kinds)
    extra = text_segment([("$P2S", "CD19"), ("$PAR", "7")])
    begin = 1000
    where = {"$BEGINSTEXT": str(begin), "$ENDSTEXT": str(begin + len(extra) - 1)}
    pairs = {**keywords(1, kinds), **where}
    text = text_segment(list(pairs.items()))
    first = HEADER_SIZE + len(text)
    head = header((HEADER_SIZE, first - 1), (first, first + len(data) - 1))
    content = (head + text + data).ljust(begin, b" ") + extra
    sample = read_fcs(write(content))
    assert sample.markers == ("", "CD19")
    assert sample.events().tolist() == rows


@pytest.mark.parametrize("where", [("500000", "600000"), ("x", "y")])
def test_supplemental_text_that_cannot_be_read_is_a_finding(read, where):
    sample = read(changes={"$BEGINSTEXT": where[0], "$ENDSTEXT": where[1]})
    assert "FCS-TEXT-05" in codes(sample)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"/", "TEXT segment is empty, expected keywords"),
        (b"///", "holds no keywords after its delimiter '/'"),
        (b"\x00" * 50, "TEXT segment is empty"),
        (b"/only a key", "holds no keywords"),
    ],
)
def test_text_without_keywords_is_refused(raw, message):
    with pytest.raises(FcsError) as refused:
        parse_text(raw)
    assert message in str(refused.value)
    assert "xport" in str(refused.value)


def test_hostile_text_ends_within_seconds():
    start = time.perf_counter()
    many = b"/" + b"".join(b"KEY%d/1/" % n for n in range(100_000))
    assert len(parse_text(many)[0]) == 100_000
    long = b"/$COM/" + b"x" * 3_000_000 + b"/"
    assert len(parse_text(long)[0]["$COM"]) == 3_000_000
    parse_text(b"/" * 1_000_000 + b"x")
    assert time.perf_counter() - start < 5


plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    pairs=st.dictionaries(plain.map(str.upper), plain, min_size=1, max_size=8),
    delimiter=st.sampled_from("/|\\!\x0c~"),
)
def test_what_was_written_by_the_standard_is_read_back(pairs, delimiter):
    safe = {
        key: value
        for key, value in pairs.items()
        # a delimiter within a key looks like an empty value, which is far more common
        if delimiter not in key
        and not value.startswith(delimiter)
        and not value.endswith(delimiter)
    }
    raw = text_segment([("$PAR", "1"), *safe.items()], delimiter)
    assert parse_text(raw)[0] == {"$PAR": "1"} | safe


@pytest.mark.parametrize("key", ["SPILL", "SPILLOVER", "TRANSFORMATION", "FLOWML_COMPENSATED"])
def test_an_empty_value_does_not_swallow_the_keyword_behind_it(key):
    keywords, findings = parse_text(f"/$PAR/2/EXPERIMENT//{key}/value/".encode())
    assert keywords == {"$PAR": "2", "EXPERIMENT": "", key: "value"}
    assert "FCS-TEXT-01" in [item.code for item in findings]


@pytest.mark.parametrize("short_by", range(1, 40))
def test_text_that_goes_on_behind_its_end_is_read_whole(tmp_path, short_by):
    whole = make_fcs(changes={"ZZ1": "a value", "ZZ2": "12"})
    end = int(whole[18:26])
    path = tmp_path / "short.fcs"
    path.write_bytes(whole[:18] + f"{end - short_by:>8}".encode() + whole[26:])
    sample = read_fcs(path)
    assert sample.keywords["ZZ2"] == "12"
    assert sample.keywords["ZZ1"] == "a value"
