"""Align an instrument that a model has not seen, and see what is won and what is washed out.

Run: python scripts/measure_alignment.py [--jobs N] [--development]. Prints two tables in
Markdown. A model is trained on two instruments and asked about a third, whose channels have
other gains; it is aligned by normal cases, and then by controls some of which have CLL. Data
kind: synthetic.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np

from flowml.aligning import align_model
from flowml.events import ArraySource
from flowml.models import TrainedModel
from flowml.models.heldout import paired_loss
from flowml.pipeline import classify
from flowml.reading import Reading
from flowml.records import Case, Role
from flowml.reports.metrics import wilson_interval
from flowml.simulator import simulate
from flowml.training import TrainingSettings, train

PANEL, EVENTS, THIRD = "screening", 4_000, "third instrument"
ENTITIES = ("normal", "reactive", "AML", "B-ALL", "CLL", "MCL")
TRAINED, TESTED = 60, 40  # cases of an entity
DECADES = (0.0, 0.1, 0.2, 0.3)
NORMALS = (5, 10, 20)
WASHED, AT = (0, 5, 10, 20), 0.2  # of 20 controls so many have CLL; at this gain
DEVELOPMENT, FIGURE = 51_000, 52_000


def on_third(case: Case, gains: np.ndarray) -> Case:
    """Return a case as the third instrument measures it."""
    tubes = []
    for tube in case.tubes:
        sample = tube.origin
        values = sample.events() * gains.astype(np.float32)
        moved = replace(sample, source=ArraySource(values))
        tubes.append(replace(tube, origin=moved, details={"instrument": THIRD}))
    return replace(case, tubes=tuple(tubes))


def drawn(each: int, seed: int, entities: tuple[str, ...] = ENTITIES, instruments: int = 1):
    """Draw a cohort."""
    return simulate(
        PANEL, entities=dict.fromkeys(entities, each), events=EVENTS, seed=seed,
        instruments=instruments,
    )  # fmt: skip


def gains_of(decades: float, seed: int) -> np.ndarray:
    """Draw whether the light of each channel is shown brighter or dimmer."""
    channels = drawn(1, seed)[0].tubes[0].origin.channels
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


def gain_rows(models: tuple[TrainedModel, TrainedModel], seed: int, reading: Reading) -> list:
    """Measure what alignment wins at each degree of difference."""
    plain, alignable = models
    tested, normals = drawn(TESTED, seed + 1), drawn(max(NORMALS), seed + 2, ("normal",))
    rows = []
    for decades in DECADES:
        print(f"gains of {decades} decades", file=sys.stderr)
        gains = gains_of(decades, seed + 3)
        cases = [on_third(case, gains) for case in tested]
        controls = [on_third(case, gains) for case in normals]
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
    gains = gains_of(AT, seed + 3)
    most = max(WASHED)
    sick = [on_third(case, gains) for case in drawn(most, seed + 4, ("CLL",))]
    well = [on_third(case, gains) for case in drawn(most, seed + 2, ("normal",))]
    asked = {
        name: [on_third(case, gains) for case in drawn(2 * TESTED, seed + 5, (name,))]
        for name in ("CLL", "normal")
    }
    rows = []
    for n in WASHED:
        print(f"{n} controls with CLL", file=sys.stderr)
        named = [replace(case, case_id=f"CLL-{case.case_id}") for case in sick[:n]]
        model = align_model([*named, *well[n:]], alignable, reading=reading).model
        cells = (shown(right(model, cases, reading)) for cases in asked.values())
        rows.append(f"| {n} of {most} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Measure both, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--development", action="store_true", help="other seeds")
    options = parser.parse_args()
    reading = Reading(jobs=options.jobs, hash_files=False)
    seed = DEVELOPMENT if options.development else FIGURE
    cases = drawn(TRAINED, seed, instruments=2)
    labels = {case.case_id: case.details["entity"] for case in cases}
    plain, alignable = (
        train(cases, labels, reading=reading,
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
