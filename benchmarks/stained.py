"""Stained tubes to measure with: populations, spillover, noise, and a matrix to undo it by.

Six populations, each with levels of its own in ten detectors, log-normal spread; what one
fluorochrome gives to the other detectors is added, and noise, so that compensated values of
what is negative lie around zero. Levels and matrix differ from file to file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from files import CHANNELS, before_data

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator as Rng
    from numpy.typing import NDArray

FIRST, LAST = 3, 13  # the fluorochromes' detectors, among the channels
DETECTORS = CHANNELS[FIRST:LAST]
MARKERS = tuple(marker for _, marker in DETECTORS)
TOP = 262144
SHARES = (0.4, 0.25, 0.15, 0.1, 0.06, 0.04)  # of the populations
DECADES = (1.0, 4.6)  # levels of stained populations
UNSTAINED = 0.4  # chance that a population lacks a marker
SPREAD, NOISE, MOST_SPILLOVER = 0.35, 60.0, 0.12
AT_A_TIME = 100_000  # events


def write_stained(path: Path, n_events: int, seed: int) -> None:
    """Write a tube, float32, most significant byte first.

    Parameters
    ----------
    path : Path
        To be written.
    n_events : int
        How many.
    seed : int
        Another one gives other populations, another matrix and other events.
    """
    rng = np.random.default_rng(seed)
    n = len(DETECTORS)
    levels = 10 ** rng.uniform(*DECADES, (len(SHARES), n))
    levels[rng.random(levels.shape) < UNSTAINED] = 0
    scatter = rng.uniform(20_000, 200_000, (len(SHARES), 2))
    matrix = np.round(rng.uniform(0, MOST_SPILLOVER, (n, n)), 4)
    np.fill_diagonal(matrix, 1)
    with path.open("wb") as file:
        file.write(before_data(_keywords(matrix), n_events, 4 * len(CHANNELS) * n_events))
        for start in range(0, n_events, AT_A_TIME):
            count = min(AT_A_TIME, n_events - start)
            file.write(_events(rng, levels, scatter, matrix, start, count).tobytes())


def write_folder(folder: Path, n_files: int, n_events: int) -> None:
    """Write several tubes, each a case of its own."""
    for i in range(n_files):
        write_stained(folder / f"tube{i:05d}.fcs", n_events, seed=i)


def _events(
    rng: Rng,
    levels: NDArray[Any],
    scatter: NDArray[Any],
    matrix: NDArray[Any],
    start: int,
    count: int,
) -> NDArray[Any]:
    """Return some events, shape (count, 14)."""
    of = rng.choice(len(SHARES), count, p=SHARES)
    bright = levels[of] * np.exp(rng.standard_normal((count, len(DETECTORS))) * SPREAD)
    values = np.empty((count, len(CHANNELS)))
    values[:, FIRST:LAST] = bright @ matrix + rng.standard_normal(bright.shape) * NOISE
    values[:, 0] = scatter[of, 0] * np.exp(rng.standard_normal(count) * 0.2)
    values[:, 1] = values[:, 0] * 0.9
    values[:, 2] = scatter[of, 1] * np.exp(rng.standard_normal(count) * 0.3)
    values[:, :LAST] = np.minimum(values[:, :LAST], TOP - 1)
    values[:, -1] = np.arange(start, start + count) / 1000
    return values.astype(">f4")


def _keywords(matrix: NDArray[Any]) -> dict[str, str]:
    """Return the keywords of the channels and of their spillover."""
    names = ",".join(name for name, _ in DETECTORS)
    numbers = ",".join(f"{value:g}" for value in matrix.ravel())
    pairs = {
        "$DATATYPE": "F", "$BYTEORD": "4,3,2,1",
        "$SPILLOVER": f"{len(DETECTORS)},{names},{numbers}",
    }  # fmt: skip
    for i, (name, marker) in enumerate(CHANNELS, start=1):
        more = {f"$P{i}S": marker} if marker else {}
        pairs |= {f"$P{i}B": "32", f"$P{i}R": str(TOP), f"$P{i}E": "0,0", f"$P{i}N": name}
        pairs |= more
    return pairs
