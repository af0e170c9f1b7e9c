"""Write FCS 3.1: float32, little-endian, one data set; results as channels beside the data.

What cannot be read back as it was given is refused before a byte is written.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError, StateError
from flowml.fcs.allowed import Kind, is_fit, kind_of
from flowml.fcs.extras import ExtraChannel, check_extra_channels
from flowml.fcs.header import (
    HEADER_SIZE,
    LARGEST_OFFSET,
    NO_CRC,
)
from flowml.fcs.keys import (
    COMPENSATED_KEY,
    FLOWCORE_SCALED,
    NAME_KEY,
    SIMULATED_KEY,
    SPILLOVER_KEYS,
)
from flowml.knowledge.markers import LONGEST_NAME, name_channel
from flowml.records import Role, Scale
from flowml.safety import printable, written_aside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike

    from flowml.events import Array
    from flowml.records import Channel, Sample, Spillover

DELIMITER = "\x0c"  # form feed: what Diva uses; does not occur in values
OFFSET_DIGITS = 20

# of the keywords that a sample was read with: technical ones, on the allow-list, that stay true
KEPT = ("$TIMESTEP", "$CYT", "$VOL", SIMULATED_KEY)
KEPT_OF_CHANNELS = "VLO"  # voltage, wavelength and power of the laser
# what the sample itself says; other readers take these with and without their dollar sign
_OF_THE_DATA = re.compile(
    r"BYTEORD|DATATYPE|MODE|NEXTDATA|PAR|TOT|UNICODE|COMP|(BEGIN|END)(DATA|ANALYSIS|S?TEXT)"
    r"|P\d+(B|R|E|G|N|S|D|DATATYPE|TYPE|CALIBRATION)|DFC\d+TO\d+|FLOWCORE_.*"
    rf"|{FLOWCORE_SCALED}|{COMPENSATED_KEY}|{'|'.join(k.strip('$') for k in SPILLOVER_KEYS)}",
    re.ASCII | re.DOTALL,
)


def write_fcs(
    path: Path | str,
    sample: Sample,
    extra_keywords: Mapping[str, str] | None = None,
    extra_channels: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write a sample's linear values, and results about its events, as FCS 3.1.

    Parameters
    ----------
    path : path-like
        Where to write; the file appears only when it is whole. It may be the file that the
        sample is read from, which is then replaced.
    sample : Sample
        Channels, spillover and events, rounded to float32. Of its keywords ``$TIMESTEP``,
        ``$CYT``, ``$VOL`` (if no event is missing), ``$PnV``, ``$PnL``, ``$PnO`` and
        ``FLOWML_SIMULATED`` are kept; the others may name a patient.
    extra_keywords : mapping of str to str, optional
        Further keywords. Those that describe the data are left out: the sample says it.
    extra_channels : mapping of str to array-like, optional
        Further channels by name, one number for each event: the index of a population,
        membership in a gate (truth values), a probability, an embedding. NaN: not known.

    Raises
    ------
    FcsError
        If a name, keyword or value cannot be written so that it is read back the same.
    StateError
        If the sample is on its display scale.
    OutputError
        If the file cannot be written.
    """
    if sample.scale is Scale.DISPLAY:
        raise StateError(
            f"write_fcs() writes linear values; {printable(sample.name)} is already on its "
            "display scale. Write the sample before display()."
        )
    _check_names(sample)
    _check_matrix(sample)
    extras = check_extra_channels(extra_channels or {}, sample.channel_names, sample.n_events)
    keywords = _kept(sample) | _checked(extra_keywords or {}) | _keywords(sample, extras)
    size = sample.n_events * 4 * (len(sample.channels) + len(extras))
    text = _text(keywords, size)
    begin = HEADER_SIZE + len(text)
    with written_aside(path) as aside, aside.open("wb") as stream:
        stream.write(_header(len(text), begin, begin + size - 1))
        stream.write(text)
        for block in _blocks(sample, extras):
            stream.write(block.tobytes())
        stream.write(NO_CRC)


def _blocks(sample: Sample, extras: tuple[ExtraChannel, ...]) -> Iterator[Array]:
    """Yield the events, with the extra channels behind the others, as float32."""
    measured, start = len(sample.channels), 0
    for block in sample.blocks():
        stop = start + len(block)
        if block.shape[1] != measured or stop > sample.n_events:
            break
        table = np.empty((len(block), measured + len(extras)), dtype="<f4")
        table[:, :measured] = _single(block)
        for column, extra in enumerate(extras, start=measured):
            table[:, column] = extra.values[start:stop]
        yield table
        start = stop
    if start != sample.n_events:
        raise FcsError(
            f"{printable(sample.name)} announced {sample.n_events} events in {measured} "
            f"channels and gave others after {start} events. Read it again.",
            "FCS-CHANGED",
        )


def _single(block: Array) -> Array:
    """Return the values as float32, or refuse those that it cannot hold."""
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(block, dtype="<f4")
    if (np.isinf(single) & np.isfinite(block)).any():
        raise FcsError(
            f"a value of {np.abs(block[np.isfinite(block)]).max():g} does not fit float32, "
            "which ends at 3.4e38. Scale the values before writing."
        )
    return single


def _check_names(sample: Sample) -> None:
    """Refuse names that a reader would change."""
    for name, often in Counter(sample.channel_names).items():
        if often > 1 or not 0 < len(name) <= LONGEST_NAME:
            raise FcsError(
                f"{often} channels are called {printable(name, 40)!r}, expected different "
                f"names of 1 to {LONGEST_NAME} characters. Rename them."
            )
    if not sample.channels:
        raise FcsError(f"{printable(sample.name)} has no channels: there is nothing to write.")


def _check_matrix(sample: Sample) -> None:
    """Refuse a matrix of detectors that the file will not have."""
    if sample.scale is Scale.RAW and sample.spillover is not None:
        unknown = set(sample.spillover.channels) - set(sample.channel_names)
        if unknown:
            raise FcsError(
                f"the spillover matrix names {printable(', '.join(sorted(unknown)), 120)}, "
                f"which {printable(sample.name)} does not have. Give that of its channels.",
                "FCS-SPILL",
            )


def _keywords(sample: Sample, extras: tuple[ExtraChannel, ...]) -> dict[str, str]:
    """Describe the data."""
    keywords = {
        "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$MODE": "L", "$NEXTDATA": "0",
        "$PAR": str(len(sample.channels) + len(extras)), "$TOT": str(sample.n_events),
        "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0",
    }  # fmt: skip
    channels = [(channel.name, channel.top, _label(channel)) for channel in sample.channels]
    channels += [(extra.name, extra.top, "") for extra in extras]
    for n, (name, top, label) in enumerate(channels, start=1):
        keywords |= {f"$P{n}B": "32", f"$P{n}E": "0,0", f"$P{n}G": "1", f"$P{n}N": name}
        keywords[f"$P{n}R"] = _top_text(top, name)
        if label:
            keywords[f"$P{n}S"] = label
    if sample.scale is Scale.COMPENSATED:  # with its matrix it would be compensated again
        keywords[COMPENSATED_KEY] = "1"
    elif sample.spillover is not None:
        keywords["$SPILLOVER"] = spillover_text(sample.spillover)
    return keywords


def _label(channel: Channel) -> str:
    """Return ``$PnS``: the label, or the marker where nothing else would say it."""
    if channel.label or channel.role is not Role.FLUORESCENCE:
        return channel.label
    return "" if name_channel(channel.name, "").marker == channel.marker else channel.marker


def _top_text(top: float, name: str) -> str:
    """Write the end of a scale so that it is read back to the last bit."""
    if not 0 < top < np.inf:
        raise FcsError(
            f"the scale of channel {printable(name, 40)!r} ends at {top:g}, expected a "
            "positive number. Set its top."
        )
    return f"{top:.0f}" if float(top).is_integer() else repr(float(top))


def _kept(sample: Sample) -> dict[str, str]:
    """Return technical keywords of the file that the sample was read from."""
    given = sample.keywords
    often = Counter(value for key, value in given.items() if NAME_KEY.fullmatch(key))
    old = {value: match[1] for k, value in given.items() if (match := NAME_KEY.fullmatch(k))}
    found = {key: given[key] for key in KEPT if key in given}
    if given.get("$TOT") != str(sample.n_events):
        found.pop("$VOL", None)  # counts per volume would be wrong
    for n, name in enumerate(sample.channel_names, start=1):
        if often[name] == 1:
            for letter in KEPT_OF_CHANNELS:
                found[f"$P{n}{letter}"] = given.get(f"$P{old[name]}{letter}", "")
    return {
        key: value
        for key, value in found.items()
        if value.strip() and is_fit(value, _kind(key, len(sample.channels)))
    }


def _kind(key: str, n_channels: int) -> Kind:
    """Return what a keyword may hold; numbers only where it describes a channel."""
    kind = kind_of(key, n_channels)
    return Kind.NUMBERS if kind is None or key[-1] in KEPT_OF_CHANNELS else kind


def _checked(extra: Mapping[str, str]) -> dict[str, str]:
    """Return further keywords in upper case, without those that describe the data."""
    keywords: dict[str, str] = {}
    for key, value in extra.items():
        name = key.strip().upper()
        if keywords.get(name, value) != value:
            raise FcsError(
                f"keyword {printable(name, 40)!r} is given twice with different values. Give "
                "it once: letter case does not tell keywords apart."
            )
        if not _OF_THE_DATA.fullmatch(name.removeprefix("$")):
            keywords[name] = value
    return keywords


def spillover_text(spillover: Spillover) -> str:
    """Write a matrix as the value of ``$SPILLOVER``.

    Parameters
    ----------
    spillover : Spillover
        Detector names must not hold commas.

    Returns
    -------
    str
        Number of detectors, their names, the matrix row by row.
    """
    if any("," in name for name in spillover.channels):
        raise FcsError(
            "a detector whose name holds a comma cannot stand in $SPILLOVER. Rename "
            f"{printable(next(name for name in spillover.channels if ',' in name))!r}."
        )
    values = ",".join(repr(float(value)) for value in spillover.matrix.ravel())
    return f"{len(spillover.channels)},{','.join(spillover.channels)},{values}"


def _pair(key: str, value: str) -> bytes:
    """Write a keyword, or refuse one that would be read as something else."""
    try:
        raw = f"{key}{DELIMITER}{value}{DELIMITER}".encode()
    except UnicodeEncodeError:
        raw = b""
    plain = key.isascii() and key.isprintable() and key == key.strip() != ""
    if not raw or not plain or not value or value != value.strip() or DELIMITER in value:
        raise FcsError(
            f"keyword {printable(key, 40)!r} cannot be written: its name is not plain ASCII, "
            "or its value is empty, begins or ends with a blank, holds a form feed, or is no "
            "Unicode text. Leave it out, or change it."
        )
    return raw


def _text(keywords: dict[str, str], data_size: int) -> bytes:
    """Return the TEXT segment; its own length decides the offsets that it holds."""
    zeros = "0" * OFFSET_DIGITS
    told = b"".join(_pair(key, value) for key, value in keywords.items())
    length = len(DELIMITER) + len(told)
    length += sum(len(_pair(key, zeros)) for key in ("$BEGINDATA", "$ENDDATA"))
    if (begin := HEADER_SIZE + length) > LARGEST_OFFSET:
        raise FcsError(
            f"the keywords take {length} bytes, expected at most "
            f"{LARGEST_OFFSET - HEADER_SIZE}. Leave some out."
        )
    offsets = {"$BEGINDATA": begin, "$ENDDATA": begin + data_size - 1 if data_size else 0}
    filled = [
        _pair(key, str(value).rjust(OFFSET_DIGITS, "0")) for key, value in offsets.items()
    ]
    return DELIMITER.encode() + told + b"".join(filled)


def _header(text_length: int, begin: int, end: int) -> bytes:
    """Return the header; DATA offsets that do not fit are left to TEXT."""
    if end > LARGEST_OFFSET:
        begin = end = 0
    offsets = (HEADER_SIZE, HEADER_SIZE + text_length - 1, begin, max(end, 0), 0, 0)
    return ("FCS3.1    " + "".join(f"{offset:>8}" for offset in offsets)).encode()
