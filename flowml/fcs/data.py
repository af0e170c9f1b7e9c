"""The DATA segment: stored values, and linear values in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.channels import Amplifier
from flowml.fcs.layout import Layout
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.fcs.layout import Field
    from flowml.records import Array

EXACT_BITS = 24  # integers up to this width are exact in float32


@dataclass(frozen=True, eq=False)
class FileSource:
    """Events of one data set of a file. Holds no events, and crosses to worker processes.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        Where the events are and how they are written.
    amplifiers : tuple of Amplifier
        How each channel's values become linear.
    stamp : tuple of int
        Size in bytes and time of the last change in nanoseconds, when TEXT was read.
    """

    path: Path
    layout: Layout
    amplifiers: tuple[Amplifier, ...]
    stamp: tuple[int, int]

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self.layout.n_events

    def stored(self) -> Array:
        """Return the values as the file holds them, bit-masked, in native byte order."""
        parts = list(self._stored_blocks(1 << 20))
        if parts:
            return np.concatenate(parts)
        return np.empty((0, len(self.layout.fields)), dtype=_stored_type(self.layout.fields))

    def blocks(self, size: int) -> Iterator[Array]:
        """Stream linear values, float32, or float64 where float32 would not be exact.

        Parameters
        ----------
        size : int
            Events in a block.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels)
            The next events.
        """
        linear = linear_type(self.layout.fields)
        for block in self._stored_blocks(size):
            yield _linear(block, self.amplifiers, linear)

    def _stored_blocks(self, size: int) -> Iterator[Array]:
        layout = self.layout
        if size < 1:
            raise FcsError(f"a block of {size} events was asked for, expected at least 1.")
        try:
            with self.path.open("rb") as stream:
                if stamp_of(os.fstat(stream.fileno())) != self.stamp:
                    raise FcsError(
                        f"{printable(self.path.name)} changed after its keywords were read. "
                        "Wait until it is written, and read it again.",
                        "FCS-CHANGED",
                    )
                stream.seek(layout.offset)
                for start in range(0, layout.n_events, size):
                    count = min(size, layout.n_events - start)
                    raw = stream.read(count * layout.event_size)
                    if len(raw) < count * layout.event_size:
                        raise FcsError(
                            f"{printable(self.path.name)} became shorter while it was read.",
                            "FCS-CHANGED",
                        )
                    yield _decode(raw, layout)
        except OSError as error:
            raise FcsError(
                f"could not read {printable(self.path.name)}: {error.strerror}.", "FCS-FILE"
            ) from error


def stamp_of(status: os.stat_result) -> tuple[int, int]:
    """Return what tells one state of a file from another.

    Parameters
    ----------
    status : os.stat_result
        Of the file.

    Returns
    -------
    tuple of int
        Size in bytes, time of the last change in nanoseconds.
    """
    return status.st_size, status.st_mtime_ns


def linear_type(fields: tuple[Field, ...]) -> np.dtype[np.floating]:
    """Return the type in which the linear values of a layout are held.

    Parameters
    ----------
    fields : tuple of Field
        How each channel is written.

    Returns
    -------
    numpy.dtype
        float32 for float32 data and for integers up to 24 bits, float64 beyond.
    """
    narrow = all(
        field.kind == "F" or (field.kind == "I" and field.used <= EXACT_BITS)
        for field in fields
    )
    return np.dtype(np.float32 if narrow else np.float64)


def _stored_type(fields: tuple[Field, ...]) -> np.dtype[np.generic]:
    """Return a type that holds every channel's stored values exactly."""
    kinds = {field.kind for field in fields}
    bits = max(field.bits for field in fields)
    if kinds == {"I"}:
        width = next(width for width in (8, 16, 32, 64) if width >= bits)
        return np.dtype(f"u{width // 8}")
    return np.dtype(np.float32 if kinds == {"F"} else np.float64)


def _decode(raw: bytes, layout: Layout) -> Array:
    """Turn the bytes of whole events into stored values."""
    fields, stored = layout.fields, _stored_type(layout.fields)
    if len({(field.kind, field.bits) for field in fields}) == 1 and fields[0].bits != 24:
        values = np.frombuffer(raw, dtype=_file_type(fields[0], layout.order))
        table = values.reshape(-1, len(fields)).astype(stored)
    else:
        table = _decode_mixed(np.frombuffer(raw, dtype=np.uint8), layout, stored)
    if stored.kind == "u" and any(field.mask for field in fields):
        full = (1 << 8 * stored.itemsize) - 1
        table &= np.array([field.mask or full for field in fields], dtype=stored)
    return table


def _file_type(field: Field, order: str) -> np.dtype[np.generic]:
    return np.dtype(f"{order}{'u' if field.kind == 'I' else 'f'}{field.bits // 8}")


def _decode_mixed(raw: Array, layout: Layout, stored: np.dtype[np.generic]) -> Array:
    """Decode events whose channels differ in type or width, channel by channel."""
    events = raw.reshape(-1, layout.event_size)
    table = np.empty((len(events), len(layout.fields)), dtype=stored)
    start = 0
    for column, field in enumerate(layout.fields):
        width = field.bits // 8
        piece = events[:, start : start + width]
        start += width
        if width == 3:
            weights = (1, 256, 65536) if layout.order == "<" else (65536, 256, 1)
            values = piece.astype(np.uint32) @ np.array(weights, dtype=np.uint32)
        else:
            values = np.ascontiguousarray(piece).view(_file_type(field, layout.order))[:, 0]
        if field.mask and stored.kind == "f":
            values = values & values.dtype.type(field.mask)
        table[:, column] = values
    return table


def _linear(
    stored: Array, amplifiers: tuple[Amplifier, ...], linear: np.dtype[np.floating]
) -> Array:
    """Put stored values on the linear scale; infinities and NaN of the file stay."""
    with np.errstate(over="ignore", invalid="ignore"):
        table = stored.astype(linear)
        for column, amplifier in enumerate(amplifiers):
            if amplifier.decades:
                exponent = stored[:, column] * (amplifier.decades / amplifier.span)
                table[:, column] = amplifier.offset * np.power(10.0, exponent)
            elif amplifier.gain != 1.0:
                table[:, column] = stored[:, column] / amplifier.gain
    return table
