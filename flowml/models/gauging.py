"""How novelty is fixed on training cases, and on those of them that were held out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.models.linear import Standard, spectrum
from flowml.models.novelty import FALSE_ALARMS, UNUSUAL, Novelty, expected, supports
from flowml.threads import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.models.choosing import Held
    from flowml.models.heldout import Cohort

    Rows = NDArray[np.float32]
    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]

AXES = 100  # main axes; fewer where there are fewer cases or features
SHRINKAGE = 0.1  # of the covariance to a sphere: directions that were hardly seen count less
TINY = 1e-9  # keeps the covariance of cases that do not differ invertible
FEWEST = 3  # cases of an entity whose distances tell what is usual
# Weight of a lack of support beside the logarithm of the distance, both in their own standard
# deviations. Development cohorts, each of 30 entities left out in turn: docs/models.md.
LACK = 0.5
NARROWEST = 0.1  # spread of a support, in log-odds: cases that agree more have not shown less


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
        With usual distances of 1, and no thought of support; `learned_novelty` has both of
        cases held out.
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
    nothing = np.zeros(n_classes)
    return Novelty(standard, axes, means, np.ones(n_classes), nothing, nothing)


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
    squared = _held_out(cohort, held)
    own = squared[np.arange(len(held.codes)), held.codes]
    usual = np.maximum(_of_each(own, held), TINY)
    novelty = replace(
        fit_novelty(cohort.rows, cohort.codes, held.probabilities.shape[1]), usual=usual
    )
    novelty = _with_support(novelty, squared, held)
    scores = novelty.weighed(squared, held.probabilities)
    limits = reached_by(scores, UNUSUAL), reached_by(scores, FALSE_ALARMS)
    return replace(novelty, unusual=limits[0], furthest=limits[1])


def _held_out(cohort: Cohort, held: Held) -> Floats:
    """Return how far cases held out lie from those of other patients."""
    n_classes = held.probabilities.shape[1]
    rows, codes, patients = cohort.rows, cohort.codes, cohort.patients
    squared = np.empty((len(held.cases), n_classes))
    for number in np.unique(held.part):
        test = held.cases[held.part == number]
        train = ~np.isin(patients, patients[test])
        found = fit_novelty(rows[train], codes[train], n_classes)
        squared[held.part == number] = found.squared(rows[test])
    return squared


def _of_each(values: Floats, held: Held) -> Floats:
    """Return the median of each entity's own cases; of all cases where it has too few."""
    known = np.isfinite(values)
    overall = float(np.median(values[known])) if known.any() else 1.0
    found = np.full(held.probabilities.shape[1], overall)
    for code in range(len(found)):
        of_class = values[known & (held.codes == code)]
        if len(of_class) >= FEWEST:
            found[code] = float(np.median(of_class))
    return found


def _with_support(novelty: Novelty, squared: Floats, held: Held) -> Novelty:
    """Measure how far entities stand out in their own cases, and weigh that."""
    chances = held.probabilities
    every = np.array([supports(row) for row in chances])
    own = every[np.arange(len(every)), held.codes]
    usual = _of_each(own, held)
    spread = 1.4826 * _of_each(np.abs(own - usual[held.codes]), held)  # as a normal one's
    steps = 1 / np.maximum(spread, NARROWEST)
    lack = (chances * steps * (usual - every)).sum(axis=1)
    far = np.array(
        [expected(*each) for each in zip(squared / novelty.usual, chances, strict=True)]
    )
    logs = np.log(np.maximum(far[np.isfinite(far)], TINY))
    weight = LACK * logs.std() / max(lack.std(), NARROWEST) if len(logs) else 0.0
    return replace(novelty, support=usual, slopes=weight * steps)


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
