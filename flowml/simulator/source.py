"""Events that are drawn when they are asked for, and the sample around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from flowml.events import ArraySource, check_block
from flowml.records import Case, Role, Sample
from flowml.simulator.events import REFERENCE_TOP, Events, draw_events
from flowml.simulator.formats import FORMATS

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.findings import Finding
    from flowml.records import Channel
    from flowml.simulator.plan import TubePlan


@dataclass(frozen=True, eq=False)
class SimulatedSource:
    """Events of a simulated tube: a plan, of which the events are drawn when they are read.

    A cohort of thousands of cases fits in memory, and workers draw what they read.

    Parameters
    ----------
    plan : TubePlan
        What to draw from.
    channels : tuple of Channel
        The columns.
    """

    plan: TubePlan
    channels: tuple[Channel, ...]

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self.plan.n_events

    def blocks(self, size: int) -> Iterator[Array]:
        """Stream the linear values.

        Parameters
        ----------
        size : int
            Events in a block.

        Yields
        ------
        ndarray, shape (up to `size`, n_channels), float32
            Views of one table.
        """
        check_block(size)
        yield from ArraySource(self.events()).blocks(size)

    def events(self) -> Array:
        """Draw all events, as a table of the caller's own."""
        return measured(draw_events(self.plan), self.plan, self.channels)

    def stored(self) -> Array:
        """Draw all events; a file of them holds the same numbers."""
        return self.events()

    def findings(self) -> tuple[Finding, ...]:
        """Say nothing: whoever drew the values knows them."""
        return ()


def measured(events: Events, plan: TubePlan, channels: tuple[Channel, ...]) -> Array:
    """Put events into the columns, units and numbers of the instrument's files.

    Parameters
    ----------
    events : Events
        In reference units.
    plan : TubePlan
        Its cytometer decides the units.
    channels : tuple of Channel
        The columns.

    Returns
    -------
    ndarray, shape (n_events, n_channels), float32
        As the file of such an instrument holds them.
    """
    model = plan.cytometer
    table = np.empty((len(events.look), len(channels)), dtype=np.float32)
    unit = np.float32(model.top / REFERENCE_TOP)
    for column, channel in enumerate(channels):
        if channel.role is Role.TIME:
            table[:, column] = events.seconds / model.time_step
        elif channel.role is Role.FORWARD_SCATTER:
            table[:, column] = events.scatter[:, int(channel.pulse == "H")] * unit
        elif channel.role is Role.SIDE_SCATTER:
            table[:, column] = events.scatter[:, 2] * unit
    light = [i for i, channel in enumerate(channels) if channel.role is Role.FLUORESCENCE]
    table[:, light] = events.signals * unit
    return FORMATS[model.style].digitise(table)


def held(case: Case) -> Case:
    """Draw the events of a case once, and hold them: for cases that are read again and again.

    Parameters
    ----------
    case : Case
        From `flowml.simulate`.

    Returns
    -------
    Case
        The same events, in memory.
    """
    tubes = []
    for tube in case.tubes:
        sample = tube.origin
        if isinstance(sample, Sample):
            sample = replace(sample, source=ArraySource(sample.events()))
        tubes.append(replace(tube, origin=sample))
    return replace(case, tubes=tuple(tubes))


def sample_of(
    name: str, plan: TubePlan, channels: tuple[Channel, ...], keywords: Mapping[str, str]
) -> Sample:
    """Make the sample that a plan stands for.

    Parameters
    ----------
    name : str
        Path of its file, were it written.
    plan : TubePlan
        What to draw from.
    channels : tuple of Channel
        The columns.
    keywords : mapping of str to str
        What the instrument says.

    Returns
    -------
    Sample
        `Scale.RAW`; nothing is drawn yet.
    """
    return Sample(
        name=name,
        channels=channels,
        source=SimulatedSource(plan, channels),
        keywords=MappingProxyType(dict(keywords)),
        spillover=plan.run.spillover,
    )
