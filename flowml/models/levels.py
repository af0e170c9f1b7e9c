"""What an answer must reach at each level, fixed on training cases that were held out.

The risk of a level is the share of cases that get a wrong answer there. It falls as the
required probability rises, so that the smallest requirement may be taken at which the risk,
with one wrong case added, is within what is allowed (conformal risk control; Angelopoulos et
al., arXiv:2208.02814). The promise holds on average for cases drawn as the training cases were.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.plain import is_number
from flowml.errors import ModelError
from flowml.knowledge.labels import AXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowml.knowledge.labels import LabelTree

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

NORMAL, ACUTE = "no_abnormal_population", "acute_leukemia"  # categories
CONFIDENCE = 0.95
MAJORITY = 0.5  # an answer is more likely than all others together
# Shares of cases that may be answered wrongly at a confidence of 0.95; at another one they
# change in proportion. `normal` is of neoplasms that may be called normal, `acute` of acute
# leukemias that may be called anything else.
ALLOWED = {"entity": 0.05, "category": 0.02, "lineage": 0.01, "answer": 0.01, "normal": 0.005,
           "acute": 0.003}  # fmt: skip
# An acute leukemia so likely is never passed over, however few cases were seen.
SUSPICION = 0.05
# Share of other cases that a person may be asked to look at so that fewer acute leukemias are
# missed than the training cases can tell: those to come may have fewer blasts. Where the others
# are all far from it, a probability of an acute leukemia below `REMOTE` asks for no one.
REVIEWS, REMOTE = 0.03, 0.001


@dataclass(frozen=True)
class Levels:
    """Required probabilities.

    Parameters
    ----------
    entity, lineage, category, answer : float
        What the summed probability must reach for an answer at that level to be given.
    normal : float
        The same for "no abnormal population".
    acute : float
        From this probability of an acute leukemia on no other category is given.
    release : float
        What an entity must reach to be released without a person looking at it.

    Raises
    ------
    ModelError
        If one is no number above 0 and not above 1.
    """

    entity: float
    lineage: float
    category: float
    answer: float
    normal: float
    acute: float
    release: float

    def __post_init__(self) -> None:
        for name, value in self.to_dict().items():
            if not is_number(value):
                raise ModelError(f"the required probability of {name} is no number.")
            if not 0 < value <= 1:
                raise ModelError(
                    f"the required probability of {name} is {value}, expected a number above 0 "
                    "and not above 1."
                )

    @classmethod
    def equal(cls, least: float) -> Levels:
        """Require the same of every level, and of an acute leukemia `SUSPICION`.

        Parameters
        ----------
        least : float
            Probability.

        Returns
        -------
        Levels
            Nothing in it was fixed on cases.
        """
        return cls(least, least, least, least, least, SUSPICION, least)

    def to_dict(self) -> dict[str, float]:
        """Return plain values, for the bundle."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def allowed_at(confidence: float) -> dict[str, float]:
    """Return the shares of cases that may be answered wrongly.

    Parameters
    ----------
    confidence : float
        Share of cases whose entity is not to be wrong.

    Returns
    -------
    dict of str to float
        By level; in the proportions of `ALLOWED`.

    Raises
    ------
    ModelError
        If the confidence is no share.
    """
    if not 0.5 <= confidence < 1:
        raise ModelError(
            f"the confidence is {confidence}, expected a share from 0.5 to below 1."
        )
    factor = (1 - confidence) / (1 - CONFIDENCE)
    return {level: min(share * factor, 1 - MAJORITY) for level, share in ALLOWED.items()}


def fixed_levels(
    probabilities: Floats, codes: NDArray[np.int64], tree: LabelTree, confidence: float
) -> Levels:
    """Fix what an answer must reach on cases that were held out.

    Parameters
    ----------
    probabilities : ndarray, shape (n_cases, n_entities), float64
        Calibrated, in the order of the tree's entities; there may be no case.
    codes : ndarray, shape (n_cases,), int64
        True entities.
    tree : LabelTree
        The entities of the model.
    confidence : float
        See `allowed_at`.

    Returns
    -------
    Levels
        Never below `MAJORITY`. Where cases are too few to promise what is allowed, the
        probability itself must reach what is promised; of "no abnormal population" what is
        promised of entities, as no probability tells the share of neoplasms that are missed.
    """
    allowed = allowed_at(confidence)
    entities = list(tree.entities.values())
    names = np.array([entity.name for entity in entities])
    found = {"entity": _least(probabilities, codes, names, allowed["entity"])}
    for axis in AXES:
        values = np.array([getattr(entity, axis) for entity in entities])
        found[axis] = _least(probabilities, codes, values, allowed[axis])
    category = np.array([entity.category for entity in entities])
    is_normal, is_acute = category == NORMAL, category == ACUTE
    sick, acute = ~is_normal[codes], is_acute[codes]
    p_normal = probabilities[sick][:, is_normal].sum(axis=1)
    p_acute = probabilities[:, is_acute].sum(axis=1)
    return Levels(
        **found,
        normal=_threshold(p_normal, len(p_normal), allowed["normal"], 1 - allowed["entity"]),
        acute=_ruled_out(p_acute[acute], p_acute[~acute], allowed["acute"]),
        release=confidence,
    )


def _least(
    probabilities: Floats, codes: NDArray[np.int64], values: NDArray[Any], allowed: float
) -> float:
    """Return what the leading value of an axis must reach."""
    kinds, of_entity = np.unique(values, return_inverse=True)
    shares = probabilities @ np.eye(len(kinds))[of_entity]
    wrong = shares.argmax(axis=1) != of_entity[codes]
    return _threshold(shares.max(axis=1)[wrong], len(codes), allowed, 1 - allowed)


def _threshold(wrong: Floats, n_cases: int, allowed: float, otherwise: float) -> float:
    """Return the smallest requirement that lets few enough wrong answers through.

    Parameters
    ----------
    wrong : ndarray, shape (n_wrong,), float64
        How sure the wrong answers are.
    n_cases : int
        Cases of which they are wrong.
    allowed : float
        Share of cases.
    otherwise : float
        Requirement where cases are too few to promise that.
    """
    may_pass = int(np.floor(allowed * (n_cases + 1))) - 1
    if may_pass < 0:
        return otherwise
    if len(wrong) <= may_pass:
        return MAJORITY
    barrier = np.sort(wrong)[::-1][may_pass]
    return float(min(max(np.nextafter(barrier, 2), MAJORITY), 1.0))


def _ruled_out(acute: Floats, others: Floats, allowed: float) -> float:
    """Return the probability of an acute leukemia below which there is none.

    Parameters
    ----------
    acute, others : ndarray, shape (n_cases,), float64
        Probability of an acute leukemia of cases that are one, and of all others.
    allowed : float
        Share of the former that may fall below it.

    Returns
    -------
    float
        As low as they ask for, and lower where few of the others are above it.
    """
    found = SUSPICION
    may_pass = int(np.floor(allowed * (len(acute) + 1))) - 1
    if may_pass >= 0 and len(acute):
        found = min(found, float(np.sort(acute)[may_pass]))
    place = int(np.ceil((1 - REVIEWS) * (len(others) + 1))) - 1
    if len(acute) and place < len(others):
        found = min(found, max(REMOTE, float(np.nextafter(np.sort(others)[place], 2))))
    return max(found, float(np.finfo(float).tiny))


def levels_from(value: Mapping[str, Any]) -> Levels:
    """Read levels from plain values, none of which is trusted.

    Parameters
    ----------
    value : mapping
        As `Levels.to_dict` gives it.

    Returns
    -------
    Levels
        Checked.

    Raises
    ------
    ModelError
        If a level is missing, unknown or no probability.
    """
    names = {item.name for item in fields(Levels)}
    if not isinstance(value, dict) or set(value) != names:
        raise ModelError("its required probabilities are not those of every level.")
    return Levels(**value)
