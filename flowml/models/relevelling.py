"""What an answer must pass, once a model was continued on new cases.

What can be promised on the new cases is fixed on those that were held out, as in training. They
are few: where they cannot show what a level promises, the level that the old cases had fixed
stays the least, and rises above the wrong answers that were seen, up to what a model of so
few cases would demand anyway.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.knowledge.labels import AXES
from flowml.models.gauging import reached_by
from flowml.models.levels import ACUTE, NORMAL, Levels, allowed_at, fixed_levels
from flowml.models.novelty import FALSE_ALARMS, UNUSUAL
from flowml.models.sets import entity_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.labels import LabelTree
    from flowml.models.caution import Caution
    from flowml.models.choosing import Held
    from flowml.models.novelty import Novelty

    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]


def caution_anew(
    old: Caution, held: Held, rows: NDArray[np.float32], tree: LabelTree
) -> tuple[Caution, tuple[str, ...]]:
    """Fix on new cases what an answer must pass.

    Parameters
    ----------
    old : Caution
        Of the old model.
    held : Held
        New cases held out.
    rows : ndarray, shape (n_cases, n_features), float32
        All new cases; the old model's novelty has learned none of them.
    tree : LabelTree
        The entities, in the order of the codes.

    Returns
    -------
    caution : Caution
        The same where a single probability was given by hand, but for the novelty.
    anew : tuple of str
        Levels that new cases could fix.
    """
    novelty = None if old.novelty is None else _with_edges(old.novelty, held, rows)
    if old.levels == Levels.equal(old.levels.release):
        return replace(old, novelty=novelty), ()
    levels, anew = levels_anew(old.levels, held.probabilities, held.codes, tree)
    limits = _limits_anew(old, held)
    return replace(old, levels=levels, limits=limits, novelty=novelty), anew


def _with_edges(novelty: Novelty, held: Held, rows: NDArray[np.float32]) -> Novelty:
    """Move the edges outwards to where new cases lie: old and new ones are both known now."""
    scores = novelty.scores(rows[held.cases], held.probabilities)
    unusual, furthest = (reached_by(scores, share) for share in (UNUSUAL, FALSE_ALARMS))
    return replace(
        novelty,
        unusual=max(novelty.unusual, unusual),
        furthest=max(novelty.furthest, furthest),
    )


def _limits_anew(old: Caution, held: Held) -> tuple[float, ...]:
    """Fix anew the limits of entities of enough cases; of the others no case seen is below."""
    n_classes = held.probabilities.shape[1]
    found = entity_limits(held.probabilities, held.codes, n_classes, old.levels.release)
    for code, limit in enumerate(old.limits):
        if found[code] == 0:
            own = held.probabilities[held.codes == code, code]
            found[code] = own.min(initial=limit)
    return tuple(map(float, found))


def levels_anew(
    old: Levels, probabilities: Floats, codes: Codes, tree: LabelTree
) -> tuple[Levels, tuple[str, ...]]:
    """Fix levels on new cases held out, where there are enough of them.

    Parameters
    ----------
    old : Levels
        As training fixed them; `release` is the confidence.
    probabilities : ndarray, shape (n_cases, n_entities), float64
        Of new cases held out.
    codes : ndarray, shape (n_cases,), int64
        True entities.
    tree : LabelTree
        The entities of the model.

    Returns
    -------
    levels : Levels
        Where the cases are too few to show what a level allows: at least the old one, and
        above the surest wrong answer, but no more than `fixed_levels` asks of so few cases.
        That of acute leukemia is then the old one, as it is lower the safer it is.
    anew : tuple of str
        Levels of which there were enough.
    """
    fixed = fixed_levels(probabilities, codes, tree, old.release).to_dict()
    category = np.array([entity.category for entity in tree.entities.values()])
    numbers = {
        "normal": int((category[codes] != NORMAL).sum()),
        "acute": int((category[codes] == ACUTE).sum()),
    }
    wrong = _surest_wrong(probabilities, codes, tree)
    found, anew = old.to_dict(), []
    for level, share in allowed_at(old.release).items():
        if np.floor(share * (numbers.get(level, len(codes)) + 1)) >= 1:
            found[level] = fixed[level]
            anew.append(level)
        elif level != "acute":
            above = float(np.nextafter(wrong[level], 2))
            found[level] = max(found[level], min(above, fixed[level]))
    return Levels(**found), tuple(anew)


def _surest_wrong(probabilities: Floats, codes: Codes, tree: LabelTree) -> dict[str, float]:
    """Return the probability of the surest wrong answer at each level; 0 without one."""
    entities = list(tree.entities.values())
    values: dict[str, NDArray[Any]] = {"entity": np.array([e.name for e in entities])}
    values |= {axis: np.array([getattr(e, axis) for e in entities]) for axis in AXES}
    found = {}
    for level, of_entity in values.items():
        kinds, places = np.unique(of_entity, return_inverse=True)
        shares = probabilities @ np.eye(len(kinds))[places]
        is_wrong = shares.argmax(axis=1) != places[codes]
        found[level] = float(shares.max(axis=1)[is_wrong].max(initial=0.0))
    is_normal = values["category"] == NORMAL
    p_normal = probabilities[~is_normal[codes]][:, is_normal].sum(axis=1)
    return found | {"normal": float(p_normal.max(initial=0.0))}
