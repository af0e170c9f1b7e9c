"""Records that carry data along the pipe; the verbs that work on them live elsewhere.

A record is frozen, and so are its arrays. A `Sample` does not hold events: it knows where
they are (`EventSource`) and streams them in blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flowml.errors import PanelError
from flowml.safety import nearest, printable

Array = NDArray[Any]

COMPUTE_BLOCK = 8192  # events; fixed, so that a float32 product has the same bits everywhere


class Scale(Enum):
    """How far down the pipe the values of a sample are."""

    RAW = "raw"
    COMPENSATED = "compensated"
    DISPLAY = "display"


class Severity(StrEnum):
    """How much a finding matters to who reads the answer."""

    INFO = "info"
    WARN = "warn"
    REVIEW = "review"
    FAIL = "fail"


class Role(StrEnum):
    """What a channel measures."""

    FORWARD_SCATTER = "forward scatter"
    SIDE_SCATTER = "side scatter"
    FLUORESCENCE = "fluorescence"
    TIME = "time"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed on the way that whoever reads the answer should know.

    Parameters
    ----------
    code : str
        Stable, documented code.
    message : str
        One sentence for a person.
    severity : Severity
        `Severity.REVIEW` and above keep an answer from being released automatically.
    """

    code: str
    message: str
    severity: Severity = Severity.INFO

    def __str__(self) -> str:
        return f"{self.code} ({self.severity}): {self.message}"


@dataclass(frozen=True, slots=True)
class Channel:
    """One column of events.

    Parameters
    ----------
    name : str
        ``$PnN``, made unique within the file.
    label : str
        ``$PnS`` as it stands in the file; empty where there is none.
    marker : str
        Canonical marker such as ``CD19`` or ``SSC-A``; empty where none is recognised.
    role : Role
        What the channel measures.
    pulse : str
        ``A`` (area), ``H`` (height), ``W`` (width), or empty where the name does not say.
    top : float
        Upper end of the linear scale, in the units of the linear values.
    logarithmic : bool
        Whether a logarithmic amplifier measured it (``SS Log``).
    """

    name: str
    label: str = ""
    marker: str = ""
    role: Role = Role.OTHER
    pulse: str = ""
    top: float = 262144.0
    logarithmic: bool = False


@dataclass(frozen=True, eq=False)
class Spillover:
    """Share of each fluorochrome's signal seen by each detector.

    Parameters
    ----------
    channels : tuple of str
        Detector names, in the order of the matrix.
    matrix : ndarray, shape (n_detectors, n_detectors), float64
        Row: the fluorochrome that emits; column: the detector that sees it; the diagonal
        is 1 (FCS 3.1).
    source : str
        The keyword or file that it was read from.
    """

    channels: tuple[str, ...]
    matrix: NDArray[np.float64]
    source: str = "$SPILLOVER"

    def __post_init__(self) -> None:
        _freeze(self, "matrix", np.float64)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _freeze(self, "matrix", np.float64)


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

    def stored(self) -> Array:
        """Return the values as the source holds them, shape (n_events, n_channels)."""
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
        _freeze(self, "values", None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _freeze(self, "values", None)

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
        for start in range(0, self.n_events, size):
            yield self.values[start : start + size]

    def stored(self) -> Array:
        """Return the values themselves."""
        return self.values


@dataclass(frozen=True, eq=False, repr=False)
class Sample:
    """One tube's measurement: channels, keywords, and where the events are.

    Parameters
    ----------
    name : str
        Identity: the path relative to the folder given, never ``$FIL``.
    channels : tuple of Channel
        One for each column.
    source : EventSource
        Streams the linear values.
    keywords : mapping of str to str
        TEXT segment, keys in upper case. May hold patients' names: never logged.
    spillover : Spillover or None
        The file's own matrix, if it has a usable one.
    findings : tuple of Finding
        Everything that was noticed while reading.
    scale : Scale
        How far down the pipe the values are.
    """

    name: str
    channels: tuple[Channel, ...]
    source: EventSource
    keywords: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    spillover: Spillover | None = None
    findings: tuple[Finding, ...] = ()
    scale: Scale = Scale.RAW

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "keywords": dict(self.keywords)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, keywords=MappingProxyType(state["keywords"]))

    def __repr__(self) -> str:  # never the keywords: they may name a patient
        return (
            f"<Sample {printable(self.name)}: {self.n_events} events, {len(self.channels)} "
            f"channels, {self.scale.value}>"
        )

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self.source.n_events

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Unique channel names, in file order."""
        return tuple(channel.name for channel in self.channels)

    @property
    def markers(self) -> tuple[str, ...]:
        """Canonical marker of each channel; empty where none is recognised."""
        return tuple(channel.marker for channel in self.channels)

    @property
    def stored(self) -> Array:
        """Values as the file holds them: bit-masked, unscaled; (n_events, n_channels)."""
        return self.source.stored()

    @property
    def linear(self) -> Array:
        """Values on the linear scale, shape (n_events, n_channels)."""
        return self.events()

    def blocks(self, size: int = COMPUTE_BLOCK) -> Iterator[Array]:
        """Stream the linear values.

        Parameters
        ----------
        size : int
            Events in a block.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels)
            Valid until the next block is asked for.
        """
        return self.source.blocks(size)

    def events(self) -> Array:
        """Return all linear values as one array.

        Returns
        -------
        ndarray, shape (n_events, n_channels)
            A copy of its own.
        """
        parts = [block.copy() for block in self.blocks(1 << 20)]
        if parts:
            return np.concatenate(parts)
        return np.empty((0, len(self.channels)), dtype=np.float32)

    def column(self, name: str) -> int:
        """Find a channel by its name, marker or label, in any letter case.

        Where a marker was measured as area, height and width, its area is meant.

        Parameters
        ----------
        name : str
            ``CD19``, ``SSC-A``, ``SSC``, ``FITC-A``, ...

        Returns
        -------
        int
            Index of the column.

        Raises
        ------
        PanelError
            If no channel, or more than one, goes by that name.
        """
        wanted = name.casefold()
        hits: list[int] = []
        for names in (_own_names, _marker_names):
            hits = [i for i, c in enumerate(self.channels) if wanted in names(c)]
            areas = [i for i in hits if self.channels[i].pulse in {"A", ""}]
            for found in (hits, areas):
                if len(found) == 1:
                    return found[0]
        known = sorted({*self.channel_names, *filter(None, self.markers)})
        what = "more than one channel goes by" if hits else "no channel goes by"
        raise PanelError(
            f"{what} {printable(name)!r} in {printable(self.name)}; it has "
            f"{', '.join(printable(item, 40) for item in known[:40])}. "
            f"Nearest: {printable(nearest(name, known))}."
        )


def _own_names(channel: Channel) -> set[str]:
    return {channel.name.casefold()}


def _marker_names(channel: Channel) -> set[str]:
    """Return the names that a cytometrist would use; ``SSC`` stands for ``SSC-A``."""
    names = {channel.marker.casefold(), channel.label.casefold()}
    if channel.role in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}:
        names.add(channel.marker[:3].casefold())
    return names - {""}


@dataclass(frozen=True, slots=True)
class Tube:
    """One measurement of a case.

    Parameters
    ----------
    name : str
        Path relative to the folder given; appears in results.
    origin : Path or Sample
        The file to read, or a sample in memory.
    """

    name: str
    origin: Path | Sample


@dataclass(frozen=True)
class Case:
    """One patient's specimen: one tube, or several.

    Parameters
    ----------
    case_id : str
        Unique within a run.
    tubes : tuple of Tube
        In order of their names.
    details : mapping of str to str
        What the manifest says of the case (``patient_id``, ``specimen``, ...).
    """

    case_id: str
    tubes: tuple[Tube, ...]
    details: Mapping[str, str] = field(default_factory=dict)


def _freeze(record: object, name: str, dtype: type | None) -> None:
    """Replace an array of a frozen record by a read-only view of it."""
    view = np.asarray(getattr(record, name), dtype=dtype).view()
    view.flags.writeable = False
    object.__setattr__(record, name, view)
