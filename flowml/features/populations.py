"""Populations as features: how many events each has, and where they lie.

The same for gates that were drawn, found or learned: only their `Populations` are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import GateError
from flowml.features.names import feature_name
from flowml.gating.statistics import MEASURED, median_and_spread
from flowml.preprocess import Tabled, choose_unmixing, display_scale
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.gating.populations import Count, Populations
    from flowml.records import Sample

    Floats32 = NDArray[np.float32]

FEWEST = 10  # events; of fewer no median is told


def population_features(
    sample: Sample,
    populations: Populations,
    compensation: str = "auto",
    transform: str = "logicle",
    tube: str = "",
) -> dict[str, float]:
    """Describe the populations of a sample by numbers.

    Parameters
    ----------
    sample : Sample
        Linear values, raw or compensated.
    populations : Populations
        Of the same events.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.
    transform : str
        Display scale of fluorescence, a key of `flowml.preprocess.TRANSFORMS`.
    tube : str
        Set before every name where features of tubes are kept apart.

    Returns
    -------
    dict of str to float
        ``B|events`` (a count), ``B|of_parent`` and ``B|of_all`` (shares), and of every marker
        ``B:CD19|median`` and ``B:CD19|spread`` (half the distance of the quantiles 0.16 and
        0.84), on the display scale. All are NaN for a population that is not sure; shares of
        an empty parent and medians of fewer than `FEWEST` events are, too.

    Raises
    ------
    GateError
        If the masks are of another number of events.
    FcsError
        If the sample cannot be compensated.
    """
    if populations.masks and populations.n_events != sample.n_events:
        raise GateError(
            f"the populations are of {populations.n_events} events, and "
            f"{printable(sample.name)} has {sample.n_events}. Find them in this sample."
        )
    shown = _shown(sample, compensation, transform)
    found: dict[str, float] = {}
    for count in populations.counts():
        sure = populations.is_sure(count.name)
        for statistic, value in _sizes(count).items():
            found[feature_name(tube, (count.name,), statistic)] = value if sure else np.nan
        mask = populations.masks[count.name]
        for marker, values in shown.items():
            own = values[mask] if sure else values[:0]
            middle, spread = median_and_spread(own, FEWEST)
            found[feature_name(tube, (count.name, marker), "median")] = middle
            found[feature_name(tube, (count.name, marker), "spread")] = spread
    return found


def _sizes(count: Count) -> dict[str, float]:
    return {
        "events": float(count.n_events),
        "of_parent": count.of_parent,
        "of_all": count.of_all,
    }


def _shown(sample: Sample, compensation: str, transform: str) -> dict[str, Floats32]:
    """Return the values of every marker that is one channel's alone, on its display scale."""
    columns = {
        channel.marker: column
        for column, channel in enumerate(sample.channels)
        if channel.role in MEASURED and channel.marker
        and sample.markers.count(channel.marker) == 1
    }  # fmt: skip
    scales = {
        marker: Tabled(display_scale(sample.channels[column], transform))
        for marker, column in columns.items()
    }
    unmixing = choose_unmixing(sample, compensation)[0]
    shown = {marker: np.empty(sample.n_events, np.float32) for marker in columns}
    start = 0
    for block in sample.blocks():
        values = block if unmixing is None else unmixing.apply(block)
        for marker, column in columns.items():
            shown[marker][start : start + len(values)] = scales[marker](values[:, column])
        start += len(values)
    return shown
