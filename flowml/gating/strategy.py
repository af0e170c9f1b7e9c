"""A gating strategy: named gates in a tree, and the populations that they define."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from flowml.errors import GateError
from flowml.gating.gates import Combination, Shape
from flowml.preprocess import Transform
from flowml.records import Spillover
from flowml.safety import nearest, printable

LINEAR = "linear"  # channel units, as they stand on the axis of a linear plot
SCALES = ("logicle", "arcsinh", LINEAR)

UNCOMPENSATED = "uncompensated"
FROM_FILE = "FCS"  # the matrix of the sample, as Gating-ML 2.0 calls it


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
    """

    channel: str
    scale: str | Transform = "logicle"
    compensation: str = FROM_FILE


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

    Raises
    ------
    GateError
        If the dimensions do not fit the shape.
    """

    name: str
    shape: Shape | Combination
    dimensions: tuple[Dimension, ...] = ()
    parent: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise GateError("a gate has no name; expected one that is not empty.")
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
    matrices: Mapping[str, Spillover] = field(default_factory=lambda: MappingProxyType({}))
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
        if dimension.compensation not in {UNCOMPENSATED, FROM_FILE, *self.matrices}:
            raise GateError(
                f"gate {printable(gate.name)!r} asks for the compensation "
                f"{printable(dimension.compensation)!r}; {printable(self.source)} has "
                f"{printable(', '.join(self.matrices)) or 'no matrices'}."
            )
