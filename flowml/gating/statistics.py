"""What is said of the populations of a tube: how many events, and how bright."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.records import Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.findings import Finding
    from flowml.gating.populations import Count, Populations
    from flowml.preprocess import Unmixing
    from flowml.records import Sample

QUANTILES = (15.87, 50.0, 84.13)  # half the distance of the outer ones is a normal's sigma
MOST_NANOLITRES = 1e9  # a litre
PICOLITRES = 1000  # of a nanolitre
PER_MICROLITRE = 1_000_000  # picolitres
MEASURED = {Role.FLUORESCENCE, Role.FORWARD_SCATTER, Role.SIDE_SCATTER}


@dataclass(frozen=True, slots=True)
class Brightness:
    """How bright a population is in one channel.

    Parameters
    ----------
    population : str
        The population.
    marker : str
        Marker, or name of the channel where none is known.
    median, spread : float
        Linear, compensated units. The spread is half the distance between the percentiles
        15.87 and 84.13: the standard deviation, if values are normal. NaN where there is no
        event.
    """

    population: str
    marker: str
    median: float
    spread: float


@dataclass(frozen=True, eq=False)
class GatedTube:
    """The populations of a tube, or why there are none.

    Parameters
    ----------
    case_id, tube : str
        The case, and the tube's path relative to the folder given.
    n_events : int
        Events that were gated.
    picolitres : int
        The volume in which they were counted; 0 where it is not known.
    counts : tuple of Count
        Of each population, as a reader goes down the tree.
    brightness : tuple of Brightness
        Of each population and marker.
    compensation : str
        Where the matrix came from by which brightness was compensated; ``none`` if none was.
    sha256 : str
        Of the file; empty where it was not asked for.
    masks : str
        Name of the file of masks; empty if none was written.
    reason : str
        Why the tube could not be gated; empty if it could.
    findings : tuple of Finding
        What was noticed.
    """

    case_id: str
    tube: str
    n_events: int = 0
    picolitres: int = 0
    counts: tuple[Count, ...] = ()
    brightness: tuple[Brightness, ...] = ()
    compensation: str = "none"
    sha256: str = ""
    masks: str = ""
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    def per_microlitre(self, count: Count) -> float:
        """Return how many cells a microlitre of what was measured has.

        Parameters
        ----------
        count : Count
            Of a population of the tube.

        Returns
        -------
        float
            NaN where the volume is not known. Where a specimen was diluted, multiply by how
            much.
        """
        return PER_MICROLITRE * count.n_events / self.picolitres if self.picolitres else np.nan


def picolitres_of(sample: Sample) -> int:
    """Return the volume that was measured, of which cells can be told in a microlitre.

    Parameters
    ----------
    sample : Sample
        With its keywords.

    Returns
    -------
    int
        ``$VOL`` of FCS 3.1 and 3.2, there in nanolitres; 0 where the file does not tell it.
    """
    text = sample.keywords.get("$VOL", "").strip()
    try:
        nanolitres = float(text) if text else 0.0
    except ValueError:
        return 0
    usable = 0 < nanolitres <= MOST_NANOLITRES
    return round(nanolitres * PICOLITRES) if usable else 0


def brightness_of(
    sample: Sample, unmixing: Unmixing | None, found: Populations
) -> list[Brightness]:
    """Say how bright populations are in each channel that measures cells.

    Parameters
    ----------
    sample : Sample
        Linear values.
    unmixing : Unmixing or None
        Compensation to apply, if any.
    found : Populations
        Of the sample.

    Returns
    -------
    list of Brightness
        Of each population and marker; a channel without a marker of its own goes by its name.
        NaN for a population that is not sure.
    """
    names = measured_channels(sample)
    values = np.empty((len(names), sample.n_events), dtype=np.float32)
    start = 0
    for block in sample.blocks():
        linear = block if unmixing is None else unmixing.apply(block)
        with np.errstate(over="ignore"):
            values[:, start : start + len(block)] = linear[:, list(names)].T
        start += len(block)
    nothing = np.zeros(sample.n_events, dtype=bool)
    sure = {name: m if found.is_sure(name) else nothing for name, m in found.masks.items()}
    return [
        Brightness(population, marker, *median_and_spread(row[mask]))
        for population, mask in sure.items()
        for marker, row in zip(names.values(), values, strict=True)
    ]


def median_and_spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """Say where the values of a population lie.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float32
        On any scale; what is no number does not count.

    Returns
    -------
    median, spread : float
        The spread is half the distance between the percentiles 15.87 and 84.13: the standard
        deviation, if values are normal. NaN where there is none.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, middle, high = np.percentile(finite.astype(np.float64), QUANTILES)
    return float(middle), float(high - low) / 2


def measured_channels(sample: Sample) -> dict[int, str]:
    """Name the channels of fluorescence and scatter.

    Parameters
    ----------
    sample : Sample
        At any stage.

    Returns
    -------
    dict of int to str
        By column: the marker where it is one channel's own, else the name of the channel.
    """
    own = {marker for marker, often in Counter(sample.markers).items() if marker and often == 1}
    return {
        column: channel.marker if channel.marker in own else channel.name
        for column, channel in enumerate(sample.channels)
        if channel.role in MEASURED
    }
