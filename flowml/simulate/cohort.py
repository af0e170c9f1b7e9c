"""Which cases a cohort holds, and each of them drawn.

A case is drawn from the seed, its entity and its number among the cases of that entity, and
from nothing else: it does not change with the size of the cohort or its other entities.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from flowml.errors import FlowmlError, LabelError
from flowml.events import ArraySource
from flowml.fcs.keys import SIMULATED_KEY
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.simulator import SimulatorKnowledge, load_simulator_knowledge
from flowml.records import Case, Sample, Tube
from flowml.safety import nearest, printable
from flowml.simulate.cells import Cells, draw_cells
from flowml.simulate.instrument import (
    SECONDS_PER_STEP,
    Instrument,
    acquire,
    channels_of,
    draw_instrument,
)
from flowml.simulate.patient import Patient, draw_patient

CASES_PER_ENTITY = 10  # where no number is given
LEAST_DIGITS = 4  # of a case id
ORDER_KEY = 0xFFFF_FFFF  # keeps the order of a cohort's cases apart from what they hold
KEYWORDS = MappingProxyType(
    {
        SIMULATED_KEY: "yes",
        "$CYT": "flowml simulated cytometer, 3 lasers, 10 colors",
        "$TIMESTEP": str(SECONDS_PER_STEP),
        "$COM": "simulated; not a patient",
    }
)


@dataclass(frozen=True, eq=False)
class Draw:
    """A case with everything that is true of it.

    Parameters
    ----------
    patient : Patient
        Populations, and how they look.
    instrument : Instrument
        Gains and spillover.
    cells : Cells
        Events before they were measured.
    sample : Sample
        What was measured.
    """

    patient: Patient
    instrument: Instrument
    cells: Cells
    sample: Sample


def known_entities() -> list[str]:
    """List the entities that can be simulated.

    Returns
    -------
    list of str
        Canonical names, in the order of the knowledge file.
    """
    return list(load_simulator_knowledge().entities)


def simulate_cohort(
    entities: Sequence[str] | Mapping[str, int],
    *,
    n_cases: int | None = None,
    n_events: int = 10_000,
    seed: int,
) -> list[Case]:
    """Simulate cases, held in memory.

    Parameters
    ----------
    entities : sequence of str, or mapping of str to int
        Entities to take in equal numbers, or how many cases of each. Aliases will do.
    n_cases : int, optional
        Cases in all; ten of each entity if not given. Not with a mapping.
    n_events : int
        Events of each case.
    seed : int
        Same seed, same cases.

    Returns
    -------
    list of Case
        One tube each, `Scale.RAW`, with the spillover that was applied. ``details`` hold
        ``entity``, ``specimen``, ``variant`` and ``neoplastic_share``. The ids do not tell
        the entity.

    Raises
    ------
    LabelError
        If the simulator does not know an entity.
    FlowmlError
        If a number cannot be used.

    See Also
    --------
    iterate_cohort : The same cases one at a time, for cohorts that do not fit in memory.

    Examples
    --------
    >>> case = simulate_cohort(["CLL"], n_cases=1, n_events=1000, seed=1)[0]
    >>> case.case_id, case.details["entity"], case.tubes[0].origin.n_events
    ('S0001', 'CLL', 1000)
    """
    return list(iterate_cohort(entities, n_cases=n_cases, n_events=n_events, seed=seed))


def iterate_cohort(
    entities: Sequence[str] | Mapping[str, int],
    *,
    n_cases: int | None = None,
    n_events: int = 10_000,
    seed: int,
) -> Iterator[Case]:
    """Simulate cases one at a time; see `simulate_cohort`.

    Parameters
    ----------
    entities : sequence of str, or mapping of str to int
        Entities to take in equal numbers, or how many cases of each.
    n_cases : int, optional
        Cases in all; ten of each entity if not given. Not with a mapping.
    n_events : int
        Events of each case.
    seed : int
        Same seed, same cases.

    Returns
    -------
    iterator of Case
        Each case is drawn when it is asked for; errors are raised at once.

    Raises
    ------
    LabelError
        If the simulator does not know an entity.
    FlowmlError
        If a number cannot be used.
    """
    for value, what, least in ((n_events, "n_events", 1), (seed, "seed", 0)):
        _checked_number(value, what, least)
    knowledge = load_simulator_knowledge()
    order = _order(entities, n_cases, seed, knowledge)
    return _cases(order, n_events, seed, knowledge)


def _cases(
    order: list[str], n_events: int, seed: int, knowledge: SimulatorKnowledge
) -> Iterator[Case]:
    seen: Counter[str] = Counter()
    for number, entity in enumerate(order, start=1):
        drawn = draw_case(entity, seen[entity], n_events, seed, knowledge)
        seen[entity] += 1
        case_id = f"S{number:0{LEAST_DIGITS}d}"
        yield _case(case_id, drawn)


def draw_case(
    entity: str, index: int, n_events: int, seed: int, knowledge: SimulatorKnowledge
) -> Draw:
    """Draw one case with its truth.

    Parameters
    ----------
    entity : str
        Canonical name.
    index : int
        Number of the case among those of its entity, from 0.
    n_events : int
        Events.
    seed : int
        Seed of the cohort.
    knowledge : SimulatorKnowledge
        What to draw from.

    Returns
    -------
    Draw
        Patient, instrument, cells and sample; the patient does not depend on `n_events`.
    """
    root = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(entity.encode()), index))
    of_patient, of_instrument, of_cells, of_noise = map(np.random.default_rng, root.spawn(4))
    tube = knowledge.tube
    patient = draw_patient(knowledge.entities[entity], knowledge, of_patient)
    instrument = draw_instrument(tube, of_instrument)
    cells = draw_cells(patient, tube, n_events, of_cells)
    sample = Sample(
        name="simulated",
        channels=channels_of(tube),
        source=ArraySource(acquire(cells, instrument, tube, of_noise)),
        keywords=KEYWORDS,
        spillover=instrument.spillover,
    )
    return Draw(patient, instrument, cells, sample)


def _case(case_id: str, drawn: Draw) -> Case:
    """Make a case of a draw; its sample is called as its file would be."""
    patient, sample = drawn.patient, drawn.sample
    named = Sample(
        name=f"{case_id}.fcs",
        channels=sample.channels,
        source=sample.source,
        keywords=sample.keywords,
        spillover=sample.spillover,
    )
    details = {
        "entity": patient.entity,
        "specimen": patient.specimen,
        "variant": patient.variant,
        "neoplastic_share": f"{patient.neoplastic_share:.4f}",
    }
    return Case(case_id, (Tube(named.name, named),), details)


def _order(
    entities: Sequence[str] | Mapping[str, int],
    n_cases: int | None,
    seed: int,
    knowledge: SimulatorKnowledge,
) -> list[str]:
    """Return the entity of each case, shuffled."""
    names = [_known(name, knowledge) for name in _listed(entities)]
    if not names:
        raise FlowmlError(f"no entity was given; choose from {', '.join(knowledge.entities)}.")
    if isinstance(entities, Mapping):
        if n_cases is not None:
            raise FlowmlError("n_cases was given, and so was the number of each entity.")
        numbers = [_checked_number(n, f"number of {name}", 0) for name, n in entities.items()]
        return _shuffled(list(np.repeat(names, numbers)), seed, 0)
    wanted = len(names) * CASES_PER_ENTITY if n_cases is None else n_cases
    _checked_number(wanted, "n_cases", 1)
    # Shuffled in rounds: the entity of a case does not depend on how many cases follow it.
    rounds = -(-wanted // len(names))
    return [name for n in range(rounds) for name in _shuffled(names, seed, n)][:wanted]


def _shuffled(names: list[str], seed: int, number: int) -> list[str]:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(ORDER_KEY, number)))
    return [str(names[i]) for i in rng.permutation(len(names))]


def _listed(entities: Sequence[str] | Mapping[str, int]) -> list[str]:
    """Return the names; a lone text is one name, not a sequence of letters."""
    return [entities] if isinstance(entities, str) else list(entities)


def _known(name: str, knowledge: SimulatorKnowledge) -> str:
    """Return the canonical name of an entity that the simulator knows."""
    try:
        canonical = load_label_tree().canonical(name)
    except LabelError:
        canonical = name
    if canonical not in knowledge.entities:
        known = list(knowledge.entities)
        raise LabelError(
            f"the simulator does not know the entity {printable(name)!r}. "
            f"Nearest: {nearest(name, known)}. It knows {', '.join(known)}."
        )
    return canonical


def _checked_number(value: object, what: str, least: int) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or int(value) < least:  # type: ignore[call-overload]
        raise FlowmlError(
            f"{what} is {printable(repr(value), 40)}, expected a whole number from {least}."
        )
    return int(value)  # type: ignore[call-overload,no-any-return]
