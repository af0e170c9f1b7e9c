"""The script that cross-validates on published features counts as it says."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from places import ROOT
from plain_tables import COLUMNS, rows_of, written
from sklearn.tree import DecisionTreeClassifier


@pytest.fixture(scope="module")
def script():
    path = ROOT / "scripts" / "measure_flowcap.py"
    spec = importlib.util.spec_from_file_location("measure_flowcap", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(tmp_path):
    """Twenty subjects of either kind, and others of the test whose labels must not count."""
    rows = [
        row | {"subject": str(n)} for n, row in enumerate(rows_of(["aml", "normal"], 20), 1)
    ]
    hidden = [row | {"subject": str(180 + n), "label": "x"} for n, row in enumerate(rows[:3])]
    return written(tmp_path / "t.csv", rows + hidden)


def test_subjects_of_the_test_are_not_used(script, table):
    subjects = script.training_subjects(table)
    assert sorted(map(int, subjects.ids)) == list(range(1, 41))
    assert set(subjects.labels) == {"aml", "normal"}
    assert subjects.values.shape == (40, len(COLUMNS))


def test_scores_are_those_of_a_count_by_hand(script):
    values = np.float32([[0], [0], [1], [1], [1], [0]])
    labels = np.array(["aml", "aml", "normal", "normal", "aml", "normal"])
    subjects = script.Subjects(values, labels, np.arange(6))
    parts = [
        (np.array([0, 1, 2, 3]), np.array([4, 5])),
        (np.array([2, 3, 4, 5, 0, 1]), np.arange(4)),
    ]
    auc, f1 = script.held_out(
        lambda s: DecisionTreeClassifier(random_state=s), 0, parts, subjects
    )
    # The first tree takes 0 for aml, and errs about both that it has not seen. The second knows
    # 2 aml of 3 at 0, and 1 of 3 at 1. So the chances are 2/3, 2/3 and 0 of those with aml,
    # 1/3, 1/3 and 1 of the others: of 9 pairs, 4 are in order.
    assert auc == pytest.approx(4 / 9)
    assert f1 == pytest.approx(2 / 3)  # 2 right of 3 aml, 3 answered so


def test_the_interval_is_student_s(script):
    mean, low, high = script.interval([0.9, 0.92, 0.94])
    # t(0.975, 2) = 4.303, standard error 0.02 / sqrt(3)
    assert (round(mean, 9), round(high - mean, 4), round(mean - low, 4)) == (
        0.92,
        0.0497,
        0.0497,
    )


def test_it_prints_a_row_for_each_classifier(script, table, capsys, monkeypatch):
    monkeypatch.setattr(script, "FOLDS", 2)
    script.main([str(table), "--repeats", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "40 subjects, 20 aml; 2 x 2 folds"
    assert [line.split(" | ")[0] for line in lines[4:]] == [
        f"| {n}" for n in script.CLASSIFIERS
    ]
    assert all(line.count("|") == lines[3].count("|") for line in lines[4:])
