"""One tube as the rules look at it: compensated, every marker as levels.

A *level* is log10 of the signal in linear channel units of an instrument with the top 262,144,
on a logicle scale that is linear around zero: from about 2.2 upwards the two agree. So a fixed
level means the same on instruments with other tops.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import StateError
from flowml.preprocess import Tabled, choose_unmixing, make_transform
from flowml.records import Role, Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Levels, Mask
    from flowml.records import Channel, Sample

REFERENCE_TOP = 262144.0
DECADES = 4.5
OFFSET = math.log10(REFERENCE_TOP) - DECADES
PULSE_ORDER = {"A": 0, "": 1, "H": 2}
SMALLEST_SCATTER = 1.0  # linear reference units; below, a logarithm says nothing
HEIGHT = "FSC-H"


@dataclass(frozen=True, eq=False)
class Cells:
    """The events of one tube.

    Parameters
    ----------
    name : str
        The tube's.
    levels : mapping of str to ndarray, shape (n_events,), float32
        By marker; ``FSC`` and ``SSC`` are log10 of linear reference units, ``FSC-H`` too
        where area and height were recorded.
    n_events : int
        All events, debris included.
    """

    name: str
    levels: Mapping[str, Levels]
    n_events: int

    def has(self, *markers: str) -> bool:
        """Tell whether the tube measured all of some markers, each in a channel of its own.

        Parameters
        ----------
        *markers : str
            Canonical.

        Returns
        -------
        bool
            False if one is missing.
        """
        return all(marker in self.levels for marker in markers)

    def lacks(self, *markers: str) -> tuple[str, ...]:
        """List the markers that the tube does not have.

        Parameters
        ----------
        *markers : str
            Canonical.

        Returns
        -------
        tuple of str
            In the order given.
        """
        return tuple(marker for marker in markers if marker not in self.levels)

    def shared(self, marker: str) -> str:
        """Find the channel that shows a marker, alone or beside another one.

        Parameters
        ----------
        marker : str
            Canonical.

        Returns
        -------
        str
            A key of `levels` such as ``CD56+kappa``; empty where the marker is not measured.
        """
        if marker in self.levels:
            return marker
        return next((key for key in self.levels if marker in key.split("+")), "")

    def of(self, marker: str, among: Mask) -> Levels:
        """Return the levels of some events.

        Parameters
        ----------
        marker : str
            A key of `levels`.
        among : ndarray, shape (n_events,), bool
            Which.

        Returns
        -------
        ndarray, shape (n,), float32
            In the order of the file.
        """
        return self.levels[marker][among]

    def whole(self) -> Mask:
        """Find the events with a value on every channel."""
        found = np.ones(self.n_events, dtype=bool)
        for values in self.levels.values():
            found &= np.isfinite(values)
        return found

    def nothing(self) -> Mask:
        """Return a mask without events."""
        return np.zeros(self.n_events, dtype=bool)


def open_cells(
    sample: Sample, compensation: str = "auto", markers: Container[str] | None = None
) -> Cells:
    """Compensate a tube and put its markers on levels.

    Parameters
    ----------
    sample : Sample
        Linear values, raw or compensated.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.
    markers : container of str, optional
        Keys of `Cells.levels` that are wanted; all if not given.

    Returns
    -------
    Cells
        Events with a value that is not finite have NaN there, and pass no gate; channels
        without any value are left out.

    Raises
    ------
    StateError
        If the sample is on a display scale already.
    FcsError
        If it cannot be compensated.
    """
    if sample.scale is Scale.DISPLAY:
        raise StateError(
            f"{printable(sample.name)} is already on a display scale; rules need linear "
            "values. Give the sample as it was read or compensated."
        )
    unmixing = choose_unmixing(sample, compensation)[0]
    columns = _columns(sample.channels)
    if markers is not None:
        columns = {key: column for key, column in columns.items() if key in markers}
    levels = {key: np.empty(sample.n_events, np.float32) for key in columns}
    start = 0
    for block in sample.blocks():
        values = block if unmixing is None else unmixing.apply(block)
        stop = start + len(values)
        for key, column in columns.items():
            levels[key][start:stop] = _levels(sample.channels[column], values[:, column])
        start = stop
    told = {key: row for key, row in levels.items() if np.isfinite(row).any() or not len(row)}
    return Cells(sample.name, told, sample.n_events)


def _levels(channel: Channel, values: Levels) -> Levels:
    with np.errstate(all="ignore"):
        if channel.role is Role.FLUORESCENCE:
            shown = Tabled(make_transform("logicle", channel.top))(values)
            levels = DECADES * shown + OFFSET
        else:
            linear = values * (REFERENCE_TOP / channel.top)
            levels = np.log10(np.maximum(linear, SMALLEST_SCATTER))
    return np.where(np.isfinite(levels), levels, np.nan).astype(np.float32)


def _columns(channels: tuple[Channel, ...]) -> dict[str, int]:
    """Choose one channel for each marker; two that claim one are left out."""
    claims: dict[str, list[tuple[int, int]]] = {}
    for column, channel in enumerate(channels):
        if channel.marker and channel.pulse in PULSE_ORDER:
            rank = PULSE_ORDER[channel.pulse]
            claims.setdefault(_key(channel), []).append((rank, column))
    best = {key: sorted(found) for key, found in claims.items()}
    columns = {
        key: found[0][1]
        for key, found in best.items()
        if len(found) == 1 or found[0][0] < found[1][0]
    }
    names = [channel.marker for channel in channels]
    if {"FSC-A", HEIGHT} <= set(names):
        columns[HEIGHT] = names.index(HEIGHT)
    return columns


def _key(channel: Channel) -> str:
    """Return ``FSC`` for FSC-A and FSC-H, the marker for all others."""
    scatter = channel.role in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}
    return channel.marker.rpartition("-")[0] if scatter else channel.marker
