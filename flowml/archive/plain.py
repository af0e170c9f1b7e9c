"""What plain values of a bundle are: each part of a training summary is checked by these."""

from __future__ import annotations

import sys


def is_number(value: object) -> bool:
    """Tell a finite number from anything else.

    Parameters
    ----------
    value : object
        Of a bundle.

    Returns
    -------
    bool
        Whether it is one that fits a float.
    """
    is_plain = isinstance(value, int | float) and not isinstance(value, bool)
    return is_plain and abs(value) <= sys.float_info.max  # type: ignore[arg-type]


def is_share(value: object) -> bool:
    """Tell a share of cases, lost or won, from anything else.

    Parameters
    ----------
    value : object
        Of a bundle.

    Returns
    -------
    bool
        Whether it is a number from -1 to 1.
    """
    return is_number(value) and -1 <= value <= 1  # type: ignore[operator]


def is_count(value: object) -> bool:
    """Tell a count from anything else.

    Parameters
    ----------
    value : object
        Of a bundle.

    Returns
    -------
    bool
        Whether it is a whole number from 0 on.
    """
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_texts(value: object) -> bool:
    """Tell a list of texts from anything else.

    Parameters
    ----------
    value : object
        Of a bundle.

    Returns
    -------
    bool
        Whether it is one; it may be empty.
    """
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
