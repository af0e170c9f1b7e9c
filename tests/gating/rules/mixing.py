"""Tubes made by hand: populations at given levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flowml.gating.rules.cells import Cells
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook

Population = tuple[int, Mapping[str, float]]

NOTHING = 2.0  # level of a marker that a population does not have
SPREAD = 0.08
LYMPHOCYTES = {"FSC": 4.7, "SSC": 4.4, "CD45": 4.2, "CD3": 4.2, "cyCD3": 4.35, "CD7": 3.7}
NEUTROPHILS = {
    "FSC": 5.0, "SSC": 5.15, "CD45": 3.85, "CD33": 3.0, "CD11b": 4.2, "CD16": 4.4, "CD10": 3.3,
    "MPO": 4.65, "CD15": 4.3,
}  # fmt: skip


def tube(
    markers: str, *populations: Population, name: str = "1", specimen: str = ""
) -> RuleTube:
    """Mix populations into a tube with some markers; scatter is always measured."""
    rng = np.random.default_rng(5)
    columns = ["FSC", "SSC", *markers.split()]
    levels = {
        column: np.concatenate(
            [
                rng.normal(look.get(column, NOTHING), SPREAD, count)
                for count, look in populations
            ]
        ).astype(np.float32)
        for column in columns
    }
    total = sum(count for count, _ in populations)
    return RuleTube(Cells(name, levels, total), load_rulebook(), specimen)


def without(tube: RuleTube, *markers: str) -> RuleTube:
    """Leave markers out of a tube."""
    levels = {key: value for key, value in tube.cells.levels.items() if key not in markers}
    return RuleTube(Cells(tube.name, levels, tube.cells.n_events), tube.book, tube.specimen)
