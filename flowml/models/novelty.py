"""How unlike the training cases a case is, given what the model makes of it.

Standard scores are turned onto the main axes of the training cases, and scaled by how much
cases of one entity differ there. The distance to an entity is that to its mean (Mahalanobis;
Lee et al., NeurIPS 2018), in units of the usual distance of its own cases held out, as
entities differ in how much their cases do. Novelty is the mean of these distances by the
probabilities of the entities: a case must be typical of what it is called, not of anything.
It is larger the less stands out for these entities, held against their own cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.archive.tables import sized
from flowml.errors import ModelError
from flowml.models.linear import Standard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]

# Shares of cases like the training cases that are called unlike them, and unusual: those are
# answered, but a person looks at them.
FALSE_ALARMS, UNUSUAL = 0.01, 0.10
LEAST = 1e-12  # probability; what is less likely than this is as good as impossible
# Logarithms of what novelty is multiplied by, least and most: what lies far from everything may
# be answered very surely, and must not seem near for it.
LACKS = (-0.5, 50.0)
LARGEST = 1e6  # support or slope of a model; those of cases are below 100
TABLES = ("novelty_center", "novelty_spread", "novelty_shares", "novelty_axes",
          "novelty_means", "novelty_usual", "novelty_support", "novelty_slopes")  # fmt: skip


class Unlike(NamedTuple):
    """How unlike the training cases a case is.

    Parameters
    ----------
    score : float
        About 1 for a usual case.
    unusual, furthest : float
        Scores from which a case is called unusual, and unlike them.
    """

    score: float
    unusual: float
    furthest: float

    @property
    def is_novel(self) -> bool:
        """Whether the case is unlike the training cases."""
        return self.score >= self.furthest

    @property
    def is_unusual(self) -> bool:
        """Whether the case is at the edge of the training cases, or beyond it."""
        return self.score >= self.unusual


@dataclass(frozen=True, eq=False)
class Novelty:
    """What training cases look like.

    Parameters
    ----------
    standard : Standard
        Of the training cases.
    axes : ndarray, shape (n_axes, n_features), float32
        From standard scores to axes on which cases of an entity vary by 1.
    means : ndarray, shape (n_classes, n_axes), float64
        Of each entity on these axes.
    usual : ndarray, shape (n_classes,), float64
        Usual squared distance of an entity's cases.
    support : ndarray, shape (n_classes,), float64
        Usual support of an entity in its own cases, see `supports`.
    slopes : ndarray, shape (n_classes,), float64
        By how much the logarithm of novelty rises where that support is less by one.
    unusual, furthest : float
        Novelty from which a case is unusual, and unlike the training cases.
    """

    standard: Standard
    axes: NDArray[np.float32]
    means: Floats
    usual: Floats
    support: Floats
    slopes: Floats
    unusual: float = np.inf
    furthest: float = np.inf

    def scores(self, rows: Rows, probabilities: Floats) -> Floats:
        """Return how unlike the training cases each row is.

        Parameters
        ----------
        rows : ndarray, shape (n_rows, n_features), float32
            NaN is missing, and counts as average.
        probabilities : ndarray, shape (n_rows, n_classes), float64
            What the model makes of them.

        Returns
        -------
        ndarray, shape (n_rows,), float64
            About 1 for a usual case. A row's bits do not depend on the other rows.
        """
        return self.weighed(self.squared(rows), probabilities)

    def weighed(self, squared: Floats, probabilities: Floats) -> Floats:
        """Return novelty, from distances and probabilities.

        Parameters
        ----------
        squared : ndarray, shape (n_rows, n_classes), float64
            As `Novelty.squared` gives them; infinite for an entity without a case.
        probabilities : ndarray, shape (n_rows, n_classes), float64
            What the model makes of them.

        Returns
        -------
        ndarray, shape (n_rows,), float64
            A row's bits do not depend on the other rows.
        """
        found = np.empty(len(squared))
        with np.errstate(over="ignore"):
            for place, (own, chances) in enumerate(zip(squared, probabilities, strict=True)):
                lack = (chances * self.slopes * (self.support - supports(chances))).sum()
                less = np.exp(np.clip(lack, *LACKS))
                found[place] = expected(own / self.usual, chances) * less
        return found

    def squared(self, rows: Rows) -> Floats:
        """Return squared distances.

        Parameters
        ----------
        rows : ndarray, shape (n_rows, n_features), float32
            NaN is missing.

        Returns
        -------
        ndarray, shape (n_rows, n_classes), float64
            To the mean of each entity.
        """
        found = np.empty((len(rows), len(self.means)))
        with np.errstate(over="ignore"):  # infinitely far is an answer
            for place, row in enumerate(rows):
                point = (self.axes * self.standard.of_rows(row)).sum(axis=1)
                found[place] = ((point - self.means) ** 2).sum(axis=1)
        return found

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, for the bundle."""
        own = (self.standard.center, self.standard.spread, self.standard.shares)
        values = (*own, self.axes, self.means, self.usual, self.support, self.slopes)
        return dict(zip(TABLES, values, strict=True))


def supports(chances: Floats) -> Floats:
    """Return how far each entity stands out: log-odds against the geometric mean of all.

    Parameters
    ----------
    chances : ndarray, shape (n_classes,), float64
        Probabilities of a case.

    Returns
    -------
    ndarray, shape (n_classes,), float64
        Centred log-ratios (Aitchison, J R Stat Soc B 1982; 44:139). A probability says how one
        entity stands to the next; this also says how it stands to those that nobody thinks of.
    """
    logs = np.log(np.maximum(chances, LEAST))
    return np.asarray(logs - logs.mean())


def expected(distances: Floats, chances: Floats) -> float:
    """Return the mean distance to the entities, by their probabilities.

    Parameters
    ----------
    distances : ndarray, shape (n_classes,), float64
        Infinite for an entity without a case, which is left out.
    chances : ndarray, shape (n_classes,), float64
        Probabilities.

    Returns
    -------
    float
        Infinite where all likely ones are.
    """
    known = np.isfinite(distances) & (chances > 0)
    if not known.any():
        return float("inf")
    return float((distances[known] * chances[known]).sum() / chances[known].sum())


def novelty_from(
    tables: Mapping[str, NDArray[Any]],
    n_features: int,
    n_classes: int,
    limits: tuple[float, float],
) -> Novelty:
    """Put a novelty together from arrays, none of which is trusted.

    Parameters
    ----------
    tables : mapping of str to ndarray
        As `Novelty.tables` gives them; finite.
    n_features, n_classes : int
        What the model's manifest says.
    limits : (float, float)
        Novelty from which a case is unusual, and unlike the training cases.

    Returns
    -------
    Novelty
        All shapes right.

    Raises
    ------
    ModelError
        If anything else is found.
    """
    n_axes = len(tables.get("novelty_axes", ()))
    shapes = ((n_features,), (n_features,), (n_features,), (n_axes, n_features),
              (n_classes, n_axes), *[(n_classes,)] * 3)  # fmt: skip
    kinds = (np.float64, np.float64, np.bool_, np.float32, *[np.float64] * 4)
    found = sized(tables, TABLES, shapes, kinds)
    center, spread, shares, axes, means, usual, support, slopes = found
    if not ((spread > 0).all() and (usual > 0).all()):
        raise ModelError("a spread of the model's novelty is not above 0.")
    if not ((slopes >= 0).all() and max(slopes.max(), np.abs(support).max()) < LARGEST):
        raise ModelError("the support or a slope of the model's novelty is out of bounds.")
    standard = Standard(center, spread, shares)
    return Novelty(standard, axes, means, usual, support, slopes, *limits)
