"""What a rule says of a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PRESENT, ABSENT, NOT_ASSESSABLE = "present", "absent", "not assessable"


@dataclass(frozen=True)
class RuleFinding:
    """What one of the laboratory's rules says, beside the model's answer; never a label.

    Parameters
    ----------
    rule : str
        A key of `RULES`.
    status : str
        ``present``, ``absent`` or ``not assessable``.
    urgent : bool
        Whether somebody has to see the case the same day.
    summary : str
        One or two sentences for whoever releases the case.
    numbers : mapping of str to float
        What was counted, with intervals (``..._low``, ``..._high``).
    n_events : int
        Events of the population.
    population : str
        What the numbers are about.
    gate : str
        How the population was gated.
    tube : str
        Name of the tube, or of the tubes; empty where none could be used.
    missing : tuple of str
        Markers that the rule lacks.
    source : str
        What the rule follows.
    signs : tuple of str
        What was seen, for programs: the light chains that stand alone, the measures of T cells
        beyond their limits, ``for_cll`` or ``against_cll``, the arm of the alert, ``some`` or
        ``many`` immature cells, lineages by WHO 2022. Empty where there is none.
    """

    rule: str
    status: str
    urgent: bool
    summary: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    n_events: int = 0
    population: str = ""
    gate: str = ""
    tube: str = ""
    missing: tuple[str, ...] = ()
    source: str = ""
    signs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.status}{' (urgent)' if self.urgent else ''}. {self.summary}"
