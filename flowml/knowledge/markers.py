"""What a channel is called, and what that means: marker, fluorochrome, role, pulse.

Vendors write the same thing in many ways: ``FS INT LIN``, ``FSC-A``, ``FSC.A``;
``CD19-PE``, ``CD19 PE``, ``CD19``. The rules below know the ways; the tables are data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from flowml.knowledge.files import read_toml
from flowml.records import Role
from flowml.safety import printable

LONGEST_NAME = 200  # characters; a longer name is not a marker but an attack or an accident

_PULSE = {
    "A": "A", "AREA": "A", "INT": "A", "H": "H", "HEIGHT": "H", "PEAK": "H",
    "W": "W", "WIDTH": "W", "TOF": "W",
}  # fmt: skip
_SCATTER = re.compile(
    r"""^(?P<kind>FSC?|SSC?|FORWARD\ SCATTER|SIDE\ SCATTER|FALS)
        (?P<rest>([\s._-]*(LIN|LOG|INT|PEAK|TOF|AREA|HEIGHT|WIDTH|PMT|PAR|PERP|\d++(/\d++)?(NM)?|\(\w++\)
                 |[BVRYG]|[AHW]))*)$""",
    re.IGNORECASE | re.VERBOSE,
)
_TIME = re.compile(r"^(HDR-T|TIME([\s._-].*)?|TIME\d*|EVENT_LENGTH)$", re.IGNORECASE)
_PULSE_WORD = re.compile(
    r"(?:[\s._-]|LIN|LOG)(AREA|HEIGHT|WIDTH|INT|PEAK|TOF|[AHW])(?=$|[^A-Z0-9]|LIN|LOG)",
    re.IGNORECASE,
)
_OTHER = re.compile(r"^(HDR-(CE|SE|V)|EVENT.*|GATE.*|CLASSIF.*|WIDTH|DOUBLET)$", re.IGNORECASE)
_DETECTOR = re.compile(
    r"""^(FL\s?\d+|[BVRYGU]{1,2}L?\d+|UV\d+|[BVRYG]\d{3}|AUTOFLUORESCENCE|AF)
        ([\s._-].*)?$""",
    re.IGNORECASE | re.VERBOSE,
)
_CD = re.compile(
    r"^(?P<cy>(cy|cyt|c|i|ic)[\s_-]?)?(?:s|sm|surface[\s_-]?)?CD[\s_-]?(?P<number>\d{1,4})(?P<variant>[A-Z]{0,2})$",
    re.IGNORECASE | re.ASCII,
)
_PLACE = re.compile(r"^(?:(?P<cy>cyt?)|sm?|surface)[\s_-]?(?P<marker>.+)$", re.IGNORECASE)
_PREFIX = re.compile(r"^(Comp|FJComp)-", re.IGNORECASE)


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
    """

    marker: str
    fluorochrome: str
    role: Role
    pulse: str
    known: bool = True


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
    name, label = (
        _PREFIX.sub("", name.strip("<> "))[:LONGEST_NAME],
        label.strip()[:LONGEST_NAME],
    )
    for text in (name, label):
        if match := _SCATTER.match(text):
            return _scatter(match["kind"], match["rest"])
        if _TIME.match(text):
            return MarkerName("", "", Role.TIME, "")
        if _OTHER.match(text):
            return MarkerName("", "", Role.OTHER, "")
    pulse = _pulse(name)
    marker, dye, known = _marker_of(label)
    if not marker and _marker_of(name)[2]:
        marker, dye, known = _marker_of(name)
    if not known and label.casefold() == name.casefold():
        marker, known = "", True
    return MarkerName(marker, dye, Role.FLUORESCENCE, pulse, known)


def _scatter(kind: str, rest: str) -> MarkerName:
    """Name a scatter channel; an unnamed pulse is taken for the area."""
    forward = kind[0].upper() == "F"
    pulse = _pulse("-" + rest) or "A"
    role = Role.FORWARD_SCATTER if forward else Role.SIDE_SCATTER
    return MarkerName(f"{'FSC' if forward else 'SSC'}-{pulse}", "", role, pulse)


def _pulse(name: str) -> str:
    """Return the letter of the pulse measurement that the name ends with or mentions."""
    words = _PULSE_WORD.findall(name.upper())
    return _PULSE[words[-1]] if words else ""


def _marker_of(text: str) -> tuple[str, str, bool]:
    """Split a label into marker and fluorochrome; say whether the marker is known."""
    text = re.sub(r"\s+LOGICAL$", "", text, flags=re.IGNORECASE).strip()
    bare = re.sub(r"[-\s._](A|H|W|Area|Height|Width)$", "", text)
    stem, dye = _without_fluorochrome(bare)
    if not stem or _DETECTOR.match(text):
        return "", dye, True
    parts = [part for part in re.split(r"[+/]", stem) if part.strip()]
    whole = _canonical(stem)
    if whole:
        return whole, dye, True
    names = [_canonical(part.strip()) for part in parts]
    if names and all(names):
        return "+".join(filter(None, names)), dye, True
    return printable(stem).replace("|", "/"), dye, False  # "|" parts names of features


def _without_fluorochrome(text: str) -> tuple[str, str]:
    """Cut a fluorochrome off the end of a label."""
    _, dyes = _tables()
    match = dyes.search(text)
    if match is None:
        return text, ""
    return text[: match.start()].rstrip(" -_:."), match["dye"]


def _canonical(text: str) -> str:
    """Return the canonical name of a marker, or an empty text."""
    aliases, _ = _tables()
    found = aliases.get(_folded(text))
    if found:
        return found
    if (place := _PLACE.match(text)) and (found := aliases.get(_folded(place["marker"]))):
        return ("cy" if place["cy"] else "") + found
    if match := _CD.match(text):
        return (
            ("cy" if match["cy"] else "") + "CD" + match["number"] + _variant(match["variant"])
        )
    return ""


def _variant(letters: str) -> str:
    """Write CD79b and CD45RA as the field does."""
    return letters.upper() if len(letters) == 2 else letters.lower()


@cache
def _tables() -> tuple[dict[str, str], re.Pattern[str]]:
    """Return aliases by folded name, and the pattern of a fluorochrome at a label's end."""
    document = read_toml("markers.toml")
    aliases: dict[str, str] = {}
    for name, others in document["markers"].items():
        for text in (name, *others):
            aliases[_folded(text)] = name
    dyes = sorted(document["fluorochromes"]["names"], key=len, reverse=True)
    pattern = "|".join(re.escape(dye) for dye in dyes)
    return aliases, re.compile(rf"(?:^|[\s\-_:.])(?P<dye>{pattern})$", re.IGNORECASE)


def _folded(name: str) -> str:
    return "".join(char for char in name.casefold() if char not in " -_")
