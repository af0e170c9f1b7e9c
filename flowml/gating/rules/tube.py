"""A tube with its reference cells, opened once for all rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowml.gating.rules.cells import Cells
from flowml.gating.rules.landmarks import Landmarks, find_landmarks

if TYPE_CHECKING:
    from flowml.knowledge.rules import Rulebook


@dataclass(frozen=True, eq=False)
class RuleTube:
    """One tube, opened.

    Parameters
    ----------
    cells : Cells
        Its events.
    book : Rulebook
        What the rules go by.
    specimen : str
        ``blood``, ``marrow``, or empty where it is not said.
    kept : dict
        What one rule worked out and another one needs again.
    """

    cells: Cells
    book: Rulebook
    specimen: str = ""
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The tube's name."""
        return self.cells.name

    @cached_property
    def marks(self) -> Landmarks:
        """Its reference cells."""
        return find_landmarks(self.cells, self.book)

    @cached_property
    def n_intact(self) -> int:
        """Intact singlets, CD45-negative ones included."""
        return int(self.marks.intact.sum())
