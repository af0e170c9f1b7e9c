"""What is said of an answer, and what that makes of its release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowml.findings import Finding

AUTO, REVIEW, URGENT = DECISIONS = ("auto", "review", "urgent")
DENDRITIC = "dendritic_neoplasm"  # a category


@dataclass(frozen=True)
class Note:
    """One thing that is said of an answer.

    Parameters
    ----------
    clause : str
        For the reason; empty where it has no part in it.
    decision : str
        The least that it makes of the decision.
    finding : Finding or None
        For the list of findings.
    agrees : str
        Name of a rule that agrees with the answer; told together with others.
    """

    clause: str = ""
    decision: str = AUTO
    finding: Finding | None = None
    agrees: str = ""


def strictest(decisions: Iterable[str]) -> str:
    """Return the strictest of some decisions.

    Parameters
    ----------
    decisions : iterable of str
        One or more of `DECISIONS`.

    Returns
    -------
    str
        No rule makes a decision weaker than another one made it.
    """
    return max(decisions, key=DECISIONS.index)
