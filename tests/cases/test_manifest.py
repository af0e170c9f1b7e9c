"""A manifest becomes cases, or says everything that is wrong with it."""

from __future__ import annotations

import os

import pytest
from seen import codes, shape

from flowml.cases import find_cases, read_table, search_cases
from flowml.errors import CaseError


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
    root = folder("a.fcs", "b.fcs", "c.fcs", "d.fcs")
    (root / "link.fcs").symlink_to("d.fcs")
    os.mkfifo(root / "pipe.fcs")
    text = """case_id,path,sex,date
,a.fcs,f,
1,gone.fcs,f,
2,a.fcs,f,2024-02-29
2,b.fcs,m,2024-02-30
2,a.fcs,f,2024-03-01

3,,f,
4,link.fcs,,
5,pipe.fcs,,
6,.,,
7,b.fcs,,
8,s3://bucket/a.fcs,,
9,c.fcs,,20240301
9,x\0.fcs,,
"""
    with pytest.raises(CaseError) as refused:
        find_cases(manifest(root, text))
    assert str(refused.value).partition(": ")[2].split("; ") == [
        "line 2: case_id and path must not be empty",
        "line 3: no file 'gone.fcs'",
        "line 5: date '2024-02-30' is not a day written YYYY-MM-DD",
        "line 5: other details than before for '2': sex",
        "line 6: 'a.fcs' stands twice in '2', first in line 4",
        "line 8: case_id and path must not be empty",
        "line 9: 'link.fcs' is a symbolic link",
        "name its target, or follow links",
        "line 10: 'pipe.fcs' is not a regular file",
        "line 11: '.' is not a regular file",
        "line 12: 'b.fcs' is in line 5 already, of another case",
        "line 13: path is an address",
        "the files of a manifest lie on this machine",
        "line 14: date '20240301' is not a day written YYYY-MM-DD",
        "line 15: no file 'x?.fcs'. Correct the manifest",
        "nothing was read.",
    ]
    assert "manifest.csv has 13 errors: " in str(refused.value)


def test_many_errors_are_counted(folder):
    lines = "".join(f"{n},gone{n}.fcs\n" for n in range(50))
    with pytest.raises(CaseError, match=r"has 50 errors: .*line 21: .*; and 30 more\. Correct"):
        find_cases(manifest(folder(), "case_id,path\n" + lines))


def test_details_of_cases_and_of_tubes(folder):
    root = folder("a.fcs", "b.fcs", "c.fcs")
    text = """\
case_id,patient_id,tube,path,entity,specimen,distribution,treated,instrument,date,X
K1,P1,B,a.fcs,CLL,blood,in,no,Navios,2024-02-01,me
K1,,T,b.fcs,CLL,,in,no,Canto,2024-02-01,
K2,P1,B,c.fcs,anything,marrow,out,yes,Canto,,me
"""
    one, two = find_cases(manifest(root, text))
    assert dict(one.details) == {
        "patient_id": "P1", "entity": "CLL", "specimen": "blood", "distribution": "in",
        "treated": "no", "date": "2024-02-01", "X": "me",
    }  # fmt: skip
    assert [(tube.label, dict(tube.details)) for tube in one.tubes] == [
        ("B", {"instrument": "Navios", "date": "2024-02-01"}),
        ("T", {"instrument": "Canto", "date": "2024-02-01"}),
    ]
    assert two.details["patient_id"] == "P1", "a patient may have several cases"
    assert "P1" not in repr(one), "details may identify a patient"


def test_no_patient_is_named_where_two_meet_in_a_case(folder):
    root = folder("a.fcs", "b.fcs", "c.fcs")
    text = "case_id,path,patient_id\n1,a.fcs,Meier\n1,b.fcs,Huber\n1,c.fcs,Huber\n"
    with pytest.raises(CaseError) as refused:
        find_cases(manifest(root, text))
    assert str(refused.value).count("other details than before for '1': patient_id") == 2
    assert "Meier" not in str(refused.value)
    assert "Huber" not in str(refused.value)


def test_a_manifest_may_name_links_if_they_are_followed(folder):
    root = folder("d.fcs")
    (root / "link.fcs").symlink_to("d.fcs")
    table = manifest(root, "case_id,path\n1,link.fcs\n")
    assert shape(find_cases(table, follow_links=True)) == {"1": ["d.fcs"]}
    table = manifest(root, "case_id,path\n1,link.fcs\n1,d.fcs\n")
    with pytest.raises(CaseError, match=r"'d\.fcs' stands twice in '1', first in line 2"):
        find_cases(table, follow_links=True)


def test_tubes_that_stand_twice_in_a_case_are_told(folder):
    root = folder("a.fcs", "b.fcs", "c.fcs")
    text = "case_id,path,tube\n1,a.fcs,B\n1,b.fcs,B\n2,c.fcs,B\n"
    search = search_cases(manifest(root, text))
    assert codes(search.findings) == {"FIND-TUBE-TWICE": ["b.fcs"]}
    assert shape(search.cases) == {"1": ["a.fcs", "b.fcs"], "2": ["c.fcs"]}


def test_a_line_is_that_of_the_file_even_where_fields_have_several(folder):
    text = 'case_id,path,note\n1,a.fcs,"two\nlines"\n\n2,gone.fcs,\n'
    with pytest.raises(CaseError, match=r"an error: line 5: no file 'gone\.fcs'"):
        find_cases(manifest(folder("a.fcs"), text))


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
