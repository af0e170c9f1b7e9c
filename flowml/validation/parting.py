"""How a user says which cases train and which are tested."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from flowml.errors import FlowmlError
from flowml.validation.circumstances import Circumstances
from flowml.validation.splits import Splits, by_patient, leave_out, train_before


@dataclass(frozen=True)
class Parting:
    """How cases are parted into training and test; one of three ways.

    Parameters
    ----------
    folds, repeats : int
        Folds by patient, and how many times; 0 folds for another way.
    leave_out : str
        ``instrument``, ``panel`` or ``laboratory``; empty for another way.
    is_by_day : bool
        Whether early cases train and late ones are tested.
    first_day : date or None
        First day of the test; None takes the middle one.
    seed : int
        Of the folds.

    Raises
    ------
    FlowmlError
        If none or several ways are given.
    """

    folds: int = 0
    repeats: int = 1
    leave_out: str = ""
    is_by_day: bool = False
    first_day: dt.date | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.folds > 0) + bool(self.leave_out) + self.is_by_day != 1:
            raise FlowmlError(
                "cases are parted in one way: by folds, by leaving out, or by the day. "
                "Choose one."
            )

    def splits(
        self, labels: Sequence[str], groups: Sequence[str], about: Circumstances
    ) -> Splits:
        """Part cases.

        Parameters
        ----------
        labels, groups : sequence of str
            Entity and patient of each case.
        about : Circumstances
            Of the cases.

        Returns
        -------
        Splits
            No patient is on both sides of any.
        """
        if self.leave_out:
            return leave_out(self.leave_out, about.of(self.leave_out), labels, groups)
        if self.is_by_day:
            return train_before(self.first_day, about.days, labels, groups)
        return by_patient(labels, groups, self.folds, self.repeats, self.seed)
