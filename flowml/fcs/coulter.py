"""Beckman Coulter's matrix: ``$DFCmTOn``, percent of fluorochrome m seen by detector n.

The numbers count the fluorescence detectors FL1, FL2, ..., not the parameters: a channel is
found by the number in its name, and by its place only where no name says a number.
Compensated = observed x inverse(I + D / 100), with D[m, n] = ``$DFCmTOn``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.keys import real_number
from flowml.fcs.matrix import MOST_DETECTORS, PERCENT, checked_matrix
from flowml.findings import Finding
from flowml.records import Channel, Role, Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COULTER_SOURCE = "$DFC"
_SHARE = re.compile(r"\$DFC(\d{1,3})TO(\d{1,3})", re.ASCII)
_NUMBER = re.compile(r"FL ?(\d{1,3})(?!\d)", re.ASCII | re.IGNORECASE)

Shares = dict[tuple[int, int], float]


def coulter_spillover(
    keywords: Mapping[str, str],
    channels: Sequence[Channel],
    findings: list[Finding] | None = None,
) -> Spillover | None:
    """Build the matrix of channels from Coulter's keywords, of the same data set or another.

    Parameters
    ----------
    keywords : mapping of str to str
        A TEXT segment; where a file holds a pair of data sets, that of the first.
    channels : sequence of Channel
        The channels that the matrix is to be about; of a pair, those of the second.
    findings : list of Finding, optional
        Gets what is odd about the matrix.

    Returns
    -------
    Spillover or None
        None where there are no such keywords, or no channel that they could be about.

    Raises
    ------
    FcsError
        If a value is not a number, a fluorochrome whose detector was not stored spills into
        one that was, two channels are one detector, or the matrix is singular.
    """
    shares = coulter_shares(keywords)
    detectors, by_name = _detectors(channels)
    if not shares or not detectors:
        return None
    places = {number: place for place, number in enumerate(detectors)}
    matrix = np.eye(len(detectors))
    for (dye, detector), share in shares.items():
        if dye in places and detector in places:
            matrix[places[dye], places[detector]] += share / PERCENT
        elif share and (detector in places or not by_name):
            # What a stored dye adds to a detector that was not stored does no harm; the light
            # of a dye without its detector does, and so does a count that does not fit.
            raise FcsError(
                f"{COULTER_SOURCE}{dye}TO{detector} is {share:g} percent, which does not name "
                f"two of the fluorescence channels {printable(', '.join(detectors.values()))}",
                "FCS-SPILL",
            )
    odd: list[Finding] = [] if findings is None else findings
    if any((m, n) not in shares for m in detectors for n in detectors if m != n):
        odd.append(finding("SPILL-DFC"))
    return checked_matrix(list(detectors.values()), matrix, COULTER_SOURCE, odd)


def one_for_each_detector(channels: Sequence[Channel]) -> list[Channel]:
    """Drop channels that show a detector a second time, such as ``FL1 Lin`` after ``FL1 Log``.

    Parameters
    ----------
    channels : sequence of Channel
        Of a data set that Coulter's program compensated itself.

    Returns
    -------
    list of Channel
        The first channel of each number, and all that have none.
    """
    kept: list[Channel] = []
    taken: set[int] = set()
    for channel in channels:
        number = _number(channel)
        if number not in taken:
            kept.append(channel)
        if number:
            taken.add(number)
    return kept


def coulter_shares(keywords: Mapping[str, str]) -> Shares:
    """Read ``$DFCmTOn``.

    Parameters
    ----------
    keywords : mapping of str to str
        The TEXT segment.

    Returns
    -------
    dict of (int, int) to float
        Percent of fluorochrome m that detector n sees, by (m, n); empty where there are no
        such keywords.

    Raises
    ------
    FcsError
        If a value is not a number.
    """
    shares: Shares = {}
    for key, text in keywords.items():
        if (match := _SHARE.fullmatch(key)) is None:
            continue
        if (share := real_number(text.strip())) is None:
            raise FcsError(f"{key} is {printable(text, 40)!r}, expected percent", "FCS-SPILL")
        shares[int(match[1]), int(match[2])] = share
    return shares


def _detectors(channels: Sequence[Channel]) -> tuple[dict[int, str], bool]:
    """Return detectors by number: that of their names, or their place if no name has one."""
    dyes = [c for c in channels if c.role is Role.FLUORESCENCE and c.pulse in {"A", ""}]
    by_name = any(_number(channel) for channel in dyes)
    found: dict[int, str] = {}
    for place, channel in enumerate(dyes, start=1):
        number = _number(channel) if by_name else place
        if number in found:
            raise FcsError(
                f"{COULTER_SOURCE} counts detectors, and the channels "
                f"{printable(found[number], 40)} and {printable(channel.name, 40)} are both "
                f"number {number}",
                "FCS-SPILL",
            )
        if number:
            found[number] = channel.name
    if len(found) > MOST_DETECTORS:
        raise FcsError(
            f"{COULTER_SOURCE} stands beside {len(found)} fluorescence channels, expected up "
            f"to {MOST_DETECTORS}",
            "FCS-SPILL",
        )
    return found, by_name


def _number(channel: Channel) -> int:
    """Return m of a channel named ``FLm``; 0 where the name does not say one."""
    match = _NUMBER.match(channel.name)
    return int(match[1]) if match and channel.role is Role.FLUORESCENCE else 0
