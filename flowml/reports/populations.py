"""Tables of populations: a row for each (long), a row for each tube (wide), and the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.gating.automatic import AUTO
from flowml.reports.provenance import made_now, policy_name
from flowml.reports.results import csv_text, json_text
from flowml.reports.tables import aligned
from flowml.safety import file_sha256, printable, spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.gating.populations import Count
    from flowml.gating.statistics import GatedTube
    from flowml.quality import Preparation

COUNTS = (
    "case_id", "tube", "population", "parent", "n_events", "n_parent", "n_all",
    "share_of_parent", "share_of_all", "per_microlitre", "score", "masks", "reason",
)  # fmt: skip
BRIGHTNESS = ("case_id", "tube", "population", "marker", "median", "spread")
LONGEST_NAME = 120
NUMBER = ".9g"  # a share of a few events of millions, a scale that ends at 0.001


def counts_csv(tubes: Sequence[GatedTube]) -> str:
    """Return a row for each population; for a tube that could not be gated, its reason.

    Parameters
    ----------
    tubes : sequence of GatedTube
        The tubes.

    Returns
    -------
    str
        CSV with the columns `COUNTS`.
    """
    rows: list[dict[str, str | float]] = []
    for tube in tubes:
        own = {"case_id": tube.case_id, "tube": tube.tube, "masks": tube.masks}
        if tube.reason:
            rows.append({**dict.fromkeys(COUNTS, ""), **own, "reason": tube.reason})
        rows += [
            {
                **own,
                "population": count.name,
                "parent": count.parent,
                **_sizes(count, tube.per_microlitre(count)),
                "n_parent": str(count.n_parent),
                "n_all": str(count.n_all),
                "reason": "",
            }
            for count in tube.counts
        ]
    return csv_text(COUNTS, rows, NUMBER)


def brightness_csv(tubes: Sequence[GatedTube]) -> str:
    """Return a row for each population and marker.

    Parameters
    ----------
    tubes : sequence of GatedTube
        The tubes.

    Returns
    -------
    str
        CSV with the columns `BRIGHTNESS`; units are linear and compensated.
    """
    rows: list[dict[str, str | float]] = [
        {
            "case_id": tube.case_id,
            "tube": tube.tube,
            "population": item.population,
            "marker": item.marker,
            "median": item.median,
            "spread": item.spread,
        }
        for tube in tubes
        for item in tube.brightness
    ]
    return csv_text(BRIGHTNESS, rows, NUMBER)


def wide_csv(tubes: Sequence[GatedTube]) -> str:
    """Return a row for each tube, with a column for each figure of each population.

    Parameters
    ----------
    tubes : sequence of GatedTube
        The tubes; a population that one of them lacks is empty there.

    Returns
    -------
    str
        CSV; columns like ``B cells | share_of_parent`` and ``B cells | CD19 | median``.
    """
    figures = [_figures(tube) for tube in tubes]
    keys = list(dict.fromkeys(key for own in figures for key in own))
    names = _column_names(keys)
    first = ("case_id", "tube", "n_events", "reason")
    rows: list[dict[str, str | float]] = [
        {
            "case_id": tube.case_id,
            "tube": tube.tube,
            "n_events": "" if tube.reason else str(tube.n_events),
            "reason": tube.reason,
            **{name: own.get(key, "") for key, name in names.items()},
        }
        for tube, own in zip(tubes, figures, strict=True)
    ]
    return csv_text([*first, *names.values()], rows, NUMBER)


def _sizes(count: Count, per_microlitre: float) -> dict[str, str | float]:
    return {
        "n_events": str(count.n_events),
        "share_of_parent": count.of_parent,
        "share_of_all": count.of_all,
        "per_microlitre": per_microlitre,
        "score": count.score,
    }


def _figures(tube: GatedTube) -> dict[tuple[str, ...], str | float]:
    found: dict[tuple[str, ...], str | float] = {}
    for count in tube.counts:
        sizes = _sizes(count, tube.per_microlitre(count))
        found |= {(count.name, figure): value for figure, value in sizes.items()}
    for item in tube.brightness:
        found[item.population, item.marker, "median"] = item.median
        found[item.population, item.marker, "spread"] = item.spread
    return found


def _column_names(keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Name columns by what they hold: harmless names, each of one column only."""
    names: dict[tuple[str, ...], str] = {}
    taken: set[str] = set()
    for key in keys:
        stem = spreadsheet_cell(" | ".join(printable(part, LONGEST_NAME) for part in key))
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem} ({number})"
        taken.add(name)
        names[key] = name
    return names


def gating_record(
    tubes: Sequence[GatedTube], gates: Path | str, sample: str, panel: str, how: Preparation
) -> str:
    """Return the record of a run: versions, gates, parameters and inputs.

    Parameters
    ----------
    tubes : sequence of GatedTube
        What came out.
    gates : path-like
        The file of the gates, or ``auto``.
    sample : str
        Sample of a workspace whose gates all tubes got; empty if none was named.
    panel : str
        Of automatic gates.
    how : Preparation
        How the events of tubes were made ready.

    Returns
    -------
    str
        JSON. No path but names, and nothing of a patient.
    """
    record: dict[str, Any] = {
        **made_now(),
        "gates": _gates(gates, sample, panel),
        "parameters": {
            "compensation": policy_name(how.compensation),
            "marker_names": None if how.marker_names is None else str(how.marker_names),
            "quality": how.quality,
        },
        "inputs": [_input(tube) for tube in tubes],
    }
    return json_text(record)


def _gates(gates: Path | str, sample: str, panel: str) -> dict[str, Any]:
    if str(gates) == AUTO:  # their rules are those of the version
        return {"name": "automatic", "panel": panel}
    file = Path(gates)
    return {
        "name": printable(file.name),
        "sha256": file_sha256(file),
        "sample": printable(sample) or None,
    }


def _input(tube: GatedTube) -> dict[str, Any]:
    return {
        "case_id": tube.case_id,
        "tube": tube.tube,
        "sha256": tube.sha256 or None,
        "n_events": tube.n_events,
        "compensation": printable(tube.compensation),
        "reason": tube.reason or None,
        "findings": [
            {"code": item.code, "message": printable(item.message, 600)}
            for item in tube.findings
        ],
    }


def attrition_table(tubes: Sequence[GatedTube]) -> str:
    """Show how many events stay at each gate, all tubes taken together.

    Parameters
    ----------
    tubes : sequence of GatedTube
        The tubes.

    Returns
    -------
    str
        For a terminal.
    """
    totals: dict[tuple[str, str], list[int]] = {}
    for tube in tubes:
        for count in tube.counts:
            sums = totals.setdefault((count.name, count.parent), [0, 0, 0])
            for place, number in enumerate((1, count.n_events, count.n_parent)):
                sums[place] += number
    rows = [
        (
            name,
            parent or "all events",
            n,
            events,
            100 * events / above if above else float("nan"),
        )
        for (name, parent), (n, events, above) in totals.items()
    ]
    return aligned(("population", "within", "tubes", "events", "% of these"), rows)
