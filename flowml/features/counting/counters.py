"""What blocks of values are added to: whole numbers, so that no order of blocks matters."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from flowml.events import COMPUTE_BLOCK
from flowml.features.counting.joint import joint_places, pair_marginals, single_marginals
from flowml.features.counting.places import MARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.features.counting.joint import Joint
    from flowml.features.counting.places import Ruler
    from flowml.scratch import Scratch

UPPER = 1 if sys.byteorder == "little" else 0  # which half of a float32 holds its exponent


class BinCounter:
    """Counts events between the cuts of channels, and of pairs of channels.

    Parameters
    ----------
    rulers : sequence of Ruler
        One for each channel; those that are the same object had better be neighbours.
    fine, coarse : sequence of Joint
        Channels that are counted together, by fine and by coarse places.
    scratch : Scratch
        Lends the buffers.
    exact : bool
        Whether values near a cut are compared with it.
    """

    def __init__(
        self,
        rulers: Sequence[Ruler],
        fine: Sequence[Joint],
        coarse: Sequence[Joint],
        scratch: Scratch,
        *,
        exact: bool,
    ) -> None:
        self._exact = exact
        self._slabs = _slabs(rulers)
        size = len(rulers) * COMPUTE_BLOCK
        self._entries = scratch.empty((size,), np.uint16)
        self._places = scratch.empty((size,), np.uint16)
        self._joint = scratch.empty((COMPUTE_BLOCK,), np.uint16)
        self._index = scratch.empty((COMPUTE_BLOCK,), np.intp)
        self._fine = [_Stack(joints, scratch) for joints in _alike(fine)]
        self._coarse = [_Stack(joints, scratch) for joints in _alike(coarse)]

    def see(self, values: NDArray[np.float32]) -> None:
        """Count a block.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Contiguous. Up to `COMPUTE_BLOCK` events. Infinities count at the ends, NaN nowhere.
        """
        shape = values.shape
        entries = self._entries[: values.size].reshape(shape)
        places = self._places[: values.size].reshape(shape)
        self._find(values, entries)
        if self._fine:
            for rows, ruler in self._slabs:
                np.bitwise_and(entries[rows], (1 << ruler.fine_bits) - 1, out=places[rows])
            self._count(self._fine, places)
        if self._coarse:
            for rows, ruler in self._slabs:
                np.right_shift(entries[rows], ruler.fine_bits, out=places[rows])
            self._count(self._coarse, places)

    def _find(self, values: NDArray[np.float32], entries: NDArray[np.uint16]) -> None:
        """Look every value up; compare those near a cut, where that is asked for."""
        keys = values.view(np.uint16)[:, UPPER::2]
        for rows, ruler in self._slabs:
            found = np.take(ruler.table, keys[rows], out=entries[rows], mode="wrap").reshape(-1)
            if self._exact:
                marked = np.flatnonzero(found >= MARK)
                found[marked] = ruler.entries(values[rows].reshape(-1)[marked])
        if not self._exact:
            np.bitwise_and(entries, MARK - 1, out=entries)

    def _count(self, stacks: Sequence[_Stack], places: NDArray[np.uint16]) -> None:
        found, index = (buffer[: places.shape[1]] for buffer in (self._joint, self._index))
        for stack in stacks:
            for joint, counts in zip(stack.joints, stack.counts, strict=True):
                index[...] = joint_places(joint, places, found)
                np.add.at(counts, index, 1)  # a fifth quicker than bincount, which begins anew

    def distributions(self) -> dict[int, NDArray[np.int64]]:
        """Return the distribution of every channel, shape (n_fine + 1,), int64, by its row."""
        return {
            channel: found[:-1]
            for stack in self._fine
            for joint, counts in zip(stack.joints, stack.counts, strict=True)
            for channel, found in single_marginals(joint, counts).items()
        }

    def pairs(self) -> dict[tuple[int, int], NDArray[np.int64]]:
        """Return the distribution of every pair that was counted, by its rows.

        Returns
        -------
        dict of (int, int) to ndarray, shape (n_first + 1, n_second + 1), int64
            Between the fine cuts of pairs that were counted so, else the coarse ones.
        """
        found: dict[tuple[int, int], NDArray[np.int64]] = {}
        for stack in (*self._coarse, *self._fine):
            found |= pair_marginals(stack.joints, stack.counts)
        return {pair: counts[:-1, :-1] for pair, counts in found.items()}


class _Stack:
    """Counts of joints of one radix, as one table."""

    def __init__(self, joints: Sequence[Joint], scratch: Scratch) -> None:
        self.joints = joints
        self.counts = scratch.empty((len(joints), joints[0].size), np.int64)
        self.counts.fill(0)


def _alike(joints: Sequence[Joint]) -> list[list[Joint]]:
    """Group joints by their radix."""
    groups: dict[tuple[int, ...], list[Joint]] = {}
    for joint in joints:
        groups.setdefault(joint.radix, []).append(joint)
    return list(groups.values())


def _slabs(rulers: Sequence[Ruler]) -> list[tuple[slice, Ruler]]:
    """Return runs of channels with the same ruler."""
    slabs, start = [], 0
    for _, run in groupby(rulers, key=id):
        alike = list(run)
        slabs.append((slice(start, start + len(alike)), alike[0]))
        start += len(alike)
    return slabs
