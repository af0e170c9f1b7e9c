"""Coverage against error: how much could be answered, and at what price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.judging.draws import ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

ERRORS = (0.005, 0.01, 0.02, 0.05)  # for which the coverage is told
MOST_POINTS = 200  # of a curve that is written


@dataclass(frozen=True, eq=False)
class Curve:
    """Error among the answered cases, as fewer and fewer are answered.

    Parameters
    ----------
    threshold, coverage, error : ndarray, shape (n_points,), float64
        Least probability of an answer; share of the cases that reach it; share of these that
        are wrong. The highest threshold comes first.
    area : float
        Mean error over all coverages (Geifman et al., ICLR 2019); NaN without cases.
    """

    threshold: Floats
    coverage: Floats
    error: Floats
    area: float

    def at_error(self, most: float) -> float:
        """Return the largest coverage at which no more than this is wrong.

        Parameters
        ----------
        most : float
            Share of the answered cases.

        Returns
        -------
        float
            0 if there is none. Found on these very cases: no promise for others.
        """
        return float(self.coverage[self.error <= most].max(initial=0.0))

    def to_dict(self) -> dict[str, object]:
        """Return plain values: at most `MOST_POINTS` points, the last one among them."""
        n = len(self.threshold)
        kept = np.unique(np.linspace(n - 1, 0, min(n, MOST_POINTS)).astype(int))
        points = [
            {"threshold": float(t), "coverage": float(c), "error": float(e)}
            for t, c, e in zip(
                self.threshold[kept], self.coverage[kept], self.error[kept], strict=True
            )
        ]
        reached = {f"{most:g}": self.at_error(most) for most in ERRORS}
        return {"area": self.area, "coverage_at_error": reached, "points": points}


def coverage_curve(
    said: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None
) -> Curve:
    """Trace coverage against error.

    Parameters
    ----------
    said : array-like, shape (n_cases,)
        Probability of the most probable class; cases with NaN are never answered.
    right : array-like, shape (n_cases,), bool
        Whether that class is the right one.
    weights : array-like, shape (n_cases,), optional
        How much a case counts.

    Returns
    -------
    Curve
        Cases of one probability are answered together, so that their order does not matter.
    """
    p, hit = np.asarray(said, dtype=np.float64), np.asarray(right, dtype=bool)
    counts = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    known = np.isfinite(p)
    levels, place = np.unique(-p[known], return_inverse=True)
    answered = np.bincount(place, counts[known], len(levels))
    wrong = np.bincount(place, counts[known] * ~hit[known], len(levels))
    error = ratio(np.cumsum(wrong), np.cumsum(answered))
    whole = float(counts.sum())
    area = float(ratio((error * answered).sum(), answered.sum()))
    return Curve(-levels, np.cumsum(answered) / whole, error, area)
