"""What models of some of the training cases say of the others, as they are and changed.

The training cases are parted by patient, a model is trained on all parts but one, and asked
about that one: with everything there, and with something missing or in another's place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.archive.plain import is_share
from flowml.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.models.predictor import Predictor

    Rows = NDArray[np.float32]
    Mask = NDArray[np.bool_]
    Cases = NDArray[np.intp]

FOLDS, FEWEST = 5, 3  # parts; a class of fewer patients is trained on, but not tried
Z_95 = 1.959963984540054  # standard normal quantile of 0.975
Learn = Callable[["Rows", "NDArray[np.int64]"], "Predictor"]


class Loss(NamedTuple):
    """What is lost, as a share of cases.

    Parameters
    ----------
    loss, low, high : float
        Estimate and 95 % interval; below 0 where something was won.
    """

    loss: float
    low: float
    high: float


class Change(NamedTuple):
    """Answers to changed cases, held against those to the same cases as they are.

    Parameters
    ----------
    right : Loss
        Right answers that are no longer given.
    wrong : Loss
        Wrong answers that were not given before.
    """

    right: Loss
    wrong: Loss

    def is_within(self, tolerance: float) -> bool:
        """Tell whether no more is lost than may be.

        Parameters
        ----------
        tolerance : float
            Share of cases.

        Returns
        -------
        bool
            By the upper ends of both intervals.
        """
        return max(self.right.high, self.wrong.high) <= tolerance

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the bundle."""
        return {"right_lost": list(self.right), "wrong_gained": list(self.wrong)}


@dataclass(frozen=True, eq=False)
class Cohort:
    """Training cases.

    Parameters
    ----------
    rows : ndarray, shape (n_cases, n_features), float32
        NaN is missing.
    codes : ndarray, shape (n_cases,), int64
        Classes, as numbers.
    patients : ndarray, shape (n_cases,)
        Cases of one patient are never on both sides.
    """

    rows: Rows
    codes: NDArray[np.int64]
    patients: NDArray[Any]

    def n_patients(self, among: Mask | None = None) -> NDArray[np.int64]:
        """Count the patients of each class.

        Parameters
        ----------
        among : ndarray, shape (n_cases,), bool, optional
            Only these cases.

        Returns
        -------
        ndarray, shape (n_classes,), int64
            By code.
        """
        kept = np.ones(len(self.codes), dtype=bool) if among is None else among
        of_class = (
            self.patients[kept & (self.codes == code)] for code in range(self.codes.max() + 1)
        )
        return np.array([len(set(patients)) for patients in of_class])


class HeldOut:
    """Models of parts of the cases, and what they say of the others.

    Parameters
    ----------
    learn : callable
        Trains on rows and codes, gaps included, and returns what gives probabilities.
    cohort : Cohort
        Training cases.
    min_probability : float
        What an answer must reach to be given.
    seed : int
        Of the parts.

    Attributes
    ----------
    n_folds : int
        Parts.
    right, wrong : ndarray, shape (n_tried,), bool
        Cases that are answered rightly or wrongly as they are.

    Raises
    ------
    ModelError
        If no class has cases of `FEWEST` patients.
    """

    def __init__(self, learn: Learn, cohort: Cohort, min_probability: float, seed: int) -> None:
        self.cohort = cohort
        self._least = min_probability
        parts = parted(cohort, seed)
        if not parts:
            raise ModelError(
                f"no entity has cases of {FEWEST} patients, so that the absence of markers "
                "cannot be tried out. Add cases, or require all markers."
            )
        self.n_folds = len(parts)
        self._models = [
            (learn(cohort.rows[train], cohort.codes[train]), test) for train, test in parts
        ]
        self._cases = np.concatenate([test for _, test in self._models])
        self.right, self.wrong = self._judged(lambda cases: cohort.rows[cases])

    def changed(
        self, rows_of: Callable[[Cases], Rows], among: Mask | None = None
    ) -> tuple[Change, int]:
        """Ask about cases that are not as they were.

        Parameters
        ----------
        rows_of : callable
            Takes the numbers of cases, and returns their changed rows.
        among : ndarray, shape (n_cases,), bool, optional
            Only these cases are held against what they were.

        Returns
        -------
        change : Change
            What that costs.
        n_cases : int
            How many were compared; one or more.
        """
        right, wrong = self._judged(rows_of)
        kept = slice(None) if among is None else among[self._cases]
        was_right, is_right = self.right[kept], right[kept]
        was_wrong, is_wrong = self.wrong[kept], wrong[kept]
        change = Change(
            paired_loss(was_right & ~is_right, ~was_right & is_right),
            paired_loss(is_wrong & ~was_wrong, ~is_wrong & was_wrong),
        )
        return change, len(is_right)

    def _judged(self, rows_of: Callable[[Cases], Rows]) -> tuple[Mask, Mask]:
        """Tell the cases that are answered rightly and those answered wrongly."""
        right, wrong = [], []
        for trees, test in self._models:
            chances = trees.probabilities(rows_of(test))
            given = chances.max(axis=1) >= self._least
            agrees = chances.argmax(axis=1) == self.cohort.codes[test]
            right.append(given & agrees)
            wrong.append(given & ~agrees)
        return np.concatenate(right), np.concatenate(wrong)


def paired_loss(lost: Mask, won: Mask) -> Loss:
    """Return the share of cases lost, less those won, with its interval.

    Parameters
    ----------
    lost, won : ndarray, shape (n_cases,), bool
        Cases that changed sides one way or the other.

    Returns
    -------
    Loss
        Wald's interval for the difference of two paired shares with half a case added to each
        of the four cells (Agresti & Min, Stat Med 2005; 24:729), which does not claim to be
        sure where no case was lost.
    """
    n, b, c = len(lost), int(lost.sum()), int(won.sum())
    middle = (b - c) / (n + 2)
    spread = Z_95 * math.sqrt(b + c + 1 - (b - c) ** 2 / (n + 2)) / (n + 2)
    return Loss((b - c) / n, max(-1.0, middle - spread), min(1.0, middle + spread))


def parted(
    cohort: Cohort, seed: int, folds: int = FOLDS
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Part the cases by patient; classes of very few patients are trained on, not tried.

    Parameters
    ----------
    cohort : Cohort
        Training cases.
    seed : int
        Of the parts.
    folds : int
        Parts; fewer where a class has fewer patients.

    Returns
    -------
    list of (ndarray, ndarray)
        Cases to train on and to try, of each part; empty where there is nothing to try.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    n_patients = cohort.n_patients()
    enough = n_patients >= FEWEST
    if not enough.any() or folds < 2:
        return []
    folds = min(folds, int(n_patients[enough].min()))
    tested = np.flatnonzero(enough[cohort.codes])
    rest = np.setdiff1d(np.arange(len(cohort.codes)), tested)
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    every = split.split(tested, cohort.codes[tested], cohort.patients[tested])
    found = []
    for train, test in every:
        hidden = set(cohort.patients[tested[test]])
        kept = [case for case in rest if cohort.patients[case] not in hidden]
        found.append((np.sort([*tested[train], *kept]).astype(np.intp), tested[test]))
    return [pair for pair in found if len(pair[1])]


def is_change(value: object) -> bool:
    """Tell what `Change.to_dict` returns, with more beside it, from anything else.

    Parameters
    ----------
    value : object
        Of a bundle.

    Returns
    -------
    bool
        Whether every part of it is there and of its kind.
    """
    return isinstance(value, dict) and all(
        isinstance(loss := value.get(key), list)
        and len(loss) == len(Loss._fields)
        and all(map(is_share, loss))
        for key in ("right_lost", "wrong_gained")
    )
