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
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import PanelError
from flowml.events import COMPUTE_BLOCK, Array, EventSource, freeze
from flowml.findings import Finding
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Scale(Enum):
    """How far down the pipe the values of a sample are."""

    RAW = "raw"
    COMPENSATED = "compensated"
    DISPLAY = "display"


class Role(StrEnum):
    """What a channel measures."""

    FORWARD_SCATTER = "forward scatter"
    SIDE_SCATTER = "side scatter"
    FLUORESCENCE = "fluorescence"
    TIME = "time"
    OTHER = "other"


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
        freeze(self, "matrix", np.float64)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        freeze(self, "matrix", np.float64)


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
    noticed : tuple of Finding
        What was noticed so far; a look at the values of `source` may add to it.
    scale : Scale
        How far down the pipe the values are.
    """

    name: str
    channels: tuple[Channel, ...]
    source: EventSource
    keywords: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    spillover: Spillover | None = None
    noticed: tuple[Finding, ...] = ()
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
    def findings(self) -> tuple[Finding, ...]:
        """All that was noticed; reads all values for it once, if no one has yet."""
        return (*self.noticed, *self.source.findings())

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
        return self.source.events()

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
        names.add(channel.marker.rpartition("-")[0].casefold())
    return names - {""}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that lies elsewhere, and is fetched when it is read.

    Parameters
    ----------
    root : str
        Address that was given, such as ``s3://bucket/run``. May hold a password: never shown.
    path : str
        What the file system of that address calls the file.
    """

    root: str = field(repr=False)
    path: str

    @property
    def name(self) -> str:
        """Name of the file, without its folders."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Tube:
    """One measurement of a case.

    Parameters
    ----------
    name : str
        Path relative to the folder given; appears in results.
    origin : Path, RemoteFile or Sample
        The file to read, one that is to be fetched first, or a sample in memory.
    label : str
        What the laboratory calls this tube of its panel; empty where it is not said.
    details : mapping of str to str
        What is said of this tube alone (``instrument``, ``date``).
    """

    name: str
    origin: Path | RemoteFile | Sample
    label: str = ""
    details: Mapping[str, str] = field(default_factory=dict, repr=False)


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
        What the manifest says of the case (``patient_id``, ``specimen``, ...). May identify a
        patient: never logged.
    """

    case_id: str
    tubes: tuple[Tube, ...]
    details: Mapping[str, str] = field(default_factory=dict, repr=False)
