"""Whether the tubes of a case hold the cells of one person.

The markers that every tube of a panel has (CD45, CD19 and scatter) show the same cells in each:
tubes of one specimen agree in how many there are of each kind, tubes of two persons seldom do.
Kinds are clusters of the pooled cells, so that nothing need be known of panel or disease.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from flowml.findings import Finding, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flowml.gating.rules.cells import Cells

    Floats = NDArray[np.float32]

BACKBONE = ("FSC", "SSC", "CD45", "CD19")  # CD34 and others are on too few cells to tell by
NEEDED = {"FSC", "SSC", "CD45"}
SCATTER_WEIGHT = 4.0  # a decade of scatter parts cells as well as four of an antigen
FLOOR = 2.6  # log10 of reference units; below lies the noise of the detector
N_KINDS, ROUNDS = 12, 15
MOST_SHIFT = 0.06  # decades that gain and staining may differ by between tubes of a day
QUANTILES = np.linspace(0.05, 0.95, 37)
MOST_CELLS, LEAST_CELLS = 4000, 500  # of a tube
BRIGHT = 3.6  # level of CD45 above which leukocytes are looked for
LYMPHOCYTES = 0.35  # share of the leukocytes, those of the lowest SSC, that set the size
SMALLER = 0.25  # decades of FSC below these from which an event is debris
# Development: 450 simulated cases of three panels (seeds 501 and 502), of which one in 200 lies
# above; so do 96 of 100 tubes that another case of the instrument lent to them.
LIMIT = 0.115

DIFFERENT, NOT_ASSESSED = "CASE-PATIENT", "CASE-PATIENT-OPEN"
CODES = {
    DIFFERENT: "tubes of the case do not hold the same cells: another patient's, perhaps",
    NOT_ASSESSED: "whether the tubes are of one patient could not be told",
}


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far the tubes of a case agree in what cells they hold.

    Parameters
    ----------
    names : tuple of str
        Tubes.
    markers : tuple of str
        What all of them measure and were compared by.
    distances : ndarray, shape (n_tubes, n_tubes), float64
        Hellinger's distance of the shares of kinds of cells, what chance brings taken off:
        0 for the same cells, 1 for no kind in common.
    reason : str
        Why nothing was compared; empty if it was.
    """

    names: tuple[str, ...]
    markers: tuple[str, ...]
    distances: NDArray[np.float64]
    reason: str = ""

    @property
    def odd(self) -> tuple[str, ...]:
        """The tubes that do not agree with the most others; of two, both."""
        apart = self.distances > LIMIT
        often = apart.sum(axis=1)
        if not often.any():
            return ()
        most = often == often.max()
        return tuple(name for name, is_odd in zip(self.names, most, strict=True) if is_odd)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be said of it: nothing where all tubes agree."""
        if self.reason:
            text = f"whether all tubes are of one patient cannot be told: {self.reason}"
            return (Finding(NOT_ASSESSED, text, Severity.INFO),)
        if not self.odd:
            return ()
        which = ", ".join(printable(name, 80) for name in self.odd)
        text = (
            f"by {', '.join(self.markers)} the tubes do not hold the same cells (distance up "
            f"to {self.distances.max():.2f}, of one patient seldom above {LIMIT}); "
            f"another patient's, or stained or lysed otherwise: {which}"
        )
        return (Finding(DIFFERENT, text, Severity.REVIEW),)


def compare_tubes(tubes: Sequence[Cells]) -> Agreement:
    """Compare the cells of the tubes of a case.

    Parameters
    ----------
    tubes : sequence of Cells
        Tubes of one case, compensated; `MOST_CELLS` cells of each count at most.

    Returns
    -------
    Agreement
        With a reason where fewer than two tubes, one of the `NEEDED` markers or `LEAST_CELLS`
        cells are there.
    """
    names = tuple(tube.name for tube in tubes)
    markers = tuple(m for m in BACKBONE if all(tube.has(m) for tube in tubes)) if tubes else ()
    none = np.zeros((len(tubes), len(tubes)))
    if len(tubes) < 2:
        return Agreement(names, markers, none, "the case has one tube")
    if lacking := sorted(NEEDED - set(markers)):
        reason = f"not all tubes have {', '.join(lacking)}"
        return Agreement(names, markers, none, reason)
    cells = [_leukocytes(tube, markers) for tube in tubes]
    if min(map(len, cells)) < LEAST_CELLS:
        few = names[int(np.argmin([len(rows) for rows in cells]))]
        reason = f"{printable(few, 80)} has fewer than {LEAST_CELLS} cells"
        return Agreement(names, markers, none, reason)
    numbers = [len(rows) for rows in cells]
    as_measured = _distances(_shares(cells), numbers)
    aligned = _distances(_shares(_aligned(cells, markers)), numbers)
    return Agreement(names, markers, np.minimum(as_measured, aligned))


def _leukocytes(tube: Cells, markers: Sequence[str]) -> Floats:
    """Return intact events in the space in which kinds of cells are told apart."""
    rows = np.column_stack([tube.levels[marker] for marker in markers]).astype(np.float32)
    rows = rows[np.isfinite(rows).all(axis=1)]
    size, side, leukocyte = (markers.index(marker) for marker in ("FSC", "SSC", "CD45"))
    bright = rows[:, leukocyte] > BRIGHT
    among = rows[bright] if bright.sum() >= LEAST_CELLS else rows
    if len(among) == 0:
        return among
    low = among[:, side] <= np.quantile(among[:, side], LYMPHOCYTES)
    rows = rows[rows[:, size] > np.median(among[low, size]) - SMALLER]
    return _weighted(_evenly(rows, MOST_CELLS), markers)


def _evenly(rows: Floats, most: int) -> Floats:
    """Return up to so many cells of the whole run, as a bubble shakes only a part of it."""
    n = min(len(rows), most)
    return rows[np.linspace(0, len(rows) - 1, n).astype(np.int64)] if n else rows


def _weighted(rows: Floats, markers: Sequence[str]) -> Floats:
    weighted = [
        rows[:, n] * np.float32(SCATTER_WEIGHT)
        if marker in {"FSC", "SSC"}
        else np.maximum(rows[:, n], np.float32(FLOOR))
        for n, marker in enumerate(markers)
    ]
    return np.column_stack(weighted)


def _aligned(cells: Sequence[Floats], markers: Sequence[str]) -> list[Floats]:
    """Move the tubes onto each other, as far as gains may differ.

    Tubes that hold other cells may be moved the wrong way: the smaller distance counts. The
    shift of a channel is the median difference of its quantiles from the middle tube's:
    other shares of cells change some quantiles much and the median little.
    """
    curves = np.array([np.quantile(rows, QUANTILES, axis=0) for rows in cells])
    middle = np.median(curves, axis=0)
    shifts = np.median(curves - middle, axis=1)
    weights = [SCATTER_WEIGHT if marker in {"FSC", "SSC"} else 1.0 for marker in markers]
    most = MOST_SHIFT * np.array(weights)
    moved = np.clip(shifts, -most, most).astype(np.float32)
    return [rows - shift for rows, shift in zip(cells, moved, strict=True)]


def _shares(cells: Sequence[Floats]) -> NDArray[np.float64]:
    """Return the share of each kind of cell in each tube, shape (n_tubes, n_kinds)."""
    from scipy.cluster.vq import kmeans2

    n_each = min(map(len, cells))  # every tube counts alike when kinds are sought
    in_order = sorted(cells, key=lambda rows: rows.mean(axis=0).tolist())  # whatever its name
    pooled = np.concatenate([_evenly(rows, n_each) for rows in in_order])
    kinds = np.unique(pooled, axis=0)
    if len(kinds) > N_KINDS:  # else every value is a kind
        kinds, _ = kmeans2(pooled, N_KINDS, iter=ROUNDS, minit="++", rng=0)
    counts = [np.bincount(_nearest(rows, kinds), minlength=N_KINDS) for rows in cells]
    return np.array([count / count.sum() for count in counts])


def _nearest(rows: Floats, kinds: Floats) -> NDArray[np.int64]:
    """Return the kind that each cell is nearest to."""
    squares = (kinds**2).sum(axis=1) - 2 * rows @ kinds.T  # the cells' own squares are alike
    return np.asarray(squares.argmin(axis=1))


def _distances(shares: NDArray[np.float64], n_cells: Sequence[int]) -> NDArray[np.float64]:
    """Return Hellinger's distances, less what chance brings (Pardo, Statistical inference).

    The square of the distance of two samples of one distribution is on average
    (kinds - 1) / 8 * (1 / n + 1 / m).
    """
    found = np.zeros((len(shares), len(shares)))
    for one, other in combinations(range(len(shares)), 2):
        square = ((np.sqrt(shares[one]) - np.sqrt(shares[other])) ** 2).sum() / 2
        chance = (N_KINDS - 1) / 8 * (1 / n_cells[one] + 1 / n_cells[other])
        found[one, other] = found[other, one] = np.sqrt(max(square - chance, 0.0))
    return found
