"""Folders become cases, by file or by folder."""

from __future__ import annotations

import os

import pytest
from seen import shape

from flowml.cases import find_cases, find_files
from flowml.errors import CaseError

LAYOUT = (
    "p1.fcs",
    "p2.FCS",
    "c1/t1.fcs",
    "c1/t2.LMD",
    "c2/day/t1.fcs",
    "notes.txt",
    "c1/x.csv",
)


@pytest.mark.parametrize(
    ("case_per", "expected"),
    [
        ("auto", {"c1": ["c1/t1.fcs", "c1/t2.LMD"], "c2": ["c2/day/t1.fcs"],
                  "p1": ["p1.fcs"], "p2": ["p2.FCS"]}),
        ("file", {"c1/t1": ["c1/t1.fcs"], "c1/t2": ["c1/t2.LMD"],
         "c2/day/t1": ["c2/day/t1.fcs"],
                  "p1": ["p1.fcs"], "p2": ["p2.FCS"]}),
        ("folder", {"c1": ["c1/t1.fcs", "c1/t2.LMD"], "c2/day": ["c2/day/t1.fcs"],
                    "run": ["p1.fcs", "p2.FCS"]}),
    ],
)  # fmt: skip
def test_a_folder_is_grouped_as_asked(folder, case_per, expected):
    assert shape(find_cases(folder(*LAYOUT), case_per=case_per)) == expected


def test_the_order_is_that_of_the_ids(folder):
    ids = [case.case_id for case in find_cases(folder("b.fcs", "a/1.fcs", "c.fcs", "A.fcs"))]
    assert ids == sorted(ids)


def test_two_kinds_of_one_name_are_two_cases(folder):
    cases = find_cases(folder("A01.fcs", "A01.lmd"))
    assert shape(cases) == {"A01": ["A01.fcs"], "A01.lmd": ["A01.lmd"]}


def test_a_file_never_joins_the_folder_of_its_name(folder):
    cases = find_cases(folder("A01.fcs", "A01/t1.fcs", "A01/t2.fcs"))
    assert sorted(map(len, shape(cases).values())) == [1, 2]
    assert shape(cases)["A01"] == ["A01.fcs"]


def test_a_folder_named_like_its_parent_is_a_case_of_its_own(folder):
    cases = find_cases(folder("x.fcs", "run/y.fcs"), case_per="folder")
    assert sorted(shape(cases).values()) == [["run/y.fcs"], ["x.fcs"]]


def test_a_single_file_is_a_case(folder):
    root = folder("p1.fcs")
    assert shape(find_cases(root / "p1.fcs")) == {"p1": ["p1.fcs"]}


def test_files_are_listed_in_the_order_of_their_names(folder):
    root = folder(*LAYOUT)
    names = [path.relative_to(root).as_posix() for path in find_files(root)]
    assert names == ["p1.fcs", "p2.FCS", "c1/t1.fcs", "c1/t2.LMD", "c2/day/t1.fcs"]


@pytest.mark.parametrize(
    ("place", "message"),
    [("absent", "is not there. Give a folder"), ("notes.txt", "is not a folder, an FCS file"),
     ("empty", "no FCS files in .*looked for names that end in .fcs or .lmd"),
     ("nul\0", "is not there"), ("fifo.csv", "is not a folder, an FCS file or a CSV manifest")],
)  # fmt: skip
def test_a_place_without_cases_is_refused(folder, place, message):
    root = folder("notes.txt")
    (root / "empty").mkdir()
    os.mkfifo(root / "fifo.csv")
    with pytest.raises(CaseError, match=message):
        find_cases(root / place)


def test_an_unknown_layout_names_the_known_ones(folder):
    with pytest.raises(CaseError, match=r"'patient'; choose from auto, file, folder"):
        find_cases(folder("a.fcs"), case_per="patient")
