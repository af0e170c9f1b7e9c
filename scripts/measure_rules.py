"""How often the rules for B and T cells are right on simulated cases (docs/rules.md).

Run: python scripts/measure_rules.py [--cases N] [--jobs N]. Prints the tables of docs/rules.md:
data kind `synthetic`, Wilson's 95 % intervals. The acute rules: scripts/measure_acute_rules.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

from joblib import Parallel, delayed

import flowml
from flowml.gating.rules import RuleFinding
from flowml.gating.rules.cells import open_cells
from flowml.gating.rules.cuts import share_interval
from flowml.gating.rules.light_chains import light_chain_finding
from flowml.gating.rules.matutes import matutes_finding
from flowml.gating.rules.t_cells import t_cell_finding
from flowml.gating.rules.tube import RuleTube
from flowml.knowledge.rules import load_rulebook

SEED = 20261127
USUAL_EVENTS, MANY_EVENTS = 20_000, 100_000
OF_CELLS = (0.03, 0.07)  # a clone of about 5 % of all intact cells
OF_B_CELLS = (0.0015, 0.0025)  # of about 5 % of the B cells, or 150 to 250 events of 100,000
B_NEOPLASMS = ("CLL", "MCL", "FL", "MZL", "LPL", "HCL", "DLBCL", "BL")
T_NEOPLASMS = ("T-PLL", "T-LGLL", "HSTL", "Sezary")
CONTROLS = ("normal", "reactive")

Rule = Callable[[list[RuleTube]], RuleFinding]


class Row(NamedTuple):
    """One line of a table: cases of an entity, and what is asked of them."""

    what: str
    panel: str
    entity: str
    rule: Rule
    events: int = USUAL_EVENTS
    share: tuple[float, float] | None = None
    variant: str = ""


def light_chain_rows(panel: str, entities: tuple[str, ...]) -> Iterator[Row]:
    """Yield controls, clones of 5 % of cells and clones of 5 % of B cells."""
    for entity in CONTROLS:
        yield Row(f"{entity}, 20,000 events", panel, entity, light_chain_finding)
        yield Row(f"{entity}, 100,000 events", panel, entity, light_chain_finding, MANY_EVENTS)
    for entity in entities:
        what = f"{entity}, 3 to 7 % of cells"
        yield Row(what, panel, entity, light_chain_finding, share=OF_CELLS)
    for entity in entities:
        what = f"{entity}, 0.15 to 0.25 % of cells, 100,000 events"
        yield Row(what, panel, entity, light_chain_finding, MANY_EVENTS, OF_B_CELLS)


def t_cell_rows(panel: str, entities: tuple[str, ...]) -> Iterator[Row]:
    """Yield controls and T-cell neoplasms."""
    for entity in (*CONTROLS, *entities):
        yield Row(entity, panel, entity, t_cell_finding)


def findings_of(row: Row, cases: int) -> list[RuleFinding]:
    """Ask a rule about simulated cases."""
    book = load_rulebook()
    cohort = flowml.simulate(
        row.panel,
        entities=row.entity,
        cases=cases,
        events=row.events,
        share=row.share,
        seed=SEED,
    )
    found = []
    for case in cohort:
        if row.variant in {"", case.details["variant"]}:
            tubes = [
                RuleTube(open_cells(tube.origin), book, case.details["specimen"])
                for tube in case.tubes
            ]
            found.append(row.rule(tubes))
    return found


def written(hits: int, total: int) -> str:
    """Write a share with its interval."""
    low, high = share_interval(hits, total, 0.95)
    percent = 100 * hits / total if total else float("nan")
    return f"{hits} of {total} ({percent:.0f} %; {100 * low:.0f} to {100 * high:.0f} %)"


def print_table(title: str, rows: list[Row], cases: int, jobs: int) -> None:
    """Print how many findings of each row are present or not assessable."""
    every = Parallel(n_jobs=jobs)(delayed(findings_of)(row, cases) for row in rows)
    print(f"\n**{title}**\n\n| cases | present | not assessable |\n|---|---|---|")
    for row, found in zip(rows, every, strict=True):
        states = [finding.status for finding in found]
        unsure = states.count("not assessable")
        print(f"| {row.what} | {written(states.count('present'), len(states))} | {unsure} |")


def print_scores(cases: int, jobs: int) -> None:
    """Print the distribution of the Matutes score."""
    entities = ("CLL", "CLL", "MCL", "FL", "MZL", "LPL", "HCL", *CONTROLS)
    variants = ("typical", "atypical", *("" for _ in entities[2:]))
    rows = [
        Row(f"{entity} {variant}".strip(), "cll-9f", entity, matutes_finding, variant=variant)
        for entity, variant in zip(entities, variants, strict=True)
    ]
    every = Parallel(n_jobs=jobs)(delayed(findings_of)(row, cases) for row in rows)
    head = " | ".join(str(score) for score in range(6))
    print(f"\n**Matutes score, CLL-9F**\n\n| cases | {head} | 4 or 5 |\n|---|{'---|' * 7}")
    for row, found in zip(rows, every, strict=True):
        scores = [int(finding.numbers["score"]) for finding in found]
        counts = " | ".join(str(scores.count(score)) for score in range(6))
        high = sum(score >= 4 for score in scores)
        print(f"| {row.what} | {counts} | {written(high, len(scores))} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60, help="of each row")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    cases, jobs = chosen.cases, chosen.jobs
    rows = list(light_chain_rows("cll-9f", B_NEOPLASMS))
    print_table("Light chains, CLL-9F", rows, cases, jobs)
    rows = list(light_chain_rows("lst", B_NEOPLASMS[:6]))
    print_table("Light chains, LST", rows, cases, jobs)
    print_scores(cases, jobs)
    for panel, entities in (("cll-9f", T_NEOPLASMS), ("lst", (*T_NEOPLASMS, "ATLL"))):
        rows = list(t_cell_rows(panel, entities))
        print_table(f"T cells, {panel.upper()}", rows, cases, jobs)


if __name__ == "__main__":
    main()
