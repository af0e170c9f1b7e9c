"""What all styles have in common: channels as they are read back, and who writes the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError, StateError
from flowml.knowledge.markers import name_channels
from flowml.records import Channel, Sample, Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.hardware import Cytometer, PanelTube, Stain

    Floats = NDArray[np.float32]

Named = tuple[str, str, float]  # $PnN, $PnS, upper end of the scale


@dataclass(frozen=True, slots=True)
class Format:
    """A vendor's files.

    Parameters
    ----------
    ending : str
        Of the file's name, with its dot.
    top : float
        Upper end of the scale of scatter and fluorescence.
    matrix_digits : int
        Decimals of a share of spillover that the file can hold.
    scatter : sequence of Named
        FSC-A, FSC-H and SSC-A, in this order.
    time : Named
        The time channel, which comes last.
    named : callable
        Names a stain's channel: ``$PnN`` and ``$PnS``.
    rounded_values : callable
        See `digitise`.
    written : callable
        Writes a sample that was checked.
    rounded_matrix : callable, optional
        See `rounded`.
    """

    ending: str
    top: float
    matrix_digits: int
    scatter: Sequence[Named]
    time: Named
    named: Callable[[Stain], tuple[str, str]]
    rounded_values: Callable[[Floats], Floats]
    written: Callable[[Path | str, Sample, Floats, Mapping[str, str]], None]
    rounded_matrix: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None

    def channels(self, tube: PanelTube, cytometer: Cytometer) -> tuple[Channel, ...]:
        """Name the columns of a tube's events.

        Parameters
        ----------
        tube : PanelTube
            Its stains stand between scatter and time.
        cytometer : Cytometer
            A model of this style.

        Returns
        -------
        tuple of Channel
            FSC-A, FSC-H, SSC-A, the stains in their order, time; each as
            `flowml.fcs.read_fcs` describes it when the sample comes from a file.

        Raises
        ------
        FlowmlError
            If the cytometer has another scale, or no detector for a fluorochrome.
        """
        if cytometer.top != self.top:
            raise FlowmlError(
                f"the scale of cytometer {printable(cytometer.name)} ends at "
                f"{cytometer.top:g}, expected {self.top:g} for files of style "
                f"{printable(cytometer.style)}. Correct cytometers.toml."
            )
        dyes: list[Named] = [(*self.named(stain), self.top) for stain in tube.stains]
        columns = [*self.scatter, *dyes, self.time]
        meanings = name_channels((name, label) for name, label, _ in columns)
        return tuple(
            Channel(name, label, meaning.marker, meaning.role, meaning.pulse, top)
            for (name, label, top), meaning in zip(columns, meanings, strict=True)
        )

    def digitise(self, values: Floats) -> Floats:
        """Turn measured values into those that a file holds.

        Parameters
        ----------
        values : ndarray, shape (n_events, n_channels), float32
            In the cytometer's own units; the last column is the time, in its steps.

        Returns
        -------
        ndarray, shape (n_events, n_channels), float32
            To the last bit what `flowml.fcs.read_fcs` gives of the file.
        """
        return self.rounded_values(np.asarray(values, dtype=np.float32))

    def rounded(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Round shares of spillover to what the file can hold.

        Parameters
        ----------
        matrix : ndarray, float64
            Shares.

        Returns
        -------
        ndarray, float64
            To the last bit what is read of the file; `matrix_digits` alone may miss the last.
        """
        rounded = np.asarray(matrix, dtype=np.float64).round(self.matrix_digits)
        return rounded if self.rounded_matrix is None else self.rounded_matrix(rounded)

    def write(self, path: Path | str, sample: Sample, keywords: Mapping[str, str]) -> None:
        """Write a sample as the instrument does.

        Parameters
        ----------
        path : path-like
            Where to write; the file appears only when it is whole.
        sample : Sample
            Raw, with channels of `channels` and values of `digitise`.
        keywords : mapping of str to str
            What the file says beside its layout: ``$CYT``, ``$DATE``, ``$TIMESTEP``, ...

        Raises
        ------
        StateError
            If the sample is not raw, or its values are not those of `digitise`.
        FcsError
            If a keyword cannot be written, or the events are too many for the format.
        OutputError
            If the file cannot be written.
        """
        if sample.scale is not Scale.RAW:
            raise StateError(
                f"an instrument writes raw values; {printable(sample.name)} is already "
                f"{sample.scale.value}."
            )
        values = sample.events()
        if values.dtype != np.float32 or not np.array_equal(values, self.digitise(values)):
            raise StateError(
                f"{printable(sample.name)} holds values that this instrument does not write. "
                "Call digitise() first."
            )
        self.written(path, sample, values, keywords)
