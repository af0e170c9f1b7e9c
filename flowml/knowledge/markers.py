"""What a channel is called, and what that means: marker, fluorochrome, role, pulse.

Vendors write the same thing in many ways: ``FS INT LIN``, ``FSC-A``, ``FSC.A``;
``CD19-PE``, ``CD19 PE``, ``CD19``. The rules below know the ways; the tables are data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from flowml.knowledge.files import read_toml
from flowml.knowledge.roles import (
    PULSES,
    Scatter,
    is_bookkeeping,
    is_time,
    isotope_of,
    scatter_of,
)
from flowml.records import Role
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_REMEMBERED = 4096  # channels; a cohort has few panels, read again and again
MOST_PANELS = 64
LONGEST_NAME = 200  # characters; a longer name is not a marker but an attack or an accident

_PULSE_WORD = re.compile(
    r"(?:[\s._-]|LIN|LOG)(AREA|HEIGHT|WIDTH|INT|PEAK|TOF|[AHW])(?=$|[^A-Z0-9]|LIN|LOG)",
    re.IGNORECASE,
)
_DETECTOR = re.compile(
    r"""^(FL\s?\d+|(?:IR|[BVRYGU]{1,2})L?\d+|\d{3}CH\d+|[BVRYG]\d{3}|AUTOFLUORESCENCE|AF
        |(?:BLU|GRN|YEL|YLW|ORG|RED|NIR)\d?(?:-[BVRYG])?|Intensity_MC_Ch\d\d
        |(?:[BVRYGU]{1,2}\s?|\d{3}[\s-])?\d{3}[/_]\d{2,3})
        ([\s._(-].*)?$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_CD = re.compile(
    r"^(?P<cy>(cy|cyt|c|i|ic)[\s_-]?)?(?:s|sm|surface[\s_-]?)?CD[\s_-]?(?P<number>\d{1,4})(?P<variant>[A-Z]{0,2})$",
    re.IGNORECASE | re.ASCII,
)
_PLACE = re.compile(r"^(?:(?P<cy>cyt?)|sm?|surface)[\s_-]?(?P<marker>.+)$", re.IGNORECASE)
_PREFIX = re.compile(r"^(Comp|FJComp)-", re.IGNORECASE)
_TRADE_MARK = re.compile("[\N{TRADE MARK SIGN}\N{REGISTERED SIGN}]")
_PULSE_END = re.compile(r"[-\s._](A|H|W|Area|Height|Width)$")
_CLONE = re.compile(r"\s?\([^()]*\)$")
_UPPER_VARIANTS = {"45", "62"}  # CD45RA, CD62L; elsewhere letters are small: CD79b, CD235ab


@dataclass(frozen=True, slots=True)
class MarkerName:
    """What was understood of a channel's names.

    Parameters
    ----------
    marker : str
        Canonical marker, ``FSC-A`` and the like for scatter, empty where there is none.
    fluorochrome : str
        As the table spells it; empty where the names do not say.
    role : Role
        What the channel measures.
    pulse : str
        ``A``, ``H``, ``W`` or empty.
    known : bool
        False for a marker that no table knows and that was taken over as it stands.
    detector : str
        Of scatter, which of several detectors (``B``, ``405``, ``PMT``, ``LOG``); else empty.
    """

    marker: str
    fluorochrome: str
    role: Role
    pulse: str
    known: bool = True
    detector: str = ""


def name_channel(name: str, label: str) -> MarkerName:
    """Understand the names of a channel.

    Parameters
    ----------
    name : str
        ``$PnN``, often the detector or the fluorochrome.
    label : str
        ``$PnS``, often the marker; may be empty.

    Returns
    -------
    MarkerName
        What was understood.

    Examples
    --------
    >>> name_channel("FL3 INT LOG", "CD19-ECD").marker
    'CD19'
    >>> name_channel("SS INT LIN", "SS INT LIN").marker
    'SSC-A'
    """
    return _understood(_tidy(name), _tidy(label))


@lru_cache(maxsize=MOST_REMEMBERED)
def _understood(name: str, label: str) -> MarkerName:
    for text in (name, label):
        if scatter := scatter_of(text):
            return _scatter(scatter)
        if is_time(text):
            return MarkerName("", "", Role.TIME, "")
        if is_bookkeeping(text):
            return MarkerName("", "", Role.OTHER, "")
    isotopes = [found for text in (label, name) if (found := isotope_of(text))]
    if isotopes and max(isotopes, key=lambda found: bool(found.text)).is_bookkeeping:
        return MarkerName("", "", Role.OTHER, "")
    pulse = _pulse(name)
    marker, dye, known = _marker_of(label)
    if not marker and (by_name := _marker_of(name))[2]:
        marker, dye, known = by_name[0], dye or by_name[1], True
    if not known and label.casefold() == name.casefold():
        marker, known = "", True
    return MarkerName(marker, dye, Role.FLUORESCENCE, pulse, known)


def name_channels(names: Iterable[tuple[str, str]]) -> tuple[MarkerName, ...]:
    """Understand the names of all channels of a data set.

    Where several detectors see scatter, one stands for it: that with the plain name, else that
    of the blue laser, then of the violet one. The others are markers of their own, such as
    ``SSC-B-A`` beside ``SSC-A``. An unnamed pulse beside a named area is the height.

    Parameters
    ----------
    names : iterable of tuple of str
        ``$PnN`` and ``$PnS`` of each channel.

    Returns
    -------
    tuple of MarkerName
        One for each channel.

    Examples
    --------
    >>> [found.marker for found in name_channels([("SSC-A", ""), ("SSC-B-A", "")])]
    ['SSC-A', 'SSC-B-A']
    """
    longest = 2 * LONGEST_NAME  # what is farther on is cut off anyway
    return _panel(tuple((name[:longest], label[:longest]) for name, label in names))


@lru_cache(maxsize=MOST_PANELS)
def _panel(names: tuple[tuple[str, str], ...]) -> tuple[MarkerName, ...]:
    texts = [(_tidy(name), _tidy(label)) for name, label in names]
    found = [_understood(name, label) for name, label in texts]
    scatters = {
        place: next(filter(None, map(scatter_of, texts[place])))
        for place, meaning in enumerate(found)
        if meaning.role in {Role.FORWARD_SCATTER, Role.SIDE_SCATTER}
    }
    for place, meaning in _settled(scatters).items():
        found[place] = meaning
    return tuple(found)


def _settled(scatters: dict[int, Scatter]) -> dict[int, MarkerName]:
    """Give the plain names to one detector of each kind."""
    given = set(scatters.values())
    meanings = {}
    for place, scatter in scatters.items():
        rivals = [other for other in given if other.forward is scatter.forward]
        beside = {replace(scatter, pulse=letter) for letter in "AH"} & given
        unnamed_height = not scatter.pulse and {other.pulse for other in beside} == {"A"}
        meaning = _scatter(replace(scatter, pulse="H") if unnamed_height else scatter)
        if scatter.rank > min(other.rank for other in rivals):
            marker = f"{meaning.marker[:3]}-{scatter.detector}-{meaning.pulse}"
            meaning = replace(meaning, marker=marker)
        meanings[place] = meaning
    return meanings


def _tidy(text: str) -> str:
    """Cut a name to the length of a name, and off what compensation adds."""
    text = _PREFIX.sub("", text[: 2 * LONGEST_NAME].strip("<> "))[:LONGEST_NAME]
    return _TRADE_MARK.sub("", text).strip()


def _scatter(scatter: Scatter) -> MarkerName:
    """Name a scatter channel; an unnamed pulse is taken for the area."""
    kind, role = (
        ("FSC", Role.FORWARD_SCATTER) if scatter.forward else ("SSC", Role.SIDE_SCATTER)
    )
    pulse = scatter.pulse or "A"
    return MarkerName(f"{kind}-{pulse}", "", role, pulse, detector=scatter.detector)


def _pulse(name: str) -> str:
    """Return the letter of the pulse measurement that the name ends with or mentions."""
    words = _PULSE_WORD.findall(name.upper())
    return PULSES[words[-1]] if words else ""


def _marker_of(text: str) -> tuple[str, str, bool]:
    """Split a label into marker and fluorochrome; say whether the marker is known."""
    head, joint, tail = text.rpartition("::")  # FlowJo writes "FITC-A :: CD3"
    if joint and (found := _marker_of(tail.strip()))[0]:
        return found[0], found[1] or _marker_of(head.strip())[1], found[2]
    text = re.sub(r"\s+LOGICAL$", "", text, flags=re.IGNORECASE).strip()
    if isotope := isotope_of(text):
        text = isotope.text
    stem, dye = _without_fluorochrome(_PULSE_END.sub("", text))
    first, rest = _fluorochrome_first(stem)
    if marker := _names_in(stem):
        return marker, dye, True
    if marker := _names_in(rest):
        return marker, first, True
    if not stem or _DETECTOR.match(text):
        return "", dye, True
    if all(_without_fluorochrome(part.strip())[0] == "" for part in stem.split("/")):
        return "", stem, True  # GFP/FITC
    return printable(stem).replace("|", "/"), dye, False  # "|" parts names of features


def _names_in(stem: str) -> str:
    """Return the one marker that a text names, or several with plus signs, or nothing."""
    whole = _canonical(stem) or _canonical(_CLONE.sub("", stem))
    if whole:
        return whole
    for joint in ("[+/]", "_"):
        parts = [part.strip() for part in re.split(joint, stem) if part.strip()]
        names = [_canonical(part) for part in parts]
        if names and all(names):
            return "+".join(dict.fromkeys(names))  # CD183_CXCR3 is one marker twice
    return ""


def _without_fluorochrome(text: str) -> tuple[str, str]:
    """Cut a fluorochrome off the end of a label."""
    match = _tables()[1].search(text)
    if match is None:
        return text, ""
    return text[: match.start()].rstrip(" -_:."), match["dye"]


def _fluorochrome_first(text: str) -> tuple[str, str]:
    """Cut a fluorochrome off the start of a label."""
    match = _tables()[2].match(text)
    return (match["dye"], match["rest"].strip()) if match else ("", "")


def _canonical(text: str) -> str:
    """Return the canonical name of a marker, or an empty text."""
    aliases = _tables()[0]
    found = aliases.get(_folded(text))
    if found:
        return found
    if (place := _PLACE.match(text)) and (found := aliases.get(_folded(place["marker"]))):
        return ("cy" if place["cy"] else "") + found
    if match := _CD.match(text):
        return (
            ("cy" if match["cy"] else "") + "CD" + _variant(match["number"], match["variant"])
        )
    return ""


def _variant(number: str, letters: str) -> str:
    """Write CD79b and CD45RA as the field does."""
    return number + (letters.upper() if number in _UPPER_VARIANTS else letters.lower())


@cache
def _tables() -> tuple[dict[str, str], re.Pattern[str], re.Pattern[str]]:
    """Return aliases by folded name, and patterns of a fluorochrome at a label's ends."""
    document = read_toml("markers.toml")
    aliases: dict[str, str] = {}
    for name, others in document["markers"].items():
        for text in (name, *others):
            aliases[_folded(text)] = name
    table = document["fluorochromes"]
    names = [re.escape(name) for name in sorted(table["names"], key=len, reverse=True)]
    families = "|".join(sorted(map(re.escape, table["families"]), key=len, reverse=True))
    dye = rf"(?P<dye>{'|'.join(names)}|\(?(?:{families})\)?[\s-]?\d{{3}})"
    return (
        aliases,
        re.compile(rf"(?:^|[\s\-_:.]){dye}$", re.IGNORECASE),
        re.compile(rf"^{dye}(?:-[AHW])?(?:[\s\-_:]+)(?P<rest>.+)$", re.IGNORECASE | re.DOTALL),
    )


def _folded(name: str) -> str:
    return "".join(char for char in name.casefold() if char not in " -_")
