"""Cells of a patient as they pass the laser: light before any detector has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.phenotypes import PATH_STEPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.simulator import TubeDesign
    from flowml.simulate.patient import Patient

    Floats = NDArray[np.float32]

LN10 = np.float32(np.log(10.0))
AUTOFLUORESCENCE_SPREAD = 0.10  # decades, between cells
SIZE_TO_ANTIGEN = (
    1.5  # a larger cell carries more antigen: surface goes with size to the 2/3..2
)
SIZE_TO_SSC = 0.4  # part of the spread of SSC that goes with size
DOUBLET_HEIGHT = (1.00, 1.15)  # FSC-H of two cells in a row, relative to the larger one's


@dataclass(frozen=True, eq=False)
class Cells:
    """Events with their truth.

    Parameters
    ----------
    look : ndarray, shape (n_events,), int64
        Which of the patient's looks each event has; of a doublet, its first cell's.
    doublet : ndarray, shape (n_events,), bool
        Which events are two cells.
    scatter : ndarray, shape (n_events, 3), float32
        FSC-A, FSC-H, SSC-A before the instrument.
    light : ndarray, shape (n_events, n_detectors), float32
        Antigen signal and autofluorescence of each fluorochrome, before spillover, gain and
        noise; channel units.
    """

    look: NDArray[np.int64]
    doublet: NDArray[np.bool_]
    scatter: Floats
    light: Floats


def draw_cells(
    patient: Patient, tube: TubeDesign, n_events: int, rng: np.random.Generator
) -> Cells:
    """Draw the events of a tube.

    Parameters
    ----------
    patient : Patient
        Whose cells.
    tube : TubeDesign
        Fluorochromes, and shares of debris and doublets.
    n_events : int
        How many.
    rng : numpy.random.Generator
        Source of every draw.

    Returns
    -------
    Cells
        In random order.
    """
    weights = patient.weights.copy()
    debris = rng.uniform(*tube.debris)
    weights *= 1 - debris
    weights[-1] = debris
    look = rng.choice(len(weights), size=n_events, p=weights)
    size = rng.standard_normal(n_events, dtype=np.float32)
    scatter = _scatter(patient, look, size, tube, rng)
    light = _light(patient, look, size, tube, rng)
    doublet = _stick(scatter, light, look < len(weights) - 1, rng.uniform(*tube.doublets), rng)
    return Cells(look, doublet, scatter, light)


def _scatter(
    patient: Patient,
    look: NDArray[np.int64],
    size: Floats,
    tube: TubeDesign,
    rng: np.random.Generator,
) -> Floats:
    """Draw FSC-A, FSC-H and SSC-A of single cells."""
    medians = np.array([item.scatter for item in patient.looks], dtype=np.float32)
    spreads = np.array([item.scatter_spread for item in patient.looks], dtype=np.float32)
    drawn = rng.standard_normal((len(look), 2), dtype=np.float32)
    own = np.float32(np.sqrt(1 - SIZE_TO_SSC**2))
    granularity = np.float32(SIZE_TO_SSC) * size + own * drawn[:, 0]
    values = np.empty((len(look), 3), dtype=np.float32)
    values[:, 0] = _power_of_ten(medians[look, 0] + spreads[look, 0] * size)
    ratio = 1 + np.float32(tube.height_spread) * drawn[:, 1]
    values[:, 1] = values[:, 0] * np.float32(tube.height_to_area) * ratio
    values[:, 2] = _power_of_ten(medians[look, 1] + spreads[look, 1] * granularity)
    return values


def _light(
    patient: Patient,
    look: NDArray[np.int64],
    size: Floats,
    tube: TubeDesign,
    rng: np.random.Generator,
) -> Floats:
    """Draw each fluorochrome's signal of single cells, autofluorescence included."""
    shape = (len(look), len(tube.detectors))
    spread = np.array([item.spread for item in patient.looks], dtype=np.float32)
    cells = np.array([item.cells for item in patient.looks], dtype=np.float32)
    decades = _along_path(patient, look, rng)
    expressing = rng.random(shape, dtype=np.float32) < cells[look]
    decades = np.where(expressing, decades, np.float32(patient.negative))
    decades += spread[look] * rng.standard_normal(shape, dtype=np.float32)
    fsc_spread = np.array([item.scatter_spread[0] for item in patient.looks], dtype=np.float32)
    decades += (np.float32(SIZE_TO_ANTIGEN) * fsc_spread[look] * size)[:, np.newaxis]
    decades += np.array([item.brightness for item in tube.detectors], dtype=np.float32)
    return _power_of_ten(decades) + _autofluorescence(patient, look, tube, rng)


def _along_path(patient: Patient, look: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Return each cell's median log10 signal, at its own point of maturation."""
    path = np.array([item.decades for item in patient.looks], dtype=np.float32)
    point = rng.random(len(look), dtype=np.float32) * np.float32(PATH_STEPS - 1)
    step = np.minimum(point.astype(np.int64), PATH_STEPS - 2)
    part = (point - step).astype(np.float32)[:, np.newaxis]
    young, older = path[look, step], path[look, step + 1]
    return np.asarray(young + part * (older - young))


def _autofluorescence(
    patient: Patient, look: NDArray[np.int64], tube: TubeDesign, rng: np.random.Generator
) -> Floats:
    """Draw what each cell shines by itself: one strength a cell, on all detectors."""
    factor = np.array([item.autofluorescence for item in patient.looks], dtype=np.float32)
    drawn = rng.standard_normal(len(look), dtype=np.float32)
    strength = factor[look] * _power_of_ten(np.float32(AUTOFLUORESCENCE_SPREAD) * drawn)
    medians = np.array([item.autofluorescence for item in tube.detectors], dtype=np.float32)
    return np.asarray(np.multiply.outer(strength, medians))


def _stick(
    scatter: Floats,
    light: Floats,
    intact: NDArray[np.bool_],
    share: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Turn a share of the intact events into doublets, in place; return which.

    Area and light of two cells add up; the height stays about that of the larger one.
    """
    candidates = np.flatnonzero(intact)
    doublet = np.zeros(len(intact), dtype=np.bool_)
    if candidates.size == 0:
        return doublet
    count = min(int(rng.binomial(len(intact), share)), candidates.size)
    first = rng.choice(candidates, size=count, replace=False)
    second = rng.choice(candidates, size=count)
    height = np.maximum(scatter[first, 1], scatter[second, 1])
    scatter[first] = scatter[first] + scatter[second]
    scatter[first, 1] = height * rng.uniform(*DOUBLET_HEIGHT, size=count)
    light[first] = light[first] + light[second]
    doublet[first] = True
    return doublet


def _power_of_ten(decades: Floats) -> Floats:
    """Return 10 to the power of `decades`; the exponential is the quickest way in float32."""
    return np.asarray(np.exp(decades * LN10), dtype=np.float32)
