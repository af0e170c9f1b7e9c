"""What was found of cases, for a person and for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flowml.findings import Finding, Severity
from flowml.gating import backbone
from flowml.knowledge import recognition
from flowml.knowledge.shapes import StainedTube
from flowml.reports.codes import RANK, any_wrong, code_table, findings_document
from flowml.reports.results import csv_text
from flowml.safety import printable

UNREADABLE, EMPTY = "TUBE-UNREADABLE", "TUBE-EMPTY"
CASE_MATRIX, CASE_SCALE = "CASE-MATRIX", "CASE-SCALE"
LONGEST = 200  # characters of a name in a document
CODES = {
    **recognition.CODES,
    **backbone.CODES,
    UNREADABLE: "a tube cannot be read",
    EMPTY: "a tube holds no events",
    CASE_MATRIX: "the spillover matrix fits no tube of the case",
    CASE_SCALE: "all tubes of the case seem to be on a display scale already",
}
COLUMNS = ("case_id", "severity", "panel", "tubes", "n_events", "findings")
NO_PANEL = "unknown"


@dataclass(frozen=True)
class SeenTube:
    """One tube of a case, as it was found.

    Parameters
    ----------
    name : str
        As results call the file.
    stained : StainedTube or None
        What its file says of it; None if it cannot be read.
    n_events : int
        Events of the file.
    findings : tuple of Finding
        What was noticed.
    """

    name: str
    stained: StainedTube | None
    n_events: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class CaseCheck:
    """What is to be thought of a case.

    Parameters
    ----------
    case_id : str
        The case.
    panel : str
        The panel it was stained with; empty where none fits.
    tubes : tuple of SeenTube
        Its tubes, in their order.
    places : tuple of str
        Which tube of the panel each of them is; empty for none.
    findings : tuple of Finding
        Everything noticed of the case and of its tubes.
    """

    case_id: str
    panel: str
    tubes: tuple[SeenTube, ...]
    places: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        every = [item.severity for item in self.findings]
        return max(every, key=RANK.__getitem__, default=Severity.INFO)

    @property
    def n_events(self) -> int:
        """Events of all tubes."""
        return sum(tube.n_events for tube in self.tubes)


def is_wrong(checks: Iterable[CaseCheck], *, strict: bool = False) -> bool:
    """Tell whether a case has a finding of ``review`` and above.

    Parameters
    ----------
    checks : iterable of CaseCheck
        The cases.
    strict : bool
        Whether ``warn`` counts too.

    Returns
    -------
    bool
        What the exit status says.
    """
    return any(any_wrong(item.findings, strict=strict) for item in checks)


def summary(checks: Sequence[CaseCheck]) -> str:
    """Count cases by the worst of their findings, and by panel.

    Parameters
    ----------
    checks : sequence of CaseCheck
        The cases.

    Returns
    -------
    str
        One line.
    """
    worst = Counter(item.severity for item in checks)
    fine = worst[Severity.INFO] + worst[Severity.WARN]
    panels = Counter(item.panel or NO_PANEL for item in checks)
    listed = ", ".join(f"{printable(name, 60)} {n}" for name, n in sorted(panels.items()))
    return (
        f"{len(checks)} cases: nothing that holds back {fine}, {worst[Severity.REVIEW]} to "
        f"review, {worst[Severity.FAIL]} with a tube that cannot be used; panels: {listed}"
    )


def check_text(checks: Sequence[CaseCheck], *, verbose: bool = False) -> str:
    """Write cases for a terminal.

    Parameters
    ----------
    checks : sequence of CaseCheck
        The cases.
    verbose : bool
        Whether to show cases and findings about which there is nothing to do, too.

    Returns
    -------
    str
        A line for each finding that holds a case back, a table of codes, and the count.
    """
    least = RANK[Severity.INFO if verbose else Severity.REVIEW]
    lines = []
    for item in checks:
        shown = [f for f in item.findings if RANK[f.severity] >= least]
        if shown or verbose:
            lines.append(f"{printable(item.case_id)} ({_tubes_of(item)})")
        lines += [f"  {f.code} ({f.severity}): {printable(f.message, 600)}" for f in shown]
    rows: Counter[tuple[str, str]] = Counter()
    for item in checks:
        rows.update({(f.code, f.severity.value) for f in item.findings})
    table = code_table(rows, "cases", CODES, verbose=verbose)
    return "\n\n".join(filter(None, ["\n".join(lines), table, summary(checks)]))


def _tubes_of(item: CaseCheck) -> str:
    places = ", ".join(printable(place, 60) or "?" for place in item.places)
    panel = printable(item.panel, 60) if item.panel else f"panel {NO_PANEL}"
    return f"{panel}: {places or 'no tube'}"


def check_csv(checks: Sequence[CaseCheck]) -> str:
    """Write cases as CSV, a row for each.

    Parameters
    ----------
    checks : sequence of CaseCheck
        The cases.

    Returns
    -------
    str
        With a heading row; codes of findings above ``info``.
    """
    rows = [
        {
            "case_id": item.case_id,
            "severity": item.severity.value,
            "panel": item.panel,
            "tubes": "; ".join(place or "?" for place in item.places),
            "n_events": str(item.n_events),
            "findings": " ".join(
                dict.fromkeys(f.code for f in item.findings if f.severity is not Severity.INFO)
            ),
        }
        for item in checks
    ]
    return csv_text(COLUMNS, rows)


def check_document(checks: Sequence[CaseCheck]) -> dict[str, Any]:
    """Return cases as plain values, for JSON.

    Parameters
    ----------
    checks : sequence of CaseCheck
        The cases.

    Returns
    -------
    dict
        A list of cases, and a number of cases for each severity.
    """
    worst = Counter(item.severity for item in checks)
    return {
        "cases": [_document(item) for item in checks],
        "summary": {severity.value: worst[severity] for severity in Severity},
    }


def _document(item: CaseCheck) -> dict[str, Any]:
    tubes = [
        {
            "file": printable(tube.name, LONGEST),
            "tube": printable(place, LONGEST),
            "n_events": tube.n_events,
            "markers": [
                printable(marker, LONGEST)
                for marker in (sorted(tube.stained.markers) if tube.stained else ())
            ],
        }
        for tube, place in zip(item.tubes, item.places, strict=True)
    ]
    return {
        "case_id": printable(item.case_id, LONGEST),
        "severity": item.severity.value,
        "panel": printable(item.panel, LONGEST),
        "tubes": tubes,
        "findings": findings_document(item.findings),
    }
