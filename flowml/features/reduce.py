"""Blocks of events are added to integer histograms, and forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.events import COMPUTE_BLOCK
from flowml.findings import Finding, Severity
from flowml.records import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowml.events import Array
    from flowml.features.recipes import FittedRecipe
    from flowml.preprocess import Unmixing
    from flowml.records import Channel, Sample

PULSE_ORDER = {"A": 0, "": 1, "H": 2}  # which measurement of a pulse stands for its marker

Counts = dict[str, "NDArray[np.int64]"]


def marker_columns(sample: Sample) -> tuple[dict[str, int], tuple[Finding, ...]]:
    """Choose the one channel that stands for each marker.

    Parameters
    ----------
    sample : Sample
        Any.

    Returns
    -------
    columns : dict of str to int
        Marker to column: areas rather than heights, never widths; ``FSC-A`` and ``SSC-A``,
        or the heights where no areas were recorded.
    findings : tuple of Finding
        Markers that two channels claim; they are left out.
    """
    claims: dict[str, list[int]] = {}
    for column, channel in enumerate(sample.channels):
        if channel.marker and channel.pulse in PULSE_ORDER:
            claims.setdefault(_claimed(channel), []).append(column)
    columns: dict[str, int] = {}
    doubtful = []
    for family, candidates in claims.items():
        rank = [PULSE_ORDER[sample.channels[column].pulse] for column in candidates]
        best = [c for c, r in zip(candidates, rank, strict=True) if r == min(rank)]
        if len(best) == 1:
            columns[sample.channels[best[0]].marker] = best[0]
        else:
            doubtful.append(f"{family} ({', '.join(sample.channels[c].name for c in best)})")
    if not doubtful:
        return columns, ()
    message = f"more than one channel claims a marker, which is left out: {'; '.join(doubtful)}"
    return columns, (Finding("PANEL-DOUBLE", message, Severity.REVIEW),)


def _claimed(channel: Channel) -> str:
    """Return what a channel measures, without the pulse: FSC-A and FSC-H compete."""
    scatter = channel.role in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}
    return channel.marker.rpartition("-")[0] if scatter else channel.marker


def count_events(
    sample: Sample,
    columns: Mapping[str, int],
    unmixing: Unmixing | None,
    recipe: FittedRecipe,
    chunk: int,
) -> tuple[Counts, int]:
    """Count a sample's events in the recipe's bins, block by block.

    Parameters
    ----------
    sample : Sample
        Linear values.
    columns : mapping of str to int
        The column that stands for each marker.
    unmixing : Unmixing or None
        Compensation to apply, if any.
    recipe : FittedRecipe
        Gives the bins.
    chunk : int
        Events to read at a time, rounded up to whole compute blocks: a float32 product may
        depend on the place of a row in its block.

    Returns
    -------
    counts : dict of str to ndarray, shape (bins,), int64
        Events in each bin. Events off the scale count in the first or last bin; NaN counts
        nowhere.
    odd : int
        Values of these columns, before compensation, that are NaN or infinite.
    """
    used, odd = list(columns.values()), 0
    edges = {marker: recipe.edges(sample.channels[c]) for marker, c in columns.items()}
    counts = {marker: np.zeros(recipe.bins, dtype=np.int64) for marker in columns}
    whole_blocks = -(-max(chunk, 1) // COMPUTE_BLOCK) * COMPUTE_BLOCK
    for raw in sample.blocks(whole_blocks):
        odd += int(np.count_nonzero(~np.isfinite(raw[:, used])))
        block = raw if unmixing is None else unmixing.apply(raw)
        for marker, column in columns.items():
            counts[marker] += bin_counts(block[:, column], edges[marker])
    return counts, odd


def bin_counts(values: Array, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count values between edges.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float
        Linear values; NaN is not counted.
    edges : ndarray, shape (bins - 1,), float64
        Inner edges, rising; a value on an edge belongs above it.

    Returns
    -------
    ndarray, shape (bins,), int64
        Values in each bin; the outer bins are open.
    """
    known = values[~np.isnan(values)]
    if not np.issubdtype(known.dtype, np.floating):
        known = known.astype(np.float64)
    places = np.searchsorted(_rounded_up(edges, known.dtype), known, side="right")
    return np.bincount(places, minlength=len(edges) + 1)


def _rounded_up(edges: NDArray[np.float64], kind: np.dtype[Any]) -> Array:
    """Return the least values of a type that are not below the edges.

    Comparing with them in that type, which is quick, is then the same as comparing exactly.
    """
    with np.errstate(over="ignore"):
        near = edges.astype(kind)
    return np.where(near < edges, np.nextafter(near, kind.type(np.inf)), near)


def pooled(tubes: list[Counts]) -> Counts:
    """Add up the tubes of a case, as if they had been one.

    Parameters
    ----------
    tubes : list of dict
        Counts of each tube; tubes may measure different markers.

    Returns
    -------
    dict of str to ndarray, int64
        A marker that several tubes measure is counted over all of them.
    """
    total: Counts = {}
    for counts in tubes:
        for marker, values in counts.items():
            total[marker] = total[marker] + values if marker in total else values
    return total
