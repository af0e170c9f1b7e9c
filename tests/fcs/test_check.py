"""Whole or not, copies or not: what a folder of files is worth before anybody uses it."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from build import make_fcs

from flowml.findings import Finding, Severity
from flowml.reports.check import (
    COPY_CODE,
    FileCheck,
    Status,
    check_csv,
    check_document,
    check_file,
    check_text,
    is_wrong,
    summary,
    with_copies,
)
from flowml.reports.results import json_text

PLAIN = [[1.5, 2.5], [3.5, 4.5], [5.5, -6.5]]
OTHER = [[1.5, 2.5], [3.5, 4.5], [5.5, -6.25]]


def checked(tmp_path, **files):
    """Write files and check them; their names are the keywords."""
    checks = []
    for name, raw in files.items():
        path = tmp_path / f"{name}.fcs"
        path.write_bytes(raw)
        checks.append(check_file((path, path.name)))
    return with_copies(checks)


def codes(item):
    return [finding.code for finding in item.findings]


def test_a_whole_file_is_intact(tmp_path):
    (item,) = checked(tmp_path, a=make_fcs())
    assert (item.status, item.n_events, item.n_channels) == (Status.INTACT, 3, 2)
    assert (item.n_datasets, item.error) == (1, "")
    assert not is_wrong([item], strict=True)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "FCS-HEADER"),
        (b"Dear colleague", "FCS-HEADER"),
        (make_fcs()[:-1], "FCS-AGREE"),
        (make_fcs(changes={"$TOT": "4"}), "FCS-AGREE"),
        (make_fcs(changes={"$PAR": None}), "FCS-KEY"),
        (make_fcs(changes={"$MODE": "C"}), "FCS-MODE"),
    ],
)
def test_a_damaged_file_cannot_be_used(tmp_path, raw, code):
    (item,) = checked(tmp_path, a=raw)
    assert (item.status, item.code) == (Status.UNUSABLE, code)
    assert item.error
    assert is_wrong([item])


def test_every_data_set_must_be_whole(tmp_path):
    first = make_fcs(changes={"$NEXTDATA": "1000"}).ljust(1000, b"\0")
    last = make_fcs(OTHER)
    two, three, cut_two, cut_three = checked(
        tmp_path, a=first + last, b=first * 2 + last, c=first + last[:-1],
        d=first * 2 + last[:-1],
    )  # fmt: skip
    assert [(item.n_datasets, item.error) for item in (two, three)] == [(2, ""), (3, "")]
    assert {item.status for item in (cut_two, cut_three)} == {Status.UNUSABLE}
    assert "data set 2" in cut_two.error
    assert cut_three.error.startswith("data set 3: the events need 24 bytes")


def test_a_next_data_set_that_is_none_does_no_harm(tmp_path):
    (item,) = checked(tmp_path, a=make_fcs(changes={"$NEXTDATA": "123456"}))
    assert (item.n_datasets, item.error) == (1, "")


def test_nan_is_seen_only_where_the_events_are_read(tmp_path):
    path = tmp_path / "a.fcs"
    path.write_bytes(make_fcs([[1.0, float("nan")]]))
    assert "FCS-VALUE-01" not in codes(check_file((path, "a")))
    assert "FCS-VALUE-01" in codes(check_file((path, "a"), values=True))


# --- copies ------------------------------------------------------------------------------


def test_copies_are_found_whatever_their_keywords_say(tmp_path):
    named = make_fcs(changes={"$FIL": "another name.fcs", "$CYT": "FACS"})
    found = checked(tmp_path, a=make_fcs(), b=named, c=make_fcs(OTHER), d=make_fcs())
    assert [COPY_CODE in codes(item) for item in found] == [True, True, False, True]
    assert "(b.fcs, d.fcs)" in found[0].findings[-1].message
    assert found[0].findings[-1].severity is Severity.REVIEW
    assert is_wrong(found)


def test_files_that_differ_in_one_value_anywhere_are_no_copies(tmp_path):
    values = np.arange(40_000, dtype=float).reshape(-1, 2)
    for place in (0, 5_001, 9_999, 12_345, 19_999):
        changed = values.copy()
        changed[place, 1] += 1
        one, two = checked(tmp_path, a=make_fcs(values), b=make_fcs(changed))
        assert (codes(one), codes(two)) == (["SPILL-NONE"], ["SPILL-NONE"])
    one, two = checked(tmp_path, a=make_fcs(values), b=make_fcs(values))
    assert COPY_CODE in codes(one)


def test_files_without_events_and_broken_files_are_no_copies(tmp_path):
    empty, broken = make_fcs([], header_data=(0, 0)), make_fcs()[:-1]
    found = checked(tmp_path, a=empty, b=empty, c=broken, d=broken)
    assert not [item for item in found if COPY_CODE in codes(item)]


def test_a_file_that_vanishes_meanwhile_is_a_copy_of_nothing(tmp_path):
    first, second = checked(tmp_path, a=make_fcs(), b=make_fcs())
    (tmp_path / "b.fcs").unlink()
    plain = [check_file((tmp_path / "a.fcs", "a.fcs")), second]
    assert with_copies(plain)[0].findings == plain[0].findings
    assert COPY_CODE in codes(first)


def test_many_copies_are_named_in_short(tmp_path):
    found = checked(tmp_path, **{name: make_fcs() for name in "abcdefg"})
    assert found[0].findings[-1].message.endswith("(b.fcs, c.fcs, d.fcs and 3 more)")


# --- what is said ------------------------------------------------------------------------


def made(tmp_path, name, *severities, error=""):
    findings = tuple(Finding(f"X-{s.value}", f"about {s.value}", s) for s in severities)
    code = "FCS-AGREE" if error else ""
    return FileCheck(name, tmp_path / name, error, code, 9, 2, 1, findings)


@pytest.mark.parametrize(
    ("severity", "status", "wrong", "strictly"),
    [
        (Severity.INFO, Status.INTACT, False, False),
        (Severity.WARN, Status.LOOK, False, True),
        (Severity.REVIEW, Status.LOOK, True, True),
        (Severity.FAIL, Status.LOOK, True, True),
    ],
)
def test_what_is_wrong_and_what_is_not(tmp_path, severity, status, wrong, strictly):
    item = made(tmp_path, "a", severity)
    assert item.status is status
    assert is_wrong([item]) is wrong
    assert is_wrong([item], strict=True) is strictly


def test_the_text_names_what_there_is_to_say(tmp_path):
    checks = [
        made(tmp_path, "fine", Severity.INFO),
        made(tmp_path, "odd\x1b[31m", Severity.WARN, Severity.INFO),
        made(tmp_path, "cut", error="it is cut"),
    ]
    text = check_text(checks)
    said = ["odd?[31m: X-warn", "cut: cannot be used (FCS-AGREE): it is cut"]
    assert text.splitlines()[:2] == said
    assert text.endswith(summary(checks))
    assert (
        summary(checks)
        == "3 files: nothing odd about 1, 1 with findings to look at, 1 cannot be used"
    )
    table = [line.split()[:3] for line in text.splitlines()[3:-2]]
    assert table == [
        ["code", "severity", "files"], ["FCS-AGREE", "refused", "1"], ["X-warn", "warn", "1"]
    ]  # fmt: skip
    told = check_text(checks, verbose=True)
    assert "fine: intact, 9 events x 2 channels; X-info" in told
    assert "odd?[31m: 9 events x 2 channels; X-warn, X-info" in told
    assert "X-info     info      2" in told


def test_nothing_to_say_is_one_line(tmp_path):
    checks = [made(tmp_path, "a"), made(tmp_path, "b", Severity.INFO)]
    assert check_text(checks) == summary(checks)


def test_csv_and_json_have_every_file(tmp_path):
    checks = [made(tmp_path, "=a", Severity.WARN), made(tmp_path, "cut", error="it is cut")]
    rows = list(csv.DictReader(io.StringIO(check_csv(checks))))
    assert [(r["file"], r["status"], r["findings"], r["code"]) for r in rows] == [
        ("'=a", "findings to look at", "X-warn", ""), ("cut", "cannot be used", "", "FCS-AGREE")
    ]  # fmt: skip
    document = json.loads(json_text(check_document(checks)))
    assert document["summary"] == {
        "intact": 0, "findings to look at": 1, "cannot be used": 1
    }  # fmt: skip
    assert document["files"][0]["findings"] == [
        {"code": "X-warn", "severity": "warn", "message": "about warn"}
    ]


def test_no_keyword_is_shown(tmp_path):
    secret = {"$FIL": "Mustermann.fcs", "PATIENT ID": "Mustermann", "$SRC": "Mustermann"}
    found = checked(tmp_path, a=make_fcs(changes=secret), b=make_fcs(changes=secret))
    shown = check_text(found, verbose=True) + check_csv(found) + repr(check_document(found))
    assert "Mustermann" not in shown
