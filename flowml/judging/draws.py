"""Patients drawn again and again: how far a figure depends on who happened to be there.

The first row of a `Draws` is no draw but the cases as they are. So every figure is computed
once, on all rows: the first value is the figure, the others are its spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.judging.intervals import CONFIDENCE, upper_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 2000
FEWEST_PATIENTS = 10  # of fewer, drawing does not show how uncertain a figure is
TAIL = (1 - CONFIDENCE) / 2
ROUNDING = 1e-12  # two sums of the same numbers in another order


class Estimate(NamedTuple):
    """A figure with its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        NaN where there is nothing to compute it from, or too few patients for an interval.
    """

    value: float
    low: float
    high: float

    @property
    def has_interval(self) -> bool:
        """Whether the interval is known."""
        return not math.isnan(self.low)


NOTHING = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each patient was drawn.

    Parameters
    ----------
    counts : ndarray, shape (1 + n_resamples, n_patients), float32
        The first row is 1 everywhere.
    patient_of : ndarray, shape (n_cases,), intp
        Patient of each case, as a number.
    weights : ndarray, shape (n_cases,), float64
        How much a case counts; less than 1 where it was asked about more than once.
    """

    counts: NDArray[np.float32]
    patient_of: NDArray[np.intp]
    weights: Floats

    @classmethod
    def of(
        cls,
        groups: Sequence[object],
        weights: ArrayLike | None = None,
        *,
        seed: int = 0,
        resamples: int = RESAMPLES,
    ) -> Draws:
        """Draw patients, with replacement.

        Parameters
        ----------
        groups : sequence, length n_cases
            Patient of each case.
        weights : array-like, shape (n_cases,), optional
            How much a case counts; 1 where it is not given.
        seed : int
            Of the draws.
        resamples : int
            How many.

        Returns
        -------
        Draws
            The same for the same groups and seed.
        """
        names: dict[object, int] = {}
        own = [names.setdefault(group, len(names)) for group in groups]
        n = len(names)
        drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples)
        counts = np.concatenate([np.ones((1, n)), drawn]).astype(np.float32)
        given = np.ones(len(own)) if weights is None else np.asarray(weights, dtype=np.float64)
        return cls(counts, np.array(own, dtype=np.intp), given)

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return int(self.counts.shape[1])

    @cached_property
    def of_cases(self) -> NDArray[np.float32]:
        """How much each case counts, shape (n_cases, 1 + n_resamples)."""
        own = np.ascontiguousarray(self.counts.T)[self.patient_of]
        return np.asarray(own * self.weights[:, None].astype(np.float32))

    def sums(self, values: ArrayLike) -> Floats:
        """Add up values of cases.

        Parameters
        ----------
        values : array-like, shape (n_cases,) or (n_cases, n_columns)
            Numbers or booleans.

        Returns
        -------
        ndarray, shape (1 + n_resamples,) or (1 + n_resamples, n_columns), float64
            As the cases are, then in each draw.
        """
        given = np.asarray(values, dtype=np.float64)
        columns = given.reshape(len(self.patient_of), -1) * self.weights[:, None]
        of_patient = np.zeros((self.n_patients, columns.shape[1]))
        np.add.at(of_patient, self.patient_of, columns)
        found = (self.counts @ of_patient.astype(np.float32)).astype(np.float64)
        found[0] = of_patient.sum(axis=0)  # the figure itself, in double precision
        return np.asarray(found.reshape(-1, *given.shape[1:]))

    def estimate(self, values: Floats) -> Estimate:
        """Make a figure of its values.

        Parameters
        ----------
        values : ndarray, shape (1 + n_resamples,)
            As the cases are, then in each draw; NaN where it cannot be computed.

        Returns
        -------
        Estimate
            The interval holds the middle 95 % of the draws. Where the figure is 1 in all draws,
            its lower end is that of a share that all patients fulfil.
        """
        value, spread = float(values[0]), values[1:][~np.isnan(values[1:])]
        if math.isnan(value) or self.n_patients < FEWEST_PATIENTS or not len(spread):
            return Estimate(value, math.nan, math.nan)
        low, high = np.quantile(spread, (TAIL, 1 - TAIL))
        if value == low == 1.0:  # no draw could show an error, as none was seen
            low = 1 - upper_bound(0, self.n_patients, 1 - TAIL)
        return Estimate(value, float(low), float(high))

    def share(self, hits: ArrayLike, among: ArrayLike) -> Estimate:
        """Return the share of cases that fulfil something, as `shares` does.

        Parameters
        ----------
        hits, among : array-like, shape (n_cases,), bool
            Those that do, of those that count.

        Returns
        -------
        Estimate
            NaN if no case counts.
        """
        return self.shares(np.asarray(hits)[:, None], np.asarray(among)[:, None])[0]

    def shares(self, hits: ArrayLike, among: ArrayLike) -> list[Estimate]:
        """Return the shares of cases that fulfil one thing after another.

        Where it is none or all of them, no draw differs; the interval is then the exact one,
        by patients.

        Parameters
        ----------
        hits, among : array-like, shape (n_cases, n_shares), bool
            Those that do, of those that count.

        Returns
        -------
        list of Estimate
            NaN if no case counts.
        """
        base = np.asarray(among, dtype=bool)
        kept = np.asarray(hits, dtype=bool) & base
        values = ratio(self.sums(kept), self.sums(base))
        return [self._share(*each) for each in zip(values.T, kept.T, base.T, strict=True)]

    def _share(
        self, values: Floats, kept: NDArray[np.bool_], base: NDArray[np.bool_]
    ) -> Estimate:
        found = self.estimate(values)
        if not found.has_interval or (kept.any() and not kept[base].all()):
            return found
        bound = upper_bound(0, self.patients(base), 1 - TAIL)
        return found._replace(low=1 - bound) if kept.any() else found._replace(high=bound)

    def patients(self, chosen: ArrayLike) -> int:
        """Count the patients of some cases.

        Parameters
        ----------
        chosen : array-like, shape (n_cases,), bool
            Which cases.

        Returns
        -------
        int
            Each once.
        """
        return len(np.unique(self.patient_of[np.asarray(chosen, dtype=bool)]))


def ratio(above: Any, below: Any) -> Floats:
    """Divide, and say NaN where there is nothing to divide by.

    Parameters
    ----------
    above, below : array-like
        Of one shape.

    Returns
    -------
    ndarray, float64
        NaN where `below` is 0.
    """
    top, base = np.broadcast_arrays(np.asarray(above, float), np.asarray(below, float))
    found = np.full(top.shape, np.nan)
    np.divide(top, base, out=found, where=np.abs(base) > ROUNDING)
    return found
