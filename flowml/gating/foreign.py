"""FlowKit's gates, scales and matrices, translated to our records."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError, GateError
from flowml.gating.gates import Combination, Ellipsoid, Floats, Polygon, Range, Rectangle, Shape
from flowml.gating.strategy import (
    FROM_FILE,
    LINEAR,
    UNCOMPENSATED,
    Dimension,
    Gate,
    Ratio,
)
from flowml.preprocess.scale import LN10
from flowml.preprocess.transform import Arcsinh, Hyperlog, Linear, Log, Logicle, Transform
from flowml.records import Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

WORST_CONDITION = 1e8  # of a matrix that is worth inverting
SCALES = {
    "LinearTransform", "LogTransform", "AsinhTransform", "HyperlogTransform",
    "LogicleTransform", "WSPBiexTransform",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class FlowKitScale:
    """A transformation of a document, behind our own protocol.

    Parameters
    ----------
    transform : flowkit transform
        Has ``apply`` and ``inverse``; formulas: Gating-ML 2.0 and FlowJo 10.
    """

    transform: Any

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the scale; NaN where it is not defined, infinities stay."""
        return _finite_only(self.transform.apply, x)

    def inverse(self, y: ArrayLike) -> Floats:
        """Map values of the scale back to linear ones.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        return _finite_only(self.transform.inverse, y)


@dataclass(frozen=True)
class FlowJoLog:
    """FlowJo's logarithmic scale, log10(x / offset) / decades; values below are the offset.

    Parameters
    ----------
    offset : float
        Linear value at 0 of the scale.
    decades : float
        Decades between 0 and 1 of the scale.
    """

    offset: float
    decades: float

    def __post_init__(self) -> None:
        if not (0 < self.offset < math.inf and 0 < self.decades < math.inf):
            raise GateError(
                f"a logarithmic scale has the offset {self.offset} and {self.decades} decades; "
                "expected positive numbers."
            )

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the scale; NaN stays NaN."""
        values = np.maximum(np.asarray(x, dtype=np.float64), self.offset)
        # in FlowKit's order: a gate's coordinates are its numbers, to the last bit
        return np.asarray(1.0 / self.decades * (np.log10(values) - np.log10(self.offset)))

    def inverse(self, y: ArrayLike) -> Floats:
        """Map values of the scale back to linear ones.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        with np.errstate(over="ignore"):
            return np.asarray(10.0 ** (np.asarray(y) * self.decades) * self.offset)


@dataclass(frozen=True, eq=False)
class Document:
    """A document as FlowKit parsed it.

    Parameters
    ----------
    parsed : flowkit GatingStrategy
        Its gates, transformations and matrices.
    named : callable
        Gives the name of a population from its id and the ids above it.
    exact_scales : bool
        Whether all scales stay FlowKit's own, to the last bit, as where it computed the gates'
        coordinates by them.
    detectors : mapping of str to str
        Names of channels where the document spells them in a way of its own.
    """

    parsed: Any
    named: Callable[[str, tuple[str, ...]], str] = field(default=lambda name, _path: name)
    exact_scales: bool = False
    detectors: Mapping[str, str] = field(default_factory=dict)
    _scales: dict[str, Transform] = field(default_factory=dict)

    def matrices(self) -> dict[str, Spillover]:
        """Return the matrices by name.

        Returns
        -------
        dict of str to Spillover
            In the order of the document.
        """
        return {name: self._matrix(name)[0] for name in self.parsed.comp_matrices}

    def gates(self, foreign: Any, name: str, parent: str) -> list[Gate]:
        """Turn a gate into ours; a quadrant gate into one for each quadrant.

        Parameters
        ----------
        foreign : flowkit gate
            The gate.
        name, parent : str
            What it and its parent are called among ours.

        Returns
        -------
        list of Gate
            One, or the quadrants.

        Raises
        ------
        GateError
            If it has no counterpart; the message names it.
        """
        kind = foreign.gate_type
        try:
            if kind == "QuadrantGate":
                items = foreign.quadrants.values()
                return [self._quadrant(foreign, item, parent) for item in items]
            if kind == "BooleanGate":
                return [Gate(name, self._combination(foreign), (), parent)]
            axes = tuple(self._dimension(item) for item in foreign.dimensions)
            outside = bool(getattr(foreign, "use_complement", False))
            return [Gate(name, _shape(foreign, kind), axes, parent, outside)]
        except FlowmlError as error:
            raise GateError(f"gate {printable(name)!r} ({kind}): {error}") from error

    def _quadrant(self, foreign: Any, quadrant: Any, parent: str) -> Gate:
        """Turn a quadrant into a rectangle between its dividers."""
        dividers = {item.id: item for item in foreign.dimensions}
        used = [dividers[reference] for reference in quadrant.divider_refs]
        bounds = [quadrant.get_divider_range(reference) for reference in quadrant.divider_refs]
        axes = tuple(self._dimension(item) for item in used)
        return Gate(self.named(quadrant.id, ()), _rectangle(bounds), axes, parent)

    def _combination(self, foreign: Any) -> Combination:
        names: dict[bool, list[str]] = {True: [], False: []}
        every = []
        for item in foreign.gate_refs:
            every.append(self.named(item["ref"], tuple(item["path"])))
            names[bool(item["complement"])].append(every[-1])
        if set(names[True]) & set(names[False]):
            raise GateError("a population joined with its own complement cannot be read yet.")
        return Combination(foreign.type, tuple(every), frozenset(names[True]))

    def _dimension(self, foreign: Any) -> Dimension:
        """Turn a dimension, ratio or divider into ours."""
        channel = getattr(foreign, "dimension_ref", None) or getattr(foreign, "id", None)
        ratio = None
        if channel is None:
            channel, ratio = self._ratio(foreign.ratio_ref)
        compensation = foreign.compensation_ref or UNCOMPENSATED
        if compensation in self.parsed.comp_matrices:
            channel = self._matrix(compensation)[1].get(channel, channel)
        elif compensation.casefold() == FROM_FILE.casefold():
            compensation = FROM_FILE
        name = self.detectors.get(channel, channel)
        return Dimension(name, self._scale(foreign.transformation_ref), compensation, ratio)

    def _ratio(self, reference: str) -> tuple[str, Ratio]:
        """Return the channel that is divided, and by what."""
        foreign = self.parsed.transformations.get(reference)
        if type(foreign).__name__ != "RatioTransform":
            raise GateError(f"it refers to {printable(reference)!r}, which is no ratio.")
        numbers = (foreign.param_a, foreign.param_b, foreign.param_c)
        channel, divisor = foreign.dimensions
        return channel, Ratio(divisor, *map(float, numbers))

    def _scale(self, reference: str | None) -> str | Transform:
        """Return the scale that a dimension refers to; channel units where it names none."""
        if reference is None:
            return LINEAR
        known = self.parsed.transformations
        if reference not in known:
            raise GateError(
                f"it refers to the transformation {printable(reference)!r}; the document "
                f"defines {printable(', '.join(known)) or 'none'}."
            )
        if reference not in self._scales:  # one for all gates: applied once
            scale = _transform(reference, known[reference], exact=self.exact_scales)
            self._scales[reference] = scale
        return self._scales[reference]

    def _matrix(self, name: str) -> tuple[Spillover, dict[str, str]]:
        """Return a matrix, and the detector of each fluorochrome."""
        foreign = self.parsed.comp_matrices[name]
        values = np.asarray(foreign.matrix, dtype=np.float64)
        detectors = tuple(self.detectors.get(item, item) for item in foreign.detectors)
        square = values.shape == (len(detectors), len(detectors))
        if not square or not np.isfinite(values).all() or len(set(detectors)) < len(detectors):
            raise GateError(
                f"the matrix {printable(name)!r} is {' x '.join(map(str, values.shape))} for "
                f"{len(detectors)} detectors; only square matrices of numbers can be read yet."
            )
        if np.linalg.cond(values) > WORST_CONDITION:
            raise GateError(f"the matrix {printable(name)!r} cannot be inverted.")
        dyes = dict(zip(foreign.fluorochromes, detectors, strict=True))
        return Spillover(detectors, values, name), {k: v for k, v in dyes.items() if k}


def _shape(foreign: Any, kind: str) -> Shape:
    if kind == "RectangleGate":
        axes = foreign.dimensions
        return _rectangle([(getattr(a, "min", None), getattr(a, "max", None)) for a in axes])
    if kind == "PolygonGate":
        return Polygon(np.array(foreign.vertices))
    if kind == "EllipsoidGate":
        center, covariance = np.array(foreign.coordinates), np.array(foreign.covariance_matrix)
        return Ellipsoid(center, covariance, float(foreign.distance_square))
    raise GateError("a gate of this kind cannot be read yet.")


def _rectangle(bounds: list[tuple[float | None, float | None]]) -> Shape:
    low = [-np.inf if pair[0] is None else pair[0] for pair in bounds]
    high = [np.inf if pair[1] is None else pair[1] for pair in bounds]
    if len(bounds) == 1:
        return Range(float(low[0]), float(high[0]))
    return Rectangle(np.array(low), np.array(high))


def _transform(name: str, foreign: Any, *, exact: bool) -> Transform:
    kind = type(foreign).__name__
    if kind == "WSPLogTransform":
        return FlowJoLog(foreign.offset, foreign.decades)
    if kind == "LogicleTransform" and not exact:
        return Logicle(foreign.param_t, foreign.param_w, foreign.param_m, foreign.param_a)
    if kind in SCALES:
        return FlowKitScale(foreign)
    raise GateError(
        f"the transformation {printable(name)!r} ({kind}) cannot be read yet as a scale."
    )


def own_scale(scale: FlowKitScale) -> Transform | None:
    """Return our own scale of the formula of a document's, equal but for rounding.

    Parameters
    ----------
    scale : FlowKitScale
        Of a document.

    Returns
    -------
    Transform or None
        None for those that only FlowKit has: FlowJo's, and linear ones with an offset.
    """
    foreign, kind = scale.transform, type(scale.transform).__name__
    if kind == "LogTransform":
        return Log(foreign.param_t, foreign.param_m)
    if kind == "AsinhTransform":
        top, decades = foreign.param_t, foreign.param_m
        return Arcsinh(top, top / math.sinh(decades * LN10), foreign.param_a)
    if kind == "HyperlogTransform":
        return Hyperlog(foreign.param_t, foreign.param_w, foreign.param_m, foreign.param_a)
    if kind == "LogicleTransform":
        return Logicle(foreign.param_t, foreign.param_w, foreign.param_m, foreign.param_a)
    if kind == "LinearTransform" and foreign.param_a == 0:
        return Linear(foreign.param_t)
    return None


def _finite_only(function: Any, x: ArrayLike) -> Floats:
    """Apply a function of the library to finite values; its loops do not end well on others."""
    values = np.asarray(x, dtype=np.float64)
    mapped = np.full(values.shape, np.nan)
    finite = np.isfinite(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped[finite] = function(values[finite])
        endless = np.isinf(values)
        if endless.any():  # an open end holds them, but where a scale has no negative values
            mapped[endless] = values[endless] + 0 * function(np.sign(values[endless]))
    return mapped
