"""HEADER and TEXT: what is read, what is repaired, what is refused."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from build import HEADER_SIZE, header, keywords, make_fcs, pack, text_segment
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.errors import FcsError
from flowml.fcs import read_fcs
from flowml.fcs.header import parse_header
from flowml.fcs.text import cut_text, parse_text


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
    with pytest.raises(
        FcsError,
        match=rf"58 to {end} of a data set for which the file has \d+.*export it again",
    ):
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
    assert codes(sample) & {"FCS-TEXT-08", "FCS-TEXT-11"}


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


# an empty value before a keyword, and a doubled delimiter within a value
BOTH = "/$PAR/2/EXPERIMENT//{key}/2/NOTE/p//q/$TOT/1/$MODE/L/"


@pytest.mark.parametrize("key", ["SPILL", "TRANSFORMATION", "$SPILLOVER", "$CYT", "MINE"])
def test_a_keyword_behind_an_empty_value_is_found(key):
    found, findings = parse_text(BOTH.format(key=key).encode())
    assert found == {
        "$PAR": "2", "EXPERIMENT": "", key: "2", "NOTE": "p/q", "$TOT": "1", "$MODE": "L"
    }  # fmt: skip
    assert codes(findings) == {"FCS-TEXT-01"}


@pytest.mark.parametrize(
    ("run", "value", "key"),
    [
        ("A/b", "b", ""), ("A//B", "", "B"), ("A///b", "/b", ""), ("A////B", "/", "B"),
        ("A/////b", "//b", ""), ("A/a//b", "a/b", ""), ("A/a///B", "a/", "B"),
        ("A/a////b", "a//b", ""), ("A/a/////B", "a//", "B"), ("A///b//c", "/b/c", ""),
    ],
)  # fmt: skip
def test_a_run_of_delimiters_has_one_reading(run, value, key):
    """No key is empty or holds the delimiter, which leaves but one."""
    expected = {"$PAR": "1", "A": value} | ({key: "1"} if key else {})
    text = f"/$PAR/1/{run}/" + ("1/" if key else "") + "$TOT/3/"
    assert parse_text(text.encode())[0] == expected | {"$TOT": "3"}
    assert parse_text(text.removesuffix("$TOT/3/").encode())[0] == expected


@pytest.mark.parametrize("key", ["SPILL", "SPILLOVER", "TRANSFORMATION", "$P1E", "$par"])
def test_a_keyword_that_may_be_lost_in_a_value_is_refused(key):
    """The delimiter that ends "dir/" was not doubled; keys and values change places."""
    with pytest.raises(FcsError, match=rf"one way only: .* beside {re.escape(key)}\."):
        parse_text(f"/$PAR/2/$FIL/dir//{key}/2/$TOT/1/".encode())
    found, findings = parse_text(f"/$PAR/2/$COM/see//{key}/NOTE/2/$TOT/1/".encode())
    assert found["$COM"] == f"see/{key}"
    assert codes(findings) == {"FCS-TEXT-07"}


def test_a_keyword_in_the_place_of_a_value_is_for_review_where_delimiters_are_doubled():
    """An item too many puts keys and values in each other's place; a doubled one, back."""
    found, findings = parse_text(b".$PAR.2.A.b.c.SPILL.1,0..5.$CYT.x.d.$TOT.1.")
    assert (found["$PAR"], found["C"], found["$TOT"]) == ("2", "SPILL", "1")
    assert codes(findings) == {"FCS-TEXT-01", "FCS-TEXT-07"}
    assert parse_text(b"/$PAR/2/$COM/$TOT/$TOT/1/")[1] == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("//x/$PAR/1/", {"$PAR": "1"}),
        ("/\0$PAR/1/$TOT/2/", {"\0$PAR": "1", "$TOT": "2"}),
        ("/$P\xc4R/1/$TOT/2/", {"$P\xc4R": "1", "$TOT": "2"}),
        ("/ /1/$TOT/2/", {"$TOT": "2"}),
        ("/A\nB/1/$TOT/2/", {"A\nB": "1", "$TOT": "2"}),
    ],
)
def test_a_key_that_is_none_is_a_finding(text, kept):
    found, findings = parse_text(text.encode("latin-1"))
    assert found == kept
    assert codes(findings) == {"FCS-TEXT-10"}


def test_a_last_key_without_a_value_is_for_review():
    found, findings = parse_text(b"/$PAR/1/$P1G/")
    assert found == {"$PAR": "1"}
    assert [str(item)[:20] for item in findings] == ["FCS-TEXT-09 (review)"]
    assert parse_text(b"/$PAR/1//")[1] == []


@pytest.mark.parametrize("raw", [b"/A/1/", b"/A/a//b/C//D/ x /E", b"|A|1|  ", b" A 1 B 2 "])
def test_a_segment_is_cut_where_it_is_read(raw):
    cut = cut_text(raw)
    pieces = [raw[slice(*span)].decode() for pair in cut.spans for span in pair]
    assert pieces[: len(cut.items)] == cut.items
    assert pieces[len(cut.items) :] in ([], [""])
    keys = [raw[slice(*key)].decode().strip() for key, _ in cut.spans]
    pairs = dict(zip(keys, map(str.strip, cut.values), strict=False))
    assert pairs == parse_text(raw)[0]


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


def supplemented(extra, **changes):
    """Return a file with DATA behind TEXT, and supplemental TEXT at byte 1000."""
    rows, kinds = [[1.0, 2.0]], ("F32", "F32")
    where = {"$BEGINSTEXT": "1000", "$ENDSTEXT": str(999 + len(extra))}
    pairs = {**keywords(1, kinds), **where, **changes}
    text, data = text_segment(list(pairs.items())), pack(rows, kinds)
    first = HEADER_SIZE + len(text)
    head = header((HEADER_SIZE, first - 1), (first, first + len(data) - 1))
    return (head + text + data).ljust(1000, b" ") + extra


def test_supplemental_text_is_read_and_the_primary_text_goes_first(write):
    sample = read_fcs(write(supplemented(text_segment([("$P2S", "CD19"), ("$PAR", "7")]))))
    assert sample.markers == ("", "CD19")
    assert sample.events().tolist() == [[1.0, 2.0]]
    told = [item for item in sample.findings if item.code.startswith("FCS-TEXT")]
    assert [item.code for item in told] == ["FCS-TEXT-03"]
    assert told[0].message.endswith("first kept (1 keywords of supplemental TEXT)")


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (b"/$P2S/CD19/$P1S/", "FCS-TEXT-09"),
        (b"/$P2S/CD19/\0X/y/", "FCS-TEXT-10"),
        (b"/$P2S/CD19/A/1/A/2/", "FCS-TEXT-03"),
        (b"/$P2S/CD19/A//B/2/", "FCS-TEXT-01"),
        (b"/$P2S/CD19", "FCS-TEXT-02"),
    ],
)
def test_what_is_odd_about_supplemental_text_is_told(write, extra, code):
    sample = read_fcs(write(supplemented(extra)))
    assert sample.markers == ("", "CD19")
    assert {item for item in codes(sample) if item.startswith("FCS-TEXT")} == {code}


def test_supplemental_text_that_may_have_lost_a_keyword_is_refused(write):
    with pytest.raises(FcsError, match="one way only"):
        read_fcs(write(supplemented(b"/A/x//SPILL/2,FL1,FL2,1,0,0,1/")))


@pytest.mark.parametrize(
    ("extra", "is_text"),
    [
        (b"|$P2S|CD19|", True), (b"/$P2S/CD19/", True), (b"|$P2S|CD19", False),
        (b"|$P2S|CD19|\0|x|", False), (b"P$P2SPCD19P", False),
        (b"PK\3\4 a K b PP c P" + bytes(range(40)), False), (b"x", False),
    ],
)  # fmt: skip
def test_what_is_no_supplemental_text_is_passed_over(write, extra, is_text):
    sample = read_fcs(write(supplemented(extra)))
    assert sample.markers == (("", "CD19") if is_text else ("", ""))
    assert ("FCS-TEXT-05" in codes(sample)) is not is_text
    assert set(sample.keywords) >= {"$PAR", "$BEGINSTEXT"}
    assert all(key.isascii() for key in sample.keywords)


@pytest.mark.parametrize(
    "where",
    [("1000", None), (None, "1010"), ("1000", "0"), ("0", "1010"), ("1010", "1000"),
     ("1", "57"), ("100", "300"), ("58", "90")],
)  # fmt: skip
def test_a_place_of_supplemental_text_that_cannot_be_is_a_finding(write, where):
    given = {k: v for k, v in zip(("$BEGINSTEXT", "$ENDSTEXT"), where, strict=True) if v}
    sample = read_fcs(write(make_fcs(changes=given)))
    assert "FCS-TEXT-05" in codes(sample)


def test_supplemental_text_over_data_is_refused(write):
    """Whatever of it is events, it reads as keywords."""
    extra = text_segment([("$P2S", "CD19"), ("X", "y" * 30)])
    shared = supplemented(extra, **{"$BEGINDATA": "1020", "$ENDDATA": "1027"})
    with pytest.raises(FcsError, match="and DATA are given the same bytes") as refused:
        read_fcs(write(shared))
    assert refused.value.code == "FCS-AGREE"


@pytest.mark.parametrize("short_by", range(1, 35))
def test_supplemental_text_that_goes_on_behind_its_end_is_read_whole(write, short_by):
    extra = text_segment([("$P2S", "CD19"), ("ZZ1", "a value"), ("ZZ2", "1\n2"), ("ZZ3", "3")])
    whole = supplemented(extra)
    end = f"/$ENDSTEXT/{999 + len(extra)}/".encode()
    assert whole.count(end) == 1
    sample = read_fcs(
        write(whole.replace(end, b"/$ENDSTEXT/%d/" % (999 + len(extra) - short_by)))
    )
    assert sample.markers == ("", "CD19")
    assert [sample.keywords[f"ZZ{n}"] for n in (1, 2, 3)] == ["a value", "1\n2", "3"]
    told = {item.code: item.severity.value for item in sample.findings}
    expected = ("FCS-TEXT-06", "review") if short_by > 1 else ("FCS-TEXT-11", "info")
    assert expected in told.items()


@pytest.mark.parametrize("where", [("500000", "600000"), ("x", "y")])
def test_supplemental_text_that_cannot_be_read_is_a_finding(read, where):
    sample = read(changes={"$BEGINSTEXT": where[0], "$ENDSTEXT": where[1]})
    assert "FCS-TEXT-05" in codes(sample)


def test_too_long_a_text_is_refused_with_the_limit(write):
    long = make_fcs(changes={"$COM": "x" * (16 << 20)})
    with pytest.raises(FcsError, match=r"of 1677\d{4} bytes, expected at most 16777216 \(16"):
        read_fcs(write(long))
    assert read_fcs(write(make_fcs(changes={"$COM": "x" * (15 << 20)}))).n_events == 3


def test_data_before_the_last_delimiter_of_text_are_refused_with_both_places(write):
    rows = [[n, 2 * n] for n in range(50, 120)]
    whole = make_fcs(rows, ("I16", "I16"), shift=(-1, -1), shift_text=(-1, -1))
    end = int(whole[18:26])
    with pytest.raises(FcsError, match=rf"begin at byte {end}, and .* TEXT is byte {end};"):
        read_fcs(write(whole))


@pytest.mark.parametrize("key", ["$P1G", "$p1e", "SPILL", "TRANSFORMATION", "$TOT", "$P2N"])
def test_a_keyword_in_the_place_of_a_value_is_for_review(key):
    """Two delimiters that are not doubled: keys and values change places between them."""
    found, findings = parse_text(f"/$PAR/2/$P1S/a/b/{key}/10/$P2S/c/d/$TOT/1/".encode())
    assert (found["$P1S"], found["B"]) == ("a", key)
    assert [item.code for item in findings] == ["FCS-TEXT-07"]


@pytest.mark.parametrize(
    ("text", "is_odd"),
    [
        ("/$COM/$PAR/$PAR/2/", False), ("/NOTE/$PAR/$PAR/2/", True),
        ("/$COM/$PAR/$TOT/2/", True), ("/$COM/$PAR$TOT/SPILLED/no/", False),
        ("/$COM/spill the beans/", False), ("/$COM/$5/$OP/$$$/", False),
    ],
)  # fmt: skip
def test_a_comment_may_name_a_keyword_that_stands_elsewhere(text, is_odd):
    assert codes(parse_text(text.encode())[1]) == ({"FCS-TEXT-07"} if is_odd else set())


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
    text = b"/" + b"".join(b"$P%dS//A/b//c///" % n for n in range(60_000))
    assert parse_text(text)[0]["$P7S"] == ""
    with pytest.raises(FcsError, match="no keywords"):
        parse_text(b"/" * 1_000_000 + b"x")
    assert time.perf_counter() - start < 5


plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
# a sequence of delimiters and letters, as hard as it gets
hard = st.text(st.sampled_from("/|!ab"), max_size=9)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    pairs=st.dictionaries(plain.map(str.upper), plain | hard, min_size=1, max_size=8),
    delimiter=st.sampled_from("/|\\!\x0c~"),
)
def test_what_was_written_is_read_back_with_empty_values_and_all_delimiters(pairs, delimiter):
    # a delimiter within a key looks like an empty value, which is far more common
    safe = {key: value for key, value in pairs.items() if delimiter not in key}
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
    told = {item.code: item.severity.value for item in sample.findings}
    expected = ("FCS-TEXT-06", "review") if short_by > 1 else ("FCS-TEXT-11", "info")
    assert expected in told.items()
