"""Which events of a sample belong to which population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError, GateError, PanelError, StateError
from flowml.gating.gates import Combination, Floats, Mask, inside
from flowml.gating.strategy import FROM_FILE, LINEAR, UNCOMPENSATED, Dimension
from flowml.preprocess import Transform, Unmixing, choose_unmixing, display_scale, unmixing_by
from flowml.preprocess.transform import Linear
from flowml.records import Role, Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.gating.strategy import Gate, Strategy
    from flowml.records import Channel, Sample, Spillover


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where a strategy finds its values in the blocks of one sample."""

    columns: Mapping[Dimension, int]
    scales: Mapping[Dimension, Transform]
    unmixings: Mapping[str, Unmixing | None]


def gate(sample: Sample, strategy: Strategy, compensation: str = "auto") -> dict[str, Mask]:
    """Find the events of every population.

    Parameters
    ----------
    sample : Sample
        Linear values, compensated or not.
    strategy : Strategy
        As `read_gates` returns it.
    compensation : str
        How dimensions that ask for the sample's own compensation get it, as in
        `flowml.preprocess.choose_unmixing`; matrices of the strategy are applied as it says.

    Returns
    -------
    dict of str to ndarray, shape (n_events,), bool
        Mask of each population in the order of the strategy: inside the gate and in its
        parent. An event without a value (NaN) is inside no shape, and so in the complement of
        all.

    Raises
    ------
    GateError
        If the sample lacks a channel that a gate needs.
    StateError
        If the sample is too far down the pipe for a gate.
    FcsError
        If the sample's own matrix is needed and cannot be used.
    """
    plan = _plan(sample, strategy, compensation)
    masks = {item.name: np.zeros(sample.n_events, dtype=bool) for item in strategy.gates}
    start = 0
    for block in sample.blocks():
        stop = start + len(block)
        for name, mask in _gate_block(block, strategy, plan).items():
            masks[name][start:stop] = mask
        start = stop
    return masks


def axis_transform(channel: Channel, dimension: Dimension) -> Transform:
    """Return the scale on which the coordinates of a dimension stand.

    Parameters
    ----------
    channel : Channel
        The channel that the dimension names; its top ends a display scale.
    dimension : Dimension
        One axis of a gate.

    Returns
    -------
    Transform
        From channel units to the coordinates of the gate.
    """
    if not isinstance(dimension.scale, str):
        return dimension.scale
    if dimension.scale == LINEAR:
        return Linear(1.0)
    return display_scale(channel, dimension.scale)


def _plan(sample: Sample, strategy: Strategy, compensation: str) -> _Plan:
    """Find every dimension in the sample, before any event is read."""
    if sample.scale is Scale.DISPLAY:
        raise StateError(
            f"{printable(sample.name)} is already on a display scale; gates need linear "
            "values. Gate the sample as it was read or compensated."
        )
    columns: dict[Dimension, int] = {}
    scales: dict[Dimension, Transform] = {}
    for item in strategy.gates:
        for dimension in item.dimensions:
            columns[dimension] = _column(sample, item, dimension)
            scales[dimension] = axis_transform(sample.channels[columns[dimension]], dimension)
    wanted = {dimension.compensation for dimension in columns}
    unmixings = {
        name: _unmixing(sample, name, strategy.matrices, compensation) for name in wanted
    }
    return _Plan(columns, scales, unmixings)


def _column(sample: Sample, item: Gate, dimension: Dimension) -> int:
    try:
        column = sample.column(dimension.channel)
    except PanelError as error:
        raise GateError(f"gate {printable(item.name)!r}: {error}") from error
    if (
        dimension.compensation == UNCOMPENSATED
        and sample.scale is Scale.COMPENSATED
        and sample.channels[column].role is Role.FLUORESCENCE
    ):
        raise StateError(
            f"gate {printable(item.name)!r} needs uncompensated values of "
            f"{printable(dimension.channel)!r}, but {printable(sample.name)} is already "
            "compensated. Gate the sample as it was read."
        )
    return column


def _unmixing(
    sample: Sample, name: str, matrices: Mapping[str, Spillover], policy: str
) -> Unmixing | None:
    """Return what a compensation reference means for this sample."""
    if name == UNCOMPENSATED:
        return None
    if name == FROM_FILE:
        return choose_unmixing(sample, policy)[0]
    if sample.scale is not Scale.RAW:
        raise StateError(
            f"{printable(sample.name)} is already {sample.scale.value}; compensating it again "
            f"by the matrix {printable(name)!r} would be wrong. Gate it as it was read."
        )
    try:
        return unmixing_by(sample, matrices[name])
    except FcsError as error:
        raise GateError(f"the gates' matrix {printable(name)!r}: {error}") from error


def _gate_block(block: Array, strategy: Strategy, plan: _Plan) -> dict[str, Mask]:
    """Return the mask of each population for one block of events."""
    linear = block.astype(np.float64)
    unmixed = {
        name: linear if unmixing is None else unmixing.apply(linear)
        for name, unmixing in plan.unmixings.items()
    }
    values = {
        dimension: plan.scales[dimension](unmixed[dimension.compensation][:, column])
        for dimension, column in plan.columns.items()
    }
    masks: dict[str, Mask] = {}
    for item in strategy.ordered:
        mask = _own_mask(item, values, masks)
        masks[item.name] = mask & masks[item.parent] if item.parent else mask
    return masks


def _own_mask(
    item: Gate, values: Mapping[Dimension, Floats], masks: Mapping[str, Mask]
) -> Mask:
    """Return the mask of one gate without its parent."""
    shape = item.shape
    if not isinstance(shape, Combination):
        return inside(np.column_stack([values[axis] for axis in item.dimensions]), shape)
    joined = [
        ~masks[name] if name in shape.complements else masks[name] for name in shape.populations
    ]
    if shape.operation == "not":
        return ~joined[0]
    join = np.logical_and if shape.operation == "and" else np.logical_or
    return np.asarray(join.reduce(joined))
