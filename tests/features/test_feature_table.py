"""Tables: in memory, as a frame, as Parquet, as CSV with its story beside it."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
from small import RECIPE, cohort, plain_sample

import flowml
from flowml.errors import FlowmlError, OutputError
from flowml.features import FeatureTable, make_recipe, read_table, write_table
from flowml.features.table import ATTRS
from flowml.features.tablefile import csv_lines
from flowml.pipeline import extract_table
from flowml.records import Case, Tube

HOSTILE = "=HYPERLINK(1)"


def small_table(case_ids=("p1", "p2")):
    rows = np.random.default_rng(4).uniform(0, 900, (200, 2)).astype(np.float32)
    markers = (["CD3", HOSTILE], ["CD3", 'CD 7,"x"'], ["CD19", "CD3"])
    cases = [
        Case(case_id, (Tube("t.fcs", plain_sample(rows * (n + 1), markers[n % 3])),))
        for n, case_id in enumerate(case_ids)
    ]
    return extract_table([*cases, Case("empty", ())], RECIPE)


def same(one, two):
    assert one.names == two.names
    assert one.case_ids == two.case_ids
    assert one.values.tobytes() == two.values.tobytes()
    assert one.recipe == two.recipe
    for left, right in zip(one.cases, two.cases, strict=True):
        assert (left.problem, left.findings, left.tubes) == (
            right.problem, right.findings, right.tubes,
        )  # fmt: skip


IDS = ("p1", "=1+1", "-x", "@y", "001", "NA", "", "a,b", 'q"q', "ünï")


def test_a_frame_carries_the_whole_story():
    table = small_table(IDS)
    same(FeatureTable.from_frame(table.to_frame()), table)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".CSV"])
def test_a_file_carries_the_whole_story(tmp_path, ending):
    table = small_table(IDS)
    write_table(table, tmp_path / f"t{ending}")
    same(read_table(tmp_path / f"t{ending}"), table)


def test_a_case_that_measured_less_has_nan():
    table = small_table()
    values = table.columns(["CD3|ecdf16", f"{HOSTILE}|ecdf16", "CD99|ecdf16"])
    assert np.isfinite(values[0, :2]).all()
    assert np.isnan(values[1, 1])
    assert np.isnan(values[:, 2]).all()
    assert np.isnan(values[2]).all()
    assert table.cases[2].problem == "the case holds no tube"


def test_columns_do_not_depend_on_the_order_of_cases():
    straight, turned = extract_table(cohort()[:4]), extract_table(cohort()[3::-1])
    assert straight.names == turned.names
    assert straight.values.tobytes() == turned.values[::-1].tobytes()


def test_no_cell_of_a_csv_is_a_formula():
    rows = list(csv.reader("".join(csv_lines(small_table(IDS))).splitlines()))
    cells = [*rows[0], *(row[0] for row in rows)]
    assert any(HOSTILE in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_names_that_are_not_utf8_can_be_written(tmp_path):
    table = extract_table([Case("bad\udcff", cohort()[0].tubes)])
    for name in ("t.parquet", "t.csv"):
        write_table(table, tmp_path / name)
        assert read_table(tmp_path / name).case_ids == ["bad\\udcff"]


def test_a_table_of_another_origin_has_no_recipe(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("subject,a,b\n007,1.5,\nNA,2,3\n")
    table = read_table(path)
    assert table.recipe is None
    assert table.case_ids == ["007", "NA"]
    np.testing.assert_array_equal(table.values, np.float32([[1.5, np.nan], [2, 3]]))
    pd.DataFrame({"a": [1.0]}, index=["x"]).to_parquet(tmp_path / "other.parquet")
    assert read_table(tmp_path / "other.parquet").recipe is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,a\nx,high\n", "not a number"),
        ("id,a,a\nx,1,2\n", "same name"),
        ("id,a\nx,1\nx,2\n", "same case id"),
        ("id;a\nx;1\n", "no columns"),
        ("", "could not read"),
        ("id,a\nx,1e300\n", "infinite or too large"),
        ("id,a\nx,inf\n", "infinite or too large"),
    ],
)
def test_a_foreign_table_that_cannot_be_used_says_why(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(FlowmlError, match=message):
        read_table(path)


@pytest.mark.parametrize(
    "name", ["not-there.csv", "not-there.parquet", "folder.parquet", "a.xlsx"]
)
def test_a_file_that_is_no_table_says_why(tmp_path, name):
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(FlowmlError, match=r"could not read|must end in|no columns"):
        read_table(tmp_path / name)


def test_noise_is_no_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(FlowmlError, match="could not read"):
        read_table(path)


@pytest.mark.parametrize(
    "story",
    [
        [1], {"recipe": None}, {"recipe": {"name": "x"}, "cases": {}}, "text",
        {"recipe": None, "cases": {"p1": {"findings": [{"code": 1}]}}},
        {"recipe": None, "cases": {"p1": {"tubes": [{"nope": 1}]}}},
        {"recipe": None, "cases": {"p1": [1]}}, {"recipe": None, "cases": []},
    ],
)  # fmt: skip
def test_a_damaged_story_is_refused(tmp_path, story):
    write_table(small_table(), tmp_path / "t.csv")
    (tmp_path / "t.csv.json").write_text(json.dumps(story))
    with pytest.raises(FlowmlError):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    "told",
    [
        "text", {"label": 1}, {"instrument": None}, {"detectors": {"CD3": "FL1"}},
        {"stains": ["CD3"]}, {"stains": {"CD3": "FL"}}, {"stains": {"CD3": ["FL1"]}},
        {"stains": {"CD3": ["FL1", 2]}}, {"stains": {"CD3": [["FL1"], ""]}},
        {"stains": {"CD3": ["FL1", "PE", "x"]}}, {"unlabelled": "FL1"}, {"unlabelled": [1]},
    ],
)  # fmt: skip
def test_what_is_told_wrongly_of_stains_is_refused(told):
    frame = small_table().to_frame()
    (tube,) = frame.attrs[ATTRS]["cases"]["p1"]["tubes"]
    wrong = tube | told if isinstance(told, dict) else told
    frame.attrs[ATTRS]["cases"]["p1"]["tubes"] = [wrong]
    with pytest.raises(FlowmlError, match="is damaged"):
        FeatureTable.from_frame(frame)


def test_a_table_of_before_tells_no_stains(tmp_path):
    write_table(small_table(), tmp_path / "t.csv")
    story = json.loads((tmp_path / "t.csv.json").read_text())
    for tube in story["cases"]["p1"]["tubes"]:
        for name in ("stains", "unlabelled", "label", "instrument"):
            del tube[name]
    (tmp_path / "t.csv.json").write_text(json.dumps(story))
    first, second, _ = read_table(tmp_path / "t.csv").cases
    assert first.tubes[0].stained is None
    assert first.tubes[0].tops == {"CD3": 1024.0, HOSTILE: 1024.0}
    assert second.tubes[0].stained is not None


def test_another_ending_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(FlowmlError, match=r"must end in \.parquet or \.csv"):
        write_table(small_table(), tmp_path / "t.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        write_table(small_table(), tmp_path / "file" / "t.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_recipe_that_was_changed_does_not_match_its_hash():
    table = extract_table(cohort()[:2], "ecdf")
    frame = table.to_frame()
    frame.attrs[ATTRS]["recipe"]["transform"] = "arcsinh"
    with pytest.raises(FlowmlError, match="damaged"):
        FeatureTable.from_frame(frame)


def test_extract_returns_a_frame_with_findings():
    frame = flowml.extract(cohort()[:2], recipe="ecdf")
    assert frame.index.name == "case_id"
    assert (frame.dtypes == np.float32).all()
    assert frame.attrs[ATTRS]["recipe"] == make_recipe("ecdf").fit(()).to_dict()
    assert frame.to_numpy().min() >= 0
    assert frame.to_numpy().max() <= 1
