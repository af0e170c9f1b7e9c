"""An instrument, and the state it was in when a tube was measured.

Instruments of one laboratory differ in gain and in spillover; each drifts over the months;
every run differs a little. What belongs to an instrument is drawn from the seed, its number and
the day, never from the case.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.hardware import typical_spillover
from flowml.records import Spillover

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from flowml.knowledge.hardware import Cytometer, PanelTube, Stain

    Floats = NDArray[np.float64]

UNIT_KEY = 0xFFFF_FFFE  # keeps what is drawn of instruments apart from cases
FORWARD, SIDE = "FSC", "SSC"
DRIFT_DAYS = (150.0, 500.0)  # range of the periods of slow drift
LARGEST_SPILLOVER = 0.9  # a share; more would be another detector


@dataclass(frozen=True, slots=True)
class Unit:
    """One instrument of a laboratory.

    Parameters
    ----------
    cytometer : Cytometer
        Its model.
    number : int
        From 1.
    seed : int
        Of the cohort.
    """

    cytometer: Cytometer
    number: int
    seed: int

    @property
    def name(self) -> str:
        """As it stands in tables and files: ``navios-2``."""
        return f"{self.cytometer.name}-{self.number}"

    def stream(self, what: str) -> np.random.Generator:
        """Return a source of draws about this instrument.

        Parameters
        ----------
        what : str
            What is drawn; each has its own stream.

        Returns
        -------
        numpy.random.Generator
            The same for every case.
        """
        key = (UNIT_KEY, self.number, zlib.crc32(what.encode()))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


@dataclass(frozen=True, eq=False)
class Run:
    """The state of an instrument while it measured one tube.

    Parameters
    ----------
    gain : ndarray, shape (n_detectors,), float64
        Factor of each fluorescence channel.
    noise : ndarray, shape (n_detectors,), float64
        Factor of each detector's noise.
    scatter_gain : ndarray, shape (2,), float64
        Factor of forward and side scatter.
    spilled : ndarray, shape (n_detectors, n_detectors), float64
        What the dyes did: row emitter, column detector.
    spillover : Spillover
        What the laboratory wrote into the file.
    events_per_second : float
        Acquisition rate.
    """

    gain: Floats
    noise: Floats
    scatter_gain: Floats
    spilled: Floats
    spillover: Spillover
    events_per_second: float


def draw_run(
    unit: Unit,
    tube: PanelTube,
    names: Sequence[str],
    day: int,
    rounded: Callable[[Floats], Floats],
    rng: np.random.Generator,
) -> Run:
    """Draw the state of an instrument for one tube.

    Parameters
    ----------
    unit : Unit
        The instrument.
    tube : PanelTube
        What is measured.
    names : sequence of str
        Names of the detectors, one for each stain.
    day : int
        Days since the cohort's first.
    rounded : callable
        Rounds coefficients to what the file can hold.
    rng : numpy.random.Generator
        Source of what belongs to this run alone.

    Returns
    -------
    Run
        Gains lie about 1.
    """
    model = unit.cytometer
    spilled = _matrix(unit, tube.stains, tube.name)
    error = rng.normal(0.0, model.matrix_error, size=spilled.shape)
    error[spilled == 0] = 0.0
    written = np.clip(spilled + error, 0.0, LARGEST_SPILLOVER)
    np.fill_diagonal(written, 1.0)
    decades = [_slow_gain(unit, stain.fluorochrome.position, day) for stain in tube.stains]
    own = rng.normal(0.0, model.run_gain, size=len(decades))
    scatter = [_scatter_gain(unit, kind, day) for kind in (FORWARD, SIDE)]
    low, high = model.events_per_second
    return Run(
        gain=10 ** (np.array(decades) + own),
        noise=np.array([_noise(unit, stain.fluorochrome.position) for stain in tube.stains]),
        scatter_gain=10 ** (np.array(scatter) + rng.normal(0.0, model.run_gain / 4, size=2)),
        spilled=spilled,
        spillover=Spillover(tuple(names), rounded(written)),
        events_per_second=float(low * (high / low) ** rng.random()),
    )


def _matrix(unit: Unit, stains: Sequence[Stain], tube: str) -> Floats:
    """Return an instrument's coefficients: the typical ones, each a little different."""
    typical = typical_spillover(stains)
    rng = unit.stream(f"spillover of tube {tube}")
    change = 1 + rng.normal(0.0, unit.cytometer.spillover_change, size=typical.shape)
    matrix: Floats = np.clip(typical * change.clip(min=0.2), 0.0, LARGEST_SPILLOVER)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _slow_gain(unit: Unit, position: str, day: int) -> float:
    """Return an instrument's own gain of a detector on a day, in decades."""
    rng = unit.stream(f"gain of {position}")
    return float(rng.normal(0.0, unit.cytometer.unit_gain)) + _drift(
        rng, unit.cytometer.day_gain, day
    )


def _noise(unit: Unit, position: str) -> float:
    """Return by how much an instrument's detector is noisier than the model's."""
    rng = unit.stream(f"noise of {position}")
    return float(10 ** rng.normal(0.0, unit.cytometer.noise_change))


def _scatter_gain(unit: Unit, kind: str, day: int) -> float:
    rng = unit.stream(f"gain of {kind}")
    own = float(rng.normal(0.0, unit.cytometer.scatter_gain))
    return own + _drift(rng, unit.cytometer.scatter_gain / 2, day)


def _drift(rng: np.random.Generator, size: float, day: int) -> float:
    """Return a slow wave whose standard deviation over the years is `size`."""
    phase = rng.uniform(0.0, 2 * math.pi)
    period = rng.uniform(*DRIFT_DAYS)
    return size * math.sqrt(2) * math.sin(phase + 2 * math.pi * day / period)
