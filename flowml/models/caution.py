"""What keeps a model from answering: required probabilities, and cases that are like none.

All of it is fixed on training cases that were held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.plain import is_number, is_share
from flowml.errors import ModelError
from flowml.models.levels import Levels, fixed_levels, levels_from
from flowml.models.novelty import Novelty, Unlike, novelty_from
from flowml.models.sets import entity_limits, not_excluded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowml.knowledge.labels import LabelTree
    from flowml.models.choosing import Held

    Rows = NDArray[np.float32]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Caution:
    """What an answer must pass.

    Parameters
    ----------
    levels : Levels
        Required probabilities.
    limits : tuple of float
        Of each entity, the probability below which it is excluded.
    novelty : Novelty or None
        What the training cases look like; None where none could be held out.
    """

    levels: Levels
    limits: tuple[float, ...]
    novelty: Novelty | None = None

    @classmethod
    def equal(cls, least: float, n_entities: int) -> Caution:
        """Require the same of every level, and nothing else.

        Parameters
        ----------
        least : float
            Probability.
        n_entities : int
            Of the model.

        Returns
        -------
        Caution
            Nothing in it was fixed on cases.
        """
        return cls(Levels.equal(least), (0.0,) * n_entities)

    def unlike(self, rows: Rows, probabilities: Floats) -> list[Unlike | None]:
        """Measure how unlike the training cases each row is.

        Parameters
        ----------
        rows : ndarray, shape (n_rows, n_features), float32
            NaN is missing.
        probabilities : ndarray, shape (n_rows, n_entities), float64
            What the model makes of them.

        Returns
        -------
        list of Unlike or None
            None where the model has not learned it.
        """
        if self.novelty is None:
            return [None] * len(rows)
        scores = self.novelty.scores(rows, probabilities)
        limits = self.novelty.unusual, self.novelty.furthest
        return [Unlike(float(score), *limits) for score in scores]

    def candidates(self, probabilities: Floats) -> NDArray[np.intp]:
        """Return the entities that cannot be excluded, the likeliest first.

        Parameters
        ----------
        probabilities : ndarray, shape (n_entities,), float64
            Of one case.

        Returns
        -------
        ndarray, shape (n_left,), intp
            Their numbers.
        """
        return not_excluded(probabilities, np.array(self.limits))

    def to_dict(self) -> dict[str, Any]:
        """Return the plain values, for the bundle; `tables` has the arrays."""
        novelty = self.novelty
        edges = None if novelty is None else [novelty.unusual, novelty.furthest]
        return {
            "levels": self.levels.to_dict(),
            "limits": list(self.limits),
            "edges": edges,
        }

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return the arrays, for the bundle."""
        return self.novelty.tables() if self.novelty else {}


def learned_caution(
    held: Held | None, novelty: Novelty | None, tree: LabelTree, confidence: float
) -> Caution:
    """Fix on cases held out what an answer must pass.

    Parameters
    ----------
    held : Held or None
        What was foreseen of those held out.
    novelty : Novelty or None
        What the training cases look like.
    tree : LabelTree
        The entities, in the order of the codes.
    confidence : float
        Share of cases whose entity is not to be wrong.

    Returns
    -------
    Caution
        Where no case was held out, probabilities themselves must reach what is promised.
    """
    n_entities = len(tree.entities)
    nobody = np.empty((0, n_entities)), np.empty(0, np.int64)
    probabilities, codes = (held.probabilities, held.codes) if held else nobody
    levels = fixed_levels(probabilities, codes, tree, confidence)
    limits = entity_limits(probabilities, codes, n_entities, confidence)
    return Caution(levels, tuple(map(float, limits)), novelty)


def caution_from(
    value: object, tables: Mapping[str, NDArray[Any]], n_features: int, n_entities: int
) -> Caution:
    """Read a caution from a bundle, nothing of which is trusted.

    Parameters
    ----------
    value : object
        As `Caution.to_dict` gives it.
    tables : mapping of str to ndarray
        As `Caution.tables` gives them, and perhaps more.
    n_features, n_entities : int
        What the model's manifest says.

    Returns
    -------
    Caution
        Checked.

    Raises
    ------
    ModelError
        If anything else is found.
    """
    if not isinstance(value, dict) or set(value) != {"levels", "limits", "edges"}:
        raise ModelError("what it requires of an answer is not what flowml wrote.")
    limits, edges = value["limits"], value["edges"]
    if not isinstance(limits, list) or len(limits) != n_entities:
        raise ModelError(f"its limits are not those of {n_entities} entities.")
    if not all(is_share(limit) and limit >= 0 for limit in limits):
        raise ModelError("a limit of an entity is no probability.")
    levels = levels_from(value["levels"])
    if edges is None:
        return Caution(levels, tuple(map(float, limits)))
    if (
        not isinstance(edges, list)
        or len(edges) != 2
        or not all(is_number(edge) and edge > 0 for edge in edges)
    ):
        raise ModelError("its limits of novelty are not two numbers above 0.")
    if edges[0] > edges[1]:
        raise ModelError("its limits of novelty are not in order.")
    both = float(edges[0]), float(edges[1])
    novelty = novelty_from(tables, n_features, n_entities, both)
    return Caution(levels, tuple(map(float, limits)), novelty)
