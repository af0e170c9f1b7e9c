"""The populations of a sample, whoever found them: masks, their tree, and how sure each is.

Gates that a person drew, gates that were found automatically and a classifier of events all
end here; features, statistics and pictures start here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import GateError
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowml.findings import Finding
    from flowml.gating.gates import Mask

ALL_EVENTS = ""
SURE = 0.5  # a population of a lower score is not used: its features are missing


@dataclass(frozen=True, slots=True)
class Count:
    """How many events a population has.

    Parameters
    ----------
    name : str
        The population.
    parent : str
        Its parent; empty for all events.
    n_events, n_parent, n_all : int
        Events of the population, of its parent and of the sample.
    score : float
        How sure the population is, from 0 to 1.
    """

    name: str
    parent: str
    n_events: int
    n_parent: int
    n_all: int
    score: float

    @property
    def of_parent(self) -> float:
        """Share of the parent; NaN where that is empty."""
        return self.n_events / self.n_parent if self.n_parent else float("nan")

    @property
    def of_all(self) -> float:
        """Share of all events; NaN where there is none."""
        return self.n_events / self.n_all if self.n_all else float("nan")


@dataclass(frozen=True, eq=False)
class Populations:
    """Populations of one sample.

    Parameters
    ----------
    masks : mapping of str to ndarray, shape (n_events,), bool
        By name, parents first; each within its parent.
    parents : mapping of str to str
        Parent of each; `ALL_EVENTS` for those of the whole sample. A name that is not there
        has no parent.
    scores : mapping of str to float
        How sure each is, from 0 to 1; one that is not there is certain, as a person drew it.
    findings : tuple of Finding
        Why some are not sure.

    Raises
    ------
    GateError
        If masks differ in length, a population has no name, or a parent is unknown or
        follows its child.
    """

    masks: Mapping[str, Mask]
    parents: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if len({len(mask) for mask in self.masks.values()}) > 1:
            raise GateError("the masks of the populations are of several lengths.")
        if ALL_EVENTS in self.masks:
            raise GateError("a population has no name; expected one that is not empty.")
        seen = {ALL_EVENTS}
        for name in self.masks:
            if (parent := self.parent(name)) not in seen:
                raise GateError(
                    f"population {printable(name)!r} comes before its parent "
                    f"{printable(parent)!r}, or that is not there."
                )
            seen.add(name)

    @property
    def n_events(self) -> int:
        """Number of events of the sample; 0 where there is no population."""
        return len(next(iter(self.masks.values()), ()))

    def parent(self, name: str) -> str:
        """Name the parent of a population.

        Parameters
        ----------
        name : str
            The population.

        Returns
        -------
        str
            Empty for a population of the whole sample.
        """
        return self.parents.get(name, ALL_EVENTS)

    def score(self, name: str) -> float:
        """Tell how sure a population is, its parents included.

        Parameters
        ----------
        name : str
            The population.

        Returns
        -------
        float
            From 0 to 1: no surer than any of its parents.
        """
        score = float(self.scores.get(name, 1.0))
        while name in self.masks and (parent := self.parent(name)):  # of those no circle
            name, score = parent, min(score, float(self.scores.get(parent, 1.0)))
        return score + 0.0  # no zero with a sign

    def is_sure(self, name: str) -> bool:
        """Tell whether a population may be used.

        Parameters
        ----------
        name : str
            The population.

        Returns
        -------
        bool
            Whether its score reaches `SURE`.
        """
        return self.score(name) >= SURE

    def counts(self) -> list[Count]:
        """Count the events of every population, in order.

        Returns
        -------
        list of Count
            Parents first.
        """
        sizes = {name: int(np.count_nonzero(mask)) for name, mask in self.masks.items()}
        n_all = self.n_events
        return [
            Count(
                name,
                parent := self.parent(name),
                sizes[name],
                sizes[parent] if parent else n_all,
                n_all,
                self.score(name),
            )
            for name in self.masks
        ]
