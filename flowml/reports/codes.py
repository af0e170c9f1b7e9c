"""Findings by their codes: how grave, how often, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flowml.fcs.codes import FINDINGS, REFUSALS
from flowml.findings import Finding, Severity
from flowml.reports.quality import MEANINGS
from flowml.reports.tables import aligned
from flowml.safety import printable

if TYPE_CHECKING:
    from collections import Counter

RANK = {severity: rank for rank, severity in enumerate(Severity)}
REFUSED = "refused"  # beside the severities: of a file that cannot be used
OF_A_TUBE = {code: text for code, (_, text) in FINDINGS.items()} | REFUSALS | MEANINGS
LONGEST_MESSAGE = 600  # characters


def any_wrong(findings: Iterable[Finding], *, strict: bool) -> bool:
    """Tell whether a finding is of severity ``review`` and above.

    Parameters
    ----------
    findings : iterable of Finding
        Any.
    strict : bool
        Whether ``warn`` counts too.

    Returns
    -------
    bool
        What the exit status says.
    """
    least = RANK[Severity.WARN if strict else Severity.REVIEW]
    return any(RANK[item.severity] >= least for item in findings)


def code_table(
    rows: Counter[tuple[str, str]], of: str, meanings: Mapping[str, str], *, verbose: bool
) -> str:
    """Write how often each code was found, the gravest first.

    Parameters
    ----------
    rows : Counter
        By code and severity, or `REFUSED`.
    of : str
        What was counted, as a heading.
    meanings : mapping of str to str
        By code, beside those of a tube.
    verbose : bool
        Whether to show those of severity ``info``, too.

    Returns
    -------
    str
        Empty where there is nothing to show.
    """
    rank = {severity.value: number for severity, number in RANK.items()} | {REFUSED: len(RANK)}
    every = OF_A_TUBE | dict(meanings)
    shown = [
        (code, severity, str(rows[code, severity]), every.get(code, ""))
        for code, severity in sorted(rows, key=lambda key: (-rank[key[1]], -rows[key], key[0]))
        if verbose or severity != Severity.INFO.value
    ]
    return aligned(("code", "severity", of, "meaning"), shown) if shown else ""


def findings_document(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Return findings as plain values, for JSON.

    Parameters
    ----------
    findings : iterable of Finding
        Any.

    Returns
    -------
    list of dict of str to str
        Code, severity, and the message made harmless.
    """
    return [
        {
            "code": item.code,
            "severity": item.severity.value,
            "message": printable(item.message, LONGEST_MESSAGE),
        }
        for item in findings
    ]
