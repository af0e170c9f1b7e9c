"""Populations whose gates are not sure: how often so in training, and which in a new case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.plain import is_share
from flowml.errors import ModelError
from flowml.features.coverage import Coverage
from flowml.features.names import population_key
from flowml.findings import Finding, Severity
from flowml.gating.gaters import names_of
from flowml.safety import listed, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.features.recipes.fitted import FittedRecipe

KEY = "populations"
# Share of training cases in which something was known of a population. Beyond it the model has
# seen too few cases without, to have learned what to make of them.
NEARLY_ALL = 0.95


def population_record(names: Sequence[str], rows: NDArray[np.float32]) -> dict[str, Any]:
    """Record how often the populations of the training cases were sure.

    Parameters
    ----------
    names : sequence of str
        Of the features.
    rows : ndarray, shape (n_cases, n_features), float32
        NaN is missing.

    Returns
    -------
    dict
        Plain values for the bundle: ``populations``, the share of cases of each; empty where
        features are about none.
    """
    coverage, known = Coverage(names), np.isfinite(rows)
    found = {
        population: float(known[:, coverage.within_population(population)].any(axis=1).mean())
        for population in coverage.populations
    }
    return {KEY: found} if found else {}


def is_population_record(training: Mapping[str, Any]) -> bool:
    """Tell what `population_record` returns from anything else that a bundle may hold.

    Parameters
    ----------
    training : mapping
        The training summary; it may hold nothing of populations.

    Returns
    -------
    bool
        Whether it is sound.
    """
    found = training.get(KEY, {})
    return isinstance(found, dict) and all(is_share(n) and n >= 0 for n in found.values())


def check_populations(
    feature_names: Sequence[str], recipe: FittedRecipe | None, training: Mapping[str, Any]
) -> None:
    """Refuse a model whose features, gates and record are about other populations.

    Parameters
    ----------
    feature_names : sequence of str
        Of the model.
    recipe : FittedRecipe or None
        Which computes them.
    training : mapping
        As `population_record` adds to it.

    Raises
    ------
    ModelError
        If a population is not in all of them.
    """
    used = set(Coverage(feature_names).populations)
    if used != set(training.get(KEY, {})):
        raise ModelError("its features are about other populations than its training summary.")
    if recipe is None:
        return
    found = names_of(recipe.gated.found_by) if recipe.gated else ()
    if lost := sorted(used - {population_key(name)[1:] for name in found}):
        raise ModelError(
            f"its features are about the population {printable(lost[0], 60)!r}, which no gate "
            "of its recipe finds."
        )


def unsure_findings(
    populations: Sequence[str], training: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """Say of which populations of the model a case tells nothing.

    Parameters
    ----------
    populations : sequence of str
        Those that are missing in the case.
    training : mapping
        As `population_record` adds to it.

    Returns
    -------
    tuple of Finding
        One or none; for review where nearly all training cases told of one of them.
    """
    if not populations:
        return ()
    known = training.get(KEY, {})
    shares = {name: known.get(name, 1.0) for name in populations}
    told = [f"{printable(name, 60)} ({share:.0%})" for name, share in shares.items()]
    message = (
        "nothing is known of populations that the model uses, as their gates are not sure, or "
        f"no tube has all their channels: {listed(told)}; in brackets, in how many training "
        "cases something was known"
    )
    severity = Severity.REVIEW if max(shares.values()) > NEARLY_ALL else Severity.WARN
    return (Finding("MODEL-UNSURE", message, severity),)
