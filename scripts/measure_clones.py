"""From what size a clone is seen among healthy B cells, and how often there is a false alarm.

Run: python scripts/measure_clones.py [FOLDER]
Prints the tables of clones of docs/automatic_gates.md. FOLDER as of scripts/measure_gates.py;
clones of its patients mixed into its healthy donors are `resampled`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from measure_gates import SEED, Tube, asked_folder, opened, written

from flowml.gating.rules.cells import Cells
from flowml.gating.rules.clones import clones_once
from flowml.gating.rules.light_chains import light_chain_finding
from flowml.gating.rules.small_groups import find_group
from flowml.gating.rules.staining import stained_once
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook

SHARES = (0.01, 0.005, 0.0025, 0.001)
DESCRIBED = "group_events"  # a number of the finding, where a small group is described
PARTS = ((True,), (False,), (True, False))  # donors of development, other donors, all


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
    """Print the tables."""
    tubes = opened(asked_folder(__doc__))
    donors = [tube for tube in tubes if tube.diagnosis == "HD"]
    print_false_alarms(donors)
    print_clones(donors, [tube for tube in tubes if tube.diagnosis != "HD"])


if __name__ == "__main__":
    main()
