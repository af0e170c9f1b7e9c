"""Small axes, several in a figure: less text, and marks in place of ticks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.reports.ticks import label_width
from flowml.safety import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis as Side

LABELS = (0.245, 0.385)  # inches below and beside a small axis
SHORTEST = 24  # characters that fit beside a small axis
MINOR = 2.0  # points that a minor tick is long
SMALL, GAP = 7.0, 2.5  # points: of letters at a small axis, and between two labels


def shrink(ax: Axes) -> None:
    """Make the text of axes fit a small place, one of several in a figure.

    Parameters
    ----------
    ax : matplotlib Axes
        Dressed already.
    """
    _mark_minor_ticks(ax)
    # Places of labels are told, as to find them takes longer than to draw.
    wide, high = (length / ax.figure.dpi for length in (ax.bbox.width, ax.bbox.height))
    for side, points in ((ax.xaxis, 72 * wide), (ax.yaxis, 72 * high)):
        side.set_tick_params(labelsize=SMALL)
        side.label.set(text=printable(side.label.get_text(), SHORTEST), size=8.5)
        side.set_ticks(
            side.get_majorticklocs(), _spaced(side, points, is_flat=side is ax.xaxis)
        )
    ax.xaxis.set_label_coords(0.5, -LABELS[0] / max(high, 0.1))
    ax.yaxis.set_label_coords(-LABELS[1] / max(wide, 0.1), 0.5)


def _mark_minor_ticks(ax: Axes) -> None:
    """Draw minor ticks as two rows of marks: hundreds of ticks of a page take seconds."""
    from matplotlib.markers import TICKDOWN, TICKLEFT, MarkerStyle
    from matplotlib.ticker import NullLocator

    across, up = (side.get_minorticklocs() for side in (ax.xaxis, ax.yaxis))
    rows = (
        (across, np.zeros(len(across)), ax.get_xaxis_transform(), TICKDOWN),
        (np.zeros(len(up)), up, ax.get_yaxis_transform(), TICKLEFT),
    )
    for x, y, transform, mark in rows:
        ax.scatter(x, y, s=MINOR**2, c="black", marker=MarkerStyle(mark), linewidths=0.6,
                   transform=transform, clip_on=False)  # fmt: skip
    for side in (ax.xaxis, ax.yaxis):
        side.set_minor_locator(NullLocator())


def _spaced(side: Side, points: float, *, is_flat: bool) -> list[str]:
    """Return the labels of an axis so long, without those that would touch a weightier one."""
    low, high = side.get_view_interval()
    places = (side.get_majorticklocs() - low) / (high - low) * points
    labels = [text.get_text() for text in side.get_ticklabels()]
    lengths = [label_width(label, SMALL) if is_flat else SMALL for label in labels]
    kept: list[int] = []
    for i in sorted(range(len(labels)), key=lambda i: _weight(labels[i], float(places[i]))):
        apart = (abs(places[i] - places[k]) - (lengths[i] + lengths[k]) / 2 for k in kept)
        if all(gap >= GAP for gap in apart):
            kept.append(i)
    return [label if i in kept else "" for i, label in enumerate(labels)]


def _weight(label: str, place: float) -> tuple[bool, bool, float]:
    """Sort labels: zero, then those above it, the upper ones first, then those below it."""
    is_below = label.startswith(("-", "$-"))
    return label != "0", is_below, place if is_below else -place
