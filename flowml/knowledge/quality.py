"""Thresholds of the quality checks: `quality.toml`, each number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from flowml.knowledge.documents import open_document
from flowml.knowledge.files import HOME
from flowml.knowledge.thresholds import Threshold, read_thresholds

if TYPE_CHECKING:
    from pathlib import Path

# every number that a check asks for: a misspelt or missing one is found when the file is read
NUMBERS: dict[str, tuple[str, ...]] = {
    "events": ("warn", "fail"),
    "ends": ("top_warn", "top_fail", "bottom_warn", "bottom_fail"),
    "rate": (
        "uneven_warn", "uneven_fail", "stops_warn", "backwards_warn", "backwards_share_fail",
    ),
    "flow": ("disturbed_warn", "disturbed_fail"),
    "drift": ("warn", "fail"),
    "doublets": ("warn", "fail"),
    "debris": ("below", "warn", "fail"),
    "matrix": (
        "over_warn", "over_fail", "under_warn", "slope_warn", "slope_fail",
        "depth_warn", "depth_fail",
    ),
    "compensation": ("rising_warn", "least_pairs", "most_negative"),
}  # fmt: skip


@dataclass(frozen=True)
class QualityBook:
    """What the checks go by.

    Parameters
    ----------
    thresholds : mapping of str to mapping of str to Threshold
        By check and name.
    sources : mapping of str to str
        By check: what it follows.
    """

    thresholds: Mapping[str, Mapping[str, Threshold]]
    sources: Mapping[str, str]

    def number(self, check: str, name: str) -> float:
        """Return a threshold.

        Parameters
        ----------
        check, name : str
            As in the file.

        Returns
        -------
        float
            Its value.
        """
        return self.thresholds[check][name].value


@lru_cache(maxsize=8)
def load_quality_book(path: Path | str | None = None) -> QualityBook:
    """Read the thresholds of the quality checks.

    Parameters
    ----------
    path : path-like, optional
        A laboratory's own file of the same form; flowml's if not given.

    Returns
    -------
    QualityBook
        Checked: all numbers that the checks need, and no others.

    Raises
    ------
    FlowmlError
        If the file cannot be read, or has an entry that cannot be used.
    """
    document = open_document(path or HOME / "quality.toml", tuple(NUMBERS))
    tables = {name: document.table(name) for name in NUMBERS}
    return QualityBook(
        {name: read_thresholds(table, NUMBERS[name]) for name, table in tables.items()},
        {name: table.text("source") for name, table in tables.items()},
    )
