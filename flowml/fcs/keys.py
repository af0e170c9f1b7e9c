"""Numbers in keywords: read exactly, or not at all."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NUMBER = 18  # digits; more do not fit the 64 bits that any size needs
_INTEGER = re.compile(r"^\+?\d+(\.0*)?$")


def whole_number(keywords: Mapping[str, str], key: str) -> int | None:
    """Read a non-negative whole number.

    Parameters
    ----------
    keywords : mapping of str to str
        The TEXT segment.
    key : str
        The keyword.

    Returns
    -------
    int or None
        None where the keyword is missing or empty.

    Raises
    ------
    FcsError
        If there is something else in its place.
    """
    text = keywords.get(key, "")
    if not text:
        return None
    if not _INTEGER.match(text) or len(text) > LONGEST_NUMBER:
        raise FcsError(
            f"{key} is {printable(text, 40)!r}, expected a whole number of at most "
            f"{LONGEST_NUMBER} digits.",
            "FCS-KEY",
        )
    return int(text.split(".")[0])


def required_number(keywords: Mapping[str, str], key: str) -> int:
    """Read a whole number that must be there.

    Parameters
    ----------
    keywords : mapping of str to str
        The TEXT segment.
    key : str
        The keyword.

    Returns
    -------
    int
        The number.

    Raises
    ------
    FcsError
        If it is missing or not a whole number.
    """
    number = whole_number(keywords, key)
    if number is None:
        raise FcsError(f"the required keyword {key} is missing.", "FCS-KEY")
    return number


def real_number(text: str) -> float | None:
    """Read a finite decimal number; anything else gives None.

    Parameters
    ----------
    text : str
        For example ``4.0`` or ``1e3``.

    Returns
    -------
    float or None
        The number.
    """
    try:
        number = float(text) if len(text) <= 40 and "_" not in text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
