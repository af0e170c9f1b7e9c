"""Distributions of a sample's markers over those of reference samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import PanelError
from flowml.preprocess import choose_unmixing
from flowml.records import Role
from flowml.reports.density import KERNEL, NO_VALUES, check_mask
from flowml.reports.palette import BLUE, VERMILION
from flowml.reports.plots.axes import (
    ShownAxis,
    called,
    dress,
    events_text,
    read_values,
    shown_axes,
)
from flowml.reports.plots.saving import foot_legend, head, new_axes, panels
from flowml.reports.plots.small import shrink
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from flowml.gating.gates import Floats, Mask
    from flowml.records import Channel, Sample

ENDS, BINS = (-0.15, 1.03), 118  # of the display scale; a hundredth of it a bin
SMOOTHINGS = 2
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of the reference samples
FEWEST_SAMPLES = 3  # of fewer there is no band
OUTER, INNER, MEDIAN = "#E2E2E2", "#BDBDBD", "#6E6E6E"
NOTED = 0.1  # of the events beyond the band: written in colour
SHOWN = (Role.FORWARD_SCATTER, Role.SIDE_SCATTER, Role.FLUORESCENCE)
MOST_PANELS = 24
FOOT = 0.3  # inches
ROOM = 1.18  # of the highest curve


@dataclass(frozen=True, eq=False)
class Reference:
    """Distributions of markers in reference samples, such as normal ones.

    Parameters
    ----------
    shares : mapping of str to ndarray, shape (n_samples, BINS), float64
        By marker, or by channel where there is none: share of a sample's events in each bin
        of the display scale, smoothed.
    """

    shares: Mapping[str, Floats]

    @classmethod
    def joined(cls, parts: Iterable[Reference]) -> Reference:
        """Put references together.

        Parameters
        ----------
        parts : iterable of Reference
            Of different samples.

        Returns
        -------
        Reference
            Of all of them.
        """
        tables: dict[str, list[Floats]] = {}
        for part in parts:
            for name, table in part.shares.items():
                tables.setdefault(name, []).append(table)
        return cls({name: np.concatenate(each) for name, each in tables.items()})

    def bands(self, name: str) -> Floats | None:
        """Return quantiles of the samples.

        Parameters
        ----------
        name : str
            Marker.

        Returns
        -------
        ndarray, shape (5, BINS), float64, or None
            `QUANTILES` at each place of the scale by itself; None where fewer than
            `FEWEST_SAMPLES` have the marker.
        """
        table = self.shares.get(name)
        if table is None or len(table) < FEWEST_SAMPLES:
            return None
        return np.asarray(np.quantile(table, QUANTILES, axis=0))


def reference(
    samples: Iterable[Sample],
    *,
    within: Iterable[Mask | None] | None = None,
    compensation: str = "auto",
) -> Reference:
    """Measure the distributions of markers in reference samples.

    Parameters
    ----------
    samples : iterable of Sample
        Measured as the samples that are held against them; at any stage.
    within : iterable of ndarray, shape (n_events,), bool, or None, optional
        A mask for each sample: only these events count.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.

    Returns
    -------
    Reference
        A sample without an event does not count.

    Raises
    ------
    FlowmlError
        If a sample cannot be read or compensated, or a mask does not fit it.
    """
    masks = iter(within) if within is not None else repeat(None)
    return Reference.joined(
        _reference(sample, mask, compensation)
        for sample, mask in zip(samples, masks, strict=False)
    )


def _reference(sample: Sample, within: Mask | None, compensation: str) -> Reference:
    shown = _shown(sample)
    if not shown:
        return Reference({})
    _, values = _values(sample, shown, within, compensation)
    known = [place for place in range(len(shown)) if not np.isnan(values[:, place]).all()]
    return Reference({_name(shown[i]): distribution(values[:, i])[np.newaxis] for i in known})


def distribution(values: Floats) -> Floats:
    """Return the share of events at each place of a display scale.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float
        On a display scale; NaN are left out, and what is off the scale is at its end.

    Returns
    -------
    ndarray, shape (BINS,), float64
        Smoothed; the sum is 1, and 0 where there is no event.
    """
    known = np.clip(values[~np.isnan(values)], *ENDS)
    counts = np.histogram(known, bins=BINS, range=ENDS)[0] / max(len(known), 1)
    for _ in range(SMOOTHINGS):
        counts = np.convolve(np.pad(counts, 2, mode="symmetric"), KERNEL, mode="valid")
    return np.asarray(counts)


def histogram(
    sample: Sample,
    name: str,
    *,
    reference: Reference | None = None,
    within: Mask | None = None,
    compensation: str = "auto",
    ax: Axes | None = None,
) -> Axes:
    """Draw the distribution of one marker over that of reference samples.

    Parameters
    ----------
    sample : Sample
        At any stage.
    name : str
        Channel or marker.
    reference : Reference, optional
        Of `reference`.
    within : ndarray, shape (n_events,), bool, optional
        Only these events count.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if it is not given.

    Returns
    -------
    matplotlib Axes
        The axes given, or those of the new figure.

    Raises
    ------
    PanelError, GateError
        If the sample lacks the channel, or the mask does not fit.
    """
    channel = sample.channels[sample.column(name)]
    axes, values = _values(sample, [channel], within, compensation)
    ax = new_axes() if ax is None else ax
    _draw(ax, axes[0], distribution(values[:, 0]), _name(channel), reference)
    return ax


def histograms(
    sample: Sample,
    *,
    reference: Reference | None = None,
    markers: Sequence[str] = (),
    within: Mask | None = None,
    compensation: str = "auto",
    of: str = "",
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Draw the distributions of a sample's markers over those of reference samples.

    Parameters
    ----------
    sample : Sample
        At any stage.
    reference : Reference, optional
        Of `reference`.
    markers : sequence of str
        Channels or markers; scatter and fluorescence if none are given.
    within : ndarray, shape (n_events,), bool, optional
        Only these events count.
    compensation : str
        As in `flowml.preprocess.choose_unmixing`.
    of : str
        What the events `within` are called, for the heading.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one if it is not given.

    Returns
    -------
    matplotlib Figure or SubFigure
        The one given, or the new one. Grey are the middle nine tenths of the reference
        samples, their middle half and their median at each place; what the sample has beyond
        nine tenths is filled, and its share of the events written.

    Raises
    ------
    PanelError, GateError
        If there is no such channel, or the mask does not fit.
    """
    shown = [sample.channels[sample.column(name)] for name in markers] or _shown(sample)
    if not shown:
        raise PanelError(f"{printable(sample.name)} has neither scatter nor fluorescence.")
    shown = shown[:MOST_PANELS]
    axes, values = _values(sample, shown, within, compensation)
    figure, places = panels(figure, len(shown), foot=FOOT)
    for place, ax in enumerate(places):
        curve = distribution(values[:, place])
        _draw(ax, axes[place], curve, _name(shown[place]), reference)
        shrink(ax)
    number = events_text(len(values), sample.n_events)
    head(figure, f"{printable(sample.name, 60)}, {called(of)}{number}")
    _draw_legend(figure, reference)
    return figure


def _shown(sample: Sample) -> list[Channel]:
    return [c for c in sample.channels if c.role in SHOWN and c.pulse in {"A", "H", ""}]


def _name(channel: Channel) -> str:
    return channel.marker or channel.name


def _values(
    sample: Sample, channels: Sequence[Channel], within: Mask | None, compensation: str
) -> tuple[list[ShownAxis], Floats]:
    unmixing, _ = choose_unmixing(sample, compensation)
    axes = shown_axes(sample, [channel.name for channel in channels], unmixing)
    values = read_values(sample, axes, unmixing)
    if within is not None:
        values = values[check_mask(within, sample.n_events, "within")]
    return axes, values


def _draw(
    ax: Axes, axis: ShownAxis, curve: Floats, name: str, reference: Reference | None
) -> None:
    edges = np.linspace(*ENDS, BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    bands = reference.bands(name) if reference else None
    highest = float(curve.max())
    if bands is not None:
        lowest, lower, middle, upper, most = bands
        ax.fill_between(middles, lowest, most, color=OUTER, linewidth=0)
        ax.fill_between(middles, lower, upper, color=INNER, linewidth=0)
        ax.plot(middles, middle, color=MEDIAN, linewidth=1.0)
        ax.fill_between(middles, most, np.maximum(curve, most), color=VERMILION, alpha=0.55,
                        linewidth=0)  # fmt: skip
        highest = max(highest, float(most.max()))
        _write_beyond(ax, float(np.maximum(curve - most, 0.0).sum()))
    ax.plot(middles, curve, color=BLUE, linewidth=1.6)
    if not curve.any():
        ax.text(0.5, 0.5, NO_VALUES, transform=ax.transAxes, ha="center", va="center", size=8)
    dress(ax, [axis], [ENDS])
    ax.set_ylim(0, max(highest * ROOM, 1e-6))
    ax.set_yticks([])
    ax.spines[["top", "right", "left"]].set_visible(False)


def _write_beyond(ax: Axes, share: float) -> None:
    ax.text(
        0.99, 0.99, f"{100 * share:.0f}% beyond",
        transform=ax.transAxes, ha="right", va="top", fontsize=7.5,
        color=VERMILION if share >= NOTED else MEDIAN,
        weight="bold" if share >= NOTED else "normal",
    )  # fmt: skip


def _draw_legend(figure: Figure | SubFigure, reference: Reference | None) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = [Line2D([], [], color=BLUE, label="this sample")]
    if reference is not None and reference.shares:
        count = max(len(table) for table in reference.shares.values())
        handles += [
            Line2D([], [], color=MEDIAN, linewidth=1.0, label=f"median of {count} references"),
            Patch(color=INNER, label="their middle half"),
            Patch(color=OUTER, label="their 5 to 95 %"),
            Patch(color=VERMILION, alpha=0.55, label="more than 95 % of them have"),
        ]
    foot_legend(figure, handles, len(handles))
