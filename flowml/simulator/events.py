"""The events of a tube: cells pass the laser, detectors see their light.

Observed = light x spillover, plus noise whose variance grows with the light on the detector:
counting photoelectrons is a Poisson process (Roederer, Cytometry 45:194). Cells of one look are
drawn together, and all are shuffled at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.phenotypes import PATH_STEPS
from flowml.simulator.flow import Flow, draw_flow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.simulator.plan import TubePlan

    Floats = NDArray[np.float32]

LN10 = np.float32(np.log(10.0))
AUTOFLUORESCENCE_SPREAD = 0.10  # decades, between cells
# A larger cell carries more of every antigen and scatters more light, as correlations within
# populations of the LST donors show: of CD45 with FSC 0.3 to 0.45, with SSC 0.4 to 0.55, with
# CD20 of B cells 0.35 to 0.45. One number, the cell's bulk, stands behind all of them.
BULK_TO_SSC = 0.75  # correlation
BULK_TO_ANTIGEN = 0.05  # decades of antigen for a standard deviation of bulk
MOST_SHARED = 0.75  # of an antigen's spread, at most, that bulk brings about
DOUBLET_HEIGHT = (1.00, 1.15)  # FSC-H of two cells in a row, relative to the larger one's
TRAILS = 0.25  # share of a clone's cells with an antigen from which on it trails off
SCATTER_NOISE = 0.004  # relative; of a pulse's area
REFERENCE_TOP = 262_144.0  # end of the scale of reference units


@dataclass(frozen=True, eq=False)
class Events:
    """Events of a tube, in the order of their arrival, with their truth.

    Parameters
    ----------
    scatter : ndarray, shape (n_events, 3), float32
        FSC-A, FSC-H and SSC-A, reference units; not yet cut off at the end of the scale.
    signals : ndarray, shape (n_events, n_detectors), float32
        What the detectors report, reference units, not compensated.
    seconds : ndarray, shape (n_events,), float64
        Times of arrival; never fall.
    look : ndarray, shape (n_events,), int64
        Which of the plan's looks each event has; of a doublet, its first cell's.
    doublet : ndarray, shape (n_events,), bool
        Which events are two cells.
    """

    scatter: Floats
    signals: Floats
    seconds: NDArray[np.float64]
    look: NDArray[np.int64]
    doublet: NDArray[np.bool_]


def draw_events(plan: TubePlan) -> Events:
    """Draw the events of a tube.

    Parameters
    ----------
    plan : TubePlan
        What to draw from.

    Returns
    -------
    Events
        The same for the same plan, on one kind of machine to the last bit.
    """
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(plan.seed)))
    counts = rng.multinomial(plan.n_events, plan.weights)
    order = rng.permutation(plan.n_events)  # order[i]: which drawn cell arrives at place i
    place = np.empty_like(order)
    place[order] = np.arange(plan.n_events)
    flow = draw_flow(plan.run.events_per_second, plan.n_events, rng)
    bulk = rng.standard_normal(plan.n_events, dtype=np.float32)
    scatter = _scatter(plan, counts, bulk, rng)
    light = _light(plan, counts, bulk, rng)
    doublet = _stick(scatter, light, int(counts[:-1].sum()), plan.doublets, rng)
    _pass_the_laser(scatter, light, flow, place)
    signals = _detect(plan, light, rng)
    scatter[:, :2] *= np.float32(plan.run.scatter_gain[0])
    scatter[:, 2] *= np.float32(plan.run.scatter_gain[1])
    look = np.repeat(np.arange(len(counts)), counts)
    return Events(
        scatter.take(order, axis=0),  # quicker than scatter[order]
        signals.take(order, axis=0),
        flow.seconds,
        look.take(order),
        doublet.take(order),
    )


def _scatter(
    plan: TubePlan, counts: NDArray[np.int64], bulk: Floats, rng: np.random.Generator
) -> Floats:
    """Draw FSC-A, FSC-H and SSC-A of single cells."""
    n_events, model = len(bulk), plan.cytometer
    drawn = rng.standard_normal((4, n_events), dtype=np.float32)
    medians = np.repeat(plan.scatter, counts, axis=0)
    spreads = np.repeat(plan.scatter_spread, counts, axis=0)
    to_size = np.minimum(plan.size_to_ssc / np.float32(BULK_TO_SSC), 1)
    size = _correlated(bulk, drawn[3], np.repeat(to_size, counts))
    granularity = _correlated(bulk, drawn[0], np.float32(BULK_TO_SSC))
    values = np.empty((n_events, 3), dtype=np.float32)
    values[:, 0] = _power_of_ten(medians[:, 0] + spreads[:, 0] * size)
    ratio = 1 + np.float32(model.height_spread) * drawn[1]
    values[:, 1] = values[:, 0] * np.float32(model.height_to_area) * ratio
    values[:, 2] = _power_of_ten(medians[:, 1] + spreads[:, 1] * granularity)
    values[:, 0] *= 1 + np.float32(SCATTER_NOISE) * drawn[2]
    return values


def _correlated(bulk: Floats, own: Floats, share: Floats | np.float32) -> Floats:
    """Return standard normal numbers that correlate with `bulk` by `share`."""
    return np.asarray(share * bulk + np.sqrt(1 - share**2) * own)


def _light(
    plan: TubePlan, counts: NDArray[np.int64], bulk: Floats, rng: np.random.Generator
) -> Floats:
    """Draw the light of each fluorochrome of single cells, autofluorescence included."""
    decades = rng.standard_normal((len(bulk), plan.negative.size), dtype=np.float32)
    stops = np.cumsum(counts).tolist()
    for look, (start, stop) in enumerate(zip([0, *stops], stops, strict=False)):
        if stop > start:
            _express(plan, look, bulk[start:stop], decades[start:stop], rng)
    light = _power_of_ten(decades, out=decades)
    light = _summed(light, plan.first_antigen)
    strength = _power_of_ten(
        np.float32(AUTOFLUORESCENCE_SPREAD) * rng.standard_normal(len(light), dtype=np.float32)
    )
    own = np.repeat(plan.autofluorescence, counts, axis=0)
    own *= strength[:, np.newaxis]
    light += own
    return light


def _summed(light: Floats, first: NDArray[np.int64]) -> Floats:
    """Add up the antigens that one detector sees; `np.add.reduceat` is six times slower."""
    if light.shape[1] == first.size:
        return light
    summed = light.take(first, axis=1)
    owner = np.searchsorted(first, np.arange(light.shape[1]), side="right") - 1
    for antigen in np.setdiff1d(np.arange(light.shape[1]), first):
        summed[:, owner[antigen]] += light[:, antigen]
    return summed


def _express(
    plan: TubePlan, look: int, bulk: Floats, drawn: Floats, rng: np.random.Generator
) -> None:
    """Turn standard normal numbers into log10 of the antigen signals of one look, in place."""
    for first, second, correlation in plan.together[look]:
        drawn[:, second] *= np.float32(np.sqrt(1 - correlation**2))
        drawn[:, second] += np.float32(correlation) * drawn[:, first]
    spread = plan.spread[look]
    shared = np.minimum(np.float32(BULK_TO_ANTIGEN), np.float32(MOST_SHARED) * spread)
    drawn *= np.sqrt(spread**2 - shared**2)
    drawn += bulk[:, np.newaxis] * shared
    path = plan.path[look]
    if (path == path[0]).all():
        medians = np.broadcast_to(path[0], drawn.shape)
    else:
        medians = _along_path(path, rng.random(len(drawn), dtype=np.float32))
    drawn += medians
    _lose(plan, look, drawn, medians, rng)


def _lose(
    plan: TubePlan, look: int, drawn: Floats, medians: Floats, rng: np.random.Generator
) -> None:
    """Take antigens away from the cells that do not express them, in place.

    Normal cells have an antigen or do not. In a clone that expresses it in part it trails off
    from its median to negative.
    """
    for antigen in np.flatnonzero(plan.cells[look] < 1):
        without = rng.random(len(drawn), dtype=np.float32) >= plan.cells[look, antigen]
        trails = plan.neoplastic[look] and plan.cells[look, antigen] >= TRAILS
        way = rng.random(int(without.sum()), dtype=np.float32) if trails else np.float32(1)
        drawn[without, antigen] += way * (plan.negative[antigen] - medians[without, antigen])


def _along_path(path: Floats, point: Floats) -> Floats:
    """Return each cell's median log10 signal, at its own point of maturation."""
    place = point * np.float32(PATH_STEPS - 1)
    step = np.minimum(place.astype(np.int64), PATH_STEPS - 2)
    part = (place - step).astype(np.float32)[:, np.newaxis]
    return np.asarray(path[step] * (1 - part) + path[step + 1] * part)


def _stick(
    scatter: Floats, light: Floats, n_intact: int, share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Turn a share of the events into doublets of intact cells, in place; return which.

    Area and light of two cells add up; the height stays about that of the larger one. Intact
    cells stand first.
    """
    doublet = np.zeros(len(scatter), dtype=np.bool_)
    count = min(int(rng.binomial(len(scatter), share)), n_intact)
    if count == 0:
        return doublet
    first = rng.choice(n_intact, size=count, replace=False, shuffle=False)
    second = rng.integers(0, n_intact, size=count)
    height = np.maximum(scatter[first, 1], scatter[second, 1])
    scatter[first] = scatter[first] + scatter[second]
    scatter[first, 1] = height * rng.uniform(*DOUBLET_HEIGHT, size=count)
    light[first] = light[first] + light[second]
    doublet[first] = True
    return doublet


def _pass_the_laser(
    scatter: Floats, light: Floats, flow: Flow, place: NDArray[np.int64]
) -> None:
    """Let every pulse be as strong as the alignment was when its cell passed, in place."""
    strength = flow.strength[place][:, np.newaxis]
    scatter *= strength
    light *= strength


def _detect(plan: TubePlan, light: Floats, rng: np.random.Generator) -> Floats:
    """Add gain, spillover and noise, and use the light up.

    Coefficients hold for the gains as they were set.
    """
    gain = plan.run.gain.astype(np.float32)
    light *= gain
    observed: Floats = light @ plan.run.spilled.astype(np.float32)
    photon = plan.photon * gain
    noise = rng.standard_normal(observed.shape, dtype=np.float32)
    deviation = np.maximum(observed, 0, out=light)  # in the memory of what is used up
    deviation *= photon
    deviation += plan.noise**2
    np.sqrt(deviation, out=deviation)
    deviation *= plan.run.noise.astype(np.float32)
    noise *= deviation
    observed += noise
    return observed


def _power_of_ten(decades: Floats, out: Floats | None = None) -> Floats:
    """Return 10 to the power of `decades`; the exponential is the quickest way in float32."""
    return np.asarray(np.exp(np.multiply(decades, LN10, out=out), out=out), dtype=np.float32)
