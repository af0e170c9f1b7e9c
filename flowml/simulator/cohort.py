"""Which cases a cohort holds, and each of them drawn.

A case is drawn from the seed, its entity and its number among the cases of that entity, and
from nothing else: it does not change with the size of the cohort or its other entities.
Instrument, date and number of events are drawn apart from what the patient has.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np

from flowml.fcs.keys import SIMULATED_KEY
from flowml.knowledge.biology import load_biology
from flowml.records import Case, Role
from flowml.simulator.accidents import Accidents, Circumstances, befall
from flowml.simulator.draft import Draft, TubeDraft
from flowml.simulator.formats import FORMATS
from flowml.simulator.instrument import Unit, draw_run
from flowml.simulator.patient import Patient, details_of, draw_patient
from flowml.simulator.plan import make_plan

if TYPE_CHECKING:
    from flowml.knowledge.biology import Biology
    from flowml.knowledge.diseases import Range
    from flowml.knowledge.hardware import Panel, PanelTube

LEAST_DIGITS = 4  # of a case id
FIRST_DAY = dt.date(2024, 1, 1)
DAYS = 730  # from the first case to the last
REPEATED = 0.04  # usual share of second tube sets of a patient
MONTHS = (
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Design:
    """How the cases of a cohort are made, whatever they have.

    Parameters
    ----------
    panel : Panel
        Which tubes.
    units : tuple of Unit
        The laboratory's instruments.
    events : tuple of int
        Range of the number of events of a tube, drawn log-uniformly.
    seed : int
        Same seed, same cases.
    share : tuple of float or None
        Range of the neoplastic share, in place of the entities' own.
    accidents : Accidents
        What goes wrong, and how often.
    repeated : float
        Share of the cases that are a second tube set of the case before them.
    """

    panel: Panel
    units: tuple[Unit, ...]
    events: tuple[int, int]
    seed: int
    share: Range | None
    accidents: Accidents
    repeated: float = REPEATED

    def stream(self, entity: str, index: int, what: str) -> np.random.Generator:
        """Return a source of draws about one case.

        Parameters
        ----------
        entity : str
            Of the case.
        index : int
            Its number among those of its entity.
        what : str
            What is drawn; each has its own stream.

        Returns
        -------
        numpy.random.Generator
            Apart from all other streams.
        """
        key = (zlib.crc32(entity.encode()), index, zlib.crc32(what.encode()))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


@dataclass(frozen=True, slots=True)
class Place:
    """Which case is meant.

    Parameters
    ----------
    number : int
        In the cohort, from 1.
    entity : str
        Canonical name, or several with plus signs.
    index : int
        Number among the cases of that entity, from 0.
    """

    number: int
    entity: str
    index: int


class Cohort(Sequence[Case]):
    """Simulated cases, each drawn when it is asked for.

    Parameters
    ----------
    design : Design
        How cases are made.
    places : sequence of Place
        Which cases.
    """

    def __init__(self, design: Design, places: Sequence[Place]) -> None:
        self.design = design
        self.places = tuple(places)

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, which: int) -> Case: ...
    @overload
    def __getitem__(self, which: slice) -> Cohort: ...
    def __getitem__(self, which: int | slice) -> Case | Cohort:
        """Return one case, or a part of the cohort."""
        if isinstance(which, slice):
            return Cohort(self.design, self.places[which])
        return self.draft(self.places[which]).case()

    def __iter__(self) -> Iterator[Case]:
        for place in self.places:
            yield self.draft(place).case()

    @cached_property
    def case_ids(self) -> tuple[str, ...]:
        """Ids of the cases; they do not tell the entity."""
        return tuple(case_id(place) for place in self.places)

    def draft(self, place: Place) -> Draft:
        """Draw one case.

        Parameters
        ----------
        place : Place
            Which.

        Returns
        -------
        Draft
            With the accidents that befell it.
        """
        return draw_case(self.design, place, load_biology())


def case_id(place: Place) -> str:
    """Name a case.

    Parameters
    ----------
    place : Place
        Which.

    Returns
    -------
    str
        ``S0001`` and so on.
    """
    return f"S{place.number:0{LEAST_DIGITS}d}"


def places_of(order: Sequence[str]) -> list[Place]:
    """Give the cases of a cohort their numbers.

    Parameters
    ----------
    order : sequence of str
        Entity of each case.

    Returns
    -------
    list of Place
        In that order.
    """
    seen: Counter[str] = Counter()
    places = []
    for number, entity in enumerate(order, start=1):
        places.append(Place(number, entity, seen[entity]))
        seen[entity] += 1
    return places


def draw_case(design: Design, place: Place, biology: Biology) -> Draft:
    """Draw one case with everything that is true of it.

    Parameters
    ----------
    design : Design
        How cases are made.
    place : Place
        Which case.
    biology : Biology
        What to draw from.

    Returns
    -------
    Draft
        The patient does not depend on panel, instruments or number of events.
    """
    first = _first_visit(design, place)
    patient = _patient(design, place.entity, first, biology)
    luck = design.stream(place.entity, place.index, "metadata")
    unit = design.units[int(luck.integers(len(design.units)))]
    day = int(luck.integers(DAYS))
    tubes = tuple(
        _tube(design, place, tube, patient, (unit, day), biology) for tube in design.panel.tubes
    )
    entity = patient.leading.entity
    details = {
        **details_of(patient),
        "patient_id": f"P{zlib.crc32(f'{design.seed} {place.entity} {first}'.encode()):08x}",
        "panel": design.panel.name,
        "instrument": unit.name,
        "date": (FIRST_DAY + dt.timedelta(days=day)).isoformat(),
        "scored_as": design.panel.scored_as.get(entity, entity),
        "accident": "",
        "severity": "",
    }
    draft = Draft(case_id(place), details, tubes)
    return _befallen(draft, design, place, biology)


def _first_visit(design: Design, place: Place) -> int:
    """Return the number of the case in which this patient was seen first."""
    index = place.index
    while index > 0 and design.stream(place.entity, index, "visit").random() < design.repeated:
        index -= 1
    return index


def _patient(design: Design, entity: str, index: int, biology: Biology) -> Patient:
    diseases = [biology.diseases[name] for name in entity.split("+")]
    return draw_patient(
        diseases, biology, design.stream(entity, index, "patient"), design.share
    )


def _tube(
    design: Design,
    place: Place,
    tube: PanelTube,
    patient: Patient,
    where: tuple[Unit, int],
    biology: Biology,
) -> TubeDraft:
    """Measure one tube of a patient."""
    unit, day = where
    rng = design.stream(place.entity, place.index, f"tube {tube.name}")
    form = FORMATS[unit.cytometer.style]
    channels = form.channels(tube, unit.cytometer)
    names = [channel.name for channel in channels if channel.role is Role.FLUORESCENCE]
    run = draw_run(unit, tube, names, day, form.rounded, rng)
    low, high = design.events
    n_events = round(low * (high / low) ** rng.random())
    plan = make_plan(patient, tube, unit.cytometer, run, n_events, biology, rng)
    keywords = _keywords(unit, day, n_events / run.events_per_second, rng)
    return TubeDraft(tube.name, tube, plan, channels, keywords, form.ending)


def _keywords(unit: Unit, day: int, seconds: float, rng: np.random.Generator) -> dict[str, str]:
    """Say what an instrument says of a run: nothing of the patient."""
    date = FIRST_DAY + dt.timedelta(days=day)
    start = dt.datetime(date.year, date.month, date.day, 7) + dt.timedelta(
        seconds=int(rng.integers(10 * 3600))
    )
    end = start + dt.timedelta(seconds=int(seconds) + 1)
    return {
        SIMULATED_KEY: "yes",
        "$CYT": unit.cytometer.title,
        "$CYTSN": f"SIM{unit.number:04d}",
        "$TIMESTEP": repr(unit.cytometer.time_step),
        "$DATE": f"{date.day:02d}-{MONTHS[date.month - 1]}-{date.year}",
        "$BTIM": f"{start:%H:%M:%S}",
        "$ETIM": f"{end:%H:%M:%S}",
        "$COM": "simulated; not a patient",
    }


def _befallen(draft: Draft, design: Design, place: Place, biology: Biology) -> Draft:
    """Let an accident happen to a case, where they were asked for."""
    if design.accidents.share == 0:
        return draft
    rng = design.stream(place.entity, place.index, "accident")

    def somebody(*, outside: bool) -> Patient:
        known = [disease.name for disease in biology.diseases.values() if disease.outside]
        names = known if outside else design.panel.entities
        disease = biology.diseases[names[int(rng.integers(len(names)))]]
        return draw_patient([disease], biology, rng, design.share)

    def measure(patient: Patient, tube: TubeDraft) -> TubeDraft:
        old = tube.plan
        given = (tube.design, old.cytometer, old.run, old.n_events)
        return replace(tube, plan=make_plan(patient, *given, biology, rng))

    return befall(draft, design.accidents, Circumstances(rng, somebody, measure))
