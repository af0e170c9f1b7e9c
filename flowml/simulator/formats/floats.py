"""Files of one data set in floating point: what digital instruments write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.fcs.header import HEADER_SIZE, NO_CRC
from flowml.fcs.writer import spillover_text
from flowml.records import Channel, Role, Sample
from flowml.safety import written_aside
from flowml.simulator.formats.segments import header, offset, text_segment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FORM_FEED = "\x0c"
BYTE_ORDERS = {"<f4": "1,2,3,4", ">f4": "4,3,2,1"}


@dataclass(frozen=True, slots=True)
class FloatFile:
    """How a vendor writes floating point data.

    Parameters
    ----------
    version : str
        ``FCS3.0``, ``FCS3.1``.
    dtype : str
        ``<f4`` or ``>f4``.
    matrix_key : str
        Keyword of the spillover matrix.
    own : callable
        Keywords of the vendor, told whether there is a matrix.
    of_channel : callable
        Keywords about channel number n.
    text_begin : int
        First byte of TEXT.
    """

    version: str
    dtype: str
    matrix_key: str
    own: Callable[[bool], Mapping[str, str]]
    of_channel: Callable[[int, Channel], Mapping[str, str]]
    text_begin: int = HEADER_SIZE

    def write(
        self, path: Path | str, sample: Sample, values: Floats, keywords: Mapping[str, str]
    ) -> None:
        """Write a data set.

        Parameters
        ----------
        path : path-like
            Where to write.
        sample : Sample
            Its channels and matrix.
        values : ndarray, shape (n_events, n_channels), float32
            Its events.
        keywords : mapping of str to str
            Further keywords.
        """
        size = values.size * 4
        pairs = {**keywords, **self._pairs(sample, len(values))}
        length = len(self._text(pairs, 0, 0))
        begin = self.text_begin + length
        data = (begin, begin + size - 1)
        text = self._text(pairs, *data)
        head = header(self.version, (self.text_begin, begin - 1), data, size=self.text_begin)
        with written_aside(path) as aside, aside.open("wb") as stream:
            stream.write(head + text)
            stream.write(np.ascontiguousarray(values, dtype=self.dtype).data)
            stream.write(NO_CRC)

    def _text(self, pairs: Mapping[str, str], begin: int, end: int) -> bytes:
        own = {"$BEGINDATA": offset(begin), "$ENDDATA": offset(end)}
        return text_segment({**own, **pairs}, FORM_FEED)

    def _pairs(self, sample: Sample, n_events: int) -> dict[str, str]:
        """Return all keywords that say how the data are written."""
        pairs = {
            "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0",
            "$BYTEORD": BYTE_ORDERS[self.dtype], "$DATATYPE": "F", "$MODE": "L",
            "$NEXTDATA": "0", "$PAR": str(len(sample.channels)), "$TOT": str(n_events),
            **self.own(sample.spillover is not None),
        }  # fmt: skip
        if sample.spillover is not None:
            pairs[self.matrix_key] = spillover_text(sample.spillover)
        for n, channel in enumerate(sample.channels, start=1):
            pairs |= {f"$P{n}N": channel.name, f"$P{n}R": f"{channel.top:.0f}"}
            pairs |= {f"$P{n}B": "32", f"$P{n}E": "0,0", f"$P{n}G": "1.0"}
            if channel.label:
                pairs[f"$P{n}S"] = channel.label
            pairs |= self.of_channel(n, channel)
        return pairs


def clipped(values: Floats, top: float, time_digits: int) -> Floats:
    """End the scale one below its top, and round the time.

    Parameters
    ----------
    values : ndarray, shape (n_events, n_channels), float32
        The last column is the time.
    top : float
        Number of channels of the scale.
    time_digits : int
        Decimals of the time.

    Returns
    -------
    ndarray, shape (n_events, n_channels), float32
        A table of its own; negative values stay.
    """
    clipped_values = np.minimum(values, np.float32(top - 1))
    clipped_values[:, -1] = values[:, -1].round(time_digits)
    return clipped_values


def is_light(channel: Channel) -> bool:
    """Tell fluorescence, which programs show on a logarithmic scale.

    Parameters
    ----------
    channel : Channel
        Of a sample.

    Returns
    -------
    bool
        False for scatter and time.
    """
    return channel.role is Role.FLUORESCENCE
