"""An explanation as text, as a table and as a document."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flowml.features.regions import SCALE
from flowml.reports.results import case_document, csv_text
from flowml.reports.tables import aligned
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.models.explanation import Explanation, Reason

CSV_COLUMNS = (
    "level", "name", "tube", "region", "to_entity", "to_other", "difference", "value", "unit",
)  # fmt: skip
LONGEST_NAME = 48  # characters
PERCENT = 100
THOUSAND = 999.5  # counts from here on have no digits to spare
UNKNOWN = "not known"
SCALES = "Regions are parts of the display scale, whose top is 1; those at its ends are open."


def explanation_text(explanation: Explanation, top: int) -> str:
    """Tell the answer and what speaks for it and against it, for a terminal.

    Parameters
    ----------
    explanation : Explanation
        Of one case.
    top : int
        How many markers, and how many regions, are shown.

    Returns
    -------
    str
        Without a final line break.
    """
    entity, other = explanation.entity, explanation.other
    sums = ("", f"to {entity}", f"to {other}", "difference")
    parts = [
        _answer(explanation),
        aligned(("marker", *sums[1:]), _sums(explanation.markers, top)),
        aligned(("region", "difference", "in this case"), _regions(explanation.regions, top)),
    ]
    if any(reason.tube for reason in explanation.tubes):
        parts.insert(2, aligned(("tube", *sums[1:]), _sums(explanation.tubes, top)))
    return "\n\n".join([*parts, SCALES])


def _answer(explanation: Explanation) -> str:
    """Say what is answered, what is explained, and by how much it leads."""
    case, entity, other = explanation.prediction, explanation.entity, explanation.other
    p = case.probabilities
    margins = explanation.margins
    explained = (
        f"{entity} (p {p[entity]:.2f}) against {other} (p {p[other]:.2f}), in log odds: "
        f"{signed(margins[entity])} and {signed(margins[other])}, difference "
        f"{signed(explanation.difference)}; {signed(explanation.bias)} of it before anything "
        "is known of the case."
    )
    return "\n".join(
        [
            f"{printable(case.case_id)}: {case.entity or 'no entity'}, {case.decision}",
            printable(case.reason, 600),
            "",
            explained,
            f"Above 0 speaks for {entity}, below 0 for {other}.",
        ]
    )


def _sums(reasons: Sequence[Reason], top: int) -> list[tuple[str, ...]]:
    """Return the first rows, and one for all others together."""
    rows = [_sum_row(shown(reason.name), [reason]) for reason in reasons[:top]]
    if rest := reasons[top:]:
        rows.append(_sum_row(f"{len(rest)} more", rest))
    return rows


def _sum_row(name: str, reasons: Sequence[Reason]) -> tuple[str, ...]:
    sums = (
        sum(getattr(reason, key) for reason in reasons)
        for key in ("to_entity", "to_other", "difference")
    )
    return (name, *map(signed, sums))


def _regions(reasons: Sequence[Reason], top: int) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (where(reason), signed(reason.difference), what(reason)) for reason in reasons[:top]
    ]
    if rest := reasons[top:]:
        rows.append((f"{len(rest)} more", signed(sum(r.difference for r in rest)), ""))
    return rows


def signed(value: float) -> str:
    """Write a contribution with its sign.

    Parameters
    ----------
    value : float
        In log odds.

    Returns
    -------
    str
        With two decimals; without a sign if they are 0.

    Examples
    --------
    >>> signed(1.25), signed(-0.001)
    ('+1.25', '0.00')
    """
    text = f"{value:+.2f}"
    return text[1:] if float(text) == 0 else text


def shown(name: str) -> str:
    """Return a name from a file for the eye.

    Parameters
    ----------
    name : str
        Of markers or of a tube.

    Returns
    -------
    str
        Harmless and short; a tube of the pool of all has no name.
    """
    return printable(name, LONGEST_NAME) or "all tubes"


def where(reason: Reason) -> str:
    """Name a region with its markers.

    Parameters
    ----------
    reason : Reason
        Of a region.

    Returns
    -------
    str
        Such as ``CD5 0.59 to 0.81 of the scale``; a pair's region names both markers itself.
    """
    tube = f"{printable(reason.tube, LONGEST_NAME)}: " if reason.tube else ""
    names_markers = len(reason.low) > 1
    name = "" if names_markers else f"{shown(reason.name)} "
    return f"{tube}{name}{printable(reason.region, 2 * LONGEST_NAME)}".rstrip()


def what(reason: Reason) -> str:
    """Say what the case has in a region.

    Parameters
    ----------
    reason : Reason
        Of a region.

    Returns
    -------
    str
        Such as ``12.5 % of events``.
    """
    if math.isnan(reason.value):
        return UNKNOWN
    if reason.unit.startswith("of ") and reason.unit != SCALE:
        return f"{PERCENT * reason.value:.3g} % {reason.unit}"
    number = f"{reason.value:.0f}" if abs(reason.value) >= THOUSAND else f"{reason.value:.3g}"
    return f"{number} {reason.unit}".rstrip()


def explanation_csv(explanation: Explanation) -> str:
    """Return the sums by marker, tube and region as CSV.

    Parameters
    ----------
    explanation : Explanation
        Of one case.

    Returns
    -------
    str
        One row a sum, with a heading row.
    """
    levels = {
        "marker": explanation.markers,
        "tube": explanation.tubes,
        "region": explanation.regions,
    }
    rows = [
        {"level": level} | {key: reason.to_dict()[key] for key in CSV_COLUMNS[1:]}
        for level, reasons in levels.items()
        for reason in reasons
    ]
    return csv_text(CSV_COLUMNS, rows)


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation with the answer and what made it, as plain values.

    Parameters
    ----------
    explanation : Explanation
        Of one case.

    Returns
    -------
    dict
        For JSON.
    """
    return {
        "provenance": dict(explanation.provenance),
        "answer": case_document(explanation.prediction, explanation.entities),
        "explanation": explanation.to_dict(),
    }
