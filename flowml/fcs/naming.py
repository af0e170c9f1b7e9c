"""Markers of a sample by a laboratory's own names, and what is said of unknown ones."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from flowml.fcs.codes import finding
from flowml.knowledge.antigens import NONE, nearest_markers
from flowml.knowledge.markers import name_channels
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.findings import Finding
    from flowml.knowledge.marker_names import MarkerNames
    from flowml.records import Channel

MOST_NAMED = 10  # channels in a finding
LONGEST_DETAIL = 400  # characters


def named_channels(
    channels: tuple[Channel, ...], own: MarkerNames | None
) -> tuple[tuple[Channel, ...], tuple[Finding, ...]]:
    """Name the markers of channels, and say which labels no table knows.

    Parameters
    ----------
    channels : tuple of Channel
        As the reader describes them.
    own : MarkerNames or None
        A laboratory's own names.

    Returns
    -------
    channels : tuple of Channel
        With the markers that the laboratory's names give.
    findings : tuple of Finding
        Labels that were taken over as they stand: those near a known name, and others.
    """
    pairs = tuple((channel.name, channel.label) for channel in channels)
    markers, findings = _meanings(pairs, own)
    if own is not None:
        channels = tuple(
            channel if channel.marker == marker else replace(channel, marker=marker)
            for channel, marker in zip(channels, markers, strict=True)
        )
    return channels, findings


@lru_cache(maxsize=64)  # the files of a panel tell the same
def _meanings(
    pairs: tuple[tuple[str, str], ...], own: MarkerNames | None
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return markers and findings of channels, by their names and labels."""
    found = name_channels(pairs, own)
    unknown = [
        (name, meaning.marker)
        for (name, _), meaning in zip(pairs, found, strict=True)
        if not meaning.known
    ]
    aliases = NONE if own is None else own.by_alias
    near = [", ".join(nearest_markers(label, aliases)) for _, label in unknown[:MOST_NAMED]]
    near += [""] * (len(unknown) - len(near))
    shown = [f"{printable(label, 40)} in {printable(name, 40)}" for name, label in unknown]
    misspelt = [f"{text}: {known}?" for text, known in zip(shown, near, strict=True) if known]
    others = [text for text, known in zip(shown, near, strict=True) if not known]
    details = {"FCS-MARKER-01": others, "FCS-MARKER-02": misspelt}
    findings = [finding(code, _listed(some)) for code, some in details.items() if some]
    return tuple(meaning.marker for meaning in found), tuple(findings)


def _listed(texts: list[str]) -> str:
    more = len(texts) - MOST_NAMED
    listed = "; ".join(texts[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
    return printable(listed, LONGEST_DETAIL)
