"""Which events of labelled samples a classifier is trained on, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.gating.learned.scores import ARTEFACT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats32 = NDArray[np.float32]
    Ints = NDArray[np.int64]

# Common classes count by this power of how often they are: 0 would call too much rare, 1 would
# leave rare classes unlearned.
BALANCE = 0.4


@dataclass(frozen=True, eq=False)
class Drawn:
    """Events to train on.

    Parameters
    ----------
    rows : ndarray, shape (n_events, n_channels), float32
        Values.
    codes : ndarray, shape (n_events,), int64
        Lineage, from 0; `ARTEFACT`.
    weights : ndarray, shape (n_events,), float32
        How much each counts; 1 on average.
    allowed : ndarray, shape (n_events, n_lineages), bool
        Lineages that the labels of its sample tell apart.
    """

    rows: Floats32
    codes: Ints
    weights: Floats32
    allowed: NDArray[np.bool_]


def drawn(rows: Floats32, codes: Ints, n_lineages: int, most: int, seed: int) -> Drawn:
    """Draw as many events of every class of a sample, or all where there are fewer.

    Parameters
    ----------
    rows : ndarray, shape (n_events, n_channels), float32
        Labelled events of one sample, all finite.
    codes : ndarray, shape (n_events,), int64
        Lineage, from 0; `ARTEFACT`.
    n_lineages : int
        Number of lineages.
    most : int
        Events of a class at most.
    seed : int
        Of the choice.

    Returns
    -------
    Drawn
        Weights are not yet 1 on average.
    """
    rng = np.random.default_rng(seed)
    kept, weights = [], []
    present = np.unique(codes)
    for code in present:
        own = np.flatnonzero(codes == code)
        chosen = rng.permutation(own)[:most]
        kept.append(chosen)
        weight = (len(own) / len(chosen)) ** BALANCE
        weights.append(np.full(len(chosen), weight, np.float32))
    places = np.concatenate([np.empty(0, np.int64), *kept])
    told = np.isin(np.arange(n_lineages), present)
    allowed = np.tile(told | ~told.any(), (len(places), 1))  # no cell at all: none is excluded
    count = np.concatenate([np.empty(0, np.float32), *weights])
    return Drawn(rows[places], codes[places], count, allowed)


def joined(parts: list[Drawn]) -> Drawn:
    """Put the events of several samples together.

    Parameters
    ----------
    parts : list of Drawn
        One a sample; at least one has an event.

    Returns
    -------
    Drawn
        In the order given.
    """
    weights = np.concatenate([part.weights for part in parts])
    return Drawn(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.codes for part in parts]),
        weights / weights.mean(dtype=np.float64).astype(np.float32),
        np.concatenate([part.allowed for part in parts]),
    )


def coded(labels: NDArray[np.object_], lineages: tuple[str, ...], artefact: str) -> Ints:
    """Turn names of classes into codes.

    Parameters
    ----------
    labels : ndarray, shape (n_events,), object
        Each a lineage or the name of artefacts.
    lineages : tuple of str
        In order of their codes.
    artefact : str
        The class of `ARTEFACT`.

    Returns
    -------
    ndarray, shape (n_events,), int64
        From 0, or `ARTEFACT`.
    """
    known = {artefact: ARTEFACT, **{name: code for code, name in enumerate(lineages)}}
    return np.array([known[name] for name in labels], dtype=np.int64)
