"""The parts of which recipes consist: what each wants counted, and what it makes of the counts.

A part is plain values, and frozen. It never sees events: it says which cuts, pairs or
histograms it needs (`Kind`), gets whole numbers, and turns them into features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.counting.fine import moments, quantiles
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


class Kind(Enum):
    """What a part wants counted."""

    CUTS = "events between the cuts of a channel"
    PAIRS = "events between the cuts of two channels"
    FINE = "fine histograms on the display scale"
    NODES = "events nearest to the nodes of a map"


class Part(Protocol):
    """What every part can do."""

    name: ClassVar[str]
    kind: ClassVar[Kind]

    def __hash__(self) -> int:
        """Return a hash: parts are frozen."""
        ...

    def cuts(self, channel: Channel, scales: Scales) -> NDArray[np.float64] | None:
        """Return the cuts of a channel in linear units, rising; None if it is not wanted."""
        ...

    def pairs(self, markers: Sequence[str]) -> list[tuple[str, str]]:
        """Return the pairs that are wanted of a tube's markers."""
        ...

    def statistics(self) -> tuple[str, ...]:
        """Return the names of the features of one marker, pair or map."""
        ...

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Turn counts into features.

        Parameters
        ----------
        counts : ndarray, shape (n, ...), int64
            Of n markers, pairs or maps.

        Returns
        -------
        ndarray, shape (n, len(statistics())), float64
            NaN where nothing was counted.
        """
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain values, for JSON."""
        ...


class Plain:
    """What most parts share: all channels and all pairs are wanted."""

    name: ClassVar[str]

    def cuts(
        self,
        channel: Channel,  # noqa: ARG002
        scales: Scales,  # noqa: ARG002
    ) -> NDArray[np.float64] | None:
        """Want no cuts."""
        return None

    def pairs(self, markers: Sequence[str]) -> list[tuple[str, str]]:
        """Want every pair of markers, in the order of their names.

        Parameters
        ----------
        markers : sequence of str
            Of a tube.

        Returns
        -------
        list of (str, str)
            Each pair once.
        """
        return list(combinations(sorted(markers), 2))

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain values, for JSON."""
        plain = asdict(self)  # type: ignore[call-overload]
        return {"part": self.name, **{key: as_lists(value) for key, value in plain.items()}}


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
        """Return the inner edges, shape (bins - 1,)."""
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
        return shares(np.cumsum(counts, axis=1)[:, :-1], counts.sum(axis=1))


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
        """Return the inner edges of the grid along one axis, shape (bins - 1,)."""
        return even_cuts(scales.of(channel), self.bins)

    def statistics(self) -> tuple[str, ...]:
        """Return ``pairs0000`` and so on: the row is of the first marker."""
        every = range(self.bins)
        return tuple(f"{self.name}{row:02d}{column:02d}" for row in every for column in every)

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
        flat = counts.reshape(len(counts), -1)
        return shares(flat, flat.sum(axis=1))


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


def is_measured(part: Part) -> bool:
    """Tell whether a part measures by the largest values of the very tube.

    Parameters
    ----------
    part : Part
        Any.

    Returns
    -------
    bool
        Such a part gets values over their maximum, of channels whose top is 1.
    """
    return bool(getattr(part, "measured", False))


def as_lists(value: Any) -> Any:
    """Return a value as JSON would give it back: lists in place of tuples.

    Parameters
    ----------
    value : object
        Plain values, in tuples or not.

    Returns
    -------
    object
        The same, without tuples.
    """
    return [as_lists(each) for each in value] if isinstance(value, (tuple, list)) else value


def shares(counts: NDArray[np.int64], totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide counts by the number of events.

    Parameters
    ----------
    counts : ndarray, shape (n, m), int64
        Events in each place.
    totals : ndarray, shape (n,), int64
        All events.

    Returns
    -------
    ndarray, shape (n, m), float64
        NaN where there are no events: their share is unknown.
    """
    known = np.where(totals > 0, totals, np.nan)
    return np.asarray(counts / known[:, None])


def check_number(name: str, value: object, low: int, high: int) -> None:
    """Refuse a setting that is not a whole number in its range.

    Parameters
    ----------
    name : str
        Of the setting.
    value : object
        What was given.
    low, high : int
        What it may be.

    Raises
    ------
    FlowmlError
        If it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise FlowmlError(f"{name} is {printable(value, 40)!r}, expected a whole number.")
    if not low <= value <= high:
        raise FlowmlError(f"{name} is {value}, expected {low} to {high}.")
