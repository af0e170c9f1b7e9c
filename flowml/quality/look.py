"""One tube as the checks look at it: measured once, whichever checks ask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from flowml.quality.artefacts import Artefacts, artefact_score
from flowml.quality.flow import Arrival, Steadiness, arrival, steadiness
from flowml.quality.records import Check, Verdict
from flowml.quality.singlets import Doublets, find_doublets
from flowml.quality.spill import Residues, residues
from flowml.records import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from flowml.knowledge.quality import QualityBook
    from flowml.quality.values import Singles, TubeValues

# pulses by which doublets are found, the best first: area and height, or a width alone
PULSES = (("FSC-A", "FSC-H"), ("SSC-A", "SSC-H"), ("FSC-W", ""), ("SSC-W", ""))
MOST_DETECTORS = 40  # of more, as raw spectral files have, every pair cannot be looked at
LIGHT = frozenset({Role.FORWARD_SCATTER, Role.SIDE_SCATTER, Role.FLUORESCENCE})


@dataclass(frozen=True, eq=False)
class TubeLook:
    """A tube, and what was measured of it so far.

    Parameters
    ----------
    values : TubeValues
        Its events.
    book : QualityBook
        Thresholds.
    """

    values: TubeValues
    book: QualityBook

    @cached_property
    def light(self) -> list[int]:
        """Rows of scatter and fluorescence, without widths of pulses."""
        channels = self.values.channels
        return [i for i, c in enumerate(channels) if c.role in LIGHT and c.pulse != "W"]

    @cached_property
    def time(self) -> Singles | None:
        """Times of arrival; None without a time channel, or with several."""
        rows = [i for i, c in enumerate(self.values.channels) if c.role is Role.TIME]
        return np.asarray(self.values.raw[rows[0]]) if len(rows) == 1 else None

    @cached_property
    def arrival(self) -> Arrival | None:
        """How events came in."""
        return None if self.time is None else arrival(self.time)

    @cached_property
    def falls(self) -> int:
        """How often time falls from one event to the next; 0 without times."""
        if self.time is None:
            return 0
        with np.errstate(invalid="ignore"):
            return int(np.count_nonzero(np.diff(self.time) < 0))

    @cached_property
    def in_order(self) -> bool:
        """Whether events stand in the order of arrival, as far as their times tell."""
        if self.time is None or not len(self.time):
            return False
        most = self.book.number("rate", "backwards_share_fail") * len(self.time)
        return self.falls < max(most, 1.0)

    @cached_property
    def steadiness(self) -> Steadiness | None:
        """How steady the signals were; None where the order of events is not known."""
        if not self.in_order:
            return None
        tops = [self.values.channels[row].top for row in self.light]
        return steadiness(self.values.raw[self.light], tops)

    @cached_property
    def doublets(self) -> Doublets | None:
        """Which events are two cells; None where no pulse tells."""
        for first, second in PULSES:
            one = self.values.scatter(first)
            other = self.values.scatter(second) if second else None
            if one is None or (second and other is None):
                continue
            found = find_doublets(one, other)
            if found is not None:
                return found
        return None

    @cached_property
    def artefacts(self) -> Artefacts | None:
        """How much each event looks like none of a whole single cell, by scatter alone."""
        fsc, ssc = self.values.scatter("FSC-A"), self.values.scatter("SSC-A")
        return None if fsc is None or ssc is None else artefact_score(fsc, ssc)

    @cached_property
    def debris(self) -> NDArray[np.bool_] | None:
        """Which events are far smaller than the smallest cells; None without scatter."""
        fsc = self.values.scatter("FSC-A")
        if fsc is None or self.artefacts is None:
            return None
        with np.errstate(invalid="ignore"):
            low = fsc < self.book.number("debris", "below") * self.artefacts.cells.fsc
        return np.asarray(low)

    @cached_property
    def residues(self) -> Residues | None:
        """What is left of spillover; None where it cannot be told."""
        rows = self.values.fluorescence
        if self.values.in_decades or not 2 <= len(rows) <= MOST_DETECTORS:
            return None
        return residues(self.values.unmixed[rows])

    def graded(self, value: float, warn: float, fail: float) -> Verdict:
        """Grade a number of which more is worse.

        Parameters
        ----------
        value : float
            What was measured.
        warn, fail : float
            Where a warning, and a failure, begins.

        Returns
        -------
        Verdict
            Never ``not assessed``.
        """
        if value >= fail:
            return Verdict.FAIL
        return Verdict.WARN if value >= warn else Verdict.PASS

    def by_book(
        self, check: str, value: float, warn: str = "warn", fail: str = "fail"
    ) -> Verdict:
        """Grade a number by the thresholds of a check.

        Parameters
        ----------
        check : str
            Table of the book.
        value : float
            What was measured; more is worse.
        warn, fail : str
            Names of the thresholds.

        Returns
        -------
        Verdict
            Never ``not assessed``.
        """
        return self.graded(value, self.book.number(check, warn), self.book.number(check, fail))


def not_assessed(
    name: str, code: str, why: str, numbers: Mapping[str, float] | None = None
) -> Check:
    """Say that a check could not be made.

    Parameters
    ----------
    name, code : str
        Of the check.
    why : str
        The reason.
    numbers : mapping of str to float, optional
        What was measured all the same.

    Returns
    -------
    Check
        Neither good nor bad.
    """
    return Check(name, code, Verdict.NOT_ASSESSED, f"not assessed: {why}", numbers or {})
