"""Tables and pictures of a judgement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flowml.judging import Answered, Estimate, judge_answered
from flowml.judging.beside import Beside, beside
from flowml.judging.judge import JudgeSettings
from flowml.knowledge import load_label_tree
from flowml.reports.judged import judgement_text, leak_text, shown, simple_ones_ahead
from flowml.reports.judged_plots import (
    confusion_figure,
    coverage_figure,
    draw_judgement,
    reliability_figure,
)


def answered(n=60, names=("CLL", "MCL", "AML", "normal")):
    rng = np.random.default_rng(0)
    labels = [names[k % len(names)] for k in range(n)]
    chances = rng.dirichlet(np.ones(len(names)), n)
    chances[np.arange(n), np.arange(n) % len(names)] += 1.0
    chances /= 2
    ids = [f"c{k}" for k in range(n)]
    return Answered.forced(ids, chances, names, labels, load_label_tree())


def judgement(**more):
    return judge_answered(answered(**more), range(60), settings=JudgeSettings(resamples=50))


def test_figures_are_written_with_what_is_known_of_them():
    assert shown(Estimate(0.934, 0.9, 0.951)) == "0.93 (0.90 to 0.95)"
    assert shown(Estimate(0.9341, math.nan, math.nan), 3) == "0.934"
    assert shown(Estimate(math.nan, math.nan, math.nan)) == "-"


def test_many_entities_are_listed_by_what_they_were_taken_for():
    names = tuple(load_label_tree().entities)[:20]
    few, many = judgement_text(judgement()), judgement_text(judgement(names=names))
    assert "label \\ answer" in few
    assert "label \\ answer" not in many
    assert "other answers" in many


def given(name, auc, f1=0.5):
    rows = beside(name, answered(), range(60), [0] * 60, resamples=20)
    entity = rows.levels["entity"]._replace(macro_f1=Estimate(f1, f1, f1))
    return Beside(name, {**rows.levels, "entity": entity}, Estimate(*auc), rows.log_loss)


def test_a_leak_is_loud_and_a_simple_method_that_wins_is_named():
    rows = [given("flowml", (0.9, 0.8, 1.0), 0.7), given("metadata only", (0.7, 0.6, 0.8), 0.9),
            given("decision tree", (0.9, 0.8, 1.0), 0.8)]  # fmt: skip
    text = leak_text(rows, ["metadata only"])
    assert text.startswith(
        "THE COHORT LEAKS: metadata only tells entities apart, AUC 0.70 (0.60"
    )
    assert simple_ones_ahead(rows, ["metadata only"]) == [
        "decision tree does better than flowml: macro F1 0.80 against 0.70"
    ]
    quiet = [given("metadata only", (0.55, 0.45, 0.65))]
    assert leak_text(quiet, ["metadata only"]) == ""
    unknown = [given("metadata only", (0.7, math.nan, math.nan))]
    assert leak_text(unknown, ["metadata only"]).startswith("Too few patients")


def test_pictures_name_the_kind_of_data(tmp_path):
    found = judgement()
    figures = [
        reliability_figure(found, "real$^2$"),
        coverage_figure(found, "real$^2$"),
        confusion_figure(found.levels["entity"], "real$^2$"),
    ]
    for figure in figures:
        titles = [ax.get_title() for ax in figure.axes] + [figure.get_suptitle()]
        assert any("real" in title for title in titles)
    paths = draw_judgement(found, "real", tmp_path)
    assert [path.name for path in paths] == ["reliability.png", "coverage.png", "confusion.png"]


def test_the_confusion_shows_every_case():
    ax = confusion_figure(judgement().levels["entity"], "real").axes[0]
    assert sum(int(text.get_text()) for text in ax.texts) == 60


def test_the_curve_ends_at_all_cases():
    ax = coverage_figure(judgement(), "real").axes[0]
    line = ax.lines[0]
    assert max(line.get_xdata()) == pytest.approx(1.0)
    assert (np.diff(line.get_xdata()) > 0).all()
