"""The features of the MLL Munich Leukemia Laboratory's abstract of 2021, one pass or two.

Abstract 104, Blood 138 (Suppl. 1), 2021: values are divided by their maximum, multiplied by
1,024, standardised, put through arcsinh and described by cumulative distributions of one marker
(16 to 128 bins) or of two markers (2 x 2 bins).

The abstract leaves open by which mean and standard deviation values are standardised. Those of
the sample itself would cancel the division; here they are means over the training cases, so
that a new case is measured with the rod of the old ones. Where the bins lie is left open, too:
here between the 0.1 % and the 99.9 % quantile of the training cases, of equal width after
arcsinh, and the quadrants are cut where Otsu's threshold parts the training cases' values
(IEEE Trans. Syst. Man Cybern. 9:62, 1979).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.recipes.part import (
    Kind,
    Plain,
    below_each_edge,
    check_number,
    share_of_each,
)
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.features.recipes.scales import Scales
    from flowml.records import Channel

UNITS = 1024.0  # the maximum is shown at so many
FEWEST_BINS, MOST_BINS = 16, 128
TAIL = 0.001  # share of the training cases' events beyond the outer bins' inner edges
LEAST_SHARE = 1e-6  # of the mean; bins of values that vary less would lie on one another
FARTHEST = 100.0  # arcsinh of any value that an instrument measures is far below
LEAST_SD = 1e-6  # of the 1,024 units; below it a marker does not vary


@dataclass(frozen=True)
class Standard:
    """What training cases taught about one marker.

    Parameters
    ----------
    marker : str
        Canonical marker.
    mean, sd : float
        Of the values, in 1/1,024 of the maximum.
    low, high : float
        Ends of the bins, after standardising and arcsinh.
    cut : float
        Where quadrants are cut, likewise.
    """

    marker: str
    mean: float
    sd: float
    low: float
    high: float
    cut: float

    def __post_init__(self) -> None:
        numbers = (self.mean, self.sd, self.low, self.high, self.cut)
        sound = all(isinstance(n, float) and math.isfinite(n) for n in numbers)
        sound = sound and isinstance(self.marker, str)
        sound = sound and max(map(abs, numbers[2:])) <= FARTHEST
        if not (sound and self.sd > 0 and self.low < self.high):
            raise FlowmlError(
                f"the standard of {printable(self.marker, 40)!r} is {printable(numbers, 120)}, "
                "expected finite numbers, a positive SD and ends that rise."
            )

    def linear(self, shown: NDArray[np.float64], top: float) -> NDArray[np.float64]:
        """Map values back to linear units: arcsinh and standardising undone.

        Parameters
        ----------
        shown : ndarray, float64
            After standardising and arcsinh.
        top : float
            The maximum, in linear units.

        Returns
        -------
        ndarray, float64
            Linear units.
        """
        return np.asarray((np.sinh(shown) * self.sd + self.mean) * (top / UNITS))


@dataclass(frozen=True)
class _Mll(Plain):
    """What the two parts share.

    Parameters
    ----------
    standards : tuple of Standard
        One for each marker of the training cases; other markers are passed over.
    measured : bool
        Whether the maximum is the largest value of the sample, which takes a pass of its own,
        rather than the end of the channel's range.
    """

    standards: tuple[Standard, ...]
    measured: bool = False

    def __post_init__(self) -> None:
        if not self.standards or not isinstance(self.measured, bool):
            raise FlowmlError("the recipe mll2021 was learned from no marker; give cases.")

    def _standard(self, channel: Channel) -> Standard | None:
        return next((s for s in self.standards if s.marker == channel.marker), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain values, for JSON."""
        rows = [[s.marker, s.mean, s.sd, s.low, s.high, s.cut] for s in self.standards]
        return {"part": self.name, "standards": rows, "measured": self.measured}


@dataclass(frozen=True)
class MllDistribution(_Mll):
    """One-dimensional distributions, standardised on training cases.

    For each marker, ``bins - 1`` features between 0 and 1: the share of events below each inner
    edge.

    Parameters
    ----------
    bins : int
        16 to 128.
    """

    name: ClassVar[str] = "mll2021"
    kind: ClassVar[Kind] = Kind.CUTS
    bins: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("bins of mll2021", self.bins, FEWEST_BINS, MOST_BINS)

    def cuts(self, channel: Channel, scales: Scales) -> NDArray[np.float64] | None:  # noqa: ARG002
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
            Linear units, rising; None for a marker that is not known.
        """
        standard = self._standard(channel)
        if standard is None:
            return None
        ends = np.linspace(standard.low, standard.high, self.bins + 1)
        return standard.linear(ends[1:-1], channel.top)

    def statistics(self) -> tuple[str, ...]:
        """Return ``mll01`` and so on."""
        return tuple(f"mll{edge:02d}" for edge in range(1, self.bins))

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return shares of events below each edge.

        Parameters
        ----------
        counts : ndarray, shape (n, bins), int64
            Events in each bin.

        Returns
        -------
        ndarray, shape (n, bins - 1), float64
            NaN where there are no events.
        """
        return below_each_edge(counts)

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain values, for JSON."""
        return {**super().to_dict(), "bins": self.bins}


@dataclass(frozen=True)
class MllQuadrants(_Mll):
    """Two-dimensional distributions of 2 x 2 bins: the quadrants of every pair.

    For each pair, three features between 0 and 1: the shares of events with the second marker
    alone positive, with the first alone and with both; that with none is what is missing to 1.
    """

    name: ClassVar[str] = "mll2021 quadrants"
    kind: ClassVar[Kind] = Kind.PAIRS

    def cuts(self, channel: Channel, scales: Scales) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return the cut between negative and positive.

        Parameters
        ----------
        channel : Channel
            Of a marker.
        scales : Scales
            Of the recipe.

        Returns
        -------
        ndarray, shape (1,), float64
            Linear units; None for a marker that is not known.
        """
        standard = self._standard(channel)
        if standard is None:
            return None
        return standard.linear(np.array([standard.cut]), channel.top)

    def pairs(self, markers: Sequence[str]) -> list[tuple[str, str]]:
        """Want every pair of markers that training cases taught about.

        Parameters
        ----------
        markers : sequence of str
            Of a tube.

        Returns
        -------
        list of (str, str)
            Each pair once.
        """
        known = {standard.marker for standard in self.standards}
        return super().pairs([marker for marker in markers if marker in known])

    def statistics(self) -> tuple[str, ...]:
        """Return ``quadrantNP``, ``quadrantPN``, ``quadrantPP``."""
        return ("quadrantNP", "quadrantPN", "quadrantPP")

    def values(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the shares of three quadrants.

        Parameters
        ----------
        counts : ndarray, shape (n, 2, 2), int64
            Events in each quadrant.

        Returns
        -------
        ndarray, shape (n, 3), float64
            NaN where there are no events.
        """
        return share_of_each(counts)[:, 1:]


def learn_standard(
    marker: str, units: NDArray[np.float64], weights: NDArray[np.float64]
) -> Standard:
    """Learn one marker's standard from the training cases' distribution.

    Parameters
    ----------
    marker : str
        Canonical marker.
    units : ndarray, shape (n,), float64
        Values in 1/1,024 of the maximum, rising.
    weights : ndarray, shape (n,), float64
        Their share of the events, every case counting alike; adds up to 1.

    Returns
    -------
    Standard
        Mean, SD, ends and cut.
    """
    # sums, no products of vectors: those may be split among threads, and differ in a last bit
    mean = float((units * weights).sum())
    sd = math.sqrt(float(((units - mean) ** 2 * weights).sum()))
    sd = max(sd, LEAST_SD, abs(mean) * LEAST_SHARE)
    shown = np.arcsinh((units - mean) / sd)
    below = np.cumsum(weights)
    low = float(shown[np.searchsorted(below[:-1], TAIL)])
    high = float(shown[np.searchsorted(below[:-1], 1 - TAIL)])
    if not low < high:  # one value only
        low, high = low - 1.0, high + 1.0
    return Standard(marker, mean, sd, low, high, otsu(shown, weights))


def otsu(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the threshold that parts values into the two most different groups.

    Parameters
    ----------
    values : ndarray, shape (n,), float64
        Rising.
    weights : ndarray, shape (n,), float64
        Their shares; add up to 1.

    Returns
    -------
    float
        Halfway between the two neighbouring values between which the variance between the
        groups is largest; the value itself where there is one only.
    """
    present = weights > 0
    values, weights = values[present], weights[present]
    if len(values) < 2:
        return float(values[0]) if len(values) else 0.0
    share = np.cumsum(weights)[:-1]
    first = np.cumsum(weights * values)[:-1]
    total = float((weights * values).sum())
    rest = np.maximum(1 - share, np.finfo(np.float64).tiny)
    between = share * rest * (first / share - (total - first) / rest) ** 2
    best = int(between.argmax())
    return float(values[best] + values[best + 1]) / 2
