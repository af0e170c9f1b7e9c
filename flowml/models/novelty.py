"""How unlike the training cases a case is, whatever the model answers.

Standard scores are turned onto the main axes of the training cases, and scaled by how much
cases of one entity differ there. The distance to an entity is that to its mean (Mahalanobis;
Lee et al., NeurIPS 2018), in units of the usual distance of its own cases held out, as
entities differ in how much their cases do. The smallest of them is the novelty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.archive.tables import sized
from flowml.errors import ModelError
from flowml.models.linear import Standard, spectrum
from flowml.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowml.models.choosing import Held
    from flowml.models.heldout import Cohort

    Rows = NDArray[np.float32]
    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]

AXES = 100  # main axes; fewer where there are fewer cases or features
SHRINKAGE = 0.1  # of the covariance to a sphere: directions that were hardly seen count less
# Shares of cases like the training cases that are called unlike them, and unusual: those are
# answered, but a person looks at them.
FALSE_ALARMS, UNUSUAL = 0.01, 0.05
TINY = 1e-9  # keeps the covariance of cases that do not differ invertible
FEWEST = 3  # cases of an entity whose distances tell what is usual
TABLES = ("novelty_center", "novelty_spread", "novelty_shares", "novelty_axes",
          "novelty_means", "novelty_usual")  # fmt: skip


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
    unusual, furthest : float
        Novelty from which a case is unusual, and unlike the training cases.
    """

    standard: Standard
    axes: NDArray[np.float32]
    means: Floats
    usual: Floats
    unusual: float = np.inf
    furthest: float = np.inf

    def scores(self, rows: Rows) -> Floats:
        """Return how unlike the training cases each row is.

        Parameters
        ----------
        rows : ndarray, shape (n_rows, n_features), float32
            NaN is missing, and counts as average.

        Returns
        -------
        ndarray, shape (n_rows,), float64
            About 1 for a usual case. A row's bits do not depend on the other rows.
        """
        with np.errstate(over="ignore"):  # infinitely far is an answer
            return np.asarray((self.squared(rows) / self.usual).min(axis=1))

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
        for place, row in enumerate(rows):
            point = (self.axes * self.standard.of_rows(row)).sum(axis=1)
            found[place] = ((point - self.means) ** 2).sum(axis=1)
        return found

    def tables(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, for the bundle."""
        own = (self.standard.center, self.standard.spread, self.standard.shares)
        values = (*own, self.axes, self.means, self.usual)
        return dict(zip(TABLES, values, strict=True))


def fit_novelty(rows: Rows, codes: Codes, n_classes: int) -> Novelty:
    """Measure training cases.

    Parameters
    ----------
    rows : ndarray, shape (n_cases, n_features), float32
        NaN is missing.
    codes : ndarray, shape (n_cases,), int64
        Entities, from 0.
    n_classes : int
        Number of entities; one without a case is infinitely far.

    Returns
    -------
    Novelty
        With usual distances of 1; `learned_novelty` has them of cases held out.
    """
    standard = Standard.of(rows)
    with one_thread():
        scores = standard.of_rows(rows)
        main = _main_axes(scores)
        points = scores @ main.T
        means = np.full((n_classes, len(main)), np.inf)
        for code in np.unique(codes):
            means[code] = points[codes == code].mean(axis=0)
        rest = points - means[codes]
        spread = rest.T @ rest / len(rest)
        round_one = np.trace(spread) / max(len(main), 1) * np.eye(len(main))
        covariance = (1 - SHRINKAGE) * spread + SHRINKAGE * round_one + TINY * np.eye(len(main))
        whiten = np.linalg.inv(np.linalg.cholesky(covariance))
        present = np.isfinite(means).all(axis=1)
        means[present] = means[present] @ whiten.T
        axes = (whiten @ main).astype(np.float32)
    return Novelty(standard, axes, means, np.ones(n_classes))


def _main_axes(scores: Floats) -> Floats:
    """Return the directions in which the training cases differ most, one a row."""
    number = min(AXES, *scores.shape)
    if scores.shape[1] <= len(scores):
        _, vectors = np.linalg.eigh(scores.T @ scores)
        return np.ascontiguousarray(vectors[:, ::-1][:, :number].T)
    vectors, roots = spectrum(scores)
    return np.asarray((vectors / roots)[:, ::-1][:, :number].T @ scores)


def learned_novelty(cohort: Cohort, held: Held | None) -> Novelty | None:
    """Measure training cases, and how far those held out lie from those of other patients.

    Parameters
    ----------
    cohort : Cohort
        Training cases.
    held : Held or None
        Cases that were held out, and which of them together.

    Returns
    -------
    Novelty or None
        Of all training cases; None where none was held out.
    """
    if held is None:
        return None
    n_classes = held.probabilities.shape[1]
    cases, part, truth = held.cases, held.part, held.codes
    rows, codes, patients = cohort.rows, cohort.codes, cohort.patients
    squared = np.empty((len(cases), n_classes))
    for number in np.unique(part):
        test = cases[part == number]
        train = ~np.isin(patients, patients[test])
        found = fit_novelty(rows[train], codes[train], n_classes)
        squared[part == number] = found.squared(rows[test])
    own = squared[np.arange(len(truth)), truth]
    known = np.isfinite(own)
    overall = float(np.median(own[known])) if known.any() else 1.0
    usual = np.full(n_classes, max(overall, TINY))
    for code in range(n_classes):
        of_class = own[known & (truth == code)]
        if len(of_class) >= FEWEST:
            usual[code] = max(float(np.median(of_class)), TINY)
    scores = (squared / usual).min(axis=1)
    novelty = fit_novelty(rows, codes, n_classes)
    limits = reached_by(scores, UNUSUAL), reached_by(scores, FALSE_ALARMS)
    return replace(novelty, usual=usual, unusual=limits[0], furthest=limits[1])


def reached_by(scores: Floats, share: float) -> float:
    """Return the novelty that a share of cases held out reach.

    One case more is counted, so that the share holds for a new one (split conformal).

    Parameters
    ----------
    scores : ndarray, shape (n_cases,), float64
        One or more.
    share : float
        Of cases.

    Returns
    -------
    float
        Twice the largest where there are too few cases to tell.
    """
    place = int(np.ceil((1 - share) * (len(scores) + 1))) - 1
    largest = float(scores.max())
    found = float(np.sort(scores)[place]) if place < len(scores) else 2 * largest
    return max(found, TINY)


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
              (n_classes, n_axes), (n_classes,))  # fmt: skip
    kinds = (np.float64, np.float64, np.bool_, np.float32, np.float64, np.float64)
    center, spread, shares, axes, means, usual = sized(tables, TABLES, shapes, kinds)
    if not ((spread > 0).all() and (usual > 0).all()):
        raise ModelError("a spread of the model's novelty is not above 0.")
    return Novelty(Standard(center, spread, shares), axes, means, usual, *limits)
