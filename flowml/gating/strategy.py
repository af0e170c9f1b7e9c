"""A gating strategy: named gates in a tree, and the populations that they define."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import numpy as np

from flowml.errors import GateError
from flowml.gating.gates import Combination, Range, Rectangle, Shape
from flowml.preprocess import Transform
from flowml.records import Spillover
from flowml.safety import nearest, printable

LINEAR = "linear"  # channel units, as they stand on the axis of a linear plot
SCALES = ("logicle", "arcsinh", LINEAR)

UNCOMPENSATED = "uncompensated"
FROM_FILE = "FCS"  # the matrix of the sample, as Gating-ML 2.0 calls it


@dataclass(frozen=True, slots=True)
class Ratio:
    """What the values of a dimension are divided by.

    The coordinate is factor (x - offset) / (y - divisor_offset), which is fratio of
    Gating-ML 2.0; x are the values of the dimension's channel, y those of the divisor, both
    compensated alike. Dividing by zero gives infinity, zero by zero NaN.

    Parameters
    ----------
    divisor : str
        Name of a channel, or marker.
    factor, offset, divisor_offset : float
        Finite numbers; A, B and C of the standard.

    Raises
    ------
    GateError
        If a number is not finite, or the factor is 0.
    """

    divisor: str
    factor: float = 1.0
    offset: float = 0.0
    divisor_offset: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.factor, self.offset, self.divisor_offset)
        if not all(map(math.isfinite, numbers)) or self.factor == 0:
            raise GateError(
                f"a ratio has the factor {self.factor} and the offsets {self.offset} and "
                f"{self.divisor_offset}; expected finite numbers, the first not 0."
            )


@dataclass(frozen=True, slots=True)
class Dimension:
    """One axis of a gate.

    Parameters
    ----------
    channel : str
        Name of a channel, or marker.
    scale : str or Transform
        Scale on which the coordinates of the gate are given. ``logicle`` and ``arcsinh``:
        the display scale of the channel, on which its top is 1 (scatter and time: fraction of
        the top); ``linear``: channel units; or any `Transform`.
    compensation : str
        ``FCS``: values compensated as the sample's own matrix says; ``uncompensated``; or the
        name of a matrix of the strategy.
    ratio : Ratio, optional
        What the channel is divided by; its scale is ``linear`` or a `Transform`.
    """

    channel: str
    scale: str | Transform = "logicle"
    compensation: str = FROM_FILE
    ratio: Ratio | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it looks at: one, or two of a ratio."""
        return (self.channel, self.ratio.divisor) if self.ratio else (self.channel,)


@dataclass(frozen=True, eq=False)
class Gate:
    """A named population: a shape on its dimensions, within a parent.

    Parameters
    ----------
    name : str
        Unique within a strategy.
    shape : Range, Rectangle, Polygon, Ellipsoid or Combination
        Which events belong.
    dimensions : tuple of Dimension
        One for each dimension of the shape; none for a combination.
    parent : str
        Name of the parent population; empty for all events.
    outside : bool
        Whether the events outside the shape belong, not those inside; an event without a
        value is outside.

    Raises
    ------
    GateError
        If the dimensions do not fit the shape, or a combination is taken from outside.
    """

    name: str
    shape: Shape | Combination
    dimensions: tuple[Dimension, ...] = ()
    parent: str = ""
    outside: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise GateError("a gate has no name; expected one that is not empty.")
        if self.outside and isinstance(self.shape, Combination):
            raise GateError(
                f"gate {printable(self.name)!r} is a {self.shape.kind} that is taken from "
                "outside; negate its populations instead."
            )
        if len(self.dimensions) != self.shape.n_dims:
            raise GateError(
                f"gate {printable(self.name)!r} names {len(self.dimensions)} channels for a "
                f"{self.shape.kind} of {self.shape.n_dims} dimensions."
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the populations that must be known before this one."""
        parent = (self.parent,) if self.parent else ()
        joined = self.shape.populations if isinstance(self.shape, Combination) else ()
        return (*parent, *joined)


def quadrants(
    dimensions: Sequence[Dimension],
    dividers: Sequence[Sequence[float]],
    populations: Mapping[str, Sequence[int]],
    parent: str = "",
) -> tuple[Gate, ...]:
    """Make the populations that dividers part: quadrants, or more parts by more dividers.

    Parameters
    ----------
    dimensions : sequence of Dimension
        One or more axes.
    dividers : sequence of sequences of float
        Rising values on each axis. A value on a divider belongs above it.
    populations : mapping of str to sequence of int
        Name of each population that is wanted, and on which side it lies on each axis: 0
        below the first divider, 1 above it, and so on.
    parent : str
        Name of the parent population of all; empty for all events.

    Returns
    -------
    tuple of Gate
        A range or rectangle for each population; no two share an event.

    Raises
    ------
    GateError
        If dividers do not rise, or a place is not there or named twice.
    """
    places = [tuple(place) for place in populations.values()]
    if not places or len(set(places)) < len(places):
        raise GateError(
            f"quadrants name {len(set(places))} places by {len(places)} names; expected one or "
            "more, each named once."
        )
    return tuple(
        Gate(name, between_dividers(dividers, place), tuple(dimensions), parent)
        for name, place in zip(populations, places, strict=True)
    )


def between_dividers(
    dividers: Sequence[Sequence[float]], place: Sequence[int]
) -> Range | Rectangle:
    """Return the part of a space that lies between dividers.

    Parameters
    ----------
    dividers : sequence of sequences of float
        Rising values on each axis.
    place : sequence of int
        On each axis the number of dividers below the part.

    Returns
    -------
    Range or Rectangle
        Open-ended below the first divider and above the last.

    Raises
    ------
    GateError
        If dividers do not rise, or the place is not there.
    """
    if len(dividers) != len(place) or not dividers:
        raise GateError(
            f"a place of {len(place)} numbers is none among dividers on {len(dividers)} axes."
        )
    bounds = []
    for axis, (values, number) in enumerate(zip(dividers, place, strict=True), start=1):
        ends = [-np.inf, *values, np.inf]
        if not values or not all(np.isfinite(values)) or not (np.diff(ends) > 0).all():
            raise GateError(
                f"the dividers on axis {axis} are {list(values)}; expected numbers that rise."
            )
        if not 0 <= number <= len(values):
            raise GateError(
                f"place {number} on axis {axis} is not there; expected 0 to {len(values)}."
            )
        bounds.append((ends[number], ends[number + 1]))
    low, high = zip(*bounds, strict=True)
    if len(bounds) == 1:
        return Range(float(low[0]), float(high[0]))
    return Rectangle(np.array(low), np.array(high))


@dataclass(frozen=True, eq=False)
class Strategy:
    """The gates of a document, in its order.

    Parameters
    ----------
    gates : tuple of Gate
        In any order; a parent may follow its child.
    matrices : mapping of str to Spillover
        Compensation matrices that dimensions refer to.
    source : str
        Name of the document, for messages.

    Raises
    ------
    GateError
        If names are double, parents or matrices unknown, or gates depend on themselves.
    """

    gates: tuple[Gate, ...]
    matrices: Mapping[str, Spillover] = field(default_factory=dict)
    source: str = "the gating strategy"

    def __post_init__(self) -> None:
        self._check_names()
        self._check_references()
        _ = self.ordered

    def __getitem__(self, name: str) -> Gate:
        if name not in self._by_name:
            raise GateError(
                f"{printable(self.source)} has no gate {printable(name)!r}. "
                f"Nearest: {printable(nearest(name, list(self._by_name)))}."
            )
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Gate]:
        return {gate.name: gate for gate in self.gates}

    @cached_property
    def ordered(self) -> tuple[Gate, ...]:
        """The gates in an order in which each one follows what it needs."""
        sorter = TopologicalSorter({gate.name: gate.needs for gate in self.gates})
        try:
            return tuple(self._by_name[name] for name in sorter.static_order())
        except CycleError as error:
            circle = " <- ".join(printable(name, 40) for name in error.args[1][:10])
            raise GateError(
                f"gates of {printable(self.source)} depend on themselves: {circle}. "
                "Expected a tree; correct a parent."
            ) from None

    @cached_property
    def tree(self) -> tuple[Gate, ...]:
        """The gates as a reader goes down the tree: what is in a gate before the next."""
        children: dict[str, list[Gate]] = {}
        for gate in reversed(self.gates):
            children.setdefault(gate.parent, []).append(gate)
        found, waiting = [], list(children.get("", ()))
        while waiting:
            found.append(waiting.pop())
            waiting += children.get(found[-1].name, ())
        return tuple(found)

    def _check_names(self) -> None:
        seen: set[str] = set()
        for gate in self.gates:
            if gate.name in seen:
                raise GateError(
                    f"{printable(self.source)} has two gates named {printable(gate.name)!r}; "
                    "expected names that are unique."
                )
            seen.add(gate.name)

    def _check_references(self) -> None:
        known = list(self._by_name)
        for gate in self.gates:
            for name in gate.needs:
                if name not in self._by_name:
                    raise GateError(
                        f"gate {printable(gate.name)!r} of {printable(self.source)} refers to "
                        f"{printable(name)!r}, which is not there. "
                        f"Nearest: {printable(nearest(name, known))}."
                    )
            for dimension in gate.dimensions:
                self._check_dimension(gate, dimension)

    def _check_dimension(self, gate: Gate, dimension: Dimension) -> None:
        if isinstance(dimension.scale, str) and dimension.scale not in SCALES:
            raise GateError(
                f"gate {printable(gate.name)!r} has the scale {printable(dimension.scale)!r}; "
                f"expected one of {', '.join(SCALES)}."
            )
        if dimension.ratio and isinstance(dimension.scale, str) and dimension.scale != LINEAR:
            raise GateError(
                f"gate {printable(gate.name)!r} has a ratio on the scale {dimension.scale}, "
                f"which ends at the top of a channel; expected {LINEAR}, or a transform."
            )
        if dimension.compensation not in {UNCOMPENSATED, FROM_FILE, *self.matrices}:
            raise GateError(
                f"gate {printable(gate.name)!r} asks for the compensation "
                f"{printable(dimension.compensation)!r}; {printable(self.source)} has "
                f"{printable(', '.join(self.matrices)) or 'no matrices'}."
            )
