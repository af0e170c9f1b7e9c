"""Results of other methods: what a cell may say, whom a row is of, and where columns stand."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import QUICK, RECIPE, cohort, labels, on_disk, one_tube, plain_sample

import flowml
from flowml.cases import find_cases
from flowml.errors import CaseError, FlowmlError, PanelError
from flowml.features import FeatureTable, read_table, write_table
from flowml.features.columns import OtherResults, check_methods, join_columns, read_columns
from flowml.pipeline import Reading, classify, extract_table
from flowml.records import Case, Tube
from flowml.safety import file_sha256
from flowml.training import train

CASES = tuple(
    Case(case_id, tuple(Tube(name, cohort()[0].tubes[0].origin) for name in tubes))
    for case_id, tubes in (("c1", ("c1/t1.fcs", "c1/t2.fcs")), ("p1", ("p1.fcs",)))
)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a table for two cases."""

    def from_text(text, name="lab.csv", **how):
        path = tmp_path / name
        path.write_text(text, encoding=how.pop("encoding", "utf-8"))
        return read_columns(path, how.pop("cases", CASES), **how)

    return from_text


def one_cell(read, cell, separator=","):
    found = read(f"case_id{separator}x\np1{separator}{cell}\n")
    ((value,),) = found.values.values()
    return value


# --- cells -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "number"),
    [("12", 12), ("-0.5", -0.5), ("+3", 3), (" 1e3 ", 1000), ("1E-3", 0.001), (".5", 0.5),
     ("5.", 5), ("Yes", 1), ("NO", 0), ("Positive", 1), ("negative", 0), ("pos", 1),
     ("NEG", 0), ("TRUE", 1), ("False", 0), ("detected", 1), ("Not  Detected", 0), ("+", 1),
     ("-", 0), ("ja", 1), ("Nein", 0), ("POSITIV", 1), ("negativ", 0), ("WAHR", 1),
     ("FALSCH", 0)],
)  # fmt: skip
def test_a_cell_is_a_number_or_yes_or_no(read, cell, number):
    assert one_cell(read, cell) == number


@pytest.mark.parametrize(
    "cell",
    [
        "",
        " ",
        "NA",
        "n/a",
        "NaN",
        "Unknown",
        "nd",
        "ND",
        "n.d.",
        "not done",
        "Not Done",
        "nicht bestimmt",
    ],
)
def test_a_cell_may_say_that_nothing_is_known(read, cell):
    assert math.isnan(one_cell(read, cell))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_decimal_comma_is_understood_where_columns_are_not_separated_by_commas(
    read, separator
):
    assert one_cell(read, "3,25", separator) == 3.25
    assert one_cell(read, "3.25", separator) == 3.25


def test_a_decimal_comma_is_refused_where_columns_are_separated_by_commas(read):
    with pytest.raises(CaseError, match=r"line 2, column 'x' holds '3,25'; expected a number"):
        one_cell(read, '"3,25"')
    with pytest.raises(CaseError, match=r"line 2 has 3 cells, expected 2 .*by semicolons"):
        one_cell(read, "3,25")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("<0.1", "'<0.1'"), ("> 100", "'> 100'"), ("12 %", "'12 %'"), ("1.234,5", "text"),
     ("inf", "text"), ("-Infinity", "text"), ("1e999", "text"), ("1_000", "text"),
     ("0x10", "text"), ("\u0664", "text"), ("9" * 100, "text"), ("9" * 39, "'999"),
     ("46,XX", "text"), ("=1+1", "text"), ("1 000", "text"), ("maybe", "text")],
)  # fmt: skip
def test_anything_else_is_refused(read, cell, shown):
    with pytest.raises(CaseError) as refused:
        one_cell(read, cell, ";")
    assert f"lab.csv: line 2, column 'x' holds {shown}" in str(refused.value)
    assert "Make a column for each finding, 0 or 1" in str(refused.value)


@pytest.mark.parametrize(
    ("column", "cell"),
    [("name", "Mustermann"), ("surname", "Erika M."), ("birth date", "12.03.1950"),
     ("born", "1950-03-12"), ("dob", "12/03/1950"), ("insurance", "A123456789"),
     ("address", "Hauptstr. 1"), ("phone", "+49 30 1234567")],
)  # fmt: skip
def test_what_may_name_a_patient_is_refused_and_not_shown(read, column, cell):
    with pytest.raises(CaseError) as refused:
        read(f"case_id;wbc;{column}\nc1;3;{cell}\np1;4;{cell}\n")
    assert f"line 2, column {column!r} holds text (not shown" in str(refused.value)
    assert "(and 1 more lines)" in str(refused.value)
    assert cell not in str(refused.value)


def test_the_first_wrong_cell_of_every_column_is_named_at_once(read):
    with pytest.raises(CaseError) as refused:
        read("case_id;a;b;c\nc1;1;2;x\np1;y;2;z\n")
    assert "line 3, column 'a' holds text" in str(refused.value)
    assert "line 2, column 'c' holds text" in str(refused.value)
    assert "column 'b'" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [('case_id;x\n\n"c1\n c";1\n;\np1;what\n', 6), ('case_id;x;"\n"\np1;what;\n', 3)],
)
def test_lines_are_those_of_the_file(read, text, line):
    with pytest.raises(CaseError, match=f"line {line}, column 'x' holds text"):
        read(text)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(tmp_path_factory, number):
    path = tmp_path_factory.getbasetemp() / "floats.csv"
    for text in (f"case_id,x\np1,{number!r}\n", f"case_id;x\np1;{number!r}\n"):
        path.write_text(text.replace(".", "," if ";" in text else "."), encoding="utf-8")
        assert read_columns(path, CASES).values == {"p1": (number,)}


TOKENS = ("case_id", "p1", "c1", "wbc", "1", "1,5", "yes", "x", "NaN", ",", ";", "\t", "\n",
          "\r", '"', "'", "|", "\0", "\x1b[0m", "\ufeff", "\u202e", "\u00fc")  # fmt: skip


@given(st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(TOKENS), max_size=25)))
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content if isinstance(content, bytes) else "".join(content).encode())
    told, found = "", ()
    try:
        found = read_columns(path, CASES).values
    except FlowmlError as error:
        told = str(error)
    assert not set(told) & set("\0\x1b\u202e")
    assert set(found) <= {"c1", "p1"}


# --- rows, headings, names ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["c1", "C1", "t1.fcs", "t2", "c1/t1.fcs", " c1 "])
def test_a_row_names_its_case_as_a_label_does(read, name):
    found = read(f"case_id,wbc,hb\n{name},3,4\nghost,5,6\n")
    assert found.values == {"c1": (3.0, 4.0)}
    assert found.strangers == 1


@pytest.mark.parametrize(
    "heading", ["case_id,wbc", "patient,wbc", "wbc,case_id", "wbc,CASE_ID", "\ufeffcase_id,wbc"]
)
def test_the_ids_stand_in_their_column_or_in_the_first(read, heading):
    row = "7,p1" if heading.startswith("wbc") else "p1,7"
    found = read(f"{heading}\n{row}\n")
    assert (found.quantities, found.values) == (("wbc",), {"p1": (7.0,)})


def test_the_method_is_the_name_given_or_that_of_the_file(read, tmp_path):
    text = "case_id,wbc\np1,1\n"
    assert read(text, name="blood counts.csv").feature_names == ("blood counts|wbc|result",)
    found = read(text, method="FISH")
    assert found.feature_names == ("FISH|wbc|result",)
    assert found.sha256 == file_sha256(tmp_path / "lab.csv")


def test_empty_columns_and_rows_that_a_spreadsheet_adds_are_passed_over(read):
    found = read("case_id;wbc;;\np1;3;;\n;;;\n")
    assert (found.quantities, found.values) == (("wbc",), {"p1": (3.0,)})
    assert found.strangers == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case_id,x\nc1,1\nc1,2\n", "line 3 has the id of line 2. Keep one row a case"),
        ("case_id,x\nghost,1\n\nghost,1\n", "line 4 has the id of line 2"),
        ("case_id,x\nt1,1\nt2,1\n", "line 3 and line 2 are both of the case 'c1'"),
        ("case_id,x\n,1\n", "line 2 has no id"),
        ("case_id,x,x\np1,1,2\n", "more than one column 'x'"),
        ("case_id,x, x\np1,1,2\n", "more than one quantity 'x'"),
        ("case_id,x,y\np1,1\n", "line 2 has 2 cells, expected 3"),
        ("case_id,x\np1,1,2\n", "line 2 has 3 cells, expected 2"),
        ("case_id,x,\np1,1,2\n", "lab.csv: '' cannot be the name"),
        ("case_id,a|b\np1,1\n", r"'a\|b' cannot be the name .*without '\|'"),
        ("case_id,a\x1b[31m\np1,1\n", r"'a\?\[31m' cannot be the name"),
        (f"case_id,{'x' * 81}\np1,1\n", "cannot be the name .*expected 1 to 80 signs"),
        ("case_id\np1\n", "no column besides the ids"),
        ("case_id,x\n", "has a heading but no rows"),
        ("", "lab.csv has a heading but no rows"),
        ("\n\np1,1\n", "line 3 has 2 cells, expected 0"),
        ('case_id,x\np1,"' + "1" * 200_000 + '"\n', "could not read the table"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(read, text, message):
    with pytest.raises(FlowmlError, match=message):
        read(text)


def test_an_id_that_may_be_a_name_is_not_shown(read):
    with pytest.raises(CaseError) as refused:
        read("patient,x\nErika Mustermann,1\nErika Mustermann,2\n")
    assert "Erika" not in str(refused.value)


def test_hostile_headings_are_shown_harmless(read):
    with pytest.raises(CaseError) as refused:
        read("case_id,wb\u202ec\np1,1,2,3\n", name="evil\x1b]0;.csv")
    assert "\x1b" not in str(refused.value)
    with pytest.raises(FlowmlError) as refused:
        read("case_id,wb\u202ec\np1,word\n")
    assert "\u202e" not in str(refused.value)


@pytest.mark.parametrize("name", ["gone.csv", "x" * 5000, "nul\0", "folder", "pipe"])
def test_a_file_that_is_none_is_refused(tmp_path, name):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaseError, match=r"is not (there|a regular file)\. Give a CSV file"):
        read_columns(tmp_path / name, CASES)


def test_a_workbook_is_refused(tmp_path):
    (tmp_path / "lab.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(CaseError, match="Save it as CSV in UTF-8"):
        read_columns(tmp_path / "lab.csv", CASES)


# --- records -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("", ("x",), {}), "'' cannot be the name"),
        (("a|b", ("x",), {}), "cannot be the name"),
        (("lab", ("x", "x"), {}), "more than one quantity 'x'"),
        (("lab", ("x", "y"), {"p1": (1.0,)}), "for p1 are 1 numbers, expected 2"),
        (("lab", ("x",), {"p1": (math.inf,)}), "infinite or too large"),
        (("lab", ("x",), {"p1": (1e39,)}), "infinite or too large"),
    ],
)
def test_results_that_cannot_be_joined_are_refused(fields, message):
    with pytest.raises(FlowmlError, match=message):
        OtherResults(*fields)


def test_two_tables_of_one_method_are_refused(bare):
    two = [OtherResults("lab", ("x",), {}), OtherResults("lab", ("y",), {})]
    with pytest.raises(FlowmlError, match=r"method 'lab'\. Name each method"):
        check_methods(two)
    with pytest.raises(FlowmlError, match="method 'lab'"):
        join_columns(bare, two)
    with pytest.raises(FlowmlError, match="method 'lab'"):
        flowml.extract(
            cohort(), RECIPE, columns=two, progress=pytest.fail
        )  # before any case is read


# --- the feature table -------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare():
    return extract_table(cohort(), RECIPE)


def counts(**values):
    return OtherResults("counts", ("wbc", "hb"), values or dict.fromkeys(labels(), (1.0, 2.0)))


def test_columns_stand_behind_those_of_the_recipe(bare):
    fish = OtherResults("FISH", ("del17p",), {"S0002": (1.0,)})
    table = join_columns(bare, [counts(S0001=(3, math.nan)), fish])
    assert table.names[: len(bare.names)] == bare.names
    assert table.names[-3:] == ("counts|wbc|result", "counts|hb|result", "FISH|del17p|result")
    assert table.values[:, :-3].tobytes() == bare.values.tobytes()
    assert table.values.dtype == np.float32
    assert table.values.flags.f_contiguous  # by column, as frames keep them
    np.testing.assert_array_equal(table.values[0, -3:], [3, math.nan, math.nan])
    np.testing.assert_array_equal(table.values[1, -3:], [math.nan, math.nan, 1])
    assert np.isnan(table.values[2:, -3:]).all()
    assert table.recipe == bare.recipe


def test_without_columns_the_table_is_the_same(bare):
    assert join_columns(bare, []) is bare


def test_columns_are_joined_once(bare):
    with pytest.raises(
        FlowmlError, match=r"two columns .* the same name, 'counts\|wbc\|result'"
    ):
        join_columns(join_columns(bare, [counts()]), [counts()])


def test_a_case_that_cannot_be_used_has_no_results_either(tmp_path):
    folder = on_disk(tmp_path / "cases", count=2)
    (folder / "S0001.fcs").write_bytes(b"junk")
    table = flowml.extract(folder, RECIPE, columns=[counts()])
    assert table.loc["S0001"].isna().all()
    assert table.loc["S0002", "counts|hb|result"] == 2


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_with_results_is_read_back(bare, tmp_path, ending):
    hostile = OtherResults("=cmd", ("a:b", "-1+1"), {"S0003": (0.5, math.nan)})
    table = join_columns(bare, [counts(S0001=(3, math.nan)), hostile])
    write_table(table, tmp_path / f"t{ending}")
    back = read_table(tmp_path / f"t{ending}")
    assert back.names == table.names
    assert back.values.tobytes() == table.values.tobytes()
    assert FeatureTable.from_frame(table.to_frame()).names == table.names


def test_the_script_gets_the_columns_too():
    frame = flowml.extract(cohort(), RECIPE, columns=[counts()])
    assert (frame["counts|wbc|result"] == 1).all()


# --- models ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    return train(cohort(), labels(), RECIPE, columns=[counts()], settings=QUICK)


def test_a_model_needs_what_it_was_trained_with(trained):
    model = trained.classifier.trained()
    assert model.results == ("counts|wbc", "counts|hb")
    assert "other methods, all of them: counts|wbc, counts|hb." in model.card
    assert trained.left_out_markers == ()
    whole = classify(cohort(), model, columns=[counts()])
    assert all(p.status != "not_classifiable" for p in whole.predictions)
    for other in ([], [counts(S0001=(1, 2))], [OtherResults("blood", ("wbc",), {})]):
        found = classify(cohort(), model, columns=other).predictions
        assert {p.status for p in found[1:]} == {"not_classifiable"}
        assert "results of other methods are missing: counts|wbc, counts|hb" in found[1].reason
    one = classify(cohort(), model, columns=[counts(S0001=(1, math.nan))]).predictions[0]
    assert "are missing: counts|hb (join" in one.reason


def test_what_was_joined_is_on_record(trained):
    model = trained.classifier.trained()
    record = classify(cohort(), model, columns=[counts()]).provenance
    assert record["other_methods"] == [
        {"method": "counts", "quantities": ["wbc", "hb"], "sha256": None}
    ]
    assert "other_methods" not in classify(cohort(), model).provenance


def test_a_quantity_that_one_case_lacks_is_left_out_of_training():
    values = dict.fromkeys(labels(), (1.0, 2.0)) | {"S0004": (1.0, math.nan)}
    training = train(cohort(), labels(), RECIPE, columns=[counts(**values)], settings=QUICK)
    assert training.classifier.trained().results == ("counts|wbc",)
    assert training.left_out_markers == ("counts|hb",)


def test_results_can_tell_what_the_events_cannot():
    told = {c: (float(entity == "CLL"), 0.0) for c, entity in labels().items()}
    frame = flowml.extract(cohort(), RECIPE, columns=[counts(**told)])
    only = frame[["counts|wbc|result"]]
    classifier = flowml.LineageClassifier(
        estimator="boosted", folds=0, n_rounds=20, colsample=1.0
    )
    found = classifier.fit(only, [labels()[c] == "CLL" for c in only.index]).predict(only)
    assert found.tolist() == [labels()[c] == "CLL" for c in only.index]


def test_results_alone_are_no_panel():
    tubes = {"a": ["CD19"], "b": ["CD3"]}
    rows = np.arange(300, dtype=np.float32).reshape(300, 1)
    cases = [one_tube(plain_sample(rows, markers), name) for name, markers in tubes.items()]
    counted = OtherResults("counts", ("wbc",), {"a": (1.0,), "b": (2.0,)})
    with pytest.raises(PanelError, match="share no marker; they have CD19, CD3"):
        train(cases, {"a": "CLL", "b": "AML"}, columns=[counted])


# --- hashes of files ---------------------------------------------------------------------


def test_files_are_hashed_for_models_and_not_for_tables(tmp_path):
    cases = find_cases(on_disk(tmp_path / "cases", count=2))
    for how, hashed in (({}, False), ({"reading": Reading()}, True)):
        table = FeatureTable.from_frame(flowml.extract(cases, RECIPE, **how))
        assert [bool(tube.sha256) for case in table.cases for tube in case.tubes] == [
            hashed
        ] * 2
    assert Reading().hash_files
