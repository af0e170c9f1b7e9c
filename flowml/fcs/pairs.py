"""Beckman Coulter's pairs of data sets (FC 500, Navios, Gallios; LMD): one run, written twice.

Set 1 (FCS 2.0, 10 bits, amplified logarithmically) holds the compensated events, and alone
holds the markers and the matrix (``$DFCmTOn``). Set 2 (FCS 3.0, 20 bits, linear) holds the
uncompensated events. The two are joined by the names of the detectors, and the events say
whether they belong together: set 2, compensated, is set 1 in finer steps.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.fcs.channels import describe_channels
from flowml.fcs.keys import NAME_KEY
from flowml.records import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flowml.events import Array
    from flowml.fcs.probe import Probe
    from flowml.records import Spillover

TOLERANCE = 0.01  # decades; real pairs reach 0.006, wrong matrices 0.05 and more
CHECKED_EVENTS = 8192
FEWEST_VALUES = 50
# Part of set 1's range that is compared, as shares. Below, set 1 lies above set 2 by a constant
# (Coulter's baseline offset keeps values off the axis); above, it is clipped.
COMPARED = (0.4, 0.98)

_DETECTOR = re.compile(
    r"(FS|SS|FL\d{1,3})(?:[ -](INT|PEAK|TOF|[AHW]))?(?: (?:LIN|LOG))?", re.IGNORECASE | re.ASCII
)
_AREA = {"", "INT", "A"}  # the integral is what a detector's name means by itself
# what belongs to one data set and not to the run: channels, layout, offsets
_OWN = re.compile(
    r"[$@]P\d+[A-Z]+|\$(PAR|TOT|MODE|BYTEORD|DATATYPE|NEXTDATA|(BEGIN|END)\w+)|@.* OFFSET"
)


def detector(name: str) -> str:
    """Return what a channel's name says of its detector, whatever its amplifier.

    Parameters
    ----------
    name : str
        ``FL1 Log``, ``FS INT LIN``, ``FL1``, ...

    Returns
    -------
    str
        ``FL1``, ``FS``, ``FS PEAK``; empty where it is none of Coulter's names.
    """
    match = _DETECTOR.fullmatch(name.strip())
    if match is None:
        return ""
    pulse = (match[2] or "").upper()
    return match[1].upper() + ("" if pulse in _AREA else f" {pulse}")


def are_pair(first: Probe, second: Probe) -> bool:
    """Tell whether two data sets hold the same events of the same detectors.

    Parameters
    ----------
    first, second : Probe
        In the order of the file.

    Returns
    -------
    bool
        Whether they have as many events, all of whole numbers; every detector of the first
        is in the second, fluorescence among them; and the second has finer steps.
    """
    if first.layout.n_events != second.layout.n_events:
        return False
    mine, theirs = _bits(first), _bits(second)
    fluorescence = any(name.startswith("FL") for name in mine)
    return fluorescence and all(bits < theirs.get(name, 0) for name, bits in mine.items())


def _bits(probe: Probe) -> dict[str, int]:
    """Return the bits of each detector's channel; 0 where it does not hold whole numbers."""
    return {
        name: field.used if field.kind == "I" else 0
        for channel, field in zip(probe.channels, probe.layout.fields, strict=True)
        if (name := detector(channel.name))
    }


def joined(first: Probe, second: Probe) -> Probe:
    """Give set 2 what only set 1 says: markers, matrix, instrument.

    Parameters
    ----------
    first, second : Probe
        A pair.

    Returns
    -------
    Probe
        The second; where its TEXT is silent, with what that of the first says.
    """
    run = {key: text for key, text in first.keywords.items() if not _OWN.fullmatch(key)}
    labels: dict[str, str] = {}
    for n, name in _detectors(first.keywords):
        label = first.keywords.get(f"$P{n}S", "")
        if label and detector(label) != name:  # a marker, not the channel's name again
            labels.setdefault(name, label)
    own = {
        f"$P{n}S": labels[name]
        for n, name in _detectors(second.keywords)
        if name in labels and not second.keywords.get(f"$P{n}S")
    }
    keywords = {**run, **second.keywords, **own}
    channels, amplifiers, _ = describe_channels(keywords, second.layout.fields)
    return replace(second, keywords=keywords, channels=channels, amplifiers=amplifiers)


def _detectors(keywords: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return number and detector of each channel that has one of Coulter's names."""
    numbered = [
        (int(match[1]), detector(name))
        for key, name in keywords.items()
        if (match := NAME_KEY.fullmatch(key))
    ]
    return sorted(item for item in numbered if item[1])


def disagreement(
    first: Probe, second: Probe, spillover: Spillover, path: Path
) -> dict[str, float]:
    """Measure how far set 2, compensated, is from set 1.

    Parameters
    ----------
    first, second : Probe
        A pair.
    spillover : Spillover
        The matrix, over channels of the second.
    path : Path
        The file.

    Returns
    -------
    dict of str to float
        For each channel of the matrix that set 1 holds logarithmically, and that has at least
        `FEWEST_VALUES` on scale among the first events: the median absolute difference in
        decades; infinite where the second holds no signal.
    """
    return {
        name: float(np.median(np.abs(apart)))
        for name, apart in _compared(first, second, spillover, path)
        if len(apart) >= FEWEST_VALUES
    }


def _compared(
    first: Probe, second: Probe, spillover: Spillover, path: Path
) -> Iterator[tuple[str, Array]]:
    """Yield the differences in decades, channel by channel, of values that are on scale."""
    names = [channel.name for channel in second.channels]
    columns = [names.index(name) for name in spillover.channels]
    partners = {detector(name): place for place, name in enumerate(spillover.channels)}
    seen = _first_events(second, path)[:, columns]
    unmixed = seen @ np.linalg.inv(spillover.matrix)
    reference = _first_events(first, path)
    for n, (channel, amplifier) in enumerate(
        zip(first.channels, first.amplifiers, strict=True)
    ):
        partner = partners.get(detector(channel.name))
        if partner is None or not amplifier.decades or channel.role is not Role.FLUORESCENCE:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            one = np.log10(reference[:, n] / channel.top)
            share = np.maximum(unmixed[:, partner], 0) / second.channels[columns[partner]].top
            two = np.log10(share)  # minus infinity where a wrong matrix takes too much
        place = 1 + one / amplifier.decades
        on_scale = (COMPARED[0] < place) & (place < COMPARED[1])
        yield spillover.channels[partner], (two - one)[on_scale]


def _first_events(probe: Probe, path: Path) -> Array:
    """Return the first linear values, shape (up to `CHECKED_EVENTS`, n_channels), float64."""
    blocks = probe.source(path).blocks(CHECKED_EVENTS)  # its buffer lives as long as it does
    block = next(blocks, None)
    return np.empty((0, len(probe.channels))) if block is None else block.astype(np.float64)
