"""What a part of a recipe is: what it wants counted, and what it makes of the counts.

A part is plain values, and frozen. It never sees events: it says which cuts, pairs or
histograms it needs (`Kind`), gets whole numbers, and turns them into features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from flowml.errors import FlowmlError
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.recipes.scales import Scales
    from flowml.records import Channel


class Kind(Enum):
    """What a part wants counted."""

    CUTS = "events between the cuts of a channel"
    PAIRS = "events between the cuts of two channels"
    FINE = "fine histograms on the display scale"
    NODES = "events nearest to the nodes of a map"
    SHARES = "events of populations"
    BRIGHTNESS = "fine histograms of each population"


class Part(Protocol):
    """What every part can do."""

    name: ClassVar[str]
    kind: ClassVar[Kind]

    def __hash__(self) -> int:
        """Return a hash: parts are frozen."""
        ...

    def cuts(self, channel: Channel, scales: Scales) -> NDArray[np.float64] | None:
        """Return the cuts of a channel.

        Parameters
        ----------
        channel : Channel
            Of a marker.
        scales : Scales
            Of the recipe.

        Returns
        -------
        ndarray, shape (n,), float64
            Linear units, rising; None if the channel is not wanted.
        """
        ...

    def pairs(self, markers: Sequence[str]) -> list[tuple[str, str]]:
        """Return the pairs that are wanted.

        Parameters
        ----------
        markers : sequence of str
            Of a tube.

        Returns
        -------
        list of (str, str)
            Each pair once.
        """
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
        """Want no cuts.

        Parameters
        ----------
        channel : Channel
            Of a marker.
        scales : Scales
            Of the recipe.

        Returns
        -------
        None
            Always.
        """
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


def below_each_edge(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of events below each inner edge of bins.

    Parameters
    ----------
    counts : ndarray, shape (n, bins), int64
        Events in each bin.

    Returns
    -------
    ndarray, shape (n, bins - 1), float64
        Rising; NaN where there are no events.
    """
    return shares(np.cumsum(counts, axis=1)[:, :-1], counts.sum(axis=1))


def share_of_each(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of events in each place.

    Parameters
    ----------
    counts : ndarray, shape (n, ...), int64
        Events in each place.

    Returns
    -------
    ndarray, shape (n, number of places), float64
        NaN where there are no events.
    """
    flat = counts.reshape(len(counts), -1)
    return shares(flat, flat.sum(axis=1))


def cell_names(name: str, side: int) -> tuple[str, ...]:
    """Name the cells of a square, row by row.

    Parameters
    ----------
    name : str
        Of the part.
    side : int
        Cells along each side.

    Returns
    -------
    tuple of str
        ``name0000``, ``name0001`` and so on.
    """
    every = range(side)
    return tuple(f"{name}{row:02d}{column:02d}" for row in every for column in every)


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
