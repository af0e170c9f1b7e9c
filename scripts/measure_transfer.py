"""Ask models about cases of panels that they were not trained on.

Run: python scripts/measure_transfer.py [--jobs N] [--development]. Prints a table in Markdown:
what a model answers on its own panel and on another, as it is and aligned by normal cases of
the other, beside a model of the other panel's own cases, and what the training had predicted of
the missing markers. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from flowml.aligning import align_model
from flowml.judging.intervals import wilson_interval
from flowml.models import Prediction, TrainedModel
from flowml.models.contract import said_of_trial
from flowml.pipeline import classify
from flowml.reading import Reading
from flowml.records import Case
from flowml.simulator import simulate
from flowml.training import TrainingSettings, train

SECOND = Path(__file__).parent.parent / "examples" / "panels" / "screening-2.toml"
B_CELLS = ("normal", "reactive", "CLL", "MCL", "FL")
ACUTE = ("normal", "reactive", "AML", "B-ALL", "T-ALL")
EVERY = ("normal", "reactive", "AML", "B-ALL", "T-ALL", "CLL", "MCL", "FL")
TRAINED, TESTED, EVENTS, INSTRUMENTS = 80, 50, 5_000, 2  # cases of an entity, events of a tube
RECIPE = "ecdf"
TOLERANCE = 0.08  # with 400 training cases the interval alone is up to 5 points wide
CONTROLS = 40  # normal cases of the other panel, of all its instruments, to align them by
HEADING = ("change", "panels", "right, own panel", "right, other panel", "wrong", "refused",
           "loss", "aligned", "model of the other panel")  # fmt: skip
DEVELOPMENT, FIGURE = 41_000, 44_000  # seeds; the second only for the table in the docs


@dataclass(frozen=True)
class Change:
    """A laboratory that changes its panel."""

    title: str
    own: str | Path
    other: str | Path
    entities: tuple[str, ...]
    optional: tuple[str, ...] = ()


CHANGES = (
    Change("new edition: CD33 gone, 4 dyes changed", "screening", SECOND, EVERY, ("CD33",)),
    Change("3 tubes, other cytometer, 9 dyes changed", "screening", "acute", ACUTE),
    Change("3 tubes of mature lymphocytes, other cytometer", "screening", "cll-9f", B_CELLS,
           ("CD7", "CD117", "CD34", "CD33")),
    Change("the same, nothing optional", "screening", "cll-9f", B_CELLS),
    Change("LST: most markers missing", "screening", "lst", B_CELLS[:4]),
)  # fmt: skip


class Score(NamedTuple):
    """How many cases were answered, and how."""

    n: int
    right: int
    wrong: int
    refused: int

    @property
    def share(self) -> float:
        """Share of cases answered rightly."""
        return self.right / self.n


def cohort(
    panel: str | Path, entities: tuple[str, ...], each: int, seed: int, controls: int = 0
) -> tuple[list[Case], list[Case]]:
    """Draw cases, and further normal ones of the same instruments."""
    numbers = dict.fromkeys(entities, each)
    numbers["normal"] += controls
    every = list(
        simulate(panel, entities=numbers, instruments=INSTRUMENTS, events=EVENTS, seed=seed)
    )
    spare = [case for case in every if case.details["entity"] == "normal"][:controls]
    return [case for case in every if case not in spare], spare


def fitted(
    panel: str | Path, change: Change, seed: int, reading: Reading, *, align: bool = False
) -> TrainedModel:
    """Train on cases of a panel."""
    cases, _ = cohort(panel, change.entities, TRAINED, seed)
    labels = {case.case_id: case.details["entity"] for case in cases}
    optional = change.optional if panel == change.own else ()
    settings = TrainingSettings(
        optional=optional, tolerance=TOLERANCE, data_kind="synthetic", align=align
    )
    return train(cases, labels, RECIPE, reading=reading, settings=settings).classifier.trained()


def scored(
    model: TrainedModel, cases: list[Case], reading: Reading
) -> tuple[Score, list[Prediction]]:
    """Ask a model about cases."""
    labels = {case.case_id: case.details["entity"] for case in cases}
    found = list(classify(cases, model, reading=reading).predictions)
    right = sum(p.entity == labels[p.case_id] for p in found)
    wrong = sum(bool(p.entity) and p.entity != labels[p.case_id] for p in found)
    return Score(len(found), right, wrong, sum(not p.was_usable for p in found)), found


def shown(count: int, n: int) -> str:
    """Show a share with its 95 % interval."""
    low, high = wilson_interval(count, n)
    return f"{count / n:.3f} ({low:.3f} to {high:.3f})"


def difference(one: Score, other: Score) -> str:
    """Show how much fewer cases are right (Newcombe's interval of unpaired shares)."""
    (a, b), (c, d) = (wilson_interval(s.right, s.n) for s in (one, other))
    p, q = one.share, other.share
    low = p - q - math.hypot(p - a, d - q)
    high = p - q + math.hypot(b - p, q - c)
    return f"{p - q:.3f} ({low:.3f} to {high:.3f})"


def measured(change: Change, seed: int, reading: Reading) -> tuple[str, list[str]]:
    """Return a row of the table, and remarks."""
    print(change.title, file=sys.stderr)
    model = fitted(change.own, change, seed, reading)
    own, _ = scored(model, cohort(change.own, change.entities, TESTED, seed + 1)[0], reading)
    cases, controls = cohort(change.other, change.entities, TESTED, seed + 2, CONTROLS)
    other, answers = scored(model, cases, reading)
    remarks = [f"- *{change.title}*:"]
    if together := model.training.get("absence", {}).get("together"):
        names = ", ".join(together["without"])
        remarks[0] += f" in training, without {names}: {said_of_trial(together)}."
    refused = next((p.reason for p in answers if not p.was_usable), "")
    remarks[0] += f" Refused: {refused}." if refused else ""
    aligned = ceiling = "-"
    if other.refused < other.n:
        alignable = fitted(change.own, change, seed, reading, align=True)
        known = align_model(controls, alignable, reading=reading).model
        again, _ = scored(known, cases, reading)
        aligned = shown(again.right, again.n)
        theirs = fitted(change.other, change, seed + 3, reading)
        best, _ = scored(theirs, cases, reading)
        ceiling = shown(best.right, best.n)
    name = change.other.stem if isinstance(change.other, Path) else change.other
    row = (
        f"| {change.title} | {change.own} to {name} | {shown(own.right, own.n)} | "
        f"{shown(other.right, other.n)} | {other.wrong / other.n:.3f} | "
        f"{other.refused} of {other.n} | {difference(own, other)} | {aligned} | "
        f"{ceiling} |"
    )
    return row, remarks if remarks[0][-1] != ":" else []


def main() -> None:
    """Measure every change and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--development", action="store_true", help="other seeds")
    options = parser.parse_args()
    reading = Reading(jobs=options.jobs, hash_files=False)
    first = DEVELOPMENT if options.development else FIGURE
    rows, remarks = [], []
    for number, change in enumerate(CHANGES):
        row, said = measured(change, first + 10 * number, reading)
        rows.append(row)
        remarks += said
    print(f"| {' | '.join(HEADING)} |\n|{'---|' * len(HEADING)}")
    print("\n".join(rows))
    print("\n" + "\n".join(remarks))


if __name__ == "__main__":
    main()
