"""Display scales that are linear around zero, logarithmic above, and the same mirrored below.

Their inverses are formulas, the scales themselves the roots of these. All have one form: with
v, the distance from the display value of zero, the linear value is

    rise (e^(b v) - 1) + fall (1 - e^(-d v)) + slope v

and negative values mirror it. Logicle: Parks, Roederer & Moore, Cytometry A 69:541 (2006), in
the parameters of Moore & Parks, Cytometry A 81:273 (2012). Hyperlog: Bagwell, Cytometry A
64:34 (2005), in the parameters of Gating-ML 2.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flowml.errors import FlowmlError
from flowml.preprocess.scale import (
    LN10,
    Floats,
    as_floats,
    check_positive,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NEWTON_STEPS = 60  # at most; a handful is needed
ROUNDING = 4 * np.finfo(np.float64).eps
HUGE = 1e280  # times `rise`: above it only the rising term counts, and would soon overflow
LEAST_WIDTH = 0.1  # decades; less would draw the noise of zero out over the axis
USUAL_WIDTH = 0.5
MOST_DECADES = 50.0  # float64 holds about 600, a curve their square


class Curve(NamedTuple):
    """The terms of a mirrored scale, in units of the display scale.

    Parameters
    ----------
    zero : float
        Display value of zero.
    rise, b : float
        Height and rate of the rising exponential.
    fall, d : float
        Height and rate of the falling exponential.
    slope : float
        Linear values per unit of the display scale, added all along.
    """

    zero: float
    rise: float
    b: float
    fall: float = 0.0
    d: float = 0.0
    slope: float = 0.0

    def linear(self, v: Floats) -> Floats:
        """Return the linear values at distances from zero.

        Parameters
        ----------
        v : ndarray, float64
            Distances, 0 or more.

        Returns
        -------
        ndarray, float64
            Of the same shape, 0 or more.
        """
        mapped = self.rise * np.expm1(self.b * v)
        if self.fall:
            mapped = mapped - self.fall * np.expm1(-self.d * v)
        return np.asarray(mapped + self.slope * v if self.slope else mapped)

    def distance(self, size: Floats) -> Floats:
        """Return the distances from zero of linear values, by Newton's method.

        The curve is convex, so that a start at or above the root descends to it: the
        logarithm without the small terms, or the tangent at zero, whichever is less. A value
        that has arrived stays, so that it ends alike alone and among others.

        Parameters
        ----------
        size : ndarray, float64
            Linear values, 0 or more.

        Returns
        -------
        ndarray, float64
            Of the same shape.
        """
        bounded = np.minimum(size, self.rise * HUGE)
        logarithm = (np.log(size + self.rise) - math.log(self.rise)) / self.b
        steepness = self.rise * self.b + self.fall * self.d + self.slope
        v = np.minimum(bounded / steepness, np.minimum(logarithm, math.log(HUGE) / self.b))
        arrived = np.isnan(v)
        for _ in range(NEWTON_STEPS):
            up, down = np.expm1(self.b * v), np.expm1(-self.d * v)
            height = self.rise * up - self.fall * down + self.slope * v
            tangent = steepness + self.rise * self.b * up + self.fall * self.d * down
            step = (height - bounded) / tangent
            near = np.abs(step) <= ROUNDING * (1 + v)
            v = np.where(arrived, v, v - step)
            arrived |= near
            if np.all(arrived):
                break
        return np.where(size > bounded, logarithm, v)


class Mirrored:
    """A scale that its `Curve` describes."""

    @property
    def _curve(self) -> Curve:
        raise NotImplementedError

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale (Newton's method on the inverse)."""
        curve = self._curve
        values = as_floats(x)
        with np.errstate(over="ignore", under="ignore"):
            distance = curve.distance(np.abs(values))
        return np.asarray(curve.zero + np.copysign(distance, values))

    def inverse(self, y: ArrayLike) -> Floats:
        """Map display values back to the linear scale (closed form).

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        curve = self._curve
        above = as_floats(y) - curve.zero
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.copysign(curve.linear(np.abs(above)), above))


@dataclass(frozen=True)
class Logicle(Mirrored):
    """Logicle scale: linear around zero, logarithmic above, the same mirrored below.

    The inverse is a e^(b y) - c e^(-d y) + f, with b = (M + A) ln 10 and the rest chosen so
    that the second derivative is 0 at the display value of zero (Moore & Parks 2012).

    Parameters
    ----------
    top : float
        Linear value that is shown at 1 (T).
    width : float
        Decades of the linear part (W).
    decades : float
        Decades of the whole scale (M).
    negative : float
        Additional decades of negative values (A).

    Raises
    ------
    FlowmlError
        If the parameters do not describe a scale.
    """

    top: float
    width: float = USUAL_WIDTH
    decades: float = 4.5
    negative: float = 0.0

    def __post_init__(self) -> None:
        _check_decades("logicle", self.top, self.width, self.decades, self.negative)

    @cached_property
    def _curve(self) -> Curve:
        """Return the terms; those of Moore & Parks, equations 2-9, moved to the zero."""
        total = self.decades + self.negative
        w, x2 = self.width / total, self.negative / total
        zero = x2 + w
        b = total * LN10
        d = falling_rate(b, w)
        fall_over_rise = math.exp((b + d) * w)  # c e^(-d x1) / (a e^(b x1)), as x0 - x1 = w
        unit = Curve(zero, 1.0, b, fall_over_rise, d)
        rise = self.top / float(unit.linear(np.asarray(1 - zero)))
        return Curve(zero, rise, b, rise * fall_over_rise, d)


@dataclass(frozen=True)
class Hyperlog(Mirrored):
    """Hyperlog scale: as logicle, with a linear term in place of the falling exponential.

    The inverse is a e^(b y) + c y - f (EH of Gating-ML 2.0), with b = (M + A) ln 10 and
    c / a = e^(b x0) / w, where w = W / (M + A) and x0 = (A + 2 W) / (M + A) is the display
    value at which both terms weigh about the same.

    Parameters
    ----------
    top : float
        Linear value that is shown at 1 (T).
    width : float
        Decades of the linear part (W).
    decades : float
        Decades of the whole scale (M).
    negative : float
        Additional decades of negative values (A).

    Raises
    ------
    FlowmlError
        If the parameters do not describe a scale.
    """

    top: float
    width: float = USUAL_WIDTH
    decades: float = 4.5
    negative: float = 0.0

    def __post_init__(self) -> None:
        _check_decades("hyperlog", self.top, self.width, self.decades, self.negative)

    @cached_property
    def _curve(self) -> Curve:
        total = self.decades + self.negative
        w, x2 = self.width / total, self.negative / total
        zero, b = x2 + w, total * LN10
        slope_over_rise = math.exp(b * w) / w
        unit = Curve(zero, 1.0, b, slope=slope_over_rise)
        rise = self.top / float(unit.linear(np.asarray(1 - zero)))
        return Curve(zero, rise, b, slope=rise * slope_over_rise)


def logicle_width(reference: float, top: float, decades: float = 4.5) -> float:
    """Choose the width of a logicle scale from the negative values that it shall show.

    W = (M - log10(T / |r|)) / 2 (Parks, Roederer & Moore, Cytometry A 69:541, 2006): the
    reference is then shown near 0, the lower end of the scale.

    Parameters
    ----------
    reference : float
        A low percentile of the negative values (r), such as their fifth, in linear units.
    top : float
        Linear value that is shown at 1 (T).
    decades : float
        Decades of the whole scale (M).

    Returns
    -------
    float
        Decades, between `LEAST_WIDTH` and M / 2. Where there are no negative values
        (a reference of 0 or above, or NaN), the usual width of 0.5, or M / 2 if that is less.

    Raises
    ------
    FlowmlError
        If the top or the decades are not positive.

    Examples
    --------
    >>> round(logicle_width(-100.0, 262144.0), 3)
    0.541
    """
    check_positive("logicle", T=top, M=decades)
    if not reference < 0:
        return min(USUAL_WIDTH, decades / 2)
    width = (decades - math.log10(top) + math.log10(-reference)) / 2
    return min(max(width, LEAST_WIDTH), decades / 2)


def _check_decades(
    scale: str, top: float, width: float, decades: float, negative: float
) -> None:
    """Refuse parameters outside what Gating-ML 2.0 allows."""
    check_positive(scale, T=top, M=decades, W=width)
    if not (width <= decades / 2 and -width <= negative <= decades - 2 * width):
        raise FlowmlError(
            f"{scale} needs T > 0, M > 0, 0 < W <= M/2 and -W <= A <= M - 2W; found "
            f"T={top}, W={width}, M={decades}, A={negative}."
        )
    check_most(scale, decades, negative)


def check_most(scale: str, decades: float, negative: float) -> None:
    """Refuse more decades than can be solved for in float64.

    Parameters
    ----------
    scale : str
        Name of the scale.
    decades, negative : float
        Decades of the scale, and additional ones of negative values.

    Raises
    ------
    FlowmlError
        If one of them is above `MOST_DECADES`.
    """
    if decades > MOST_DECADES or negative > MOST_DECADES:
        raise FlowmlError(
            f"{scale} needs at most {MOST_DECADES:g} decades, and as many negative ones; "
            f"found {decades} and {negative}."
        )


def falling_rate(b: float, w: float) -> float:
    """Solve 2 (ln d - ln b) + w (d + b) = 0 for d by bisection; the left side rises with d.

    Parameters
    ----------
    b : float
        Rate of the rising exponential.
    w : float
        Width of the linear part, where the scale is 1.

    Returns
    -------
    float
        Rate of the falling exponential (Moore & Parks 2012).
    """
    low, high = 0.0, b
    while high - low > ROUNDING * b:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if 2 * (math.log(middle) - math.log(b)) + w * (middle + b) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2
