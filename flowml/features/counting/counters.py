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

GATHERED = 8 * COMPUTE_BLOCK  # events that are counted at a time: fewer calls
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
        self._entries = scratch.empty((len(rulers) * COMPUTE_BLOCK,), np.uint16)
        self._fine_places = scratch.empty((len(rulers), GATHERED), np.uint16)
        self._coarse_places = scratch.empty((len(rulers), GATHERED), np.uint16)
        self._joint = scratch.empty((GATHERED,), np.uint16)
        self._waiting = 0  # events whose places are known, and that are not counted yet
        self._fine = [_Stack(joints, scratch) for joints in _alike(fine)]
        self._coarse = [_Stack(joints, scratch) for joints in _alike(coarse)]

    def see(self, values: NDArray[np.float32]) -> None:
        """Find the places of a block, and count when enough are gathered.

        Parameters
        ----------
        values : ndarray, shape (n_channels, n_events), float32
            Contiguous. Up to `COMPUTE_BLOCK` events. Infinities count at the ends, NaN nowhere.
        """
        start, stop = self._waiting, self._waiting + values.shape[1]
        entries = self._entries[: values.size].reshape(values.shape)
        self._find(values, entries)
        for rows, ruler in self._slabs:
            if self._fine:
                places, mask = self._fine_places[rows, start:stop], (1 << ruler.fine_bits) - 1
                np.bitwise_and(entries[rows], mask, out=places)
            if self._coarse:
                places = self._coarse_places[rows, start:stop]
                np.right_shift(entries[rows], ruler.fine_bits, out=places)
        self._waiting = stop
        if stop + COMPUTE_BLOCK > GATHERED:
            self._count_gathered()

    def _count_gathered(self) -> None:
        count, self._waiting = self._waiting, 0
        if count:
            self._count(self._fine, self._fine_places[:, :count])
            self._count(self._coarse, self._coarse_places[:, :count])

    def _find(self, values: NDArray[np.float32], entries: NDArray[np.uint16]) -> None:
        """Look every value up; compare those near a cut, where that is asked for."""
        keys = values.view(np.uint16)[:, UPPER::2]
        for rows, ruler in self._slabs:
            table = ruler.marked if self._exact else ruler.table
            found = np.take(table, keys[rows], out=entries[rows], mode="clip").reshape(-1)
            if self._exact:
                marked = np.flatnonzero(found >= MARK)
                found[marked] = ruler.entries(values[rows].reshape(-1)[marked])

    def _count(self, stacks: Sequence[_Stack], places: NDArray[np.uint16]) -> None:
        found = self._joint[: places.shape[1]]
        for stack in stacks:
            size = stack.counts.shape[1]
            for joint, counts in zip(stack.joints, stack.counts, strict=True):
                once = np.bincount(joint_places(joint, places, found), minlength=size)
                np.add(counts, once, out=counts)

    def distributions(self) -> dict[int, NDArray[np.int64]]:
        """Return the distribution of every channel, shape (n_fine + 1,), int64, by its row."""
        self._count_gathered()
        return {
            channel: found[:-1]
            for stack in self._fine
            for joint, counts in zip(stack.joints, stack.counts, strict=True)
            for channel, found in single_marginals(joint, counts).items()
        }

    def pairs(self) -> dict[tuple[int, ...], NDArray[np.int64]]:
        """Return the distribution of every pair that was counted, by its rows.

        Returns
        -------
        dict of (int, int) to ndarray, shape (n_first + 1, n_second + 1), int64
            Between the fine cuts of pairs that were counted so, else the coarse ones.
        """
        self._count_gathered()
        found: dict[tuple[int, ...], NDArray[np.int64]] = {}
        for stack in (*self._coarse, *self._fine):
            found.update(pair_marginals(stack.joints, stack.counts))
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
