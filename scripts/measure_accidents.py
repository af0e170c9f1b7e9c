"""Let accidents happen to a simulated laboratory, and see which of them a check names.

Run: python scripts/measure_accidents.py [--cases 300] [--share 0.1] [--labs 5] [--seed 7300]
A laboratory has three panels of several tubes, each on three instruments, and a share of its
cases meets an accident. Files are written, read back and checked as ``flowml check --cases``
does. Prints in Markdown which codes were raised for which accident, and how often a sound case
would be held back. Data kind: synthetic. Thresholds were set on the seeds 501 and 502, and
7001.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import flowml
from flowml.checking import check_cases
from flowml.findings import Severity
from flowml.gating.rules.cuts import share_interval
from flowml.reading import Reading
from flowml.records import Case
from flowml.reports.casecheck import CaseCheck
from flowml.simulator import simulate, write_cohort

PANELS = ("cll-9f", "acute", "plasma-cell")
INSTRUMENTS, EVENTS = 3, (4_000, 12_000)
NAMED_BY = {
    "lost tube": ("PANEL-LOST",),
    "swapped tubes": ("PANEL-SWAPPED",),
    "foreign tube": ("CASE-PATIENT",),
    "empty tube": ("FCS-EMPTY-01", "QUALITY-EVENTS"),
    "truncated file": ("FCS-TEXT", "FCS-AGREE"),
    "missing marker": ("PANEL-MISSING",),
    "relabelled detector": ("PANEL-RELABELLED",),
    "wrong spillover": ("CASE-MATRIX",),
}
STRUCTURAL = (
    "lost tube", "swapped tubes", "empty tube", "truncated file", "missing marker",
    "relabelled detector",
)  # fmt: skip
HOLDING = {Severity.REVIEW, Severity.FAIL}  # an answer is not released with these


def laboratory(folder: Path, cases: int, share: float, seed: int) -> tuple[list[Case], dict]:
    """Write a laboratory's cases; return them, and what happened to each."""
    found, happened = [], {}
    for number, panel in enumerate(PANELS):
        cohort = simulate(
            panel, cases=cases // len(PANELS), instruments=INSTRUMENTS, events=EVENTS,
            seed=seed + number, accidents=share, accident_kinds=list(NAMED_BY),
        )  # fmt: skip
        write_cohort(cohort, folder / panel)
        found += [
            replace(case, case_id=f"{panel}/{case.case_id}")
            for case in flowml.find_cases(folder / panel)
        ]
        for case in cohort:
            key = f"{panel}/{case.case_id}"
            happened[key] = (case.details["accident"], case.details["severity"])
    return found, happened


def noticed(check: CaseCheck) -> tuple[set[str], bool]:
    """Return the codes above ``info``, and whether an answer would be held back."""
    codes = {item.code for item in check.findings if item.severity is not Severity.INFO}
    return codes, check.severity in HOLDING


def told(hits: int, total: int) -> str:
    """Write a share with its interval."""
    if total == 0:
        return "-"
    low, high = share_interval(hits, total, 0.95)
    return f"{hits} of {total} ({hits / total:.1%}; {low:.1%} to {high:.1%})"


def table(rows: Iterable[tuple[str, str, set[str], bool]]) -> list[str]:
    """Return which accidents were named, and by which codes, as lines of Markdown."""
    groups: dict[str, list[set[str]]] = defaultdict(list)
    right: Counter[str] = Counter()
    back: Counter[str] = Counter()
    for accident, severity, codes, is_held in rows:
        name = f"{accident}, {severity}" if severity else accident or "none"
        groups[name].append(codes)
        back[name] += is_held
        right[name] += bool(codes & set(NAMED_BY.get(accident, ())))
    lines = ["| accident | named | held back | codes |", "|---|---|---|---|"]
    for name, every in sorted(groups.items()):
        often = Counter(code for codes in every for code in codes)
        codes = ", ".join(f"{code} {n}" for code, n in often.most_common())
        named = "-" if name == "none" else told(right[name], len(every))
        lines.append(f"| {name} | {named} | {told(back[name], len(every))} | {codes} |")
    kinds = [name for name in groups if name in STRUCTURAL]
    total = sum(len(groups[name]) for name in kinds)
    lines.append(f"\nStructural accidents named: {told(sum(right[k] for k in kinds), total)}.")
    return lines


def main() -> None:
    """Simulate, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--labs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7300)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    rows, panels = [], Counter()
    for lab in range(options.labs):
        with tempfile.TemporaryDirectory() as folder:
            seed = options.seed + 10 * lab
            cases, happened = laboratory(Path(folder), options.cases, options.share, seed)
            for check in check_cases(cases, reading=Reading(jobs=options.jobs)):
                rows.append((*happened[check.case_id], *noticed(check)))
                panels[check.panel or "none"] += 1
    print("\n".join(table(rows)))
    print(f"Panels recognised: {', '.join(f'{k} {n}' for k, n in sorted(panels.items()))}.")


if __name__ == "__main__":
    main()
