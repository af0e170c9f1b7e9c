"""What goes wrong in laboratories, on request: each accident does one thing to a drawn case.

An accident changes what the files hold or say, and the case's details say what was done:
``accident`` and, where it is graded, ``severity``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from flowml.errors import FlowmlError
from flowml.records import Role, Spillover
from flowml.safety import nearest, printable
from flowml.simulator.draft import Draft, TubeDraft
from flowml.simulator.formats import FORMATS
from flowml.simulator.patient import details_of

if TYPE_CHECKING:
    from flowml.simulator.patient import Patient
    from flowml.simulator.plan import TubePlan

SEVERITIES = MappingProxyType({"mild": 0.25, "moderate": 0.5, "severe": 1.0})
# An aged sample: what dying cells do. Shares and factors are our own choice.
AGED_DEBRIS = (2.0, 3.5)  # times the share of debris
AGED_SCATTER = np.array([-0.06, -0.10])  # decades of FSC and SSC of granulocytes
AGED_LOSS = 0.20  # decades of antigen on granulocytes
AGED_GLOW = 1.4  # times the autofluorescence
MOST_DEBRIS = 0.6
GRANULOCYTES = ("neutrophils", "immature granulocytes", "eosinophils")

Befallen = tuple[Draft, str]  # the case, and how severe it was (may be empty)


@dataclass(frozen=True, eq=False)
class Accidents:
    """Which accidents happen, and how often.

    Parameters
    ----------
    share : float
        Of the cases that one befalls.
    kinds : tuple of str
        Keys of `ACCIDENTS`, each as likely as the others.
    """

    share: float = 0.0
    kinds: tuple[str, ...] = field(default_factory=lambda: tuple(ACCIDENTS))

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise FlowmlError(
                f"the share of accidents is {self.share}, expected a number from 0 to 1."
            )
        if self.share > 0 and not self.kinds:
            raise FlowmlError(
                "accidents shall happen, but none was named. Choose from "
                f"{', '.join(ACCIDENTS)}."
            )
        for kind in self.kinds:
            if kind not in ACCIDENTS:
                raise FlowmlError(
                    f"unknown accident {printable(kind)!r}; nearest: "
                    f"{nearest(kind, list(ACCIDENTS))}. Choose from {', '.join(ACCIDENTS)}."
                )


class Somebody(Protocol):
    """Draws another patient."""

    def __call__(self, *, outside: bool) -> Patient:
        """Draw one; outside: with an entity that the label tree does not hold."""
        ...


@dataclass(frozen=True, eq=False)
class Circumstances:
    """What an accident may need beside the case.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of its draws.
    somebody : callable
        Draws another patient.
    measure : callable
        Measures a patient with a tube, on the same instrument.
    """

    rng: np.random.Generator
    somebody: Somebody
    measure: Callable[[Patient, TubeDraft], TubeDraft]

    def one_of(self, number: int) -> int:
        """Choose one of several things.

        Parameters
        ----------
        number : int
            How many.

        Returns
        -------
        int
            From 0.
        """
        return int(self.rng.integers(number))


def befall(draft: Draft, accidents: Accidents, about: Circumstances) -> Draft:
    """Let an accident happen to a case, or not.

    Parameters
    ----------
    draft : Draft
        The case.
    accidents : Accidents
        Which, and how often.
    about : Circumstances
        Source of draws, and other patients.

    Returns
    -------
    Draft
        With its details telling what happened.
    """
    chance, choice = about.rng.random(2)
    if chance >= accidents.share or not accidents.kinds:
        return draft
    kind = accidents.kinds[int(choice * len(accidents.kinds))]
    found, severity = ACCIDENTS[kind](draft, about)
    return replace(found, details={**found.details, "accident": kind, "severity": severity})


def _with_tube(draft: Draft, index: int, tube: TubeDraft) -> Draft:
    return replace(draft, tubes=(*draft.tubes[:index], tube, *draft.tubes[index + 1 :]))


def _lost_tube(draft: Draft, about: Circumstances) -> Befallen:
    """Lose one of several tubes; the only one loses its events."""
    if len(draft.tubes) == 1:
        return _empty_tube(draft, about)
    lost = about.one_of(len(draft.tubes))
    return replace(draft, tubes=(*draft.tubes[:lost], *draft.tubes[lost + 1 :])), ""


def _empty_tube(draft: Draft, about: Circumstances) -> Befallen:
    """Measure a tube into which no cells went."""
    index = about.one_of(len(draft.tubes))
    tube = draft.tubes[index]
    return _with_tube(draft, index, replace(tube, plan=replace(tube.plan, n_events=0))), ""


def _truncated_file(draft: Draft, about: Circumstances) -> Befallen:
    """Cut a file off; in memory nothing shows, `write_cohort` does it."""
    del about
    return draft, ""


def _swapped_tubes(draft: Draft, about: Circumstances) -> Befallen:
    """Put two tubes into each other's place; a lone tube gets somebody else's."""
    if len(draft.tubes) == 1:
        return _foreign_tube(draft, about)
    first, second = sorted(about.rng.choice(len(draft.tubes), size=2, replace=False).tolist())
    one, other = draft.tubes[first], draft.tubes[second]
    swapped = _with_tube(draft, first, replace(other, label=one.label))
    return _with_tube(swapped, second, replace(one, label=other.label)), ""


def _foreign_tube(draft: Draft, about: Circumstances) -> Befallen:
    """Measure another patient's tube."""
    index = about.one_of(len(draft.tubes))
    tube = about.measure(about.somebody(outside=False), draft.tubes[index])
    return _with_tube(draft, index, tube), ""


def _unseen_entity(draft: Draft, about: Circumstances) -> Befallen:
    """Give the patient a disease that the panel's entities do not hold."""
    patient = about.somebody(outside=True)
    tubes = tuple(about.measure(patient, tube) for tube in draft.tubes)
    details = {**draft.details, **details_of(patient), "scored_as": patient.leading.entity}
    details["patient_id"] = f"P{about.rng.integers(2**32):08x}"  # somebody else
    return replace(draft, tubes=tubes, details=details), ""


def _fluorescence(tube: TubeDraft) -> list[int]:
    """Return the columns of fluorescence channels."""
    return [i for i, c in enumerate(tube.channels) if c.role is Role.FLUORESCENCE]


def _missing_marker(draft: Draft, about: Circumstances) -> Befallen:
    """Leave an antibody out: no signal, and no label."""
    index = about.one_of(len(draft.tubes))
    tube = draft.tubes[index]
    columns = _fluorescence(tube)
    detector = about.one_of(len(columns))
    plan = tube.plan
    stops = [*plan.first_antigen[1:].tolist(), plan.negative.size]
    antigens = slice(int(plan.first_antigen[detector]), stops[detector])
    path = plan.path.copy()
    path[:, :, antigens] = plan.negative[antigens]
    channels = list(tube.channels)
    channels[columns[detector]] = replace(channels[columns[detector]], label="", marker="")
    changed = replace(tube, plan=replace(plan, path=path), channels=tuple(channels))
    return _with_tube(draft, index, changed), ""


def _relabelled_detector(draft: Draft, about: Circumstances) -> Befallen:
    """Exchange the labels of two detectors; a lone one loses its own."""
    index = about.one_of(len(draft.tubes))
    tube = draft.tubes[index]
    columns = _fluorescence(tube)
    if len(columns) == 1:
        return _missing_marker(draft, about)
    first, second = about.rng.choice(columns, size=2, replace=False).tolist()
    channels = list(tube.channels)
    for here, there in ((first, second), (second, first)):
        old = tube.channels[there]
        channels[here] = replace(tube.channels[here], label=old.label, marker=old.marker)
    return _with_tube(draft, index, replace(tube, channels=tuple(channels))), ""


def _wrong_spillover(draft: Draft, about: Circumstances) -> Befallen:
    """Write coefficients into every file that are too small or too large by a graded share."""
    grade = list(SEVERITIES)[about.one_of(len(SEVERITIES))]
    sign = -1.0 if about.rng.random() < 0.5 else 1.0
    tubes = tuple(
        _respilled(tube, 1 + sign * SEVERITIES[grade] * about.rng.uniform(0.8, 1.0))
        for tube in draft.tubes
    )
    return replace(draft, tubes=tubes), grade


def _respilled(tube: TubeDraft, factor: float) -> TubeDraft:
    run = tube.plan.run
    matrix = run.spillover.matrix * max(factor, 0.0)
    np.fill_diagonal(matrix, 1.0)
    rounded = FORMATS[tube.plan.cytometer.style].rounded(matrix)
    written = Spillover(run.spillover.channels, rounded, run.spillover.source)
    return replace(tube, plan=replace(tube.plan, run=replace(run, spillover=written)))


def _aged_sample(draft: Draft, about: Circumstances) -> Befallen:
    """Let the specimen wait too long: debris, pale granulocytes, glowing cells."""
    factor = about.rng.uniform(*AGED_DEBRIS)
    tubes = tuple(replace(tube, plan=_aged(tube.plan, factor)) for tube in draft.tubes)
    return replace(draft, tubes=tubes), ""


def _aged(plan: TubePlan, factor: float) -> TubePlan:
    weights = plan.weights.copy()
    debris = min(weights[-1] * factor, MOST_DEBRIS)
    weights[:-1] *= (1 - debris) / weights[:-1].sum()
    weights[-1] = debris
    dying = np.isin(plan.names, GRANULOCYTES)
    scatter, path = plan.scatter.copy(), plan.path.copy()
    scatter[dying] += AGED_SCATTER.astype(np.float32)
    path[dying] -= np.float32(AGED_LOSS)
    glow = plan.autofluorescence * np.float32(AGED_GLOW)
    return replace(plan, weights=weights, scatter=scatter, path=path, autofluorescence=glow)


Accident = Callable[[Draft, Circumstances], Befallen]

ACCIDENTS: Mapping[str, Accident] = MappingProxyType(
    {
        "lost tube": _lost_tube,
        "swapped tubes": _swapped_tubes,
        "foreign tube": _foreign_tube,
        "empty tube": _empty_tube,
        "truncated file": _truncated_file,
        "missing marker": _missing_marker,
        "relabelled detector": _relabelled_detector,
        "wrong spillover": _wrong_spillover,
        "aged sample": _aged_sample,
        "unseen entity": _unseen_entity,
    }
)
