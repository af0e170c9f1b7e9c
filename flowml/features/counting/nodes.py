"""Events go to the nearest node of a codebook, and nodes are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.features.counting.fine import HIGHEST, LOWEST, Display

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.preprocess import Transform
    from flowml.scratch import Scratch

AT_A_TIME = 1024  # events whose distances to all nodes are held at once


class NodeCounter:
    """Counts the events nearest to each node.

    Parameters
    ----------
    nodes : ndarray, shape (n_nodes, n_markers), float32
        The codebook.
    rows : sequence of int
        The row of each marker among the values.
    scales : sequence of Transform
        Of these rows.
    scratch : Scratch
        Lends the buffers.
    """

    def __init__(
        self,
        nodes: NDArray[np.float32],
        rows: Sequence[int],
        scales: Sequence[Transform],
        scratch: Scratch,
    ) -> None:
        self._nodes, self._rows = nodes, list(rows)
        self._display = Display(scales, scratch)
        self.counts = np.zeros(len(nodes), dtype=np.int64)

    def see(self, values: NDArray[np.float32]) -> None:
        """Count a block.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Events with a value that is no number in one of the markers count nowhere. Values
            far off the scale are taken for the end of the fine bins, as in learning.
        """
        shown = self._display.of(np.ascontiguousarray(values[self._rows]))
        whole = np.clip(shown[:, ~np.isnan(shown).any(axis=0)], LOWEST, HIGHEST)
        self.counts += np.bincount(nearest(whole.T, self._nodes), minlength=len(self._nodes))


def nearest(points: NDArray[np.float32], nodes: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the node nearest to each point.

    Parameters
    ----------
    points : ndarray, shape (n, d), float32
        Finite.
    nodes : ndarray, shape (m, d), float32
        Of two that are equally near the first is taken.

    Returns
    -------
    ndarray, shape (n,), intp
        Of |x - w|^2 the part that depends on the node, |w|^2 - 2 x.w, is compared.
    """
    found = np.empty(len(points), dtype=np.intp)
    offset = (nodes * nodes).sum(axis=1)
    towards = np.ascontiguousarray(-2 * nodes.T)
    for start in range(0, len(points), AT_A_TIME):
        part = points[start : start + AT_A_TIME]
        distance = part @ towards
        distance += offset
        np.argmin(distance, axis=1, out=found[start : start + AT_A_TIME])
    return found
