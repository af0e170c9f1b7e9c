"""Copies hold the same measurement, and nothing of what names a patient."""

from __future__ import annotations

import json
import os
import unicodedata
import warnings
from pathlib import Path

import flowio
import flowkit
import numpy as np
import pytest
from build import header, keywords, make_fcs, pack, text_segment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowml.cases import find_files
from flowml.errors import FcsError, OutputError
from flowml.fcs import read_fcs, write_fcs
from flowml.fcs.allowed import Kind, is_fit, is_technical, kind_of
from flowml.fcs.chain import walk
from flowml.fcs.deidentify import CopyExistsError, deidentify_fcs, plan, proof

SECRET = "MUELLER, Anna 1962"  # noqa: S105 - a name
ROWS = [[1.5, 2.5], [3.5, 4.5], [5.5, -6.5]]


@pytest.fixture
def deidentify(write, tmp_path):
    """Return a function that writes a file, copies it, and gives original, copy and record."""

    def run(content=None, *, keep_dates=False, **how):
        original = write(content, **how)
        copy = tmp_path / "copies" / "b.fcs"
        record = deidentify_fcs(original, copy, keep_dates=keep_dates, overwrite=True)
        return original.read_bytes(), copy.read_bytes(), record

    return run


def _keywords(content, tmp_path):
    place = tmp_path / "k.fcs"
    place.write_bytes(content)
    return read_fcs(place, dataset=1).keywords


def coulter_pair(secret=SECRET):
    """Return two data sets with TEXT before and behind DATA, a blob and junk between them."""
    names = {"$P1N": "FS Lin", "$P2N": "FL1 Log", "$P2S": "CD19", "$P2E": "4.0,0.1024"}
    common = {"@SAMPLEID1": secret, "$DFC1TO1": "0"}
    blob = f"[Protocol]\r\nPatient={secret}\r\n".encode().ljust(400, b"\0")
    rows = [[10 * i % 1024, i % 1024] for i in range(60)]
    first_data = pack(rows, ["I16", "I16"])
    pairs = {**keywords(60, ["I16", "I16"], ranges=["1024", "1024"]), **names, **common}
    pairs |= {"$FIL": secret, "@ACQUISITION PROTOCOL OFFSET": "700"}
    begin = 256 + 1000
    pairs["$NEXTDATA"] = str(begin + len(first_data) + len(blob))
    text = text_segment([*pairs.items()], "\\").ljust(1000, b" ")
    first = header((256, 256 + len(text) - 1), (begin, begin + len(first_data) - 1), "FCS2.0")
    first = first.ljust(256, b" ") + text + first_data + blob
    second_data = pack([[a * 1024, b * 1024] for a, b in rows], ["I32", "I32"])
    more = keywords(60, ["I32", "I32"], ranges=["1048576", "1048576"])
    more |= {"$P1N": "FS", "$P2N": "FL1", "@SAMPLEID1": secret, "@BARCODE": "4711471147"}
    more |= {"$BEGINDATA": "58", "$ENDDATA": str(57 + len(second_data))}
    tail = text_segment([*more.items()], "\\")
    ends = (58 + len(second_data), 57 + len(second_data) + len(tail))
    second = header(ends, (58, 57 + len(second_data)), "FCS3.0") + second_data + tail
    return first + second + b"\0" * 90 + secret.encode()


def test_keywords_outside_the_list_are_blanked_and_nothing_moves(deidentify, tmp_path):
    changes = {"$OP": SECRET, "$FIL": "mueller.fcs", f"PATIENT {SECRET}": "yes", "$P1S": "CD19"}
    old, new, record = deidentify(changes=changes)
    assert len(new) == len(old)
    assert SECRET.encode() not in new
    assert b"mueller" not in new
    kept, before = (_keywords(content, tmp_path) for content in (new, old))
    assert kept["$P1S"] == "CD19"
    assert kept["$OP"] == kept["$FIL"] == ""
    assert {key: before[key] for key in record.kept} == {key: kept[key] for key in record.kept}
    assert {"$PAR", "$TOT", "$P2N", "$P1S"} <= set(record.kept)
    assert record.n_blanked == 3
    changed = {i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b}
    assert len(changed) <= len(f"{SECRET}mueller.fcsPATIENT {SECRET}yes")


def test_events_are_the_same_bytes(deidentify):
    old, new, _ = deidentify(changes={"$OP": SECRET}, gap=40, tail=b"00000000")
    data = pack(ROWS, ["F32", "F32"])
    assert old.index(data) == new.index(data)


def test_a_copy_of_a_copy_is_the_copy(deidentify):
    _, once, _ = deidentify(changes={"$OP": SECRET, "PATIENT": SECRET}, tail=b"junk" * 9)
    _, twice, record = deidentify(once)
    assert once == twice
    assert record.n_blanked == record.n_bytes_cleared == 0


@pytest.mark.parametrize(
    "delimiter", ["/", "|", "\\", "*", "!", "\x0c", "\t", " ", "_", "X", "0"]
)
def test_any_delimiter(deidentify, tmp_path, delimiter):
    plain = {"$OP": "Mueller", "PATIENT": "Anna", "ID": "ab", "A": "z"}
    if delimiter == "0":  # which occurs in numbers, and would be doubled there
        plain |= {"$P1R": "262144", "$P2R": "262144"}
    old, new, _ = deidentify(changes=plain, delimiter=delimiter)
    assert b"Mueller" not in new
    assert b"PATIENT" not in new
    assert _keywords(new, tmp_path)["$TOT"] == _keywords(old, tmp_path)["$TOT"]


def test_empty_values_and_escaped_delimiters(deidentify, tmp_path):
    pairs = [*keywords(3, ["F32", "F32"]).items(), ("$OP", ""), ("$EXP", ""), ("TUBE NAME", "")]
    begin = {"$BEGINDATA": "00000600", "$ENDDATA": "00000623"}
    text = "/" + "".join(f"{k}/{v}/" for k, v in [*pairs, *begin.items(), ("$SMNO", SECRET)])
    content = header((58, 57 + len(text)), (600, 623)) + text.encode().ljust(542)
    _, new, _ = deidentify(content + pack(ROWS, ["F32", "F32"]))
    assert b"//$EXP//" in new
    assert SECRET.encode() not in new
    assert _keywords(new, tmp_path)["$TOT"] == "3"
    _, new, _ = deidentify(changes={"$COM": "Anna/Mueller//Dr", "$P1S": "CD3/CD4"})
    assert b"CD3//CD4" in new
    assert b"Mueller" not in new


def test_the_first_of_two_readings_is_the_readers(deidentify, tmp_path):
    _, new, _ = deidentify(changes={"$P1S": "CD3", "MUELLER/ANNA": "CD4/8"})
    assert b"MUELLER" not in new
    assert b"ANNA" not in new
    assert _keywords(new, tmp_path)["$P1S"] == "CD3"


def test_text_without_its_final_delimiter_and_with_a_key_that_has_no_value(deidentify):
    pairs = "".join(f"{k}/{v}/" for k, v in keywords(3, ["F32", "F32"]).items())
    pairs += "$BEGINDATA/600/$ENDDATA/623/"
    for end in (f"$OP/{SECRET}", SECRET):
        text = f"/{pairs}{end}".encode()
        content = header((58, 57 + len(text)), (600, 623)) + text.ljust(542)
        _, new, _ = deidentify(content + pack(ROWS, ["F32", "F32"]))
        assert SECRET.encode() not in new
        assert b"$OP" not in new or new[: len(text) + 58].endswith(b" /")


def test_text_that_goes_on_behind_its_end(deidentify, tmp_path):
    pairs = "".join(f"{k}/{v}/" for k, v in keywords(3, ["F32", "F32"]).items() if k != "$TOT")
    text = f"/{pairs}$BEGINDATA/600/$ENDDATA/623/$OP/{SECRET}/$TOT/3/".encode()
    early = text.index(SECRET.encode()) + 7
    content = header((58, 57 + early), (600, 623)) + text.ljust(542)
    _, new, _ = deidentify(content + pack(ROWS, ["F32", "F32"]))
    assert SECRET[:7].encode() not in new
    assert SECRET[8:].encode() not in new
    assert _keywords(new, tmp_path)["$TOT"] == "3"


def test_supplemental_text_is_cleaned_too(deidentify):
    extra = text_segment([("PATIENT", SECRET), ("$P1S", "CD5"), ("$OP", "Schulze")])
    whole = make_fcs(changes={"$BEGINSTEXT": "00000900", "$ENDSTEXT": f"{899 + len(extra):08}"})
    old, new, _ = deidentify(whole.ljust(900) + extra)
    assert b"CD5" in new
    assert SECRET.encode() in old
    assert b"Schulze" not in new
    assert SECRET.encode() not in new


def test_gaps_headers_analysis_and_tails_are_cleared(deidentify):
    plain = make_fcs(gap=100, tail=SECRET.encode() * 3, changes={"$OP": "x"})
    begin = plain.index(b"\0" * 100)
    old = bytearray(plain)
    old[begin : begin + 60] = b"/GATE/" + SECRET.encode().ljust(53) + b"/"
    old[6:10] = b"ANNA"
    old[42:58] = f"{begin:>8}{begin + 59:>8}".encode()
    _, new, record = deidentify(bytes(old))
    assert SECRET.encode() not in new
    assert b"ANNA" not in new
    assert new[begin : begin + 60].startswith(b"/X/ ")
    assert new[begin + 59 : begin + 60] == b"/"
    assert record.n_bytes_cleared == 3 * len(SECRET) - 8  # eight in the place of a CRC
    old[42:58] = b"MUELLER ANNA M. "
    assert b"MUELLER" not in deidentify(bytes(old))[1]


@pytest.mark.parametrize(
    ("version", "tail", "expected"),
    [
        ("FCS3.1", b"00000000", b"00000000"),
        ("FCS3.1", b"19620413", b"00000000"),
        ("FCS3.0", b"    6a3f", b"00000000"),
        ("FCS3.0", b"19620413Anna", b"00000000    "),
        ("FCS3.0", b"Anna", b"    "),
        ("FCS3.0", b"\0" * 9, b"\0" * 9),
        ("FCS2.0", b"19620413", b" " * 8),
    ],
)
def test_a_crc_becomes_not_computed(deidentify, version, tail, expected):
    old, new, _ = deidentify(version=version, tail=tail)
    assert new[len(old) - len(tail) :] == expected


def test_dates_go_unless_they_are_asked_for(deidentify, tmp_path):
    dates = {"$DATE": "13-APR-1962", "$BTIM": "10:20:30.55", "$ETIM": "Anna Mueller"}
    _, new, _ = deidentify(changes=dates)
    assert not any(value.encode() in new for value in dates.values())
    _, new, record = deidentify(changes=dates, keep_dates=True)
    kept = _keywords(new, tmp_path)
    assert (kept["$DATE"], kept["$BTIM"]) == ("13-APR-1962", "10:20:30.55")
    assert kept["$ETIM"] == ""
    assert record.unfit == ("$ETIM",)


def test_technical_values_stay(deidentify, tmp_path):
    technical = {
        "$SPILLOVER": "2,FL1,FL2,1,0.1,0.05,1", "$P1S": "CD45RA/RO", "$P2S": "HLA-DR",
        "$P1V": "450", "$P1G": "1.0", "$P1D": "Logarithmic,4,0.1", "$P1F": "530/30",
        "$CYT": "FACSCanto II", "$TIMESTEP": "0.01", "$VOL": "120.5", "$P1L": "488",
        "APPLY COMPENSATION": "TRUE", "P1DISPLAY": "LOG", "LASER1NAME": "Blue",
        "CREATOR": "BD FACSDiva Software Version 8.0.1", "FLOWML_SIMULATED": "yes",
        "FLOWCORE_$P1RMAX": "262144", "TRANSFORMATION": "applied", "$DFC1TO2": "0.5",
    }  # fmt: skip
    _, new, record = deidentify(changes=technical)
    kept = _keywords(new, tmp_path)
    assert {key: kept[key] for key in technical} == technical
    assert record.unfit == ()
    assert ("$P1S", "CD45RA/RO") in {(item.keyword, item.text) for item in record.texts}


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("CD19 4711471", "number"),
        ("CD19 13.04.1962", "date"),
        ("anna@example.org", "address"),
        ("x" * 61 + "y", "length"),
        ("cd19 schulze", "repeated"),
    ],
)
def test_a_label_that_may_name_a_patient_is_blanked_and_reported(deidentify, label, why):
    assert why
    old, new, record = deidentify(changes={"$P1S": label, "$SRC": "Schulze", "$P2S": "CD19"})
    assert label.encode() in old
    assert label.encode() not in new
    assert record.unfit == ("$P1S",)
    assert b"/$P2S/CD19/" in new


def test_a_label_that_is_a_marker_stays_although_a_removed_keyword_says_it_too(deidentify):
    _, new, record = deidentify(
        changes={"$P1S": "CD19 PE", "$CELLS": "CD19", "#P1LABEL": "GFP"}
    )
    assert b"/$P1S/CD19 PE/" in new
    assert record.unfit == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"$P1N": "Mueller FL1", "$SRC": "Mueller"},
        {"$P1N": "FL1 4711471"},
        {"SPILL": "2,FL1,13.04.1962,1,0,0,1"},
    ],
)
def test_a_channel_that_names_a_patient_is_refused(write, tmp_path, changes):
    copy = tmp_path / "copy.fcs"
    with pytest.raises(FcsError, match="Rename the channel") as caught:
        deidentify_fcs(write(changes=changes), copy)
    assert caught.value.code == "FCS-COPY"
    assert not copy.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fcs"]


@pytest.mark.parametrize(
    "content",
    [
        make_fcs()[:-1],
        make_fcs(changes={"$MODE": "C"}),
        b"PNG" * 100,
        b"",
        coulter_pair()[:-600],
        make_fcs(changes={"$COM": "/" * 300_000}),
    ],
)
def test_what_cannot_be_read_gets_no_copy(write, tmp_path, content):
    copy = tmp_path / "copy.fcs"
    with pytest.raises(FcsError):
        deidentify_fcs(write(content), copy)
    assert not copy.exists()


def test_segments_that_share_bytes_are_refused(write, tmp_path):
    extra = b"/$P2S/CD19/"
    rows = [[1.0, float(np.frombuffer(b"xyz" + extra[:1], "<f4")[0])]]
    content = make_fcs(rows, changes={"$BEGINSTEXT": "00000000", "$ENDSTEXT": "00000000"})
    for key, place in (("$BEGINSTEXT", -1), ("$ENDSTEXT", len(extra) - 2)):
        zeros, begin = f"/{key}/{0:08}/", len(content)
        content = content.replace(zeros.encode(), f"/{key}/{begin + place:08}/".encode())
    original = write(content + extra[1:])
    assert read_fcs(original).markers == ("", "CD19")  # one byte may be a wrong end
    with pytest.raises(FcsError, match="two segments hold the same bytes"):
        deidentify_fcs(original, tmp_path / "copy.fcs")


def test_supplemental_text_that_is_none_is_cleared(deidentify, tmp_path):
    blob = b"PK\x03\x04" + SECRET.encode() + bytes(40)
    begin = len(make_fcs(changes={"$BEGINSTEXT": "0" * 8, "$ENDSTEXT": "0" * 8}))
    where = {"$BEGINSTEXT": f"{begin:08}", "$ENDSTEXT": f"{begin + len(blob) - 1:08}"}
    _, new, _ = deidentify(changes=where, tail=blob)
    assert SECRET.encode() not in new
    assert _keywords(new, tmp_path)["$TOT"] == "3"


def test_nothing_is_overwritten(write, tmp_path):
    original = write(changes={"$OP": SECRET})
    before = original.read_bytes()
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="is the original"):
            deidentify_fcs(original, original, overwrite=overwrite)
    copy = tmp_path / "copy.fcs"
    copy.write_bytes(b"mine")
    with pytest.raises(CopyExistsError, match="is there already"):
        deidentify_fcs(original, copy)
    assert (original.read_bytes(), copy.read_bytes()) == (before, b"mine")
    deidentify_fcs(original, copy, overwrite=True)
    assert copy.stat().st_size == len(before)


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.fcs")
    with pytest.raises(FcsError, match="not a regular file"):
        deidentify_fcs(tmp_path / "a.fcs", tmp_path / "b.fcs")


def test_a_pair_of_data_sets_is_cleaned_in_both(deidentify, tmp_path):
    old, new, record = deidentify(coulter_pair())
    assert record.n_datasets == 2
    assert old.count(SECRET.encode()) == 5
    assert SECRET.encode() not in new
    assert b"4711471147" not in new
    for name, content in (("old.fcs", old), ("new.fcs", new)):
        (tmp_path / name).write_bytes(content)
    for dataset in ("auto", 1, 2):
        one, two = (read_fcs(tmp_path / n, dataset=dataset) for n in ("old.fcs", "new.fcs"))
        assert one.channels == two.channels
        np.testing.assert_array_equal(one.stored, two.stored)


def test_damage_to_a_copy_is_noticed(write, tmp_path, monkeypatch):
    """The check is not made by the code that writes."""
    original = write(changes={"$OP": SECRET, "$P1S": "CD19"}, gap=20)

    def leaky(raw, *_how):
        return raw

    monkeypatch.setattr(plan, "blanked", leaky)
    with pytest.raises(FcsError, match="removed value") as caught:
        deidentify_fcs(original, tmp_path / "copy.fcs")
    assert caught.value.code == "FCS-COPY"
    assert not (tmp_path / "copy.fcs").exists()


def test_lost_keywords_are_noticed(write, tmp_path, monkeypatch):
    original = write(changes={"$SPILLOVER": "2,FL1,FL2,1,0.1,0,1"})
    real = plan.find_pairs

    def greedy(raw, n_channels, **how):
        pairs = real(raw, n_channels, **how)
        drop = {"$SPILLOVER": False}
        return [plan.replace(p, stays=drop.get(p.name, p.stays), kind=p.kind and Kind.WORD)
                for p in pairs]  # fmt: skip

    monkeypatch.setattr(plan, "find_pairs", greedy)
    with pytest.raises(FcsError, match="reads otherwise than the original"):
        deidentify_fcs(original, tmp_path / "copy.fcs")


def test_changed_events_are_noticed(write, tmp_path):
    original, copy = write(), tmp_path / "copy.fcs"
    content = bytearray(original.read_bytes())
    with original.open("rb") as stream:
        made = plan.make_plan(stream, keep_dates=False)
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(FcsError, match="events are not those"):
        proof.check_copy(original, copy, made, keep_dates=False)


WORDS = st.text(
    st.characters(codec="latin-1", min_codepoint=33, exclude_characters="/_X"), min_size=6
).map(lambda text: f"Q{text.strip()}ueller")


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    secret=WORDS,
    key=st.sampled_from(["$OP", "$P1S", "$P1V", "$CYT", "$DATE", "NOTE", "$P9S", "$VOL", None]),
    place=st.sampled_from(["value", "gap", "tail", "twice"]),
    delimiter=st.sampled_from("/|\\\x0c"),
)
def test_a_planted_secret_never_survives(write, tmp_path, secret, key, place, delimiter):
    """Anywhere but in a label or name by itself, where only a person can tell."""
    secret = secret.replace(delimiter, "")
    changes = {"$OP": secret, "$P2S": "CD19"}
    if place in {"value", "twice"}:
        changes[key or f"ID {secret}"] = secret
    raw = secret.encode()
    content = bytearray(
        make_fcs(
            changes=changes, delimiter=delimiter, gap=len(raw) + 9,
            tail=raw if place == "tail" else b"",
        )
    )  # fmt: skip
    if place == "gap":
        begin = content.index(b"\0" * (len(raw) + 9))
        content[begin + 4 : begin + 4 + len(raw)] = raw
    original, copy = write(bytes(content)), tmp_path / "copy.fcs"
    copy.unlink(missing_ok=True)
    try:
        read_fcs(original)
    except FcsError:
        return
    deidentify_fcs(original, copy)
    assert raw not in copy.read_bytes()
    assert copy.stat().st_size == len(content)
    one, two = read_fcs(original), read_fcs(copy)
    np.testing.assert_array_equal(one.stored, two.stored)
    assert one.channel_names == two.channel_names


def test_other_readers_read_the_copy(write, tmp_path):
    changes = {
        "$OP": SECRET, "PATIENT": SECRET, "ID": "4711", "A": "b", "$P1S": "CD19", "$FIL": "x",
        "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0",
        "$DATE": "01-JAN-2020", "$SPILLOVER": "2,FL1,FL2,1,0.1,0,1",
    }  # fmt: skip
    original, copy = write(changes=changes, tail=b"00000000"), tmp_path / "copy.fcs"
    deidentify_fcs(original, copy)
    one, two = flowio.FlowData(str(original)), flowio.FlowData(str(copy))
    assert one.events == two.events
    assert (one.pnn_labels, one.pns_labels) == (two.pnn_labels, two.pns_labels)
    assert two.text["op"].strip() == ""
    sample = flowkit.Sample(str(copy), sample_id="a")
    np.testing.assert_array_equal(sample.get_events(source="raw"), ROWS)
    assert SECRET not in json.dumps(sample.get_metadata())


def test_what_we_write_stays_as_it_is(write, tmp_path):
    ours, copy = tmp_path / "ours.fcs", tmp_path / "copy.fcs"
    write_fcs(ours, read_fcs(write()), {"FLOWML_SIMULATED": "yes"})
    record = deidentify_fcs(ours, copy)
    assert copy.read_bytes() == ours.read_bytes()
    assert record.n_blanked == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("$P1N", Kind.NAME), ("$P8S", Kind.LABEL), ("$P9S", None), ("$P01S", None),
        ("$P1MUELLER", None), ("P1N", None), ("$SPILL", Kind.MATRIX), ("SPILL MUELLER", None),
        ("$DFC1TO12", Kind.NUMBERS), ("$DFC1TO1962", None), ("LASER1NAME", Kind.LABEL),
        ("FLOWML_MUELLER", None), ("FLOWCORE_$P1RMAX", Kind.NUMBERS), ("$DATE", None),
    ],
)  # fmt: skip
def test_the_list_is_of_exact_names(name, kind):
    assert kind_of(name, 8) is kind


@pytest.mark.parametrize(
    ("value", "kind", "fit"),
    [
        ("1,2,3,4", Kind.NUMBERS, True), ("Mueller", Kind.NUMBERS, False),
        ("LOG", Kind.WORD, True), ("Anna", Kind.WORD, False), ("", Kind.WORD, True),
        ("488/552nm PECy5.5 (710/40)", Kind.LABEL, True), ("CD3\nAnna", Kind.LABEL, False),
        ("2020-03-02T10:20:30Z", Kind.DATE, True), ("March", Kind.DATE, False),
    ],
)  # fmt: skip
def test_values_are_of_their_kind(value, kind, fit):
    assert is_fit(value, kind) is fit


def _real_files(shared_data: Path) -> list[Path]:
    return [*find_files(shared_data / "instruments"), *find_files(shared_data / "aml-fc500")]


def _by_flowio(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sets = flowio.read_multiple_data_sets(path)
        except Exception as error:  # whatever it raises, it shall raise twice
            return type(error).__name__
    return [(item.events, item.pnn_labels) for item in sets]


def test_real_files_read_the_same(shared_data, tmp_path):
    copied, foreign = 0, []
    for original in _real_files(shared_data):
        copy = tmp_path / "copy.fcs"
        try:
            read_fcs(original)
        except FcsError:
            with pytest.raises(FcsError):
                deidentify_fcs(original, copy)
            continue
        try:
            record = deidentify_fcs(original, copy)
        except FcsError as error:
            foreign.append((original.name, error.code))
            continue
        copied += 1
        for dataset in ("auto", *range(1, record.n_datasets + 1)):
            one, two = (read_fcs(path, dataset=dataset) for path in (original, copy))
            assert one.channels == two.channels, original.name
            assert np.array_equal(one.stored, two.stored, equal_nan=True), original.name
        assert _by_flowio(original) == _by_flowio(copy), original.name
        _assert_gone(original, copy)
        copy.unlink()
    assert copied >= 30
    odd = ("flowio__data_st", "flowio__variable_int")  # SPILL names detectors xxxx
    assert all(name.startswith(odd) and code == "FCS-COPY" for name, code in foreign)


def _assert_gone(original, copy):
    """Look for values of the keywords that name someone, in all bytes of the copy."""
    content = copy.read_bytes()
    with original.open("rb") as stream:
        for item in walk(stream, original.stat().st_size):
            for key in ("$FIL", "$OP", "$SMNO", "GUID", "@SAMPLEID1", "@FILEGUID", "$DATE"):
                value = item.keywords.get(key, "").encode()
                assert len(value) < 6 or value not in content or set(value) == {120}, (
                    original.name,
                    key,
                )


@pytest.mark.parametrize(
    "changes",
    [
        {"$SRC": "Mueller Hans", "SPILL": "Mueller Hans"},
        {"SPILL": "2,FL1,Mueller Hans,1,0,0,1"},
        {"$SPILLOVER": "2,FL1,FL2,1,0.1,0,1", "SPILL": "Mueller Hans, geb. Kiel"},
    ],
)
def test_a_matrix_that_names_anything_but_channels_is_refused(write, tmp_path, changes):
    with pytest.raises(FcsError, match="detectors that are no channels") as refused:
        deidentify_fcs(write(changes=changes), tmp_path / "copy.fcs")
    assert refused.value.code == "FCS-COPY"
    assert "Mueller" not in str(refused.value)
    assert not (tmp_path / "copy.fcs").exists()


def test_a_channel_named_like_a_removed_value_is_refused(write, tmp_path):
    changes = {"$SRC": "Mueller Hans", "$P1N": "Mueller Hans"}
    with pytest.raises(FcsError, match="Rename the channel"):
        deidentify_fcs(write(changes=changes), tmp_path / "copy.fcs")


def test_a_channel_that_tables_know_may_be_named_elsewhere(deidentify):
    _, new, _ = deidentify(changes={"$SRC": "FITC-A", "$P1N": "FITC-A"})
    assert b"$P1N/FITC-A/" in new


@pytest.mark.parametrize("label", ["CD3 Schröder", "cd3 SCHRÖDER", "schröder"])
def test_labels_repeat_a_removed_name_in_any_letter_case(deidentify, label):
    _, new, _ = deidentify(changes={"$SRC": "SCHRÖDER", "$P1S": label})
    assert b"CHR" not in new.upper()


COMPOSED = ("NFC", "NFD")


@pytest.mark.parametrize("removed_form", COMPOSED)
@pytest.mark.parametrize("form", COMPOSED)
def test_labels_repeat_a_removed_name_however_accents_are_written(
    deidentify, removed_form, form
):
    removed = unicodedata.normalize(removed_form, "SCHRÖDER  Hans")
    label = unicodedata.normalize(form, "CD3 Schröder hans")
    _, new, record = deidentify(changes={"$SRC": removed, "$P1S": label})
    assert b"hr" not in new
    assert record.unfit == ("$P1S",)


@pytest.mark.parametrize("form", COMPOSED)
def test_channels_repeat_a_removed_name_however_it_is_written(write, tmp_path, form):
    changes = {"$SRC": "SCHRÖDER", "$P1N": unicodedata.normalize(form, "Schröder")}
    with pytest.raises(FcsError, match="Rename the channel") as refused:
        deidentify_fcs(write(changes=changes), tmp_path / "copy.fcs")
    assert "chr" not in str(refused.value).casefold()


def test_a_name_in_few_characters_is_searched_too(deidentify):
    _, new, record = deidentify(changes={"$SRC": "王小明", "$P1S": "CD3 王小明"})
    assert "王小明".encode() not in new
    assert record.unfit == ("$P1S",)


def test_a_channel_named_by_a_removed_number_is_refused(write, tmp_path):
    with pytest.raises(FcsError, match="Rename the channel"):
        deidentify_fcs(write(changes={"$SMNO": "4711", "$P1N": "4711"}), tmp_path / "b.fcs")


def test_names_of_detectors_and_scatter_in_removed_keywords_refuse_no_file(deidentify):
    for name in ("FL1", "FL1-A", "FSC-A", "Time", "B530-A", "CD19", "PE-Cy7-A"):
        _, new, record = deidentify(changes={"$SRC": name, "$P1N": name, "$P1S": name})
        assert f"/$P1N/{name}/".encode() in new
        assert record.unfit == ()


def test_a_matrix_may_name_channels_and_their_numbers(deidentify, tmp_path):
    for matrix in ("2,FL1,FL2,1,0.1,0.05,1", "2,1,2,1,0.1,0.05,1"):
        _, new, _ = deidentify(changes={"$SPILLOVER": matrix, "SPILL": matrix})
        assert _keywords(new, tmp_path)["SPILL"] == matrix


def test_removed_text_is_searched_in_any_letter_case(write, tmp_path, monkeypatch):
    """A copy that holds it in another letter case is no copy, wherever that came from."""
    original = write(changes={"$OP": "SCHRÖDER"})

    def lower(raw, *_how):
        return raw.replace("SCHRÖDER".encode(), "schröder".encode())

    monkeypatch.setattr(plan, "blanked", lower)
    with pytest.raises(FcsError, match="removed value"):
        deidentify_fcs(original, tmp_path / "copy.fcs")


@pytest.mark.parametrize(
    ("name", "value", "technical"),
    [
        ("$P1L", "488", True), ("$P1L", "488,561", True), ("$P1L", "-1", True),
        ("$P1L", "4711", False), ("$P1L", "488 Kiel", False), ("$P1L", "1 2 3 4 5", False),
        ("$P1O", "100mW", True), ("$P1F", "525//50 nm", True), ("$P1F", "NA", True),
        ("$P1S", "488", False), ("$P1S", "NA", False), ("$P1N", "Violet", False),
        ("LASER1NAME", "YellowGreen", True), ("LASER1NAME", "Yellow-Green", True),
        ("LASER1NAME", "Greenberg", False), ("$P1S", "Blue", False),
        ("$CYT", "LSRII", True), ("$CYT", "BD FACSCanto II", True), ("$CYT", "", False),
        ("$CYT", "Cytomics FC 500", True), ("$CYT", "Navios", True),
        ("$CYT", "Aurora", True), ("$CYT", "Aurora Kiel", False), ("$CYT", "Kiel", False),
        ("$CYT", "Aurora 王", False), ("$CYT", "Aurora 1962", False),
        ("$CYT", "MACSQuant VYB,2.5.1345.9863", True), ("$P1S", "Aurora", False),
        ("CREATOR", "BD FACSDiva Software Version 8.0.1", True),
        ("CREATOR", "BD FACSDiva Software", True), ("CREATOR", "CELLQuest\u00aa 3.3", True),
        ("CREATOR", "Mueller 3.3", False), ("FLOWML", "488", False),
    ],
)  # fmt: skip
def test_technical_values_are_known_where_they_belong(name, value, technical):
    assert is_technical(name, value) is technical


def test_digits_of_any_script_are_digits():
    assert not is_fit("CD19 \uff14\uff17\uff11\uff11\uff14", Kind.LABEL)


@pytest.mark.parametrize("secret", ["µeller", "ÿmueller", "王小明", "SCHRÖDER", "ßchulze"])
@pytest.mark.parametrize("code", ["utf-8", "latin-1"])
def test_names_of_keywords_go_in_any_script(deidentify, secret, code):
    raw = secret.encode(code, "replace")
    content = make_fcs(changes={"ID " + "Q" * len(raw): "x", "$OP": "Q" * len(raw)})
    content = content.replace(b"Q" * len(raw), raw)
    _, new, _ = deidentify(content)
    assert raw not in new
