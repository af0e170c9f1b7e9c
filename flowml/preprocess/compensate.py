"""Remove spectral overlap, once, by a policy that is stated.

Compensated = observed x inverse(spillover) (Bagwell & Adams, Ann N Y Acad Sci 677:167).
The product is always computed on blocks of `COMPUTE_BLOCK` events, the last one padded with
zeros: a float32 product may differ in its last bit with the number of rows and with the place
of a row among them, and a prediction must not depend on how a file was cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError, StateError
from flowml.fcs.spillover import load_spillover_csv
from flowml.records import COMPUTE_BLOCK, ArraySource, Finding, Sample, Scale, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.records import Array, Spillover

POLICIES = ("auto", "none", "file")


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
            Of the same type; columns outside the matrix are copied.
        """
        block = block.astype(np.result_type(block.dtype, np.float32))  # a copy; never integers
        unmixed = block.copy()
        inverse = self.inverse.astype(block.dtype)
        padded = np.zeros((COMPUTE_BLOCK, len(self.columns)), dtype=block.dtype)
        for start in range(0, len(block), COMPUTE_BLOCK):
            rows = block[start : start + COMPUTE_BLOCK, self.columns]
            padded[: len(rows)] = rows
            padded[len(rows) :] = 0
            with np.errstate(over="ignore", invalid="ignore"):  # infinities give NaN
                product = padded @ inverse
            unmixed[start : start + len(rows), self.columns] = product[: len(rows)]
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
        ``none``: never; ``file``: by the file's matrix, which must be there; anything else
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
    if any(item.code == "SPILL-UNUSABLE" for item in sample.findings):
        raise FcsError(_no_matrix(sample), "FCS-SPILL")
    note = "the file carries no spillover matrix; its values were taken as they are"
    return None, (Finding("COMP-NONE", note, Severity.INFO),)


def _no_matrix(sample: Sample) -> str:
    """Say why there is no matrix, and what can be done."""
    reasons = [f.message for f in sample.findings if f.code == "SPILL-UNUSABLE"]
    reason = reasons[0] if reasons else "the file carries no spillover matrix"
    return (
        f"{printable(sample.name)} cannot be compensated: {reason}. Give a matrix as a CSV "
        "file (--compensation PATH.csv), or none if the data need none (--compensation none)."
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
    columns = np.array([names.index(name) for name in spillover.channels])
    try:
        inverse = np.linalg.inv(spillover.matrix)
    except np.linalg.LinAlgError as error:
        raise FcsError(
            f"the matrix of {printable(spillover.source)} cannot be inverted ({error}). "
            "Give another one as a CSV file (--compensation PATH.csv).",
            "FCS-SPILL",
        ) from error
    return Unmixing(columns, inverse, spillover.source)


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
        With `Scale.COMPENSATED` where a matrix was applied.

    Raises
    ------
    FcsError
        If there is no matrix, or it cannot be used.
    StateError
        If the sample is compensated already.
    """
    unmixing, findings = choose_unmixing(sample, policy)
    if unmixing is None:
        return replace(sample, findings=(*sample.findings, *findings))
    values = unmixing.apply(sample.events())
    return replace(
        sample,
        source=ArraySource(values),
        scale=Scale.COMPENSATED,
        findings=(*sample.findings, *findings),
    )
