"""Thresholds of the rule findings: `rules.toml`, each number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flowml.knowledge.entries import Entry
from flowml.knowledge.files import read_toml
from flowml.knowledge.thresholds import Threshold, read_thresholds
from flowml.safety import printable

FORMAT = 1
HIGHEST_LEVEL = 7.0
DEFAULT = "default"

# every number that a rule asks for: a misspelt or missing one is found when the file is read
NUMBERS: dict[str, tuple[str, ...]] = {
    "gates": (
        "debris_fsc", "singlet_change", "lymphocyte_cd45", "lymphocyte_ssc", "b_cell_ssc",
        "large_b_cell_ssc",
        "least_reference", "precursor_cd45", "precursor_cd38",
        "precursor_cd38_rise", "bright_cd38", "plasma_cd38",
    ),
    "light_chains": (
        "ratio_high", "ratio_low", "neither", "least_events", "least_expressing",
        "least_expression", "confidence", "search_confidence", "group_confidence",
        "group_one_sided", "group_without",
    ),
    "automatic": (
        "singlet_widths", "shift", "least_share", "most_moved",
        "most_moved_monocytes", "most_bare", "usual_distance", "usual_cd45_distance",
        "least_lymphocytes", "least_lymphoid", "least_events", "tilt", "monocyte_cd45",
        "granulocyte_ssc", "gate_cd45", "gate_ssc", "most_lymphoid_monocytes", "half_stained",
        "most_unlike_t", "blasts_both", "blasts_one", "blasts_few", "blasts_none",
        "many_monocytes", "most_cd117", "most_cd11b", "most_cd15", "most_below_cd45",
    ),
    "matutes": (
        "for_cll", "against_cll", "positive_share", "least_cd5_share", "least_events",
        "weak_cd79b", "weak_cd22", "weak_chain", "weak_igm",
    ),
    "t_cells": (
        "ratio_high", "ratio_low", "confidence", "least_events", "dim_cd2", "dim_cd3",
        "dim_cd5", "dim_cd7", "share_cd2_low", "share_cd3_low", "share_cd5_low",
        "share_cd7_low", "share_cd4_without_cd3", "cd3_cd4_dimmer", "cd3_cd8_dimmer",
        "trbc1_high", "trbc1_low",
    ),
    "apl": (
        "least_share", "least_events", "least_intact", "least_arrest", "least_unmatured",
        "least_ssc", "high_ssc", "least_early", "level_cd33", "level_mpo", "level_cd117",
        "level_hla_dr", "level_cd11b", "level_cd10", "level_cd16", "level_cd34", "level_cd2",
        "level_cd15", "confidence",
    ),
    "lineage": (
        "least_events", "least_share", "granulocyte_ssc", "usual_mpo", "usual_cycd3",
        "least_mpo", "least_cycd3", "least_cd19", "least_support", "least_monocytic",
        "least_population", "strong_cd19", "least_points", "least_points_myeloid",
        "egil_points", "egil_share", "egil_share_early", "level_mpo", "level_cycd3",
        "level_cycd79a", "level_cd19", "level_cd22", "level_cd10", "level_cd7", "level_cd64",
        "level_cd14", "level_other",
    ),
    "immature_cells": (
        "many", "some", "worth_saying", "least_intact", "blast_ssc", "dim_cd45",
        "negative_cd45", "level_cd34", "level_cd117", "level_cd13", "level_cd33",
        "level_cd19", "level_cd10", "level_cd7", "confidence",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """Where a cut may lie.

    Parameters
    ----------
    at : float
        Fallback, a level: log10 of linear units of an instrument with the top 262,144.
    low, high : float
        A cut read from the sample lies between them.
    """

    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Rulebook:
    """What the rules go by.

    Parameters
    ----------
    cuts : mapping of str to Bounds
        By marker; ``default`` for all others.
    thresholds : mapping of str to mapping of str to Threshold
        By rule and name.
    sources : mapping of str to str
        By rule: what it follows.
    """

    cuts: Mapping[str, Bounds]
    thresholds: Mapping[str, Mapping[str, Threshold]]
    sources: Mapping[str, str]

    def cut(self, marker: str) -> Bounds:
        """Return where a marker may be cut.

        Parameters
        ----------
        marker : str
            Canonical.

        Returns
        -------
        Bounds
            The default where the file does not name the marker.
        """
        return self.cuts.get(marker, self.cuts[DEFAULT])

    def number(self, rule: str, name: str) -> float:
        """Return a threshold.

        Parameters
        ----------
        rule, name : str
            As in the file.

        Returns
        -------
        float
            Its value.
        """
        return self.thresholds[rule][name].value


@lru_cache(maxsize=8)
def load_rulebook(path: Path | str = "rules.toml") -> Rulebook:
    """Read the thresholds of the rules.

    Parameters
    ----------
    path : path-like
        flowml's own, or a laboratory's of the same form.

    Returns
    -------
    Rulebook
        Checked: all numbers that the rules need, and no others.

    Raises
    ------
    FlowmlError
        If the file cannot be read, or has an entry that cannot be used.
    """
    where = printable(Path(path).name)
    document = Entry(read_toml(path), where)
    document.keys({"format", "cuts", *NUMBERS})
    if document.get("format") != FORMAT:
        raise document.error(f"format is {document.get('format')!r}, expected {FORMAT}")
    cuts = document.table("cuts")
    rules = {name: document.table(name) for name in NUMBERS}
    return Rulebook(
        {marker: _bounds(cuts.table(marker)) for marker in _markers(cuts)},
        {name: read_thresholds(table, NUMBERS[name]) for name, table in rules.items()},
        {name: table.text("source") for name, table in rules.items()},
    )


def _markers(cuts: Entry) -> list[str]:
    cuts.text("source")
    markers = [key for key in cuts.keys() if key != "source"]  # noqa: SIM118 - not a dict
    if DEFAULT not in markers:
        raise cuts.error(f"{DEFAULT!r} is missing")
    return markers


def _bounds(entry: Entry) -> Bounds:
    entry.keys({"at", "low", "high"})
    at, low, high = (entry.number(key, high=HIGHEST_LEVEL) for key in ("at", "low", "high"))
    if not low <= at <= high or low == high:
        raise entry.error(f"found low {low:g}, at {at:g}, high {high:g}, expected that order")
    return Bounds(at, low, high)
