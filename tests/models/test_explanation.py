"""Explanations: sums that lose nothing, and the pair of entities that is meant."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small import cohort, model

import flowml
from flowml.errors import CaseError, LabelError, ModelError
from flowml.explaining import chosen_case
from flowml.knowledge import load_label_tree
from flowml.models import Prediction
from flowml.models.contributions import Contributions
from flowml.models.explanation import Explanation, chosen_pair
from flowml.records import Case
from flowml.reports.results import json_text

TREE = load_label_tree().subset(("CLL", "MCL", "normal"))
CHANCES = {"CLL": 0.7, "MCL": 0.1, "normal": 0.2}


def small_explanation(names, values, bins=None):
    """Return an explanation of contributions to CLL, against MCL."""
    chances = np.array(list(CHANCES.values()))
    return Explanation(
        prediction=Prediction("A1", "answered", "auto", "", probabilities=CHANCES),
        entity="CLL",
        other="MCL",
        entities=tuple(TREE.entities),
        feature_names=tuple(names),
        values=np.full(len(names), 0.25, np.float32),
        contributions=Contributions(np.array(values, float), chances),
        bins=bins or {},
    )


def sums(reasons):
    return {reason.name: round(reason.difference, 12) for reason in reasons}


def test_a_pair_is_split_and_a_map_is_not():
    found = small_explanation(
        ["CD5|mean", "CD19:CD5|quadrantPP", "CD19:CD3:CD5|som0101", "CD3|mean"],
        [[1.0, 4.0, 8.0, 0.0], [0.5, -2.0, 1.0, 0.0], [9.0, 9.0, 9.0, 9.0]],
    )
    assert sums(found.markers) == {
        "CD5": 0.5 + 3.0, "CD19": 3.0, "map of CD19 x CD3 x CD5": 7.0,
    }  # fmt: skip
    assert found.markers[0].name == "map of CD19 x CD3 x CD5"
    (cd5,) = (reason for reason in found.markers if reason.name == "CD5")
    assert (cd5.to_entity, cd5.to_other) == (3.0, -0.5)


def test_bins_of_a_region_are_summed_and_those_of_others_are_not():
    found = small_explanation(
        ["CD5|ecdf19", "CD5|ecdf25", "CD5|ecdf26", "CD3|ecdf19"],
        [[1.0, 2.0, 4.0, 8.0], [0.0] * 4, [0.0] * 4],
        {"ecdf": 32},
    )
    assert [(r.name, r.low, r.difference) for r in found.regions] == [
        ("CD3", (19 / 32,), 8.0), ("CD5", (26 / 32,), 4.0), ("CD5", (19 / 32,), 3.0),
    ]  # fmt: skip


def test_tubes_are_summed_by_their_name():
    values = [[1.0, 2.0, 4.0], [0.0] * 3, [0.0] * 3]
    found = small_explanation(["B1|CD5|mean", "B1|CD3|mean", "B2|CD5|mean"], values)
    assert sums(found.tubes) == {"B2": 4.0, "B1": 3.0}
    assert sums(found.markers) == {"CD5": 5.0, "CD3": 2.0}


def test_results_of_other_methods_are_reasons_of_their_own():
    values = [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    found = small_explanation(["FISH|t(11;14)|result", "CD5|mean"], values)
    assert sums(found.regions) == {"FISH|t(11;14)": 1.0}
    assert found.regions[0].value == 0.25


# --- which entities ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "pair"),
    [
        (("", ""), ("CLL", "normal")),
        (("MCL", ""), ("MCL", "CLL")),
        (("", "CLL"), ("normal", "CLL")),
        (("mantel", "NORMAL"), ("MCL", "normal")),
    ],
)
def test_the_likeliest_are_meant_where_nothing_is_said(asked, pair):
    assert chosen_pair(TREE, CHANCES, *asked) == pair


def test_an_entity_that_the_model_does_not_know_is_refused_with_the_nearest():
    with pytest.raises(LabelError, match=r"does not know 'AML'; it knows CLL, MCL, normal"):
        chosen_pair(TREE, CHANCES, "AML")
    with pytest.raises(LabelError, match=r"does not know 'CLLL\?.*Nearest: CLL"):
        chosen_pair(TREE, CHANCES, "", "CLLL\x1b")
    with pytest.raises(LabelError, match="against itself"):
        chosen_pair(TREE, CHANCES, "CLL", "cll")


# --- a whole case --------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 1, 2])
def test_sums_at_every_level_add_up_to_what_decides(index):
    case = cohort()[index]
    found = flowml.explain(case, model())
    assert found.entity == max(found.prediction.probabilities, key=found.margins.get)
    for level in (found.markers, found.tubes, found.regions):
        total = found.bias + sum(reason.difference for reason in level)
        assert total == pytest.approx(found.difference, abs=1e-9)
    chances = np.exp(list(found.margins.values()))
    expected = list(found.prediction.probabilities.values())
    np.testing.assert_allclose(chances / chances.sum(), expected, rtol=0, atol=1e-12)


def test_turned_round_everything_changes_its_sign():
    case, names = cohort()[0], ("CLL", "normal")
    one = flowml.explain(case, model(), entity=names[0], against=names[1])
    two = flowml.explain(case, model(), entity=names[1], against=names[0])
    assert one.difference == -two.difference
    assert sums(one.markers) == {name: -size for name, size in sums(two.markers).items()}


def test_the_document_is_plain_and_whole():
    found = flowml.explain(cohort()[0], model())
    plain = json.loads(json_text(found.to_dict()))
    assert plain["case_id"] == cohort()[0].case_id
    total = sum(each["contributions"][found.entity] for each in plain["features"])
    margin = plain["bias"][found.entity] + total
    assert margin == pytest.approx(plain["margins"][found.entity], abs=1e-9)
    assert len(plain["features"]) < len(found.feature_names)
    assert "difference" in repr(found)


def test_a_case_that_cannot_be_used_says_why():
    with pytest.raises(CaseError, match=r"empty: .*holds no tube"):
        flowml.explain(Case("empty", ()), model())


def test_a_model_of_a_table_cannot_explain_files():
    import pandas as pd

    table = pd.DataFrame({"a": [0.0, 1.0, 0.0, 1.0]}, index=list("abcd"))
    bare = flowml.LineageClassifier(n_rounds=1).fit(table, ["CLL", "AML"] * 2).trained()
    with pytest.raises(ModelError, match="no recipe"):
        flowml.explain(cohort()[0], bare)


def test_a_case_is_found_or_the_nearest_are_named():
    cases = list(cohort())
    assert chosen_case(cases, cases[3].case_id) is cases[3]
    with pytest.raises(CaseError, match=r"no case 'S01\?' among 12\. Nearest: S001"):
        chosen_case(cases, "S01\n")
