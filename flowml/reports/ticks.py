"""Where the ticks of an axis stand and what they say: pure functions, no drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from flowml.preprocess import Transform

# Text from a file is shown letter by letter: neither mathtext nor TeX reads it.
PLAIN: Mapping[str, Any] = MappingProxyType({"parse_math": False, "usetex": False})
CLOSEST = 0.07  # share of an axis between two labels that do not touch
MOST_TICKS = 7
LEAST_DECADE = -10
SLACK = 1e-9  # share of an axis, or decades: a decade at its very end may be off by rounding
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
DIGIT, MINUS, SMALL = 0.64, 0.84, 0.7  # of the size of letters; that of an exponent
LETTERS = ((1e9, "G"), (1e6, "M"), (1e3, "K"))


def legend_label(text: str) -> str:
    """Make text from a file fit a legend, which leaves out what begins with an underscore.

    Parameters
    ----------
    text : str
        Harmless otherwise.

    Returns
    -------
    str
        With a blank before an underscore.

    Examples
    --------
    >>> legend_label("_a"), legend_label("a")
    (' _a', 'a')
    """
    return f" {text}" if text.startswith("_") else text


@dataclass(frozen=True, slots=True)
class Ticks:
    """Ticks of one axis.

    Parameters
    ----------
    positions : tuple of float
        Labelled ticks, on the scale of the axis, ascending.
    labels : tuple of str
        What they say; powers of ten as mathtext.
    minor : tuple of float
        Ticks without a label.
    """

    positions: tuple[float, ...]
    labels: tuple[str, ...]
    minor: tuple[float, ...] = ()


def decade_ticks(transform: Transform, low: float, high: float) -> Ticks:
    """Place ticks at zero and at the decades on either side of it.

    Parameters
    ----------
    transform : Transform
        Scale of the axis.
    low, high : float
        Ends of the axis, on its scale.

    Returns
    -------
    Ticks
        Labels at 0 and at those decades that are not too close to each other; minor ticks at
        the multiples 2 to 9 of the decades, and where a decade is too close for its label.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return Ticks((), ())
    bottom, top = (float(value) for value in transform.inverse([low, high]))
    largest = max(abs(bottom), abs(top))
    if not (math.isfinite(largest) and largest > 0):
        return Ticks((), ())
    last = math.floor(math.log10(largest) + SLACK)
    places, first = _labelled(transform, low, high, last)
    between = _between_decades(first, last)
    minor = transform(np.concatenate([-between[::-1], between]))
    return Ticks(
        tuple(places),
        tuple(power_label(value) for value in places.values()),
        tuple(float(p) for p in minor if low <= p <= high and float(p) not in places),
    )


def _labelled(
    transform: Transform, low: float, high: float, last: int
) -> tuple[dict[float, float], int]:
    """Place the labels of an axis, from the decade `last` down to where they would touch.

    Returns
    -------
    places : dict of float to float
        Linear value at each place, ascending.
    first : int
        Decade that got no label any more.
    """
    gap, slack = CLOSEST * (high - low), SLACK * (high - low)
    zero = float(transform(0.0))  # -inf on a logarithmic scale, which has none
    values = [0.0]
    above, exponent = math.inf, last
    while exponent > LEAST_DECADE:
        place = float(transform(10.0**exponent))
        if above - place < gap or place - zero < gap or place < low - slack:
            break
        values += [10.0**exponent, -(10.0**exponent)]
        above, exponent = place, exponent - 1
    places = {}
    for value in sorted(values):
        place = float(transform(value))
        if low - slack <= place <= high + slack:
            places[min(max(place, low), high)] = value
    return places, exponent


def _between_decades(first: int, last: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return 1, 2, ... 9 times each power of ten from `first` to `last`."""
    powers = 10.0 ** np.arange(first, last + 1)
    return np.asarray(np.outer(powers, np.arange(1, 10)).ravel())


def linear_ticks(low: float, high: float) -> Ticks:
    """Place ticks at round values of a linear axis.

    Parameters
    ----------
    low, high : float
        Ends of the axis, in the values that the labels show.

    Returns
    -------
    Ticks
        Up to `MOST_TICKS` labels such as ``50K``, and minor ticks halfway between them.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return Ticks((), ())
    rough = (high - low) / (MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(item * power for item in STEPS if item * power >= rough * (1 - 1e-9))
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    values = tuple(number * step for number in numbers)
    halves = (value + step / 2 for value in (values[0] - step, *values) if values)
    return Ticks(
        values,
        tuple(count_label(value) for value in values),
        tuple(value for value in halves if low <= value <= high),
    )


def count_label(value: float) -> str:
    """Write a linear value short.

    Parameters
    ----------
    value : float
        A round number.

    Returns
    -------
    str
        With ``K``, ``M`` or ``G`` for thousands, millions and milliards.

    Examples
    --------
    >>> [count_label(value) for value in (0, 0.2, 500, 50_000, 2_500_000)]
    ['0', '0.2', '500', '50K', '2.5M']
    """
    for size, letter in LETTERS:
        if abs(value) >= size:
            return f"{value / size:.6g}{letter}"
    return f"{value:.6g}"


def label_width(label: str, size: float) -> float:
    """Estimate how wide a label of a tick is.

    Parameters
    ----------
    label : str
        Of `power_label` or `count_label`.
    size : float
        Of its letters, in points.

    Returns
    -------
    float
        In points.

    Examples
    --------
    >>> label_width("0", 10), label_width("$10^{3}$", 10)
    (6.4, 17.3)
    """
    base, _, power = label.strip("$").replace("{", "").replace("}", "").partition("^")
    ems = _ems(base) + SMALL * _ems(power)
    return round(size * ems, 1)


def _ems(text: str) -> float:
    return sum(MINUS if letter == "-" else DIGIT for letter in text)


def power_label(value: float) -> str:
    """Write zero or a power of ten.

    Parameters
    ----------
    value : float
        0, or plus or minus a power of ten.

    Returns
    -------
    str
        As mathtext, such as ``$-10^{3}$``.

    Examples
    --------
    >>> power_label(-1000.0)
    '$-10^{3}$'
    """
    if value == 0:
        return "0"
    return f"${'-' if value < 0 else ''}10^{{{round(math.log10(abs(value)))}}}$"
