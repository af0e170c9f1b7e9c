"""The DATA segment of a file: stored values, and linear values in blocks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flowml.errors import FcsError
from flowml.events import check_block
from flowml.fcs.channels import Amplifier
from flowml.fcs.decode import EventReader
from flowml.fcs.layout import Layout
from flowml.fcs.scan import Scan
from flowml.safety import printable
from flowml.scratch import Scratch

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.findings import Finding

Stamp = tuple[int, int]  # of a file: bytes, time of the last change in nanoseconds


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
    stamp: Stamp
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
            The next events; valid until the next block is asked for.
        """
        check_block(size)
        with self._reader() as reader:
            yield from reader.blocks(size)

    def findings(self) -> tuple[Finding, ...]:
        """Say what is odd about the values; read them, if no one has yet."""
        if not self._seen:
            with self._reader() as reader:
                reader.skim()
        return self._seen[0]

    @contextmanager
    def _reader(self) -> Iterator[EventReader]:
        """Open the file at its first event; who reads to the end has seen all values."""
        scan = Scan(self.layout)
        with Scratch() as scratch, opened(self.path, buffering=0) as (stream, stamp):
            self._check_unchanged(stamp)
            stream.seek(self.layout.offset)
            yield EventReader(stream, self.layout, self.amplifiers, scan, scratch)
            self._check_unchanged(stamp_of(os.fstat(stream.fileno())))
        self._seen[:] = [scan.findings()]

    def _check_unchanged(self, stamp: Stamp) -> None:
        """Refuse values of a file that someone writes to."""
        if stamp != self.stamp:
            raise FcsError(
                f"{printable(self.path.name)} changed after its keywords were read. "
                "Wait until it is written, and read it again.",
                "FCS-CHANGED",
            )


@contextmanager
def opened(file: Path, buffering: int = -1) -> Iterator[tuple[BinaryIO, Stamp]]:
    """Open a regular file; a pipe would block for ever.

    Parameters
    ----------
    file : Path
        To be read.
    buffering : int
        As of `open`; 0 for none.

    Yields
    ------
    stream : binary file
        At the first byte.
    stamp : tuple of int
        Its state, as of `stamp_of`.

    Raises
    ------
    FcsError
        If it is no regular file, or cannot be read.
    """
    name = printable(file.name)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise FcsError(
                f"{name} is not a regular file. Give the path of an FCS file.", "FCS-FILE"
            )
        with file.open("rb", buffering) as stream:
            yield stream, stamp_of(os.fstat(stream.fileno()))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FcsError(f"could not read {name}: {reason}.", "FCS-FILE") from error


def stamp_of(status: os.stat_result) -> Stamp:
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
