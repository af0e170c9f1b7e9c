"""The judgement of answers: every figure with its interval, on every level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError, LabelError
from flowml.judging.answered import Answered, Level
from flowml.judging.chances import (
    Bin,
    auc_series,
    class_wise_errors,
    losses,
    mean_of_known,
    reliability,
    top_label_error,
)
from flowml.judging.coverage import Curve, coverage_curve
from flowml.judging.draws import RESAMPLES, Draws, Estimate
from flowml.judging.harms import QUESTIONS, Harm, Question, harms_of, question_of
from flowml.judging.plain import plain
from flowml.judging.scores import Scores, confusion_of, f1_of, scores_of
from flowml.judging.strata import Stratum, strata_of
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge import LabelTree
    from flowml.models import Prediction

    Floats = NDArray[np.float64]
    Splits = NDArray[np.intp]


@dataclass(frozen=True)
class JudgeSettings:
    """How answers are judged.

    Parameters
    ----------
    priors : mapping of str to float
        Stated share of patients who have it, by a key of `QUESTIONS`.
    seed : int
        Of the draws.
    resamples : int
        Draws of patients.

    Raises
    ------
    FlowmlError
        If a prior is for no question, or none; or there are no draws.
    """

    priors: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    resamples: int = RESAMPLES

    def __post_init__(self) -> None:
        for name, prior in self.priors.items():
            if name not in QUESTIONS or not 0 < prior < 1:
                raise FlowmlError(
                    f"the prior {printable(name, 40)}={prior} is none; expected a share above "
                    f"0 and below 1 of one of {', '.join(QUESTIONS)}, like acute_leukemia=0.05."
                )
        if self.resamples < 1:
            raise FlowmlError(f"resamples is {self.resamples}, expected 1 or more.")


DEFAULT_JUDGING = JudgeSettings()


@dataclass(frozen=True)
class ClassJudgement:
    """One class of a level.

    Parameters
    ----------
    name : str
        The class.
    n, n_patients : int
        Answers about cases of it, and their patients.
    recall : Estimate
        Share of them that is right; no answer is not.
    precision : Estimate
        Share that is right of the answers that name it.
    f1, forced_f1 : Estimate
        Harmonic mean of both, of the given answers; of the most probable classes.
    auc : float
        Against the rest, within splits.
    calibration_error : float
        Of its probability, against the rest.
    """

    name: str
    n: int
    n_patients: int
    recall: Estimate
    precision: Estimate
    f1: Estimate
    forced_f1: Estimate
    auc: float
    calibration_error: float


@dataclass(frozen=True, eq=False)
class LevelJudgement:
    """One level of the label tree.

    Parameters
    ----------
    name : str
        One of `LEVELS`.
    classes : tuple of ClassJudgement
        All of them.
    given : Scores
        Of the answers as they were given.
    forced : Scores
        Had the most probable class been the answer, however probable.
    auc : Estimate
        Mean over classes, one against the rest, within splits.
    log_loss, brier : Estimate
        Of the probabilities.
    calibration_error, class_wise_error : Estimate
        Of the most probable class; mean over classes, one against the rest.
    reliability, class_wise_reliability : tuple of Bin
        Of the most probable class; of all classes.
    coverage : Curve
        Against error.
    confusion : ndarray, shape (n_classes, n_classes + 1), int64
        Labels in rows, answers in columns; the last column is "no answer".
    """

    name: str
    classes: tuple[ClassJudgement, ...]
    given: Scores
    forced: Scores
    auc: Estimate
    log_loss: Estimate
    brier: Estimate
    calibration_error: Estimate
    class_wise_error: Estimate
    reliability: tuple[Bin, ...]
    class_wise_reliability: tuple[Bin, ...]
    coverage: Curve
    confusion: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Judgement:
    """Answers held against labels.

    Parameters
    ----------
    n_cases, n_patients : int
        Each counted once.
    n_answers : int
        More than `n_cases` where cases were asked about several times.
    n_unusable : int
        Answers without probabilities: the model could not be asked.
    levels : mapping of str to LevelJudgement
        By name.
    harms : tuple of Harm
        Errors that hurt.
    questions : tuple of Question
        Acute leukemia, and any neoplasm.
    strata : mapping of str to tuple of Stratum
        By column.
    settings : JudgeSettings
        How they were judged.
    """

    n_cases: int
    n_patients: int
    n_answers: int
    n_unusable: int
    levels: Mapping[str, LevelJudgement]
    harms: tuple[Harm, ...]
    questions: tuple[Question, ...]
    strata: Mapping[str, tuple[Stratum, ...]]
    settings: JudgeSettings

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}


def judge(
    predictions: Sequence[Prediction],
    labels: Sequence[str],
    tree: LabelTree,
    groups: Sequence[object],
    splits: Sequence[int] | None = None,
    by: Mapping[str, Sequence[str]] | None = None,
    settings: JudgeSettings = DEFAULT_JUDGING,
) -> Judgement:
    """Hold predictions against labels.

    Parameters
    ----------
    predictions : sequence of Prediction
        One or more. A case that stands there several times counts once in all.
    labels : sequence of str
        Entity of each, by any name that the tree knows.
    tree : LabelTree
        Knows all entities of labels and predictions.
    groups : sequence
        Patient of each.
    splits : sequence of int, optional
        By which model each was answered; by one where it is not given.
    by : mapping of str to sequence of str, optional
        Columns by which the cases are parted, with the value of each.
    settings : JudgeSettings
        Priors, and how patients are drawn.

    Returns
    -------
    Judgement
        On every level, with 95 % intervals by patient.

    Raises
    ------
    LabelError
        If the lengths differ, there are no predictions, or a label is no entity.
    """
    answered = Answered.of(predictions, labels, tree)
    return judge_answered(answered, groups, splits, by, settings)


def judge_answered(
    answered: Answered,
    groups: Sequence[object],
    splits: Sequence[int] | None = None,
    by: Mapping[str, Sequence[str]] | None = None,
    settings: JudgeSettings = DEFAULT_JUDGING,
) -> Judgement:
    """Hold answers against labels.

    Parameters
    ----------
    answered : Answered
        One or more.
    groups : sequence
        Patient of each.
    splits : sequence of int, optional
        By which model each was answered; by one where it is not given.
    by : mapping of str to sequence of str, optional
        Columns by which the cases are parted, with the value of each.
    settings : JudgeSettings
        Priors, and how patients are drawn.

    Returns
    -------
    Judgement
        On every level, with 95 % intervals by patient.

    Raises
    ------
    LabelError
        If the lengths differ.
    """
    columns, parts = by or {}, [0] * len(answered) if splits is None else splits
    for what, values in {"groups": groups, "splits": parts, **columns}.items():
        if len(values) != len(answered):
            raise LabelError(
                f"{printable(what, 60)} holds {len(values)} values for {len(answered)} "
                "predictions, expected one for each."
            )
    draws = Draws.of(groups, answered.weights, seed=settings.seed, resamples=settings.resamples)
    own = np.asarray(parts, dtype=np.intp)
    first = next(iter(answered.levels.values()))
    return Judgement(
        len(set(answered.case_ids)),
        draws.n_patients,
        len(answered),
        int((~first.was_asked).sum()),
        {name: judge_level(level, own, draws) for name, level in answered.levels.items()},
        harms_of(answered, draws),
        tuple(
            question_of(name, answered, draws, own, settings.priors.get(name))
            for name in QUESTIONS
        ),
        strata_of(answered, columns, draws),
        settings,
    )


def judge_level(level: Level, splits: Splits, draws: Draws) -> LevelJudgement:
    """Hold the answers of one level against the labels.

    Parameters
    ----------
    level : Level
        Truth, answers and probabilities.
    splits : ndarray, shape (n_cases,), intp
        By which model each case was answered.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    LevelJudgement
        With 95 % intervals by patient.
    """
    truth, chances, n = level.truth, level.chances, len(level.classes)
    hits = truth[:, None] == np.arange(n)
    areas = auc_series(hits, chances, splits, draws)
    errors = class_wise_errors(truth, chances, draws)
    log_loss, brier = losses(truth, chances, draws)
    top, right = chances.max(axis=1), level.forced == truth
    return LevelJudgement(
        level.name,
        _classes(level, areas[0], errors[0], draws),
        scores_of(truth, level.given, n, draws),
        scores_of(truth, level.forced, n, draws),
        draws.estimate(mean_of_known(areas.T)),
        draws.estimate(log_loss),
        draws.estimate(brier),
        draws.estimate(top_label_error(truth, chances, draws)),
        draws.estimate(errors.mean(axis=1)),
        reliability(top, right),
        reliability(chances.ravel(), hits.ravel()),
        coverage_curve(top, right, draws.weights),
        confusion_of(truth, level.given, n),
    )


def _classes(
    level: Level, areas: Floats, errors: Floats, draws: Draws
) -> tuple[ClassJudgement, ...]:
    codes = np.arange(len(level.classes))
    of_truth, of_given, of_forced = (
        each[:, None] == codes for each in (level.truth, level.given, level.forced)
    )
    recalls = draws.shares(of_given, of_truth)
    precisions = draws.shares(of_truth, of_given)
    given, forced = (f1_of(of_truth, each, draws).T for each in (of_given, of_forced))
    return tuple(
        ClassJudgement(
            level.classes[k],
            int(of_truth[:, k].sum()),
            draws.patients(of_truth[:, k]),
            recalls[k],
            precisions[k],
            draws.estimate(given[k]),
            draws.estimate(forced[k]),
            float(areas[k]),
            float(errors[k]),
        )
        for k in codes
    )
