"""How well automatic gates agree with cytometrists, and with what was simulated.

Run: python scripts/measure_gates.py [FOLDER]
Prints the tables of docs/automatic_gates.md; those of clones: scripts/measure_clones.py. FOLDER
holds the EuroFlow lymphocyte tubes: data kind `simulated-from-real`. Their values are put back
on the linear scale. A donor counts once, by its first sample. Donors with an odd number are
those on which thresholds were set; shares with Wilson's 95 % intervals.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import flowml
from flowml.gating.automatic import gate_tube
from flowml.gating.automatic.maturity import EARLY, LATE
from flowml.gating.populations import Populations
from flowml.gating.rules.cells import Cells, open_cells
from flowml.gating.rules.cuts import share_interval
from flowml.simulator import Truth, truth_of

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "gating" / "rules"))
from lst import labelled, rows  # noqa: E402 - stands among the tests, which use it too

DATA = ROOT.parent / "shared" / "data" / "euroflow-lst"
LEAST_EVENTS = 20  # of a population by the cytometrist, to be held against it
RIGHT = 0.9  # F1 from which on a gate is called right
SEED = 20261130
CASES = 10  # simulated, of each kind
SIMULATED_GRANULOCYTES = ("neutrophils", "eosinophils", "immature granulocytes")
SIMULATED_MONOCYTES = ("monocytes", "immature monocytes", "myeloid dendritic cells")
ACUTE = ("AML", "APL", "B-ALL")
TELLING = (EARLY, *LATE)  # markers of maturity
LYMPHOID = ("T", "B", "B-clone", "NK")
# the cytometrists' lineages or names that a population is held against
LINEAGES = {
    "cells": (),  # all but artefacts
    "debris": ("artefact",),
    "CD45+ low SSC": (*LYMPHOID, "plasma_cell"),
    "lymphocytes": LYMPHOID,
    "monocytes": ("monocyte", "dendritic"),
    "granulocytes": ("neutrophil", "eosinophil"),
    "B cells": ("B", "B-clone", "plasma_cell"),
    "T cells": ("T",),
}
NAMES = {
    "B cells kappa": ("Mature SIg Kappa", "Abnormal SIg Kappa"),
    "B cells lambda": ("Mature SIg Lambda", "Abnormal SIg Lambda"),
    "CD4 T cells": ("CD4+CD8-", "CD4+CD8negativo"),
    "CD8 T cells": ("CD8+CD4-", "CD8+CD4-CD5+", "CD8+CD4-CD5-"),
}


class Tube(NamedTuple):
    """One sample, opened."""

    name: str
    diagnosis: str
    cells: Cells
    names: np.ndarray
    lineages: np.ndarray

    @property
    def is_development(self) -> bool:
        """Whether thresholds were set on it; the patients had no part in it."""
        return self.diagnosis == "HD" and int(self.name[-2:]) % 2 == 1


class Agreement(NamedTuple):
    """One population of one sample against its cytometrist."""

    recall: float
    precision: float
    sure: bool

    @property
    def right(self) -> bool:
        """Whether recall and precision together are high."""
        both = self.recall + self.precision
        return both > 0 and 2 * self.recall * self.precision / both >= RIGHT


def asked_folder(about: str) -> Path:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    return parser.parse_args().folder


def opened(folder: Path) -> list[Tube]:
    """Open one sample of every donor and patient."""
    with (folder / "populations.csv").open(encoding="utf-8") as stream:
        lineage = {row["population"]: row["lineage"] for row in csv.DictReader(stream)}
    tubes = []
    for row in rows(folder):
        if row["donor_group"] == row["sample_id"]:
            sample, names = labelled(folder / row["file"])
            lineages = np.array([lineage[name] for name in names])
            cells = open_cells(sample)
            tubes.append(Tube(row["sample_id"], row["diagnosis"], cells, names, lineages))
    return tubes


def truth(tube: Tube, population: str) -> np.ndarray:
    """Say which events the cytometrist gave to a population."""
    if population in NAMES:
        return np.isin(tube.names, NAMES[population])
    if population == "cells":
        return tube.lineages != "artefact"
    return np.isin(tube.lineages, LINEAGES[population])


def agreements(tube: Tube, found: Populations) -> Iterator[tuple[str, Agreement]]:
    """Hold every population against the cytometrist, where there are enough events."""
    for population in (*LINEAGES, *NAMES):
        true, own = truth(tube, population), found.masks[population]
        if true.sum() >= LEAST_EVENTS:
            both = int((true & own).sum())
            yield (
                population,
                Agreement(
                    both / true.sum(), both / max(own.sum(), 1), found.is_sure(population)
                ),
            )


def written(hits: int, total: int) -> str:
    """Write a share with its interval."""
    low, high = share_interval(hits, total, 0.95)
    return f"{hits} of {total} ({100 * low:.0f} to {100 * high:.0f} %)"


def spread(values: Sequence[float]) -> str:
    """Write the median and the lowest of some shares."""
    return f"{np.median(values):.3f} ({min(values):.3f})"


def print_agreement(title: str, tubes: Sequence[Tube]) -> None:
    """Print how gates agree with cytometrists."""
    found: dict[str, list[Agreement]] = {name: [] for name in (*LINEAGES, *NAMES)}
    for tube in tubes:
        for population, agreement in agreements(tube, gate_tube(tube.cells)):
            found[population].append(agreement)
    print_table(f"{title}, {len(tubes)} samples", found)


def print_table(title: str, found: dict[str, list[Agreement]]) -> None:
    """Print recall, precision and what the scores said."""
    print(f"\n**{title}**; median (lowest)\n")
    print(
        "| population | samples | recall | precision | sure | right, of the sure "
        "| wrong, of the not sure |\n|---|---|---|---|---|---|---|"
    )
    for population, each in found.items():
        if not each:
            continue
        sure, unsure = ([a for a in each if a.sure is state] for state in (True, False))
        cells = (
            spread([a.recall for a in each]),
            spread([a.precision for a in each]),
            str(len(sure)),
            f"{sum(a.right for a in sure)} of {len(sure)}",
            f"{sum(not a.right for a in unsure)} of {len(unsure)}",
        )
        print(f"| {population} | {len(each)} | {' | '.join(cells)} |")
    every = [a for each in found.values() for a in each]
    sure, wrong = [a for a in every if a.sure], [a for a in every if not a.right]
    print(f"\nSure ones that are right: {written(sum(a.right for a in sure), len(sure))}. ")
    print(
        f"Wrong ones that are warned of: {written(sum(not a.sure for a in wrong), len(wrong))}."
    )


def simulated_truth(truth: Truth, *, acute: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the events of each population of a simulated tube."""
    names, intact = truth.population, truth.intact
    yield "singlets", ~truth.doublet
    yield "debris", names == "debris"
    yield "cells", intact
    yield "granulocytes", intact & np.isin(names, SIMULATED_GRANULOCYTES)
    yield "T cells", intact & np.char.endswith(names, "T cells")
    yield "monocytes", intact & np.isin(names, SIMULATED_MONOCYTES)
    if acute:
        yield "blasts", intact & (truth.neoplastic | (names == "myeloid blasts"))


def simulated(
    panel: str, entity: str, cases: int, seed: int
) -> Iterator[tuple[str, bool, Agreement]]:
    """Yield every population of simulated tubes, and whether the tube tells maturity."""
    for case in flowml.simulate(panel, entities=entity, cases=cases, events=10_000, seed=seed):
        for tube in case.tubes:
            own = flowml.auto_gate(tube.origin)
            tells = not set(TELLING).isdisjoint(open_cells(tube.origin).levels)
            for name, true in simulated_truth(truth_of(tube.origin), acute=entity in ACUTE):
                if name in own.masks and true.sum() >= LEAST_EVENTS:
                    both = int((true & own.masks[name]).sum())
                    shares = both / true.sum(), both / max(own.masks[name].sum(), 1)
                    yield name, tells, Agreement(*shares, own.is_sure(name))


def print_simulated(panel: str, entity: str) -> None:
    """Hold the gates against what was drawn."""
    found: dict[str, list[Agreement]] = {}
    for name, _, agreement in simulated(panel, entity, CASES, SEED):
        found.setdefault(name, []).append(agreement)
    print_table(f"{entity} on the panel {panel}, {CASES} simulated cases, each tube", found)


def print_maturity() -> None:
    """Print how often wrong granulocytes are warned of, by what the tube can tell."""
    markers = ", ".join(TELLING)
    print(
        f"\n**Granulocytes on the panel acute, {2 * CASES} simulated cases of each kind**\n\n"
        f"| cases | wrong, warned of; tubes with any of {markers} | right and sure | wrong, "
        "warned of; other tubes | right and sure |\n|---|---|---|---|---|"
    )
    for entity in ("APL", "AML", "MDS", "CML", "reactive", "normal"):
        seen = [
            (tells, agreement)
            for name, tells, agreement in simulated("acute", entity, 2 * CASES, SEED + 1)
            if name == "granulocytes"
        ]
        counts = []
        for kept in (True, False):
            wrong = [not a.sure for tells, a in seen if tells is kept and not a.right]
            right = [a.sure for tells, a in seen if tells is kept and a.right]
            halves = (wrong, right)
            counts += [written(sum(each), len(each)) if each else "-" for each in halves]
        print(f"| {entity} | {' | '.join(counts)} |")


def spoilt(cells: Cells, change: Callable[[dict[str, np.ndarray]], None]) -> Cells:
    """Return a copy of a tube with levels that were changed."""
    levels = {key: values.copy() for key, values in cells.levels.items()}
    change(levels)
    return Cells(cells.name, levels, cells.n_events)


def swap(one: str, other: str) -> Callable[[dict[str, np.ndarray]], None]:
    """Return a change that gives two channels each other's values."""

    def change(levels: dict[str, np.ndarray]) -> None:
        levels[one], levels[other] = levels[other], levels[one]

    return change


def print_warnings(folder: Path, tubes: Sequence[Tube]) -> None:
    """Print how many populations are sure where something is wrong with the whole tube."""
    print(
        "\n**Tubes that are wrong as a whole**\n\n"
        "| what | lymphocytes not sure | T cells not sure |\n|---|---|---|"
    )
    as_they_stand = [
        gate_tube(open_cells(flowml.read_fcs(folder / f"{tube.name}.fcs"))) for tube in tubes
    ]
    few = [without_lymphocytes(tube) for tube in tubes]
    cases = {
        "display scale taken for linear": as_they_stand,
        "all but 0.2 % of lymphocytes taken out": [gate_tube(cells) for cells in few],
        "CD45 and CD3 exchanged": [
            gate_tube(spoilt(t.cells, swap("CD45", "CD3"))) for t in tubes
        ],
        "FSC and SSC exchanged": [
            gate_tube(spoilt(t.cells, swap("FSC", "SSC"))) for t in tubes
        ],
    }
    for what, found in cases.items():
        counts = (
            written(sum(not p.is_sure(name) for p in found if name in p.masks), len(found))
            for name in ("lymphocytes", "T cells")
        )
        print(f"| {what} | {' | '.join(counts)} |")


def without_lymphocytes(tube: Tube) -> Cells:
    """Take nearly all lymphocytes out of a tube."""
    rng = np.random.default_rng(SEED)
    kept = ~np.isin(tube.lineages, LYMPHOID) | (rng.random(len(tube.lineages)) < 0.002)
    levels = {key: values[kept] for key, values in tube.cells.levels.items()}
    return Cells(tube.name, levels, int(kept.sum()))


def main() -> None:
    """Print all tables."""
    folder = asked_folder(__doc__)
    tubes = opened(folder)
    donors = [tube for tube in tubes if tube.diagnosis == "HD"]
    patients = [tube for tube in tubes if tube.diagnosis != "HD"]
    print_agreement("Other donors", [d for d in donors if not d.is_development])
    print_agreement("Donors of development", [d for d in donors if d.is_development])
    print_agreement("Patients", patients)
    print_warnings(folder, tubes)
    for entity in ("normal", *ACUTE):
        print_simulated("acute", entity)
    print_simulated("cll-9f", "CLL")
    print_maturity()


if __name__ == "__main__":
    main()
