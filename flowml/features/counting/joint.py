"""Distributions of single channels and of pairs, from as few counts an event as possible.

A joint count of three channels in 16 bins each holds the distributions of three pairs: summed
over one channel it is that of the other two. Of ten channels, 45 pairs are covered by
5 joint counts of two channels in fine bins, which the channels' own distributions need anyway,
and about 15 of three channels. All counts are whole numbers, so that the way of counting does
not change a result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

Pair = tuple[int, ...]  # two rows, the lower one first

MOST_PLACES = 5000  # of one joint count: its 40 KB stay in the first cache
TRIES = 24  # coverings by triples that are tried, of which the smallest is taken


@dataclass(frozen=True)
class Joint:
    """Channels that are counted together.

    Parameters
    ----------
    channels : tuple of int
        Two or three, rising; or one.
    radix : tuple of int
        Places of each.
    """

    channels: tuple[int, ...]
    radix: tuple[int, ...]

    @property
    def size(self) -> int:
        """Places of the joint count."""
        return math.prod(self.radix)


def fine_joints(radix: Sequence[int]) -> tuple[Joint, ...]:
    """Group channels for their own distributions: by two where their places are few.

    Parameters
    ----------
    radix : sequence of int
        Fine places of each channel.

    Returns
    -------
    tuple of Joint
        Every channel once.
    """
    joints, waiting = [], list(range(len(radix)))
    while waiting:
        first = waiting.pop(0)
        partner = next((c for c in waiting if radix[first] * radix[c] <= MOST_PLACES), None)
        if partner is None:
            joints.append(Joint((first,), (radix[first],)))
        else:
            waiting.remove(partner)
            joints.append(Joint((first, partner), (radix[first], radix[partner])))
    return tuple(joints)


def coarse_joints(radix: Sequence[int], pairs: Iterable[Pair]) -> tuple[Joint, ...]:
    """Group channels so that every pair is in one group at least.

    Parameters
    ----------
    radix : sequence of int
        Coarse places of each channel.
    pairs : iterable of (int, int)
        Pairs that are wanted, the lower channel first.

    Returns
    -------
    tuple of Joint
        Of three channels where their places are few, of two otherwise.
    """
    return _covering(tuple(radix), frozenset(pairs))


@lru_cache(maxsize=64)
def _covering(radix: tuple[int, ...], wanted: frozenset[Pair]) -> tuple[Joint, ...]:
    """Return the smallest of some coverings, each found greedily from another start."""
    rng = np.random.default_rng(0)  # only the speed depends on it, no result
    found = (_greedy(radix, wanted, rng) for _ in range(TRIES))
    groups = min(found, key=len)
    return tuple(Joint(group, tuple(radix[c] for c in group)) for group in groups)


def _greedy(
    radix: tuple[int, ...], wanted: frozenset[Pair], rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Cover pairs: take the group that covers most of what is left, again and again."""
    left, groups = set(wanted), []
    order = rng.permutation(len(radix)).tolist()
    while left:
        first = max(left, key=lambda pair: (order[pair[0]], order[pair[1]]))
        thirds = (
            tuple(sorted({*first, c}))
            for c in order
            if c not in first and _fits([*first, c], radix)
        )
        group = max(thirds, key=lambda group: len(left & set(combinations(group, 2))),
                    default=first)  # fmt: skip
        group = group if len(left & set(combinations(group, 2))) > 1 else first
        groups.append(group)
        left -= set(combinations(group, 2))
    return groups


def _fits(channels: Sequence[int], radix: Sequence[int]) -> bool:
    return math.prod(radix[c] for c in channels) <= MOST_PLACES


def joint_places(
    joint: Joint, places: NDArray[np.uint16], out: NDArray[np.uint16]
) -> NDArray[np.uint16]:
    """Return the joint place of every event.

    Parameters
    ----------
    joint : Joint
        Up to 65,536 places.
    places : ndarray, shape (n_channels, n_events), uint16
        Place of each event in each channel.
    out : ndarray, shape (n_events,), uint16
        A buffer.

    Returns
    -------
    ndarray, shape (n_events,), uint16
        `out`, or a row of `places` where the joint has one channel.
    """
    first, *others = joint.channels
    so_far: NDArray[np.uint16] = places[first]
    for channel, radix in zip(others, joint.radix[1:], strict=True):
        np.multiply(so_far, np.uint16(radix), out=out)
        np.add(out, places[channel], out=out)
        so_far = out
    return so_far


def single_marginals(joint: Joint, counts: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Sum a joint count to the distribution of each of its channels.

    Parameters
    ----------
    joint : Joint
        What was counted.
    counts : ndarray, shape (joint.size,), int64
        Events in each joint place.

    Returns
    -------
    dict of int to ndarray, shape (radix,), int64
        By channel; arrays of their own.
    """
    table = counts.reshape(joint.radix)
    letters = "abc"[: len(joint.radix)]
    return {
        channel: np.array(np.einsum(f"{letters}->{letter}", table))
        for channel, letter in zip(joint.channels, letters, strict=True)
    }


def pair_marginals(
    joints: Sequence[Joint], counts: NDArray[np.int64]
) -> dict[Pair, NDArray[np.int64]]:
    """Sum joint counts to the distributions of their pairs.

    Parameters
    ----------
    joints : sequence of Joint
        All of the same radix.
    counts : ndarray, shape (len(joints), size), int64
        Events in each joint place.

    Returns
    -------
    dict of (int, int) to ndarray, int64
        By pair of channels, one axis for each.
    """
    radix = joints[0].radix
    stacked = counts.reshape(len(joints), *radix)
    axes = "abc"[: len(radix)]
    found: dict[Pair, NDArray[np.int64]] = {}
    for first, second in combinations(range(len(radix)), 2):
        # einsum sums over a short inner axis several times quicker than sum does
        summed = np.einsum(f"n{axes}->n{axes[first]}{axes[second]}", stacked)
        for joint, table in zip(joints, summed, strict=True):
            found[joint.channels[first], joint.channels[second]] = table
    return found
