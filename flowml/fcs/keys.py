"""Keywords that modules share, and numbers in keywords: read exactly, or not at all."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from flowml.errors import FcsError
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

# keywords that several modules must agree on
SPILLOVER_KEYS = ("$SPILLOVER", "SPILLOVER", "SPILL", "$SPILL")  # in order of preference
COMP_KEY = "$COMP"  # FCS 3.0
APPLY_KEYS = ("APPLY COMPENSATION", "APPLY_COMPENSATION")  # Diva and Aurora; Stratedigm
FLOWCORE_SCALED = "TRANSFORMATION"  # flowCore writes its ranges beside this keyword
COMPENSATED_KEY = "FLOWML_COMPENSATED"  # written beside values that are compensated
SIMULATED_KEY = "FLOWML_SIMULATED"  # written into every file of the simulator

FILE_ENDINGS = (".fcs", ".lmd")  # in any letter case
NAME_KEY = re.compile(r"\$P(\d{1,5})N", re.ASCII)

LONGEST_NUMBER = 18  # digits; more do not fit the 64 bits that any size needs
LONGEST_REAL = 40  # characters
_INTEGER = re.compile(rf"\+?0*(\d{{1,{LONGEST_NUMBER}}})(\.0*)?", re.ASCII)


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
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise FcsError(
            f"{key} is {printable(text, 40)!r}, expected a whole number of at most "
            f"{LONGEST_NUMBER} digits. The file is damaged: export it again.",
            "FCS-KEY",
        )
    return int(match[1])


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
        raise FcsError(
            f"the required keyword {key} is missing. Export the measurement again.", "FCS-KEY"
        )
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
    return _real_number(text) if len(text) <= LONGEST_REAL else None


@lru_cache(maxsize=1024)  # channels have the same few ranges and gains
def _real_number(text: str) -> float | None:
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
