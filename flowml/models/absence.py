"""What a model loses without a marker, measured on cases that it was not trained on.

Trees answer whatever is missing. Whether the answer is still worth something is tried out: the
training cases are parted by patient, a model is trained on some parts, and asked about the
others twice, with and without the marker. Only a marker whose loss stays small is optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.models.heldout import Change, HeldOut, is_change
from flowml.models.plain import is_count, is_share, is_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

TOLERANCE = 0.05  # share of cases that may be lost, at the upper end of the interval


@dataclass(frozen=True)
class Trial:
    """Cases answered with something missing, held against the same cases with all there.

    Parameters
    ----------
    without : tuple of str
        What was missing.
    change : Change
        What that cost.
    """

    without: tuple[str, ...]
    change: Change

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the bundle."""
        return {"without": list(self.without), **self.change.to_dict()}


def validate_absence(
    held_out: HeldOut, gone: dict[str, Mask], tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Find what a model can do without.

    Each marker is tried alone. Those that may be missing alone are then taken together, the
    least missed first, as long as all of them together may be missing too.

    Parameters
    ----------
    held_out : HeldOut
        Models of parts of the training cases, trained with gaps.
    gone : dict of str to ndarray, shape (n_features,), bool
        What may be missing, and the features that are then.
    tolerance : float
        Largest loss of right answers, and gain of wrong ones, as a share of cases.

    Returns
    -------
    dict
        Plain values for the bundle: ``optional`` (names), ``together`` and ``alone`` (trials),
        ``n_cases``, ``n_right``, ``n_wrong`` (with everything there), ``folds`` and
        ``tolerance``.
    """
    alone = [_without(held_out, [unit], gone) for unit in gone]
    together = _together(held_out, alone, gone, tolerance)
    return {
        "optional": sorted(together.without) if together else [],
        "together": together.to_dict() if together else None,
        "alone": [trial.to_dict() for trial in alone],
        "n_cases": len(held_out.right),
        "n_right": int(held_out.right.sum()),
        "n_wrong": int(held_out.wrong.sum()),
        "folds": held_out.n_folds,
        "tolerance": tolerance,
    }


def _together(
    held_out: HeldOut, alone: Sequence[Trial], gone: dict[str, Mask], tolerance: float
) -> Trial | None:
    """Take together what may be missing alone, the least missed first, while it is allowed."""
    passed = [trial for trial in alone if trial.change.is_within(tolerance)]
    found: Trial | None = None
    for trial in sorted(passed, key=lambda trial: (trial.change.right.loss, trial.without)):
        units = [*(found.without if found else ()), *trial.without]
        more = _without(held_out, units, gone)
        if more.change.is_within(tolerance):
            found = more
    return found


def _without(held_out: HeldOut, units: Sequence[str], gone: dict[str, Mask]) -> Trial:
    """Ask about all cases with something missing."""
    blank, rows = np.any([gone[unit] for unit in units], axis=0), held_out.cohort.rows
    change, _ = held_out.changed(lambda cases: np.where(blank, np.float32(np.nan), rows[cases]))
    return Trial(tuple(units), change)


def is_absence(value: object) -> bool:
    """Tell what `validate_absence` returns from anything else that a bundle may hold.

    Parameters
    ----------
    value : object
        None is fine: then nothing was tried out.

    Returns
    -------
    bool
        Whether every part of it is there and of its kind.
    """
    if value is None:
        return True
    if not isinstance(value, dict) or not isinstance(value.get("alone"), list):
        return False
    together, optional = value.get("together"), value.get("optional")
    trials = [*value["alone"], *([] if together is None else [together])]
    counts = [value.get(key) for key in ("n_cases", "n_right", "n_wrong", "folds")]
    return (
        all(map(_is_trial, trials))
        and optional == (sorted(together["without"]) if together else [])
        and all(map(is_count, counts))
        and is_share(value.get("tolerance"))
    )


def _is_trial(trial: object) -> bool:
    return (
        isinstance(trial, dict)
        and is_change(trial)
        and is_texts(trial.get("without"))
        and len(trial["without"]) > 0
    )
