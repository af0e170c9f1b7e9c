"""Splits: no patient on both sides, every case tested, and what cannot be is said."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from flowml.errors import FlowmlError, LabelError
from flowml.validation import Parting, by_patient, leave_out, train_before

DAY = dt.date(2024, 1, 1)


def apart(splits, groups):
    for part in splits.parts:
        train, test = ({groups[row] for row in rows} for rows in (part.train, part.test))
        assert not train & test
        assert len(part.train)
        assert len(part.test)
    return True


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4), st.integers(1, 2))
def test_folds_test_every_case_once_and_no_patient_is_on_both_sides(seed, folds, repeats):
    rng = np.random.default_rng(seed)
    groups = [f"p{k}" for k in rng.integers(0, 30, 60)]
    labels = [("CLL", "AML")[int(group[1:]) % 2] for group in groups]
    splits = by_patient(labels, groups, folds, repeats, seed)
    assert apart(splits, groups)
    tested = np.concatenate([part.test for part in splits.parts])
    assert sorted(tested) == sorted(list(range(60)) * repeats)
    assert len(splits.parts) == folds * repeats


def test_the_same_seed_gives_the_same_folds_and_repeats_differ():
    labels, groups = ["CLL", "AML"] * 20, [str(n) for n in range(40)]
    one, two = (by_patient(labels, groups, 4, 2, seed=7) for _ in range(2))
    tests = [[part.test.tolist() for part in each.parts] for each in (one, two)]
    assert tests[0] == tests[1]
    assert tests[0][:4] != tests[0][4:]
    assert one.parts[5].name == "repeat 2, fold 2"


def test_classes_of_few_patients_are_said():
    labels = ["CLL"] * 8 + ["AML"] * 8 + ["HCL"] * 3 + ["MCL"] * 2
    groups = [str(n) for n in range(19)] + ["m", "m"]  # one patient with both MCL
    notes = " / ".join(by_patient(labels, groups, 4).notes)
    assert "fewer patients than folds, so that little is known of them: HCL (3)" in notes
    assert "one patient only" in notes
    assert "cannot be right: MCL" in notes
    assert "not seen the entity, never right: MCL (2)" in notes
    assert by_patient(labels[:16], groups[:16], 4).notes == ()


@pytest.mark.parametrize(
    ("labels", "folds", "words"),
    [
        (["CLL", "AML"] * 2, 1, "1 folds"),
        (["CLL", "AML"] * 2, 3, "too few for 3 folds"),
        (["CLL"] * 8, 2, "no training part has two entities"),
    ],
)
def test_what_cannot_be_folded_is_refused(labels, folds, words):
    with pytest.raises(FlowmlError, match=words):
        by_patient(labels, [str(n) for n in range(len(labels))], folds)


def one(*names):
    return [frozenset(filter(None, name.split("+"))) for name in names]


def test_each_instrument_is_left_out_with_its_patients():
    values = one("A", "A", "B", "B", "B", "", "A+B", "A")
    labels = ["CLL", "AML", "CLL", "AML", "CLL", "CLL", "AML", "CLL"]
    groups = ["1", "2", "1", "3", "4", "5", "6", "7"]  # patient 1 was measured on both
    splits = leave_out("instrument", values, labels, groups)
    assert apart(splits, groups)
    assert [part.name for part in splits.parts] == ["instrument A", "instrument B"]
    assert splits.parts[0].test.tolist() == [0, 1, 6, 7]
    assert splits.parts[0].train.tolist() == [3, 4]  # not 2, whose patient is tested; not 5
    assert splits.parts[1].test.tolist() == [2, 3, 4, 6]
    assert splits.parts[1].train.tolist() == [1, 7]
    assert any("1 cases do not tell their instrument" in note for note in splits.notes)


def test_one_value_or_none_cannot_be_left_out():
    with pytest.raises(LabelError, match="only 'A' as panel, expected two"):
        leave_out("panel", one("A", "A"), ["CLL", "AML"], ["1", "2"])
    with pytest.raises(LabelError, match="Add a column 'laboratory'"):
        leave_out("laboratory", one("", ""), ["CLL", "AML"], ["1", "2"])


def test_a_part_that_cannot_be_trained_is_named():
    values, labels = one("A", "A", "B", "B"), ["CLL", "AML", "CLL", "CLL"]
    splits = leave_out("instrument", values, labels, list("1234"))
    assert [part.name for part in splits.parts] == ["instrument B"]
    assert "not tested, as the others are of one entity: instrument A" in splits.notes


def test_early_cases_train_and_late_ones_are_tested():
    days = [DAY + dt.timedelta(n) for n in range(6)] + [None]
    labels = ["CLL", "AML", "CLL", "CLL", "AML", "AML", "CLL"]
    groups = ["1", "2", "3", "4", "5", "1", "6"]  # patient 1 came again
    splits = train_before(dt.date(2024, 1, 5), days, labels, groups)
    (part,) = splits.parts
    assert apart(splits, groups)
    assert (part.train.tolist(), part.test.tolist()) == ([1, 2, 3], [4, 5])
    assert splits.notes == ("1 cases do not tell their day and are left out",)
    middle = train_before(None, days, labels, groups)
    assert middle.how.startswith("trained before 2024-01-04")


@pytest.mark.parametrize(
    ("day", "days", "words"),
    [
        (DAY, [None] * 4, "no case tells its day"),
        (DAY, [DAY] * 4, "0 cases before 2024-01-01 and 4 later"),
        (DAY + dt.timedelta(9), [DAY] * 4, "Choose a day between"),
    ],
)
def test_days_that_part_nothing_are_refused(day, days, words):
    with pytest.raises(LabelError, match=words):
        train_before(day, days, ["CLL", "AML"] * 2, list("1234"))


@pytest.mark.parametrize(
    "ways", [{}, {"folds": 2, "leave_out": "panel"}, {"is_by_day": True, "folds": 3}]
)
def test_cases_are_parted_in_one_way(ways):
    with pytest.raises(FlowmlError, match="Choose one"):
        Parting(**ways)
