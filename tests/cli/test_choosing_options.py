"""Options of how a model is chosen, and what ``flowml train`` and the card say of it."""

from __future__ import annotations

import inspect
import re

import click
import pytest
from commands import run_here
from plain_tables import rows_of, written

from flowml.cli.choosing import CHOOSING, choosing_options
from flowml.cli.features import recipe_from, recipe_options
from flowml.features import DEFAULT_RECIPE, Recipe
from flowml.models import load_model
from flowml.models.choosing import ESTIMATORS
from flowml.models.classifier import LineageClassifier


@pytest.fixture
def flowml(capsys):
    return run_here(capsys)


@pytest.fixture(autouse=True)
def quick_training():
    """Leave the defaults as they are: these tests are about them."""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rows = rows_of(["aml", "normal"], count=30)
    return written(tmp_path_factory.mktemp("table") / "t.csv", rows)


@pytest.fixture
def trained(flowml, table, tmp_path):
    """Return a function that trains with options, and gives what was said and the model."""

    def train(*options):
        out = tmp_path / "m.flowml"
        found = flowml(
            "train", table, "--id", "subject", "--label", "label", *options, "--out", out
        )
        assert found.status == 0, found.err
        return found.out, load_model(out)

    return train


def test_the_defaults_are_those_of_the_classifier():
    command = click.command()(choosing_options(lambda **_options: None))
    own = inspect.signature(LineageClassifier).parameters
    given = command.make_context("any", []).params
    assert sorted(given) == sorted(CHOOSING)
    assert given == {name: own[name].default for name in given}
    (estimator,) = (each for each in command.params if each.name == "estimator")
    assert tuple(estimator.type.choices) == ESTIMATORS


def test_the_recipe_of_the_command_line_is_the_usual_one():
    command = click.command()(recipe_options(lambda **_options: None))
    given = command.make_context("any", []).params
    assert recipe_from(given) == Recipe()
    assert given["recipe"] == DEFAULT_RECIPE
    assert recipe_from(given | {"recipe": "pairs"}) == Recipe("pairs")


def test_the_chosen_estimator_is_said_with_the_losses_of_the_others(trained):
    said, model = trained()
    choice = model.training["choice"]
    losses = {name: f"{loss:.3f}" for name, loss in choice["log_loss"].items()}
    own = choice["estimator"]
    others = ", ".join(f"{name} {losses[name]}" for name in sorted(set(losses) - {own}))
    line = f"estimator, by log loss on cases held out: {own} ({losses[own]}), not {others}\n"
    assert line in said
    assert set(losses) == {"boosted", "logistic", "blend"}
    for name, loss in losses.items():
        assert f"{loss} ({name})" in model.card
    assert f"{own}, with a mean log loss of" in model.card


def test_the_required_probabilities_are_said(trained):
    said, model = trained("--estimator", "logistic", "--confidence", 0.6)
    line = next(each for each in said.splitlines() if each.startswith("required probability: "))
    levels = model.caution.levels
    assert [float(number) for number in re.findall(r"\d\.\d{4}", line)] == [
        round(value, 4)
        for value in (levels.entity, levels.lineage, levels.category, levels.answer,
                      levels.normal, levels.acute, levels.release)
    ]  # fmt: skip
    assert f"| entity | {levels.entity:.4f} |" in model.card
    assert "cases held out: logistic (" in said
    assert ", not " not in line
    _, stricter = trained("--estimator", "logistic", "--confidence", 0.95)
    assert stricter.caution.levels.lineage > levels.lineage


def test_the_search_ends_with_its_budget(trained):
    _, whole = trained("--estimator", "logistic", "--search", 2, "--budget", 60)
    assert whole.training["choice"]["variants_tried"] == 2
    _, none = trained("--estimator", "logistic", "--search", 2, "--budget", 1e-9)
    assert none.training["choice"]["variants_tried"] == 0


def test_cases_too_few_to_hold_out_are_said_to_calibrate_nothing(flowml, tmp_path):
    few = written(tmp_path / "few.csv", rows_of(["aml", "normal"], count=1))
    out = tmp_path / "m.flowml"
    found = flowml("train", few, "--id", "subject", "--label", "label", "--out", out)
    assert found.status == 0, found.err
    assert "no case was held out: probabilities are not calibrated" in found.out
    assert "estimator, by" not in found.out
    assert "probabilities are not calibrated" in load_model(out).card
