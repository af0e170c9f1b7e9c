"""The instrument of one acquisition: gains, spillover, noise, the end of the scale, time.

Observed = light x spillover, plus noise whose variance grows with the light on the detector:
counting photoelectrons is a Poisson process (Roederer, Cytometry 45:194).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.records import Channel, Role, Spillover

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.simulator import TubeDesign
    from flowml.simulate.cells import Cells

TOP = 262_144.0  # 18 bits
SPILLOVER_DIGITS = 4  # as instruments write it; so the matrix in the file is the one applied
SMALLEST_SPILLOVER, LARGEST_SPILLOVER = 0.01, 0.30
SECONDS_PER_STEP = 0.01  # $TIMESTEP
TIME_DIGITS = 1
TIME_TOP = 16_777_216.0  # 46 hours; the last whole number before float32 skips one

SCATTER_CHANNELS = (
    Channel("FSC-A", "FSC-A", "FSC-A", Role.FORWARD_SCATTER, "A", TOP),
    Channel("FSC-H", "FSC-H", "FSC-H", Role.FORWARD_SCATTER, "H", TOP),
    Channel("SSC-A", "SSC-A", "SSC-A", Role.SIDE_SCATTER, "A", TOP),
)
TIME_CHANNEL = Channel("Time", role=Role.TIME, top=TIME_TOP)


@dataclass(frozen=True, eq=False)
class Instrument:
    """An instrument as it stood when a sample was acquired.

    Parameters
    ----------
    gain : ndarray, shape (n_detectors,), float64
        Factor of each fluorochrome.
    scatter_gain : ndarray, shape (2,), float64
        Factor of forward and side scatter.
    spillover : Spillover
        Row: emitter, column: detector.
    events_per_second : float
        Acquisition rate.
    """

    gain: NDArray[np.float64]
    scatter_gain: NDArray[np.float64]
    spillover: Spillover
    events_per_second: float


def draw_instrument(tube: TubeDesign, rng: np.random.Generator) -> Instrument:
    """Draw the state of the instrument for one sample.

    Parameters
    ----------
    tube : TubeDesign
        Typical spillover, and how much everything changes.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    Instrument
        Its matrix is rounded to `SPILLOVER_DIGITS`, so that a file holds exactly what was
        applied.
    """
    n_detectors = len(tube.detectors)
    gain = 10 ** rng.normal(0.0, tube.gain_decades, size=n_detectors)
    scatter_gain = 10 ** rng.normal(0.0, tube.scatter_decades, size=2)
    change = 1 + tube.spillover_change * rng.standard_normal((n_detectors, n_detectors))
    spills = (tube.spillover > 0) & ~np.eye(n_detectors, dtype=np.bool_)
    matrix = np.clip(tube.spillover * change, SMALLEST_SPILLOVER, LARGEST_SPILLOVER)
    matrix = np.where(spills, matrix.round(SPILLOVER_DIGITS), np.eye(n_detectors))
    names = tuple(detector.name for detector in tube.detectors)
    rate = rng.uniform(*tube.events_per_second)
    return Instrument(gain, scatter_gain, Spillover(names, matrix), float(rate))


def channels_of(tube: TubeDesign) -> tuple[Channel, ...]:
    """Name the columns of a sample.

    Parameters
    ----------
    tube : TubeDesign
        Its detectors stand between scatter and time.

    Returns
    -------
    tuple of Channel
        As `flowml.fcs.read_fcs` describes them when the sample comes from a file.
    """
    fluorescence = (
        Channel(detector.name, detector.marker, detector.marker, Role.FLUORESCENCE, "A", TOP)
        for detector in tube.detectors
    )
    return (*SCATTER_CHANNELS, *fluorescence, TIME_CHANNEL)


def acquire(
    cells: Cells, instrument: Instrument, tube: TubeDesign, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Measure cells.

    Parameters
    ----------
    cells : Cells
        What passes the laser, in this order.
    instrument : Instrument
        Gains and spillover.
    tube : TubeDesign
        Noise of the detectors.
    rng : numpy.random.Generator
        Source of the noise and of the times of arrival.

    Returns
    -------
    ndarray, shape (n_events, n_channels), float32
        Linear, not compensated, cut off at `TOP`; columns as `channels_of` names them.
    """
    n_events = len(cells.look)
    values = np.empty((n_events, len(SCATTER_CHANNELS) + len(tube.detectors) + 1), np.float32)
    values[:, :3] = cells.scatter * instrument.scatter_gain[[0, 0, 1]].astype(np.float32)
    values[:, 3:-1] = _detect(gained_light(cells, instrument), instrument, tube, rng)
    np.minimum(values, np.float32(TOP), out=values)
    values[:, -1] = _arrivals(n_events, instrument.events_per_second, rng)
    return values


def gained_light(cells: Cells, instrument: Instrument) -> NDArray[np.float32]:
    """Return what an instrument without spillover, noise and end of scale would measure.

    Parameters
    ----------
    cells : Cells
        What passes the laser.
    instrument : Instrument
        Gains.

    Returns
    -------
    ndarray, shape (n_events, n_detectors), float32
        Channel units; what compensation tries to recover.
    """
    return cells.light * instrument.gain.astype(np.float32)


def _detect(
    light: NDArray[np.float32],
    instrument: Instrument,
    tube: TubeDesign,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    observed: NDArray[np.float32] = light @ instrument.spillover.matrix.astype(np.float32)
    photon = np.array([item.photon for item in tube.detectors]) * instrument.gain
    variance = observed * photon.astype(np.float32) + np.float32(tube.electronic_noise**2)
    noise = rng.standard_normal(observed.shape, dtype=np.float32)
    return np.asarray(observed + np.sqrt(variance) * noise)


def _arrivals(
    n_events: int, events_per_second: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the times of a Poisson process, in steps of `SECONDS_PER_STEP`, never falling."""
    seconds = np.cumsum(rng.exponential(1 / events_per_second, size=n_events))
    return np.asarray((seconds / SECONDS_PER_STEP).round(TIME_DIGITS))
