"""One view of a sample: two channels against each other, with gates and populations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating import gate
from flowml.gating.populations import Populations
from flowml.preprocess import choose_unmixing
from flowml.reports.density import DENSITY, Limits, check_mask, draw_density
from flowml.reports.plots.axes import (
    ShownAxis,
    called,
    dress,
    events_text,
    limits_of,
    read_values,
    shown_axes,
    step_for,
    thinned,
)
from flowml.reports.plots.outlines import draw_gates, on_own_matrix
from flowml.reports.plots.saving import new_axes
from flowml.reports.plots.shown import shown_masks
from flowml.reports.ticks import PLAIN
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from flowml.gating import Gate, Strategy
    from flowml.gating.gates import Floats, Mask
    from flowml.preprocess import Transform
    from flowml.records import Sample

MOST_EVENTS = 1_000_000  # two columns of them take 16 MB


def view(  # noqa: PLR0913 - what a picture is made of
    sample: Sample, x: str, y: str, *,
    gates: Strategy | None = None, within: Mask | None = None,
    marked: Mapping[str, Mask] | Populations | None = None,
    scales: Mapping[str, Transform] | None = None, ax: Axes | None = None,
    compensation: str = "auto", max_events: int = MOST_EVENTS,
    style: str = DENSITY, counts: bool = False, others: bool = False, of: str = "",
) -> Axes:  # fmt: skip
    """Draw the density of a sample on two of its channels.

    Parameters
    ----------
    sample : Sample
        At any stage; on a display scale already, it is drawn as it is.
    x, y : str
        Channels or markers.
    gates : Strategy, optional
        Those of its gates that have these dimensions are drawn, with their share of the parent.
    within : ndarray, shape (n_events,), bool, optional
        Only these events are shown: a mask of `flowml.gate`.
    marked : Populations, or mapping of str to ndarray, shape (n_events,), bool, optional
        Events in colours of their own over the others; a legend gives their share of the events
        shown. Of `Populations` those of `shown_populations`.
    scales : mapping of str to Transform, optional
        Scales of channels or markers, in place of their usual ones.
    ax : matplotlib Axes, optional
        Where to draw; a new figure outside of pyplot if it is not given.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`; gates may bring the one matrix of their own.
    max_events : int
        Most events drawn; of more, every second, third, ... one is.
    style : str
        ``density``, or ``contour``: each line encloses 15 % more of the events.
    counts : bool
        Whether numbers of events stand beside the shares.
    others : bool
        Whether the events outside of `within` are drawn, too, in pale grey.
    of : str
        What the events `within` are called, for the title.

    Returns
    -------
    matplotlib Axes
        The axes given, or those of the new figure.

    Raises
    ------
    FlowmlError
        If a channel or the style is unknown, or gates, masks or scales do not fit.
    """
    by, drawn, masks = _gated(sample, gates, compensation)
    how = scales, compensation, max_events
    axes, marks, (values, beside) = _shown(by, (x, y), (within, marked), how)
    ax = new_axes() if ax is None else ax
    outside = beside if others else beside[:0]
    limits = _limits(by, axes, np.concatenate([values, outside]))
    draw_density(ax, values, limits, marks, others=outside, style=style, counts=counts)
    _dress(ax, by, axes, limits, (len(values), of))
    draw_gates(ax, by, drawn, masks, axes, counts=counts)
    return ax


def _gated(
    sample: Sample, gates: Strategy | None, compensation: str
) -> tuple[Sample, tuple[Gate, ...], Mapping[str, Mask]]:
    """Return the sample as its gates are drawn on it, these gates, and their masks."""
    if gates is None:
        return sample, (), {}
    masks = gate(sample, gates, compensation)
    by, swapped = on_own_matrix(sample, gates, compensation)
    return by, swapped.gates, masks


def _shown(
    sample: Sample,
    names: tuple[str, str],
    chosen: tuple[Mask | None, Mapping[str, Mask] | Populations | None],
    how: tuple[Mapping[str, Transform] | None, str, int],
) -> tuple[list[ShownAxis], dict[str, Mask], tuple[Floats, Floats]]:
    """Return axes, marks among the events that are shown, and events shown and not."""
    within, marked = chosen
    scales, compensation, max_events = how
    unmixing, _ = choose_unmixing(sample, compensation)
    axes = shown_axes(sample, names, unmixing, scales)
    n_events, step = sample.n_events, step_for(sample.n_events, max_events)
    if within is not None:
        check_mask(within, n_events, "within")
    shown = thinned(within, n_events, step)
    marks = {
        name: check_mask(mask, n_events, name)[::step][shown]
        for name, mask in shown_masks(marked).items()
    }
    if isinstance(marked, Populations):  # those outside of the view need no legend
        marks = {name: mask for name, mask in marks.items() if mask.any()}
    every = read_values(sample, axes, unmixing, step)
    return axes, marks, (every[shown], every[~shown])


def _limits(sample: Sample, axes: list[ShownAxis], values: Floats) -> Limits:
    channels = [sample.channels[axis.column] for axis in axes]
    return [limits_of(channel, values[:, i]) for i, channel in enumerate(channels)]


def _dress(
    ax: Axes, sample: Sample, axes: list[ShownAxis], limits: Limits, shown: tuple[int, str]
) -> None:
    dress(ax, axes, limits)
    number = events_text(shown[0], sample.n_events)
    title = f"{printable(sample.name, 60)}\n{called(shown[1])}{number}"
    ax.set_title(title, fontsize=10, **PLAIN)
