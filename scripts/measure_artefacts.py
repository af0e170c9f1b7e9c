"""How well artefacts are told from cells, by cytometrists' own labels (docs/quality.md).

Run: python scripts/measure_artefacts.py [--data FOLDER] [--part held-out|development|all]
Prints Markdown. Data kind `simulated-from-real`: the EuroFlow lymphocyte tubes. The score knows
no labels; its few numbers were chosen on the donors called development here. Recall is the part
of artefacts that score higher than all but 3 % of the cells: of the same sample ("own cut"), of
all samples together ("pooled cut"), or by the median cut of the development half ("fixed cut",
with the share of cells that it keeps). A donor counts once, however many samples there are;
intervals are percentiles over 2,000 resamplings of donors.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import flowml
from flowml.quality import artefact_score
from flowml.quality.values import open_values

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "euroflow-lst"
RETAINED = 0.97
RESAMPLINGS, SEED = 2000, 40
WAYS = ("scatter alone", "scatter and CD45")
NEW, KNOWN = "held-out", "development"


class Scored(NamedTuple):
    """One sample."""

    donor: str
    artefact: np.ndarray
    scores: tuple[np.ndarray, ...]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV table, compressed or not."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def scored(folder: Path, row: dict[str, str], lineage: dict[str, str]) -> Scored:
    """Score the events of a sample."""
    values = open_values(flowml.read_fcs(folder / row["file"]), "none")
    fsc, ssc = values.scatter("FSC-A"), values.scatter("SSC-A")
    found = [artefact_score(fsc, ssc), artefact_score(fsc, ssc, values.cd45)]
    if any(item is None for item in found):
        raise SystemExit(f"{row['file']}: no cells were found")
    labels = read_table(folder / f"{row['sample_id']}.labels.csv.gz")
    kinds = [lineage[item["population"].strip()] for item in labels]
    artefact = np.array(kinds) == "artefact"
    return Scored(row["donor_group"], artefact, tuple(item.score for item in found))


def halves(samples: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Part the donors: every second of their names, in order, belongs to development."""
    donors = sorted({item.donor for item in samples})
    known = set(donors[::2])
    return {
        KNOWN: [item for item in samples if item.donor in known],
        NEW: [item for item in samples if item.donor not in known],
        "all": list(samples),
    }


def recall_at_own_cut(sample: Scored, way: int) -> float:
    """Return the share of artefacts beyond the cut that keeps 97 % of the sample's cells."""
    score = sample.scores[way]
    cut = np.quantile(score[~sample.artefact], RETAINED)
    return float((score[sample.artefact] > cut).mean())


def fixed_cut(samples: Sequence[Scored], way: int) -> float:
    """Return the median over samples of the cuts that keep 97 % of the cells."""
    cuts = [np.quantile(item.scores[way][~item.artefact], RETAINED) for item in samples]
    return float(np.median(cuts))


def by_donor(donors: Sequence[str], values: Sequence[float]) -> np.ndarray:
    """Return the mean of each donor."""
    found: dict[str, list[float]] = defaultdict(list)
    for donor, value in zip(donors, values, strict=True):
        found[donor].append(value)
    return np.array([np.mean(item) for item in found.values()])


def written(values: np.ndarray) -> str:
    """Write a mean with its interval over donors."""
    rng = np.random.default_rng(SEED)
    drawn = rng.choice(values, size=(RESAMPLINGS, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def line(name: str, way: int, samples: Sequence[Scored], cut: float) -> str:
    """Write a row of the table."""
    donors = [item.donor for item in samples]
    own = by_donor(donors, [recall_at_own_cut(item, way) for item in samples])
    fixed = by_donor(donors, [float((i.scores[way][i.artefact] > cut).mean()) for i in samples])
    kept = by_donor(
        donors, [float((i.scores[way][~i.artefact] <= cut).mean()) for i in samples]
    )
    artefact = np.concatenate([item.artefact for item in samples])
    score = np.concatenate([item.scores[way] for item in samples])
    pooled = float((score[artefact] > np.quantile(score[~artefact], RETAINED)).mean())
    cells = [
        f"{name}, {len(own)} donors", WAYS[way], written(own), f"{own.min():.2f}",
        f"{pooled:.3f}", written(fixed), f"{kept.mean():.3f} ({kept.min():.2f})",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--part", choices=(NEW, KNOWN, "all"), action="append")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        raise SystemExit(
            f"{chosen.data} is not there: the public data stand beside the project."
        )
    lineage = {
        row["population"].strip(): row["lineage"]
        for row in read_table(chosen.data / "populations.csv")
    }
    rows = read_table(chosen.data / "samples.csv")
    parts = halves([scored(chosen.data, row, lineage) for row in rows])
    print(
        "| samples | score | recall, own cut | lowest | recall, pooled cut | recall, fixed cut "
        "| cells kept by it (lowest) |"
    )
    print("|---|---|---|---|---|---|---|")
    for part in chosen.part or (KNOWN, NEW, "all"):
        for way in range(len(WAYS)):
            print(line(part, way, parts[part], fixed_cut(parts[KNOWN], way)))


if __name__ == "__main__":
    main()
