"""Feature tables of plain numbers, in memory."""

from __future__ import annotations

import numpy as np

from flowml.features import CaseFeatures, FeatureTable, TubeRead

EMPTY = np.empty(0, np.float32)


def row(case_id, problem="", *tubes):
    return CaseFeatures(case_id, (), EMPTY, (), tubes, problem)


def tube(name="a.fcs", **more):
    return TubeRead(name, more.pop("sha256", ""), more.pop("n_events", 100), **more)


def table_of(values, cases=None):
    """Return a table of these values, whose columns are called f0, f1, ..."""
    numbers = np.asarray(values, dtype=np.float32)
    rows = cases or [row(f"c{n}") for n in range(len(numbers))]
    names = tuple(f"CD{n + 1}|mean" for n in range(numbers.shape[1]))
    return FeatureTable(names, numbers, tuple(rows), None)


def told_apart(n=60, entities=("CLL", "AML", "normal"), seed=0, strength=3.0, columns=4):
    """Return a table whose first columns tell the entity, and its labels."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % len(entities)
    values = rng.normal(size=(n, columns))
    values[np.arange(n), codes] += strength
    return table_of(values), [entities[code] for code in codes]
