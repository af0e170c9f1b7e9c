"""Short tables for a terminal: aligned columns of harmless text."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from flowml.knowledge.assessed import one_line
from flowml.reports.results import csv_text
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.features import CaseFeatures
    from flowml.gating.statistics import GatedTube
    from flowml.models import Prediction
    from flowml.reports.metrics import Evaluation

WIDEST_CELL = 72
RESULT_HEADING = ("case", "lineage", "category", "leukemia/lymphoma", "entity", "p", "decision")


def aligned(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Align the columns of a table.

    Parameters
    ----------
    heading : sequence of str
        Names of the columns.
    rows : sequence of sequences
        Cells; numbers are shown with two decimals, NaN as nothing.

    Returns
    -------
    str
        Lines without trailing blanks, no line break at the end.

    Examples
    --------
    >>> print(aligned(["case", "p"], [["A01", 0.5]]))
    case  p
    A01   0.50
    """
    cells = [list(heading), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heading))]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.2f}"
    return printable(value, WIDEST_CELL)


def result_table(predictions: Sequence[Prediction]) -> str:
    """Show the answers, one line a case; a case without an answer shows why.

    Parameters
    ----------
    predictions : sequence of Prediction
        The rows.

    Returns
    -------
    str
        For a terminal.
    """
    rows = [
        (p.case_id, p.lineage or "-", p.category or "-", p.leukemia_vs_lymphoma or "-",
         p.entity or "-", p.p_entity, p.decision)
        for p in predictions if _is_answer(p)
    ]  # fmt: skip
    lines = [aligned(RESULT_HEADING, rows)] if rows else []
    lines += [
        f"{printable(p.case_id)}: {printable(p.reason, 600)}"
        for p in predictions
        if not _is_answer(p)
    ]
    return "\n".join([*lines, *_open_questions(predictions)])


def _open_questions(predictions: Sequence[Prediction]) -> list[str]:
    """Say what the answers do not assess, once for all cases with the same markers."""
    of_markers = Counter(p.not_assessed for p in predictions if _is_answer(p))
    return [
        f"not assessed by the markers of {'these' if len(of_markers) == 1 else n_cases} cases: "
        f"{one_line(questions)}"
        for questions, n_cases in of_markers.items()
        if questions
    ]


def _is_answer(prediction: Prediction) -> bool:
    return bool(prediction.lineage or prediction.category or prediction.leukemia_vs_lymphoma)


def confusion_csv(evaluation: Evaluation) -> str:
    """Return which label got which answer, as CSV.

    Parameters
    ----------
    evaluation : Evaluation
        Counts.

    Returns
    -------
    str
        Labels in rows, answers in columns.
    """
    rows = [
        {"label": label} | {a: str(n) for a, n in zip(evaluation.answers, counts, strict=True)}
        for label, counts in zip(evaluation.truth, evaluation.confusion, strict=True)
    ]
    return csv_text(["label", *evaluation.answers], rows)


def trained_on_note(predictions: Sequence[Prediction]) -> str:
    """Say how many cases the model was trained on, whose answers prove nothing.

    Parameters
    ----------
    predictions : sequence of Prediction
        The cases.

    Returns
    -------
    str
        Empty if there are none.
    """
    seen = sum(any(f.code == "MODEL-TRAINED-ON" for f in p.findings) for p in predictions)
    if not seen:
        return ""
    return f"the model was trained on {seen} of these cases: their answers prove nothing"


def findings_text(cases: Sequence[Prediction | CaseFeatures | GatedTube]) -> str:
    """List every finding of every case.

    Parameters
    ----------
    cases : sequence of Prediction, CaseFeatures or GatedTube
        What the findings are of.

    Returns
    -------
    str
        A line for each finding.
    """
    return "\n".join(
        f"{printable(p.case_id)}: {printable(finding, 600)}"
        for p in cases
        for finding in p.findings
    )


def confusion_table(evaluation: Evaluation) -> str:
    """Show which label got which answer.

    Parameters
    ----------
    evaluation : Evaluation
        Counts.

    Returns
    -------
    str
        Labels in rows, answers in columns.
    """
    rows = [
        (label, *map(int, counts))
        for label, counts in zip(evaluation.truth, evaluation.confusion, strict=True)
    ]
    return aligned(("label \\ answer", *evaluation.answers), rows)
