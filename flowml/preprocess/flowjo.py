"""FlowJo's biexponential scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flowml.errors import FlowmlError
from flowml.preprocess.mirrored import Curve, Mirrored, check_most, falling_rate
from flowml.preprocess.scale import LN10, check_not_negative, check_positive

CHANNELS = 4096  # of FlowJo's axis


@dataclass(frozen=True)
class Biexponential(Mirrored):
    """FlowJo's biexponential scale, continuous and without its ends.

    FlowJo shows channels 0 to 4,096, from a table with the linear value of each, and clips at
    both ends. The table was read in FlowKit 1.3 (``generate_biex_lut``, after cytolib). It is
    a logicle in other parameters, whose zero lies on a whole channel, and in which 4,097
    channels hold the positive decades. This scale is the curve through the table's points, and
    goes on beyond them; times `top_channel` it gives FlowJo's channels, to 0.001 of a channel
    (the table is straight between its points).

    Parameters
    ----------
    top : float
        Linear value that is shown at 1 (``maxRange``). FlowJo's last channel lies near it
        (`top_channel` is 4,057 to 4,097 for the widths that FlowJo offers).
    width_basis : float
        FlowJo's ``width``, -1 or below: the more negative, the more values are shown
        as if linear. Its common logarithm without the sign is twice logicle's W.
    decades : float
        Positive decades (``pos``).
    negative : float
        Additional negative decades (``neg``).

    Raises
    ------
    FlowmlError
        If the parameters do not describe a scale.
    """

    top: float
    width_basis: float = -10.0
    decades: float = 4.418540
    negative: float = 0.0

    def __post_init__(self) -> None:
        check_positive("biexponential", T=self.top, decades=self.decades)
        check_not_negative("biexponential", negative=self.negative)
        check_most("biexponential", self.decades, self.negative)
        if not -math.inf < self.width_basis <= -1:
            raise FlowmlError(
                f"biexponential needs a width basis of -1 or below; found {self.width_basis}."
            )
        if math.log10(-self.width_basis) / 2 >= self.decades:
            raise FlowmlError(
                f"biexponential needs more positive decades than half the logarithm of the "
                f"width basis; found {self.decades} and {self.width_basis}."
            )

    @property
    def top_channel(self) -> float:
        """FlowJo's channel of the top, by which display values become channels."""
        zero, above = self._zero_and_top
        return zero + above

    @cached_property
    def _in_channels(self) -> Curve:
        """Return the curve in FlowJo's channels."""
        width = math.log10(-self.width_basis)
        negative, positive = self.negative + width / 2, self.decades - width / 2
        zero = int(min(negative * CHANNELS / (negative + positive), CHANNELS / 2))
        if zero > 0:
            positive = negative * CHANNELS / zero
        w = width / (2 * positive)
        b = LN10 * positive
        d = falling_rate(b, w)
        place = zero / (CHANNELS + 1)
        least = math.log(self.top) - b
        rise = math.exp(least + b * place)
        fall = math.exp(least + (b + d) * (w + negative / positive) - d * place)
        return Curve(float(zero), rise, b / (CHANNELS + 1), fall, d / (CHANNELS + 1))

    @cached_property
    def _zero_and_top(self) -> tuple[float, float]:
        """Return the channel of zero, and how many channels the top is above it."""
        curve = self._in_channels
        return curve.zero, float(curve.distance(np.asarray(self.top)))

    @cached_property
    def _curve(self) -> Curve:
        curve, scale = self._in_channels, self.top_channel
        zero = curve.zero / scale
        return Curve(zero, curve.rise, curve.b * scale, curve.fall, curve.d * scale)
