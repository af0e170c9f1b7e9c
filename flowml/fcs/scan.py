"""Look at the values of a data set as they pass: what is not finite, what a mask drops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.fcs.codes import finding
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.fcs.layout import Layout
    from flowml.findings import Finding

FOLDED = 64  # events in a row: numpy folds long rows ten times faster than short ones
FEW = 256  # events that show at once that a channel holds measured values
TAG_BIT = 31  # Coulter sets it in the words of some events, ...
MOST_TAGGED = 24  # ... whose tags stand in the top byte, above values of 20 bits


class Scan:
    """What was seen so far.

    Bits above a mask that are the same in every event are a tag of the channel. Bits that
    differ between events were measured, and ``$PnR`` says that they do not count.

    Parameters
    ----------
    layout : Layout
        How the values are written.
    """

    def __init__(self, layout: Layout) -> None:
        self._fields = layout.fields
        self._masked = any(field.mask for field in layout.fields)
        self._odd = 0
        # floating point channels without a value yet that an instrument could have measured
        self._tiny = {n for n, field in enumerate(layout.fields) if field.kind != "I"}
        self._nonzero: set[int] = set()
        self._ones = np.zeros(len(layout.fields), dtype=np.uint64)  # bits seen set
        self._always = ~self._ones  # bits that were never seen clear

    def see_table(self, values: Array) -> None:
        """Look at events whose channels are written alike.

        Parameters
        ----------
        values : ndarray, shape (n_events, n_channels)
            Stored values, not masked.
        """
        if values.dtype.kind == "f":
            self._count_odd(values)
            if self._tiny:
                self._look_for_sizes(values)
        elif self._masked and len(values):
            self._ones |= _folded(np.bitwise_or, values)
            self._always &= _folded(np.bitwise_and, values)

    def see_column(self, n: int, values: Array) -> None:
        """Look at one channel of some events.

        Parameters
        ----------
        n : int
            Its column.
        values : ndarray, shape (n_events,)
            Stored values, not masked.
        """
        if values.dtype.kind == "f":
            self._count_odd(values)
            if n in self._tiny:
                self._look_for_size(n, values)
        elif self._fields[n].mask and len(values):
            self._ones[n] |= np.uint64(np.bitwise_or.reduce(values))
            self._always[n] &= np.uint64(np.bitwise_and.reduce(values))

    def findings(self) -> tuple[Finding, ...]:
        """Say what was seen; empty if there is nothing to say."""
        found = [finding("FCS-VALUE-01", f"{self._odd} values")] if self._odd else []
        if tiny := sorted(self._tiny & self._nonzero):
            found.append(finding("FCS-VALUE-02", ", ".join(f"$P{n + 1}" for n in tiny[:20])))
        if names := self._dropped():
            found.append(finding("FCS-MASK-01", printable(", ".join(names), 120)))
        return tuple(found)

    def _look_for_sizes(self, values: Array) -> None:
        """Look for measured values in channels without any; few events mostly show them."""
        with np.errstate(invalid="ignore"):  # NaN of the signalling kind
            shown = (np.abs(values[:FEW]) >= np.finfo(values.dtype).tiny).any(axis=0)
        self._tiny.difference_update(np.flatnonzero(shown).tolist())
        for n in tuple(self._tiny):
            self._look_for_size(n, values[:, n])

    def _look_for_size(self, n: int, values: Array) -> None:
        """Tell whether a channel holds a value that is no denormal number, or only such."""
        smallest = np.finfo(values.dtype).tiny
        with np.errstate(invalid="ignore"):
            size = np.abs(values)
            if (size >= smallest).any():
                self._tiny.discard(n)
            elif ((size > 0) & (size < smallest)).any():
                self._nonzero.add(n)

    def _count_odd(self, values: Array) -> None:
        finite = np.isfinite(values)
        if not finite.all():
            self._odd += finite.size - int(np.count_nonzero(finite))

    def _dropped(self) -> list[str]:
        """Return the keywords of the channels whose dropped bits differ between events."""
        keys = []
        for n, field in enumerate(self._fields):
            varying = int(self._ones[n]) & ~int(self._always[n]) & ~field.mask
            if field.used <= MOST_TAGGED:
                varying &= ~(1 << TAG_BIT)
            if field.mask and varying:
                keys.append(f"$P{n + 1}R")
        return keys


def _folded(fold: Any, table: Array) -> Array:
    """Fold a table over its events, many of them in a row at first."""
    n_events, n_channels = table.shape
    whole = n_events // FOLDED * FOLDED
    wide = fold.reduce(table[:whole].reshape(-1, FOLDED * n_channels)).reshape(-1, n_channels)
    return np.asarray(fold(fold.reduce(wide), fold.reduce(table[whole:])), dtype=np.uint64)
