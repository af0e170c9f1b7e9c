"""Results about single events, as channels that can stand beside the measured ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.knowledge.markers import LONGEST_NAME, name_channel
from flowml.records import Role
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import ArrayLike

    from flowml.events import Array

LARGEST_WHOLE = 2**24  # the whole numbers up to here are all exact in float32


@dataclass(frozen=True, eq=False)
class ExtraChannel:
    """A result for every event.

    Parameters
    ----------
    name : str
        ``$PnN``.
    values : ndarray, shape (n_events,), float32
        NaN where the result is not known.
    """

    name: str
    values: Array

    @property
    def top(self) -> float:
        """The power of two above the largest value, for ``$PnR``; at least 2."""
        known = self.values[np.isfinite(self.values)]
        _, exponent = math.frexp(max(float(known.max(initial=0)), 1.0))
        return 2.0**exponent


def check_extra_channels(
    given: Mapping[str, ArrayLike], measured: Collection[str], n_events: int
) -> tuple[ExtraChannel, ...]:
    """Check results that shall be written beside the measured channels.

    Parameters
    ----------
    given : mapping of str to array-like
        Name, and one number or truth value for each event.
    measured : collection of str
        Names that are taken.
    n_events : int
        How many values each must have.

    Returns
    -------
    tuple of ExtraChannel
        In the order given.

    Raises
    ------
    FcsError
        If a name is taken, cannot stand in an FCS file or reads like a measurement, or if
        values are missing, infinite, or whole numbers that float32 would round.
    """
    taken = {name.casefold() for name in measured}
    extras = []
    for name, values in given.items():
        _check_name(name, taken)
        taken.add(name.casefold())
        extras.append(ExtraChannel(name, _checked_values(name, values, n_events)))
    return tuple(extras)


def _check_name(name: str, taken: set[str]) -> None:
    """Refuse a name that is no name, is taken, or would be read as that of a measurement."""
    shown = repr(printable(name, 40))
    if (
        not 0 < len(name) <= LONGEST_NAME
        or "," in name
        or name != name.strip()
        or name != printable(name)
    ):
        raise FcsError(
            f"an extra channel cannot be called {shown}: expected 1 to {LONGEST_NAME} visible "
            "characters without a comma, and no blank at the ends. Rename it."
        )
    if name.casefold() in taken:
        raise FcsError(f"there is a channel {shown} already. Choose another name.")
    meaning = name_channel(name, "")
    if meaning.marker or meaning.role not in {Role.FLUORESCENCE, Role.OTHER}:
        what = meaning.marker or meaning.role.value
        raise FcsError(
            f"the extra channel {shown} would be taken for a measurement of {what}. Put a word "
            "before it, as in 'gate CD19+' or 'probability CLL'."
        )


def _checked_values(name: str, values: ArrayLike, n_events: int) -> Array:
    """Return the values as float32, which must hold them."""
    shown, array = printable(name, 40), np.asarray(values)
    if array.shape != (n_events,):
        raise FcsError(
            f"the extra channel {shown!r} has the shape {array.shape}, expected ({n_events},): "
            "one number for each event."
        )
    if array.dtype.kind not in "buif":
        raise FcsError(
            f"the extra channel {shown!r} holds {array.dtype}, expected numbers or truth "
            "values. Give names numbers first."
        )
    if (largest := _rounded_whole(array)) > LARGEST_WHOLE:
        raise FcsError(
            f"the extra channel {shown!r} holds {largest}; float32 holds whole numbers "
            f"exactly up to {LARGEST_WHOLE} only. Number from 0, or give two channels."
        )
    with np.errstate(over="ignore"):
        single = array.astype("<f4")
    if np.isinf(single).any():
        raise FcsError(
            f"the extra channel {shown!r} holds an infinite value, or one beyond 3.4e38, which "
            "float32 cannot hold. Give NaN for what is not known."
        )
    return single


def _rounded_whole(array: Array) -> int:
    """Return the largest size of whole numbers that float32 may round; 0 if there are none."""
    known = array[np.isfinite(array)]
    if known.dtype.kind == "f":  # fractions may be rounded, numbers of events may not
        whole = (known == np.trunc(known)).all()
        with np.errstate(over="ignore"):
            known = known[known.astype("<f4") != known] if whole else known[:0]
    return max(abs(int(known.min())), abs(int(known.max()))) if known.size else 0
