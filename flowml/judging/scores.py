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
    recall = ratio(draws.sums(of_truth & of_given), draws.sums(of_truth))
    return np.nanmean(recall, axis=1), np.nanmean(f1_of(of_truth, of_given, draws), axis=1)


def f1_of(of_truth: NDArray[np.bool_], of_given: NDArray[np.bool_], draws: Draws) -> Floats:
    """Return F1 of each class.

    Parameters
    ----------
    of_truth, of_given : ndarray, shape (n_cases, n_classes), bool
        Which cases are of a class, and which are said to be.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    ndarray, shape (1 + n_resamples, n_classes)
        NaN where a draw holds neither a case nor an answer of the class.
    """
    right, labelled, said = map(draws.sums, (of_truth & of_given, of_truth, of_given))
    return ratio(2 * right, labelled + said)


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
