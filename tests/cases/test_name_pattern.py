"""Cases found by a pattern of names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seen import codes, shape

from flowml.cases import find_cases, search_cases
from flowml.cases.entries import Found
from flowml.cases.grouping import EXAMPLE, by_pattern
from flowml.errors import CaseError

ENDINGS = ("fcs", "FCS", "lmd")
PATTERN = r"(?P<case>[^_]+)_(?P<tube>.+)\.(fcs|lmd)"


def test_a_pattern_names_cases_and_tubes(folder):
    root = folder("K1_B.fcs", "K1_T.LMD", "K2_B.FCS", "day/K3_B.fcs")
    cases = find_cases(root, pattern=PATTERN)
    assert shape(cases) == {
        "K1": ["K1_B.fcs", "K1_T.LMD"], "K2": ["K2_B.FCS"], "day/K3": ["day/K3_B.fcs"],
    }  # fmt: skip
    assert [tube.label for tube in cases[0].tubes] == ["B", "T"]


def test_the_tubes_of_a_case_may_lie_in_several_folders(folder):
    root = folder("B/K1.fcs", "T/K1.fcs", "T/K2.fcs")
    cases = find_cases(root, pattern=r"(?P<tube>[BT])/(?P<case>.+)\.fcs")
    assert shape(cases) == {"K1": ["B/K1.fcs", "T/K1.fcs"], "K2": ["T/K2.fcs"]}
    assert [tube.label for tube in cases[0].tubes] == ["B", "T"]


def test_patient_and_other_groups_are_details(folder):
    root = folder("P7-K1_blood_2024-02-01_B.fcs", "P7-K1_blood_2024-02-03_T.fcs")
    (case,) = find_cases(
        root,
        pattern=r"(?P<patient>\w+?)-(?P<case>\w+?)_(?P<specimen>\w+?)_(?P<date>[\d-]+)_"
        r"(?P<tube>.)(?P<note>x)?\.fcs",
    )
    assert dict(case.details) == {"patient_id": "P7", "specimen": "blood", "note": ""}
    assert [dict(tube.details) for tube in case.tubes] == [
        {"date": "2024-02-01"}, {"date": "2024-02-03"},
    ]  # fmt: skip


def test_what_does_not_match_is_told(folder):
    search = search_cases(
        folder("K1_B.fcs", "notes.fcs", "_T.fcs", "sub/x.lmd"),
        pattern=r"(?P<case>[^_]*)_(?P<tube>.+)\.fcs",
    )
    assert shape(search.cases) == {"K1": ["K1_B.fcs"]}
    assert codes(search.findings) == {"FIND-PATTERN": ["_T.fcs", "notes.fcs", "sub/x.lmd"]}
    assert not search.is_incomplete


def test_the_whole_name_must_match(folder):
    root = folder("K1_B.fcs", "K1_B.fcs.old.fcs")
    search = search_cases(root, pattern=r"(?P<case>\w+)_B\.fcs")
    assert codes(search.findings) == {"FIND-PATTERN": ["K1_B.fcs.old.fcs"]}


def test_two_files_of_one_tube_are_told_and_kept(folder):
    search = search_cases(
        folder("1/K1_B.fcs", "2/K1_B.fcs", "K1_T.fcs"),
        pattern=r"(.*/)?(?P<case>\w+)_(?P<tube>.)\.fcs",
    )
    assert shape(search.cases) == {"K1": ["K1_T.fcs", "1/K1_B.fcs", "2/K1_B.fcs"]}
    assert codes(search.findings) == {"FIND-TUBE-TWICE": ["2/K1_B.fcs"]}
    unlabelled = search_cases(folder(), pattern=r"(.*/)?(?P<case>\w+)_.\.fcs")
    assert unlabelled.findings == (), "tubes without a label are told apart by their names"


def test_a_case_of_two_patients_is_refused_without_naming_them(folder):
    root = folder("Meier/K1_B.fcs", "Huber/K1_T.fcs")
    with pytest.raises(CaseError, match=r"other patient_id than before for 'K1'\. A case has"):
        find_cases(root, pattern=r"(?P<patient>.+)/(?P<case>.+)_(?P<tube>.)\.fcs")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<case>[a-z", r"is not a regular expression: unterminated character set.*like"),
        ("(?P<case>a{99999999999})", "is not a regular expression"),
        (r"(?P<Case>.+)\.fcs", r"has no group 'case'; its groups: Case\. Write it like"),
        (r"(.+)_(.+)\.fcs", "has no group 'case'; its groups: none that has a name"),
        (
            r"(?P<case>x+)\.fcs",
            r"no case in any of 4 names, such as 'a\.fcs', 'b\.fcs', 'c\.fcs'\. It must match",
        ),
        ("(?P<case>\x1b[31m", r"'\(\?P<case>\?\[31m' is not"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(folder, pattern, message):
    with pytest.raises(CaseError, match=message):
        find_cases(folder("a.fcs", "b.fcs", "c.fcs", "d.fcs"), pattern=pattern)


def test_a_pattern_stands_alone(folder):
    root = folder("a.fcs")
    (root / "m.csv").write_text("case_id,path\n1,a.fcs\n")
    with pytest.raises(CaseError, match="by folder and by a pattern"):
        find_cases(root, case_per="folder", pattern=PATTERN)
    with pytest.raises(CaseError, match="is a manifest, which names the cases itself"):
        find_cases(root / "m.csv", pattern=PATTERN)


def test_the_example_of_the_messages_works(folder):
    assert shape(find_cases(folder("K1_B.FCS"), pattern=EXAMPLE)) == {"K1": ["K1_B.FCS"]}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([f"{c}_{t}.{e}" for c in "abc" for t in "BT" for e in ENDINGS]))
)
def test_every_file_is_in_one_case_or_told(names):
    """Whatever the names, none is lost; and cases are those of plain splitting."""
    names = list(dict.fromkeys([*names, "odd.fcs", "aa_B.fcs"]))
    cases, findings = by_pattern([Found(n, n) for n in names], PATTERN)
    told = [n for n in names if any(f"({n})" in f.message for f in findings)]
    inside = [tube.name for case in cases for tube in case.tubes]
    doubles = [f for f in findings if f.code == "FIND-TUBE-TWICE"]
    assert sorted(inside) == sorted(set(names) - {"odd.fcs"})
    assert "odd.fcs" in told
    truth = {}
    for name in inside:
        truth.setdefault(name.split("_")[0], []).append(re.split(r"[_.]", name)[1])
    assert {c.case_id: [t.label for t in c.tubes] for c in cases} == truth
    assert len(doubles) == sum(len(t) - len(set(t)) for t in truth.values())
