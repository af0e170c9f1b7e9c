"""Folders and manifests become cases; tables become labels."""

from __future__ import annotations

import os

import pytest

from flowml.cases import find_cases, find_files, read_labels, read_table
from flowml.errors import CaseError, LabelError
from flowml.knowledge import load_label_tree


@pytest.fixture
def folder(tmp_path):
    """Return a function that makes empty files below a folder called ``run``."""
    root = tmp_path / "run"
    root.mkdir()

    def make(*names):
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return root

    return make


def shape(cases):
    return {case.case_id: [tube.name for tube in case.tubes] for case in cases}


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


def test_symbolic_links_are_not_followed(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.fcs").touch()
    root = folder("p1.fcs")
    (root / "link.fcs").symlink_to(outside / "secret.fcs")
    (root / "loop").symlink_to(root)
    (root / "away").symlink_to(outside)
    assert shape(find_cases(root)) == {"p1": ["p1.fcs"]}


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


def manifest(root, text, encoding="utf-8"):
    path = root / "manifest.csv"
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_manifest_is_read(folder, separator, encoding):
    root = folder("x/b.fcs", "x/a.fcs", "c.lmd")
    rows = [["case_id", "path", "specimen"], ["K2", "c.lmd", "Blut"],
     ["Fall 1", "x/b.fcs", "KM"],
            ["Fall 1", "x/a.fcs", "KM"]]  # fmt: skip
    text = "\r\n".join(separator.join(row) for row in rows) + "\r\n"
    cases = find_cases(manifest(root, text, encoding))
    assert shape(cases) == {"Fall 1": ["x/a.fcs", "x/b.fcs"], "K2": ["c.lmd"]}
    assert dict(cases[0].details) == {"specimen": "KM"}


def test_all_errors_of_a_manifest_are_named_at_once(folder):
    root = folder("a.fcs", "b.fcs")
    text = "case_id,path,sex\n,a.fcs,f\n1,gone.fcs,f\n2,a.fcs,f\n2,b.fcs,m\n2,a.fcs,f\n3,,f\n"
    with pytest.raises(CaseError) as refused:
        find_cases(manifest(root, text))
    for part in (
        "line 2: case_id and path must not be empty",
        "line 3: no file 'gone.fcs'",
        "line 5: other details than before for '2'",
        "line 6: 'a.fcs' stands twice in '2'",
        "line 7: case_id and path must not be empty",
    ):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"id,path\n1,a.fcs\n", r"has no column 'case_id'; it has id, path\. Rename"),
        (b"case_id,path\n", r"has a heading but no rows\. Add"),
        (b"", "has no column 'case_id', 'path'"),
        (b"case_id,path,path\n1,a,b\n", r"more than one column 'path'\. Give every column"),
        (
            "case_id,path\nMüller,a\n".encode("latin-1"),
            r"could not read .*Save it as CSV in UTF-8",
        ),
        (b"\xff\xfec\x00a\x00", r"could not read .*Save it as CSV in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, raw, message):
    path = tmp_path / "manifest.csv"
    path.write_bytes(raw)
    with pytest.raises(CaseError, match=message):
        find_cases(path)


def test_rows_that_are_short_or_long_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n2,3,4\n\n", encoding="utf-8")
    assert read_table(path, ["a"]) == [{"a": "1", "b": ""}, {"a": "2", "b": "3"}]


@pytest.fixture
def labels(folder, tmp_path):
    """Return a function that labels the cases of a small folder by a table."""
    cases = find_cases(folder("c1/t1.fcs", "c1/t2.fcs", "p1.fcs", "P2.FCS"))

    def read(text, **how):
        path = tmp_path / "labels.csv"
        path.write_text(text, encoding=how.pop("encoding", "utf-8"))
        return read_labels(path, how.pop("cases", cases), load_label_tree(), **how)

    return read


@pytest.mark.parametrize("name", ["c1", "C1", "t1.fcs", "t1", "c1/t1.fcs", " c1 ", "T2.FCS"])
def test_a_case_is_found_by_id_file_name_or_stem(labels, name):
    found = labels(f"case_id,entity\n{name},CLL\n")
    assert found.entities == {"c1": "CLL"}
    assert found.unlabelled == ("P2", "p1")


def test_entities_are_canonical_whatever_the_table_says(labels):
    found = labels("\ufeffcase_id;entity\nc1;Haarzellleukämie\np1;mantel\nP2;gesund\n")
    assert found.entities == {"c1": "HCL", "p1": "MCL", "P2": "normal"}
    assert found.unlabelled == found.unmatched == ()


def test_what_does_not_match_is_told(labels):
    found = labels("case_id,entity\nc1,CLL\nother,AML\np1,\n")
    assert found.entities == {"c1": "CLL"}
    assert (found.unmatched, found.unlabelled) == (("other",), ("P2", "p1"))


def test_conditions_choose_rows_and_pass_over_their_cases(labels):
    table = "ID,diagnosis,split,site\nc1,CLL,train,A\np1,nonsense,test,A\nP2,MCL,train,B\n"
    how = {"id_column": "ID", "label_column": "diagnosis"}
    found = labels(table, where=["split=train", "site = A"], **how)
    assert found.entities == {"c1": "CLL"}
    assert found.unlabelled == found.unmatched == ()


@pytest.mark.parametrize("where", ["split", "=train", ""])
def test_a_condition_that_is_none_is_refused(labels, where):
    with pytest.raises(LabelError, match=r"not of the form column=value\. Write it like"):
        labels("case_id,entity\nc1,CLL\n", where=[where])


def test_a_condition_on_a_column_that_is_not_there_is_refused(labels):
    with pytest.raises(CaseError, match=r"has no column 'split'; it has case_id, entity"):
        labels("case_id,entity\nc1,CLL\n", where=["split=train"])


def test_two_labels_of_a_case_are_refused(labels):
    with pytest.raises(LabelError, match=r"case c1 has two labels, CLL and MCL\. Keep one"):
        labels("case_id,entity\nc1,CLL\nt1.fcs,Mantel\n")


def test_one_label_twice_is_no_contradiction(labels):
    assert labels("case_id,entity\nt1,CLL\nt2,CLL/SLL\n").entities == {"c1": "CLL"}


def test_an_unknown_entity_names_the_nearest(labels):
    with pytest.raises(LabelError, match=r"'Mantell' is not an entity.*Mantel"):
        labels("case_id,entity\nc1,Mantell\n")


def test_a_table_that_matches_nothing_says_what_both_sides_are_called(labels):
    with pytest.raises(LabelError) as refused:
        labels("case_id,entity\nc-1,CLL\n", where=["entity=CLL"])
    for part in (
        "with entity=CLL",
        "ids such as 'c-1'",
        "are called P2, c1, p1",
        "Nearest: c1",
    ):
        assert part in str(refused.value)


def test_ambiguous_names_match_nothing(folder, labels):
    cases = find_cases(folder("a/t1.fcs", "b/t1.fcs"))
    found = labels("case_id,entity\nt1,CLL\nb,MCL\n", cases=cases)
    assert found.entities == {"b": "MCL"}
    assert found.unmatched == ("t1",)


def test_ids_that_differ_in_letter_case_are_told_apart(folder, labels):
    cases = find_cases(folder("k/1.fcs", "K/2.fcs"))
    found = labels("case_id,entity\nk,CLL\nK,MCL\n", cases=cases)
    assert found.entities == {"k": "CLL", "K": "MCL"}
