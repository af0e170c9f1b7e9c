"""Result files and terminal tables: complete, harmless, whole or absent."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import numpy as np
import pytest

from flowml.errors import OutputError
from flowml.findings import Finding, Severity
from flowml.gating.rules import RuleFinding
from flowml.gating.rules.evidence import Evidence, TubeEvents
from flowml.knowledge.assessed import Unassessed
from flowml.models.answer import RESULT_COLUMNS, Prediction, no_answer
from flowml.reports.metrics import evaluate_predictions
from flowml.reports.results import json_text, results_csv, results_document, write_results
from flowml.reports.tables import (
    aligned,
    confusion_csv,
    confusion_table,
    findings_text,
    result_table,
)

ENTITIES = ["AML", "CLL"]
COLUMNS = (
    "case_id,status,decision,lineage,p_lineage,category,p_category,leukemia_vs_lymphoma,"
    "p_leukemia,p_lymphoma,rule,entity,p_entity,candidates,novelty,reason,findings,"
    "leukemic_phase,second_population,detection_limit_percent,probability_AML,probability_CLL"
)
HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "a\x1b[31mred",
    "a\nb",
    "\u202ertl",
    "bad\udcff",
    "x" * 5000,
]


def answered(case_id="p1", **more):
    facts = {
        "reason": "most probable: CLL",
        "lineage": "B", "p_lineage": 0.9, "category": "c", "p_category": 1 / 3, "entity": "CLL",
        "p_entity": np.float64(0.9), "leukemia_vs_lymphoma": "undetermined", "p_leukemia": 0.1,
        "p_lymphoma": 0.0, "rule": "r", "probabilities": {"AML": 0.1, "CLL": 0.9},
    }  # fmt: skip
    return Prediction(case_id, "answered", "auto", **facts | more)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_columns_stand_in_the_agreed_order():
    assert results_csv([answered()], ENTITIES).splitlines()[0] == COLUMNS
    assert ",".join(RESULT_COLUMNS) == COLUMNS.rpartition(",probability_AML")[0]


def test_every_case_has_a_row_and_nan_is_an_empty_cell():
    rows = rows_of(results_csv([answered(), no_answer("p2", "unreadable", "why")], ENTITIES))
    assert [row["case_id"] for row in rows] == ["p1", "p2"]
    assert rows[0]["p_category"] == "0.333333"
    assert {
        rows[1][name] for name in ("p_lineage", "p_entity", "probability_CLL", "lineage")
    } == {""}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_harmless_everywhere(name):
    case = answered(name, reason=name, findings=(Finding(name, name, Severity.REVIEW),))
    text = results_csv([case], ENTITIES)
    (row,) = rows_of(text)
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t"))
        assert len(cell) <= 2001
    for shown in (
        text,
        result_table([case]),
        result_table([no_answer(name, "unreadable", name)]),
        findings_text([case]),
    ):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", shown)
        shown.encode("utf-8")
    document = results_document([case], ENTITIES, {})
    document.encode("utf-8")
    assert json.loads(document)["cases"][0]["case_id"] == name


def test_names_that_differ_stay_different():
    rows = rows_of(results_csv([answered("bad\udcfe"), answered("bad\udcff")], ENTITIES))
    assert len({row["case_id"] for row in rows}) == 2


def test_json_has_all_digits_and_null_for_nan():
    case = answered(p_leukemia=math.nan)
    (found,) = json.loads(results_document([case], ENTITIES, {"a": (1, math.inf)}))["cases"]
    assert found["p_category"] == 1 / 3
    assert found["p_leukemia"] is None
    assert found["probabilities"] == {"AML": 0.1, "CLL": 0.9}
    assert json.loads(json_text({"a": (1, math.inf)})) == {"a": [1, None]}


def test_files_are_written_whole_and_nothing_else(tmp_path):
    paths = write_results(tmp_path / "new" / "out", [answered()], ENTITIES, {"k": "v"})
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(
        path.name for path in paths
    )
    assert json.loads(paths[1].read_text(encoding="utf-8"))["provenance"] == {"k": "v"}


def test_a_place_that_cannot_be_written_to_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="could not write"):
        write_results(tmp_path / "file", [answered()], ENTITIES, {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_cannot_be_stated_as_json_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        write_results(tmp_path / "out", [answered()], ENTITIES, {"k": object()})
    assert list(tmp_path.iterdir()) == []


def test_tables_align_and_show_reasons():
    text = result_table([answered(), no_answer("p2", "not_classifiable", "no CD5")])
    heading, row, reason = text.splitlines()
    assert heading.index("decision") == row.index("auto")
    assert reason == "p2: no CD5"
    assert result_table([]) == ""
    assert aligned(["a"], [[float("nan")], [1]]) == "a\n\n1"


def test_confusion_is_the_same_for_eyes_and_for_programs():
    found = evaluate_predictions([answered()], {"p1": "AML"})
    assert rows_of(confusion_csv(found)) == [
        {"label": "AML", "AML": "0", "CLL": "1", "(no entity)": "0"}
    ]
    assert confusion_table(found).splitlines()[1].split() == ["AML", "0", "1", "0"]


def test_what_is_not_assessed_is_listed_in_json_and_once_for_cases_alike():
    plasma = Unassessed("plasma", "plasma cells", (("CD138",), ("CD38",)), "")
    alike = [answered(f"p{n}").leaving_open([plasma]) for n in range(3)]
    other = answered("q").leaving_open([Unassessed("nk", "NK cells", (("CD56", "CD16"),), "")])
    (case, *_) = json.loads(results_document(alike, ENTITIES, {}))["cases"]
    assert case["not_assessed"] == [
        {"question": "plasma cells", "missing": [["CD138"], ["CD38"]]}
    ]
    open_line = "cases: plasma cells (needs CD138 and CD38)"
    assert result_table(alike).splitlines()[-1].endswith(f"these {open_line}")
    lines = result_table([*alike, other]).splitlines()[-2:]
    assert lines[0].endswith(f"of 3 {open_line}")
    assert lines[1].endswith("of 1 cases: NK cells (needs CD56 or CD16)")
    assert "not assessed" not in result_table([answered(), no_answer("p2", "x", "why")])


def test_what_the_rules_say_stands_in_the_record_in_full():
    found = RuleFinding(
        "apl", "present", urgent=True, summary="Same day\x1b[31m", numbers={"share": np.nan},
        n_events=70, population="cells", gate="a gate", tube="a.fcs", missing=("CD2",),
        source="a paper", signs=("classic",),
    )  # fmt: skip
    seen = Evidence((found,), (TubeEvents("a.fcs", 100, 90),))
    document = json.loads(results_document([answered(evidence=seen)], ENTITIES, {}))
    assert document["cases"][0]["rules"] == {
        "problem": "",
        "tubes": [{"tube": "a.fcs", "events": 100, "intact": 90}],
        "rules": [
            {
                "rule": "apl", "status": "present", "urgent": True, "summary": "Same day?[31m",
                "numbers": {"share": None}, "events": 70, "population": "cells",
                "gate": "a gate", "tube": "a.fcs", "missing": ["CD2"], "source": "a paper",
                "signs": ["classic"],
            }
        ],
    }  # fmt: skip
    assert json.loads(results_document([answered()], ENTITIES, {}))["cases"][0]["rules"] is None
