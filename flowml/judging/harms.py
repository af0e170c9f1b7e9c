"""Errors that hurt a patient, and the questions that must not be answered wrongly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.judging.answered import ANSWER, CATEGORY, LINEAGE, NONE, Answered, Level
from flowml.judging.chances import auc_series
from flowml.judging.draws import NOTHING, Draws, Estimate, ratio
from flowml.judging.intervals import upper_bound
from flowml.models.levels import ACUTE, NORMAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Harm:
    """One kind of error.

    Parameters
    ----------
    name : str
        What went wrong.
    n_at_risk, n_answered, n_errors, n_auto : int
        Answers about cases to which it can happen; those in which something was said on the
        level; those that are wrong in this way; those of them that no one would have looked at.
    n_patients, n_patients_wrong : int
        Patients among those answered, and among those answered wrongly.
    share : Estimate
        Errors among those answered.
    upper_95 : float
        What the share of patients does not exceed, with a confidence of 95 %.
    """

    name: str
    n_at_risk: int
    n_answered: int
    n_errors: int
    n_auto: int
    n_patients: int
    n_patients_wrong: int
    share: Estimate
    upper_95: float


def _called(level: Level, truth: Mask, *wrong: str) -> tuple[Mask, Mask, Mask]:
    """Return at risk, answered and wrong, where some answers are wrong for some cases."""
    said = truth & (level.given != NONE)
    return truth, said, said & level.is_class(level.given, *wrong)


def _wrong_lineage(levels: Mapping[str, Level]) -> tuple[Mask, Mask, Mask]:
    level = levels[LINEAGE]
    said = level.given != NONE
    return np.ones_like(said), said, said & (level.given != level.truth)


def _between(truth: str, answer: str) -> Callable[[Mapping[str, Level]], tuple[Mask, ...]]:
    return lambda levels: _called(
        levels[ANSWER], levels[ANSWER].is_class(levels[ANSWER].truth, truth), answer
    )


def _called_normal(levels: Mapping[str, Level]) -> tuple[Mask, Mask, Mask]:
    level = levels[CATEGORY]
    return _called(level, ~level.is_class(level.truth, NORMAL), NORMAL)


def _called_non_acute(levels: Mapping[str, Level]) -> tuple[Mask, Mask, Mask]:
    level = levels[CATEGORY]
    others = [name for name in level.classes if name != ACUTE]
    return _called(level, level.is_class(level.truth, ACUTE), *others)


HARMS: dict[str, Callable[[Mapping[str, Level]], tuple[Mask, ...]]] = {
    "wrong lineage": _wrong_lineage,
    "leukemia called lymphoma": _between("leukemia", "lymphoma"),
    "lymphoma called leukemia": _between("lymphoma", "leukemia"),
    "neoplasm called normal": _called_normal,
    "acute called non-acute": _called_non_acute,
}


def harms_of(answered: Answered, draws: Draws) -> tuple[Harm, ...]:
    """Count the errors that hurt.

    Parameters
    ----------
    answered : Answered
        Answers and labels.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    tuple of Harm
        In the order of `HARMS`.
    """
    auto = np.array([decision == "auto" for decision in answered.decisions])
    found = []
    for name, kind in HARMS.items():
        at_risk, said, wrong = kind(answered.levels)
        patients, hurt = draws.patients(said), draws.patients(wrong)
        found.append(
            Harm(
                name,
                *_counts(at_risk, said, wrong, wrong & auto),
                n_patients=patients,
                n_patients_wrong=hurt,
                share=draws.share(wrong, said),
                upper_95=upper_bound(hurt, patients),
            )
        )
    return tuple(found)


def _counts(*masks: Mask) -> tuple[int, int, int, int]:
    at_risk, said, wrong, auto = (int(mask.sum()) for mask in masks)
    return at_risk, said, wrong, auto


@dataclass(frozen=True)
class Question:
    """A question with two answers, by the category that was settled.

    Parameters
    ----------
    name : str
        A key of `QUESTIONS`.
    n_yes, n_no : int
        Answers about cases that are so by their label, and about others.
    n_open : int
        Those in which no category was settled: neither yes nor no.
    sensitivity, specificity : Estimate
        Share of the cases that are so, and of the others, that are said to be; open is not.
    ppv, npv : Estimate
        Share that is right of the answers yes, and of the answers no, among these cases.
    auc : Estimate
        Of the summed probability.
    prior : float
        Stated share of patients who have it; NaN where none was stated.
    ppv_at_prior, npv_at_prior : Estimate
        Predictive values for patients of whom that share has it.
    """

    name: str
    n_yes: int
    n_no: int
    n_open: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    auc: Estimate
    prior: float = float("nan")
    ppv_at_prior: Estimate = NOTHING
    npv_at_prior: Estimate = NOTHING


QUESTIONS: dict[str, Callable[[str], bool]] = {
    "acute_leukemia": lambda category: category == ACUTE,
    "neoplasm": lambda category: category != NORMAL,
}


def question_of(
    name: str,
    answered: Answered,
    draws: Draws,
    splits: NDArray[np.intp],
    prior: float | None = None,
) -> Question:
    """Hold the answers to one question against the labels.

    Parameters
    ----------
    name : str
        A key of `QUESTIONS`.
    answered : Answered
        Answers and labels.
    draws : Draws
        Of the patients of the cases.
    splits : ndarray, shape (n_cases,), intp
        By which model each case was answered.
    prior : float, optional
        Stated share of patients who have it, above 0 and below 1.

    Returns
    -------
    Question
        With 95 % intervals by patient.
    """
    level = answered.levels[CATEGORY]
    names = [each for each in level.classes if QUESTIONS[name](each)]
    is_so = level.is_class(level.truth, *names)
    yes = level.is_class(level.given, *names)
    no = (level.given != NONE) & ~yes
    chance = level.chance_of(*names)
    found = Question(
        name,
        int(is_so.sum()),
        int((~is_so).sum()),
        int((level.given == NONE).sum()),
        draws.share(yes, is_so),
        draws.share(no, ~is_so),
        draws.share(is_so, yes),
        draws.share(~is_so, no),
        draws.estimate(auc_series(is_so[:, None], chance[:, None], splits, draws)[:, 0]),
    )
    if prior is None:
        return found
    ppv, npv = at_prior(is_so, yes, no, prior, draws)
    return Question(**{**vars(found), "prior": prior, "ppv_at_prior": ppv, "npv_at_prior": npv})


def at_prior(
    is_so: Mask, yes: Mask, no: Mask, prior: float, draws: Draws
) -> tuple[Estimate, Estimate]:
    """Return the predictive values where another share of patients has it.

    Parameters
    ----------
    is_so, yes, no : ndarray, shape (n_cases,), bool
        Cases that are so by their label; that are said to be; that are said not to be.
    prior : float
        That share.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    ppv, npv : Estimate
        By Bayes' rule from the shares of both answers among cases that are so and others.
    """
    columns = [is_so, ~is_so, yes & is_so, yes & ~is_so, no & is_so, no & ~is_so]
    so, other, hit, alarm, missed, spared = draws.sums(np.column_stack(columns)).T
    yes_right, yes_wrong = prior * ratio(hit, so), (1 - prior) * ratio(alarm, other)
    no_wrong, no_right = prior * ratio(missed, so), (1 - prior) * ratio(spared, other)
    return (
        draws.estimate(ratio(yes_right, yes_right + yes_wrong)),
        draws.estimate(ratio(no_right, no_right + no_wrong)),
    )
