"""A spillover matrix, checked before anyone divides by it.

Whatever its source (a keyword, Coulter's percent, a CSV file), a matrix is one of shares:
row by row the light of a fluorochrome, column by column the detectors that see it, 1 on the
diagonal. What is not such a matrix is refused; what is one, but odd, is a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FcsError
from flowml.fcs.codes import finding
from flowml.fcs.keys import real_number
from flowml.findings import Finding
from flowml.records import Spillover
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WORST_CONDITION = 1000.0
PERCENT = 100.0
MOST_DETECTORS = 1000  # inverting more takes minutes; instruments have up to 200
LARGEST_SHARE = 1e6
DIAGONAL_ROUNDING = 1e-3
# Shares of matrices that fit their data run from -0.013 to 1.24 (between two detectors of one
# laser). Far beyond, a number has probably been mistaken.
LIKELY_SHARES = (-0.05, 1.5)
NEGLIGIBLE_SHARE = 1e-5  # a placeholder: Aurora writes 1e-6 into what is meant as identity


def checked_spillover(
    names: Sequence[str], values: Sequence[str], source: str, findings: list[Finding]
) -> Spillover:
    """Turn texts into a matrix that can be inverted.

    Parameters
    ----------
    names : sequence of str
        Detectors.
    values : sequence of str
        The matrix, row by row.
    source : str
        Where it comes from, for messages.
    findings : list of Finding
        Gets what is odd.

    Returns
    -------
    Spillover
        With a diagonal of 1.

    Raises
    ------
    FcsError
        If a value is not a number, a detector stands twice, or the matrix is singular.
    """
    numbers = [real_number(value.strip()) for value in values]
    if None in numbers:
        raise FcsError(f"{source} holds a value that is not a finite number", "FCS-SPILL")
    matrix = np.array(numbers, dtype=np.float64).reshape(len(names), len(names))
    if (np.abs(np.diag(matrix) - PERCENT) <= PERCENT * DIAGONAL_ROUNDING).all():
        matrix = matrix / PERCENT
        findings.append(finding("SPILL-PERCENT", source))
    return checked_matrix(names, matrix, source, findings)


def checked_matrix(
    names: Sequence[str], matrix: NDArray[np.float64], source: str, findings: list[Finding]
) -> Spillover:
    """Refuse a matrix that cannot be inverted, and note what is odd about another.

    Parameters
    ----------
    names : sequence of str
        Detectors, in the order of the matrix.
    matrix : ndarray, shape (n_detectors, n_detectors), float64
        Shares; 1 on the diagonal.
    source : str
        Where it comes from, for messages.
    findings : list of Finding
        Gets what is odd.

    Returns
    -------
    Spillover
        The matrix, as it is.

    Raises
    ------
    FcsError
        If a detector stands twice, or the matrix is not one of shares, or singular.
    """
    if len(set(names)) < len(names):
        double = sorted({name for name in names if names.count(name) > 1})
        raise FcsError(
            f"{source} names a detector twice ({printable(', '.join(double), 120)})",
            "FCS-SPILL",
        )
    if (condition := _checked_condition(matrix, source)) > WORST_CONDITION:
        findings.append(finding("SPILL-CONDITION", f"{source}, condition {condition:.3g}"))
    foreign = shares_between(matrix)
    if not foreign.any():
        findings.append(finding("SPILL-IDENTITY", source))
    odd = foreign[(foreign < LIKELY_SHARES[0]) | (foreign > LIKELY_SHARES[1])]
    if odd.size:
        worst = float(odd[np.abs(odd).argmax()])
        findings.append(finding("SPILL-SHARE", f"{source}, {odd.size} values, one {worst:.3g}"))
    return Spillover(tuple(names), matrix, source)


def shares_between(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what detectors see of other fluorochromes than their own.

    Parameters
    ----------
    matrix : ndarray, shape (n_detectors, n_detectors), float64
        Shares.

    Returns
    -------
    ndarray, shape (n_detectors, n_detectors), float64
        The matrix with 0 on its diagonal and in place of negligible shares.
    """
    foreign = np.where(np.eye(len(matrix), dtype=np.bool_), 0.0, matrix)
    return np.where(np.abs(foreign) <= NEGLIGIBLE_SHARE, 0.0, foreign)


def _checked_condition(matrix: NDArray[np.float64], source: str) -> float:
    """Return the condition number; refuse what is no matrix of shares, or is singular."""
    if np.abs(matrix).max() > LARGEST_SHARE:
        raise FcsError(
            f"{source} holds the value {np.abs(matrix).max():g}, expected shares of a signal",
            "FCS-SPILL",
        )
    diagonal = np.diag(matrix)
    stretches = np.linalg.svd(matrix, compute_uv=False)  # singular values, falling
    longest, shortest = float(stretches[0]), float(stretches[-1])
    if shortest <= longest * len(matrix) * np.finfo(np.float64).eps:
        raise FcsError(f"{source} is singular: it cannot be inverted", "FCS-SPILL")
    if (np.abs(diagonal - 1) > DIAGONAL_ROUNDING).any():
        raise FcsError(
            f"{source} has a diagonal of {diagonal.min():g} to {diagonal.max():g}, expected 1 "
            "(or 100 percent)",
            "FCS-SPILL",
        )
    return longest / shortest
