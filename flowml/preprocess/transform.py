"""Display scales: from linear values to the axis on which cytometrists look and models learn.

Every scale maps the top of the channel's range to 1. Formulas: logicle, Parks, Roederer &
Moore, Cytometry A 69:541 (2006), in the parametrisation of Moore & Parks, Cytometry A 81:273
(2012); parametrised inverse hyperbolic sine, Gating-ML 2.0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowml.errors import FlowmlError
from flowml.safety import printable

Floats = NDArray[np.float64]

NEWTON_STEPS = 60  # at most; a handful is needed
ROUNDING = 4 * np.finfo(np.float64).eps


class Transform(Protocol):
    """A monotonic scale."""

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale."""
        ...

    def inverse(self, y: ArrayLike) -> Floats:
        """Map display values back to the linear scale.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        ...


@dataclass(frozen=True)
class Linear:
    """The linear scale, x / top.

    Parameters
    ----------
    top : float
        Linear value that is shown at 1.
    """

    top: float

    def __post_init__(self) -> None:
        _check_positive("linear", T=self.top)

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale."""
        with np.errstate(over="ignore"):
            return np.asarray(np.asarray(x, dtype=np.float64) / self.top)

    def inverse(self, y: ArrayLike) -> Floats:
        """Map display values back to the linear scale.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        return np.asarray(y, dtype=np.float64) * self.top


@dataclass(frozen=True)
class Arcsinh:
    """Inverse hyperbolic sine, arcsinh(x / cofactor) / arcsinh(top / cofactor).

    Parameters
    ----------
    top : float
        Linear value that is shown at 1.
    cofactor : float
        Intensity at which the scale turns from linear to logarithmic.
    """

    top: float
    cofactor: float = 150.0

    def __post_init__(self) -> None:
        _check_positive("arcsinh", T=self.top, cofactor=self.cofactor)

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale."""
        with np.errstate(over="ignore"):
            scaled = np.arcsinh(np.asarray(x, dtype=np.float64) / self.cofactor)
        return np.asarray(scaled / math.asinh(self.top / self.cofactor))

    def inverse(self, y: ArrayLike) -> Floats:
        """Map display values back to the linear scale.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values, of the same shape.
        """
        scaled = np.asarray(y, dtype=np.float64) * math.asinh(self.top / self.cofactor)
        return np.asarray(np.sinh(scaled) * self.cofactor)


@dataclass(frozen=True)
class Logicle:
    """Logicle scale: linear around zero, logarithmic above, the same mirrored below.

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
    width: float = 0.5
    decades: float = 4.5
    negative: float = 0.0

    def __post_init__(self) -> None:
        _check_positive("logicle", T=self.top, M=self.decades, W=self.width)
        span = self.decades
        if not (
            self.width <= span / 2
            and -self.width <= self.negative <= span - 2 * self.width
        ):  # fmt: skip
            raise FlowmlError(
                f"logicle needs T > 0, M > 0, 0 < W <= M/2 and -W <= A <= M - 2W; found "
                f"T={self.top}, W={self.width}, M={self.decades}, A={self.negative}."
            )

    @cached_property
    def _terms(self) -> tuple[float, float, float, float, float, float]:
        """Return a, b, c, d, f and the display value of zero (Moore & Parks, equations 2-9)."""
        total = self.decades + self.negative
        w, x2 = self.width / total, self.negative / total
        x1, x0 = x2 + w, x2 + 2 * w
        b = total * math.log(10)
        d = _solve_d(b, w)
        c_over_a = math.exp(x0 * (b + d))
        f_over_a = math.exp(b * x1) - c_over_a / math.exp(d * x1)
        a = self.top / (math.exp(b) - f_over_a - c_over_a / math.exp(d))
        return a, b, c_over_a * a, d, -f_over_a * a, x1

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
        a, b, c, d, f, zero = self._terms
        above = np.asarray(y, dtype=np.float64) - zero
        u = np.abs(above) + zero
        return np.asarray(np.sign(above) * (a * np.exp(b * u) - c * np.exp(-d * u) + f))

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale (Newton's method on the closed inverse)."""
        a, b, c, d, f, zero = self._terms
        values = np.asarray(x, dtype=np.float64)
        size = np.abs(values)
        # The inverse is convex above zero, so that a start at or above the root descends to
        # it: the logarithm without the small terms, or the tangent at zero, whichever is less.
        slope = a * b * math.exp(b * zero) + c * d * math.exp(-d * zero)
        log_a = math.log(a)  # values up to the end of float64 keep away from its overflow
        with np.errstate(invalid="ignore", over="ignore"):
            logarithm = (np.log(np.maximum(size - f + c, 1e-300)) - log_a) / b
            y = np.minimum(zero + size / slope, np.maximum(logarithm, zero))
            for _ in range(NEWTON_STEPS):
                rise, fall = np.exp(b * y + log_a), c * np.exp(-d * y)
                step = (rise - fall + f - size) / (b * rise + d * fall)
                y = y - step
                if not np.any(np.abs(step) > ROUNDING):
                    break
        mapped = np.where(values < 0, 2 * zero - y, y)
        return np.asarray(np.where(np.isinf(values), values, mapped))


def _check_positive(scale: str, **parameters: float) -> None:
    """Refuse parameters of a scale that are not positive, finite numbers."""
    for name, value in parameters.items():
        if not (math.isfinite(value) and value > 0):
            raise FlowmlError(f"{scale} needs a positive, finite {name}; found {value}.")


def _solve_d(b: float, w: float) -> float:
    """Solve 2 (ln d - ln b) + w (d + b) = 0 for d by bisection; the left side rises with d."""
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


TRANSFORMS: dict[str, Callable[[float], Transform]] = {
    "logicle": Logicle,
    "arcsinh": Arcsinh,
    "linear": Linear,
}


def make_transform(name: str, top: float) -> Transform:
    """Make a display scale with the usual parameters.

    Parameters
    ----------
    name : str
        A key of `TRANSFORMS`.
    top : float
        Linear value that is shown at 1.

    Returns
    -------
    Transform
        The scale.

    Raises
    ------
    FlowmlError
        If the name is unknown or the top is not positive.
    """
    if name not in TRANSFORMS:
        raise FlowmlError(
            f"unknown transform {printable(name)!r}; choose from {', '.join(TRANSFORMS)}."
        )
    if not (math.isfinite(top) and top > 0):
        raise FlowmlError(f"the top of a scale is {top}, expected a positive number.")
    return TRANSFORMS[name](top)
