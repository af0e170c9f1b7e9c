"""What the events of one tube are drawn from: patient, tube, and state of the instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.knowledge.phenotypes import NEGATIVE
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.knowledge.biology import Biology
    from flowml.knowledge.hardware import Cytometer, PanelTube
    from flowml.simulator.instrument import Run
    from flowml.simulator.looks import Looks
    from flowml.simulator.patient import Patient

    Floats = NDArray[np.float32]

# Ranges that clinical tubes show.
DEBRIS = (0.06, 0.18)  # share of events that are no intact cell
DOUBLETS = (0.01, 0.05)  # share of events that are two cells


@dataclass(frozen=True, eq=False)
class TubePlan:
    """Everything that the events of a tube are drawn from; small, to be sent to workers.

    Parameters
    ----------
    names : tuple of str
        Population or clone of each look; the last is debris.
    chains : tuple of str
        Light chain of each look.
    neoplastic : ndarray, shape (n_looks,), bool
        Which looks are.
    weights : ndarray, shape (n_looks,), float64
        Share of each among all events.
    path : ndarray, shape (n_looks, PATH_STEPS, n_antigens), float32
        log10 of the median signal, brightness of the fluorochrome included.
    spread, cells : ndarray, shape (n_looks, n_antigens), float32
        Standard deviation between cells, decades; share of the cells that express it.
    negative : ndarray, shape (n_antigens,), float32
        log10 of the signal of a cell that does not express it.
    first_antigen : ndarray, shape (n_detectors,), int64
        Where a detector's antigens begin; it sees the sum of them.
    together : tuple of tuple of (int, int, float)
        Of each look, antigens that go together from cell to cell, and their correlation.
    autofluorescence : ndarray, shape (n_looks, n_detectors), float32
        Median, reference units.
    scatter, scatter_spread : ndarray, shape (n_looks, 2), float32
        log10 of the median FSC-A and SSC-A, reference units; standard deviations in decades.
    size_to_ssc : ndarray, shape (n_looks,), float32
        Correlation of the logarithms of FSC-A and SSC-A between cells.
    photon : ndarray, shape (n_detectors,), float32
        Reference units for one photoelectron.
    noise : ndarray, shape (n_detectors,), float32
        Standard deviation without light, reference units.
    cytometer : Cytometer
        Noise, height, time and the end of the scale.
    run : Run
        Gains and spillover.
    n_events : int
        All events, debris included.
    doublets : float
        Share of the events that are two cells.
    seed : tuple of int
        Entropy of the draws.
    """

    names: tuple[str, ...]
    chains: tuple[str, ...]
    neoplastic: NDArray[np.bool_]
    weights: NDArray[np.float64]
    path: Floats
    spread: Floats
    cells: Floats
    negative: Floats
    first_antigen: NDArray[np.int64]
    together: tuple[tuple[tuple[int, int, float], ...], ...]
    autofluorescence: Floats
    scatter: Floats
    scatter_spread: Floats
    size_to_ssc: Floats
    photon: Floats
    noise: Floats
    cytometer: Cytometer
    run: Run
    n_events: int
    doublets: float
    seed: tuple[int, ...]


def make_plan(
    patient: Patient,
    tube: PanelTube,
    cytometer: Cytometer,
    run: Run,
    n_events: int,
    biology: Biology,
    rng: np.random.Generator,
) -> TubePlan:
    """Bring patient, tube and instrument together.

    Parameters
    ----------
    patient : Patient
        Whose cells.
    tube : PanelTube
        Which markers, on which fluorochromes.
    cytometer : Cytometer
        Model of the instrument.
    run : Run
        Its state.
    n_events : int
        How many.
    biology : Biology
        What the patient was drawn from.
    rng : numpy.random.Generator
        Source of shares of debris and doublets, and of the seed of the events.

    Returns
    -------
    TubePlan
        For `flowml.simulator.events.draw_events`.

    Raises
    ------
    FlowmlError
        If the tube has a marker that no population is described by.
    """
    columns, brightness = _antigens(tube, biology)
    return TubePlan(
        names=patient.looks.names,
        chains=patient.looks.chains,
        neoplastic=patient.disease >= 0,
        weights=_with_debris(patient.weights, float(rng.uniform(*DEBRIS))),
        path=_single(patient.looks.path[:, :, columns] + brightness),
        spread=_single(patient.looks.spread[:, columns]),
        cells=_single(patient.looks.cells[:, columns]),
        negative=_single(biology.levels[NEGATIVE].decades + brightness),
        first_antigen=_first_antigens(tube),
        together=_together(patient.looks, tube),
        autofluorescence=_glow(patient.looks, tube),
        **_scatter(patient.looks),
        **_detectors(tube, cytometer),
        cytometer=cytometer,
        run=run,
        n_events=n_events,
        doublets=float(rng.uniform(*DOUBLETS)),
        seed=tuple(int(word) for word in rng.integers(0, 2**32, size=4)),
    )


def _with_debris(weights: NDArray[np.float64], debris: float) -> NDArray[np.float64]:
    """Return the shares among all events, of which the last look is debris."""
    shares = weights * (1 - debris)
    shares[-1] = debris
    return shares


def _glow(looks: Looks, tube: PanelTube) -> Floats:
    """Return each look's autofluorescence at each detector."""
    of_detectors = [stain.autofluorescence for stain in tube.stains]
    return _single(np.multiply.outer(looks.autofluorescence, of_detectors))


def _scatter(looks: Looks) -> dict[str, Floats]:
    """Return how large and how granular each look is."""
    return {
        name: _single(getattr(looks, name))
        for name in ("scatter", "scatter_spread", "size_to_ssc")
    }


def _detectors(tube: PanelTube, cytometer: Cytometer) -> dict[str, Floats]:
    """Return how noisy the tube's detectors are."""
    noise = np.hypot(cytometer.electronic_noise, [stain.noise for stain in tube.stains])
    return {"photon": _single([stain.photon for stain in tube.stains]), "noise": _single(noise)}


def _antigens(tube: PanelTube, biology: Biology) -> tuple[list[int], NDArray[np.float64]]:
    """Return the columns of a tube's antigens, and the brightness of their fluorochromes."""
    columns, brightness = [], []
    for stain in tube.stains:
        for marker, decades in zip(stain.markers, stain.brightness, strict=True):
            if marker not in biology.markers:
                raise FlowmlError(
                    f"tube {printable(tube.name)} has the marker {printable(marker)}, by which "
                    "no population is described. Add it to those that express it in "
                    "populations.toml."
                )
            columns.append(biology.markers.index(marker))
            brightness.append(decades)
    return columns, np.array(brightness)


def _together(looks: Looks, tube: PanelTube) -> tuple[tuple[tuple[int, int, float], ...], ...]:
    """Return the antigens that go together, of those that the tube has both."""
    place = {marker: column for column, marker in enumerate(tube.markers)}
    return tuple(
        tuple((place[a], place[b], r) for a, b, r in pairs if a in place and b in place)
        for pairs in looks.together
    )


def _first_antigens(tube: PanelTube) -> NDArray[np.int64]:
    numbers = [len(stain.markers) for stain in tube.stains]
    return np.array([0, *np.cumsum(numbers)[:-1]], dtype=np.int64)


def _single(values: NDArray[np.float64] | Sequence[float]) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float32)
