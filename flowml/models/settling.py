"""Which answers hold: for each axis the value that reaches what its level requires, together.

The entities that agree with everything that is answered reach what each of these levels
requires. An entity is given if it reaches its own requirement and agrees with all axes. Two
answers are dangerous where they are wrong, and have requirements of their own: that there is
no abnormal population, and anything but an acute leukemia where one is not excluded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.knowledge.labels import AXES
from flowml.models.levels import ACUTE, NORMAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.labels import LabelTree
    from flowml.models.levels import Levels

    Floats = NDArray[np.float64]

LEUKEMIA = "leukemia"


class Settled(NamedTuple):
    """What can be answered.

    Parameters
    ----------
    values : dict of str to str
        Axis to value, for the axes that are settled.
    entity : str
        Empty where none is settled.
    withheld : tuple of str
        Why something likely is not said, clauses for a person.
    """

    values: dict[str, str]
    entity: str
    withheld: tuple[str, ...]


def settle(
    probabilities: Floats, tree: LabelTree, levels: Levels, *, is_novel: bool = False
) -> Settled:
    """Find what can be answered.

    Parameters
    ----------
    probabilities : ndarray, shape (n_entities,), float64
        In the order of the tree's entities; adds up to 1.
    tree : LabelTree
        The entities of the model.
    levels : Levels
        Required probabilities.
    is_novel : bool
        Whether the case is unlike the training cases: then a lineage is all that is said.

    Returns
    -------
    Settled
        Nothing in it contradicts anything else in it.
    """
    entities = list(tree.entities.values())
    best = entities[int(np.argmax(probabilities))]
    values = _axes(probabilities, tree, levels)
    own = {axis: getattr(best, axis) for axis in AXES}
    entity = best.name if probabilities.max() >= levels.entity and values == own else ""
    withheld: list[str] = []
    p_normal = share(probabilities, tree, "category", NORMAL)
    if p_normal < levels.normal and _categories(values, tree) == {NORMAL}:
        values, entity = _without_normal(values), ""
        withheld.append(
            f"a neoplasm is not excluded ({1 - p_normal:.3f}, at most {1 - levels.normal:.3f})"
        )
    p_acute = share(probabilities, tree, "category", ACUTE)
    if values and p_acute >= levels.acute and ACUTE not in _categories(values, tree):
        values, entity = _without_category(values), ""
        withheld.append(
            f"an acute leukemia is not excluded ({p_acute:.3f}, below {levels.acute:.3f})"
        )
    if is_novel:
        lineage = values.get("lineage", "none")
        values, entity = ({} if lineage == "none" else {"lineage": lineage}), ""
        withheld.append("the case is unlike the training cases")
    return Settled(values, entity, tuple(withheld))


def _axes(probabilities: Floats, tree: LabelTree, levels: Levels) -> dict[str, str]:
    """Return the answers of the axes that hold together.

    The surest first; a further one is given if the entities that agree with all of them reach
    what each of them requires.
    """
    entities = list(tree.entities.values())
    leading = []
    for axis in AXES:
        values = sorted({getattr(entity, axis) for entity in entities})
        shares = [share(probabilities, tree, axis, value) for value in values]
        place = int(np.argmax(shares))
        leading.append((shares[place], axis, values[place]))
    settled: dict[str, str] = {}
    agreeing = np.ones(len(entities), dtype=bool)
    required = 0.0
    for _, axis, value in sorted(leading, key=lambda item: (-item[0], AXES.index(item[1]))):
        narrower = agreeing & [getattr(entity, axis) == value for entity in entities]
        more = max(required, getattr(levels, axis))
        if probabilities[narrower].sum() >= more:
            agreeing, required, settled[axis] = narrower, more, value
    return {axis: settled[axis] for axis in AXES if axis in settled}


def _categories(values: dict[str, str], tree: LabelTree) -> set[str]:
    """Return the categories of the entities that agree with all answers.

    They may say it all without the category: what has no lineage is normal.
    """
    return {
        entity.category
        for entity in tree.entities.values()
        if all(getattr(entity, axis) == value for axis, value in values.items())
    }


def _without_normal(values: dict[str, str]) -> dict[str, str]:
    """Leave out what only says that nothing was found."""
    empty = {"lineage": "none", "category": NORMAL, "answer": "neither"}
    return {axis: value for axis, value in values.items() if value != empty[axis]}


def _without_category(values: dict[str, str]) -> dict[str, str]:
    """Leave out what an acute leukemia would make wrong."""
    left = _without_normal({k: v for k, v in values.items() if k != "category"})
    return {k: v for k, v in left.items() if k != "answer" or v == LEUKEMIA}


def share(probabilities: Floats, tree: LabelTree, axis: str, value: str | None) -> float:
    """Return the summed probability of the entities with a value on an axis.

    Parameters
    ----------
    probabilities : ndarray, shape (n_entities,), float64
        In the order of the tree's entities.
    tree : LabelTree
        The entities of the model.
    axis : str
        ``lineage``, ``category`` or ``answer``.
    value : str or None
        None is not answered.

    Returns
    -------
    float
        NaN where it is not answered.
    """
    if value is None:
        return float("nan")
    agreeing = [getattr(entity, axis) == value for entity in tree.entities.values()]
    return float(probabilities[agreeing].sum())
