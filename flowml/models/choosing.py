"""Which model, and how sure it may be: decided on training cases held out by patient."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.errors import ModelError
from flowml.models.boosting import Boosting, boost, strongest_features
from flowml.models.linear import LinearModel, fit_linear
from flowml.models.pooling import Pool, cross_fitted, fit_pool, log_losses
from flowml.models.predictor import BLEND, BOOSTED, KINDS, LOGISTIC, Predictor
from flowml.models.trees import TreeEnsemble, read_trees
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.models.heldout import Cohort

    Rows = NDArray[np.float32]
    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Parts = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
    Augment = Callable[[Rows, Codes], tuple[Rows, Codes]]

AUTO = "auto"
ESTIMATORS = (AUTO, *KINDS)
TREE_SETTINGS = ("n_rounds", "learning_rate", "max_depth", "min_child_weight", "subsample",
                 "colsample")  # fmt: skip
# Tried one after another, each kept if held-out cases are foreseen better with it.
VARIANTS: tuple[Mapping[str, float], ...] = (
    {"strength": 80.0}, {"strength": 5.0}, {"max_depth": 6}, {"max_depth": 3},
    {"min_child_weight": 2.0}, {"colsample": 0.1}, {"learning_rate": 0.07, "n_rounds": 300},
    {"subsample": 0.6},
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """How a model is trained.

    Parameters
    ----------
    estimator : str
        ``auto``, ``boosted``, ``logistic`` or ``blend``.
    boosting : Boosting
        Of the trees.
    strength : float
        Of the linear model, see `flowml.models.linear.fit_linear`.
    search : int
        How many of `VARIANTS` are tried.
    budget : float or None
        Seconds after which no further one is tried.

    Raises
    ------
    ModelError
        If the estimator is unknown.
    """

    estimator: str
    boosting: Boosting
    strength: float
    search: int = 0
    budget: float | None = None

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise ModelError(
                f"the estimator is {printable(self.estimator, 40)!r}, expected one of "
                f"{', '.join(ESTIMATORS)}."
            )

    @property
    def has_trees(self) -> bool:
        """Whether trees are trained, or tried."""
        return self.estimator != LOGISTIC

    @property
    def has_linear(self) -> bool:
        """Whether a linear model is trained, or tried."""
        return self.estimator != BOOSTED

    def changed(self, variant: Mapping[str, Any]) -> Plan:
        """Return the same plan with some settings of its parts changed.

        Parameters
        ----------
        variant : mapping
            ``strength``, or settings of the trees.

        Returns
        -------
        Plan
            A copy.
        """
        own = {key: value for key, value in variant.items() if key == "strength"}
        rest = {key: value for key, value in variant.items() if key != "strength"}
        return replace(self, boosting=replace(self.boosting, **rest), **own)

    def trained(self, rows: Rows, codes: Codes, n_classes: int, pool: Pool) -> Predictor:
        """Train the parts that have a weight.

        Parameters
        ----------
        rows : ndarray, shape (n_cases, n_features), float32
            NaN is missing.
        codes : ndarray, shape (n_cases,), int64
            Classes, from 0.
        n_classes : int
            Number of classes.
        pool : Pool
            Of the margins of trees and linear model; a part whose weight is 0 is not trained.

        Returns
        -------
        Predictor
            The same for the same cases.
        """
        document, columns, trees, linear = b"", None, None, None
        if pool.weights[0]:
            columns = strongest_features(rows, codes, self.boosting.most_features)
            document, _ = boost(rows[:, columns], codes, n_classes, self.boosting)
            trees = read_trees(document, rows.shape[1], n_classes, columns)
        if pool.weights[1]:
            linear = fit_linear(rows, codes, n_classes, self.strength)
        both = pool.weights[0], pool.weights[1]
        return Predictor(trees, document, linear, both, columns, pool.shifts)


class Held(NamedTuple):
    """Cases that were held out, and what was foreseen of them.

    Parameters
    ----------
    cases : ndarray, shape (n_tried,), intp
        Their numbers.
    part : ndarray, shape (n_tried,), intp
        Which were held out together.
    codes : ndarray, shape (n_tried,), int64
        Their true classes.
    probabilities : ndarray, shape (n_tried, n_classes), float64
        By models and weights of the other parts.
    """

    cases: NDArray[np.intp]
    part: NDArray[np.intp]
    codes: Codes
    probabilities: Floats


class Chosen(NamedTuple):
    """What was decided.

    Parameters
    ----------
    plan : Plan
        With the rounds and settings that were best.
    pool : Pool
        Of the margins of trees and linear model.
    held : Held or None
        None where no case could be held out.
    record : dict
        Plain values for the bundle and its card.
    """

    plan: Plan
    pool: Pool
    held: Held | None
    record: dict[str, Any]


class _Tried(NamedTuple):
    """Margins of cases held out, by one way of training a part."""

    margins: Floats
    n_rounds: int


class Chooser:
    """Trains on all parts but one, and asks about that one.

    Parameters
    ----------
    cohort : Cohort
        Training cases.
    n_classes : int
        Number of classes.
    parts : sequence of (ndarray, ndarray)
        Cases to train on and to hold out.
    augment : callable
        Takes rows and codes of training cases, and returns what is trained on.
    """

    def __init__(self, cohort: Cohort, n_classes: int, parts: Parts, augment: Augment) -> None:
        self._rows, self._codes, self._n = cohort.rows, cohort.codes, n_classes
        self._parts, self._augment = parts, augment
        self.cases = np.concatenate([test for _, test in parts])
        self.part = np.repeat(np.arange(len(parts)), [len(test) for _, test in parts])
        self.truth = cohort.codes[self.cases]

    def chosen(self, plan: Plan) -> Chosen:
        """Decide on cases held out.

        Parameters
        ----------
        plan : Plan
            What may be chosen.

        Returns
        -------
        Chosen
            With the smallest log loss; a simpler one that is no worse by more than the
            standard error of the difference goes before.
        """
        started = time.monotonic()
        trees = self._trees(plan) if plan.has_trees else None
        linear = self._linear(plan) if plan.has_linear else None
        tried = 0
        for variant in VARIANTS[: plan.search]:
            if plan.budget is not None and time.monotonic() - started > plan.budget:
                break
            plan, trees, linear = self._varied(plan, variant, trees, linear)
            tried += 1
        return self._decided(plan, trees, linear, tried)

    def _varied(
        self,
        plan: Plan,
        variant: Mapping[str, Any],
        trees: _Tried | None,
        linear: _Tried | None,
    ) -> tuple[Plan, _Tried | None, _Tried | None]:
        """Try other settings of one part, and keep them if they are better."""
        other = plan.changed(variant)
        if "strength" in variant:
            if linear is not None and self._loss(again := self._linear(other)) < self._loss(
                linear
            ):
                return other, trees, again
        elif trees is not None and self._loss(found := self._trees(other)) < self._loss(trees):
            return other, found, linear
        return plan, trees, linear

    def _loss(self, tried: _Tried) -> float:
        found = cross_fitted([tried.margins], self.truth, self.part)
        return float(log_losses(found, self.truth).mean())

    def _linear(self, plan: Plan) -> _Tried:
        margins = np.empty((len(self.cases), self._n))
        for number, (train, test) in enumerate(self._parts):
            rows, codes = self._augment(self._rows[train], self._codes[train])
            model: LinearModel = fit_linear(rows, codes, self._n, plan.strength)
            margins[self.part == number] = model.margins(self._rows[test])
        return _Tried(margins, 0)

    def _trees(self, plan: Plan) -> _Tried:
        """Train trees until cases held out are no longer foreseen better, on average."""
        models: list[TreeEnsemble] = []
        curves: list[list[float]] = []
        for train, test in self._parts:
            rows, codes = self._augment(self._rows[train], self._codes[train])
            columns = strongest_features(rows, codes, plan.boosting.most_features)
            watched = self._rows[test][:, columns], self._codes[test]
            document, losses = boost(rows[:, columns], codes, self._n, plan.boosting, watched)
            models.append(read_trees(document, rows.shape[1], self._n, columns))
            curves.append(losses)
        n_rounds = round(float(np.mean([1 + int(np.argmin(curve)) for curve in curves])))
        margins = [
            model.first(n_rounds).margins(self._rows[test])
            for model, (_, test) in zip(models, self._parts, strict=True)
        ]
        return _Tried(np.concatenate(margins), n_rounds)

    def _decided(
        self, plan: Plan, trees: _Tried | None, linear: _Tried | None, tried: int
    ) -> Chosen:
        """Compare trees, linear model and both together."""
        margins = {BOOSTED: [trees], LOGISTIC: [linear], BLEND: [trees, linear]}
        wanted = KINDS if plan.estimator == AUTO else (plan.estimator,)
        every = {
            name: [part.margins for part in margins[name] if part is not None]
            for name in wanted
        }
        found = {name: cross_fitted(m, self.truth, self.part) for name, m in every.items()}
        losses = {name: log_losses(p, self.truth) for name, p in found.items()}
        name = _simplest(losses)
        if trees is not None:
            plan = replace(plan, boosting=replace(plan.boosting, n_rounds=trees.n_rounds))
        fitted = fit_pool(every[name], self.truth)
        held = Held(self.cases, self.part, self.truth, found[name])
        record = _record(name, plan, losses, held, tried)
        return Chosen(plan, _both(name, fitted), held, record)


def _both(name: str, pool: Pool) -> Pool:
    """Give trees and linear model a weight each, 0 for what is not there."""
    if name == BLEND:
        return pool
    own = pool.weights[0]
    return pool._replace(weights=(own, 0.0) if name == BOOSTED else (0.0, own))


def _simplest(losses: Mapping[str, Floats]) -> str:
    """Return the best way, or a simpler one that is no worse beyond chance."""
    best = min(losses, key=lambda name: float(losses[name].mean()))
    for name in (LOGISTIC, BOOSTED):
        if name in losses:
            more = losses[name] - losses[best]
            if more.mean() <= more.std() / np.sqrt(len(more)):
                return name
    return best


def _record(
    name: str, plan: Plan, losses: Mapping[str, Floats], held: Held, tried: int
) -> dict[str, Any]:
    """Say in plain values what was tried, and what came out best."""
    own: dict[str, Any] = {}
    if name != LOGISTIC:
        own |= {key: getattr(plan.boosting, key) for key in TREE_SETTINGS}
    if name != BOOSTED:
        own |= {"strength": plan.strength}
    return {
        "estimator": name,
        "log_loss": {key: float(each.mean()) for key, each in losses.items()},
        "n_cases": len(held.cases),
        "folds": int(held.part.max()) + 1,
        "variants_tried": tried,
        "settings": own,
    }


def unchosen(plan: Plan, n_classes: int) -> Chosen:
    """Return what is trained where no case can be held out.

    Parameters
    ----------
    plan : Plan
        What may be chosen.
    n_classes : int
        Number of classes.

    Returns
    -------
    Chosen
        With weights of 1, or halves, that nothing has calibrated.
    """
    name = BOOSTED if plan.estimator == AUTO else plan.estimator
    weights = (0.5, 0.5) if name == BLEND else (1.0,)
    return Chosen(plan, _both(name, Pool(weights, (0.0,) * n_classes)), None, {})
