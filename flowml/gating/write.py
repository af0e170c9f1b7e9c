"""Gating strategies written as Gating-ML 2.0, for other programs.

What was written is read back before it takes its place: a document that does not say the same
populations never appears.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import GateError, PanelError
from flowml.gating.apply import axis_transform
from flowml.gating.foreign import FlowKitScale
from flowml.gating.gates import Combination, Ellipsoid, Polygon, Range, Rectangle
from flowml.gating.gatingml import NAME, gatingml_strategy
from flowml.gating.strategy import FROM_FILE, LINEAR, UNCOMPENSATED, Dimension, Ratio, Strategy
from flowml.gating.xmltext import checked_text, parsed
from flowml.preprocess.scale import LN10
from flowml.preprocess.transform import Arcsinh, Hyperlog, Linear, Log, Logicle, Transform
from flowml.safety import printable, written_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from flowml.gating.strategy import Gate
    from flowml.records import Sample, Spillover

SPACE = "http://www.isac-net.org/std/Gating-ML/v2.0/"
ROOT = {
    "xmlns:gating": f"{SPACE}gating",
    "xmlns:transforms": f"{SPACE}transformations",
    "xmlns:data-type": f"{SPACE}datatypes",
    "xmlns:flowml": NAME[1:].partition("}")[0],
}
RESERVED = {
    "root",
    UNCOMPENSATED,
    FROM_FILE.casefold(),
}  # ids that mean something else to readers
LONGEST_ID = 60


def write_gates(strategy: Strategy, path: Path | str, sample: Sample | None = None) -> None:
    """Write a strategy as Gating-ML 2.0.

    Parameters
    ----------
    strategy : Strategy
        Its quadrants become rectangles.
    path : path-like
        The file appears only when it is whole, and was read back.
    sample : Sample, optional
        A sample of the panel: channels are then written by their ``$PnN``, and the scales
        ``logicle`` and ``arcsinh`` end at the tops of its channels. Without it, every
        dimension needs the ``linear`` scale or a transform.

    Raises
    ------
    GateError
        If Gating-ML cannot say it: a gate from outside, a scale that is not in the standard,
        or one that depends on a sample which was not given.
    OutputError
        If the file cannot be written.
    """
    text = ET.tostring(_Writer(strategy, sample).root(), encoding="unicode")
    with written_aside(path) as aside:
        try:
            raw = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
            aside.write_bytes(raw)
            found = gatingml_strategy(checked_text(aside, "it"), "it")
        except (GateError, UnicodeError) as error:
            raise GateError(
                f"{printable(strategy.source)} cannot be said in Gating-ML 2.0: "
                f"{printable(error, 600)}"
            ) from error
        _compare(strategy, found)


def _compare(strategy: Strategy, found: Strategy) -> None:
    """Compare which populations there are with those that were read back."""
    told = [(gate.name, gate.parent) for gate in found.gates]
    if told != [(gate.name, gate.parent) for gate in strategy.gates]:
        raise GateError(
            f"{printable(strategy.source)} cannot be said in Gating-ML 2.0: names would be "
            "read back as others. Choose names without control characters."
        )


class _Writer:
    """Turns a strategy into elements; ids are given out as they are needed.

    Parameters
    ----------
    strategy : Strategy
        What is written.
    sample : Sample or None
        By which named scales are settled.
    """

    def __init__(self, strategy: Strategy, sample: Sample | None) -> None:
        self._strategy, self._sample = strategy, sample
        self._taken = set(RESERVED)
        self._gates = {gate.name: self._id(gate.name) for gate in strategy.gates}
        self._matrices = {name: self._id(name) for name in strategy.matrices}
        self._scales: dict[Transform | Ratio, tuple[str, ET.Element]] = {}

    def root(self) -> ET.Element:
        """Return the whole document: scales and matrices before the gates that need them."""
        gates = [self._gate(gate) for gate in self._strategy.gates]
        root = ET.Element("gating:Gating-ML", ROOT)
        root.extend(element for _, element in self._scales.values())
        root.extend(self._matrix(*item) for item in self._strategy.matrices.items())
        root.extend(gates)
        ET.indent(root)
        return root

    def _id(self, name: str) -> str:
        """Return an id like a name, of the letters that XML allows, that no other thing has."""
        kept = "".join(char if _may_stand(char) else "_" for char in name[:LONGEST_ID])
        stem = kept if kept[:1].isalpha() or kept.startswith("_") else f"_{kept}"
        found, number = stem, 1
        while found.casefold() in self._taken:
            number += 1
            found = f"{stem}_{number}"
        self._taken.add(found.casefold())
        return found

    def _gate(self, gate: Gate) -> ET.Element:
        if gate.outside:
            raise GateError(
                f"gate {printable(gate.name)!r} means the events outside of its shape, which "
                "Gating-ML cannot say. Write the shape as a gate, and negate it by another."
            )
        kind, parts = self._shape(gate)
        own = {"gating:id": self._gates[gate.name]}
        if gate.parent:
            own["gating:parent_id"] = self._gates[gate.parent]
        element = ET.Element(f"gating:{kind}", own)
        if own["gating:id"] != gate.name:
            info = ET.SubElement(element, "data-type:custom_info")
            ET.SubElement(info, "flowml:name").text = gate.name
        element.extend(parts)
        return element

    def _shape(self, gate: Gate) -> tuple[str, list[ET.Element]]:
        """Return the kind of element and what stands in it."""
        shape = gate.shape
        if isinstance(shape, Combination):
            return "BooleanGate", [self._combination(shape)]
        axes = [self._dimension(gate, axis) for axis in gate.dimensions]
        if isinstance(shape, Polygon):
            return "PolygonGate", [*axes, *(_point("vertex", v) for v in shape.vertices)]
        if isinstance(shape, Ellipsoid):
            return "EllipsoidGate", [*axes, *_ellipsoid(shape)]
        ends = (
            ([shape.low], [shape.high]) if isinstance(shape, Range) else (shape.low, shape.high)
        )
        for axis, low, high in zip(axes, *ends, strict=True):
            axis.attrib |= {
                f"gating:{name}": _number(value)
                for name, value in (("min", low), ("max", high))
                if np.isfinite(value)
            }
        return "RectangleGate", axes

    def _combination(self, shape: Combination) -> ET.Element:
        joined = ET.Element(f"gating:{shape.operation}")
        names = shape.populations
        if shape.operation != "not" and len(names) == 1:
            names *= 2  # the standard joins two or more
        for name in names:
            reference = ET.SubElement(joined, "gating:gateReference")
            reference.set("gating:ref", self._gates[name])
            if name in shape.complements:
                reference.set("gating:use-as-complement", "true")
        return joined

    def _dimension(self, gate: Gate, axis: Dimension) -> ET.Element:
        own = self._settled(gate, axis)
        compensation = self._matrices.get(own.compensation, own.compensation)
        element = ET.Element("gating:dimension", {"gating:compensation-ref": compensation})
        if not isinstance(own.scale, str):
            _check_open(gate, own.scale)
            shown = self._reference(own.scale, lambda: _transform(gate, own.scale))
            element.set("gating:transformation-ref", shown)
        if own.ratio is None:
            element.append(_channel(own.channel))
            return element
        ratio = own.ratio
        # the channel that is divided is part of the transformation, too
        key = replace(ratio, divisor=f"{own.channel}\0{ratio.divisor}")
        reference = self._reference(key, lambda: _ratio(own.channel, ratio))
        new = ET.SubElement(element, "data-type:new-dimension")
        new.set("data-type:transformation-ref", reference)
        return element

    def _settled(self, gate: Gate, axis: Dimension) -> Dimension:
        """Settle a dimension by the sample: its channels' names, and the tops of scales."""
        if self._sample is None:
            if isinstance(axis.scale, str) and axis.scale != LINEAR:
                raise GateError(
                    f"gate {printable(gate.name)!r} has the scale {axis.scale}, which ends at "
                    f"the top of the channel {printable(axis.channel)!r}. Give a sample of the "
                    "panel (sample=...)."
                )
            return axis
        try:
            found = [self._sample.channels[self._sample.column(name)] for name in axis.channels]
        except PanelError as error:
            raise GateError(f"gate {printable(gate.name)!r}: {error}") from error
        ratio = axis.ratio and replace(axis.ratio, divisor=found[1].name)
        scale = axis.scale if axis.scale == LINEAR else axis_transform(found[0], axis)
        return Dimension(found[0].name, scale, axis.compensation, ratio)

    def _reference(self, key: Transform | Ratio, make: Callable[[], ET.Element]) -> str:
        """Return the id of a transformation, which is written once."""
        if key not in self._scales:
            element = ET.Element("transforms:transformation")
            element.set("transforms:id", own := self._id(f"T{len(self._scales) + 1}"))
            element.append(make())
            self._scales[key] = own, element
        return self._scales[key][0]

    def _matrix(self, name: str, spillover: Spillover) -> ET.Element:
        element = ET.Element("transforms:spectrumMatrix")
        element.set("transforms:id", self._matrices[name])
        for part in ("fluorochromes", "detectors"):
            ET.SubElement(element, f"transforms:{part}").extend(
                _channel(channel) for channel in spillover.channels
            )
        for row in spillover.matrix:
            spectrum = ET.SubElement(element, "transforms:spectrum")
            for value in row:
                coefficient = ET.SubElement(spectrum, "transforms:coefficient")
                coefficient.set("transforms:value", _number(value))
        return element


@cache
def _may_stand(char: str) -> bool:
    """Tell whether an id may hold a character: XML knows fewer letters than Python does."""
    if char.isascii():
        return char.isalnum() or char in "_.-"
    try:
        parsed(f"<{char}/>", "an id")
    except GateError:
        return False
    return char.isalpha()


def _check_open(gate: Gate, scale: Transform) -> None:
    """Refuse a logarithm below an open end: the standard has none of zero and below."""
    shape = gate.shape
    low = getattr(shape, "low", 0.0)
    if (
        isinstance(scale, Log)
        and isinstance(shape, Range | Rectangle)
        and np.isneginf(low).any()
    ):
        raise GateError(
            f"gate {printable(gate.name)!r} is open below on a logarithmic scale and holds "
            "values of zero and less, which have no logarithm in Gating-ML. Give it a low end."
        )


def _transform(gate: Gate, scale: Any) -> ET.Element:
    """Write a scale with the parameters of the standard."""
    kind, numbers = "", {}
    if isinstance(scale, Linear):
        kind, numbers = "flin", {"T": scale.top, "A": 0.0}
    elif isinstance(scale, Log):
        kind, numbers = "flog", {"T": scale.top, "M": scale.decades}
    elif isinstance(scale, Arcsinh):
        decades = float(np.arcsinh(scale.top / scale.cofactor)) / LN10
        if scale.negative > decades:
            raise GateError(
                f"gate {printable(gate.name)!r} has a scale of more negative decades than "
                f"positive ones ({scale.negative} and {decades:.3g}), which Gating-ML has not."
            )
        kind, numbers = "fasinh", {"T": scale.top, "M": decades, "A": scale.negative}
    elif isinstance(scale, Logicle | Hyperlog):
        kind = "logicle" if isinstance(scale, Logicle) else "hyperlog"
        numbers = {
            "T": scale.top, "W": scale.width, "M": scale.decades, "A": scale.negative,
        }  # fmt: skip
    elif isinstance(scale, FlowKitScale) and type(scale.transform).__name__ in _FOREIGN:
        kind, names = _FOREIGN[type(scale.transform).__name__]
        numbers = {name: getattr(scale.transform, f"param_{name.lower()}") for name in names}
    if not kind:
        raise GateError(
            f"gate {printable(gate.name)!r} has a scale that is not in Gating-ML 2.0 "
            f"({type(getattr(scale, 'transform', scale)).__name__})."
        )
    return ET.Element(
        f"transforms:{kind}", {f"transforms:{k}": _number(v) for k, v in numbers.items()}
    )


_FOREIGN = {
    "LinearTransform": ("flin", "TA"),
    "LogTransform": ("flog", "TM"),
    "AsinhTransform": ("fasinh", "TMA"),
    "HyperlogTransform": ("hyperlog", "TWMA"),
    "LogicleTransform": ("logicle", "TWMA"),
}


def _ratio(channel: str, ratio: Ratio) -> ET.Element:
    numbers = {"A": ratio.factor, "B": ratio.offset, "C": ratio.divisor_offset}
    element = ET.Element(
        "transforms:fratio", {f"transforms:{k}": _number(v) for k, v in numbers.items()}
    )
    element.extend([_channel(channel), _channel(ratio.divisor)])
    return element


def _ellipsoid(shape: Ellipsoid) -> list[ET.Element]:
    covariance = ET.Element("gating:covarianceMatrix")
    for row in shape.covariance:
        line = ET.SubElement(covariance, "gating:row")
        for value in row:
            ET.SubElement(line, "gating:entry").set("data-type:value", _number(value))
    distance = ET.Element(
        "gating:distanceSquare", {"data-type:value": _number(shape.distance_square)}
    )
    return [_point("mean", shape.center), covariance, distance]


def _point(kind: str, values: Iterable[float]) -> ET.Element:
    point = ET.Element(f"gating:{kind}")
    for value in values:
        ET.SubElement(point, "gating:coordinate").set("data-type:value", _number(value))
    return point


def _channel(name: str) -> ET.Element:
    return ET.Element("data-type:fcs-dimension", {"data-type:name": name})


def _number(value: float) -> str:
    """Write a number so that the same one is read."""
    return repr(float(value))
