"""A case before its samples are made: where accidents of the laboratory still can happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.records import Case, Tube
from flowml.simulator.source import sample_of

if TYPE_CHECKING:
    from flowml.knowledge.hardware import PanelTube
    from flowml.records import Channel
    from flowml.simulator.plan import TubePlan


@dataclass(frozen=True, eq=False)
class TubeDraft:
    """One tube of a case.

    Parameters
    ----------
    label : str
        What the laboratory calls it.
    design : PanelTube
        What was pipetted.
    plan : TubePlan
        What its events are drawn from.
    channels : tuple of Channel
        What its file says of them.
    keywords : mapping of str to str
        What its file says besides.
    ending : str
        Of its file: ``.fcs`` or ``.lmd``.
    """

    label: str
    design: PanelTube
    plan: TubePlan
    channels: tuple[Channel, ...]
    keywords: Mapping[str, str]
    ending: str


@dataclass(frozen=True, eq=False)
class Draft:
    """A case as it was drawn.

    Parameters
    ----------
    case_id : str
        Unique within the cohort.
    details : mapping of str to str
        What is true of it.
    tubes : tuple of TubeDraft
        In the order of the panel.
    """

    case_id: str
    details: Mapping[str, str]
    tubes: tuple[TubeDraft, ...]

    def case(self) -> Case:
        """Return the case with its samples; no event is drawn yet."""
        tubes = []
        for tube in self.tubes:
            name = f"{self.case_id}/{self.case_id}_{tube.label}{tube.ending}"
            sample = sample_of(name, tube.plan, tube.channels, tube.keywords)
            tubes.append(Tube(name, sample, tube.label))
        return Case(self.case_id, tuple(tubes), self.details)
