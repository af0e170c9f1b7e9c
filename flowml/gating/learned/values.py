"""What a classifier of events sees of an event: its channels by marker, on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import GateError, PanelError, StateError
from flowml.gating.statistics import measured_channels
from flowml.preprocess import Tabled, choose_unmixing, display_scale
from flowml.quality.values import open_values
from flowml.records import Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from flowml.records import Channel, Sample

    Floats32 = NDArray[np.float32]

AUTO = "auto"
STORED = "stored"  # values as the file holds them: it is on a display scale already


@dataclass(frozen=True)
class View:
    """How events are looked at.

    Parameters
    ----------
    channels : tuple of str
        Markers, or names of channels that show none.
    scale : str
        `STORED`, or a display scale (`flowml.preprocess.TRANSFORMS`).
    """

    channels: tuple[str, ...]
    scale: str

    def blocks(self, sample: Sample, compensation: str) -> Iterator[Floats32]:
        """Stream the events of a sample as they are looked at.

        Parameters
        ----------
        sample : Sample
            Linear values; on a display scale only where `scale` is `STORED`.
        compensation : str
            Policy, as in `flowml.preprocess.choose_unmixing`.

        Yields
        ------
        ndarray, shape (up to COMPUTE_BLOCK, n_channels), float32
            NaN where an event has no value.

        Raises
        ------
        GateError
            If the sample lacks a channel.
        StateError
            If it is on a display scale, and was not to be.
        FcsError
            If it cannot be compensated.
        """
        if sample.scale is Scale.DISPLAY and self.scale != STORED:
            raise StateError(
                f"{printable(sample.name)} is already on a display scale; this classifier puts "
                f"linear values on {self.scale}. Give the sample as it was read or compensated."
            )
        columns = [_column(sample, name) for name in self.channels]
        shown = [_shown(sample.channels[column], self.scale) for column in columns]
        unmixing = None if self.scale == STORED else choose_unmixing(sample, compensation)[0]
        for block in sample.blocks():
            values = block if unmixing is None else unmixing.apply(block)
            rows = np.empty((len(values), len(columns)), np.float32)
            with np.errstate(over="ignore", invalid="ignore"):
                for place, (column, show) in enumerate(zip(columns, shown, strict=True)):
                    rows[:, place] = show(values[:, column])
            rows[~np.isfinite(rows)] = np.nan
            yield rows

    def events(self, sample: Sample, compensation: str) -> Floats32:
        """Return all events of a sample as they are looked at.

        Parameters
        ----------
        sample : Sample
            As of `blocks`.
        compensation : str
            As of `blocks`.

        Returns
        -------
        ndarray, shape (n_events, n_channels), float32
            NaN where an event has no value.
        """
        found = list(self.blocks(sample, compensation))
        return np.concatenate([*found, np.empty((0, len(self.channels)), np.float32)])


def common_view(samples: Sequence[Sample], scale: str = AUTO) -> View:
    """Choose the channels that all samples have, and a scale that fits them.

    Parameters
    ----------
    samples : sequence of Sample
        Of one panel.
    scale : str
        As of `View`; `AUTO` takes values as they are stored where they are on a display scale
        in every sample, and else puts them on a logicle scale.

    Returns
    -------
    View
        Fluorescence and scatter, in the order of the first sample.

    Raises
    ------
    PanelError
        If they have no such channel in common.
    StateError
        If some, and not all, are on a display scale.
    """
    names = [list(measured_channels(sample).values()) for sample in samples]
    common = tuple(name for name in names[0] if all(name in other for other in names))
    if not common:
        raise PanelError(
            f"the {len(samples)} samples have no channel of fluorescence or scatter in common. "
            "Train on samples of one panel."
        )
    return View(common, _scale(samples) if scale == AUTO else scale)


def _scale(samples: Sequence[Sample]) -> str:
    shown = {_is_shown(sample) for sample in samples}
    if len(shown) > 1:
        raise StateError(
            "some of the samples seem to be on a display scale already, and some linear. Train "
            "on samples of one kind, or say which scale they shall be put on."
        )
    return STORED if shown.pop() else "logicle"


def _is_shown(sample: Sample) -> bool:
    values = open_values(sample, "none")
    return values.in_decades


def _column(sample: Sample, name: str) -> int:
    try:
        return sample.column(name)
    except PanelError as error:
        raise GateError(
            f"this classifier of events needs {printable(name)!r}: {error}"
        ) from error


def _shown(channel: Channel, scale: str) -> Callable[[Floats32], Floats32]:
    if scale == STORED:
        return lambda values: values
    return Tabled(display_scale(channel, scale))
