"""Which events of a sample belong to which population.

Slow scales are looked up in tables that err by a millionth, and shapes tell which events that
leaves in doubt: these few are worked out again exactly. So masks are those of exact values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError, GateError, PanelError, StateError
from flowml.events import COMPUTE_BLOCK
from flowml.gating.gates import Combination, Floats, Mask, inside
from flowml.gating.nearly import Axis, Places, nearly_inside
from flowml.gating.strategy import FROM_FILE, LINEAR, UNCOMPENSATED, Dimension
from flowml.preprocess import (
    Tabled,
    Transform,
    Unmixing,
    choose_unmixing,
    display_scale,
    unmixing_by,
)
from flowml.preprocess.transform import Arcsinh, Biexponential, Hyperlog, Linear, Logicle
from flowml.records import Role, Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.gating.strategy import Gate, Strategy
    from flowml.records import Channel, Sample, Spillover


LEAST_TABLED = 20_000  # events; fewer are on their scales before a table is made
NEARLY = 2e-6  # twice what `Tabled` promises: its argument is rounded, too
LEAST_DECADES = 0.5  # of a scale; on fewer, the rounding of its argument shows


@dataclass(frozen=True, eq=False)
class _Source:
    """Where a dimension finds its values.

    Parameters
    ----------
    rows : tuple of int
        Of the linear values of its compensation: one, or two of a ratio.
    scale : Transform
        The exact scale.
    tabled : Tabled or None
        The same by table, where that is quicker.
    """

    rows: tuple[int, ...]
    scale: Transform
    tabled: Tabled | None


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where a strategy finds its values in the blocks of one sample.

    Parameters
    ----------
    sources : mapping of Dimension to _Source
        Of every dimension.
    columns : mapping of str to tuple of int
        By compensation, the columns that are needed, one for each row of linear values.
    unmixings : mapping of str to Unmixing or None
        By compensation.
    """

    sources: Mapping[Dimension, _Source]
    columns: Mapping[str, tuple[int, ...]]
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
    for events in sample.blocks():
        for first in range(0, len(events), COMPUTE_BLOCK):
            block = _Block(events[first : first + COMPUTE_BLOCK], plan)
            stop = start + len(block)
            for name, mask in _gate_block(block, strategy).items():
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
    found: dict[Dimension, tuple[int, ...]] = {}
    for item in strategy.gates:
        for axis in item.dimensions:
            found[axis] = tuple(_column(sample, item, axis, name) for name in axis.channels)
    columns: dict[str, list[int]] = {}
    for axis, places in found.items():
        rows = columns.setdefault(axis.compensation, [])
        rows += [place for place in dict.fromkeys(places) if place not in rows]
    sources = {
        axis: _source(sample, axis, places, columns[axis.compensation])
        for axis, places in found.items()
    }
    unmixings = {
        name: _unmixing(sample, name, strategy.matrices, compensation) for name in columns
    }
    return _Plan(sources, {name: tuple(rows) for name, rows in columns.items()}, unmixings)


def _source(
    sample: Sample, axis: Dimension, places: tuple[int, ...], rows: list[int]
) -> _Source:
    """Say where a dimension finds its values, and whether by table."""
    scale = axis_transform(sample.channels[places[0]], axis)
    is_slow = isinstance(scale, Logicle | Hyperlog | Arcsinh | Biexponential)
    wide = getattr(scale, "decades", LEAST_DECADES) >= LEAST_DECADES
    by_table = is_slow and wide and not axis.ratio and sample.n_events >= LEAST_TABLED
    own = tuple(rows.index(place) for place in places)
    return _Source(own, scale, Tabled(scale) if by_table else None)


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
        self._shown: dict[Dimension, Axis] = {}
        self._odd: dict[Dimension, Places] = {}

    def __len__(self) -> int:
        return len(self._events)

    def inside(self, item: Gate, among: Mask) -> Mask:
        """Return which events of `among` are inside the shape of a gate, to the last one."""
        assert not isinstance(item.shape, Combination)  # noqa: S101 - for the type checker
        axes = [self._axis(dimension) for dimension in item.dimensions]
        mask, doubtful = nearly_inside(axes, item.shape, among)
        odd = [self._odd[axis] for axis in item.dimensions if axis in self._odd]
        places = np.concatenate([doubtful, *odd]) if odd else doubtful
        if len(places):
            exact = [self._exact(dimension, places) for dimension in item.dimensions]
            mask[places] = inside(np.column_stack(exact), item.shape)
        return mask

    def _axis(self, dimension: Dimension) -> Axis:
        """Return the values on an axis, worked out once: by table, or exactly."""
        if dimension not in self._shown:
            source = self._plan.sources[dimension]
            if source.tabled is None:
                self._shown[dimension] = Axis(self._exact(dimension, slice(None)), 0.0)
            else:
                linear = self._rows(dimension.compensation)[source.rows[0]]
                with np.errstate(over="ignore", invalid="ignore"):
                    values = source.tabled(linear.astype(np.float32))
                self._shown[dimension] = Axis(values, NEARLY)
                if not (finite := np.isfinite(values)).all():
                    self._odd[dimension] = np.flatnonzero(~finite)
        return self._shown[dimension]

    def _exact(self, dimension: Dimension, places: Places | slice) -> Floats:
        """Return the values of some events on an axis, in double precision."""
        source = self._plan.sources[dimension]
        rows = self._rows(dimension.compensation)
        values = [rows[row][places] for row in source.rows]
        if (ratio := dimension.ratio) is None:
            return source.scale(values[0])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            share = (values[0] - ratio.offset) / (values[1] - ratio.divisor_offset)
            return source.scale(ratio.factor * share)

    def _rows(self, compensation: str) -> Floats:
        """Return linear values, shape (n_rows, n_events), compensated once."""
        if compensation not in self._linear:
            columns = self._plan.columns[compensation]
            unmixing = self._plan.unmixings[compensation]
            if unmixing is None:
                self._linear[compensation] = _taken(self._events, columns)
            else:
                self._linear[compensation] = unmixing.rows(self._events, columns)
        return self._linear[compensation]


def _taken(events: Array, columns: tuple[int, ...]) -> Floats:
    """Lay the values of some channels side by side, in double precision."""
    rows = np.empty((len(columns), len(events)))
    with np.errstate(invalid="ignore"):  # a NaN of any kind
        for row, column in zip(rows, columns, strict=True):
            row[:] = events[:, column]
    return rows


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
