"""What a model loses without a marker, measured on cases that it was not trained on.

Trees answer whatever is missing. Whether the answer is still worth something is tried out: the
training cases are parted by patient, a model is trained on some parts, and asked about the
others twice, with and without the marker. Only a marker whose loss stays small is optional.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.models.trees import TreeEnsemble

    Rows = NDArray[np.float32]
    Mask = NDArray[np.bool_]

TOLERANCE = 0.05  # share of cases that may be lost, at the upper end of the interval
FOLDS, FEWEST = 5, 3  # parts; a class of fewer patients is trained on, but not tried
Z_95 = 1.959963984540054  # standard normal quantile of 0.975
Learn = Callable[["Rows", "NDArray[np.int64]"], "TreeEnsemble"]


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


@dataclass(frozen=True)
class Trial:
    """Cases answered with something missing, held against the same cases with all there.

    Parameters
    ----------
    without : tuple of str
        What was missing.
    right : Loss
        Right answers that are no longer given.
    wrong : Loss
        Wrong answers that were not given before.
    """

    without: tuple[str, ...]
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
        return {
            "without": list(self.without),
            "right_lost": list(self.right),
            "wrong_gained": list(self.wrong),
        }


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


def validate_absence(
    learn: Learn,
    cohort: Cohort,
    gone: dict[str, Mask],
    *,
    min_probability: float,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> dict[str, Any]:
    """Find what a model can do without.

    Each marker is tried alone. Those that may be missing alone are then taken together, the
    least missed first, as long as all of them together may be missing too.

    Parameters
    ----------
    learn : callable
        Trains on rows and codes, gaps included, and returns the trees.
    cohort : Cohort
        Training cases.
    gone : dict of str to ndarray, shape (n_features,), bool
        What may be missing, and the features that are then.
    min_probability : float
        What an answer must reach to be given.
    tolerance : float
        Largest loss of right answers, and gain of wrong ones, as a share of cases.
    seed : int
        Of the parts.

    Returns
    -------
    dict
        Plain values for the bundle: ``optional`` (names), ``together`` and ``alone`` (trials),
        ``n_cases``, ``n_right``, ``n_wrong`` (with everything there), ``folds`` and
        ``tolerance``.

    Raises
    ------
    ModelError
        If no class has cases of `FEWEST` patients.
    """
    trials = _Trials(learn, cohort, min_probability, seed)
    alone = [trials.without([unit], gone) for unit in gone]
    together = _together(trials, alone, gone, tolerance)
    right, wrong = trials.whole
    return {
        "optional": sorted(together.without) if together else [],
        "together": together.to_dict() if together else None,
        "alone": [trial.to_dict() for trial in alone],
        "n_cases": len(right),
        "n_right": int(right.sum()),
        "n_wrong": int(wrong.sum()),
        "folds": trials.n_folds,
        "tolerance": tolerance,
    }


def _together(
    trials: _Trials, alone: Sequence[Trial], gone: dict[str, Mask], tolerance: float
) -> Trial | None:
    """Take together what may be missing alone, the least missed first, while it is allowed."""
    passed = [trial for trial in alone if trial.is_within(tolerance)]
    found: Trial | None = None
    for trial in sorted(passed, key=lambda trial: (trial.right.loss, trial.without)):
        more = trials.without([*(found.without if found else ()), *trial.without], gone)
        if more.is_within(tolerance):
            found = more
    return found


class _Trials:
    """Models of parts of the cases, and what they say of the others."""

    def __init__(self, learn: Learn, cohort: Cohort, min_probability: float, seed: int) -> None:
        self._cohort = cohort
        self._least = min_probability
        parts = _parts(cohort, seed)
        self.n_folds = len(parts)
        self._models = [
            (learn(cohort.rows[train], cohort.codes[train]), test) for train, test in parts
        ]
        self.whole = self._judged(np.zeros(cohort.rows.shape[1], dtype=bool))

    def without(self, units: Sequence[str], gone: dict[str, Mask]) -> Trial:
        """Ask about all cases with something missing."""
        right, wrong = self._judged(np.any([gone[unit] for unit in units], axis=0))
        return Trial(
            tuple(units),
            paired_loss(self.whole[0] & ~right, ~self.whole[0] & right),
            paired_loss(wrong & ~self.whole[1], ~wrong & self.whole[1]),
        )

    def _judged(self, blank: Mask) -> tuple[Mask, Mask]:
        """Tell the cases that are answered rightly and those answered wrongly."""
        right, wrong = [], []
        for trees, test in self._models:
            chances = trees.probabilities(
                np.where(blank, np.float32(np.nan), self._cohort.rows[test])
            )
            given = chances.max(axis=1) >= self._least
            agrees = chances.argmax(axis=1) == self._cohort.codes[test]
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


def _parts(cohort: Cohort, seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Part the cases by patient; classes of very few patients are trained on, not tried."""
    from sklearn.model_selection import StratifiedGroupKFold

    of_class = [cohort.patients[cohort.codes == code] for code in range(cohort.codes.max() + 1)]
    n_patients = np.array([len(set(patients)) for patients in of_class])
    enough = n_patients >= FEWEST
    if not enough.any():
        raise ModelError(
            f"no entity has cases of {FEWEST} patients, so that the absence of markers cannot "
            "be tried out. Add cases, or require all markers."
        )
    folds = min(FOLDS, int(n_patients[enough].min()))
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


def is_absence(value: object) -> bool:
    """Tell what `validate_absence` returns from anything else that a bundle may hold.

    Parameters
    ----------
    value : object
        None is fine: then nothing was tried out.

    Returns
    -------
    bool
        Whether every part of it is there and of its kind.
    """
    if value is None:
        return True
    if not isinstance(value, dict) or not isinstance(value.get("alone"), list):
        return False
    together, optional = value.get("together"), value.get("optional")
    trials = [*value["alone"], *([] if together is None else [together])]
    counts = [value.get(key) for key in ("n_cases", "n_right", "n_wrong", "folds")]
    return (
        all(map(_is_trial, trials))
        and optional == (sorted(together["without"]) if together else [])
        and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in counts)
        and _is_share(value.get("tolerance"))
    )


def _is_trial(trial: object) -> bool:
    return (
        isinstance(trial, dict)
        and isinstance(trial.get("without"), list)
        and len(trial["without"]) > 0
        and all(isinstance(name, str) for name in trial["without"])
        and all(
            isinstance(loss := trial.get(key), list)
            and len(loss) == len(Loss._fields)
            and all(map(_is_share, loss))
            for key in ("right_lost", "wrong_gained")
        )
    )


def _is_share(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -1 <= value <= 1  # type: ignore[operator]
