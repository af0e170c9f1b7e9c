"""Which channel of a tube stands for which marker, and by what name a tube goes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flowml.features.names import as_marker
from flowml.findings import Finding, Severity
from flowml.records import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.records import Channel, Sample, Tube

PULSE_ORDER = {"A": 0, "": 1, "H": 2}  # which measurement of a pulse stands for its marker


def marker_columns(
    sample: Sample, hidden: Sequence[str] = ()
) -> tuple[dict[str, int], tuple[Finding, ...]]:
    """Choose the one channel that stands for each marker.

    Parameters
    ----------
    sample : Sample
        Any.
    hidden : sequence of str
        Markers whose channels are passed over, as if they had not been measured.

    Returns
    -------
    columns : dict of str to int
        Marker to column: areas rather than heights, never widths; ``FSC-A`` and ``SSC-A``,
        or the heights where no areas were recorded.
    findings : tuple of Finding
        Markers that two channels claim; they are left out.
    """
    columns, doubtful = _columns(sample.channels, tuple(hidden))
    if not doubtful:
        return dict(columns), ()
    message = f"more than one channel claims a marker, which is left out: {'; '.join(doubtful)}"
    return dict(columns), (Finding("PANEL-DOUBLE", message, Severity.REVIEW),)


@lru_cache(maxsize=64)  # the files of a panel have the same channels
def _columns(
    channels: tuple[Channel, ...], hidden: tuple[str, ...]
) -> tuple[tuple[tuple[str, int], ...], list[str]]:
    """Return the column of each marker, and the markers that two channels claim."""
    claims: dict[str, list[int]] = {}
    for column, channel in enumerate(channels):
        if _may_stand(channel) and as_marker(channel.marker) not in hidden:
            claims.setdefault(_claimed(channel), []).append(column)
    columns: dict[str, int] = {}
    doubtful = []
    for family, candidates in claims.items():
        rank = [PULSE_ORDER[channels[column].pulse] for column in candidates]
        best = [c for c, r in zip(candidates, rank, strict=True) if r == min(rank)]
        if len(best) == 1:
            columns[as_marker(channels[best[0]].marker)] = best[0]
        else:
            doubtful.append(f"{family} ({', '.join(channels[c].name for c in best)})")
    return tuple(columns.items()), doubtful


def _may_stand(channel: Channel) -> bool:
    """Tell a channel that can stand for a marker: never a width."""
    return bool(channel.marker) and channel.pulse in PULSE_ORDER


def markers_of(sample: Sample) -> set[str]:
    """Name all markers that a tube has a channel of.

    Parameters
    ----------
    sample : Sample
        Any.

    Returns
    -------
    set of str
        Also those in whose place another measurement of the pulse stands.
    """
    return {as_marker(channel.marker) for channel in sample.channels if _may_stand(channel)}


def _claimed(channel: Channel) -> str:
    """Return what a channel measures, without the pulse: FSC-A and FSC-H compete."""
    return _without_pulse(channel.marker) if _is_scatter(channel) else as_marker(channel.marker)


def competes(channel: Channel, marker: str) -> bool:
    """Tell whether a channel and a marker are one signal of scatter, measured in two ways.

    Parameters
    ----------
    channel : Channel
        Any.
    marker : str
        Canonical.

    Returns
    -------
    bool
        True of ``FSC-H`` and ``FSC-A``.
    """
    return _is_scatter(channel) and _without_pulse(channel.marker) == _without_pulse(marker)


def _is_scatter(channel: Channel) -> bool:
    return channel.role in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}


def _without_pulse(marker: str) -> str:
    return marker.rpartition("-")[0]


def tube_key(tube: Tube, channels: Mapping[str, Channel]) -> str:
    """Name a tube so that the same tube of another case has the same name.

    Parameters
    ----------
    tube : Tube
        With a label, if the manifest gives one (column ``tube``).
    channels : mapping of str to Channel
        The channel that stands for each marker.

    Returns
    -------
    str
        The label; without one, the markers of the tube's fluorescence channels, parted by
        spaces.
    """
    if tube.label:
        return as_marker(tube.label)
    stained = [m for m, channel in channels.items() if channel.role is Role.FLUORESCENCE]
    return " ".join(sorted(stained or channels))
