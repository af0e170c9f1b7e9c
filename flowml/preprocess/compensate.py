"""Remove spectral overlap, once, by a policy that is stated.

Compensated = observed x inverse(spillover) (Bagwell & Adams, Ann N Y Acad Sci 677:167).
The product is computed in double precision and rounded once, so that small differences of
large values keep all the digits that their type has. It is always computed on blocks of
`COMPUTE_BLOCK` events, the last one padded with zeros: a product may differ in its last bit
with the number of rows and with the place of a row among them, and a prediction must not
depend on how a file was cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError, StateError
from flowml.events import COMPUTE_BLOCK, ArraySource
from flowml.fcs.matrixfile import load_spillover_csv
from flowml.findings import Finding, Severity
from flowml.records import Sample, Scale
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.events import Array
    from flowml.records import Spillover

ALREADY = "already"
POLICIES = (ALREADY, "auto", "none", "file")
# with one of these, "auto" would have to guess whether and how the data want compensation
UNDECIDED = frozenset({"SPILL-UNUSABLE", "SPILL-COMP"})


@dataclass(frozen=True, eq=False)
class Unmixing:
    """The inverse of a spillover matrix, ready for blocks of events.

    Parameters
    ----------
    columns : ndarray, shape (n_detectors,), int
        Columns of the events that the matrix is about.
    inverse : ndarray, shape (n_detectors, n_detectors), float64
        Inverse of the spillover matrix.
    source : str
        Where the matrix came from.
    """

    columns: Array
    inverse: Array
    source: str

    def apply(self, block: Array) -> Array:
        """Remove the overlap from a block of linear values.

        Parameters
        ----------
        block : ndarray, shape (n_events, n_channels)
            Linear values; not changed. Its first event is the first of the sample, or
            a multiple of `COMPUTE_BLOCK` behind it.

        Returns
        -------
        ndarray, shape (n_events, n_channels)
            Of the same type (integers become floating point); columns outside the matrix are
            copied. NaN or an infinity in one detector makes all detectors of its event NaN
            or infinite, and no other event.
        """
        unmixed = block.astype(np.result_type(block.dtype, np.float32))  # always a copy
        padded = np.zeros((COMPUTE_BLOCK, len(self.columns)))
        for start in range(0, len(unmixed), COMPUTE_BLOCK):
            rows = unmixed[start : start + COMPUTE_BLOCK]
            padded[: len(rows)] = rows[:, self.columns]
            padded[len(rows) :] = 0
            with np.errstate(over="ignore", invalid="ignore"):  # infinities give NaN
                rows[:, self.columns] = (padded @ self.inverse)[: len(rows)]
        return unmixed


def choose_unmixing(
    sample: Sample, policy: str = "auto"
) -> tuple[Unmixing | None, tuple[Finding, ...]]:
    """Decide whether and how a sample is compensated.

    Parameters
    ----------
    sample : Sample
        As it was read.
    policy : str
        ``auto``: by the file's own matrix, unless the data are compensated already;
        ``none``: never; ``already``: never, as the user declares that the data are
        compensated; ``file``: by the file's matrix, which must be there; anything else
        is the path of a CSV file with the matrix.

    Returns
    -------
    unmixing : Unmixing or None
        None where nothing is to be done.
    findings : tuple of Finding
        What was decided.

    Raises
    ------
    FcsError
        If the policy asks for a matrix that is not there or cannot be used.
    StateError
        If the policy asks to compensate data that are compensated already.
    """
    if policy == "none":
        return None, ()
    if policy == ALREADY:
        return None, _declared(sample)
    if policy == "auto":
        return _automatic(sample)
    if sample.scale is not Scale.RAW:
        raise StateError(
            f"{printable(sample.name)} is already {sample.scale.value}; compensating it again "
            "would be wrong. Use the policy auto or none."
        )
    if policy != "file":
        matrix, findings = load_spillover_csv(Path(policy))
        return unmixing_by(sample, matrix), tuple(findings)
    if sample.spillover is None:
        raise FcsError(_no_matrix(sample), "FCS-SPILL")
    return unmixing_by(sample, sample.spillover), ()


def _automatic(sample: Sample) -> tuple[Unmixing | None, tuple[Finding, ...]]:
    if sample.scale is not Scale.RAW:
        return None, ()
    if sample.spillover is not None:
        return unmixing_by(sample, sample.spillover), ()
    if any(item.code in UNDECIDED for item in sample.noticed):
        raise FcsError(_no_matrix(sample), "FCS-SPILL")
    note = "the file carries no spillover matrix; its values were taken as they are"
    return None, (Finding("COMP-NONE", note, Severity.INFO),)


def _declared(sample: Sample) -> tuple[Finding, ...]:
    """Note what the user declared, unless the file says the same."""
    if sample.scale is not Scale.RAW:
        return ()
    note = "declared compensated by the user; no matrix was applied"
    return (Finding("COMP-DECLARED", note, Severity.INFO),)


def _no_matrix(sample: Sample) -> str:
    """Say why there is no matrix, and what can be done."""
    codes = {*UNDECIDED, "SPILL-EMPTY"}
    reasons = [item.message for item in sample.noticed if item.code in codes]
    reason = reasons[0] if reasons else "the file carries no spillover matrix"
    return (
        f"{printable(sample.name)} cannot be compensated: {reason}. Give a matrix as a CSV "
        "file (--compensation PATH.csv), none if the data need none (--compensation none), or "
        "say that they are compensated (--already-compensated)."
    )


def unmixing_by(sample: Sample, spillover: Spillover) -> Unmixing:
    """Place a matrix on the columns of a sample, and invert it.

    Parameters
    ----------
    sample : Sample
        Has the matrix's detectors among its channels.
    spillover : Spillover
        The matrix.

    Returns
    -------
    Unmixing
        Ready for blocks of events.

    Raises
    ------
    FcsError
        If the sample lacks a detector, or the matrix cannot be inverted.
    """
    names = sample.channel_names
    unknown = [name for name in spillover.channels if name not in names]
    if unknown:
        raise FcsError(
            f"the matrix of {printable(spillover.source)} names the detectors "
            f"{printable(', '.join(unknown))}, which {printable(sample.name)} does not have. "
            "Name the channels as $PnN does.",
            "FCS-SPILL",
        )
    columns = np.array([names.index(name) for name in spillover.channels], dtype=np.intp)
    return Unmixing(columns, _inverse(spillover), spillover.source)


def _inverse(spillover: Spillover) -> Array:
    """Invert a matrix, which may have been made by hand."""
    matrix, size = spillover.matrix, len(spillover.channels)
    reason = ""
    if matrix.shape != (size, size) or size == 0:
        reason = f"it has the shape {matrix.shape} for {size} detectors"
    elif len(set(spillover.channels)) < size:
        reason = "it names a detector twice"
    elif not np.isfinite(matrix).all():
        reason = "it holds values that are not finite numbers"
    elif (inverse := _inverted(matrix.tobytes(), size)) is None:
        reason = "it is singular"
    else:
        return inverse
    raise FcsError(
        f"the matrix of {printable(spillover.source)} cannot be inverted ({reason}). "
        "Give another one as a CSV file (--compensation PATH.csv).",
        "FCS-SPILL",
    )


@lru_cache(maxsize=64)  # the tubes of a panel and a day have the same matrix
def _inverted(matrix: bytes, size: int) -> Array | None:
    """Return the inverse, read-only; None for a matrix that is singular in double precision."""
    table = np.frombuffer(matrix).reshape(size, size)
    if np.linalg.matrix_rank(table) < size:
        return None
    inverse: Array = np.linalg.inv(table)
    inverse.flags.writeable = False
    return inverse


def compensate(sample: Sample, policy: str = "file") -> Sample:
    """Return a compensated sample; its events are held in memory.

    Parameters
    ----------
    sample : Sample
        Linear values, not compensated.
    policy : str
        As in `choose_unmixing`.

    Returns
    -------
    Sample
        All channels, those of the matrix compensated, with `Scale.COMPENSATED` where a
        matrix was applied or the user declared that none is needed (``already``).

    Raises
    ------
    FcsError
        If there is no matrix, or it cannot be used; the message says why.
    StateError
        If the sample is compensated already.
    """
    unmixing, decided = choose_unmixing(sample, policy)
    if unmixing is not None:
        source = ArraySource(_unmixed(sample, unmixing))
        noticed = (*sample.findings, *decided)  # the new source knows nothing of the values
        return replace(sample, source=source, scale=Scale.COMPENSATED, noticed=noticed)
    declared = policy == ALREADY and sample.scale is Scale.RAW
    scale = Scale.COMPENSATED if declared else sample.scale
    return replace(sample, scale=scale, noticed=(*sample.noticed, *decided))


def _unmixed(sample: Sample, unmixing: Unmixing) -> Array:
    """Compensate block by block, so that the values stand in memory once."""
    values: Array | None = None
    start = 0
    for block in sample.blocks():
        done = unmixing.apply(block)
        if values is None:
            values = np.empty((sample.n_events, done.shape[1]), dtype=done.dtype)
        values[start : start + len(done)] = done
        start += len(done)
    if values is None:
        return np.empty((0, len(sample.channels)), dtype=np.float32)
    return values
