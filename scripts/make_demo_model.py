"""Train the bundled demonstration model, from the simulator alone.

Run: python scripts/make_demo_model.py [FILE] [--jobs N]. The seed differs from those of the
demonstration (examples/demo.py) and of the check at the end, so that no case is seen twice. The
bundle records the hash of the simulator's knowledge, which a test holds against the files, and
its card how many cases of another seed it got right.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from flowml.models import save_model
from flowml.models.bundle import demo_model
from flowml.models.card import model_card
from flowml.pipeline import evaluate
from flowml.reading import Reading
from flowml.simulator import Cohort, knowledge_sha256, known_entities, simulate
from flowml.training import TrainingSettings, train

PANEL, INSTRUMENTS, EVENTS = "screening", 3, 10_000
TRAINING_SEED, CHECK_SEED = 20_001, 20_002
CASES_PER_ENTITY, CHECK_CASES_PER_ENTITY = 100, 50


def cohort(cases_per_entity: int, seed: int) -> tuple[Cohort, dict[str, str]]:
    """Draw a cohort, and its labels."""
    cases = simulate(
        PANEL,
        entities=dict.fromkeys(known_entities(PANEL), cases_per_entity),
        instruments=INSTRUMENTS,
        events=EVENTS,
        seed=seed,
    )
    return cases, {case.case_id: case.details["entity"] for case in cases}


def main() -> None:
    """Train, check on cases of another seed, and save with what the check found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", type=Path, default=demo_model())
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    reading = Reading(jobs=options.jobs, hash_files=False)
    remarks = {
        "simulator_knowledge_sha256": knowledge_sha256(),
        "simulator_seed": TRAINING_SEED,
        "simulator_panel": PANEL,
        "simulator_instruments": INSTRUMENTS,
        "made_by": "scripts/make_demo_model.py",
    }
    cases, labels = cohort(CASES_PER_ENTITY, TRAINING_SEED)
    settings = TrainingSettings(data_kind="synthetic", remarks=remarks)
    training = train(cases, labels, reading=reading, settings=settings)
    model = training.classifier.trained()
    others = cohort(CHECK_CASES_PER_ENTITY, CHECK_SEED)
    evaluation, _ = evaluate(*others, model, reading=reading)
    check = f"seed {CHECK_SEED}, 1 cohort like the training's: {evaluation}"
    checked = replace(model, training={**model.training, "synthetic_check": check})
    save_model(checked.with_card(model_card(checked)), options.target)
    size = options.target.stat().st_size
    print(f"wrote {options.target.name} ({size} bytes); synthetic check: {evaluation}")
    for truth, answers in evaluation.to_dict()["confusion"].items():
        print(f"  {truth}: { ({name: n for name, n in answers.items() if n}) }")


if __name__ == "__main__":
    main()
