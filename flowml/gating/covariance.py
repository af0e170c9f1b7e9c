"""Covariances of ellipses, whose axes may have units far apart.

One axis may be in channel units up to millions, the other on a display scale of 0 to 1. Whether
a matrix is that of an ellipse, and can be inverted, is told of its correlations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WORST_CONDITION = 1e15  # of correlations; beyond it, an inverse is rounding error


def is_definite(matrix: Floats) -> bool:
    """Tell whether a symmetric matrix has positive eigenvalues.

    Parameters
    ----------
    matrix : ndarray, shape (n_dims, n_dims), float64
        Finite.

    Returns
    -------
    bool
        True for the covariance of an ellipsoid.
    """
    return bool(np.linalg.eigvalsh(_without_units(matrix)).min() > 0)


def is_invertible(matrix: Floats) -> bool:
    """Tell whether a matrix has an inverse of more than rounding error.

    Parameters
    ----------
    matrix : ndarray, shape (n_dims, n_dims), float64
        Any; it need not be symmetric.

    Returns
    -------
    bool
        False where a value is not finite.
    """
    if not np.isfinite(matrix).all():
        return False
    return bool(np.linalg.cond(_without_units(matrix)) < WORST_CONDITION)


def _without_units(matrix: Floats) -> Floats:
    spreads = np.sqrt(np.abs(np.diag(matrix)))
    spreads[spreads == 0] = 1
    return np.asarray(matrix / spreads / spreads[:, None])
