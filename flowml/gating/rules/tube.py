"""A tube with its reference cells, opened once for all rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from flowml.gating.rules.cells import Cells
from flowml.gating.rules.landmarks import Landmarks, find_landmarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowml.knowledge.rules import Rulebook

Found = TypeVar("Found")


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
    """

    cells: Cells
    book: Rulebook
    specimen: str = ""
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        """The tube's name."""
        return self.cells.name

    def once(self, name: str, work: Callable[[], Found]) -> Found:
        """Work something out that several rules need, once.

        Parameters
        ----------
        name : str
            Of what is worked out.
        work : callable
            Works it out.

        Returns
        -------
        any
            What `work` returned the first time.
        """
        if name not in self._kept:
            self._kept[name] = work()
        found: Found = self._kept[name]
        return found

    @cached_property
    def marks(self) -> Landmarks:
        """Its reference cells."""
        return find_landmarks(self.cells, self.book)

    @cached_property
    def n_intact(self) -> int:
        """Intact singlets, CD45-negative ones included."""
        return int(self.marks.intact.sum())
