"""How often answers are right: shares of cases, and means over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.judging.answered import NONE
from flowml.judging.draws import Draws, Estimate, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]


class Scores(NamedTuple):
    """Answers of one level held against the labels.

    Parameters
    ----------
    accuracy : Estimate
        Right answers, of all cases; no answer is not right.
    answered : Estimate
        Cases with an answer, of all.
    error_among_answered : Estimate
        Wrong answers, of those given.
    balanced_accuracy : Estimate
        Mean over the classes of the labels of the share of their cases that is right.
    macro_f1 : Estimate
        Mean over the classes of labels and answers.
    """

    accuracy: Estimate
    answered: Estimate
    error_among_answered: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate


def scores_of(truth: Codes, given: Codes, n_classes: int, draws: Draws) -> Scores:
    """Hold answers against labels.

    Parameters
    ----------
    truth, given : ndarray, shape (n_cases,), int64
        Codes from 0; `given` is `NONE` where there is no answer.
    n_classes : int
        Number of classes.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    Scores
        With 95 % intervals by patient.
    """
    everywhere = np.ones(len(truth), dtype=bool)
    balanced, macro = class_means(truth, given, n_classes, draws)
    return Scores(
        draws.share(given == truth, everywhere),
        draws.share(given != NONE, everywhere),
        draws.share(given != truth, given != NONE),
        draws.estimate(balanced),
        draws.estimate(macro),
    )


def class_means(
    truth: Codes, given: Codes, n_classes: int, draws: Draws
) -> tuple[Floats, Floats]:
    """Return balanced accuracy and macro F1.

    Parameters
    ----------
    truth, given : ndarray, shape (n_cases,), int64
        Codes from 0; `given` is `NONE` where there is no answer.
    n_classes : int
        Number of classes.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    balanced, macro : ndarray, shape (1 + n_resamples,)
        As the cases are, then in each draw; without the classes that a draw does not hold.
    """
    codes = np.arange(n_classes)
    of_truth, of_given = truth[:, None] == codes, given[:, None] == codes
    labelled, said, right = (
        draws.sums(columns) for columns in (of_truth, of_given, of_truth & of_given)
    )
    recall, f1 = ratio(right, labelled), ratio(2 * right, labelled + said)
    return np.nanmean(recall, axis=1), np.nanmean(f1, axis=1)


def confusion_of(truth: Codes, given: Codes, n_classes: int) -> NDArray[np.int64]:
    """Count answers by label.

    Parameters
    ----------
    truth, given : ndarray, shape (n_cases,), int64
        Codes from 0; `given` is `NONE` where there is no answer.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray, shape (n_classes, n_classes + 1), int64
        Labels in rows, answers in columns; the last column is "no answer".
    """
    found = np.zeros((n_classes, n_classes + 1), dtype=np.int64)
    np.add.at(found, (truth, given), 1)  # NONE, -1, is the last column
    return found
