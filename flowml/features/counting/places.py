"""Between which cuts a value lies, found by a table over the upper half of its bits.

The upper 16 bits of a float32 are its sign, its exponent and 7 bits of its mantissa: a key that
rises with the value. A table of 65,536 entries therefore finds a value's place among cuts in
one step, exactly for cuts that lie on the borders of keys. Any cut is moved to the nearest
border, by 0.2 % of its value on average and 0.4 % at most; in exact mode the keys in which a
cut lies are marked, and the few values with such a key are compared with the cuts themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.events import Array

KEYS = 1 << 16
HALF_KEY = 1 << 15  # where a key's values are divided, in its lower 16 bits
ENTRY_BITS = 15  # of a fine and a coarse place together; the sixteenth is the mark
MARK = 1 << ENTRY_BITS  # in an entry: a cut lies among the values of this key
MOST_TABLES = 96  # that are kept, of 256 KiB each
POSITIVE = 1 << 15  # keys without the sign bit
INFINITY = 0x7F80  # key of infinity; keys above it are no numbers


@dataclass(frozen=True, eq=False)
class Ruler:
    """Fine and coarse cuts of one channel, and the table that finds a value among both.

    An entry holds the fine place in its lower bits, the coarse place above it.

    Parameters
    ----------
    fine, coarse : ndarray, shapes (n_fine,) and (n_coarse,), float32
        Cuts in linear units, rising: a value on a cut belongs above it.
    table : ndarray, shape (65536,), uint16
        Entry of each key, without a mark. Values that are no numbers have the places
        ``n_fine + 1`` and ``n_coarse + 1``, which no number has.
    marked : ndarray, shape (65536,), uint16
        The same, with `MARK` where a cut parts the values of a key.
    fine_bits : int
        Bits of the fine place.
    """

    fine: NDArray[np.float32]
    coarse: NDArray[np.float32]
    table: NDArray[np.uint16]
    marked: NDArray[np.uint16]
    fine_bits: int

    @property
    def fine_places(self) -> int:
        """Places among the fine cuts, with the one for what is no number."""
        return len(self.fine) + 2

    @property
    def coarse_places(self) -> int:
        """Places among the coarse cuts, with the one for what is no number."""
        return len(self.coarse) + 2

    def entries(self, values: Array) -> NDArray[np.uint16]:
        """Find values by comparison, as an entry of the table would tell it.

        Parameters
        ----------
        values : ndarray, shape (n,), float32
            Numbers.

        Returns
        -------
        ndarray, shape (n,), uint16
            Exact places, without a mark.
        """
        fine = np.searchsorted(self.fine, values, side="right")
        coarse = np.searchsorted(self.coarse, values, side="right")
        return (fine | coarse << self.fine_bits).astype(np.uint16)


def make_ruler(fine: Array, coarse: Array) -> Ruler:
    """Make the table for cuts; rulers of the same cuts are one object.

    Parameters
    ----------
    fine, coarse : ndarray, shapes (n_fine,) and (n_coarse,), float64
        Cuts in linear units, rising.

    Returns
    -------
    Ruler
        Shared; its arrays are not to be changed.

    Raises
    ------
    FlowmlError
        If the cuts do not rise, or are more than an entry of 16 bits can tell apart.
    """
    cuts = tuple(np.ascontiguousarray(each, dtype=np.float64) for each in (fine, coarse))
    if not all((np.diff(each) > 0).all() and np.isfinite(each).all() for each in cuts):
        raise FlowmlError("the cuts of a channel must be finite and rise.")
    return _ruler(*(each.tobytes() for each in cuts))


@lru_cache(maxsize=MOST_TABLES)
def _ruler(fine: bytes, coarse: bytes) -> Ruler:
    exact = [rounded_up(np.frombuffer(each), np.dtype(np.float32)) for each in (fine, coarse)]
    fine_bits, coarse_bits = ((len(each) + 1).bit_length() for each in exact)
    if fine_bits + coarse_bits > ENTRY_BITS:
        raise FlowmlError(
            f"{len(exact[0]) + 1} bins of a marker and {len(exact[1]) + 1} of its pairs are "
            "too many together, expected 8,192 at most as a product. Use fewer bins."
        )
    places, marks = zip(*map(_table, exact), strict=True)
    table = places[0] | places[1] << np.uint16(fine_bits)
    marked = table | np.where(marks[0] | marks[1], MARK, 0).astype(np.uint16)
    for shared in (*exact, table, marked):
        shared.flags.writeable = False
    return Ruler(exact[0], exact[1], table, marked, fine_bits)


def _table(cuts: NDArray[np.float32]) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Return the place of every key, and whether a cut parts the values of the key."""
    bits = cuts.view(np.uint32)
    keys, within = bits >> 16, bits & 0xFFFF
    order = _in_order_of_values()
    rank = np.empty(KEYS, dtype=np.int64)
    rank[order] = np.arange(KEYS)
    negative = keys >= POSITIVE  # their values fall as the lower bits rise
    first_above = np.where(negative, within < HALF_KEY, within > HALF_KEY)
    steps = np.bincount(rank[keys] + first_above, minlength=KEYS + 1)[:KEYS]
    table = np.empty(KEYS, dtype=np.uint16)
    table[order] = np.cumsum(steps)
    table[_is_no_number()] = len(cuts) + 1
    marks = np.zeros(KEYS, dtype=bool)
    marks[keys] = True
    marks[POSITIVE] |= (cuts == 0).any()  # the key of -0.0, which is not below 0.0
    return table, marks


def _in_order_of_values() -> NDArray[np.int64]:
    """Return all keys, those of the smallest values first."""
    falling = np.arange(KEYS - 1, POSITIVE - 1, -1)
    return np.concatenate([falling, np.arange(POSITIVE)])


def _is_no_number() -> NDArray[np.bool_]:
    return (np.arange(KEYS) & (POSITIVE - 1)) > INFINITY


def rounded_up(cuts: Array, kind: np.dtype[Any]) -> Array:
    """Return the least values of a type that are not below the cuts.

    Comparing with them in that type, which is quick, is then the same as comparing exactly.

    Parameters
    ----------
    cuts : ndarray, float64
        In linear units.
    kind : numpy.dtype
        A floating point type.

    Returns
    -------
    ndarray of that type, of the same shape
        Infinite where the type holds no such value.
    """
    with np.errstate(over="ignore"):
        near = cuts.astype(kind)
        return np.where(near < cuts, np.nextafter(near, kind.type(np.inf)), near)
