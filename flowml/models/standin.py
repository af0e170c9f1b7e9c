"""What is lost where one marker stands in for another, measured on cases not trained on.

Only training cases that measured both can show it. They are asked about twice: as they are, and
with the stand-in in the marker's place, as if the marker were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.plain import is_count, is_share, is_texts
from flowml.features.standin import CODE, Pair, stand_in_finding
from flowml.models.contract import said_of_trial
from flowml.models.heldout import FEWEST, Change, Cohort, HeldOut, is_change

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features import CaseFeatures
    from flowml.findings import Finding


@dataclass(frozen=True, eq=False)
class StandIns:
    """Stand-ins that were declared, and how training cases look with them.

    Parameters
    ----------
    pairs : tuple of (str, str)
        Markers, and what may stand in for each where it was not measured.
    rows : callable
        Takes pairs, and returns the features of all training cases with these stand-ins in
        their markers' places, shape (n_cases, n_features), float32. A row with a gap is of a
        case that did not measure all of them, and is not tried.
    """

    pairs: tuple[Pair, ...]
    rows: Callable[[Sequence[Pair]], NDArray[np.float32]]


@dataclass(frozen=True)
class StandInTrial:
    """Cases answered with stand-ins, held against the same cases with the markers themselves.

    Parameters
    ----------
    pairs : tuple of (str, str)
        Markers and their stand-ins, each in its place at once.
    n_cases : int
        Cases that were compared.
    few : tuple of str
        Entities of which fewer than `FEWEST` patients measured all of them.
    change : Change or None
        What it cost; None where they were too few to tell.
    """

    pairs: tuple[Pair, ...]
    n_cases: int
    few: tuple[str, ...]
    change: Change | None

    def is_within(self, tolerance: float) -> bool:
        """Tell whether it was tried out, and no more is lost than may be.

        Parameters
        ----------
        tolerance : float
            Share of cases.

        Returns
        -------
        bool
            By the upper ends of both intervals.
        """
        return self.change is not None and self.change.is_within(tolerance)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the bundle."""
        return {
            "pairs": [list(pair) for pair in self.pairs],
            "n_cases": self.n_cases,
            "few": list(self.few),
            **(self.change.to_dict() if self.change else {}),
        }


def validate_stand_ins(
    cohort: Cohort,
    held_out: HeldOut | None,
    declared: StandIns,
    names: Sequence[str],
    tolerance: float,
) -> dict[str, Any]:
    """Find which stand-ins may be taken.

    Each is tried alone. Those that may be taken alone are then taken together, the least costly
    first, as long as no choice of one stand-in a marker costs too much.

    Parameters
    ----------
    cohort : Cohort
        Training cases.
    held_out : HeldOut or None
        Models of parts of them; None where all entities have too few patients.
    declared : StandIns
        What shall be tried.
    names : sequence of str
        Entities, by code.
    tolerance : float
        Largest loss of right answers, and gain of wrong ones, as a share of cases.

    Returns
    -------
    dict
        Plain values for the bundle: ``accepted`` (pairs, in the order declared), ``alone`` and
        ``together`` (trials) and ``tolerance``.
    """
    tried = partial(_tried, cohort, held_out, declared, names)
    alone = [tried([pair]) for pair in declared.pairs]
    accepted: list[Pair] = []
    together: list[StandInTrial] = []
    for trial in sorted(filter(lambda trial: trial.is_within(tolerance), alone), key=_cost):
        more = [tried(pairs) for pairs in _choices(trial.pairs[0], accepted) if len(pairs) > 1]
        together += more
        if all(each.is_within(tolerance) for each in more):
            accepted.append(trial.pairs[0])
    return {
        "accepted": [list(pair) for pair in declared.pairs if pair in accepted],
        "alone": [trial.to_dict() for trial in alone],
        "together": [trial.to_dict() for trial in together],
        "tolerance": tolerance,
    }


def _cost(trial: StandInTrial) -> tuple[float, tuple[Pair, ...]]:
    return trial.change.right.loss if trial.change else np.inf, trial.pairs


def _choices(pair: Pair, accepted: Sequence[Pair]) -> list[tuple[Pair, ...]]:
    """Return each way to take one stand-in for every marker, this one among them."""
    others: dict[str, list[Pair]] = {}
    for other in accepted:
        if other[0] != pair[0]:
            others.setdefault(other[0], []).append(other)
    return [(pair, *choice) for choice in product(*others.values())]


def _tried(
    cohort: Cohort,
    held_out: HeldOut | None,
    declared: StandIns,
    names: Sequence[str],
    pairs: Sequence[Pair],
) -> StandInTrial:
    """Ask about the cases that measured markers and stand-ins, if there are enough of them."""
    rows = declared.rows(pairs)
    both = np.asarray(np.isfinite(rows).all(axis=1))
    # entities of very few patients are not tried at all
    wanted = np.full(len(names), held_out is None) | (cohort.n_patients() >= FEWEST)
    lacking = wanted & (cohort.n_patients(both) < FEWEST)
    few = tuple(name for name, is_few in zip(names, lacking, strict=True) if is_few)
    if held_out is None or few:
        return StandInTrial(tuple(pairs), int(both.sum()), few, None)
    change, n_cases = held_out.changed(lambda cases: rows[cases], both)
    return StandInTrial(tuple(pairs), n_cases, few, change)


def accepted_of(training: Mapping[str, Any]) -> tuple[Pair, ...]:
    """Name the stand-ins that a model takes.

    Parameters
    ----------
    training : mapping
        Of a model; ``stand_ins`` as `validate_stand_ins` makes it, if any were declared.

    Returns
    -------
    tuple of (str, str)
        Markers and their stand-ins; mostly none.
    """
    accepted = training.get("stand_ins", {}).get("accepted", ())
    return tuple((marker, stand_in) for marker, stand_in in accepted)


def said_of_stand_in(trial: Mapping[str, Any]) -> str:
    """Say what came of a trial.

    Parameters
    ----------
    trial : mapping
        As `StandInTrial.to_dict` gives it.

    Returns
    -------
    str
        A clause for a person.
    """
    if "right_lost" in trial:
        return said_of_trial(trial)
    return (
        f"{trial['n_cases']} training cases measured both, and of {', '.join(trial['few'])} "
        f"fewer than {FEWEST} patients, too few to try it out"
    )


def with_cost(case: CaseFeatures, training: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return the findings of a case; that of its stand-ins says what they cost in training.

    Parameters
    ----------
    case : CaseFeatures
        With the tubes that were read.
    training : mapping
        Of the model.

    Returns
    -------
    tuple of Finding
        As many as the case has.
    """
    if not case.stand_ins:
        return case.findings
    taken = set(case.stand_ins.items())
    record = training.get("stand_ins", {})
    trials = [*record.get("alone", ()), *record.get("together", ())]
    tried = sorted(
        (trial for trial in trials if taken <= set(map(tuple, trial["pairs"]))),
        key=lambda trial: len(trial["pairs"]),
    )
    cost = f"so taken in training, {said_of_stand_in(tried[0])}" if tried else ""
    (told,) = stand_in_finding(case.stand_ins, cost)
    return tuple(told if item.code == CODE else item for item in case.findings)


def is_stand_ins(value: object) -> bool:
    """Tell what `validate_stand_ins` returns from anything else that a bundle may hold.

    Parameters
    ----------
    value : object
        None is fine: then none was declared.

    Returns
    -------
    bool
        Whether every part of it is there and of its kind, and what is accepted was tried out
        alone and cost no more than it may.
    """
    if value is None:
        return True
    if not isinstance(value, dict) or not is_share(value.get("tolerance")):
        return False
    parts = [value.get(key) for key in ("alone", "together", "accepted")]
    if not all(isinstance(part, list) for part in parts):
        return False
    if not all(map(_is_trial, value["alone"] + value["together"])):
        return False
    allowed = [
        trial["pairs"][0]
        for trial in value["alone"]
        if len(trial["pairs"]) == 1
        and "right_lost" in trial
        and max(trial["right_lost"][2], trial["wrong_gained"][2]) <= value["tolerance"]
    ]
    return all(pair in allowed for pair in value["accepted"])


def _is_trial(trial: object) -> bool:
    return (
        isinstance(trial, dict)
        and isinstance(pairs := trial.get("pairs"), list)
        and len(pairs) > 0
        and all(is_texts(pair) and len(pair) == 2 for pair in pairs)
        and is_count(trial.get("n_cases"))
        and is_texts(few := trial.get("few"))
        and (
            is_change(trial) or (bool(few) and not {"right_lost", "wrong_gained"} & set(trial))
        )
    )
