"""What was stained with what, and on which instrument, as a tube's file tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.knowledge.markers import name_channels
from flowml.knowledge.shapes import StainedTube, one_name, tube_label
from flowml.records import Role
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.knowledge.marker_names import MarkerNames
    from flowml.records import Sample, Tube

INSTRUMENT_KEYS = ("$CYT", "$CYTSN")  # model and serial number
LONGEST_INSTRUMENT = 80  # characters


def stained_tube(
    case_id: str, tube: Tube, sample: Sample, marker_names: MarkerNames | None = None
) -> StainedTube:
    """Say what a tube's file says of its stains.

    Parameters
    ----------
    case_id : str
        The case.
    tube : Tube
        With a label where the manifest gives one.
    sample : Sample
        As it was read.
    marker_names : MarkerNames, optional
        A laboratory's own names, by which the sample was read.

    Returns
    -------
    StainedTube
        Of several channels of one marker the area counts, else the first.
    """
    names = ((channel.name, channel.label) for channel in sample.channels)
    meanings = name_channels(names, marker_names)
    signals = [
        (channel, meaning.fluorochrome)
        for channel, meaning in zip(sample.channels, meanings, strict=True)
        if channel.role is Role.FLUORESCENCE and channel.pulse != "W"
    ]
    stains: dict[str, str] = {}
    dyes: dict[str, str] = {}
    for channel, dye in sorted(signals, key=lambda signal: signal[0].pulse == "H"):
        marker = one_name(channel.marker)
        if marker and marker not in stains:
            stains[marker] = channel.name
            dyes |= {marker: dye} if dye else {}
    blank = tuple(c.name for c, _ in signals if not c.marker and c.pulse != "H")
    label = tube_label(case_id, tube.name, tube.label)
    return StainedTube(tube.name, label, stains, blank, dyes)


def instrument_of(tube: Tube, keywords: Mapping[str, str]) -> str:
    """Tell the instrument that measured a tube.

    Parameters
    ----------
    tube : Tube
        With an instrument where the manifest gives one; it goes before.
    keywords : mapping of str to str
        Of its file.

    Returns
    -------
    str
        What the manifest says, else ``$CYT`` and ``$CYTSN``: ``Navios 12345``. Can be shown,
        and has at most `LONGEST_INSTRUMENT` characters; empty where nothing tells.

    Examples
    --------
    >>> from flowml.records import Tube
    >>> instrument_of(Tube("a.fcs", "a.fcs"), {"$CYT": "Navios", "$CYTSN": "12345"})
    'Navios 12345'
    """
    of_file = " ".join(keywords.get(key, "") for key in INSTRUMENT_KEYS)
    told = tube.details.get("instrument", "").strip() or of_file
    return printable(" ".join(told.split()), LONGEST_INSTRUMENT)
