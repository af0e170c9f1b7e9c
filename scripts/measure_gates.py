"""How well automatic gates agree with cytometrists, and from what size a clone is seen.

Run: python scripts/measure_gates.py [FOLDER]
Prints the tables of docs/automatic_gates.md. FOLDER holds the EuroFlow lymphocyte tubes: data
kind `simulated-from-real`, clones mixed into donors `resampled`. Their values are put back on
the linear scale. A donor counts once, by its first sample. Donors with an odd number are those
on which thresholds were set; shares with Wilson's 95 % intervals.
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
from flowml.gating.rules.clones import clones_once
from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.light_chains import light_chain_finding
from flowml.gating.rules.small_groups import find_group
from flowml.gating.rules.staining import stained_once
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook
from flowml.simulator import Truth, truth_of

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "gating" / "rules"))
from lst import labelled, rows  # noqa: E402 - stands among the tests, which use it too

DATA = ROOT.parent / "shared" / "data" / "euroflow-lst"
LEAST_EVENTS = 20  # of a population by the cytometrist, to be held against it
RIGHT = 0.9  # F1 from which on a gate is called right
SHARES = (0.01, 0.005, 0.0025, 0.001)
SEED = 20261130
CASES = 10  # simulated, of each kind
SIMULATED_GRANULOCYTES = ("neutrophils", "eosinophils", "immature granulocytes")
SIMULATED_MONOCYTES = ("monocytes", "immature monocytes", "myeloid dendritic cells")
ACUTE = ("AML", "APL", "B-ALL")
TELLING = (EARLY, *LATE)  # markers of maturity
DESCRIBED = "group_events"  # a number of the finding, where a small group is described
PARTS = ((True,), (False,), (True, False))  # donors of development, other donors, all
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


class Mixed(NamedTuple):
    """What was found in a donor with clonal cells."""

    present: bool
    described: bool  # a small group, most of which is clonal
    cells: int
    own: int
    gated: int


def mixed(donor: Tube, clone: Tube, share: float) -> Mixed:
    """Put clonal cells in place of a share of a donor's events, and ask the rule."""
    rng = np.random.default_rng([SEED, int(donor.name[-2:]), int(clone.name[-2:])])
    count = round(share * donor.cells.n_events)
    kept = rng.permutation(donor.cells.n_events)[count:]
    clonal = rng.permutation(np.flatnonzero(clone.lineages == "B-clone"))[:count]
    levels = {
        key: np.concatenate([values[kept], clone.cells.levels[key][clonal]])
        for key, values in donor.cells.levels.items()
    }
    tube = RuleTube(Cells(donor.name, levels, donor.cells.n_events), load_rulebook())
    finding = light_chain_finding([tube])
    stained = stained_once(tube)
    is_clonal = (np.arange(donor.cells.n_events) >= len(kept))[stained.cells]
    parts = clones_once(stained)
    part = parts[0].part if parts else np.zeros(len(is_clonal), dtype=bool)
    described = False
    if DESCRIBED in finding.numbers and (group := find_group(stained)):
        described = bool(is_clonal[group.part].mean() > 0.5)
    own = int((part & is_clonal).sum())
    return Mixed(
        finding.status == "present", described, int(part.sum()), own, int(is_clonal.sum())
    )


def by_half(donors: Sequence[Tube], hits: Sequence[bool]) -> str:
    """Write how many of the donors of development, of the others and of all."""
    seen = [(d.is_development, hit) for d, hit in zip(donors, hits, strict=True)]
    halves = [[hit for half, hit in seen if half in kept] for kept in PARTS]
    return " | ".join(written(sum(half), len(half)) for half in halves)


def print_clones(donors: Sequence[Tube], patients: Sequence[Tube]) -> None:
    """Print how often a clone of a share of all events is seen in healthy donors."""
    every: list[tuple[float, str, list[Tube], list[Mixed]]] = []
    for share in SHARES:
        together: list[Mixed] = []
        for patient in patients:
            each = [mixed(donor, patient, share) for donor in donors]
            every.append((share, f"{patient.name} ({patient.diagnosis})", list(donors), each))
            together += each
        every.append((share, "any of them", list(donors) * len(patients), together))
    print(
        "\n**A clone in healthy donors, called** (`resampled`)\n\n"
        "| share, events | clone of | donors of development | other donors | all donors "
        "| clonal cells gated as B cells | of the cells found, clonal |\n"
        "|---|---|---|---|---|---|---|"
    )
    for share, of, their, each in every:
        print_called(share, of, their, each)
    print(
        "\n**A clone in healthy donors, called or described** (`resampled`)\n\n"
        "| share, events | clone of | donors of development | other donors | all donors "
        "| described only |\n|---|---|---|---|---|---|"
    )
    for share, of, their, each in every:
        events = round(share * their[0].cells.n_events)
        counts = by_half(their, [item.present or item.described for item in each])
        only = sum(item.described for item in each)
        print(f"| {100 * share:g} %, {events} | {of} | {counts} | {only} |")


def print_called(share: float, of: str, donors: Sequence[Tube], each: Sequence[Mixed]) -> None:
    """Print one line of the table of clones."""
    counts = by_half(donors, [item.present for item in each])
    events = round(share * donors[0].cells.n_events)
    gated = np.median([item.gated for item in each]) / events
    pure = [item.own / item.cells for item in each if item.cells]
    purity = f"{100 * np.median(pure):.0f} %" if pure else "-"
    print(f"| {100 * share:g} %, {events} | {of} | {counts} | {100 * gated:.0f} % | {purity} |")


def print_false_alarms(donors: Sequence[Tube]) -> None:
    """Print how many healthy donors have a restriction, or a small group described."""
    findings = [light_chain_finding([RuleTube(d.cells, load_rulebook())]) for d in donors]
    print(
        "\n**Healthy donors with nothing put in**\n\n"
        "| what | donors of development | other donors | all donors |\n|---|---|---|---|"
    )
    called = [finding.status == "present" for finding in findings]
    described = [DESCRIBED in finding.numbers for finding in findings]
    print(f"| false alarm: a clone is called | {by_half(donors, called)} |")
    print(f"| a small group is described | {by_half(donors, described)} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    folder = parser.parse_args().folder
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
    print_false_alarms(donors)
    print_clones(donors, patients)


if __name__ == "__main__":
    main()
