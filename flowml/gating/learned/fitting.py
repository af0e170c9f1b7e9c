"""Training of the network: steps down the log loss (Adam; Kingma & Ba, 2015).

Training cases show what cells of a lineage usually look like; a clone looks otherwise. A part
of the cells of every step is therefore made *aberrant*: in some channels they are moved towards
other cells, by any part of the way, so that no single marker may decide; the lineage stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.gating.learned.drawing import Drawn
from flowml.gating.learned.network import MOST, Network, shares
from flowml.gating.learned.scores import ARTEFACT
from flowml.threads import one_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats32 = NDArray[np.float32]
    Ints = NDArray[np.int64]

DECAYS = 0.9, 0.999  # of the means of the gradient and of its square
OVERSHOOT = 2.0  # half of the moves go all the way; dim expression lies between two lineages
TINY = np.float32(1e-8)


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is trained.

    Parameters
    ----------
    n_hidden : int
        Sums in each hidden layer.
    n_passes : int
        How often every event is seen.
    n_batch : int
        Events of one step.
    rate : float
        Length of the first steps; it falls to 0.
    aberrant : float
        Share of the cells of clonal lineages that are made aberrant.
    most_changed : int
        Channels of an aberrant cell that are changed at most.
    seed : int
        Of weights, order and changes.

    Raises
    ------
    FlowmlError
        If one of them makes no sense.
    """

    n_hidden: int = 48
    n_passes: int = 20
    n_batch: int = 512
    rate: float = 3e-3
    aberrant: float = 0.8
    most_changed: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.n_hidden <= MOST or min(self.n_passes, self.n_batch) < 1:
            raise FlowmlError(
                f"a network of {self.n_hidden} sums, {self.n_passes} passes and batches of "
                f"{self.n_batch} events cannot be; expected 1 to {MOST}, and 1 or more."
            )
        if not 0 < self.rate < np.inf or not 0 <= self.aberrant <= 1:
            raise FlowmlError(
                f"the rate is {self.rate} and the share of aberrant cells {self.aberrant}; "
                "expected a number above 0, and 0 to 1."
            )
        if min(self.most_changed, self.seed) < 0:
            raise FlowmlError(
                f"most_changed is {self.most_changed} and the seed {self.seed}; expected 0 or "
                "more."
            )


def fit_network(events: Drawn, clonal: tuple[int, ...], settings: NetworkSettings) -> Network:
    """Train a network.

    Parameters
    ----------
    events : Drawn
        Values on a display scale, with their classes.
    clonal : tuple of int
        Lineages of which some cells are made aberrant.
    settings : NetworkSettings
        How.

    Returns
    -------
    Network
        The same for the same events and settings.
    """
    rng = np.random.default_rng(settings.seed)
    network = _first(events.rows, events.allowed.shape[1], settings.n_hidden, rng)
    scaled = network.standard(events.rows)
    state = _Adam(network.parts(), settings.rate)
    n_events = len(scaled)
    n_steps = settings.n_passes * -(-n_events // settings.n_batch)
    step = 0
    with one_thread():
        for _ in range(settings.n_passes):
            order = rng.permutation(n_events)
            for start in range(0, n_events, settings.n_batch):
                chosen = order[start : start + settings.n_batch]
                codes = events.codes[chosen]
                batch = scaled[chosen]
                _make_aberrant(batch, np.flatnonzero(np.isin(codes, clonal)), settings, rng)
                step += 1
                slopes = gradient(
                    network, batch, codes, events.weights[chosen], events.allowed[chosen]
                )
                state.move(slopes, step, 1 - step / n_steps)
    return network


def gradient(
    network: Network,
    scaled: Floats32,
    codes: Ints,
    weights: Floats32,
    allowed: NDArray[np.bool_],
) -> dict[str, Floats32]:
    """Return the slope of the mean log loss for every weight.

    Parameters
    ----------
    network : Network
        Where it stands.
    scaled : ndarray, shape (n_events, n_channels), float32
        As `Network.standard` gives them.
    codes : ndarray, shape (n_events,), int64
        Lineage of each event, from 0; `ARTEFACT`.
    weights : ndarray, shape (n_events,), float32
        How much each event counts.
    allowed : ndarray, shape (n_events, n_lineages), bool
        Lineages among which the loss is taken; an event's own is one of them.

    Returns
    -------
    dict of str to ndarray
        By the names of `Network.parts`, without mean and spread.
    """
    first = np.maximum(scaled @ network.weights1 + network.bias1, 0)
    second = np.maximum(first @ network.weights2 + network.bias2, 0)
    artefact, lineages = shares(second @ network.weights3 + network.bias3)
    among = (lineages + np.finfo(np.float32).tiny) * allowed
    among /= among.sum(axis=1, keepdims=True)
    is_cell = codes != ARTEFACT
    error = np.concatenate([(artefact - ~is_cell)[:, None], among], axis=1)
    error[~is_cell, 1:] = 0  # of an artefact no lineage is right or wrong
    error[np.flatnonzero(is_cell), codes[is_cell] + 1] -= 1
    error *= (weights / len(weights))[:, None]
    back2 = (error @ network.weights3.T) * (second > 0)
    back1 = (back2 @ network.weights2.T) * (first > 0)
    return {
        "weights1": scaled.T @ back1,
        "bias1": back1.sum(axis=0),
        "weights2": first.T @ back2,
        "bias2": back2.sum(axis=0),
        "weights3": second.T @ error,
        "bias3": error.sum(axis=0),
    }


class _Adam:
    """Running means of the gradient, and the steps that they give."""

    def __init__(self, parts: dict[str, Floats32], rate: float) -> None:
        self.parts, self.rate = parts, rate
        self.means = {name: np.zeros_like(part) for name, part in parts.items()}
        self.squares = {name: np.zeros_like(part) for name, part in parts.items()}

    def move(self, slopes: dict[str, Floats32], step: int, left: float) -> None:
        """Change the weights in place; `left` is the share of training that is to come."""
        rate = self.rate * left
        slow, fast = (1 - decay**step for decay in DECAYS)
        for name, slope in slopes.items():
            mean, square, part = self.means[name], self.squares[name], self.parts[name]
            mean += (1 - DECAYS[0]) * (slope - mean)
            square += (1 - DECAYS[1]) * (slope * slope - square)
            part -= np.float32(rate / slow) * mean / (np.sqrt(square / fast) + TINY)


def _first(rows: Floats32, n_lineages: int, n_hidden: int, rng: np.random.Generator) -> Network:
    """Return a network of random weights (He et al., 2015) for the scale of these events."""
    spread = rows.std(axis=0, dtype=np.float64)
    sizes = [(rows.shape[1], n_hidden), (n_hidden, n_hidden), (n_hidden, 1 + n_lineages)]
    drawn = [rng.normal(0, np.sqrt(2 / size[0]), size).astype(np.float32) for size in sizes]
    constants = [np.zeros(size[1], np.float32) for size in sizes]
    return Network(
        rows.mean(axis=0, dtype=np.float64).astype(np.float32),
        np.where(spread > 0, spread, 1).astype(np.float32),
        drawn[0], constants[0], drawn[1], constants[1], drawn[2], constants[2],
    )  # fmt: skip


def _make_aberrant(
    batch: Floats32, cells: Ints, settings: NetworkSettings, rng: np.random.Generator
) -> None:
    """Move some cells of a batch, in place, towards others in some of their channels."""
    changed = cells[rng.random(len(cells)) < settings.aberrant]
    for _ in range(settings.most_changed if len(changed) else 0):
        others = rng.choice(cells, len(changed))
        channels = rng.integers(0, batch.shape[1], len(changed))
        own = batch[changed, channels]
        way = np.minimum(1, OVERSHOOT * rng.random(len(changed), np.float32))
        batch[changed, channels] = own + way * (batch[others, channels] - own)
