"""What a model loses without a marker, measured on cases that it was not trained on.

Trees answer whatever is missing. Whether the answer is still worth something is tried out: the
training cases are parted by patient, a model is trained on some parts, and asked about the
others twice, with and without the marker. Only a marker whose loss stays small is optional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.archive.plain import is_count, is_share, is_texts
from flowml.errors import ModelError
from flowml.features.coverage import Coverage
from flowml.features.gaps import with_gaps
from flowml.features.recipes.checks import NONE_OPTIONAL
from flowml.models.choosing import AUTO
from flowml.models.heldout import Change, HeldOut, is_change
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Rows = NDArray[np.float32]

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


def candidates(
    names: Sequence[str], optional: Sequence[str] | str, tolerance: float
) -> dict[str, Mask]:
    """Return what may be missing, if it proves to be dispensable, and its features.

    Parameters
    ----------
    names : sequence of str
        Features.
    optional : sequence of str, or "auto"
        Markers, or pairs of them; ``auto`` means every marker.
    tolerance : float
        Largest share of cases that may be lost without them.

    Returns
    -------
    dict of str to ndarray, shape (n_features,), bool
        By marker.

    Raises
    ------
    ModelError
        If a marker is none of the features, the tolerance is no share, or features are about
        populations.
    """
    if not 0 <= tolerance < 1:
        raise ModelError(
            f"the tolerance is {tolerance}, expected a share of cases, from 0 to below 1."
        )
    coverage = Coverage(names)
    if optional and coverage.populations:
        raise ModelError(NONE_OPTIONAL)
    if isinstance(optional, str):
        if optional != AUTO:
            raise ModelError(
                f"optional is {printable(optional, 40)!r}, expected a list of markers, or "
                f"{AUTO!r}."
            )
        return {unit: coverage.about(unit) for unit in coverage.keys}
    units = coverage.units
    unknown = [unit for unit in optional if unit not in units]
    if unknown:
        raise ModelError(
            f"{printable(unknown[0])!r} cannot be optional: the model has no such marker. "
            f"Nearest: {printable(nearest(unknown[0], units), 200)}."
        )
    return {unit: coverage.about(unit) for unit in dict.fromkeys(optional)}


def augmented(
    gone: Mapping[str, Mask], seed: int, rows: Rows, codes: NDArray[np.int64]
) -> tuple[Rows, NDArray[np.int64]]:
    """Add copies of training cases with gaps, if there may be some.

    Parameters
    ----------
    gone : mapping of str to ndarray, shape (n_features,), bool
        What may be missing.
    seed : int
        Of the gaps.
    rows : ndarray, shape (n_cases, n_features), float32
        Training cases.
    codes : ndarray, shape (n_cases,), int64
        Their classes.

    Returns
    -------
    rows, codes : ndarray
        As they are, then the copies.
    """
    if not gone:
        return rows, codes
    rng = np.random.default_rng(seed)
    rows, source = with_gaps(rows, np.array(list(gone.values())), rng)
    return rows, codes[source]


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
