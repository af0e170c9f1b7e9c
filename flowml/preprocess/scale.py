"""Display scales with a formula in both directions, and what all scales share.

Linear values become the axis on which cytometrists look and models learn. Every scale maps
the top of the channel's range to 1. The scales solved by iteration are in `mirrored`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowml.errors import FlowmlError

Floats = NDArray[np.float64]

LN10 = math.log(10)


class Transform(Protocol):
    """A monotonic scale, hashable."""

    def __hash__(self) -> int:
        """Return the same for equal scales."""
        ...

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

    Raises
    ------
    FlowmlError
        If the top is not positive.
    """

    top: float

    def __post_init__(self) -> None:
        check_positive("linear", T=self.top)

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale."""
        with np.errstate(over="ignore"):
            return np.asarray(as_floats(x) / self.top)

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
        with np.errstate(over="ignore"):
            return np.asarray(as_floats(y) * self.top)


@dataclass(frozen=True)
class Log:
    """Logarithmic scale, log10(x / top) / decades + 1 (flog of Gating-ML 2.0).

    Zero and negative values have no logarithm; they are shown at -inf, below every other
    value, so that a histogram which clips takes them into its first bin. `inverse` brings
    -inf back as 0.

    Parameters
    ----------
    top : float
        Linear value that is shown at 1 (T).
    decades : float
        Decades between 0 and 1 of the scale (M).

    Raises
    ------
    FlowmlError
        If a parameter is not positive.
    """

    top: float
    decades: float = 4.5

    def __post_init__(self) -> None:
        check_positive("log", T=self.top, M=self.decades)

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale; -inf for 0 and below."""
        values = np.maximum(as_floats(x), 0.0)  # NaN stays NaN
        with np.errstate(divide="ignore"):
            logarithm = np.log10(values) - math.log10(self.top)
        return np.asarray(logarithm / self.decades + 1)

    def inverse(self, y: ArrayLike) -> Floats:
        """Map display values back to the linear scale.

        Parameters
        ----------
        y : array-like, float
            Display values.

        Returns
        -------
        ndarray, float64
            Linear values above 0, of the same shape; 0 for -inf.
        """
        exponents = (as_floats(y) - 1) * self.decades
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(10.0**exponents * self.top)


@dataclass(frozen=True)
class Arcsinh:
    """Inverse hyperbolic sine, arcsinh(x / cofactor) / arcsinh(top / cofactor).

    With negative decades A it is (arcsinh(x / cofactor) + A ln 10) / (arcsinh(top / cofactor)
    + A ln 10), which is fasinh of Gating-ML 2.0; `from_decades` takes the parameters in which
    that is written.

    Parameters
    ----------
    top : float
        Linear value that is shown at 1 (T).
    cofactor : float
        Intensity at which the scale turns from linear to logarithmic.
    negative : float
        Decades of negative values between 0 and the display value of zero (A).

    Raises
    ------
    FlowmlError
        If the top or the cofactor is not positive, or the negative decades are below 0.
    """

    top: float
    cofactor: float = 150.0
    negative: float = 0.0

    def __post_init__(self) -> None:
        check_positive("arcsinh", T=self.top, cofactor=self.cofactor)
        check_not_negative("arcsinh", A=self.negative)

    @classmethod
    def from_decades(cls, top: float, decades: float = 4.5, negative: float = 0.0) -> Arcsinh:
        """Make the scale with the parameters of Gating-ML 2.0.

        Parameters
        ----------
        top : float
            Linear value that is shown at 1 (T).
        decades : float
            Decades from the cofactor, about, to the top (M); the cofactor is
            T / sinh(M ln 10).
        negative : float
            Additional decades of negative values (A), 0 to M.

        Returns
        -------
        Arcsinh
            The scale.

        Raises
        ------
        FlowmlError
            If the parameters do not describe a scale.
        """
        check_positive("arcsinh", T=top, M=decades)
        if not 0 <= negative <= decades:
            raise FlowmlError(f"arcsinh needs 0 <= A <= M; found A={negative}, M={decades}.")
        log_sinh = decades * LN10 + math.log(-math.expm1(-2 * decades * LN10) / 2)
        return cls(top, math.exp(math.log(top) - log_sinh), negative)

    def __call__(self, x: ArrayLike) -> Floats:
        """Map linear values to the display scale."""
        with np.errstate(over="ignore"):
            scaled = np.arcsinh(as_floats(x) / self.cofactor)
        return np.asarray((scaled + self.negative * LN10) / self._span)

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
        scaled = as_floats(y) * self._span - self.negative * LN10
        with np.errstate(over="ignore"):
            return np.asarray(np.sinh(scaled) * self.cofactor)

    @property
    def _span(self) -> float:
        return math.asinh(self.top / self.cofactor) + self.negative * LN10


def as_floats(values: ArrayLike) -> Floats:
    """Take values in double precision.

    Parameters
    ----------
    values : array-like
        Numbers; a NaN of any kind, also one that a file marks as signalling, stays NaN.

    Returns
    -------
    ndarray, float64
        Of the same shape.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(values, dtype=np.float64)


def check_positive(scale: str, **parameters: float) -> None:
    """Refuse parameters of a scale that are not positive, finite numbers.

    Parameters
    ----------
    scale : str
        Name of the scale.
    **parameters : float
        By the names that the message shall show.

    Raises
    ------
    FlowmlError
        Names the first such parameter.
    """
    for name, value in parameters.items():
        if not (math.isfinite(value) and value > 0):
            raise FlowmlError(f"{scale} needs a positive, finite {name}; found {value}.")


def check_not_negative(scale: str, **parameters: float) -> None:
    """Refuse parameters of a scale that are below 0 or not finite.

    Parameters
    ----------
    scale : str
        Name of the scale.
    **parameters : float
        By the names that the message shall show.

    Raises
    ------
    FlowmlError
        Names the first such parameter.
    """
    for name, value in parameters.items():
        if not (math.isfinite(value) and value >= 0):
            raise FlowmlError(f"{scale} needs a finite {name} of 0 or more; found {value}.")
