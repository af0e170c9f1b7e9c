"""The display scales of a recipe: one kind of transform, with fitted widths where wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.preprocess import TRANSFORMS, display_scale
from flowml.preprocess.display import is_shown_in_decades
from flowml.preprocess.transform import Logicle
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.recipes.alignment import Alignment
    from flowml.preprocess import Transform
    from flowml.records import Channel

LOGICLE = "logicle"


@dataclass(frozen=True)
class Scales:
    """How every channel is put on its display scale.

    Parameters
    ----------
    transform : str
        Scale of channels that are shown in decades, a key of `TRANSFORMS`.
    widths : tuple of (str, float)
        Logicle's width W of each marker where it was fitted; a marker that is not among them
        has the usual width.
    alignment : Alignment, optional
        Where normal cases lie on each instrument; without it, all instruments are alike.
    instrument : str
        By which a tube was measured; empty in a recipe, which is for any.
    """

    transform: str = LOGICLE
    widths: tuple[tuple[str, float], ...] = ()
    alignment: Alignment | None = None
    instrument: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.transform, str) or self.transform not in TRANSFORMS:
            raise FlowmlError(
                f"unknown transform {printable(self.transform)!r}; "
                f"choose from {', '.join(TRANSFORMS)}."
            )
        if self.widths and self.transform != LOGICLE:
            raise FlowmlError(f"widths are logicle's, not those of {self.transform}.")
        for _, width in self.widths:
            Logicle(1.0, width)  # refuses a width that is none

    def knows(self, instrument: str) -> bool:
        """Tell whether an instrument is aligned.

        Parameters
        ----------
        instrument : str
            As its tubes tell it.

        Returns
        -------
        bool
            False for all where there is no alignment.
        """
        return self.alignment is not None and instrument in self.alignment.known

    def on(self, instrument: str) -> Scales:
        """Return the scales for tubes of one instrument.

        Parameters
        ----------
        instrument : str
            As the tube tells it; the values of one that is not known are taken as they are.

        Returns
        -------
        Scales
            These scales themselves where nothing is aligned.
        """
        return replace(self, instrument=instrument) if self.knows(instrument) else self

    def of(self, channel: Channel) -> Transform:
        """Return the display scale of a channel.

        Parameters
        ----------
        channel : Channel
            Its top is shown at 1.

        Returns
        -------
        Transform
            Equal for channels that are shown alike.
        """
        width, curved = dict(self.widths).get(channel.marker), is_shown_in_decades(channel)
        if width is not None and curved:
            shown: Transform = Logicle(channel.top, width)
        else:
            shown = display_scale(channel, self.transform)
        if self.alignment is None or not self.instrument:
            return shown
        usual, marker = display_scale(channel, LOGICLE), channel.marker
        return self.alignment.aligned(self.instrument, marker, shown, usual, linear=not curved)


def even_cuts(transform: Transform, bins: int) -> NDArray[np.float64]:
    """Return cuts that part the display scale evenly between 0 and 1.

    Parameters
    ----------
    transform : Transform
        The scale. It rises: comparing linear values with cuts that were mapped back is the same
        as mapping every value forward, and exact.
    bins : int
        Two or more.

    Returns
    -------
    ndarray, shape (bins - 1,), float64
        In linear units, rising; not to be changed.
    """
    return _even_cuts(transform, bins)


@lru_cache(maxsize=256)
def _even_cuts(transform: Transform, bins: int) -> NDArray[np.float64]:
    # a quotient, so that 3 of 30 bins end where 1 of 10 does
    return transform.inverse(np.arange(1, bins) / bins)
