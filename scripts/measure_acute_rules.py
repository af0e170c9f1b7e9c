"""Measure the rules for acute leukemias on simulated cases; print Markdown tables.

    python scripts/measure_acute_rules.py --seed 9100

Data kind: synthetic. The figures say how the rules do on what the simulator knows, and nothing
about patients. Takes about five minutes on one core; with ``--scale 0.1`` a tenth of it.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from flowml.gating.rules.apl import apl_finding
from flowml.gating.rules.cells import open_cells
from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.finding import NOT_ASSESSABLE, PRESENT, RuleFinding
from flowml.gating.rules.immature import immature_finding
from flowml.gating.rules.lineage import lineage_finding
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook
from flowml.records import Case, Sample, Tube
from flowml.simulator import simulate

PANEL = "acute"
CASES = {
    "APL": 60, "AML": 200, "normal": 100, "reactive": 100, "MDS": 50, "CML": 50, "MPAL": 60,
    "B-ALL": 30, "T-ALL": 30, "ETP-ALL": 20, "AUL": 20, "BPDCN": 20,
}  # fmt: skip
HARD = {
    "reactive": (
        "recovery from agranulocytosis",
        "G-CSF, marrow",
        "G-CSF",
        "regenerating marrow",
    ),
    "APL": ("microgranular",),
    "AML": ("NPM1-mutated",),
}
CASES_OF_A_KIND, DRAWN_FOR_THEM = 25, 600
MORE_OF = {"microgranular": 4}  # times as many, for a narrow interval
MEASURED = {"apl": apl_finding, "immature": immature_finding, "lineage": lineage_finding}
LINEAGES = ("B", "T", "myeloid")

Findings = dict[str, RuleFinding]
Row = tuple[Case, Findings]


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=9100)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    wanted = {name: max(1, round(n * options.scale)) for name, n in CASES.items()}
    each = max(1, round(CASES_OF_A_KIND * options.scale))
    rows = [measured(case) for case in cohort(wanted, options.events, options.seed)]
    hard = [measured(case) for case in hard_cases(each, options.events, options.seed + 1)]
    print(
        f"Data kind `synthetic`; panel `{PANEL}`, {options.events} events a tube, seed "
        f"{options.seed}; 95 % intervals of Wilson.\n"
    )
    print_apl(rows, hard)
    print_immature(rows, hard)
    print_lineage(rows)


def cohort(wanted: dict[str, int], events: int, seed: int) -> Iterator[Case]:
    """Draw cases."""
    return iter(simulate(PANEL, entities=wanted, events=events, seed=seed))


def hard_cases(each: int, events: int, seed: int) -> Iterator[Case]:
    """Draw cases of the kinds that decide: mimics, and rare variants."""
    for entity, variants in HARD.items():
        count: Counter[str] = Counter()
        drawn = DRAWN_FOR_THEM * max(MORE_OF.get(variant, 1) for variant in variants)
        for case in cohort({entity: drawn}, events, seed):
            variant = case.details["variant"]
            if variant in variants and count[variant] < each * MORE_OF.get(variant, 1):
                count[variant] += 1
                yield case


def measured(case: Case) -> Row:
    """Apply the rules to a case."""
    book, specimen = load_rulebook(), case.details["specimen"]
    tubes = [RuleTube(open_cells(read(item)), book, specimen) for item in case.tubes]
    return case, {name: rule(tubes) for name, rule in MEASURED.items()}


def read(tube: Tube) -> Sample:
    """Return the sample of a simulated tube."""
    if not isinstance(tube.origin, Sample):
        raise TypeError(f"{tube.name} is a file, expected a simulated sample.")
    return tube.origin


def grouped(rows: list[Row]) -> dict[str, list[Row]]:
    """Group cases by entity."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[0].details["entity"]].append(row)
    return groups


def by_variant(rows: list[Row], entity: str) -> dict[str, list[Row]]:
    """Group the cases of one entity by variant."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[0].details["entity"] == entity:
            groups[f"{entity}, {row[0].details['variant']}"].append(row)
    return dict(sorted(groups.items()))


def share(hits: int, total: int) -> str:
    """Write a share with its interval, in per cent."""
    low, high = share_interval(hits, total, 0.95)
    return (
        f"{hits} of {total} ({100 * hits / total:.1f} %; {100 * low:.1f} to {100 * high:.1f})"
    )


def print_table(title: str, head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> None:
    """Print a Markdown table."""
    print(f"### {title}\n")
    for cells in (head, tuple("---" for _ in head), *lines):
        print(f"| {' | '.join(cells)} |")
    print()


def print_apl(rows: list[Row], hard: list[Row]) -> None:
    """Print how often the APL alert fires."""
    groups = grouped(rows) | by_variant(rows, "APL") | by_variant(hard, "reactive")
    for entity in ("APL", "AML"):
        chosen = by_variant(hard, entity).items()
        groups |= {f"{name} (more, next seed)": members for name, members in chosen}
    lines = []
    for name, members in groups.items():
        found = [findings["apl"] for _, findings in members]
        arms = Counter(
            "classic" if "classic arm" in item.summary else "variant"
            for item in found
            if item.status == PRESENT
        )
        if found:
            lines.append(
                (
                    name,
                    share(sum(arms.values()), len(found)),
                    ", ".join(f"{arm} {count}" for arm, count in sorted(arms.items())),
                )
            )
    print_table("APL alert fires", ("cases", "alert", "arms"), lines)


def print_immature(rows: list[Row], hard: list[Row]) -> None:
    """Print how often a tenth and a fifth of immature cells are reached."""
    lines = []
    groups = grouped(rows) | by_variant(rows, "AML") | by_variant(hard, "reactive")
    for name, members in groups.items():
        numbers = [findings["immature"].numbers for _, findings in members]
        shares = [n.get("share_of_intact", 0.0) for n in numbers]
        counts = [share(sum(n >= least for n in shares), len(shares)) for least in (0.1, 0.2)]
        lines.append((name, *counts))
    print_table("Immature cells", ("cases", "10 % and more", "20 % and more"), lines)


def print_lineage(rows: list[Row]) -> None:
    """Print which lineages are named, by either view."""
    lines = []
    for name, members in (grouped(rows) | by_variant(rows, "MPAL")).items():
        found = [findings["lineage"] for _, findings in members]
        mixed = sum(item.status == PRESENT for item in found)
        names = Counter(" + ".join(lineages(item)) or "none" for item in found)
        blind = sum(item.status == NOT_ASSESSABLE for item in found)
        words = ", ".join(f"{lineage} {count}" for lineage, count in names.most_common())
        lines.append((name, share(mixed, len(found)), words, str(blind)))
    head = ("cases", "mixed phenotype", "named: WHO, else EGIL", "not assessable")
    print_table("Lineage of blasts", head, lines)


def lineages(found: RuleFinding) -> list[str]:
    """Read WHO's lineages, else EGIL's."""
    numbers = found.numbers
    by_who = [name for name in LINEAGES if numbers.get(f"who_{name}")]
    return by_who or [name for name in LINEAGES if numbers.get(f"leads_{name}")]


if __name__ == "__main__":
    main()
