"""How often the rules hold back an answer that is right (docs/rules.md).

Run: python scripts/measure_release.py [--controls N] [--cases N] [--panels a,b] [--jobs N].
Simulated cases get the answer that is true of them, and are settled with what the rules say:
which rule holds how many back, and how often a second population is seen where there is none.
Data kind `synthetic`, Wilson's 95 % intervals.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial

from joblib import Parallel, delayed

import flowml
from flowml.gating.rules import evidence_of
from flowml.gating.rules.cells import open_cells
from flowml.gating.rules.cuts import share_interval
from flowml.knowledge import load_label_tree
from flowml.knowledge.panels import known_panels, load_panel
from flowml.models import Prediction
from flowml.records import Case
from flowml.verdict import settled

SEED = 20261129
EVENTS = 20_000
CONTROLS = ("normal", "reactive")


def answer(entity: str, case_id: str) -> Prediction:
    """Give the answer that is true, as sure as a model can be."""
    found = load_label_tree().entities[entity]
    return Prediction(
        case_id, "answered", "urgent" if found.urgent else "auto", f"most probable: {entity}",
        lineage=found.lineage, category=found.category, leukemia_vs_lymphoma=found.answer,
        rule=found.rule, entity=entity, p_entity=1.0, probabilities={entity: 1.0},
    )  # fmt: skip


def released(case: Case) -> tuple[str, tuple[str, ...], str]:
    """Settle a case with its true answer; return decision, codes and second population."""
    specimen = case.details["specimen"]
    evidence = evidence_of([open_cells(tube.origin) for tube in case.tubes], specimen)
    told = {"specimen": specimen}
    found = settled(answer(case.details["entity"], case.case_id), told, evidence)
    codes = [
        item.code
        for item in found.findings
        if item.severity == "review" and item.code.startswith("RULE-")
    ]
    return found.decision, tuple(codes), found.second_population


def row(panel: str, entity: str, cases: int) -> str:
    """Measure one entity on one panel, and write its line."""
    cohort = flowml.simulate(panel, entities=entity, cases=cases, events=EVENTS, seed=SEED)
    every = [(*released(case), bool(case.details["second_entity"])) for case in cohort]
    held = [codes for _, codes, _, _ in every if codes]
    urgent = sum(decision == "urgent" for decision, _, _, _ in every)
    why = Counter(code for codes in held for code in codes)
    second = Counter(text for _, _, text, is_there in every if text and not is_there)
    words = ", ".join(f"`{code}` {count}" for code, count in why.most_common())
    seconds = "; ".join(f"{text} {count}" for text, count in second.most_common())
    cells = panel, entity, share(len(held), len(every)), str(urgent), words, seconds
    return f"| {' | '.join(cells)} |"


def share(hits: int, total: int) -> str:
    """Write a share with its interval, in per cent."""
    low, high = share_interval(hits, total, 0.95)
    percent = f"{100 * hits / total:.1f} %; {100 * low:.1f} to {100 * high:.1f}"
    return f"{hits} of {total} ({percent})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--controls", type=int, default=100, help="of normal and of reactive")
    parser.add_argument("--cases", type=int, default=12, help="of each neoplasm")
    parser.add_argument("--panels", default=",".join(known_panels()))
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args()
    work = []
    for panel in chosen.panels.split(","):
        work += [partial(row, panel, entity, chosen.controls) for entity in CONTROLS]
        names = [name for name in load_panel(panel).entities if name not in CONTROLS]
        work += [partial(row, panel, entity, chosen.cases) for entity in names if chosen.cases]
    print("| panel | true answer | held back by a rule | urgent | why | second seen |")
    print("|---|---|---|---|---|---|")
    each = Parallel(n_jobs=chosen.jobs, return_as="generator")
    for line in each(delayed(one)() for one in work):
        print(line, flush=True)


if __name__ == "__main__":
    main()
