"""The values of a block of events on one axis of a gate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.gating.gates import Floats
    from flowml.gating.nearly import Places
    from flowml.gating.strategy import Dimension
    from flowml.preprocess import Tabled, Transform

NEARLY = 2e-6  # twice what `Tabled` promises: its argument is rounded, too


@dataclass(frozen=True, eq=False)
class Source:
    """Where a dimension finds its values.

    Parameters
    ----------
    rows : tuple of int
        Of the linear values of its compensation: one, or two of a ratio.
    scale : Transform
        The exact scale.
    tabled : Tabled or None
        The same by table, where that is quicker.
    is_linear : bool
        Whether its bounds are compared in linear units.
    """

    rows: tuple[int, ...]
    scale: Transform
    tabled: Tabled | None
    is_linear: bool


class ValuesOn:
    """The values of a block on one dimension, worked out as they are asked for.

    Parameters
    ----------
    linear : tuple of ndarray, shape (n_events,), float64
        Compensated values of its channel, and of the divisor of a ratio.
    dimension : Dimension
        The dimension.
    source : Source
        Its scale.
    """

    def __init__(
        self, linear: tuple[Floats, ...], dimension: Dimension, source: Source
    ) -> None:
        self._linear, self._ratio, self._source = linear, dimension.ratio, source
        self.error = NEARLY if source.tabled is not None else 0.0

    @cached_property
    def compared(self) -> Floats:
        """Linear values, or those of the axis where its scale may not rise evenly."""
        return self._linear[0] if self._source.is_linear else self.exact(slice(None))

    def near(self, places: Places) -> NDArray[np.floating]:
        """Return the values of some events, by table where there is one.

        Parameters
        ----------
        places : ndarray of int
            Which events.

        Returns
        -------
        ndarray, shape (n_places,), float
            On the scale of the gate.
        """
        if self._source.tabled is None:
            return self.exact(places) if self._source.is_linear else self.compared[places]
        return self._source.tabled(self._linear[0][places].astype(np.float32))

    def exact(self, places: Places | slice) -> Floats:
        """Return the values of some events in double precision.

        Parameters
        ----------
        places : ndarray of int, or slice
            Which events.

        Returns
        -------
        ndarray, shape (n_places,), float64
            On the scale of the gate.
        """
        values = self._linear[0][places]
        if (ratio := self._ratio) is None:
            return self._source.scale(values)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            share = (values - ratio.offset) / (self._linear[1][places] - ratio.divisor_offset)
            return self._source.scale(ratio.factor * share)
