"""A table of any origin is read exactly, or refused with its reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_tables import COLUMNS, rows_of, written

from flowml.errors import CaseError, FlowmlError, LabelError
from flowml.features import write_table
from flowml.features.casetable import is_case_table, read_case_table
from flowml.pipeline import extract_table

WHAT = {"id_column": "subject", "label_column": "label"}
IDS = {"id_column": "subject"}


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a text as a table, and reads it."""

    def read(text, name="t.csv", **how):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return read_case_table(path, **(how if "id_column" in how else WHAT | how))

    return read


def test_ids_labels_patients_and_numbers_are_told_apart(table):
    text = "label,a,subject,who,note,b\naml,1,007,P1,x,0.5\n,2,8,P1,y,\nNA,-3e2,9,,z,nan\n"
    found = table(text, group_column="who", drop=["note"])
    assert found.features.names == ("a", "b")
    assert found.features.case_ids == ["007", "8", "9"]
    np.testing.assert_array_equal(
        found.features.values, np.float32([[1, 0.5], [2, np.nan], [-300, np.nan]])
    )
    assert found.labels == {"007": "aml"}
    assert found.unlabelled == ("8", "9")
    assert found.patients == {"007": "P1", "8": "P1"}
    assert "P1" not in repr(found)  # a patient's number may be a name
    assert [case.details for case in found.cases] == [
        {"note": "x", "patient_id": "P1"}, {"note": "y", "patient_id": "P1"}, {"note": "z"},
    ]  # fmt: skip


def test_rows_come_in_the_order_of_their_ids(table):
    found = table("subject,label,a\nk2,aml,2\nk3,,3\nk1,aml,1\n").in_order({"k2", "k1"})
    assert found.features.case_ids == ["k1", "k2"]
    assert found.features.values.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("separator", "decimal", "name"),
    [(",", ".", "t.csv"), (";", ".", "t.csv"), (";", ",", "t.csv"), ("\t", ",", "t.tsv"),
     ("\t", ".", "t.TAB")],
)  # fmt: skip
def test_any_separator_gives_the_same_bits_as_pandas(tmp_path, separator, decimal, name):
    rows = rows_of(["AML", "normal"])
    path = written(tmp_path / name, rows, separator, decimal)
    found = read_case_table(path, **WHAT)
    by_pandas = pd.read_csv(path, sep=separator, decimal=decimal, float_precision="round_trip")
    expected = by_pandas[list(COLUMNS)].to_numpy(np.float32)
    assert found.features.values.tobytes() == expected.tobytes()
    assert found.labels == dict(zip(by_pandas["subject"], by_pandas["label"], strict=True))


def test_parquet_gives_the_same_bits_with_an_index_or_without(tmp_path):
    frame = pd.DataFrame(
        {"subject": [1, 2], "label": ["aml", None], "a": [0.1, np.nan], "n": [1, 2]}
    )
    for name, each in {"t": frame, "i": frame.set_index("subject")}.items():
        each.to_parquet(tmp_path / f"{name}.parquet")
        found = read_case_table(tmp_path / f"{name}.parquet", **WHAT)
        assert found.features.names == ("a", "n")
        assert found.features.case_ids == ["1", "2"]
        np.testing.assert_array_equal(
            found.features.values, np.float32([[0.1, 1], [np.nan, 2]])
        )
        assert found.labels == {"1": "aml"}


def test_rows_and_columns_that_a_spreadsheet_adds_are_left_out(table):
    found = table("\ufeffsubject;a;;\n1;2;;\n;;;\n 2 ;3;;\n;;;\n", **IDS)
    assert found.features.case_ids == ["1", "2"]
    assert found.features.names == ("a",)


def test_conditions_choose_rows_and_their_columns_are_no_features(table):
    text = "subject,label,split,site,a\n1,x,train,A,1\n2,y,test,A,2\n3,z,train,B,3\n"
    found = table(text, where=["split=train", "site=A"])
    assert found.features.names == ("a",)
    assert found.features.case_ids == ["1"]
    assert found.labels == {"1": "x"}
    with pytest.raises(LabelError, match=r"has split=tuning; the column holds train, test"):
        table(text, where=["site=A", "split=tuning"])
    with pytest.raises(LabelError, match="has split=test and site=B"):
        table(text, where=["split=test", "site=B"])


def test_what_is_not_needed_may_hold_anything(table):
    found = table("subject,a,sex,b\n1,2,f,inf\n", **IDS, needed=["a", "c"])
    assert found.features.names == ("a",)
    assert found.unused == ("sex", "b")


def test_what_flowml_wrote_keeps_its_story(tmp_path):
    from small import cohort

    table = extract_table(cohort()[:3])
    for name in ("t.csv", "t.parquet"):
        write_table(table, tmp_path / name)
        found = read_case_table(tmp_path / name).features
        assert found.recipe == table.recipe
        assert found.values.tobytes() == table.values.tobytes()
        assert [case.tubes for case in found.cases] == [case.tubes for case in table.cases]


def test_a_column_of_labels_may_be_added_to_what_flowml_wrote(tmp_path):
    from small import cohort

    write_table(extract_table(cohort()[:2]), tmp_path / "t.csv")
    frame = pd.read_csv(tmp_path / "t.csv")
    frame.insert(1, "entity", ["CLL", "AML"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = read_case_table(tmp_path / "t.csv", label_column="entity")
    assert found.features.recipe is not None
    assert list(found.labels.values()) == ["CLL", "AML"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject,a\n1,2\n", r"no column 'label'; it has subject, a"),
        ("id,label,a\n1,x,2\n", r"it has id, label, a\. Name the column of ids \(--id\)"),
        ("subject,label,a,a\n1,x,2,3\n", "more than one column 'a'"),
        ("subject,label,a\n1,x,2\n1,x,3\n", "same case id, '1'"),
        ("subject,label,a\n1,x,2\n,x,3\n", "row 2 of 2 has no 'subject'"),
        ("subject,label,a,sex,b\n1,x,2,f,1\n2,x,3,m,lo\n",
         r"not numeric: 'sex' \(line 2\), 'b' \(line 3\)\. Name the column of ids.*--drop"),
        ("subject,label,a\n1,x,1_000\n", r"not numeric: 'a' \(line 2\)"),
        ('subject,label,a\n1,x,"1,5"\n', r"not numeric: 'a' \(line 2\)"),
        ("subject,label,a\n1,x,inf\n", r"infinite .*column 'a', of the case '1'"),
        ("subject,label,a,b\n1,x,1e39,-inf\n", "case '1' and in 1 more columns"),
        ("subject,label,a\n1,x\n", "line 2 has 2 cells, expected 3"),
        ("subject,label\n1,x\n", "no column of features besides"),
        ("subject,label,a\n", "has a heading but no rows"),
        ("subject,label,a\n,,\n", "has a heading but no rows"),
        ("subject,label,a,\n1,x,2,3\n", "column 4 has no name"),
        ("subject,label,a\x1b[31m\n1,x,2\n", r"'a\?\[31m' cannot be the name of a column"),
        (f"subject,label,{'a' * 300}\n1,x,2\n", "at most 200 signs"),
        (b"subject,label,a\n1,\xff,2\n", r"could not read .*not text in UTF-8"),
        (b"PK\x03\x04\x00\xff", "could not read"),
        ("", r"no column 'subject'"),
        ("subject,label,a\n" + "x" * 200_000 + ",y,1\n", "field limit"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(table, text, message):
    with pytest.raises(FlowmlError, match=message) as refused:
        table(text)
    assert len(str(refused.value)) < 900
    assert str(refused.value).isprintable()


def test_one_column_cannot_be_labels_and_ids(table):
    with pytest.raises(CaseError, match="'subject' is said to hold the labels, and"):
        table("subject,a\n1,2\n", id_column="subject", label_column="subject")


def test_a_cell_that_may_name_a_patient_is_not_shown(table):
    with pytest.raises(CaseError) as refused:
        table("subject,label,name\n1,x,Erika Mustermann\n")
    assert "Erika" not in str(refused.value)


@pytest.mark.parametrize("noise", [b"", b"PAR1", b"PAR1" + bytes(60) + b"PAR1"])
def test_noise_is_no_parquet(table, noise):
    with pytest.raises(CaseError, match="could not read"):
        table(noise, name="t.parquet")


def test_a_damaged_story_is_refused(tmp_path):
    from small import cohort

    write_table(extract_table(cohort()[:2]), tmp_path / "t.csv")
    for text in ("{", "[1]", '{"recipe": 3}'):
        (tmp_path / "t.csv.json").write_text(text)
        with pytest.raises(FlowmlError, match=r"could not read|is damaged|a recipe lacks"):
            read_case_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.csv", "subject,a\n", True), ("t.CSV", "case_id,a\n", True),
        ("m.csv", "case_id,path\n", False), ("m.csv", "case_id;tube; path \n", False),
        ("t.tsv", "", True), ("t.parquet", "", True), ("a.fcs", "FCS3.0", False),
        ("t.xlsx", "PK", False),
    ],
)  # fmt: skip
def test_a_table_is_told_from_a_manifest(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    assert is_case_table(tmp_path / name) is expected


def test_folders_addresses_and_what_is_not_there_are_no_tables(tmp_path):
    (tmp_path / "t.parquet").mkdir()
    for place in (tmp_path, tmp_path / "t.parquet", tmp_path / "gone.csv", "s3://b/t.csv"):
        assert not is_case_table(place)


@given(
    st.lists(
        st.lists(st.one_of(st.floats(width=32, allow_infinity=False), st.none()), min_size=2,
                 max_size=2),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_numbers_come_back_with_the_same_bits(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "bits.csv"
    cells = [["" if v is None else repr(v) for v in row] for row in rows]
    lines = [f"c{n};{';'.join(row)}" for n, row in enumerate(cells)]
    path.write_text("\n".join(["id;a;b", *lines]), encoding="utf-8")
    found = read_case_table(path, id_column="id").features.values
    expected = np.float32([[np.nan if v is None else v for v in row] for row in rows])
    np.testing.assert_array_equal(found, expected)
