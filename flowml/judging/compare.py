"""One way of answering held against another, on the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.judging.answered import ENTITY
from flowml.judging.draws import Draws, Estimate, ratio
from flowml.judging.scores import class_means

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.judging.answered import Answered, Level

LEVEL_OF_TEST = 0.05


@dataclass(frozen=True)
class Difference:
    """What one way of answering has over another.

    Parameters
    ----------
    accuracy : mapping of str to Estimate
        By level: right answers of all, the difference of both.
    macro_f1 : Estimate
        Of entities.
    gained, lost : int
        Entities right here and not there, and the reverse.
    p : float
        McNemar's exact test on these.
    """

    accuracy: Mapping[str, Estimate]
    macro_f1: Estimate
    gained: int
    lost: int
    p: float


def difference(ours: Answered, theirs: Answered, draws: Draws) -> Difference:
    """Hold answers against others to the same cases.

    Parameters
    ----------
    ours, theirs : Answered
        Of the same cases in the same order.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    Difference
        With 95 % intervals by patient, paired.
    """
    accuracy = {}
    for name, level in ours.levels.items():
        apart = _right(level) - _right(theirs.levels[name])
        accuracy[name] = draws.estimate(
            ratio(draws.sums(apart), draws.sums(np.ones(len(ours))))
        )
    one, other = ours.levels[ENTITY], theirs.levels[ENTITY]
    apart = _right(one) - _right(other)
    gained, lost = int((apart > 0).sum()), int((apart < 0).sum())
    f1 = _macro_f1(one, draws) - _macro_f1(other, draws)
    return Difference(accuracy, draws.estimate(f1), gained, lost, mcnemar(gained, lost))


def _right(level: Level) -> Any:
    return (level.given == level.truth).astype(float)


def _macro_f1(level: Level, draws: Draws) -> Any:
    return class_means(level.truth, level.given, len(level.classes), draws)[1]


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p of McNemar's test on cases right by one of two only.

    Parameters
    ----------
    gained, lost : int
        Cases that only the one, and only the other, answers rightly.

    Returns
    -------
    float
        1 if there are none.
    """
    n = gained + lost
    tail: float = sum(math.comb(n, k) for k in range(min(gained, lost) + 1)) / 2**n
    return min(1.0, 2 * tail)


def holm(values: Mapping[Any, float], level: float = LEVEL_OF_TEST) -> set[Any]:
    """Return the keys whose p stands, though there are so many (Holm, 1979).

    Parameters
    ----------
    values : mapping of object to float
        A p for each key.
    level : float
        Of all tests together.

    Returns
    -------
    set
        Some of the keys.
    """
    kept: set[Any] = set()
    for place, key in enumerate(sorted(values, key=lambda key: values[key])):
        if values[key] > level / (len(values) - place):
            break
        kept.add(key)
    return kept
