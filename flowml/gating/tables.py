"""A strategy as plain tables: those that our own gate document has, for JSON or TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from flowml.errors import GateError
from flowml.gating.foreign import FlowKitScale, own_scale
from flowml.gating.gates import Combination, Ellipsoid, Polygon, Range, Rectangle
from flowml.gating.strategy import FROM_FILE, UNCOMPENSATED
from flowml.gating.tomlfile import RATIO_NUMBERS
from flowml.preprocess import TRANSFORMS
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.gating.gates import Floats, Shape
    from flowml.gating.strategy import Dimension, Gate, Ratio, Strategy
    from flowml.preprocess import Transform

OPEN = {np.inf: "inf", -np.inf: "-inf"}  # JSON has no numbers for open ends
ENDS = {text: end for end, text in OPEN.items()}


def as_tables(strategy: Strategy) -> list[dict[str, Any]]:
    """Write a strategy as the tables of our own gate document.

    Parameters
    ----------
    strategy : Strategy
        Its quadrants are rectangles already.

    Returns
    -------
    list of dict
        Plain values, as `flowml.gating.tomlfile.strategy_from` takes them but for the open
        ends of bounds, which are texts (`opened` turns them back).

    Raises
    ------
    GateError
        If a gate brings a matrix of its own, or a scale that flowml cannot name.
    """
    return [_table(gate, strategy.source) for gate in strategy.gates]


def opened(tables: Any) -> Any:
    """Turn the texts of open ends back into infinite numbers.

    Parameters
    ----------
    tables : list of dict
        As `as_tables` gives them.

    Returns
    -------
    list of dict
        As `flowml.gating.tomlfile.strategy_from` takes them.
    """
    return [
        {**table, "bounds": [[ENDS.get(end, end) for end in pair] for pair in table["bounds"]]}
        if "bounds" in table
        else table
        for table in tables
    ]


def _table(gate: Gate, source: str) -> dict[str, Any]:
    where = f"gate {printable(gate.name)!r} of {source}"
    table: dict[str, Any] = {"name": gate.name, "kind": gate.shape.kind}
    if gate.parent:
        table["parent"] = gate.parent
    if gate.outside:
        table["outside"] = True
    return {**table, **_shape(gate.shape), **_axes(gate.dimensions, where)}


def _shape(shape: Shape | Combination) -> dict[str, Any]:
    """Return the keys that are those of a kind."""
    if isinstance(shape, Range):
        return {"bounds": [_pair(shape.low, shape.high)]}
    if isinstance(shape, Rectangle):
        return {"bounds": [_pair(*pair) for pair in zip(shape.low, shape.high, strict=True)]}
    if isinstance(shape, Polygon):
        return {"vertices": shape.vertices.tolist()}
    if isinstance(shape, Ellipsoid):
        return {
            "center": shape.center.tolist(),
            "covariance": shape.covariance.tolist(),
            "distance_square": float(shape.distance_square),
        }
    return {
        "operation": shape.operation,
        "populations": list(shape.populations),
        "complements": sorted(shape.complements),
    }


def _pair(low: float | Floats, high: float | Floats) -> list[float | str]:
    return [OPEN.get(end, end) for end in (float(low), float(high))]


def _axes(dimensions: tuple[Dimension, ...], where: str) -> dict[str, Any]:
    if not dimensions:
        return {}
    found: dict[str, Any] = {
        "channels": [axis.channel for axis in dimensions],
        "scale": [_scale(axis.scale, where) for axis in dimensions],
        "compensated": [_is_compensated(axis.compensation, where) for axis in dimensions],
    }
    ratios = [axis.ratio for axis in dimensions]
    if any(ratios):
        found["divided_by"] = [ratio.divisor if ratio else "" for ratio in ratios]
        found |= _ratio_numbers([ratio for ratio in ratios if ratio], where)
    return found


def _ratio_numbers(ratios: list[Ratio], where: str) -> dict[str, float]:
    numbers = [{key: float(getattr(ratio, key)) for key in RATIO_NUMBERS} for ratio in ratios]
    if any(each != numbers[0] for each in numbers):
        raise GateError(f"{where} has ratios with several factors, which one table cannot say.")
    return numbers[0]


def _is_compensated(compensation: str, where: str) -> bool:
    if compensation not in {FROM_FILE, UNCOMPENSATED}:
        raise GateError(
            f"{where} brings the matrix {printable(compensation)!r}, which is that of some "
            "samples only. Draw the gates on values compensated by the samples' own matrices."
        )
    return compensation == FROM_FILE


def _scale(scale: str | Transform, where: str) -> str | Mapping[str, str | float]:
    if isinstance(scale, str):
        return scale
    own = own_scale(scale) if isinstance(scale, FlowKitScale) else scale
    name = next((name for name, kind in TRANSFORMS.items() if type(own) is kind), "")
    if not name:
        raise GateError(
            f"{where} has a scale that only its own program has. Use one of "
            f"{', '.join(TRANSFORMS)}."
        )
    numbers = {item.name: float(getattr(own, item.name)) for item in fields(cast("Any", own))}
    return {"transform": name, **numbers}
