"""The simulator's public verb: from what is asked for to a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError, LabelError
from flowml.knowledge.biology import load_biology
from flowml.knowledge.hardware import load_cytometer, undetected
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.panels import load_panel
from flowml.safety import nearest, printable
from flowml.simulator.accidents import ACCIDENTS, Accidents
from flowml.simulator.cohort import Cohort, Design, places_of
from flowml.simulator.instrument import Unit

if TYPE_CHECKING:
    from pathlib import Path

    from flowml.knowledge.hardware import Panel

ALL = "all"
CASES_PER_ENTITY = 10  # where no number is given
ORDER_KEY = 0xFFFF_FFFF  # keeps the order of a cohort's cases apart from what they hold
MOST_INSTRUMENTS = 1000
MOST_EVENTS = 100_000_000  # of a tube; they are drawn as one table

Entities = str | Sequence[str] | Mapping[str, int]


def simulate(  # noqa: PLR0913 - what a cohort is made of
    panel: str | Path = "screening",
    *,
    cases: int | None = None,
    entities: Entities = ALL,
    instruments: int | Sequence[str] = 1,
    events: int | tuple[int, int] = 10_000,
    share: tuple[float, float] | None = None,
    accidents: float = 0.0,
    accident_kinds: str | Sequence[str] = tuple(ACCIDENTS),
    seed: int,
) -> Cohort:
    """Simulate cases; each is drawn when it is asked for, its events when they are read.

    Parameters
    ----------
    panel : str or path-like
        Name of a panel, or a TOML file with a laboratory's own.
    cases : int, optional
        Cases in all; ten of each entity if not given. Not with a mapping of entities.
    entities : str, sequence of str, or mapping of str to int
        ``all`` that the panel can tell apart; a name or several, to be taken in equal numbers;
        or how many cases of each. ``CLL+T-LGLL`` is a case with both. Aliases will do.
    instruments : int or sequence of str
        How many instruments of the panel's first model the laboratory has; or their models.
    events : int or (int, int)
        Events of a tube, or a range from which they are drawn log-uniformly.
    share : (float, float), optional
        Range of the neoplastic share of intact cells, in place of the entities' own.
    accidents : float
        Share of the cases that an accident of the laboratory befalls.
    accident_kinds : str or sequence of str
        Which accidents: keys of ``ACCIDENTS``.
    seed : int
        Same seed, same cases.

    Returns
    -------
    Cohort
        A sequence of `flowml.Case`, which `flowml.extract` and `flowml.train` accept. Samples
        are `Scale.RAW`, with the spillover that the instrument wrote. ``details`` hold the
        truth: ``entity``, ``variant``, ``specimen``, ``neoplastic_share``, ``patient_id``,
        ``instrument``, ``date``, ``accident`` and more. The ids do not tell the entity.

    Raises
    ------
    FlowmlError
        If there is no such panel, entity, instrument or accident, or a number cannot be used.

    Examples
    --------
    >>> case = simulate(entities="CLL", cases=1, events=1000, seed=1)[0]
    >>> case.case_id, case.details["entity"], case.tubes[0].origin.n_events
    ('S0001', 'CLL', 1000)
    """
    seed, chosen = _checked_number(seed, "seed", 0), _described(load_panel(panel))
    units, tube = _units(instruments, chosen, seed), _range_of_events(events)
    going_wrong = Accidents(accidents, _kinds(accident_kinds))
    design = Design(chosen, units, tube, seed, _checked_share(share), going_wrong)
    return Cohort(design, places_of(_order(entities, cases, seed, chosen)))


def known_entities(panel: str | Path = "screening") -> list[str]:
    """List the entities that a panel can tell apart.

    Parameters
    ----------
    panel : str or path-like
        Name of a panel, or its file.

    Returns
    -------
    list of str
        Canonical names.
    """
    return list(load_panel(panel).entities)


def _described(panel: Panel) -> Panel:
    """Refuse a panel with a marker that nothing is known of."""
    known = load_biology().markers
    for marker in panel.markers:
        if marker not in known:
            raise FlowmlError(
                f"the panel {printable(panel.name, 60)!r} has the marker "
                f"{printable(marker, 60)!r}, by which no population is described; nearest: "
                f"{nearest(marker, list(known))}. Correct the panel, or add the marker to the "
                "populations that express it (populations.toml)."
            )
    return panel


def _units(instruments: int | Sequence[str], panel: Panel, seed: int) -> tuple[Unit, ...]:
    if isinstance(instruments, str):
        instruments = [instruments]
    if isinstance(instruments, Sequence):
        models = list(instruments)
    else:
        number = _checked_number(instruments, "instruments", 1, MOST_INSTRUMENTS)
        models = [panel.cytometers[0]] * number
    if not models:
        raise FlowmlError("no instrument was given, expected one or more.")
    for model in models:
        _refuse_unfit(model, panel)
    return tuple(
        Unit(load_cytometer(model), number, seed) for number, model in enumerate(models, 1)
    )


def _refuse_unfit(model: str, panel: Panel) -> None:
    """Refuse an instrument without a detector for one of the panel's dyes."""
    for tube in panel.tubes:
        if (dye := undetected(tube.stains, load_cytometer(model))) is not None:
            raise FlowmlError(
                f"the panel {printable(panel.name, 60)!r} cannot be measured on the cytometer "
                f"{model!r}, which has no detector at {dye.position} for {dye.name}. It is "
                f"offered on {', '.join(panel.cytometers)}."
            )


def _range_of_events(events: int | tuple[int, int]) -> tuple[int, int]:
    ends = tuple(events) if isinstance(events, Sequence) else (events, events)
    if len(ends) != 2:
        raise FlowmlError(f"events are {ends}, expected one number or two.")
    low, high = (_checked_number(end, "events", 1, MOST_EVENTS) for end in ends)
    if low > high:
        raise FlowmlError(f"events are {low} to {high}, expected the smaller number first.")
    return low, high


def _kinds(accident_kinds: str | Sequence[str]) -> tuple[str, ...]:
    """Return the kinds; a lone text is one kind, not a sequence of letters."""
    return (accident_kinds,) if isinstance(accident_kinds, str) else tuple(accident_kinds)


def _checked_share(share: tuple[float, float] | None) -> tuple[float, float] | None:
    if share is None:
        return None
    ends = tuple(share) if isinstance(share, Sequence) else (share,)
    numbers = len(ends) == 2 and all(isinstance(end, Real) for end in ends)
    if not numbers or not 0 < ends[0] <= ends[1] < 1:
        raise FlowmlError(
            f"the neoplastic share is {printable(' to '.join(map(str, ends)), 60)}, expected "
            "two numbers between 0 and 1, the smaller first."
        )
    return ends[0], ends[1]


def _order(entities: Entities, cases: int | None, seed: int, panel: Panel) -> list[str]:
    """Return the entity of each case, shuffled."""
    names = [_known(name) for name in _listed(entities, panel)]
    if not names:
        raise FlowmlError(f"no entity was given; choose from {', '.join(panel.entities)}.")
    if isinstance(entities, Mapping):
        if cases is not None:
            raise FlowmlError("cases were given, and so was the number of each entity.")
        numbers = [_checked_number(n, f"number of {name}", 0) for name, n in entities.items()]
        return _shuffled(list(np.repeat(names, numbers)), seed, 0)
    wanted = len(names) * CASES_PER_ENTITY if cases is None else cases
    _checked_number(wanted, "cases", 1)
    # Shuffled in rounds: the entity of a case does not depend on how many cases follow it.
    rounds = -(-wanted // len(names))
    return [name for n in range(rounds) for name in _shuffled(names, seed, n)][:wanted]


def _shuffled(names: list[str], seed: int, number: int) -> list[str]:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(ORDER_KEY, number)))
    return [str(names[i]) for i in rng.permutation(len(names))]


def _listed(entities: Entities, panel: Panel) -> list[str]:
    """Return the names; a lone text is a name or several, not a sequence of letters."""
    if isinstance(entities, str):
        if entities.strip().casefold() == ALL:
            return list(panel.entities)
        return [name.strip() for name in entities.split(",") if name.strip()]
    return list(entities)


def _known(name: str) -> str:
    """Return the canonical name of what the simulator knows; ``A+B`` is a case with both."""
    try:
        return _known_entity(load_label_tree().canonical(name))  # an alias may hold a plus
    except LabelError:
        pass
    return "+".join(_known_entity(part.strip()) for part in name.split("+"))


def _known_entity(name: str) -> str:
    diseases = load_biology().diseases
    try:
        canonical = load_label_tree().canonical(name)
    except LabelError:
        canonical = name
    if canonical not in diseases:
        known = list(diseases)
        raise LabelError(
            f"the simulator does not know the entity {printable(name)!r}. "
            f"Nearest: {nearest(name, known)}. It knows {', '.join(known)}."
        )
    return canonical


def _checked_number(value: object, what: str, least: int, most: int | None = None) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    inside = whole and least <= int(value) <= (value if most is None else most)  # type: ignore[call-overload]
    if not inside:
        up_to = "" if most is None else f" to {most}"
        raise FlowmlError(
            f"{what} is {printable(repr(value), 40)}, expected a whole number from "
            f"{least}{up_to}."
        )
    return int(value)  # type: ignore[call-overload,no-any-return]
