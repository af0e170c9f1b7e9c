"""What a channel is called, and what that means: marker, fluorochrome, role, pulse.

Vendors write the same thing in many ways: ``FS INT LIN``, ``FSC-A``, ``FSC.A``;
``CD19-PE``, ``CD19 PE``, ``CD19``. The rules below know the ways; the tables are data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING

from flowml.knowledge.antigens import (
    NONE,
    Compartment,
    compartment_of,
    markers_in,
)
from flowml.knowledge.dyes import (
    cut_before,
    cut_behind,
    fluorochrome,
    fluorochrome_of_detector,
)
from flowml.knowledge.files import read_toml
from flowml.knowledge.roles import (
    PULSES,
    Scatter,
    folded,
    is_bookkeeping,
    is_time,
    isotope_of,
    scatter_of,
)
from flowml.records import Role
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowml.knowledge.marker_names import MarkerNames

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
_NUMBERED = re.compile(r"(?:FL|[BVRYGU]{1,2}L?|IR)\d{1,5}(?:-[AHW])?", re.ASCII)
_LASER_AND_BAND = re.compile(r"[BVRYGU]\d{3}", re.IGNORECASE)  # V450 is a dye's name, too
_PREFIX = re.compile(r"^(Comp|FJComp)-", re.IGNORECASE)
_TRADE_MARK = re.compile("[\N{TRADE MARK SIGN}\N{REGISTERED SIGN}]")
_PULSE_END = re.compile(r"[-\s._](A|H|W|Area|Height|Width)$", re.IGNORECASE)
_SCALE_END = re.compile(r"(?:\s+(?:LOGICAL|LOG|LIN))+$", re.IGNORECASE)
_CLONE = re.compile(r"\s?\([^()]*\)$")
# "FL10 INT LOG : CD45 KrO"
_DETECTOR_FIRST = re.compile(
    r"^FL\s?\d{1,2}(?:\s(?:INT|PEAK|TOF|LOG|LIN))*\s*:\s*(?=\S)", re.IGNORECASE
)
_BARE_CLUSTER = re.compile(r"\d{1,3}[a-f]?", re.ASCII)  # 45-KO


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

    @property
    def compartment(self) -> Compartment | None:
        """Where in the cell the marker is; None where it is in no one place."""
        return compartment_of(self.marker)


def name_channel(name: str, label: str, own: MarkerNames | None = None) -> MarkerName:
    """Understand the names of a channel.

    Parameters
    ----------
    name : str
        ``$PnN``, often the detector or the fluorochrome.
    label : str
        ``$PnS``, often the marker; may be empty.
    own : MarkerNames, optional
        A laboratory's own names, which go before the built-in ones.

    Returns
    -------
    MarkerName
        What was understood. The fluorochrome is that of the label, else that after which the
        detector is named.

    Examples
    --------
    >>> name_channel("FL3 INT LOG", "CD19-ECD").marker
    'CD19'
    >>> name_channel("SS INT LIN", "SS INT LIN").marker
    'SSC-A'
    """
    return _understood(_tidy(name), _tidy(label), own)


def canonical_markers(names: Iterable[object]) -> tuple[str, ...]:
    """Take markers that a person named for what they mean.

    Parameters
    ----------
    names : iterable of str
        ``cd19``, ``SSC``; what is no text, or no known marker, is left as it is.

    Returns
    -------
    tuple of str
        ``CD19``, ``SSC-A``; in the order given.

    Examples
    --------
    >>> canonical_markers(["cd19", "SSC", "CD19:CD5"])
    ('CD19', 'SSC-A', 'CD19:CD5')
    """
    return tuple(
        (name_channel(name, "").marker or name) if isinstance(name, str) else name  # type: ignore[misc]
        for name in names
    )


@lru_cache(maxsize=MOST_REMEMBERED)
def _understood(name: str, label: str, own: MarkerNames | None) -> MarkerName:
    if meaning := _no_signal(name):
        return meaning
    if own is not None and (marker := own.whole(label or name)):
        _, dye, _ = _marker_of(label, own.by_alias)
        return _signal(name, label, marker, dye)
    if meaning := _no_signal(label):
        return meaning
    isotopes = [found for text in (label, name) if (found := isotope_of(text))]
    if isotopes and max(isotopes, key=lambda found: bool(found.text)).is_bookkeeping:
        return MarkerName("", "", Role.OTHER, "")
    aliases = NONE if own is None else own.by_alias
    marker, dye, known = _marker_of(label, aliases)
    if not marker and (by_name := _marker_of(name, aliases))[2]:
        marker, dye, known = by_name[0], dye or (by_name[1] if by_name[0] else ""), True
    if not known and label.casefold() == name.casefold():
        marker, known = "", True
    return replace(_signal(name, label, marker, dye), known=known)


def _no_signal(text: str) -> MarkerName | None:
    """Name a channel of scatter, time or bookkeeping."""
    if scatter := scatter_of(text):
        return _scatter(scatter)
    if is_time(text):
        return MarkerName("", "", Role.TIME, "")
    return MarkerName("", "", Role.OTHER, "") if is_bookkeeping(text) else None


def _signal(name: str, label: str, marker: str, dye: str) -> MarkerName:
    """Name a channel of fluorescence; what the label does not say, the detector's name may."""
    pulse = _pulse(name) or ("" if markers_in(label) else _pulse_at_end(label))
    return MarkerName(marker, dye or _dye_of_detector(name), Role.FLUORESCENCE, pulse)


def name_channels(
    names: Iterable[tuple[str, str]], own: MarkerNames | None = None
) -> tuple[MarkerName, ...]:
    """Understand the names of all channels of a data set.

    Where several detectors see scatter, one stands for it: that with the plain name, else that
    of the blue laser, then of the violet one. The others are markers of their own, such as
    ``SSC-B-A`` beside ``SSC-A``. An unnamed pulse beside a named area is the height.

    Parameters
    ----------
    names : iterable of tuple of str
        ``$PnN`` and ``$PnS`` of each channel.
    own : MarkerNames, optional
        A laboratory's own names, which go before the built-in ones.

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
    return _panel(tuple((name[:longest], label[:longest]) for name, label in names), own)


@lru_cache(maxsize=MOST_PANELS)
def _panel(
    names: tuple[tuple[str, str], ...], own: MarkerNames | None
) -> tuple[MarkerName, ...]:
    texts = [(_tidy(name), _tidy(label)) for name, label in names]
    found = [_understood(name, label, own) for name, label in texts]
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


def _pulse_at_end(label: str) -> str:
    match = _PULSE_END.search(_SCALE_END.sub("", label))
    return PULSES[match[1].upper()] if match else ""


def _dye_of_detector(name: str) -> str:
    """Return the fluorochrome after which a detector is named."""
    bare = _PULSE_END.sub("", name)
    return "" if _LASER_AND_BAND.fullmatch(bare) else fluorochrome_of_detector(bare)


def _marker_of(text: str, own: Mapping[str, str]) -> tuple[str, str, bool]:
    """Split a label into marker and fluorochrome; say whether the marker is known."""
    head, joint, tail = text.rpartition("::")  # FlowJo writes "FITC-A :: CD3"
    if joint and (found := _marker_of(tail.strip(), own))[0]:
        return found[0], found[1] or _marker_of(head.strip(), own)[1], found[2]
    text = _DETECTOR_FIRST.sub("", _SCALE_END.sub("", text)).lstrip("_ ")
    if isotope := isotope_of(text):
        text = isotope.text
    if not text or (not own and _NUMBERED.fullmatch(text)):
        return "", "", True
    for stem, dye in _readings(text, own):
        if marker := markers_in(stem, own):
            return marker, dye or fluorochrome(stem), True  # 7-AAD is marker and dye
    return _unknown(text, own)


def _readings(text: str, own: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the ways to part a label into a stem and a fluorochrome."""
    yield text, ""
    bare = _PULSE_END.sub("", text)
    yield bare, ""
    is_marker = partial(_is_marker, own=own)
    stem, dye = cut_behind(bare, is_marker)
    yield f"CD{stem}" if dye and _BARE_CLUSTER.fullmatch(stem) else stem, dye
    yield _CLONE.sub("", stem), dye  # CD3 (UCHT1) PE
    yield cut_behind(_PULSE_END.sub("", _CLONE.sub("", bare)), is_marker)  # CD3 PE (SK7)
    yield from cut_before(bare)


def _is_marker(text: str, own: Mapping[str, str]) -> bool:
    return bool(markers_in(text, own))


def _unknown(text: str, own: Mapping[str, str]) -> tuple[str, str, bool]:
    """Say what there is to say of a label without a known marker."""
    bare = _PULSE_END.sub("", text)
    if dye := fluorochrome_of_detector(bare):
        return "", dye, True
    stem, dye = cut_behind(bare, partial(_is_marker, own=own))
    if not stem or _DETECTOR.match(text) or _says_nothing(folded(stem)):
        return "", dye, True
    return printable(stem).replace("|", "/"), dye, False  # "|" parts names of features


def _says_nothing(stem: str) -> bool:
    """Tell the label of an unused channel, and one that was made unreadable (xxxxxxx)."""
    return stem in _unstained() or (len(stem) > 2 and len(set(stem)) == 1)


@cache
def _unstained() -> frozenset[str]:
    return frozenset(map(folded, read_toml("markers.toml")["channels"]["unstained"])) | {""}
