"""The judgement: errors that hurt, questions, strata; and what it refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from judged_answers import TREE, said, several

from flowml.errors import FlowmlError, LabelError
from flowml.judging import Answered, Draws, judge
from flowml.judging.compare import difference
from flowml.judging.intervals import upper_bound
from flowml.judging.judge import JudgeSettings
from flowml.judging.strata import parted
from flowml.models.answer import NOT_SETTLED, UNDETERMINED, no_answer
from flowml.reports.results import json_text

QUICK = JudgeSettings(resamples=50)


def judged(predictions, labels, **more):
    groups = more.pop("groups", list(range(len(labels))))
    return judge(predictions, labels, TREE, groups, settings=QUICK, **more)


def harm(judgement, name):
    return next(each for each in judgement.harms if each.name == name)


def question(judgement, name):
    return next(each for each in judgement.questions if each.name == name)


def test_each_error_that_hurts_is_counted_among_those_it_can_happen_to():
    pairs = [
        ("AML", "AML"), ("AML", "CLL"), ("B-ALL", ""), ("HCL", "MCL"), ("MCL", "HCL"),
        ("FL", "normal"), ("normal", "normal"), ("reactive", "normal"),
    ]  # fmt: skip
    found = judged(*several(*pairs))
    lineage = harm(found, "wrong lineage")  # AML called CLL, FL called normal
    assert (lineage.n_at_risk, lineage.n_answered, lineage.n_errors) == (8, 7, 2)
    assert lineage.upper_95 == upper_bound(2, 7)
    to_lymphoma = harm(found, "leukemia called lymphoma")
    assert (to_lymphoma.n_at_risk, to_lymphoma.n_answered, to_lymphoma.n_errors) == (4, 3, 1)
    to_leukemia = harm(found, "lymphoma called leukemia")
    assert (to_leukemia.n_answered, to_leukemia.n_errors) == (2, 1)
    normal = harm(found, "neoplasm called normal")  # reactive is no neoplasm
    assert (normal.n_at_risk, normal.n_answered, normal.n_errors) == (6, 5, 1)
    acute = harm(found, "acute called non-acute")
    assert (acute.n_at_risk, acute.n_answered, acute.n_errors) == (3, 2, 1)
    assert acute.share.value == 0.5


def test_an_error_that_a_person_looks_at_is_not_automatic():
    predictions, labels = several(("AML", "CLL"), ("AML", "CLL"), ("AML", "AML"))
    predictions[0] = said("c0", "CLL", decision="review")
    acute = harm(judged(predictions, labels), "acute called non-acute")
    assert (acute.n_errors, acute.n_auto) == (2, 1)


def test_bounds_count_patients():
    predictions, labels = several(*[("AML", "AML")] * 40)
    found = judged(predictions, labels, groups=[n // 4 for n in range(40)])
    acute = harm(found, "acute called non-acute")
    assert (acute.n_answered, acute.n_patients, acute.n_patients_wrong) == (40, 10, 0)
    assert acute.upper_95 == pytest.approx(1 - 0.05 ** (1 / 10))


def test_undetermined_is_an_answer_where_it_was_settled_only():
    settled = said("a", "CLL")
    open_ = said("b", "", {"CLL": 0.5, "MCL": 0.5}, lineage="B",
                 leukemia_vs_lymphoma=UNDETERMINED, rule=NOT_SETTLED)  # fmt: skip
    level = judged([settled, open_], ["CLL", "CLL"]).levels["leukemia_vs_lymphoma"]
    assert level.given.answered.value == 0.5
    assert level.given.accuracy.value == 0.5


def test_sensitivity_and_predictive_values_worked_by_hand():
    pairs = [("AML", "AML")] * 3 + [("AML", "CLL")] + [("CLL", "CLL")] * 5 + [("CLL", "AML")]
    found = judge(*several(*pairs), TREE, range(10),
                  settings=JudgeSettings({"acute_leukemia": 0.1}, resamples=50))  # fmt: skip
    acute = question(found, "acute_leukemia")
    assert (acute.n_yes, acute.n_no, acute.n_open) == (4, 6, 0)
    assert acute.sensitivity.value == 3 / 4
    assert acute.specificity.value == 5 / 6
    assert acute.ppv.value == 3 / 4
    assert acute.npv.value == 5 / 6
    yes, alarm, missed, spared = 0.1 * 3 / 4, 0.9 / 6, 0.1 / 4, 0.9 * 5 / 6
    assert acute.ppv_at_prior.value == pytest.approx(yes / (yes + alarm))
    assert acute.npv_at_prior.value == pytest.approx(spared / (spared + missed))
    assert math.isnan(question(found, "neoplasm").prior)


def test_f1_of_a_class_worked_by_hand():
    pairs = [("AML", "AML")] * 3 + [("AML", "CLL")] + [("CLL", "AML")] * 2 + [("CLL", "")]
    level = judged(*several(*pairs)).levels["entity"]
    aml = next(each for each in level.classes if each.name == "AML")
    assert aml.recall.value == 3 / 4
    assert aml.precision.value == 3 / 5
    assert aml.f1.value == pytest.approx(2 * 3 / (4 + 5))
    assert aml.forced_f1.value == pytest.approx(2 * 3 / (4 + 5))


def test_an_open_category_is_neither_yes_nor_no():
    found = question(
        judged(*several(("AML", "AML"), ("AML", ""), ("CLL", ""))), "acute_leukemia"
    )
    assert found.n_open == 2
    assert found.sensitivity.value == 0.5
    assert found.specificity.value == 0.0
    assert found.ppv.value == 1.0
    assert math.isnan(found.npv.value)


def test_levels_add_probabilities_up_the_tree():
    p = {"CLL": 0.3, "MCL": 0.3, "AML": 0.4}
    answered = Answered.of([said("a", "", p)], ["CLL"], TREE)
    lineage = answered.levels["lineage"]
    assert lineage.classes[int(lineage.forced[0])] == "B"
    assert lineage.chances.max() == pytest.approx(0.6)
    entity = answered.levels["entity"]
    assert entity.classes[int(entity.forced[0])] == "AML"


def test_a_case_that_could_not_be_used_is_not_answered_and_has_no_probabilities():
    found = judged([said("a", "CLL"), no_answer("b", "unreadable", "x")], ["CLL", "MCL"])
    assert (found.n_cases, found.n_unusable) == (2, 1)
    entity = found.levels["entity"]
    assert entity.given.accuracy.value == entity.forced.accuracy.value == 0.5
    assert entity.brier.value == 0.0
    assert entity.coverage.coverage.max() == 0.5


def test_a_label_that_no_model_knows_cannot_be_right():
    found = judged(*several(("HCL", "CLL"), ("CLL", "CLL")))
    assert found.levels["entity"].given.accuracy.value == 0.5
    assert math.isfinite(found.levels["entity"].log_loss.value)


def test_repeats_of_a_case_count_once_in_all():
    predictions = [said("a", "CLL"), said("a", "MCL"), said("b", "CLL")]
    found = judged(predictions, ["CLL"] * 3, groups=["a", "a", "b"], splits=[0, 1, 0])
    assert (found.n_cases, found.n_answers, found.n_patients) == (2, 3, 2)
    assert found.levels["entity"].given.accuracy.value == pytest.approx(0.75)


def test_the_order_of_cases_changes_no_figure():
    rng = np.random.default_rng(0)
    names = ["CLL", "MCL", "AML", "normal"]
    pairs = [(rng.choice(names), rng.choice([*names, ""])) for _ in range(40)]
    predictions, labels = several(*pairs)
    order = rng.permutation(40)
    one = judged(predictions, labels)
    two = judged([predictions[k] for k in order], [labels[k] for k in order])
    for name, level in one.levels.items():
        other = two.levels[name]
        assert level.given.macro_f1.value == pytest.approx(other.given.macro_f1.value)
        assert level.confusion.tolist() == other.confusion.tolist()
    assert [h.n_errors for h in one.harms] == [h.n_errors for h in two.harms]


def test_strata_hold_every_case_once():
    predictions, labels = several(*[("CLL", "CLL"), ("CLL", "normal")] * 3)
    by = {"instrument": ["a", "b"] * 3, "share": ["", "0.02", "0.3"] * 2}
    found = judged(predictions, labels, by=by).strata
    assert [(s.value, s.n, s.entity.value) for s in found["instrument"]] == [
        ("a", 3, 1.0),
        ("b", 3, 0.0),
    ]
    assert found["instrument"][1].called_normal.value == 1.0
    assert sum(s.n for s in found["share"]) == 6
    assert found["share"][-1].value == "(not known)"


def test_shares_of_many_values_are_parted_by_ranges_that_a_laboratory_asks_for():
    values = [f"{n / 100}" for n in range(100)]
    found = parted(values)
    assert list(found) == [
        "0 to 0.01", "0.01 to 0.05", "0.05 to 0.1", "0.1 to 0.2", "0.2 to 0.5", "0.5 to 1",
    ]  # fmt: skip
    assert [int(own.sum()) for own in found.values()] == [1, 4, 5, 10, 30, 50]
    ages = parted([str(n) for n in range(100)])
    assert [int(own.sum()) for own in ages.values()] == [25, 25, 25, 25]
    assert list(parted(["x\x1b[31m", "y"])) == ["x?[31m", "y"]


def test_a_difference_is_paired():
    labels = ["CLL"] * 20
    ours = [said(f"c{n}", "CLL" if n < 15 else "MCL") for n in range(20)]
    theirs = [said(f"c{n}", "CLL" if n < 12 else "MCL") for n in range(20)]
    one, two = (Answered.of(each, labels, TREE) for each in (ours, theirs))
    found = difference(one, two, Draws.of(range(20)))
    assert found.accuracy["entity"].value == pytest.approx(0.15)
    assert found.accuracy["lineage"].value == 0.0
    assert (found.gained, found.lost, found.p) == (3, 0, 0.25)
    none = difference(one, one, Draws.of(range(20)))
    assert none.accuracy["entity"] == (0, 0, 0)


def test_everything_is_plain_and_becomes_json():
    found = judged(*several(("AML", "AML"), ("CLL", "")))
    record = json.loads(json_text(found.to_dict()))
    assert record["levels"]["entity"]["given"]["accuracy"]["value"] == 0.5
    assert record["settings"]["resamples"] == 50
    assert {each["name"] for each in record["questions"]} == {"acute_leukemia", "neoplasm"}


@pytest.mark.parametrize(
    ("labels", "groups", "words"),
    [
        (["CLL"], [1, 2], "1 labels for 2 predictions"),
        (["CLL", "nope"], [1, 2], "not an entity"),
        (["CLL", "CLL"], [1], "groups holds 1 values for 2"),
    ],
)
def test_what_does_not_fit_is_refused(labels, groups, words):
    predictions = [said("a", "CLL"), said("b", "CLL")]
    with pytest.raises(LabelError, match=words):
        judge(predictions, labels, TREE, groups)


def test_no_predictions_and_foreign_entities_are_refused():
    with pytest.raises(LabelError, match="0 labels for 0"):
        judge([], [], TREE, [])
    with pytest.raises(LabelError, match="no entities of the label tree"):
        judge([said("a", "", {"CLL": 0.5, "XYZ": 0.5})], ["CLL"], TREE, [1])


@pytest.mark.parametrize("priors", [{"fever": 0.1}, {"neoplasm": 0.0}, {"neoplasm": 1.5}])
def test_a_prior_is_a_share_of_a_question(priors):
    with pytest.raises(FlowmlError, match="expected a share above 0"):
        JudgeSettings(priors)
    with pytest.raises(FlowmlError, match="1 or more"):
        JudgeSettings(resamples=0)
