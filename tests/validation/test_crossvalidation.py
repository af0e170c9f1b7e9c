"""Cross-validation, baselines and controls on tables in memory; nothing leaks into training."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from cohort_tables import row, table_of, told_apart, tube
from small import RECIPE, cohort, labels

from flowml.errors import FlowmlError, LabelError
from flowml.features import make_recipe
from flowml.judging import judge
from flowml.judging.beside import beside
from flowml.knowledge import load_label_tree
from flowml.models.classifier import LineageClassifier
from flowml.reading import Reading, extract_table
from flowml.training import TrainingSettings
from flowml.validation import (
    Parting,
    Split,
    Splits,
    Validating,
    by_patient,
    cross_validate,
    negative_controls,
    validate,
    validate_table,
)
from flowml.validation.baselines import LEAKS, METADATA, METHODS, MISSING, baseline_answers
from flowml.validation.circumstances import (
    circumstances_of,
    column_of,
    day_in,
    days_of,
    metadata,
    missingness,
)
from flowml.validation.controls import SHUFFLED, shuffled
from flowml.validation.crossvalidation import tables_of
from flowml.validation.validate import joined_patients

SETTINGS = TrainingSettings(estimator="logistic")  # trained in a moment
PLANS = [make_recipe(RECIPE)]


def names(n):
    return [f"p{k}" for k in range(n)]


def crossed(table, entities, folds=3, **more):
    groups = names(len(entities))
    splits = by_patient(entities, groups, folds)
    return cross_validate(table, entities, groups, SETTINGS, splits, **more), splits, groups


def test_plain_tables_are_cross_validated_and_judged():
    table, entities = told_apart()
    done = []
    out, splits, groups = crossed(table, entities, progress=done.append)
    assert done == [1, 2, 3]
    assert sorted(out.rows) == list(range(60))
    assert [p.case_id for p in out.predictions] == out.of(table.case_ids)
    assert out.splits.tolist() == sorted(out.splits)
    assert (out.n_features, out.data_kind) == (4, "unknown")
    found = judge(out.predictions, out.of(entities), load_label_tree(), out.of(groups))
    assert found.levels["entity"].forced.accuracy.value > 0.8
    assert len(splits.parts) == 3


def test_a_model_of_a_split_is_that_of_its_training_cases_alone(monkeypatch):
    table, entities = told_apart()
    seen = []
    fit = LineageClassifier.fit

    def noting(self, X, y, *more, **named):
        seen.append(list(X.index))
        return fit(self, X, y, *more, **named)

    monkeypatch.setattr(LineageClassifier, "fit", noting)
    out, splits, groups = crossed(table, entities)
    for ids, part in zip(seen, splits.parts, strict=True):
        assert ids == [table.case_ids[k] for k in part.train]
    first = splits.parts[0]
    model = SETTINGS.classifier().fit(
        table.to_frame().iloc[first.train],
        [entities[k] for k in first.train],
        groups=[groups[k] for k in first.train],
    )
    alone = model.predict_proba(table.to_frame().iloc[first.test])
    told = [list(p.probabilities.values()) for p in out.predictions[: len(first.test)]]
    # sums may be added in another order where a table lies otherwise in memory
    np.testing.assert_allclose(told, alone[:, _order(model, out)], rtol=1e-9)


def _order(model, out):
    return [list(model.classes_).index(name) for name in out.predictions[0].probabilities]


def test_what_is_tested_changes_no_training():
    """Values of the tested cases may be anything: the other answers stay the same bits."""
    table, entities = told_apart(n=30)
    part = Split("one", np.arange(20), np.arange(20, 30))
    splits, groups = Splits("once", (part,)), names(30)
    values = table.values.copy()
    values[25:] = 1e6
    one = cross_validate(table, entities, groups, SETTINGS, splits)
    two = cross_validate(replace(table, values=values), entities, groups, SETTINGS, splits)
    for before, after in zip(one.predictions[:5], two.predictions[:5], strict=True):
        assert before.probabilities == after.probabilities


def test_a_patient_on_both_sides_is_refused():
    table, entities = told_apart(n=6)
    splits = Splits("wrong", (Split("a", np.array([0, 1, 2, 3]), np.array([4, 5])),))
    with pytest.raises(LabelError, match="a patient is on both sides"):
        cross_validate(table, entities, [*names(4), "p0", "p5"], SETTINGS, splits)
    with pytest.raises(LabelError, match="for 6 cases"):
        cross_validate(table, entities[:5], names(6), SETTINGS, splits)


def test_cases_that_cannot_be_used_do_not_train_and_are_not_answered():
    table, entities = told_apart(n=30)
    rows = [
        replace(case, problem="broken" if n < 4 else "") for n, case in enumerate(table.cases)
    ]
    out, _, _ = crossed(replace(table, cases=tuple(rows)), entities)
    unusable = {p.case_id for p in out.predictions if not p.was_usable}
    assert unusable == {"c0", "c1", "c2", "c3"}
    assert not any(p.entity for p in out.predictions if p.case_id in unusable)


# --- recipes that learn ------------------------------------------------------------------


def test_a_recipe_that_learns_is_fitted_on_each_training_part():
    cases, known = list(cohort()), labels()
    entities = [known[case.case_id] for case in cases]
    splits = by_patient(entities, names(12), 2)
    recipe = make_recipe("mll2021")
    reading = Reading(hash_files=False)
    parts = tables_of(cases, entities, recipe, reading, SETTINGS)
    for part in splits.parts:
        train, test = parts(part)
        fitted = recipe.fit([cases[k] for k in part.train])
        assert train.recipe == test.recipe == fitted
        alone = extract_table([cases[k] for k in part.test], fitted, reading)
        assert test.values.tobytes() == alone.values.tobytes()
        assert test.case_ids == [cases[k].case_id for k in part.test]
        assert train.case_ids == [cases[k].case_id for k in part.train]


@pytest.mark.parametrize("how", [{"name": "som", "map_side": 3}, {"name": "mll2021"}])
def test_features_that_learned_of_the_tested_cases_are_refused(how):
    recipe = make_recipe(**how)
    table = extract_table(cohort(), recipe, Reading(hash_files=False))
    entities = [labels()[case_id] for case_id in table.case_ids]
    with pytest.raises(
        FlowmlError, match=f"learned of cases \\({how['name']}.*perhaps of those"
    ):
        crossed(table, entities, folds=2)


@pytest.mark.usefixtures("few_trees")
def test_files_are_read_once_where_nothing_is_learned_and_again_where_it_is(monkeypatch):
    import flowml.reading as module

    read, describe = [], module.describe_case

    def noting(case, **more):
        read.append(case.case_id)
        return describe(case, **more)

    monkeypatch.setattr(module, "describe_case", noting)
    validate(cohort(), labels(), Parting(folds=2), PLANS)
    assert len(read) == 12
    read.clear()
    validate(
        cohort(), labels(), Parting(folds=2), [make_recipe("ecdf"), make_recipe("moments")]
    )
    assert len(read) == 24
    read.clear()
    validate(cohort(), labels(), Parting(folds=2), [make_recipe("mll2021")])
    assert len(read) == 12 + 2 * 12  # ecdf for the baselines, mll2021 for each split


# --- circumstances and baselines ---------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("03-MAY-2024", dt.date(2024, 5, 3)),
        ("3-May-24", dt.date(2024, 5, 3)),
        ("31-DEC-98", dt.date(1998, 12, 31)),
        ("2024-05-03", dt.date(2024, 5, 3)),
        ("2024-05-03T10:11:12", dt.date(2024, 5, 3)),
        ("03/05/2024", None),
        ("31-FEB-2024", None),
        ("03-XYZ-2024", None),
        ("", None),
    ],
)
def test_days_are_read_where_they_are_sure(text, day):
    assert day_in(text) == day


def test_days_of_files_and_of_details():
    cases = list(cohort()[:2])
    told = days_of(cases, Reading())
    assert [str(day) for day in told] == [case.details["date"] for case in cases]
    bare = [replace(case, details={}) for case in cases]
    assert days_of(bare, Reading()) == told  # by $DATE


def test_what_surrounds_cases_becomes_numbers_that_know_nothing_of_cells():
    cases = [
        row("a", "", tube(instrument="N1", n_events=10)),
        row("b", "", tube(instrument="N2", n_events=20), tube(instrument="N2", n_events=5)),
        row("c"),
    ]
    table = table_of([[1, np.nan, np.nan], [2, np.nan, np.nan], [3, 4, 5]], cases)
    about = circumstances_of(table, [{"laboratory": "X"}, {"date": "2024-01-02"}, {}])
    assert about.of("instrument") == (frozenset({"N1"}), frozenset({"N2"}), frozenset())
    assert about.of("laboratory")[0] == frozenset({"X"})
    numbers = metadata(table, about)
    nan = pytest.approx(np.nan, nan_ok=True)
    day = float(dt.date(2024, 1, 2).toordinal())
    assert numbers.tolist() == [
        [1, 0, 1, nan, 1, 10, nan],
        [0, 1, 0, day, 2, 20, 5],
        [0, 0, 0, nan, 0, nan, nan],
    ]
    assert missingness(table).tolist() == [[1], [1], [0]]  # one column: missing together
    assert missingness(table_of([[1.0], [2.0]])).shape == (2, 0)
    assert column_of(about, "instrument") == ["N1", "N2", ""]
    with pytest.raises(FlowmlError, match="no case has a value of the column 'age'"):
        column_of(about, "age")
    with pytest.raises(FlowmlError, match="patients are never shown"):
        column_of(about, "patient_id")
    with pytest.raises(FlowmlError, match="choose from instrument"):
        about.of("color")


def test_baselines_answer_every_case_on_the_same_splits():
    table, entities = told_apart()
    splits, groups = by_patient(entities, names(60), 3), names(60)
    about = circumstances_of(table)
    found = baseline_answers(table, about, entities, splits, load_label_tree())
    assert set(found) == set(METHODS)
    order = np.concatenate([part.test for part in splits.parts])
    reached = {}
    for name, answered in found.items():
        assert list(answered.case_ids) == [table.case_ids[k] for k in order]
        reached[name] = beside(name, answered, groups, np.zeros(60, int), resamples=50)
    accuracy = {n: b.levels["entity"].accuracy.value for n, b in reached.items()}
    assert accuracy["majority class"] == pytest.approx(1 / 3, abs=0.1)
    assert accuracy["logistic regression"] > 0.8
    assert reached["majority class"].is_at_chance


def test_a_cohort_that_leaks_is_found_out():
    rng = np.random.default_rng(1)
    n, entities = 120, ["CLL", "AML"] * 60
    cases = [
        row(f"c{k}", "", tube(instrument="N1" if entity == "CLL" else "N2"))
        for k, entity in enumerate(entities)
    ]
    values = rng.normal(size=(n, 3))
    values[::2, 2] = np.nan  # CD3 is ordered for AML only
    table = table_of(values, cases)
    about, groups = circumstances_of(table), names(n)
    splits = by_patient(entities, groups, 4)
    tree = load_label_tree()
    found = baseline_answers(table, about, entities, splits, tree, 0, LEAKS)
    for name, answered in found.items():
        parts = np.repeat(np.arange(4), [len(part.test) for part in splits.parts])
        order = np.concatenate([part.test for part in splits.parts])
        found = beside(name, answered, [groups[k] for k in order], parts, resamples=200)
        assert found.beats_chance
        assert found.auc.value > 0.95
        assert not found.is_at_chance


def test_controls_are_at_chance_where_only_cells_tell():
    table, entities = told_apart(n=120, seed=3)
    groups = names(120)
    found = negative_controls(
        table, circumstances_of(table), entities, groups, SETTINGS,
        by_patient(entities, groups, 4),
    )  # fmt: skip
    assert set(found) == {SHUFFLED, METADATA, MISSING}
    assert all(control.is_at_chance for control in found.values())


def test_shuffled_labels_go_by_patient():
    given = [f"p{k // 3}" for k in range(60)]
    entities = [("CLL", "AML")[k // 30] for k in range(60)]
    wrong = shuffled(entities, given, seed=5)
    assert sorted(wrong) == sorted(entities)
    assert wrong != entities
    assert all(len(set(wrong[k : k + 3])) == 1 for k in range(0, 60, 3))
    assert wrong == shuffled(entities, given, seed=5)


def test_cases_that_hold_one_file_are_one_patient():
    cases = [row("a", "", tube(sha256="1")), row("b", "", tube(sha256="2")),
             row("c", "", tube(sha256="1")), row("d", "", tube(sha256=""))]  # fmt: skip
    groups, notes = joined_patients(table_of(np.zeros((4, 1)), cases), list("wxyz"))
    assert groups == ["w", "x", "w", "z"]
    assert "a and c" in notes[0]


# --- the whole ---------------------------------------------------------------------------


@pytest.mark.usefixtures("few_trees")
def test_a_validation_holds_recipes_against_the_first_on_the_same_cases():
    plans = [make_recipe("ecdf"), make_recipe("moments")]
    found = validate(
        cohort(), labels(), Parting(folds=3), plans, how=Validating(by=("specimen",))
    )
    one, two = found.trials
    assert (one.difference, two.recipe) == (None, "moments")
    assert one.out.rows.tolist() == two.out.rows.tolist()
    rights = [t.judgement.levels["entity"].given.accuracy.value for t in found.trials]
    assert two.difference.accuracy["entity"].value == pytest.approx(rights[1] - rights[0])
    assert [each.name for each in found.beside] == ["flowml", *METHODS]
    assert found.beside[0].levels["entity"] == one.judgement.levels["entity"].forced
    assert one.out.data_kind == "synthetic"
    assert sum(s.n for s in one.judgement.strata["specimen"]) == 12


@pytest.mark.usefixtures("few_trees")
def test_one_entity_is_refused_and_no_patient_is_said():
    cases = [replace(case, details={}) for case in cohort()]
    found = validate(cases, labels(), Parting(folds=2), PLANS)
    assert any("no case tells its patient" in note for note in found.notes)
    assert not validate(cohort(), labels(), Parting(folds=2), PLANS).notes
    with pytest.raises(LabelError, match="two or more entities"):
        validate(cases, dict.fromkeys(labels(), "CLL"), Parting(folds=2))


@pytest.mark.usefixtures("few_trees")
def test_a_table_of_any_origin_is_validated_whole():
    table, entities = told_apart(n=48)
    details = [{"laboratory": "ab"[k // 3 % 2]} for k in range(48)]
    how = Validating(by=("laboratory",))
    found = validate_table(
        table, [e.lower() for e in entities], names(48), Parting(leave_out="laboratory"),
        details, how,
    )  # fmt: skip
    assert [each.name for each in found.splits.parts] == ["laboratory a", "laboratory b"]
    assert found.trials[0].judgement.levels["entity"].forced.accuracy.value > 0.8
    assert found.beside[0].levels["entity"] == found.trials[0].judgement.levels["entity"].forced
    with pytest.raises(LabelError, match="for 48 cases"):
        validate_table(table, entities[1:], names(48), Parting(folds=2))
