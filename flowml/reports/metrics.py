"""How often a model was right, with an interval, and what it took for what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.judging.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.judging import Judgement
    from flowml.models import Prediction

NO_ANSWER = "(no entity)"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions held against labels.

    Parameters
    ----------
    n_cases, n_answered, n_correct : int
        Labelled cases; those with an entity as answer; those with the right one.
    truth, answers : tuple of str
        Names of the rows and columns of `confusion`; the last column is "no entity".
    confusion : ndarray, shape (len(truth), len(answers)), int64
        Cases by label and answer.
    """

    n_cases: int
    n_answered: int
    n_correct: int
    truth: tuple[str, ...]
    answers: tuple[str, ...]
    confusion: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Share of all labelled cases whose entity is right; no answer counts as wrong."""
        return self.n_correct / self.n_cases if self.n_cases else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "n_cases": self.n_cases,
            "n_answered": self.n_answered,
            "n_correct": self.n_correct,
            "accuracy": None if math.isnan(self.accuracy) else self.accuracy,
            "accuracy_interval_95": wilson_interval(self.n_correct, self.n_cases),
            "confusion": {
                row: dict(zip(self.answers, map(int, counts), strict=True))
                for row, counts in zip(self.truth, self.confusion, strict=True)
            },
        }

    def __str__(self) -> str:
        low, high = wilson_interval(self.n_correct, self.n_cases)
        return (
            f"{self.n_correct} of {self.n_cases} labelled cases right, "
            f"{self.accuracy:.2f} (95 % interval {low:.2f} to {high:.2f}); "
            f"{self.n_answered} answered with an entity"
        )


def evaluate_predictions(
    predictions: Sequence[Prediction], labels: Mapping[str, str]
) -> Evaluation:
    """Hold predictions against labels.

    Parameters
    ----------
    predictions : sequence of Prediction
        Those of cases without a label are passed over.
    labels : mapping of str to str
        Case id to canonical entity.

    Returns
    -------
    Evaluation
        Cases that could not be used count as not answered.
    """
    pairs = [(labels[p.case_id], p.entity) for p in predictions if p.case_id in labels]
    truth = tuple(sorted({label for label, _ in pairs}))
    given = {answer for _, answer in pairs if answer}
    answers = (*sorted({*truth, *given}), NO_ANSWER)
    confusion = np.zeros((len(truth), len(answers)), dtype=np.int64)
    for label, answer in pairs:
        confusion[truth.index(label), answers.index(answer or NO_ANSWER)] += 1
    return Evaluation(
        n_cases=len(pairs),
        n_answered=sum(1 for _, answer in pairs if answer),
        n_correct=sum(1 for label, answer in pairs if label == answer),
        truth=truth,
        answers=answers,
        confusion=confusion,
    )


def evaluation_document(
    evaluation: Evaluation, provenance: Mapping[str, Any], judgement: Judgement
) -> dict[str, Any]:
    """Return what ``evaluation.json`` holds.

    Parameters
    ----------
    evaluation : Evaluation
        Counts.
    provenance : mapping
        Versions, hashes, parameters and inputs, plain values.
    judgement : Judgement
        All figures.

    Returns
    -------
    dict
        Plain values.
    """
    return {
        "evaluation": evaluation.to_dict(),
        "judgement": judgement.to_dict(),
        "provenance": dict(provenance),
    }
