"""What the markers contribute to an answer, a bar each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.reports.explanation import shown, signed
from flowml.reports.palette import BLUE, VERMILION
from flowml.reports.plots.saving import new_figure
from flowml.reports.ticks import PLAIN
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from flowml.models.explanation import Explanation

FOR, AGAINST = VERMILION, BLUE  # told apart by the colour-blind, too
ROOM = 0.14  # share of the longest bars that a number at their end takes
REST = "others"
WIDTH, HEADING, BAR = 6.4, 1.5, 0.28  # inches


def contributions(explanation: Explanation, *, top: int = 12, ax: Axes | None = None) -> Axes:
    """Draw what the markers contribute, a bar each.

    Parameters
    ----------
    explanation : Explanation
        Of one case, as `flowml.explain` returns it.
    top : int
        Markers that get a bar of their own.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if it is not given.

    Returns
    -------
    matplotlib Axes
        The axes given, or those of the new figure.
    """
    bars = [(shown(r.name), r.difference) for r in explanation.markers[:top]]
    if rest := explanation.markers[top:]:
        bars.append((f"{len(rest)} {REST}", sum(reason.difference for reason in rest)))
    if ax is None:
        ax = new_figure((WIDTH, HEADING + BAR * len(bars))).add_subplot()
    sizes = [size for _, size in bars]
    places = np.arange(len(bars))
    ax.barh(places, sizes, color=[side_colour(size) for size in sizes], height=0.7)
    ax.set_yticks(places)
    ax.set_yticklabels([name for name, _ in bars], fontsize=9, **PLAIN)
    ax.invert_yaxis()
    ax.axvline(0, color="black", linewidth=0.8)
    _write_sizes(ax, sizes)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    entity, other = explanation.entity, explanation.other
    ax.set_xlabel(f"speaks for {other}  ←  log odds  →  speaks for {entity}", **PLAIN)
    title = (
        f"{printable(explanation.prediction.case_id, 60)}: {entity} against {other}\n"
        f"difference {signed(explanation.difference)}, of it {signed(explanation.bias)} before "
        "anything is known"
    )
    ax.set_title(title, fontsize=10, **PLAIN)
    return ax


def side_colour(size: float) -> str:
    """Return the colour of a contribution.

    Parameters
    ----------
    size : float
        Above 0 it speaks for the entity.

    Returns
    -------
    str
        `FOR` or `AGAINST`.
    """
    return FOR if size >= 0 else AGAINST


def _write_sizes(ax: Axes, sizes: Sequence[float]) -> None:
    """Write each contribution at the end of its bar, and leave room for it."""
    for place, size in enumerate(sizes):
        ax.annotate(
            signed(size),
            (size, place),
            xytext=(3 if size >= 0 else -3, 0),
            textcoords="offset points",
            ha="left" if size >= 0 else "right",
            va="center",
            fontsize=8,
        )
    low, high = min([0.0, *sizes]), max([0.0, *sizes])
    if low < high:
        room = ROOM * (high - low)
        ax.set_xlim(low - room * (low < 0), high + room * (high > 0))
