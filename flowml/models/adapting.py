"""How far a model is shifted by new cases: decided on those held out by patient.

The simplest step is taken whose held-out log loss is no worse than the best by more than a
standard error of the paired difference (Breiman et al., Classification and Regression Trees,
1984). What is reported as won is measured with that choice repeated inside every part, so that
the choice itself is paid for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.errors import ModelError
from flowml.models.adapted import OLD, RECALIBRATED, RESIDUAL
from flowml.models.choosing import Held
from flowml.models.heldout import FEWEST, Cohort, paired_loss, parted
from flowml.models.pooling import log_losses
from flowml.models.predictor import softmax
from flowml.models.shifting import Shift, fit_shift, no_shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Cases = NDArray[np.intp]
    Floats = NDArray[np.float64]
    Parts = Sequence[tuple[Cases, Cases]]

INNER_FOLDS = 3  # of the cases that are left, where the choice is repeated


class Step(NamedTuple):
    """One way to shift a model.

    Parameters
    ----------
    name : str
        ``old``, ``recalibrated`` or ``residual``.
    strength : float
        Of the residual, see `flowml.models.shifting.fit_shift`; 0 for the others.
    """

    name: str
    strength: float = 0.0


STEPS = (Step(OLD), Step(RECALIBRATED), *(Step(RESIDUAL, each) for each in (0.5, 2.0, 8.0)))


@dataclass(frozen=True, eq=False)
class NewCases:
    """Cases that a model is continued on, and what it says of them.

    Parameters
    ----------
    cohort : Cohort
        Rows, classes and patients.
    margins : ndarray, shape (n_cases, n_classes), float64
        Of the old model.
    scores : ndarray, shape (n_cases, n_features), float64
        Standard scores, by the old model's own standard.
    """

    cohort: Cohort
    margins: Floats
    scores: Floats

    def among(self, cases: Cases) -> NewCases:
        """Return some of the cases.

        Parameters
        ----------
        cases : ndarray, shape (n_kept,), intp
            Their numbers.

        Returns
        -------
        NewCases
            In this order.
        """
        own = self.cohort
        kept = Cohort(own.rows[cases], own.codes[cases], own.patients[cases])
        return NewCases(kept, self.margins[cases], self.scores[cases])

    def shift(self, step: Step) -> Shift:
        """Fit a step on all of the cases.

        Parameters
        ----------
        step : Step
            Which one.

        Returns
        -------
        Shift
            None of it for the old model.
        """
        if step.name == OLD:
            return no_shift(self.margins.shape[1])
        scores = self.scores if step.name == RESIDUAL else None
        return fit_shift(self.margins, self.cohort.codes, scores, step.strength)

    def foreseen(self, shift: Shift) -> Floats:
        """Return the probabilities of the shifted model.

        Parameters
        ----------
        shift : Shift
            Fitted on other cases.

        Returns
        -------
        ndarray, shape (n_cases, n_classes), float64
            Each row adds up to 1.
        """
        return softmax(shift.of_margins(self.margins, self.scores))


class Adapted(NamedTuple):
    """What was decided.

    Parameters
    ----------
    step : Step
        The one that is taken.
    shift : Shift
        Fitted on all new cases.
    losses : tuple of float
        Held-out log loss of each of `STEPS`.
    held : Held
        What the step says of new cases held out.
    won : dict
        Plain values, as `compared` gives them: the old model before, all of this after.
    """

    step: Step
    shift: Shift
    losses: tuple[float, ...]
    held: Held
    won: dict[str, Any]


def adapt(new: NewCases, seed: int) -> Adapted:
    """Decide how far a model is shifted, and measure what that wins.

    Parameters
    ----------
    new : NewCases
        Of some patients each of the entities that matter.
    seed : int
        Of the parts.

    Returns
    -------
    Adapted
        The same for the same cases in the same order.

    Raises
    ------
    ModelError
        If no entity has cases of `FEWEST` patients.
    """
    parts = parted(new.cohort, seed)
    if not parts:
        raise ModelError(
            f"no entity of the new cases has cases of {FEWEST} patients, so that none can be "
            "held out. Add cases."
        )
    step, every, found = _chosen(new, parts)
    cases = np.concatenate([test for _, test in parts])
    part = np.repeat(np.arange(len(parts)), [len(test) for _, test in parts])
    codes = new.cohort.codes[cases]
    before = softmax(new.margins[cases])
    won = compared(before, _chosen_anew(new, parts, seed), codes)
    losses = tuple(float(each.mean()) for each in every)
    return Adapted(step, new.shift(step), losses, Held(cases, part, codes, found), won)


def _chosen(new: NewCases, parts: Parts) -> tuple[Step, list[Floats], Floats]:
    """Return a step, each one's losses, and what it says of cases held out."""
    codes = new.cohort.codes[np.concatenate([test for _, test in parts])]
    found = {step: _held_out(new, parts, step) for step in STEPS}
    losses = [log_losses(found[step], codes) for step in STEPS]
    step = STEPS[simplest(losses)]
    return step, losses, found[step]


def _held_out(new: NewCases, parts: Parts, step: Step) -> Floats:
    """Fit a step on all parts but one, and ask about that one."""
    return np.concatenate(
        [new.among(test).foreseen(new.among(train).shift(step)) for train, test in parts]
    )


def _chosen_anew(new: NewCases, parts: Parts, seed: int) -> Floats:
    """Choose and fit on all parts but one, and ask about that one."""
    found = []
    for train, test in parts:
        own = new.among(train)
        inner = parted(own.cohort, seed, INNER_FOLDS)
        step = _chosen(own, inner)[0] if inner else Step(OLD)
        found.append(new.among(test).foreseen(own.shift(step)))
    return np.concatenate(found)


def simplest(losses: Sequence[Floats]) -> int:
    """Return the first that is no worse than the best beyond chance.

    Parameters
    ----------
    losses : sequence of ndarray, shape (n_cases,), float64
        Of the same cases, by ways that become less simple.

    Returns
    -------
    int
        Its place; one that is worse by up to a standard error of the mean paired difference
        is taken.
    """
    best = min(losses, key=lambda each: float(each.mean()))
    worse = [each - best for each in losses]
    return next(
        place
        for place, more in enumerate(worse)
        if more.mean() <= more.std() / np.sqrt(len(more))
    )


def compared(before: Floats, after: Floats, codes: NDArray[np.int64]) -> dict[str, Any]:
    """Hold two models against each other on the same cases.

    Parameters
    ----------
    before, after : ndarray, shape (n_cases, n_classes), float64
        Probabilities.
    codes : ndarray, shape (n_cases,), int64
        True classes.

    Returns
    -------
    dict
        Plain values: ``n_cases``, ``log_loss`` and ``right`` (before and after; right is a
        case whose likeliest entity is its own), and ``right_lost`` (share of cases, with its
        95 % interval; below 0 where right answers were won).
    """
    was_right, is_right = (each.argmax(axis=1) == codes for each in (before, after))
    return {
        "n_cases": len(codes),
        "log_loss": [float(log_losses(each, codes).mean()) for each in (before, after)],
        "right": [int(was_right.sum()), int(is_right.sum())],
        "right_lost": list(paired_loss(was_right & ~is_right, ~was_right & is_right)),
    }
