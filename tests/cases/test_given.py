"""What is given with a case: understood in two languages, or told, and never shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowml.cases import find_cases, given_of, with_given
from flowml.errors import CaseError
from flowml.knowledge.given import folded, load_giveable


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("Lymphozyten", "5,2", "lymphocytes", 5.2),
        ("Lymphozyten /µl", "5200", "lymphocytes", 5.2),
        ("ABSOLUTE_LYMPHOCYTES", " 5.2 ", "lymphocytes", 5.2),
        ("klonale B-Zellen", "0,4", "clonal_b_cells", 0.4),
        ("Blasten %", "12 %", "blasts_percent", 12.0),
        ("Plasmazellen im Blut", "6", "plasma_cells_blood_percent", 6.0),
        ("Sezary cells", "1000", "abnormal_t_per_ul", 1000.0),
        ("abnormal T cells 10^9/l", "1.5", "abnormal_t_per_ul", 1500.0),
        ("clonal_b_cells", "0.125", "clonal_b_cells", 0.125),
    ],
)
def test_numbers_by_any_of_their_names(name, text, key, value):
    given, findings = given_of({name: text})
    assert findings == ()
    assert given.numbers == {key: pytest.approx(value)}


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("Material", "peripheres Blut", "specimen", "blood"),
        ("specimen", "BM", "specimen", "marrow"),
        ("Probenmaterial", "Pleuraerguß", "specimen", "fluid"),
        ("Befall", "nur Gewebe", "distribution", "tissue"),
        ("distribution", "Blood/Marrow", "distribution", "blood/marrow"),
        ("behandelt", "Nein", "treated", "no"),
        ("therapy", "R-CHOP", "treated", "yes"),
        ("TCR-Klonalität", "klonal", "t_clonality", "clonal"),
    ],
)
def test_choices_by_any_of_their_spellings(name, text, key, value):
    if name == "TCR-Klonalität":
        name = "T-Zell-Klonalität"
    given, findings = given_of({name: text})
    assert findings == ()
    assert given.choices == {key: value}


@pytest.mark.parametrize("text", ["", " ", "n/a", "k.A.", "unbekannt", "-", "?"])
def test_what_is_not_known_says_nothing(text):
    given, findings = given_of({"blasts_percent": text, "specimen": text, "treated": text})
    assert (dict(given.choices), dict(given.numbers), findings) == ({}, {}, ())


@pytest.mark.parametrize(
    "text", ["1,200", "12.345", "-3", "3 of 4", "+5", "5..2", "1e2", "0x10"]
)
def test_a_number_that_could_be_two_or_none_is_not_guessed(text):
    given, findings = given_of({"lymphocytes": text})
    assert "lymphocytes" not in given.numbers
    assert [item.code for item in findings] == ["GIVEN-VALUE"]
    assert text not in findings[0].message


def test_the_same_thing_twice_must_be_the_same():
    same, findings = given_of({"Lymphozyten": "5,2", "lymphocytes_per_ul": "5200"})
    assert (same.numbers["lymphocytes"], findings) == (pytest.approx(5.2), ())
    other, findings = given_of({"Lymphozyten": "5,2", "lymphocytes": "7"})
    assert (dict(other.numbers), [f.code for f in findings]) == ({}, ["GIVEN-CONTRADICTION"])


@pytest.mark.parametrize(
    ("part", "whole", "used"),
    [
        ("5.5", "5.2", True),
        ("5.8", "5.2", False),
    ],  # a tenth more is what two counters differ by
)
def test_a_part_is_no_more_than_its_whole(part, whole, used):
    given, findings = given_of({"clonal_b_cells": part, "lymphocytes": whole})
    assert ("clonal_b_cells" in given.numbers) is used
    assert bool(findings) is not used


def test_names_are_folded_and_stand_for_one_column_each():
    assert folded("Sézary-Zellen /µl") == folded("SEZARY ZELLEN ul")
    assert {column.key for column, _ in load_giveable().columns.values()} == {
        "specimen", "distribution", "t_clonality", "lymphocytes", "clonal_b_cells",
        "blasts_percent", "plasma_cells_percent", "plasma_cells_blood_percent",
        "abnormal_t_per_ul", "abnormal_t_percent", "treated",
    }  # fmt: skip


# --- a table beside the cases -----------------------------------------------------------------


@pytest.fixture
def cases(folder):
    return find_cases(folder("K1.fcs", "K2.fcs"))


def table(tmp_path, text):
    path = tmp_path / "given.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_joins_the_details_by_any_name_of_a_case(cases, tmp_path):
    path = table(tmp_path, "case_id;Material;Notiz\nK1.fcs;KM;Erika\nk2;;\nK9;PB;\n")
    first, second = with_given(cases, path)
    assert first.details["Material"] == "KM"
    assert "Notiz" not in first.details, "only what is known joins"
    assert given_of(second.details)[0].specimen == ""


def test_rows_of_one_case_must_not_contradict_each_other(cases, tmp_path):
    path = table(tmp_path, "case_id,treated\nK1,Erika\nK1,no\n")
    with pytest.raises(CaseError, match="line 3: other treated than before for 'K1'") as told:
        with_given(cases, path)
    assert "Erika" not in str(told.value)


def test_all_columns_of_a_table_join_if_it_is_wanted_whole(cases, tmp_path):
    text = "case_id,Material,site,ward,note\nK1,KM,east,,a\nK1,KM,,3,b\nK2,PB,west,4,\n"
    known = [replace(cases[0], details={"site": "south", "ward": ""}), cases[1]]
    first, second = with_given(known, table(tmp_path, text), is_whole=True)
    assert first.details == {"Material": "KM", "site": "south", "ward": "3"}
    assert second.details == {"Material": "PB", "site": "west", "ward": "4", "note": ""}
    contrary = table(tmp_path, "case_id,treated,note\nK1,yes,a\nK1,no,b\n")
    with pytest.raises(CaseError, match="line 3: other treated than before for 'K1'"):
        with_given(cases, contrary, is_whole=True)


def test_a_table_without_ids_says_so(cases, tmp_path):
    with pytest.raises(CaseError, match="no column 'case_id'"):
        with_given(cases, table(tmp_path, "id,treated\nK1,no\n"))
