"""Tables of numbers that have nothing to do with FCS files, for all tests."""

from __future__ import annotations

import csv

import numpy as np

COLUMNS = ("CD34 %", "CD45-ECD_mean", "blasts|share")


def rows_of(entities, count=20, seed=3):
    """Return rows of a dict each: an id, a label, and numbers that tell the entities apart."""
    rng = np.random.default_rng(seed)
    return [
        {"subject": f"{entity[:3]}-{n}", "label": entity}
        | {
            column: f"{5 * place * (k + 1) + rng.normal():.4f}"
            for k, column in enumerate(COLUMNS)
        }
        for place, entity in enumerate(entities)
        for n in range(count)
    ]


def written(path, rows, separator=",", decimal="."):
    """Write rows as a table."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=separator)
        writer.writeheader()
        for row in rows:
            cells = {k: v.replace(".", decimal) if k in COLUMNS else v for k, v in row.items()}
            writer.writerow(cells)
    return path
