"""What the checks of one tube say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from flowml.events import freeze
from flowml.findings import Finding, Severity

if TYPE_CHECKING:
    from numpy.typing import NDArray

Stretch = tuple[int, int]


class Verdict(StrEnum):
    """What is to be thought of a tube, by one check or by all."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    NOT_ASSESSED = "not assessed"


RANK = {Verdict.NOT_ASSESSED: 0, Verdict.PASS: 1, Verdict.WARN: 2, Verdict.FAIL: 3}

# code: (severity of a warning, what a warning or failure means); a failure is always `fail`
CODES: dict[str, tuple[Severity, str]] = {
    "QUALITY-FILE": (Severity.WARN, "the reader noticed something to be reviewed"),
    "QUALITY-EVENTS": (Severity.WARN, "few events"),
    "QUALITY-ENDS": (Severity.WARN, "events pile up at an end of a channel's scale"),
    "QUALITY-RATE": (Severity.WARN, "the rate was uneven, stopped, or time runs backwards"),
    "QUALITY-FLOW": (Severity.WARN, "signals were disturbed for a while (bubble, clog)"),
    "QUALITY-DRIFT": (Severity.WARN, "the signals of a channel drifted during the run"),
    "QUALITY-DOUBLETS": (Severity.WARN, "many events are two cells"),
    "QUALITY-DEBRIS": (Severity.WARN, "many events are debris"),
    "QUALITY-MATRIX": (Severity.WARN, "the spillover matrix does not fit the tube"),
    "QUALITY-COMPENSATION": (Severity.REVIEW, "fluorescence seems not to be compensated"),
    "QUALITY-SCALE": (Severity.WARN, "values seem to be on a display scale already"),
}
# code: (severity, meaning) of what is done about it
DONE: dict[str, tuple[Severity, str]] = {
    "QUALITY-MASKED": (Severity.INFO, "`--quality mask` left events out, and says which share"),
}


@dataclass(frozen=True)
class Check:
    """What one check says of a tube.

    Parameters
    ----------
    name : str
        A key of `CHECKS`.
    code : str
        A key of `CODES`.
    verdict : Verdict
        ``not assessed`` where the tube lacks what the check needs.
    sentence : str
        For a person; says the reason where the check was not assessed.
    numbers : mapping of str to float
        What was measured; shares are of all events.
    """

    name: str
    code: str
    verdict: Verdict
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def finding(self) -> Finding | None:
        """The finding that derives from it; None unless it warns or fails."""
        if self.verdict is Verdict.FAIL:
            return Finding(self.code, self.sentence, Severity.FAIL)
        if self.verdict is Verdict.WARN:
            return Finding(self.code, self.sentence, CODES[self.code][0])
        return None


@dataclass(frozen=True, eq=False)
class TubeQuality:
    """What the checks say of a tube, and which events can be left out.

    Parameters
    ----------
    checks : tuple of Check
        In the order of `CHECKS`.
    disturbed : tuple of (int, int)
        Stretches with disturbed signals: first event, and the one behind the last.
    keep : ndarray, shape (n_events,), bool
        False for events that a mask can leave out safely: in disturbed stretches, doublets by
        the shape of their pulse, and debris far smaller than the smallest cells.
    """

    checks: tuple[Check, ...]
    disturbed: tuple[Stretch, ...]
    keep: NDArray[np.bool_]

    def __post_init__(self) -> None:
        freeze(self, "keep", np.bool_)

    @property
    def verdict(self) -> Verdict:
        """The worst of all checks."""
        return max((check.verdict for check in self.checks), key=RANK.__getitem__)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that derive from the checks."""
        found = (check.finding for check in self.checks)
        return tuple(item for item in found if item is not None)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)
