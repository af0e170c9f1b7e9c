"""The linear values that gates look at, compensated, channel by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.events import COMPUTE_BLOCK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.events import Array
    from flowml.gating.gates import Floats
    from flowml.preprocess import Unmixing
    from flowml.scratch import Scratch


class LinearRows:
    """Lays the values of some channels side by side, in buffers that are used again.

    Products are of `COMPUTE_BLOCK` events at a time, the last ones with zeros behind them, as
    `flowml.preprocess.Unmixing` has them: the place of an event changes nothing.

    Parameters
    ----------
    columns : sequence of int
        Columns of the events, one for each row.
    unmixing : Unmixing or None
        Compensation to apply, if any.
    most : int
        Most events of a block.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(
        self, columns: Sequence[int], unmixing: Unmixing | None, most: int, scratch: Scratch
    ) -> None:
        own = [] if unmixing is None else unmixing.columns.tolist()
        mixed = [column for column in columns if column in own]
        self._n_mixed = len(mixed)
        in_a_row = own == list(range(own[0], own[0] + len(own))) if own else False
        self._taken = slice(own[0], own[-1] + 1) if in_a_row else own  # a slice is no copy
        self._plain = [column for column in columns if column not in own]
        self._order = {column: row for row, column in enumerate([*mixed, *self._plain])}
        self._rows = scratch.empty((len(columns), most), np.float64)
        self._observed = scratch.empty((COMPUTE_BLOCK, len(own)), np.float64)
        self._product = scratch.empty((len(mixed), COMPUTE_BLOCK), np.float64)
        if unmixing is not None:
            places = [own.index(column) for column in mixed]
            self._weights = np.ascontiguousarray(unmixing.inverse[:, places].T)

    def row(self, column: int) -> int:
        """Return the row of a column.

        Parameters
        ----------
        column : int
            One of `columns`.

        Returns
        -------
        int
            Its place in what `fill` returns.
        """
        return self._order[column]

    def fill(self, events: Array) -> Floats:
        """Take over a block of events.

        Parameters
        ----------
        events : ndarray, shape (up to `most`, n_channels)
            Linear values; the first event is the first of the sample, or a multiple of
            `COMPUTE_BLOCK` behind it.

        Returns
        -------
        ndarray, shape (n_columns, n_events), float64
            Valid until the next block. NaN or an infinity in one detector makes all detectors
            of its event NaN or infinite, and no other event.
        """
        rows = self._rows[:, : len(events)]
        with np.errstate(over="ignore", invalid="ignore"):  # infinities give NaN
            for row, column in zip(rows[self._n_mixed :], self._plain, strict=True):
                row[:] = events[:, column]
            if self._n_mixed:
                for start in range(0, len(events), COMPUTE_BLOCK):
                    self._unmix(events[start : start + COMPUTE_BLOCK], rows[:, start:])
        return rows

    def _unmix(self, events: Array, rows: Floats) -> None:
        n = len(events)
        self._observed[:n] = events[:, self._taken]
        self._observed[n:] = 0
        np.matmul(self._weights, self._observed.T, out=self._product)
        rows[: self._n_mixed, :n] = self._product[:, :n]
