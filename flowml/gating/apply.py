"""Which events of a sample belong to which population, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.errors import FcsError, GateError, PanelError, StateError
from flowml.events import COMPUTE_BLOCK
from flowml.gating.axis import Source, ValuesOn
from flowml.gating.gates import Combination, Floats, Mask, inside
from flowml.gating.linear import LinearRows
from flowml.gating.nearly import Box, box_of, nearly_inside
from flowml.gating.populations import Populations
from flowml.gating.strategy import FROM_FILE, LINEAR, UNCOMPENSATED, Dimension
from flowml.preprocess import (
    Tabled,
    Transform,
    Unmixing,
    choose_unmixing,
    display_scale,
    unmixing_by,
)
from flowml.preprocess.transform import (
    Arcsinh,
    Biexponential,
    Hyperlog,
    Linear,
    Log,
    Logicle,
)
from flowml.records import Role, Scale
from flowml.safety import printable
from flowml.scratch import Scratch

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.gating.strategy import Gate, Strategy
    from flowml.records import Channel, Sample, Spillover


BLOCK = 16 * COMPUTE_BLOCK  # events: a call costs as much as to compare thousands
MOST_SCALES = 64  # that are kept
LEAST_TABLED = 20_000  # events; fewer are on their scales before a table is made
LEAST_DECADES = 0.5  # of a scale; on fewer, the rounding of its argument shows
SLOW = Logicle | Hyperlog | Arcsinh | Biexponential  # scales that are looked up by table
RISING = SLOW | Linear | Log  # scales whose bounds are the same in linear units


class _Room(NamedTuple):
    """How many events are worked on at a time, and who lends the buffers for them."""

    most: int
    scratch: Scratch


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where a strategy finds its values in the blocks of one sample.

    Parameters
    ----------
    sources : mapping of Dimension to Source
        Of every dimension.
    linear : mapping of str to LinearRows
        By compensation, what lays out the values that are needed.
    boxes : mapping of str to Box or None
        Of the shape of each gate that has one.
    """

    sources: Mapping[Dimension, Source]
    linear: Mapping[str, LinearRows]
    boxes: Mapping[str, Box | None]


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
    masks = {item.name: np.zeros(sample.n_events, dtype=bool) for item in strategy.gates}
    size = min(BLOCK, max(1, sample.n_events))
    start = 0
    with Scratch() as scratch:
        plan = _plan(sample, strategy, compensation, _Room(size, scratch))
        for events in sample.blocks(BLOCK):
            for first in range(0, len(events), size):
                block = _Block(events[first : first + size], plan)
                stop = start + len(block)
                for name, mask in _gate_block(block, strategy).items():
                    masks[name][start:stop] = mask
                start = stop
    return masks


def gate_populations(
    sample: Sample, strategy: Strategy, compensation: str = "auto"
) -> Populations:
    """Find the events of every population, as a record with counts and parents.

    Parameters
    ----------
    sample : Sample
        As in `gate`.
    strategy : Strategy
        As `read_gates` returns it.
    compensation : str
        As in `gate`.

    Returns
    -------
    Populations
        In the order of the tree, parents first; all are certain, as a person drew them.

    Raises
    ------
    GateError
        If the sample lacks a channel that a gate needs.
    StateError
        If the sample is too far down the pipe for a gate.
    FcsError
        If the sample's own matrix is needed and cannot be used.
    """
    masks = gate(sample, strategy, compensation)
    return Populations(
        {item.name: masks[item.name] for item in strategy.tree},
        {item.name: item.parent for item in strategy.tree},
    )


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


def _plan(sample: Sample, strategy: Strategy, compensation: str, room: _Room) -> _Plan:
    """Find every dimension in the sample, before any event is read."""
    if sample.scale is Scale.DISPLAY:
        raise StateError(
            f"{printable(sample.name)} is already on a display scale; gates need linear "
            "values. Gate the sample as it was read or compensated."
        )
    found: dict[Dimension, tuple[int, ...]] = {}
    for item in strategy.gates:
        for axis in item.dimensions:
            if axis not in found:
                found[axis] = tuple(_column(sample, item, axis, name) for name in axis.channels)
    columns: dict[str, list[int]] = {}
    for axis, places in found.items():
        rows = columns.setdefault(axis.compensation, [])
        rows += [place for place in dict.fromkeys(places) if place not in rows]
    linear = {
        name: LinearRows(rows, _unmixing(sample, name, strategy.matrices, compensation), *room)
        for name, rows in columns.items()
    }
    sources = {
        axis: _source(sample, axis, places, linear[axis.compensation])
        for axis, places in found.items()
    }
    boxes = {
        item.name: box_of(item.shape, tuple(_compared_by(sources[a]) for a in item.dimensions))
        for item in strategy.gates
        if not isinstance(item.shape, Combination)
    }
    return _Plan(sources, linear, boxes)


def _compared_by(source: Source) -> Transform | None:
    return source.scale if source.is_linear else None


def _source(
    sample: Sample, axis: Dimension, places: tuple[int, ...], linear: LinearRows
) -> Source:
    """Say where a dimension finds its values, and whether by table."""
    scale = _shared(axis_transform(sample.channels[places[0]], axis))
    wide = getattr(scale, "decades", LEAST_DECADES) >= LEAST_DECADES
    by_table = isinstance(scale, SLOW) and wide and sample.n_events >= LEAST_TABLED
    is_linear = isinstance(scale, RISING) and not axis.ratio
    tabled = Tabled(scale) if by_table and is_linear else None
    return Source(tuple(map(linear.row, places)), scale, tabled, is_linear)


@lru_cache(maxsize=MOST_SCALES)
def _shared(scale: Transform) -> Transform:
    """Return the first of equal scales, which has worked out its curve already."""
    return scale


def _column(sample: Sample, item: Gate, dimension: Dimension, name: str) -> int:
    try:
        column = sample.column(name)
    except PanelError as error:
        raise GateError(f"gate {printable(item.name)!r}: {error}") from error
    if (
        dimension.compensation == UNCOMPENSATED
        and sample.scale is Scale.COMPENSATED
        and sample.channels[column].role is Role.FLUORESCENCE
    ):
        raise StateError(
            f"gate {printable(item.name)!r} needs uncompensated values of "
            f"{printable(name)!r}, but {printable(sample.name)} is already "
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


class _Block:
    """The events of one block, on the axes of the gates as they are asked for.

    Parameters
    ----------
    events : ndarray, shape (up to COMPUTE_BLOCK, n_channels)
        Linear values.
    plan : _Plan
        Where to find them.
    """

    def __init__(self, events: Array, plan: _Plan) -> None:
        self._events, self._plan = events, plan
        self._linear: dict[str, Floats] = {}
        self._axes: dict[Dimension, ValuesOn] = {}

    def __len__(self) -> int:
        return len(self._events)

    def inside(self, item: Gate, among: Mask) -> Mask:
        """Return which events of `among` are inside the shape of a gate, to the last one."""
        assert not isinstance(item.shape, Combination)  # noqa: S101 - for the type checker
        axes = [self._axis(dimension) for dimension in item.dimensions]
        mask, doubtful = nearly_inside(axes, item.shape, self._plan.boxes[item.name], among)
        if len(doubtful):
            exact = np.column_stack([axis.exact(doubtful) for axis in axes])
            mask[doubtful] = inside(exact, item.shape)
        return mask

    def _axis(self, dimension: Dimension) -> ValuesOn:
        if dimension not in self._axes:
            source = self._plan.sources[dimension]
            rows = self._rows(dimension.compensation)
            linear = tuple(rows[row] for row in source.rows)
            self._axes[dimension] = ValuesOn(linear, dimension, source)
        return self._axes[dimension]

    def _rows(self, compensation: str) -> Floats:
        """Return linear values, shape (n_rows, n_events), compensated once."""
        if compensation not in self._linear:
            self._linear[compensation] = self._plan.linear[compensation].fill(self._events)
        return self._linear[compensation]


def _gate_block(block: _Block, strategy: Strategy) -> dict[str, Mask]:
    """Return the mask of each population for one block of events."""
    every = np.ones(len(block), dtype=bool)
    masks: dict[str, Mask] = {}
    for item in strategy.ordered:
        among = masks[item.parent] if item.parent else every
        masks[item.name] = among & _own_mask(item, block, masks, among)
    return masks


def _own_mask(item: Gate, block: _Block, masks: Mapping[str, Mask], among: Mask) -> Mask:
    """Return the mask of one gate; without meaning outside of its parent."""
    shape = item.shape
    if not isinstance(shape, Combination):
        if not among.any():
            return among
        mask = block.inside(item, among)
        return ~mask if item.outside else mask
    joined = [
        ~masks[name] if name in shape.complements else masks[name] for name in shape.populations
    ]
    if shape.operation == "not":
        return ~joined[0]
    join = np.logical_and if shape.operation == "and" else np.logical_or
    return np.asarray(join.reduce(joined))
