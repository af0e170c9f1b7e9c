"""All checks of one tube, and which of its events can be left out safely."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from flowml.knowledge.quality import load_quality_book
from flowml.quality.cells import (
    check_compensation,
    check_debris,
    check_doublets,
    check_matrix,
)
from flowml.quality.look import TubeLook
from flowml.quality.records import Check, TubeQuality, Verdict
from flowml.quality.run import (
    check_drift,
    check_ends,
    check_events,
    check_file,
    check_flow,
    check_rate,
    check_scale,
)
from flowml.quality.values import open_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.knowledge.quality import QualityBook
    from flowml.records import Sample


def assess(
    sample: Sample, compensation: str = "auto", book: QualityBook | None = None
) -> TubeQuality:
    """Say of a tube what a cytometrist would look at before any population is gated.

    Parameters
    ----------
    sample : Sample
        Raw, compensated, or on a display scale; what cannot be assessed then says so.
    compensation : str
        For raw samples, as in `flowml.preprocess.choose_unmixing`.
    book : QualityBook, optional
        A laboratory's own thresholds; flowml's if not given.

    Returns
    -------
    TubeQuality
        One check for each of `CHECKS`, whether it could be assessed or not.

    Raises
    ------
    FcsError
        If the sample cannot be compensated as asked.
    """
    look = TubeLook(open_values(sample, compensation), book or load_quality_book())
    checks = tuple(check(look) for check in CHECKS.values())
    steady = look.steadiness
    failed = {check.name for check in checks if check.verdict is Verdict.FAIL}
    return TubeQuality(checks, steady.disturbed if steady else (), _kept(look, failed))


def _kept(look: TubeLook, failed: set[str]) -> NDArray[np.bool_]:
    """Return the events that stay.

    Not left out are events in empty places of scatter: rare cells lie there, too. Nor are
    events at the end of a scale: they are cells that are bright. Where a check failed it is
    not clear any more which events are the usual ones, and nothing is left out for it.
    """
    keep = np.ones(look.values.n_events, dtype=bool)
    if look.steadiness is not None and "flow" not in failed:
        for start, end in look.steadiness.disturbed:
            keep[start:end] = False
    if look.doublets is not None and "doublets" not in failed:
        keep &= ~look.doublets.mask
    if look.debris is not None and "debris" not in failed:
        keep &= ~look.debris
    return keep


CHECKS: dict[str, Callable[[TubeLook], Check]] = {
    "file": check_file,
    "events": check_events,
    "scale": check_scale,
    "ends": check_ends,
    "rate": check_rate,
    "flow": check_flow,
    "drift": check_drift,
    "doublets": check_doublets,
    "debris": check_debris,
    "compensation": check_compensation,
    "matrix": check_matrix,
}
