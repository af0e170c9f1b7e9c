"""Alignment: where the quantiles of normal cases lie on each instrument, and on the reference.

A channel is counted between cuts on its display scale, so that an instrument is aligned by
moving the cuts: a straight line from landmark to landmark, and no event is rewritten. Landmarks
are kept on the usual scale, where a value and its place depend on the value over the top alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.counting.fine import HIGHEST, LOWEST
from flowml.features.stained import LONGEST_INSTRUMENT
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from flowml.preprocess import Transform

# Landmarks that lie nearer together than this, in display units, are one: between two a line
# is as steep as chance has it.
NEAREST = 0.005
MOST_SHARES, MOST_MARKERS, MOST_INSTRUMENTS = 99, 1_000, 1_000

Positions = tuple[float, ...]
ByMarker = tuple[tuple[str, Positions], ...]  # in the order of the markers' names


@dataclass(frozen=True)
class Aligned:
    """A display scale that shows an instrument's values where the reference has them.

    Between two landmarks a straight line, beyond the outermost a shift; rises everywhere.

    Parameters
    ----------
    shown : Transform
        The display scale.
    usual : Transform
        The scale on which the landmarks lie; mostly the same.
    own, reference : tuple of float
        The landmarks; both rise, and are of one length, 1 or more.
    """

    shown: Transform
    usual: Transform
    own: Positions
    reference: Positions

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Map linear values to the display scale of the reference."""
        places = _moved(self.usual(x), self.own, self.reference)
        if self.shown == self.usual:
            return places
        return self.shown(self.usual.inverse(places))

    def inverse(self, y: ArrayLike) -> NDArray[np.float64]:
        """Map display values of the reference to the instrument's linear scale.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        if self.shown != self.usual:
            y = self.usual(self.shown.inverse(y))
        return self.usual.inverse(_moved(y, self.reference, self.own))


def _moved(y: ArrayLike, start: Positions, end: Positions) -> NDArray[np.float64]:
    """Move places from landmark to landmark; NaN and infinities stay what they are."""
    places = np.asarray(y, dtype=np.float64)
    below, above = np.minimum(places - start[0], 0.0), np.maximum(places - start[-1], 0.0)
    return np.asarray(np.interp(places, start, end) + below + above)


@dataclass(frozen=True)
class AlignedInstrument:
    """What is known of an instrument.

    Parameters
    ----------
    normals : int
        Cases that its landmarks were read off.
    landmarks : tuple of (str, tuple of float)
        Of each marker the places of the landmarks; in the order of the names.
    tops : tuple of (str, tuple of float)
        Of each of these markers where the scale ended, lowest and highest.
    """

    normals: int
    landmarks: ByMarker
    tops: ByMarker

    def __post_init__(self) -> None:
        if isinstance(self.normals, bool) or not isinstance(self.normals, int):
            raise TypeError("a number of normal cases is no whole number")
        whole = self.normals > 0 and [m for m, _ in self.landmarks] == [m for m, _ in self.tops]
        ends = [pair for _, pair in self.tops]
        sound = all(
            len(p) == 2 and all(map(math.isfinite, p)) and 0 < p[0] <= p[1] for p in ends
        )
        if not (whole and sound):
            raise FlowmlError(
                "an aligned instrument needs normal cases, and two positive ends of a scale "
                "for each of its markers. Fit the alignment again."
            )


@dataclass(frozen=True)
class Alignment:
    """Landmarks of the reference and of instruments, of every marker.

    Parameters
    ----------
    shares : tuple of float
        Of the events of normal cases that lie below each landmark; above 0, below 1, rising.
    reference : tuple of (str, tuple of float)
        Of each marker the places to which landmarks are moved, in display units, rising.
    linear : tuple of str
        Markers whose landmarks lie on a linear scale; the others' on the usual logicle.
    instruments : tuple of (str, AlignedInstrument)
        In the order of their names.

    Raises
    ------
    FlowmlError
        If the numbers are not what they should be.
    """

    shares: Positions
    reference: ByMarker
    linear: tuple[str, ...] = ()
    instruments: tuple[tuple[str, AlignedInstrument], ...] = field(default=())

    def __post_init__(self) -> None:
        few = (
            len(self.shares) <= MOST_SHARES
            and len(self.reference) <= MOST_MARKERS
            and len(self.instruments) <= MOST_INSTRUMENTS
        )
        rising = bool(self.shares) and _rises(self.shares, 0.0, 1.0)
        if not (few and rising and 0 < self.shares[0] <= self.shares[-1] < 1):
            raise FlowmlError("the shares of an alignment must rise between 0 and 1.")
        named = [m for m, _ in self.reference], [name for name, _ in self.instruments]
        for names, longest in zip(named, (None, LONGEST_INSTRUMENT), strict=True):
            if not all(_is_name(name, longest) for name in names) or names != sorted(
                set(names)
            ):
                raise FlowmlError(
                    "an alignment names a marker or an instrument twice, or none."
                )
        if not set(self.linear) <= self.markers:
            raise FlowmlError("an alignment tells the scale of a marker that it does not have.")
        for where, landmarks in self._every():
            for marker, places in landmarks:
                self._check(where, marker, places)

    def _every(self) -> list[tuple[str, ByMarker]]:
        own = [(name, each.landmarks) for name, each in self.instruments]
        return [("the reference", self.reference), *own]

    def _check(self, where: str, marker: str, places: Positions) -> None:
        if marker not in self.markers:
            raise FlowmlError(f"{printable(marker, 40)!r} is aligned, but has no reference.")
        if len(places) != len(self.shares) or not _rises(places, LOWEST, HIGHEST):
            raise FlowmlError(
                f"the landmarks of {printable(marker, 40)!r} on {printable(where, 80)} must be "
                f"{len(self.shares)} numbers that rise from {LOWEST} to {HIGHEST}."
            )

    @cached_property
    def markers(self) -> frozenset[str]:
        """Markers that have a reference."""
        return frozenset(marker for marker, _ in self.reference)

    @cached_property
    def known(self) -> dict[str, AlignedInstrument]:
        """What is known of each instrument, by name."""
        return dict(self.instruments)

    def with_instruments(self, more: Mapping[str, AlignedInstrument]) -> Alignment:
        """Return the alignment with further instruments.

        Parameters
        ----------
        more : mapping of str to AlignedInstrument
            By name; they have no marker without a reference.

        Returns
        -------
        Alignment
            The reference stays.
        """
        return replace(self, instruments=tuple(sorted((self.known | dict(more)).items())))

    def aligned(
        self, instrument: str, marker: str, shown: Transform, usual: Transform, *, linear: bool
    ) -> Transform:
        """Return the display scale of a channel of an instrument.

        Parameters
        ----------
        instrument : str
            Any; one that is not known is left as it is.
        marker : str
            Of the channel; one that was not aligned is left as it is.
        shown, usual : Transform
            The channel's display scale, and the one on which landmarks lie.
        linear : bool
            Whether the usual scale is linear; where the reference's is not, nothing is moved.

        Returns
        -------
        Transform
            `shown` itself where nothing is moved.
        """
        known = self.known.get(instrument)
        own = dict(known.landmarks).get(marker) if known else None
        if own is None or linear != (marker in self.linear):
            return shown
        start, end = apart(own, dict(self.reference)[marker])
        return shown if start == end else Aligned(shown, usual, start, end)

    def to_dict(self) -> dict[str, Any]:
        """Return the alignment as plain values, for JSON."""
        return {
            "shares": list(self.shares),
            "reference": _as_lists(self.reference),
            "linear": list(self.linear),
            "instruments": {
                name: {
                    "normals": each.normals,
                    "landmarks": _as_lists(each.landmarks),
                    "tops": _as_lists(each.tops),
                }
                for name, each in self.instruments
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Alignment:
        """Build an alignment from plain values.

        Parameters
        ----------
        values : mapping
            As `to_dict` gives them.

        Returns
        -------
        Alignment
            Equal to the one that gave them.

        Raises
        ------
        FlowmlError
            If a number is not what it should be.
        TypeError, LookupError, AttributeError
            If a value is missing, or of another type.
        """
        instruments = {
            name: AlignedInstrument(
                told["normals"], _by_marker(told["landmarks"]), _by_marker(told["tops"])
            )
            for name, told in values["instruments"].items()
        }
        linear = values["linear"]
        if not isinstance(linear, list) or not all(isinstance(m, str) for m in linear):
            raise TypeError("the markers of linear scales are no list of names")
        return cls(
            _floats(values["shares"]),
            _by_marker(values["reference"]),
            tuple(linear),
            tuple(sorted(instruments.items())),
        )


def apart(own: Positions, reference: Positions) -> tuple[Positions, Positions]:
    """Leave out landmarks that lie too near to the one before, on either side.

    Parameters
    ----------
    own, reference : tuple of float
        Landmarks, rising.

    Returns
    -------
    own, reference : tuple of float
        Those that are `NEAREST` or more apart on both.

    Examples
    --------
    >>> apart((0.1, 0.102, 0.2), (0.2, 0.3, 0.4))
    ((0.1, 0.2), (0.2, 0.4))
    """
    kept = [(own[0], reference[0])]
    for pair in zip(own[1:], reference[1:], strict=True):
        if min(pair[0] - kept[-1][0], pair[1] - kept[-1][1]) >= NEAREST:
            kept.append(pair)
    start, end = zip(*kept, strict=True)
    return start, end


def _rises(places: Positions, low: float, high: float) -> bool:
    """Tell whether numbers rise strictly within two ends."""
    inside = all(low <= place <= high for place in places)  # NaN is not
    return inside and all(a < b for a, b in pairwise(places))


def _is_name(name: object, longest: int | None = None) -> bool:
    return isinstance(name, str) and 0 < len(name) <= (longest or len(name))


def _as_lists(by_marker: ByMarker) -> dict[str, list[float]]:
    return {marker: list(places) for marker, places in by_marker}


def _by_marker(plain: Any) -> ByMarker:
    return tuple(sorted((marker, _floats(places)) for marker, places in plain.items()))


def _floats(plain: Any) -> Positions:
    if not isinstance(plain, list) or not all(isinstance(each, float) for each in plain):
        raise TypeError("landmarks are no list of numbers")
    return tuple(plain)
