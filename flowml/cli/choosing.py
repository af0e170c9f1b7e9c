"""How a model is chosen: options of every verb that trains, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowml.cli.options import chained

if TYPE_CHECKING:
    from flowml.models import TrainedModel

MINUTE = 60.0  # seconds
CHOOSING = ("scheme", "estimator", "confidence", "search", "budget")  # names of the options
# defaults are those of LineageClassifier, which is slow to import
choosing_options = chained(
    click.option(
        "--scheme", type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="TOML", help="The laboratory's own entities in place of flowml's: a file of "
        "the form of labels.toml.",
    ),
    click.option(
        "--estimator", type=click.Choice(["auto", "boosted", "logistic", "blend"]),
        default="auto", show_default=True,
        help="Trees, logistic regression or both; auto: what foresees cases held out best.",
    ),
    click.option(
        "--confidence", type=click.FloatRange(0.5, 1, max_open=True), default=0.95,
        show_default=True, help="Share of cases whose entity is not to be wrong.",
    ),
    click.option(
        "--search", type=click.IntRange(0, 100), default=0, show_default=True, metavar="N",
        help="Further settings to try on cases held out.",
    ),
    click.option(
        "--budget", type=click.FloatRange(0, min_open=True), metavar="MINUTES",
        help="For each model, the time after which --search tries no further setting.",
    ),
)  # fmt: skip


def choosing_from(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of TrainingSettings that the options give."""
    from flowml.knowledge.labels import read_label_tree

    scheme, minutes = options["scheme"], options["budget"]
    if minutes is not None and not options["search"]:
        raise click.UsageError("--budget ends --search, which is not given. Add --search N.")
    return {
        "scheme": None if scheme is None else read_label_tree(scheme),
        "estimator": options["estimator"],
        "confidence": options["confidence"],
        "search": options["search"],
        "budget": None if minutes is None else minutes * MINUTE,
    }


def say_what_was_chosen(model: TrainedModel) -> None:
    """Print which way of learning was taken, and how sure an answer must be."""
    from flowml.models.card import REQUIRED

    if choice := model.training.get("choice"):
        losses = dict(choice["log_loss"])
        name = choice["estimator"]
        own = f"{name} ({losses.pop(name):.3f})"
        others = ", ".join(f"{other} {loss:.3f}" for other, loss in sorted(losses.items()))
        instead = f", not {others}" if others else ""
        click.echo(f"estimator, by log loss on cases held out: {own}{instead}")
    else:
        click.echo("no case was held out: probabilities are not calibrated")
    levels = model.caution.levels.to_dict()
    required = "; ".join(f"{said} {levels[level]:.4f}" for level, said in REQUIRED.items())
    click.echo(f"required probability: {required}")
