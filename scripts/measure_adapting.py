"""Continue a model on some cases of another instrument or edition, and ask it about others.

Run: python scripts/measure_adapting.py [--jobs N] [--development]. Prints two tables in
Markdown: what is won on the new kind of cases, beside a model of the new cases alone, and what
is lost on the old kind. Data kind: synthetic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flowml.adapting import adapt_model
from flowml.events import ArraySource
from flowml.models import Prediction, TrainedModel
from flowml.models.heldout import paired_loss
from flowml.pipeline import classify
from flowml.reading import Reading
from flowml.records import Case, Role
from flowml.reports.metrics import wilson_interval
from flowml.simulator import simulate
from flowml.training import TrainingSettings, train

PANEL, RECIPE = "screening", "ecdf"
SECOND = Path(__file__).parent.parent / "examples" / "panels" / "screening-2.toml"
EVERY = ("normal", "reactive", "AML", "B-ALL", "T-ALL", "CLL", "MCL", "FL")
TRAINED, KEPT, ASKED, EVENTS = 50, 20, 31, 4_000  # cases of an entity; events of a tube
NEW = (4, 13)  # new cases of an entity
DECADES = 0.2  # by which the light of each detector is shown brighter or dimmer
SETTINGS = TrainingSettings(
    optional=("CD33",), tolerance=0.08, data_kind="synthetic", estimator="logistic"
)
DEVELOPMENT, FIGURE = 61_000, 64_000  # seeds; the second only for the table in the docs


@dataclass(frozen=True)
class Change:
    """What is another one in the new laboratory."""

    title: str
    panel: str | Path
    decades: float = 0.0


CHANGES = (
    Change("nothing but the instrument", PANEL),
    Change("gains of 0.2 decades", PANEL, DECADES),
    Change("new edition: CD33 gone, 4 dyes changed", SECOND),
)


def drawn(panel: str | Path, each: int, seed: int, instruments: int) -> list[list[Case]]:
    """Draw cases of every entity, a list for each."""
    numbers = dict.fromkeys(EVERY, each)
    found: dict[str, list[Case]] = {name: [] for name in EVERY}
    for case in simulate(
        panel, entities=numbers, instruments=instruments, events=EVENTS, seed=seed
    ):
        found[case.details["entity"]].append(case)
    return list(found.values())


def first(cases: list[list[Case]], start: int, stop: int) -> list[Case]:
    """Return some cases of every entity."""
    return [case for own in cases for case in own[start:stop]]


def moved(decades: float, seed: int) -> Callable[[Case], Case]:
    """Return what shows a case as an instrument with other gains does."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], 64)

    def move(case: Case) -> Case:
        tubes = []
        for tube in case.tubes:
            sample = tube.origin
            light = np.array([c.role is Role.FLUORESCENCE for c in sample.channels])
            gains = 10.0 ** (decades * signs[: len(light)] * light)
            source = ArraySource(sample.events() * gains.astype(np.float32))
            tubes.append(replace(tube, origin=replace(sample, source=source)))
        return replace(case, tubes=tuple(tubes))

    return move if decades else lambda case: case


def labels_of(cases: list[Case]) -> dict[str, str]:
    """Return the entity of each case."""
    return {case.case_id: case.details["entity"] for case in cases}


def judged(answers: list[Prediction], cases: list[Case]) -> dict[str, np.ndarray]:
    """Tell of each case what was right, wrong, and how badly it was foreseen."""
    truth = labels_of(cases)
    own = [(answer, truth[answer.case_id]) for answer in answers]
    return {
        "likeliest": np.array(
            [max(a.probabilities, key=a.probabilities.get) == t for a, t in own]
        ),
        "right": np.array([a.entity == t for a, t in own]),
        "wrong": np.array([bool(a.entity) and a.entity != t for a, t in own]),
        "loss": np.array([-np.log(max(a.probabilities[t], 1e-15)) for a, t in own]),
    }


def asked(model: TrainedModel, cases: list[Case], reading: Reading) -> dict[str, np.ndarray]:
    """Ask a model about cases."""
    answers = list(classify(cases, model, reading=reading, rules=False).predictions)
    return judged(answers, cases)


def shown(hits: np.ndarray) -> str:
    """Show a share with its 95 % interval."""
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return f"{hits.mean():.3f} ({low:.3f} to {high:.3f})"


def gained(before: np.ndarray, after: np.ndarray) -> str:
    """Show what is won on the same cases."""
    won, low, high = paired_loss(~before & after, before & ~after)
    return f"{won:+.3f} ({low:+.3f} to {high:+.3f})"


def row(title: str, step: str, now: dict[str, np.ndarray], old: dict[str, np.ndarray]) -> str:
    """Return a row of a table."""
    cells = (
        title, step, shown(now["likeliest"]), gained(old["likeliest"], now["likeliest"]),
        f"{now['loss'].mean():.3f}", shown(now["right"]), f"{now['wrong'].mean():.3f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def measured(
    change: Change, model: TrainedModel, beside: list[Case], seed: int, reading: Reading
) -> tuple[list[str], list[str]]:
    """Return the rows of both tables."""
    print(change.title, file=sys.stderr)
    move = moved(change.decades, seed)
    cases = [
        [move(case) for case in own]
        for own in drawn(change.panel, ASKED + max(NEW), seed, instruments=1)
    ]
    others = first(cases, max(NEW), ASKED + max(NEW))
    before, was = asked(model, others, reading), asked(model, beside, reading)
    won = [row(change.title, "as it is", before, before)]
    lost = [row(change.title, "as it is", was, was)]
    for each in NEW:
        new = first(cases, 0, each)
        found = adapt_model((new, labels_of(new)), model, reading=reading)
        name = f"{len(new)} new cases: {found.record['step']}"
        held = found.record["new"]
        tried = " ".join(f"{step['log_loss']:.3f}" for step in found.record["tried"])
        print(f"  {name}, foretold gain {-held['right_lost'][0]:+.3f}; log losses held out: "
              f"{tried}", file=sys.stderr)  # fmt: skip
        won.append(row(change.title, name, asked(found.model, others, reading), before))
        lost.append(row(change.title, name, asked(found.model, beside, reading), was))
        alone = train(new, labels_of(new), RECIPE, reading=reading,
                      settings=replace(SETTINGS, optional=())).classifier.trained()  # fmt: skip
        answers = asked(alone, others, reading)
        won.append(row(change.title, f"a model of these {len(new)} alone", answers, before))
    return won, lost


def main() -> None:
    """Measure every change, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--development", action="store_true", help="other seeds")
    options = parser.parse_args()
    reading = Reading(jobs=options.jobs, hash_files=False)
    seed = DEVELOPMENT if options.development else FIGURE
    cases = drawn(PANEL, TRAINED + KEPT, seed, instruments=2)
    known = first(cases, 0, TRAINED)
    model = train(known, labels_of(known), RECIPE, reading=reading, settings=SETTINGS)
    trained = model.classifier.trained()
    beside = first(cases, TRAINED, TRAINED + KEPT)
    tables: tuple[list[str], list[str]] = ([], [])
    for number, change in enumerate(CHANGES, start=1):
        won, lost = measured(change, trained, beside, seed + number, reading)
        tables[0].extend(won)
        tables[1].extend(lost)
    heading = ("change", "model", "likeliest is right", "gain", "log loss", "answered rightly",
               "answered wrongly")  # fmt: skip
    for kind, rows in zip(("New", "Old"), tables, strict=True):
        print(f"\n{kind} kind of cases:\n\n| {' | '.join(heading)} |\n|{'---|' * len(heading)}")
        print("\n".join(rows))


if __name__ == "__main__":
    main()
