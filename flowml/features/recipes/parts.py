"""The parts that learn nothing: distributions, pairs, quantiles, moments."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.counting.fine import moments, quantiles
from flowml.features.recipes.part import (
    Kind,
    Plain,
    below_each_edge,
    cell_names,
    check_number,
    share_of_each,
)
from flowml.features.recipes.scales import even_cuts
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.recipes.scales import Scales
    from flowml.records import Channel

MOST_BINS = 1024
MOST_PAIR_BINS = 32
MOST_QUANTILES = 99
PERCENT = 100


@dataclass(frozen=True)
class Ecdf(Plain):
    """Cumulative distribution of each marker on its display scale.

    After the one-dimensional distributions of MLL's abstract 104, Blood 138 (Suppl. 1), 2021,
    but on fixed display scales rather than on ones that depend on the data.

    For each marker, ``bins - 1`` features between 0 and 1: the share of events below each inner
    edge of bins of equal width between 0 and 1 of the display scale.

    Parameters
    ----------
    bins : int
        2 to 1,024.
    """

    name: ClassVar[str] = "ecdf"
    kind: ClassVar[Kind] = Kind.CUTS
    bins: int = 32

    def __post_init__(self) -> None:
        check_number("bins", self.bins, 2, MOST_BINS)

    def cuts(self, channel: Channel, scales: Scales) -> NDArray[np.float64]:
        """Return the inner edges.

        Parameters
        ----------
        channel : Channel
            Of a marker.
        scales : Scales
            Of the recipe.

        Returns
        -------
        ndarray, shape (bins - 1,), float64
            Linear units, rising.
        """
        return even_cuts(scales.of(channel), self.bins)

    def statistics(self) -> tuple[str, ...]:
        """Return ``ecdf01`` and so on."""
        return tuple(f"{self.name}{edge:02d}" for edge in range(1, self.bins))

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return shares of events below each edge.

        Parameters
        ----------
        counts : ndarray, shape (n, bins), int64
            Events in each bin; those off the scale are in the first and the last.

        Returns
        -------
        ndarray, shape (n, bins - 1), float64
            NaN where there are no events.
        """
        return below_each_edge(counts)


@dataclass(frozen=True)
class Pairs(Plain):
    """Two-dimensional histograms of all pairs of a tube's markers.

    As the 78 two-dimensional histograms from which Simonson et al. recognised Hodgkin lymphoma
    (Am J Clin Pathol 156:1092, 2021).

    For each pair, ``bins * bins`` features between 0 and 1 which add up to 1: the share of
    events in each cell of an even grid between 0 and 1 of both display scales.

    Parameters
    ----------
    bins : int
        2 to 32, along each axis.
    """

    name: ClassVar[str] = "pairs"
    kind: ClassVar[Kind] = Kind.PAIRS
    bins: int = 16

    def __post_init__(self) -> None:
        check_number("pair_bins", self.bins, 2, MOST_PAIR_BINS)

    def cuts(self, channel: Channel, scales: Scales) -> NDArray[np.float64]:
        """Return the inner edges of the grid along one axis.

        Parameters
        ----------
        channel : Channel
            Of a marker.
        scales : Scales
            Of the recipe.

        Returns
        -------
        ndarray, shape (bins - 1,), float64
            Linear units, rising.
        """
        return even_cuts(scales.of(channel), self.bins)

    def statistics(self) -> tuple[str, ...]:
        """Return ``pairs0000`` and so on: the row is of the first marker."""
        return cell_names(self.name, self.bins)

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the share of each cell.

        Parameters
        ----------
        counts : ndarray, shape (n, bins, bins), int64
            Events in each cell; those off the scale are in the outer ones.

        Returns
        -------
        ndarray, shape (n, bins * bins), float64
            NaN where there are no events.
        """
        return share_of_each(counts)


@dataclass(frozen=True)
class Quantiles(Plain):
    """Quantiles of each marker on its display scale.

    The features of the B-CLPD study, Blood Advances 9:5880 (2025), there within gates.

    For each marker, one feature a share, in display units (0 to 1 on the scale).

    Parameters
    ----------
    shares : tuple of float
        Rising, whole percent, above 0 and below 1.
    """

    name: ClassVar[str] = "quantiles"
    kind: ClassVar[Kind] = Kind.FINE
    shares: tuple[float, ...] = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)

    def __post_init__(self) -> None:
        if not isinstance(self.shares, tuple):
            raise FlowmlError(
                f"quantiles are {printable(self.shares, 80)}, expected a list of shares."
            )
        percents = [_percent(share) for share in self.shares]
        rising = all(a < b for a, b in pairwise(percents))
        if not (percents and rising):
            raise FlowmlError(
                f"quantiles are {printable(self.shares, 80)}, expected shares that rise, "
                "such as 0.25, 0.5, 0.75."
            )

    def statistics(self) -> tuple[str, ...]:
        """Return ``quantile50`` and so on."""
        return tuple(f"quantile{_percent(share):02d}" for share in self.shares)

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the quantiles.

        Parameters
        ----------
        counts : ndarray, shape (n, FINE_BINS), int64
            Events in each fine bin.

        Returns
        -------
        ndarray, shape (n, len(shares)), float64
            Display units; NaN where there are no events.
        """
        return quantiles(counts, self.shares)


def _percent(share: object) -> int:
    """Return a share in percent, or refuse it."""
    if isinstance(share, float) and 0 < share < 1:
        percent = round(share * PERCENT)
        if 1 <= percent <= MOST_QUANTILES and abs(percent - share * PERCENT) < 1e-9:
            return percent
    raise FlowmlError(
        f"a quantile is {printable(share, 40)}, expected a share of whole percent between 0.01 "
        "and 0.99."
    )


@dataclass(frozen=True)
class Moments(Plain):
    """Mean, standard deviation, median, interquartile range and skewness of each marker.

    Means of the markers were enough to tell all cases of AML in FlowCAP-II (Manninen et al.,
    PLoS ONE 8:e72932, 2013). Of the display values, read off fine histograms.
    """

    name: ClassVar[str] = "moments"
    kind: ClassVar[Kind] = Kind.FINE

    def statistics(self) -> tuple[str, ...]:
        """Return ``mean``, ``sd``, ``median``, ``iqr``, ``skewness``."""
        return ("mean", "sd", "median", "iqr", "skewness")

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the five statistics.

        Parameters
        ----------
        counts : ndarray, shape (n, FINE_BINS), int64
            Events in each fine bin.

        Returns
        -------
        ndarray, shape (n, 5), float64
            Display units, the skewness without unit; NaN where there are no events.
        """
        mean, sd, skewness = moments(counts).T
        low, median, high = quantiles(counts, (0.25, 0.5, 0.75)).T
        return np.column_stack([mean, sd, median, high - low, skewness])
