"""The ablation table: folds keep what is judged apart, intervals are right, runs repeat."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT
from small import cohort
from test_docs import script

from flowml.features import Recipe

ablation = script("ablation")
LABELS = np.array(["AML", "AML", "CLL", "CLL", "CLL", "normal"])


def small(is_test=()):
    labels = np.array([case.details["entity"] for case in cohort()])
    return ablation.Cohort(
        "small", "synthetic", cohort(), labels, np.isin(np.arange(12), is_test)
    )


def judged(rows, is_test=(), seed=3):
    cases = small(is_test)
    return ablation.judge(
        cases, {row: ablation.ROWS[row] for row in rows}, cases.folds(2, seed), seed
    )


def untimed(told):
    for line in told["rows"].values():
        del line["ms_a_file"]
    return told


def test_folds_hold_every_training_case_once_and_the_test_part_last():
    *folds, last = small((0, 5)).folds(3, seed=1)
    assert sorted(np.concatenate([fold.answer for fold in folds])) == [
        1, 2, 3, 4, 6, 7, 8, 9, 10, 11,
    ]  # fmt: skip
    for fold in folds:
        assert not set(fold.learn) & set(fold.answer)
        assert not {0, 5} & set(fold.learn)
    assert last.answer.tolist() == [0, 5]
    assert not {0, 5} & set(last.learn)


def test_what_a_recipe_learns_it_learns_of_the_training_cases_of_a_fold(monkeypatch):
    seen, whole, fit = [], small(), Recipe.fit

    def noting(self, cases):
        seen.append([case.case_id for case in cases])
        return fit(self, cases)

    monkeypatch.setattr(Recipe, "fit", noting)
    folds = whole.folds(2, seed=0)
    for row in ("mll2021", "ecdf"):
        found = ablation.extract(whole, ablation.make_recipe(**ablation.ROWS[row]), folds)
        assert len(found.tables) == 2
    ids = [[whole.cases[row].case_id for row in fold.learn] for fold in folds]
    assert seen[:2] == ids
    assert len(seen) == 3  # ecdf learns nothing: one table for all folds


def test_every_row_names_a_recipe_and_every_recipe_has_a_row():
    from flowml.features import RECIPES, make_recipe

    names = {name for how in ablation.ROWS.values() for name in make_recipe(**how).names}
    assert names == set(RECIPES)


def test_the_same_seed_gives_the_same_table_and_the_test_part_its_own_column():
    rows = ("ecdf", "som", "ecdf exact")
    told = untimed(judged(rows, is_test=(0, 1, 2)))
    assert json.dumps(told) == json.dumps(untimed(judged(rows, is_test=(0, 1, 2))))
    assert sum(told["cases"].values()) == 9
    for line in told["rows"].values():
        for model in ablation.MODELS:
            assert line[model]["n"] == 9
            assert line[model]["test"]["n"] == 3
            assert line[model]["macro_f1_interval_95"] is None
    assert told["rows"]["ecdf"]["boosted"]["against"] is None
    assert set(told["exact"]["other_answers"]) == set(ablation.MODELS)


def test_the_part_of_ones_own_in_the_docs_works(monkeypatch):
    from flowml.features import RECIPES, FittedRecipe, describe_case
    from flowml.features.recipes.fitted import PARTS

    for table in (PARTS, RECIPES):
        monkeypatch.setitem(table, "positive", None)  # taken out again at the end
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    section = page.partition("## A part of one's own")[2]
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = {"__name__": "example"}
    exec(compile(code[0], "features.md", "exec", dont_inherit=True), names)  # noqa: S102
    recipe = names["plan"].fit([])
    assert FittedRecipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    found = describe_case(cohort()[0], recipe)
    named = dict(zip(recipe.get_feature_names_out(found.groups), found.values, strict=True))
    assert named["CD19|positive"] == pytest.approx(1 - named["CD19|ecdf16"])


@pytest.mark.parametrize("markdown", [False, True])
def test_a_table_names_its_kind_of_data_and_has_whole_lines(markdown):
    told = judged(("ecdf", "moments"))
    lines = list(ablation.lines_of(told))
    assert {len(line) for line in lines} == {9}
    assert [line[0] for line in lines] == [
        "recipe (synthetic)", "ecdf", "moments", "majority class",
    ]  # fmt: skip
    text = ablation.as_text(lines, markdown=markdown)
    assert len(text.splitlines()) == 4 + markdown
    assert "`synthetic`" in next(ablation.notes_of(told))


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=1, max_size=30))
def test_macro_f1_is_that_of_scikit_learn(pairs):
    from sklearn.metrics import f1_score

    truth, said = np.array(pairs).T
    names = np.array(["a", "b", "c", "d"])
    found = ablation.f1_of(names[truth], names[said], seed=0)["macro_f1"]
    assert found == pytest.approx(f1_score(truth, said, average="macro", zero_division=0))


def test_a_bootstrap_interval_holds_the_value_and_has_one_seed():
    truth = np.repeat(LABELS, 10)
    said = np.where(np.arange(60) % 5 == 0, "CLL", truth)
    found = ablation.f1_of(truth, said, seed=4)
    low, high = found["macro_f1_interval_95"]
    assert low < found["macro_f1"] < high
    assert found == ablation.f1_of(truth, said, seed=4)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_binomial_test(gained, lost):
    from scipy.stats import binomtest

    n = gained + lost
    expected = binomtest(gained, n).pvalue if n else 1.0
    assert ablation.mcnemar(gained, lost) == pytest.approx(expected)


def test_holm_stops_at_the_first_that_does_not_stand():
    # 0.05 / 4, / 3, / 2: the third is above, so that the fourth is not asked
    assert ablation.holm({"a": 0.012, "b": 0.016, "c": 0.026, "d": 0.03}) == {"a", "b"}
    assert ablation.holm({"a": 0.06}) == ablation.holm({}) == set()


def test_differences_count_cases_that_one_of_two_has_right():
    own = {("ecdf", "m"): LABELS[[1, 2, 2, 3, 4, 0]], ("som", "m"): LABELS[[0, 1, 0, 3, 4, 0]]}
    found = ablation.compare(own, LABELS)
    assert found == {("som", "m"): {"gained": 1, "lost": 1, "p": 1.0, "differs": False}}


def test_the_majority_is_that_of_the_training_cases():
    fold = ablation.Fold(np.array([0, 1, 5]), np.array([2, 3, 4]))
    assert ablation.majority(LABELS, fold).tolist() == ["AML"] * 3


def test_a_case_that_cannot_be_used_ends_the_run():
    recipe = ablation.make_recipe("ecdf").fit([])
    empty = SimpleNamespace(tubes=(), case_id="S9")
    with pytest.raises(SystemExit, match="1 cases cannot be used; the first: S9"):
        ablation.table_of([empty], recipe, [])


def test_the_command_says_what_is_left_out(tmp_path, capsys):
    out = tmp_path / "table.json"
    ablation.main(
        ["--data", str(tmp_path), "--cases", "2", "--events", "300", "--folds", "2",
         "--rows", "ecdf", "--markdown", "--json", str(out)]
    )  # fmt: skip
    said = capsys.readouterr().out
    assert said.startswith("aml-tube4 (real) is left out")
    assert "| ecdf | 372 |" in said
    assert [found["kind"] for found in json.loads(out.read_text())["cohorts"]] == ["synthetic"]
    with pytest.raises(SystemExit, match="unknown row 'umap'"):
        ablation.main(["--rows", "umap"])


def test_the_test_part_of_the_real_cases_is_what_the_table_says(shared_data):
    cases = ablation.tube4(shared_data / "aml-tube4")
    assert cases.kind == "real"
    assert sorted(cases.labels[cases.is_test]) == ["aml"] * 5 + ["normal"] * 5
    assert cases.cases[0].case_id == "sample1.fcs"
