"""Names of fluorochromes, and how they are cut off the labels of channels.

A label is a marker and what dyed it, in any order and spelling: ``CD19-PE-Cy7``,
``CD19 PE/Cyanine7``, ``PECy7: CD19``. CytoFLEX puts the detector behind what the laboratory
wrote (``CXCR5 BV421 PB450-A``, and without the blanks on export); the dye beside the marker is
then the one that counts. The table is in ``markers.toml``; which light a dye gives, in
``fluorochromes.toml``.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from flowml.knowledge.files import read_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_DYE = 48  # characters; the longest two beside each other have about 40
SEPARATORS = " -_:./,;|("
SEPARATORS_BEHIND = " -_:"  # a dye that stands first; PC5.5 is no PC5
# what a detector adds to a dye (PE-TxRed YG) or is called instead (Violet610)
_LASER = re.compile(r"\s(?:YG|UV|[BVRYG])$", re.IGNORECASE)
_DETECTOR_WORD = re.compile(r"(?:violet|nuv|ir|v5)\d{3}")
# "488/552nm PE Cy7 (740LP) LogH" (Stratedigm)
_OPTICS = re.compile(r"^\d{3}(?:/\d{3})?\s?nm\s+|\s*\(\d{3}(?:LP|/\d{2,3})\).*$", re.IGNORECASE)
_PULSE_FIRST = re.compile(r"^[AHW][\s_:-]+")  # what is left of "FITC-A CD3"
_DIGITS = 3  # of a wavelength, nm


def fluorochrome(text: str) -> str:
    """Return the canonical name of a fluorochrome.

    Parameters
    ----------
    text : str
        A fluorochrome and nothing else, in any spelling.

    Returns
    -------
    str
        As ``markers.toml`` spells it; empty for anything else.

    Examples
    --------
    >>> fluorochrome("PE/Cyanine7"), fluorochrome("Alexa Fluor 488"), fluorochrome("CD19")
    ('PE-Cy7', 'AF488', '')
    """
    return _named(_folded(text))


def fluorochrome_of_detector(name: str) -> str:
    """Return the fluorochrome after which a detector is named.

    Parameters
    ----------
    name : str
        ``$PnN`` without its pulse: ``PE-TxRed YG``, ``642nm APC Cy7 (740LP) LogH``.

    Returns
    -------
    str
        Empty where the name tells none.
    """
    bare = _OPTICS.sub("", name).strip()
    whole = fluorochrome(bare) or fluorochrome(_LASER.sub("", bare))
    parts = [fluorochrome(part) for part in bare.split("/")]
    return whole or ("/".join(parts) if all(parts) else "")  # GFP/FITC: either


def cut_behind(text: str, is_marker: Callable[[str], bool]) -> tuple[str, str]:
    """Cut the fluorochrome off the end of a label.

    Parameters
    ----------
    text : str
        A label, without its pulse.
    is_marker : callable
        Tells the name of a marker. Without a separator (``CD19PE``) only what follows one is
        a fluorochrome.

    Returns
    -------
    stem : str
        What is left; the whole text where no fluorochrome is at its end.
    dye : str
        Canonical name; empty where there is none, or only a detector.

    Examples
    --------
    >>> cut_behind("CD45 KO525", bool)
    ('CD45', 'KrOr')
    """
    apart = ("", "")
    glued = ("", "")
    for place in range(max(0, len(text) - LONGEST_DYE), len(text)):
        if text[place] in SEPARATORS:
            continue
        found, dye = _dyes(_folded(text[place:]))
        if not found:
            continue
        head = text[:place].rstrip(SEPARATORS)
        if not head or (place > len(head) and is_marker(head)):
            return head, dye
        if place > len(head):
            apart = apart if any(apart) else (head, dye)
        elif is_marker(head) and not any(glued):
            glued = head, dye
    return glued if any(glued) else apart if any(apart) else (text, "")


def cut_before(text: str) -> Iterator[tuple[str, str]]:
    """Yield the ways in which a label begins with a fluorochrome, the longest first.

    Parameters
    ----------
    text : str
        A label, without its pulse.

    Yields
    ------
    rest : str
        What follows.
    dye : str
        Canonical name.
    """
    for place in range(min(len(text), LONGEST_DYE) - 1, 0, -1):
        if text[place] in SEPARATORS_BEHIND and (dye := fluorochrome(text[:place])):
            yield _PULSE_FIRST.sub("", text[place:].strip(SEPARATORS)), dye


@lru_cache(maxsize=4096)
def _dyes(folded: str) -> tuple[bool, str]:
    """Tell a dye, a detector's word, or a dye and a detector beside each other."""
    if dye := _named(folded):
        return True, dye
    if _DETECTOR_WORD.fullmatch(folded):
        return True, ""
    for place in range(len(folded) - 1, 0, -1):
        first, second = _named(folded[:place]), folded[place:]
        if first and (_named(second) or _DETECTOR_WORD.fullmatch(second)):
            return True, first
    return False, ""


def _named(folded: str) -> str:
    """Return the canonical name of a folded one."""
    names, families = _tables()
    if dye := names.get(folded):
        return dye
    stem = folded[:-_DIGITS]
    return families[stem] + folded[-_DIGITS:] if _is_family(folded, stem, families) else ""


def _is_family(folded: str, stem: str, families: dict[str, str]) -> bool:
    number = folded[-_DIGITS:]
    return stem in families and number.isascii() and number.isdecimal()


def _folded(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


@cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """Return names and families by their folded spellings."""
    document = read_toml("markers.toml")
    tables: list[dict[str, str]] = []
    for part in ("fluorochromes", "families"):
        spellings = document[part].items()
        tables.append(
            {_folded(text): name for name, others in spellings for text in (name, *others)}
        )
    return tables[0], tables[1]
