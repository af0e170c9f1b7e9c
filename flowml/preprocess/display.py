"""Which scale a channel is shown and learned on, and samples put on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import StateError
from flowml.events import ArraySource
from flowml.preprocess.transform import Linear, Transform, make_transform
from flowml.records import Role, Sample, Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.records import Channel


def display_scale(channel: Channel, transform: str = "logicle") -> Transform:
    """Return the display scale of a channel.

    Parameters
    ----------
    channel : Channel
        Its top ends the scale.
    transform : str
        Scale of fluorescence channels, and of scatter that a logarithmic amplifier measured;
        other scatter, time and the rest are always linear.

    Returns
    -------
    Transform
        The scale.

    Raises
    ------
    FlowmlError
        If the transform is unknown.
    """
    if is_shown_in_decades(channel):
        return make_transform(transform, channel.top)
    return Linear(channel.top)


def is_shown_in_decades(channel: Channel) -> bool:
    """Tell whether a channel belongs on a logarithmic kind of scale.

    Parameters
    ----------
    channel : Channel
        Any.

    Returns
    -------
    bool
        True for fluorescence, and for scatter from a logarithmic amplifier.
    """
    scatter = channel.role in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}
    return channel.role is Role.FLUORESCENCE or (scatter and channel.logarithmic)


def display(sample: Sample, transform: str = "logicle") -> Sample:
    """Put a sample on its display scales; its events are held in memory.

    Parameters
    ----------
    sample : Sample
        Linear values, usually compensated.
    transform : str
        Scale of fluorescence channels, a key of `TRANSFORMS`.

    Returns
    -------
    Sample
        With `Scale.DISPLAY`; values in float64, 1 at the top of each channel.

    Raises
    ------
    StateError
        If the sample is on a display scale already.
    """
    if sample.scale is Scale.DISPLAY:
        raise StateError(f"{printable(sample.name)} is already on its display scale.")
    events = sample.events()
    shown = np.empty(events.shape, dtype=np.float64)
    for column, channel in enumerate(sample.channels):
        shown[:, column] = display_scale(channel, transform)(events[:, column])
    return replace(
        sample, source=ArraySource(shown), scale=Scale.DISPLAY, noticed=sample.findings
    )
