"""How well compensated set 2 of Beckman Coulter's files reproduces set 1 (docs/reading.md).

Run: python scripts/measure_pairs.py FOLDER [--features FEATURES.csv]. For every pair in the
folder: the median absolute difference in decades between set 2, compensated in four ways, and
log-decoded set 1, over all events: in the worst logarithmic channel, within 40 % to 98 % of set
1's range (what the reader checks), and over all of them together, within 2 % to 98 %.
With a table of published features (mean and SD of arcsinh(x/5) of set 1's stored values), the
largest difference from them, too; `samples.csv` in the folder names each file's subject.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from flowml.fcs import read_fcs
from flowml.fcs.pairs import COMPARED, FEWEST_VALUES, detector

WHOLE = (0.02, 0.98)  # of set 1's range
COLUMNS = ("CD15-FITC", "CD13-PE", "CD45-ECD-4", "CD16-PC5", "CD56-PC7")


def ways(events: np.ndarray, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Compensate in the right way and in three that are wrong."""
    inverse = np.linalg.inv(matrix)
    return {
        "inverse": events @ inverse,
        "transposed": events @ inverse.T,
        "subtraction": events @ (2 * np.eye(len(matrix)) - matrix),
        "none": events,
    }


def measure(path: Path) -> list[tuple[str, list[float]]]:
    """Compare the two sets of a file."""
    one, two = read_fcs(path, dataset=1), read_fcs(path, dataset=2)
    spillover = two.spillover
    if spillover is None:
        return []
    places = [two.column(name) for name in spillover.channels]
    partner = {detector(name): n for n, name in enumerate(spillover.channels)}
    logs = [
        n for n, c in enumerate(one.channels) if c.logarithmic and detector(c.name) in partner
    ]
    span = np.array([float(one.keywords[f"$P{n + 1}R"]) for n in logs])
    share = one.stored[:, logs] / span
    decoded = one.events().astype(np.float64)[:, logs] / [one.channels[n].top for n in logs]
    tops = [two.channels[n].top for n in places]
    columns = [partner[detector(one.channels[n].name)] for n in logs]
    lines = []
    for way, values in ways(
        two.events().astype(np.float64)[:, places], spillover.matrix
    ).items():
        with np.errstate(divide="ignore"):
            apart = np.log10(np.maximum(values / tops, 0)[:, columns]) - np.log10(decoded)
        upper, whole = ((low < share) & (share < high) for low, high in (COMPARED, WHOLE))
        channels = [
            float(np.median(np.abs(column[on])))
            for column, on in zip(apart.T, upper.T, strict=True)
            if on.sum() >= FEWEST_VALUES
        ]
        lines.append((way, [max(channels), float(np.median(np.abs(apart[whole])))]))
    return lines


def from_published(path: Path, row: dict[str, str]) -> float:
    """Return the largest difference from published means and SDs of the five colours."""
    values = np.arcsinh(read_fcs(path, dataset=1).stored[:, 2:7] / 5.0)
    found = np.array([values.mean(axis=0), values.std(axis=0, ddof=1)])
    given = [[float(row[f"{name}_{what}"]) for name in COLUMNS] for what in ("mean", "std")]
    return float(np.abs(found - given).max())


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--features", type=Path)
    given = parser.parse_args()
    files = sorted(p for p in given.folder.iterdir() if p.suffix.lower() in {".fcs", ".lmd"})
    print("| file | way | worst channel, 40 % to 98 % | all, 2 % to 98 % |\n|---|---|---|---|")
    for path in files:
        for way, parts in measure(path):
            print(f"| {path.name} | {way} | " + " | ".join(f"{x:.4f}" for x in parts) + " |")
    if given.features:
        with (given.folder / "samples.csv").open(newline="") as stream:
            subjects = {row["file"]: row["subject"] for row in csv.DictReader(stream)}
        with given.features.open(newline="") as stream:
            rows = {row["subject"]: row for row in csv.DictReader(stream)}
        print(
            "\n| file | subject | largest difference from published features |\n|---|---|---|"
        )
        for path in files:
            apart = from_published(path, rows[subjects[path.name]])
            print(f"| {path.name} | {subjects[path.name]} | {apart:.1e} |")


if __name__ == "__main__":
    main()
