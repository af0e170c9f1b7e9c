"""Align an instrument that a model has not seen, and see what is won and what is washed out.

Run: python scripts/measure_alignment.py [--jobs N] [--development]. Prints two tables in
Markdown. A model is trained on two instruments and asked about a third, whose channels have
other gains; it is aligned by normal cases, and then by controls some of which have CLL. Data
kind: synthetic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from flowml.aligning import align_model
from flowml.events import ArraySource
from flowml.judging.intervals import wilson_interval
from flowml.models import TrainedModel
from flowml.models.heldout import paired_loss
from flowml.pipeline import classify
from flowml.reading import Reading
from flowml.records import Case, Role
from flowml.simulator import Cohort, simulate
from flowml.training import TrainingSettings, train

PANEL, EVENTS, THIRD = "screening", 4_000, "third instrument"
RECIPE = "ecdf"
ENTITIES = ("normal", "reactive", "AML", "B-ALL", "CLL", "MCL")
TRAINED, TESTED = 60, 40  # cases of an entity
DECADES = (0.0, 0.1, 0.2, 0.3)
NORMALS = (5, 10, 20)
WASHED, AT = (0, 5, 10, 20), 0.2  # of 20 controls so many have CLL; at this gain
DEVELOPMENT, FIGURE = 51_000, 53_000


def on_third(case: Case, gains: np.ndarray) -> Case:
    """Return a case as the third instrument measures it."""
    tubes = []
    for tube in case.tubes:
        sample = tube.origin
        values = sample.events() * gains.astype(np.float32)
        moved = replace(sample, source=ArraySource(values))
        tubes.append(replace(tube, origin=moved, details={"instrument": THIRD}))
    return replace(case, tubes=tuple(tubes))


def drawn(entities: Mapping[str, int], seed: int, instruments: int = 1) -> Cohort:
    """Draw a cohort; another seed is another instrument."""
    return simulate(PANEL, entities=entities, events=EVENTS, seed=seed, instruments=instruments)


def third_laboratory(seed: int, gains: np.ndarray) -> tuple[list[Case], list[Case], list[Case]]:
    """Draw cases to ask about, normal controls, and CLL cases that may be among these."""
    numbers = dict.fromkeys(ENTITIES, TESTED)
    numbers["normal"] += max(NORMALS)
    numbers["CLL"] += max(WASHED)
    of_entity: dict[str, list[Case]] = {}
    for case in drawn(numbers, seed):
        of_entity.setdefault(case.details["entity"], []).append(on_third(case, gains))
    asked = [case for cases in of_entity.values() for case in cases[:TESTED]]
    return asked, of_entity["normal"][TESTED:], of_entity["CLL"][TESTED:]


def gains_of(decades: float, seed: int) -> np.ndarray:
    """Draw whether the light of each channel is shown brighter or dimmer."""
    channels = drawn({"normal": 1}, seed)[0].tubes[0].origin.channels
    signs = np.random.default_rng(seed).choice([-1, 1], len(channels))
    is_light = np.array([channel.role is Role.FLUORESCENCE for channel in channels])
    return 10.0 ** (decades * signs * is_light)


def right(model: TrainedModel, cases: list[Case], reading: Reading) -> np.ndarray:
    """Tell which cases are answered with their entity."""
    answers = classify(cases, model, reading=reading).predictions
    truth = {case.case_id: case.details["entity"] for case in cases}
    return np.array([answer.entity == truth[answer.case_id] for answer in answers])


def shown(hits: np.ndarray) -> str:
    """Show a share with its 95 % interval."""
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return f"{hits.mean():.3f} ({low:.3f} to {high:.3f})"


def gained(before: np.ndarray, after: np.ndarray) -> str:
    """Show what is won on the same cases."""
    won, low, high = paired_loss(~before & after, before & ~after)
    return f"{won:+.3f} ({low:+.3f} to {high:+.3f})"


def gain_rows(
    models: tuple[TrainedModel, TrainedModel], seed: int, reading: Reading
) -> list[str]:
    """Measure what alignment wins at each degree of difference."""
    plain, alignable = models
    rows = []
    for decades in DECADES:
        print(f"gains of {decades} decades", file=sys.stderr)
        cases, controls, _ = third_laboratory(seed + 1, gains_of(decades, seed + 2))
        before = right(plain, cases, reading)
        cells = [f"{decades:.1f}", shown(before)]
        for n in NORMALS:
            model = align_model(controls[:n], alignable, reading=reading).model
            after = right(model, cases, reading)
            cells += [shown(after), gained(before, after)]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def wash_rows(alignable: TrainedModel, seed: int, reading: Reading) -> list[str]:
    """Measure what is lost where controls are not normal."""
    cases, well, sick = third_laboratory(seed + 1, gains_of(AT, seed + 2))
    asked = [[c for c in cases if c.details["entity"] == name] for name in ("CLL", "normal")]
    rows = []
    for n in WASHED:
        print(f"{n} controls with CLL", file=sys.stderr)
        model = align_model([*sick[:n], *well[n:]], alignable, reading=reading).model
        cells = (shown(right(model, own, reading)) for own in asked)
        rows.append(f"| {n} of {len(well)} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Measure both, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--development", action="store_true", help="other seeds")
    options = parser.parse_args()
    reading = Reading(jobs=options.jobs, hash_files=False)
    seed = DEVELOPMENT if options.development else FIGURE
    cases = drawn(dict.fromkeys(ENTITIES, TRAINED), seed, instruments=2)
    labels = {case.case_id: case.details["entity"] for case in cases}
    plain, alignable = (
        train(cases, labels, RECIPE, reading=reading,
              settings=TrainingSettings(align=align)).classifier.trained()
        for align in (False, True)
    )  # fmt: skip
    heading = ["gain, decades", "not aligned"]
    for n in NORMALS:
        heading += [f"by {n} normals", "gain in accuracy"]
    print(f"| {' | '.join(heading)} |\n|{'---|' * len(heading)}")
    print("\n".join(gain_rows((plain, alignable), seed, reading)))
    print("\n| controls with CLL | CLL answered CLL | normal answered normal |\n|---|---|---|")
    print("\n".join(wash_rows(alignable, seed, reading)))


if __name__ == "__main__":
    main()
