"""Draw the cohorts that models are judged on, and keep their features.

Run: python benchmarks/cohort.py FOLDER [--cohorts cll-9f,acute,acute-strata] [--final]
[--cases N] [--jobs N]. Cases are drawn in memory; FOLDER gets a folder a cohort with
``features.parquet`` (the recipe `ecdf+pairs`, one row a case), ``cases.csv`` (what is true of
each case, in the order of the rows) and ``cohort.json`` (what it was drawn from). A cohort that
is there is not drawn again. What is tuned is tuned on the development cohorts; the final ones
have seeds of their own. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cohort_strata import drawn_strata

from flowml.features import FeatureTable, make_recipe, read_table, write_table
from flowml.reading import Reading, extract_table
from flowml.records import Case, Sample
from flowml.safety import written_aside
from flowml.simulator import Cohort, knowledge_sha256, simulate

RECIPE, PAIR_BINS = "ecdf+pairs", 8
DEVELOPMENT, FINAL = 71_000, 74_000  # seeds; the second only for figures that are published
CASES = {DEVELOPMENT: 1_300, FINAL: 3_040}  # of a panel
STRATUM = {DEVELOPMENT: 40, FINAL: 125}  # acute cases of each stratum
OTHERS = {DEVELOPMENT: 200, FINAL: 500}  # cases beside the strata that are not acute
EVENTS = (5_000, 20_000)  # of a tube, drawn log-uniformly
INSTRUMENTS = 3
REPEATED = 0.10  # share of the cases that are a patient's second
PANELS = {"cll-9f": 10, "acute": 20}  # and what is added to the seed
STRATA, TRAINED_FOR_STRATA = "acute-strata", "acute"
NAMES = (*PANELS, STRATA)
FEATURES, TRUTH, ORIGIN = "features.parquet", "cases.csv", "cohort.json"
COLUMNS = (
    "case_id", "entity", "scored_as", "variant", "specimen", "patient_id", "instrument",
    "panel", "neoplastic_share", "n_events", "stratum", "date",
)  # fmt: skip


class Kept(NamedTuple):
    """A cohort's features, and what is true of the cases, row for row."""

    table: FeatureTable
    truth: list[dict[str, str]]


class Drawn(NamedTuple):
    """A case, and the stratum that it was drawn for."""

    case: Case
    stratum: str


def cohort_of(panel: str, base: int, cases: int) -> Cohort:
    """Draw a cohort of all entities that a panel can tell apart, in equal numbers."""
    cohort = simulate(
        panel, cases=cases, instruments=INSTRUMENTS, events=EVENTS, seed=base + PANELS[panel]
    )
    return Cohort(replace(cohort.design, repeated=REPEATED), cohort.places)


def row_of(drawn: Drawn) -> dict[str, str]:
    """Say what is true of a case."""
    case = drawn.case
    samples = [tube.origin for tube in case.tubes if isinstance(tube.origin, Sample)]
    told = {
        **case.details,
        "case_id": case.case_id,
        "n_events": str(sum(sample.n_events for sample in samples)),
        "stratum": drawn.stratum,
    }
    return {name: told[name] for name in COLUMNS}


def sizes_of(name: str, base: int, number: int | None = None) -> list[int]:
    """Return how many cases a cohort has, or each stratum and what stands beside the strata."""
    own = [STRATUM[base], OTHERS[base]] if name == STRATA else [CASES[base]]
    return own if number is None else [number] * len(own)


def cases_of(name: str, base: int, sizes: Sequence[int]) -> Iterator[Drawn]:
    """Draw the cases of a cohort."""
    if name == STRATA:
        training = cohort_of(TRAINED_FOR_STRATA, base, 1).design
        for case, stratum in drawn_strata(training, base, *sizes):
            yield Drawn(case, stratum)
    else:
        for case in cohort_of(name, base, *sizes):
            yield Drawn(case, "")


def origin_of(name: str, base: int, sizes: Sequence[int]) -> dict[str, object]:
    """Say what a cohort is drawn from; the same, the same cases."""
    return {
        "cohort": name, "seed": base, "cases": sizes, "events": EVENTS, "recipe": RECIPE,
        "pair_bins": PAIR_BINS, "instruments": INSTRUMENTS, "repeated": REPEATED,
        "knowledge": knowledge_sha256(),
    }  # fmt: skip


def folder_of(home: Path, name: str, base: int) -> Path:
    """Name the folder of a cohort."""
    return home / f"{name}-{'final' if base == FINAL else 'development'}"


def keep(home: Path, name: str, base: int, sizes: Sequence[int], jobs: int = 2) -> bool:
    """Draw a cohort and keep it; return whether it had to be drawn."""
    place = folder_of(home, name, base)
    said = json.dumps(origin_of(name, base, sizes), indent=1) + "\n"
    origin = place / ORIGIN
    if origin.is_file() and origin.read_text(encoding="utf-8") == said:
        return False
    place.mkdir(parents=True, exist_ok=True)
    origin.unlink(missing_ok=True)
    drawn = list(cases_of(name, base, sizes))
    reading = Reading(jobs=jobs, hash_files=False)
    recipe = make_recipe(RECIPE, pair_bins=PAIR_BINS)
    table = extract_table([item.case for item in drawn], recipe, reading)
    write_table(table, place / FEATURES)
    write_rows(map(row_of, drawn), place / TRUTH)
    origin.write_text(said, encoding="utf-8")  # last: what is unfinished is drawn again
    return True


def write_rows(rows: Iterable[Mapping[str, str]], path: Path) -> None:
    """Write what is true of cases as CSV."""
    with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def load(home: Path, name: str, base: int) -> Kept:
    """Return a cohort that was kept."""
    place = folder_of(home, name, base)
    table = read_table(place / FEATURES)
    with (place / TRUTH).open(encoding="utf-8", newline="") as stream:
        truth = list(csv.DictReader(stream))
    if [row["case_id"] for row in truth] != table.case_ids:
        raise SystemExit(f"{place}: the rows of {FEATURES} and {TRUTH} differ; delete it")
    return Kept(table, truth)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cohorts", type=lambda text: text.split(","), default=NAMES)
    parser.add_argument("--final", action="store_true", help="the seeds of published figures")
    parser.add_argument("--cases", type=int, help="of a panel, or of each stratum")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args(arguments)
    unknown = [name for name in args.cohorts if name not in NAMES]
    if unknown:
        parser.error(f"--cohorts has {unknown[0]!r}, expected some of {', '.join(NAMES)}")
    for option in ("cases", "jobs"):
        if (value := getattr(args, option)) is not None and value < 1:
            parser.error(f"--{option} is {value}, expected 1 or more")
    return args


def main(arguments: Sequence[str] | None = None) -> None:
    """Keep the cohorts asked for."""
    args = parsed(arguments)
    base = FINAL if args.final else DEVELOPMENT
    for name in args.cohorts:
        begun = time.perf_counter()
        sizes = sizes_of(name, base, args.cases)
        was_drawn = keep(args.folder, name, base, sizes, args.jobs)
        cases = len(load(args.folder, name, base).truth)
        rate = cases / (time.perf_counter() - begun)
        how = f"{rate:.1f} cases a second" if was_drawn else "was there"
        print(f"{folder_of(args.folder, name, base).name}: {cases} cases, {how}", flush=True)


if __name__ == "__main__":
    main()
