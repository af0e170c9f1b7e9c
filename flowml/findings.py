"""What is noticed on the way: a code, a sentence, a severity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters to who reads the answer."""

    INFO = "info"
    WARN = "warn"
    REVIEW = "review"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed on the way that whoever reads the answer should know.

    Parameters
    ----------
    code : str
        Stable, documented code.
    message : str
        One sentence for a person.
    severity : Severity
        `Severity.REVIEW` and above keep an answer from being released automatically.
    """

    code: str
    message: str
    severity: Severity = Severity.INFO

    def __str__(self) -> str:
        return f"{self.code} ({self.severity}): {self.message}"
