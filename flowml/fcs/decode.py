"""Bytes of events to stored values, and stored values to linear ones, part by part.

A part is as many events as stay in a processor's cache, so that reading, swapping, looking,
masking and scaling pass over memory once. All buffers are made once for a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.layout import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowml.events import Array
    from flowml.fcs.channels import Amplifier
    from flowml.fcs.layout import Field, Layout
    from flowml.fcs.scan import Scan
    from flowml.scratch import Scratch

PART = 1 << 19  # bytes; measured: 2^18 to 2^20 are alike, 2^16 and 2^22 slower
EXACT_BITS = 24  # integers up to this width are exact in float32
MOST_ENTRIES = 1 << 16  # of all tables; larger ones leave the cache
MOST_INDEXED = 1 << 15  # values at a time: their places take eight bytes each
SPARE = 4  # bytes behind a part, so that the last 24-bit value can be read as one of 32


class EventReader:
    """Reads the events of an open file in order.

    Parameters
    ----------
    stream : binary file
        At the first event; not buffered.
    layout : Layout
        How events are written.
    amplifiers : tuple of Amplifier
        How each channel's values become linear.
    scan : Scan
        Sees all values before they are masked.
    scratch : Scratch
        Lends the buffers; the reader must not be used after it was left.
    """

    def __init__(
        self,
        stream: BinaryIO,
        layout: Layout,
        amplifiers: tuple[Amplifier, ...],
        scan: Scan,
        scratch: Scratch,
    ) -> None:
        self._stream, self._layout, self._scan = stream, layout, scan
        self._scratch = scratch
        self._linear, self._kept = _linear_type(layout.fields), _stored_type(layout.fields)
        self._event_size = layout.event_size
        self._rows = max(1, min(PART // self._event_size, layout.n_events))
        self._raw = scratch.empty((self._rows * self._event_size + SPARE,), np.uint8)
        self._type = _file_type(layout.fields[0], layout.order) if layout.is_uniform else None
        self._part = scratch.empty((self._rows, len(layout.fields)), self._kept)
        self._masks = _masks(layout, self._kept, self._rows)
        self._scale = _Decoder(layout.fields, amplifiers, self._kept, self._rows)

    def stored(self, count: int) -> Array:
        """Read the next events as the file holds them, bit-masked.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        ndarray, shape (count, n_channels)
            A table of the caller's own.
        """
        table = np.empty((count, len(self._layout.fields)), dtype=self._kept)
        for part in self._parts(table):
            self._read(part)
        return table

    def linear(self, count: int) -> Array:
        """Read the next events, and put them on the linear scale.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        ndarray, shape (count, n_channels)
            A table of the caller's own.
        """
        table = np.empty((count, len(self._layout.fields)), dtype=self._linear)
        self._put_linear(table)
        return table

    def blocks(self, size: int) -> Iterator[Array]:
        """Read all events, and put them on the linear scale, block by block.

        Parameters
        ----------
        size : int
            Events in a block.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels)
            Valid until the next block is asked for.
        """
        n_events, n_channels = self._layout.n_events, len(self._layout.fields)
        table = self._scratch.empty((min(size, n_events), n_channels), self._linear)
        for start in range(0, n_events, size):
            part = table[: n_events - start]
            self._put_linear(part)
            yield part

    def _put_linear(self, table: Array) -> None:
        for part in self._parts(table):
            values = part if self._linear == self._kept else self._part[: len(part)]
            self._read(values)
            self._scale.put(values, part)

    def skim(self) -> None:
        """Look at all events, and keep none."""
        for start in range(0, self._layout.n_events, self._rows):
            self._read(self._part[: min(self._rows, self._layout.n_events - start)])

    def _parts(self, table: Array) -> Iterator[Array]:
        for start in range(0, len(table), self._rows):
            yield table[start : start + self._rows]

    def _read(self, table: Array) -> None:
        """Read the next events into a table of the stored type."""
        flat = table.reshape(-1)
        raw = self._raw[: len(table) * self._event_size]
        if self._type is None:
            self._fill(raw)
            _spread(self._raw, self._layout, table, self._scan)
        else:
            if self._type == flat.dtype:
                self._fill(flat)
            else:
                self._fill(raw)
                flat[...] = raw.view(self._type)
            self._scan.see_table(table)
        if self._masks is not None:
            np.bitwise_and(flat, self._masks[: flat.size], out=flat)

    def _fill(self, target: Array) -> None:
        view = target.view(np.uint8).data
        done = 0
        while done < len(view):  # a pipe or a network drive may give less at a time
            got = self._stream.readinto(view[done:])  # type: ignore[attr-defined]
            if not got:
                raise FcsError("the file became shorter while it was read.", "FCS-CHANGED")
            done += got


class _Decoder:
    """Puts stored values on the linear scale, by tables where the channels are narrow.

    Parameters
    ----------
    fields : tuple of Field
        How each channel is written.
    amplifiers : tuple of Amplifier
        How its values become linear.
    stored : numpy.dtype
        Of the stored values.
    rows : int
        Events at a time, at most.
    """

    def __init__(
        self,
        fields: tuple[Field, ...],
        amplifiers: tuple[Amplifier, ...],
        stored: np.dtype[np.generic],
        rows: int,
    ) -> None:
        self._amplifiers = amplifiers
        self._is_plain = all(a.decades == 0 and a.gain == 1 for a in amplifiers)
        ways = list(zip((field.used for field in fields), amplifiers, strict=True))
        entries = sum(1 << used for used, _ in dict.fromkeys(ways))
        logarithmic = any(amplifier.decades for amplifier in amplifiers)
        is_small = entries <= min(MOST_ENTRIES, rows * len(ways))
        self._by_table = stored.kind == "u" and logarithmic and is_small
        if self._by_table:
            self._make_tables(ways, stored, _linear_type(fields))

    def put(self, stored: Array, linear: Array) -> None:
        """Put stored values on the linear scale; infinities and NaN of the file stay.

        Parameters
        ----------
        stored : ndarray, shape (n_events, n_channels)
            Masked.
        linear : ndarray, shape (n_events, n_channels)
            Gets the result; may be `stored` itself where the types are the same.
        """
        if not self._by_table:
            if linear is not stored or not self._is_plain:
                _by_formula(stored, self._amplifiers, linear)
            return
        values, out = stored.reshape(-1), linear.reshape(-1)
        for start in range(0, values.size, self._index.size):
            part = values[start : start + self._index.size]
            index = self._index[: part.size]
            index[...] = part
            index += self._starts[: part.size]
            # "wrap" only spares numpy a buffer: masked values are inside the table
            np.take(self._table, index, out=out[start : start + part.size], mode="wrap")

    def _make_tables(
        self,
        ways: list[tuple[int, Amplifier]],
        stored: np.dtype[np.generic],
        linear: np.dtype[np.floating],
    ) -> None:
        """Work out every value that a channel can hold, once for channels that are alike."""
        tables, starts, size = [], {}, 0
        for used, amplifier in dict.fromkeys(ways):
            every = np.arange(1 << used, dtype=stored)[:, None]
            table = np.empty(every.shape, dtype=linear)
            _by_formula(every, (amplifier,), table)
            starts[used, amplifier] = size
            size += len(table)
            tables.append(table[:, 0])
        self._table = np.concatenate(tables)
        rows = max(1, MOST_INDEXED // len(ways))
        self._starts = np.tile(np.array([starts[way] for way in ways], dtype=np.intp), rows)
        self._index = np.empty(rows * len(ways), dtype=np.intp)


def _by_formula(stored: Array, amplifiers: tuple[Amplifier, ...], linear: Array) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        if linear is not stored:
            linear[...] = stored
        for column, amplifier in enumerate(amplifiers):
            if amplifier.decades:
                exponent = stored[:, column] * (amplifier.decades / amplifier.span)
                linear[:, column] = amplifier.offset * np.power(10.0, exponent)
            elif amplifier.gain != 1.0:
                linear[:, column] = _divided(stored[:, column], amplifier.gain)


def _divided(values: Array, gain: float) -> Array:
    """Divide by a gain, rounded once."""
    quotient = np.divide(values, gain, dtype=np.float64)
    largest = np.finfo(np.float32 if values.dtype == np.float32 else np.float64).max
    if gain < 1 and (np.isfinite(values) & (np.abs(quotient) > largest)).any():
        raise FcsError(
            f"a value divided by its gain of {gain:g} exceeds what {values.dtype} holds. "
            "Export the file again, with a sound $PnG.",
            "FCS-KEY",
        )
    return quotient


def _masks(layout: Layout, stored: np.dtype[np.generic], rows: int) -> Array | None:
    """Return the mask of every word of a part, or None where all bits count."""
    if stored.kind != "u" or not any(field.mask for field in layout.fields):
        return None
    full = (1 << 8 * stored.itemsize) - 1
    row = np.array([field.mask or full for field in layout.fields], dtype=stored)
    return np.tile(row, rows)  # one long row: numpy is slow at many short ones


def _spread(raw: Array, layout: Layout, table: Array, scan: Scan) -> None:
    """Decode events whose channels differ in type or width, channel by channel."""
    start = 0
    for column, field in enumerate(layout.fields):
        values = _column(raw, layout, field, start, len(table))
        start += field.bits // 8
        scan.see_column(column, values)
        # a float table holds no bits: masked here
        masked = field.mask and table.dtype.kind == "f"
        table[:, column] = values & values.dtype.type(field.mask) if masked else values


def _column(raw: Array, layout: Layout, field: Field, start: int, count: int) -> Array:
    """Return one channel of a part; one of 24 bits is read with the byte behind it."""
    steps = (layout.event_size,)
    if field.bits != 24:
        kind = _file_type(field, layout.order)
        return np.ndarray(count, kind, raw.data, start, steps).astype(kind.newbyteorder("="))
    words = np.ndarray(count, f"{layout.order}u4", raw.data, start, steps).astype(np.uint32)
    return words & 0xFFFFFF if layout.order == "<" else words >> 8


def _file_type(field: Field, order: str) -> np.dtype[np.generic]:
    """Return the type in which a channel, not of 24 bits, is written."""
    return np.dtype(f"{order}{'u' if field.kind == 'I' else 'f'}{field.bits // 8}")


def _linear_type(fields: tuple[Field, ...]) -> np.dtype[np.floating]:
    """Return float32 for float32 data and integers of up to 24 bits, float64 beyond."""
    narrow = all(
        field.kind == "F" or (field.kind == "I" and field.used <= EXACT_BITS)
        for field in fields
    )
    return np.dtype(np.float32 if narrow else np.float64)


def _stored_type(fields: tuple[Field, ...]) -> np.dtype[np.generic]:
    """Return a type that holds every channel exactly, unsigned where all are whole numbers."""
    kinds = {field.kind for field in fields}
    bits = max(field.bits for field in fields)
    if kinds == {"I"}:
        width = next(width for width in WORDS if width >= bits)
        return np.dtype(f"u{width // 8}")
    return np.dtype(np.float32 if kinds == {"F"} else np.float64)
