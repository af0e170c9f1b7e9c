"""Which light chain a B cell shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flowml.gating.rules.cuts import (
    CENTRES,
    LEAST_EVENTS,
    clearness,
    density,
    share_interval,
    valley,
)
from flowml.knowledge.rules import Bounds

if TYPE_CHECKING:
    from flowml.gating.rules.cuts import Levels

NEITHER, KAPPA, LAMBDA = 0, 1, 2
SHIFT = 3.0  # so that differences stand on the scale of levels
BORDER = Bounds(SHIFT, SHIFT - 0.7, SHIFT + 0.5)  # of kappa minus lambda; 0 without two modes
FLOOR = 1.9  # level; below, a signal is the noise around zero
CEILING = 2.8  # level; what is brighter is no background, but CD8 in a channel shared with it

QUARTILES = (0.25, 0.5, 0.75)
NARROWEST = 0.05  # decades of an interquartile range

Chains = NDArray[np.int8]


class Counts(NamedTuple):
    """B cells by their light chain.

    Parameters
    ----------
    kappa, lambda_, neither : int
        Cells.
    """

    kappa: int
    lambda_: int
    neither: int

    @property
    def expressing(self) -> int:
        """Cells with a light chain."""
        return self.kappa + self.lambda_

    @property
    def total(self) -> int:
        """All cells."""
        return self.kappa + self.lambda_ + self.neither

    def ratios(self, confidence: float) -> tuple[float, float, float]:
        """Return kappa to lambda, with its interval.

        Parameters
        ----------
        confidence : float
            Such as 0.95, two-sided.

        Returns
        -------
        tuple of float
            The ratio, and its lower and upper bound (Wilson's, of the share of kappa);
            infinite without lambda, NaN without either.
        """
        low, high = share_interval(self.kappa, self.expressing, confidence)
        ratio = self.kappa / self.lambda_ if self.lambda_ else np.inf
        return (ratio if self.expressing else np.nan), _odds(low), _odds(high)


def count(chains: Chains) -> Counts:
    """Count B cells by their light chain.

    Parameters
    ----------
    chains : ndarray, shape (n_cells,), int8
        As `light_chains` returns them.

    Returns
    -------
    Counts
        Of all cells.
    """
    neither, kappa, lambda_ = np.bincount(chains, minlength=3).tolist()
    return Counts(kappa, lambda_, neither)


def background(values: Levels) -> float:
    """Return the level of cells without a marker.

    Parameters
    ----------
    values : ndarray, shape (n_events,), float
        Levels of cells of the sample that do not have it.

    Returns
    -------
    float
        Their mode below `CEILING`, at least `FLOOR`.
    """
    below = values[values < CEILING]
    if len(below) < LEAST_EVENTS:
        return FLOOR
    return max(FLOOR, float(CENTRES[np.argmax(density(below))]))


def light_chains(
    kappa: Levels, lambda_: Levels, backgrounds: tuple[float, float], least: float
) -> Chains:
    """Tell the light chain of each B cell.

    Parameters
    ----------
    kappa, lambda_ : ndarray, shape (n_cells,), float
        Levels.
    backgrounds : tuple of float
        Level of cells without the chain, for either.
    least : float
        Decades above the background from which a chain is expressed.

    Returns
    -------
    ndarray, shape (n_cells,), int8
        `NEITHER`, or the chain that stands out. B cells bind some of the other chain's
        antibody, so that the difference decides and not a cut for each chain.
    """
    expressed = np.maximum(kappa - backgrounds[0], lambda_ - backgrounds[1]) >= least
    difference = kappa - lambda_
    border = valley(difference[expressed] + SHIFT, BORDER).at - SHIFT
    chains = np.where(difference > border, KAPPA, LAMBDA).astype(np.int8)
    chains[~expressed] = NEITHER
    return chains


def parting(kappa: Levels, lambda_: Levels, chains: Chains) -> float:
    """Tell how empty the place between kappa and lambda cells is.

    Parameters
    ----------
    kappa, lambda_ : ndarray, shape (n_cells,), float
        Levels.
    chains : ndarray, shape (n_cells,), int8
        As `light_chains` returns them.

    Returns
    -------
    float
        As `flowml.gating.rules.cuts.clearness` tells it, of kappa minus lambda.
    """
    difference = kappa - lambda_ + SHIFT
    sides = difference[chains == LAMBDA], difference[chains == KAPPA]
    at = BORDER.at
    if min(map(len, sides)):
        at = float(sides[0].max() + sides[1].min()) / 2
    return clearness(difference[chains != NEITHER], at)


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else np.inf


def aligned(values: Levels, chains: Chains) -> Levels:
    """Put the middle and the width of kappa and lambda cells on the same place of a scale.

    Light chains spill into other channels, so that kappa and lambda cells of one kind differ
    a little on every scale. A clone differs from the other cells of its own chain.

    Parameters
    ----------
    values : ndarray, shape (n_cells,), float32
        Levels of one marker.
    chains : ndarray, shape (n_cells,), int8
        Light chain of each cell.

    Returns
    -------
    ndarray, shape (n_cells,), float32
        The median and the interquartile range of either chain moved to those of both.
    """
    moved = values.copy()
    low, middle, high = np.quantile(values, QUARTILES)
    for chain in (KAPPA, LAMBDA):
        own = chains == chain
        if own.sum() >= LEAST_EVENTS:
            first, second, third = np.quantile(values[own], QUARTILES)
            stretch = (high - low) / max(third - first, NARROWEST)
            moved[own] = middle + (values[own] - second) * min(stretch, 1.0)
    return moved
