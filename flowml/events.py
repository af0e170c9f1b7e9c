"""Where events come from: a file, or an array in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flowml.errors import FlowmlError

if TYPE_CHECKING:
    from flowml.findings import Finding

Array = NDArray[Any]

COMPUTE_BLOCK = 8192  # events; fixed, so that a product has the same bits everywhere


class EventSource(Protocol):
    """Where events come from: a file, or an array in memory. Small, and picklable."""

    @property
    def n_events(self) -> int:
        """Number of events."""
        ...

    def blocks(self, size: int) -> Iterator[Array]:
        """Stream the linear values.

        Parameters
        ----------
        size : int
            Events in a block.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels)
            The next events.
        """
        ...

    def events(self) -> Array:
        """Return all linear values as a table of the caller's own."""
        ...

    def stored(self) -> Array:
        """Return the values as the source holds them, shape (n_events, n_channels)."""
        ...

    def findings(self) -> tuple[Finding, ...]:
        """Say what is odd about the values; looks at them all, if no one has yet."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Events in memory.

    Parameters
    ----------
    values : ndarray, shape (n_events, n_channels)
        Linear values.
    """

    values: Array

    def __post_init__(self) -> None:
        freeze(self, "values", None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        freeze(self, "values", None)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.values.shape[0])

    def blocks(self, size: int) -> Iterator[Array]:
        """Stream views of the values.

        Parameters
        ----------
        size : int
            Events in a block.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels)
            Read-only.
        """
        check_block(size)
        for start in range(0, self.n_events, size):
            yield self.values[start : start + size]

    def events(self) -> Array:
        """Return a copy of the values."""
        return np.array(self.values)

    def stored(self) -> Array:
        """Return the values themselves."""
        return self.values

    def findings(self) -> tuple[Finding, ...]:
        """Say nothing: whoever made the values knows them."""
        return ()


class RememberedSource:
    """Events of another source, kept as they pass: whoever asks again reads nothing twice.

    Parameters
    ----------
    source : EventSource
        Is read block by block, once.
    """

    def __init__(self, source: EventSource) -> None:
        self._source = source
        self._kept: ArraySource | None = None

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self._source.n_events

    def blocks(self, size: int) -> Iterator[Array]:
        """Stream the linear values, and keep them if they are asked for to the end.

        Parameters
        ----------
        size : int
            Events in a block.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels)
            The next events; valid until the next block is asked for.
        """
        if self._kept is not None:
            yield from self._kept.blocks(size)
            return
        taken: Array | None = None
        start = 0
        for block in self._source.blocks(size):
            if taken is None:
                taken = np.empty((self.n_events, block.shape[1]), block.dtype)
            taken[start : start + len(block)] = block
            start += len(block)
            yield block
        if taken is not None and start == len(taken):
            self._kept = ArraySource(taken)

    def events(self) -> Array:
        """Return all linear values as a table of the caller's own."""
        return self._kept.events() if self._kept is not None else self._source.events()

    def stored(self) -> Array:
        """Return the values as the source holds them."""
        return self._source.stored()

    def findings(self) -> tuple[Finding, ...]:
        """Say what is odd about the values."""
        return self._source.findings()


def check_block(size: int) -> None:
    """Refuse blocks without events.

    Parameters
    ----------
    size : int
        Events in a block.

    Raises
    ------
    FlowmlError
        If it is not at least 1.
    """
    if size < 1:
        raise FlowmlError(f"a block of {size} events was asked for, expected at least 1.")


def freeze(record: object, name: str, dtype: type | None) -> None:
    """Replace an array of a frozen record by a read-only view of it.

    Parameters
    ----------
    record : object
        A frozen dataclass.
    name : str
        Of its field.
    dtype : type or None
        What to hold the array as; None for what it is.
    """
    view = np.asarray(getattr(record, name), dtype=dtype).view()
    view.flags.writeable = False
    object.__setattr__(record, name, view)
