"""What the rules say of one case, and the events that they stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowml.gating.rules.finding import RuleFinding


@dataclass(frozen=True)
class TubeEvents:
    """How many events a tube has.

    Parameters
    ----------
    name : str
        The tube's.
    n_events : int
        All that were read.
    n_intact : int or None
        Intact singlets, CD45-negative ones included; None where nobody gated them.
    """

    name: str
    n_events: int
    n_intact: int | None = None


@dataclass(frozen=True)
class Evidence:
    """What the rules say of a case.

    Parameters
    ----------
    rules : tuple of RuleFinding
        One for each rule; empty where they could not be asked.
    tubes : tuple of TubeEvents
        In the order of the case.
    problem : str
        Why the rules could not be asked; empty where they were.
    """

    rules: tuple[RuleFinding, ...]
    tubes: tuple[TubeEvents, ...]
    problem: str = ""

    def of(self, rule: str) -> RuleFinding | None:
        """Return what one rule says.

        Parameters
        ----------
        rule : str
            A key of `RULES`.

        Returns
        -------
        RuleFinding or None
            None where it was not asked.
        """
        return next((found for found in self.rules if found.rule == rule), None)
