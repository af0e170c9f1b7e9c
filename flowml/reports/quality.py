"""What the quality checks say of a file, for a person and for a program."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flowml.errors import FlowmlError
from flowml.findings import Finding
from flowml.quality import CHECKS, Check, TubeQuality, Verdict, assess
from flowml.quality.records import CODES
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowml.records import Sample


def tube_quality(sample: Sample, compensation: str = "auto") -> TubeQuality:
    """Check a tube; where it cannot even be compensated, say so for each check.

    Parameters
    ----------
    sample : Sample
        As it was read.
    compensation : str
        Policy, as in `flowml.preprocess.choose_unmixing`.

    Returns
    -------
    TubeQuality
        Compensated by this policy; without it where that cannot be used.

    Raises
    ------
    FcsError
        If the file cannot be read.
    """
    try:
        return assess(sample, compensation)
    except FlowmlError as error:
        found = assess(sample, "none")
        why = f"not assessed: {error}"
        checks = tuple(
            Check(c.name, c.code, Verdict.NOT_ASSESSED, why)
            if c.name in {"compensation", "matrix"}
            else c
            for c in found.checks
        )
        return TubeQuality(checks, found.disturbed, found.keep)


def quality_findings(found: TubeQuality, before: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return what the checks add to what the reader found.

    Parameters
    ----------
    found : TubeQuality
        Of the tube.
    before : sequence of Finding
        Of the reader; they are the reason of the check of the file.

    Returns
    -------
    tuple of Finding
        Without those that say again what `before` says.
    """
    again = CHECKS_OF_READER if before else frozenset()
    return tuple(item for item in found.findings if item.code not in again)


def quality_text(found: TubeQuality) -> list[str]:
    """Write checks for a terminal.

    Parameters
    ----------
    found : TubeQuality
        Of one tube.

    Returns
    -------
    list of str
        A line with the verdict, and one for each check.
    """
    width = max(map(len, CHECKS))
    left = f"{100 * float(found.keep.mean()):.1f} %" if len(found.keep) else "none"
    lines = [f"quality: {found.verdict}; a mask would keep {left} of the events"]
    for check in found.checks:
        sentence = printable(check.sentence, 400)
        verdict = f"{check.verdict}: " if check.verdict is not Verdict.NOT_ASSESSED else ""
        lines.append(f"  {check.name:<{width}}  {verdict}{sentence}")
    return lines


def quality_document(found: TubeQuality) -> dict[str, Any]:
    """Return checks as plain values, for JSON.

    Parameters
    ----------
    found : TubeQuality
        Of one tube.

    Returns
    -------
    dict
        Verdict, disturbed stretches (from 0, the end not included), share of events that a
        mask keeps, and every check with its numbers.
    """
    checks = [
        {
            "name": check.name,
            "code": check.code,
            "verdict": check.verdict.value,
            "sentence": printable(check.sentence, 400),
            "numbers": {
                key: number if math.isfinite(number) else None
                for key, number in check.numbers.items()
            },
        }
        for check in found.checks
    ]
    return {
        "verdict": found.verdict.value,
        "kept": float(found.keep.mean()) if len(found.keep) else None,
        "disturbed": [list(stretch) for stretch in found.disturbed],
        "checks": checks,
    }


CHECKS_OF_READER = frozenset({"QUALITY-FILE"})
MEANINGS = {code: meaning for code, (_, meaning) in CODES.items()}
