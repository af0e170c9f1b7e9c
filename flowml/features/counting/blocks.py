"""The values of a tube's markers, compensated, block by block and channel by channel.

One product takes a block of events (rows) to the markers' values (columns become rows): it
picks the channels, removes the overlap and lays each channel's values side by side. Blocks
are cut at multiples of `COMPUTE_BLOCK` events, whatever a caller asks for, since a product of
floats may depend in its last bit on the number of rows and on the place of a row among them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from flowml.events import COMPUTE_BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from flowml.events import Array
    from flowml.preprocess import Unmixing
    from flowml.records import Sample
    from flowml.scratch import Scratch


class Blocks:
    """Streams a sample's compensated values; no buffer is made for a block.

    Parameters
    ----------
    sample : Sample
        Linear values.
    columns : sequence of int
        Columns of the events, one for each row of the result.
    unmixing : Unmixing or None
        Compensation to apply, if any.
    scratch : Scratch
        Lends the buffers.
    exact : bool
        Whether the product is computed in double precision and rounded once; in single
        precision it moves a logicle value by about 1e-5, more the worse the matrix is.

    Attributes
    ----------
    odd : int
        Values of these columns, before compensation, that were not finite so far.
    """

    def __init__(
        self,
        sample: Sample,
        columns: Sequence[int],
        unmixing: Unmixing | None,
        scratch: Scratch,
        *,
        exact: bool,
    ) -> None:
        self.odd = 0
        self._sample, self._columns = sample, list(columns)
        self._unmixing = unmixing
        self._kind = np.dtype(np.float64 if exact else np.float32)
        n_channels, n_columns = len(sample.channels), len(self._columns)
        self._rows = scratch.empty((COMPUTE_BLOCK, n_channels), self._kind)
        self._values = scratch.empty((n_columns * COMPUTE_BLOCK,), np.float32)
        self._product = scratch.empty((n_columns * COMPUTE_BLOCK if exact else 0,), self._kind)
        with np.errstate(over="ignore"):  # of a matrix that can hardly be inverted
            self._weights = _weights(self._columns, n_channels, unmixing).astype(self._kind)

    def read(self, chunk: int) -> Iterator[NDArray[np.float32]]:
        """Yield the values of one block of events after the other.

        Parameters
        ----------
        chunk : int
            Events to ask the source for at a time, rounded up to whole compute blocks.

        Yields
        ------
        ndarray, shape (n_columns, up to COMPUTE_BLOCK), float32
            Contiguous; valid until the next block is asked for. Of an event with a detector
            that is not finite, all detectors are NaN or infinite.
        """
        whole_blocks = -(-max(chunk, 1) // COMPUTE_BLOCK) * COMPUTE_BLOCK
        for events in self._sample.blocks(whole_blocks):
            for start in range(0, len(events), COMPUTE_BLOCK):
                yield self._one(events[start : start + COMPUTE_BLOCK])

    def _one(self, events: Array) -> NDArray[np.float32]:
        shape = (len(self._columns), len(events))
        values: NDArray[np.float32] = self._values[: math.prod(shape)].reshape(shape)
        with np.errstate(over="ignore", invalid="ignore"):
            if self._unmixing is None:
                for row, column in zip(values, self._columns, strict=True):
                    row[...] = events[:, column]
            else:
                self._unmix(events, values)
            # one value that is not finite spoils a product's whole event, and a sum
            seen = values if self._unmixing is None else values[0]
            if not np.isfinite(seen.sum()):
                self._look_closer(events, values)
        return values

    def _unmix(self, events: Array, values: NDArray[np.float32]) -> None:
        rows = events
        if events.dtype != self._kind or not events.flags.c_contiguous:
            rows = self._rows[: len(events)]
            rows[...] = events
        if self._kind == values.dtype:
            np.matmul(self._weights, rows.T, out=values)
            return
        product = self._product[: values.size].reshape(values.shape)
        values[...] = np.matmul(self._weights, rows.T, out=product)

    def _look_closer(self, events: Array, values: NDArray[np.float32]) -> None:
        """Count values that are not finite, and keep them from spoiling other channels."""
        self.odd += int(np.count_nonzero(~np.isfinite(events[:, self._columns])))
        finite = np.isfinite(events.astype(self._kind))  # what the product takes
        if self._unmixing is not None and not finite.all():
            self._unmix(np.where(finite, events, 0), values)
            self._put_back(events, ~finite, values)
        values[np.isnan(values)] = np.nan  # of all kinds of NaN, the usual one

    def _put_back(
        self, events: Array, odd: NDArray[np.bool_], values: NDArray[np.float32]
    ) -> None:
        """Work out by itself every value that one which is not finite has a part in."""
        assert self._unmixing is not None  # noqa: S101 - for the type checker
        detectors = self._unmixing.columns.tolist()
        spoilt = np.flatnonzero(odd[:, detectors].any(axis=1))
        unmixed = events[np.ix_(spoilt, detectors)].astype(np.float64) @ self._unmixing.inverse
        for row, column in enumerate(self._columns):
            if column in detectors:
                values[row, spoilt] = unmixed[:, detectors.index(column)]
            else:
                own = np.flatnonzero(odd[:, column])
                values[row, own] = events[own, column]


def largest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest finite value of each channel.

    Parameters
    ----------
    values : ndarray, shape (n_channels, n_events), float32
        A block.

    Returns
    -------
    ndarray, shape (n_channels,), float32
        Minus infinity where there is none.
    """
    finite = np.where(values < np.inf, values, np.float32(-np.inf))
    return np.asarray(finite.max(axis=1, initial=-np.inf))


def _weights(columns: list[int], n_channels: int, unmixing: Unmixing | None) -> Array:
    """Return the part of each channel in each marker, shape (n_columns, n_channels)."""
    weights = np.zeros((len(columns), n_channels))
    weights[np.arange(len(columns)), columns] = 1
    if unmixing is not None:
        place = {column: n for n, column in enumerate(unmixing.columns.tolist())}
        rows = [row for row, column in enumerate(columns) if column in place]
        own = [place[columns[row]] for row in rows]
        weights[np.ix_(np.array(rows, np.intp), unmixing.columns)] = unmixing.inverse[:, own].T
    return weights
