"""Train the bundled demonstration model, from the simulator alone.

Run: python scripts/make_demo_model.py [FILE]. The seed differs from those of the
demonstration (examples/demo.py) and of the check at the end, so that no case is seen twice. The
bundle records the hash of the simulator's knowledge; a test fails when that is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flowml.models.bundle import demo_model
from flowml.pipeline import evaluate, train
from flowml.records import Case
from flowml.simulate import iterate_cohort, knowledge_sha256, known_entities

TRAINING_SEED, CHECK_SEED = 20_001, 20_002
CASES_PER_ENTITY = 60
CHECK_CASES_PER_ENTITY = 20
EVENTS = 10_000


def cohort(cases_per_entity: int, seed: int) -> tuple[list[Case], dict[str, str]]:
    """Draw a cohort, and its labels."""
    entities = known_entities()
    number = cases_per_entity * len(entities)
    cases = list(iterate_cohort(entities, n_cases=number, n_events=EVENTS, seed=seed))
    return cases, {case.case_id: case.details["entity"] for case in cases}


def main() -> None:
    """Train, save, and check on cases of another seed."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else demo_model()
    cases, labels = cohort(CASES_PER_ENTITY, TRAINING_SEED)
    remarks = {
        "simulator_knowledge_sha256": knowledge_sha256(),
        "simulator_seed": TRAINING_SEED,
        "made_by": "scripts/make_demo_model.py",
    }
    train(cases, labels, data_kind="synthetic", remarks=remarks).classifier.save(target)
    del cases
    evaluation, _ = evaluate(*cohort(CHECK_CASES_PER_ENTITY, CHECK_SEED), target)
    print(f"wrote {target.name} ({target.stat().st_size} bytes); synthetic check: {evaluation}")


if __name__ == "__main__":
    main()
