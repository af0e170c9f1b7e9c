"""Thresholds as readable files give them: a number, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowml.knowledge.entries import Entry


@dataclass(frozen=True)
class Threshold:
    """A number and where it comes from.

    Parameters
    ----------
    value : float
        The number.
    source : str
        Who says so.
    """

    value: float
    source: str


def read_thresholds(table: Entry, names: Collection[str]) -> dict[str, Threshold]:
    """Read the thresholds of a table.

    Parameters
    ----------
    table : Entry
        A rule or a check, with its own source beside them.
    names : collection of str
        What must be there, and nothing else.

    Returns
    -------
    dict of str to Threshold
        By name.

    Raises
    ------
    KnowledgeError
        If one is missing, unknown or no number.
    """
    table.keys({"source", *names})
    return {name: _threshold(table.table(name)) for name in names}


def _threshold(entry: Entry) -> Threshold:
    entry.keys({"value", "source"})
    return Threshold(entry.number("value"), entry.text("source"))
