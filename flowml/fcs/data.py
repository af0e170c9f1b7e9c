"""The DATA segment of a file: stored values, and linear values in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.fcs.channels import Amplifier
from flowml.fcs.decode import EventReader
from flowml.fcs.layout import Layout
from flowml.fcs.scan import Scan
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.findings import Finding


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
    _seen: list[tuple[Finding, ...]] = field(default_factory=list, init=False, repr=False)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self.layout.n_events

    def stored(self) -> Array:
        """Return the values as the file holds them, bit-masked, in native byte order."""
        with self._reader() as reader:
            return reader.stored(self.n_events)

    def events(self) -> Array:
        """Return all linear values as one table."""
        with self._reader() as reader:
            return reader.linear(self.n_events)

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
        if size < 1:
            raise FcsError(f"a block of {size} events was asked for, expected at least 1.")
        with self._reader() as reader:
            for start in range(0, self.n_events, size):
                yield reader.linear(min(size, self.n_events - start))

    def findings(self) -> tuple[Finding, ...]:
        """Say what is odd about the values; read them, if no one has yet."""
        if not self._seen:
            with self._reader() as reader:
                reader.skim()
        return self._seen[0]

    @contextmanager
    def _reader(self) -> Iterator[EventReader]:
        """Open the file at its first event; who reads to the end has seen all values."""
        name, scan = printable(self.path.name), Scan(self.layout)
        try:
            with self.path.open("rb", buffering=0) as stream:
                if stamp_of(os.fstat(stream.fileno())) != self.stamp:
                    raise FcsError(
                        f"{name} changed after its keywords were read. "
                        "Wait until it is written, and read it again.",
                        "FCS-CHANGED",
                    )
                stream.seek(self.layout.offset)
                yield EventReader(stream, self.layout, self.amplifiers, scan)
        except OSError as error:
            raise FcsError(f"could not read {name}: {error.strerror}.", "FCS-FILE") from error
        self._seen[:] = [scan.findings()]


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
