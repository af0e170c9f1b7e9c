"""How answers fare by a column: the neoplastic share, the instrument, the specimen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from flowml.judging.answered import ENTITY, LINEAGE, NONE, Answered
from flowml.judging.draws import Draws, Estimate
from flowml.judging.harms import HARMS
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MOST_VALUES = 12  # that are told apart; numbers of more values are cut into ranges
SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)  # ends of ranges of what lies between 0 and 1
RANGES = 4  # of other numbers, with about as many cases in each
UNKNOWN = "(not known)"


@dataclass(frozen=True)
class Stratum:
    """The cases with one value of a column.

    Parameters
    ----------
    value : str
        The value, or the range.
    n : int
        Answers about them.
    n_patients : int
        Patients.
    lineage, entity : Estimate
        Right answers of all.
    answered, error_among_answered : Estimate
        Of entities.
    called_normal : Estimate
        Neoplasms called normal, of those in which a category was settled.
    """

    value: str
    n: int
    n_patients: int
    lineage: Estimate
    entity: Estimate
    answered: Estimate
    error_among_answered: Estimate
    called_normal: Estimate


def strata_of(
    answered: Answered, columns: Mapping[str, Sequence[str]], draws: Draws
) -> dict[str, tuple[Stratum, ...]]:
    """Part the cases by columns.

    Parameters
    ----------
    answered : Answered
        Answers and labels.
    columns : mapping of str to sequence of str
        Name to the value of each case, as text; empty where it is not known.
    draws : Draws
        Of the patients of the cases.

    Returns
    -------
    dict of str to tuple of Stratum
        In order of the values.
    """
    return {
        name: tuple(
            _stratum(value, own, answered, draws) for value, own in parted(values).items()
        )
        for name, values in columns.items()
    }


def _stratum(value: str, own: NDArray[np.bool_], answered: Answered, draws: Draws) -> Stratum:
    entity, lineage = answered.levels[ENTITY], answered.levels[LINEAGE]
    _, said, normal = HARMS["neoplasm called normal"](answered.levels)
    return Stratum(
        value,
        int(own.sum()),
        draws.patients(own),
        draws.share(lineage.given == lineage.truth, own),
        draws.share(entity.given == entity.truth, own),
        draws.share(entity.given != NONE, own),
        draws.share(entity.given != entity.truth, own & (entity.given != NONE)),
        draws.share(normal, own & said),
    )


def parted(values: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Part cases by a value, numbers of many values by ranges.

    Parameters
    ----------
    values : sequence of str
        One for each case.

    Returns
    -------
    dict of str to ndarray, shape (n_cases,), bool
        The value or range, fit to be shown, to its cases; those that are not known come last.
    """
    texts = np.array([printable(value.strip(), 60) for value in values], dtype=object)
    several = sorted(set(texts) - {""})
    numbers = np.array([_number(text) for text in texts])
    if len(several) > MOST_VALUES and np.isfinite(numbers[texts != ""]).all():
        found = _ranges(numbers)
    else:
        found = {value: texts == value for value in several}
    unknown = texts == ""
    return found | ({UNKNOWN: unknown} if unknown.any() else {})


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _ranges(numbers: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    known = numbers[np.isfinite(numbers)]
    if known.min() >= 0 and known.max() <= 1:
        ends = np.array(SHARES)
    else:
        ends = np.unique(np.quantile(known, np.linspace(0, 1, RANGES + 1)))
    place = np.clip(np.searchsorted(ends, numbers, side="right") - 1, 0, len(ends) - 2)
    place[np.isnan(numbers)] = -1
    return {
        f"{low:g} to {high:g}": own
        for number, (low, high) in enumerate(pairwise(ends))
        if (own := place == number).any()
    }
