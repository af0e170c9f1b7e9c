"""Names of markers, whatever way they are written: one canonical name for each.

``cd 19``, ``CD79A``, ``Igκ``, ``cCD79a``, ``HLADR``, ``CD16/56``. Markers of the cytoplasm are
markers of their own, with the prefix ``cy``; so are several antibodies in one channel, joined
by plus signs in an order that does not depend on the label. The table is ``markers.toml``.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from itertools import takewhile
from types import MappingProxyType
from typing import TYPE_CHECKING

from flowml.knowledge.files import read_toml
from flowml.safety import close_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LARGEST_CLUSTER = 371  # CD371; HLDA10 and what was added to it
LONGEST_COMPARED = 40  # characters of a name for which near ones are looked for
NEAR = 0.75  # difflib's ratio; CD19x and CD19 have 0.89, KAPA and kappa the same
NONE: Mapping[str, str] = MappingProxyType({})

_CLUSTER = re.compile(
    r"CD[\s_.-]?(?P<number>\d{1,3})(?:(?P<gap>[\s_-]?)(?P<variant>[a-z][a-z0-9]{0,4}))?",
    re.IGNORECASE | re.ASCII,
)
# only before a cluster: "Hu Kit" may be somebody
_ADDRESSEE = re.compile(r"^(?:anti[\s-]|(?:human|hu)[\s-](?=CD))", re.IGNORECASE)
_PLACE_BEHIND = re.compile(
    r"(?P<marker>.+?)[\s_(-]+(?P<place>[a-z]{2,14})\)?$", re.IGNORECASE | re.ASCII
)
_LOOSE = r"[\s-]+"  # joins clusters only: "DR PI" may be anybody
_JOINTS = {
    joint: re.compile(joint).split for joint in (r"[+/&,;]", r"_", r"(?<=\w)(?=CD\d)", _LOOSE)
}
_UNCOUNTED = str.maketrans("", "", " -_")
_NUMBER = re.compile(r"\d{1,3}[a-f]?", re.ASCII)


class Compartment(StrEnum):
    """Where in the cell a marker is."""

    SURFACE = "surface"
    CYTOPLASMIC = "cytoplasmic"
    NUCLEAR = "nuclear"


# words before (or behind) a marker; single letters only before names of three letters and more
_PLACES = {
    Compartment.CYTOPLASMIC: (
        "cytoplasmic", "cyto", "cyt", "cy", "intracellular", "intra", "ic", "c", "i",
    ),
    Compartment.SURFACE: ("surface", "surf", "membrane", "sm", "s", "m"),
    Compartment.NUCLEAR: ("nuclear", "nuc", "nu", "n"),
}  # fmt: skip
_WORDS = {word: place for place, words in _PLACES.items() for word in words}
_BEFORE = {
    letter: sorted((word for word in _WORDS if word[0] == letter), key=len, reverse=True)
    for letter in {word[0] for word in _WORDS}
}
INSIDE = "cy"


def markers_in(text: str, own: Mapping[str, str] = NONE) -> str:
    """Return the marker that a text names, or several.

    Parameters
    ----------
    text : str
        A label without its fluorochrome.
    own : mapping of str to str
        Canonical names by folded ones that go before the built-in ones.

    Returns
    -------
    str
        Canonical; several are joined by plus signs, in the order of their numbers. Empty if
        any part of the text is no marker.

    Examples
    --------
    >>> markers_in("CD79A"), markers_in("IgL+CD8"), markers_in("cCD3"), markers_in("CD16/56")
    ('CD79a', 'CD8+lambda', 'cyCD3', 'CD16+CD56')
    """
    if whole := _marker(text, own):
        return whole
    for joint, splits in _JOINTS.items():
        parts = [part for piece in splits(text) if (part := piece.strip())]
        several = bool(parts) and parts != [text]  # or "CD19+"
        if several and (joint != _LOOSE or _CLUSTER.fullmatch(parts[0])):
            names = list(takewhile(bool, (_marker(p, own) for p in _completed(parts))))
            if len(names) == len(parts):
                return joined(names)
    return ""


def joined(names: list[str]) -> str:
    """Join the markers of one channel, each once.

    Parameters
    ----------
    names : list of str
        Canonical names, in any order; some may be joined already.

    Returns
    -------
    str
        Clusters in the order of their numbers, then others.
    """
    every = dict.fromkeys(name for item in names for name in item.split("+"))
    return "+".join(sorted(every, key=_rank))


def compartment_of(marker: str) -> Compartment | None:
    """Tell where a marker is.

    Parameters
    ----------
    marker : str
        Canonical name.

    Returns
    -------
    Compartment or None
        None for what is in no one place: no marker, a viability dye, scatter, or several
        markers in different places.
    """
    found = {_place_of(name) for name in marker.split("+")}
    return found.pop() if len(found) == 1 else None


def _place_of(name: str) -> Compartment | None:
    _, places = _tables()
    if name in places:
        return places[name]
    if not name or name.startswith(("FSC-", "SSC-")):
        return None
    inside = name.startswith(INSIDE) and bool(_plain(name.removeprefix(INSIDE), NONE))
    return Compartment.CYTOPLASMIC if inside else Compartment.SURFACE


def nearest_markers(text: str, own: Mapping[str, str] = NONE) -> list[str]:
    """Return the known markers whose names look most like a text.

    Parameters
    ----------
    text : str
        A name that is not known.
    own : mapping of str to str
        Further names.

    Returns
    -------
    list of str
        Up to three canonical names, the nearest first; empty if none is near.
    """
    if len(text) > LONGEST_COMPARED:
        return []
    known = {**_every_name(), **own}
    near = close_to(folded(text), list(known), cutoff=NEAR)
    return list(dict.fromkeys(known[name] for name in near))


def folded(name: str) -> str:
    """Return what counts in the name of a marker.

    Parameters
    ----------
    name : str
        Any.

    Returns
    -------
    str
        In lower case, without blanks, hyphens and underscores.
    """
    return name.casefold().translate(_UNCOUNTED)


def _completed(parts: list[str]) -> Iterator[str]:
    """Write out a number that follows a cluster: CD16/56."""
    for part in parts:
        bare = _NUMBER.fullmatch(part) and _CLUSTER.match(parts[0])
        yield f"CD{part}" if bare else part


def _rank(name: str) -> tuple[bool, int, str]:
    match = _CLUSTER.match(name.removeprefix(INSIDE))
    return match is None, int(match["number"]) if match else 0, name.casefold()


def _marker(text: str, own: Mapping[str, str]) -> str:
    """Return the one marker that a text names, or an empty text."""
    bare = _ADDRESSEE.sub("", text)
    if marker := _plain(text, own) or _plain(bare, own):
        return marker
    for word in _BEFORE.get(bare[:1].casefold(), ()):
        rest = bare[len(word) :].strip(" -_.")
        named = bare[: len(word)].casefold() == word and len(rest) >= (3, 1)[len(word) > 1]
        if named and (marker := _placed(_WORDS[word], _plain(rest, own))):
            return marker
    behind = _PLACE_BEHIND.fullmatch(bare)
    if behind and (place := _WORDS.get(behind["place"].casefold())):
        return _placed(place, _plain(behind["marker"], own))
    return ""


def _placed(place: Compartment, marker: str) -> str:
    """Name a marker in a place; of one that is inside anyway, the place says nothing new."""
    usual = _tables()[1].get(marker, Compartment.SURFACE)
    if place is Compartment.NUCLEAR:
        return marker if usual is place else ""
    if not marker or place is Compartment.SURFACE or usual is not Compartment.SURFACE:
        return marker
    return INSIDE + marker


def _plain(text: str, own: Mapping[str, str]) -> str:
    """Return the marker of a name without a place, or an empty text."""
    short = folded(text)
    if found := own.get(short) or _tables()[0].get(short):
        return found
    match = _CLUSTER.fullmatch(text)
    if match is None or not 0 < int(match["number"]) <= LARGEST_CLUSTER:
        return ""
    number, variant = str(int(match["number"])), match["variant"] or ""
    if match["gap"] and variant in {"A", "H", "W"}:  # a pulse rather than a variant
        return ""
    known = _variants().get(number, {"": ""}).get(variant.casefold())
    return "" if known is None else f"CD{number}{known}"


@cache
def _tables() -> tuple[dict[str, str], dict[str, Compartment | None]]:
    """Return markers by folded name, and the places of those that are not on the surface."""
    document = read_toml("markers.toml")
    aliases = {
        folded(text): name
        for name, others in document["markers"].items()
        for text in (name, *others)
    }
    table = document["compartments"]
    places: dict[str, Compartment | None] = dict.fromkeys(table["nowhere"])
    for place in (Compartment.CYTOPLASMIC, Compartment.NUCLEAR):
        places |= dict.fromkeys(table[place.value], place)
    return aliases, places


@cache
def _variants() -> dict[str, dict[str, str]]:
    """Return the letters that may follow a cluster's number, by what they are in lower case."""
    table = read_toml("markers.toml")["variants"]
    return {
        number: {"": ""} | {letters.casefold(): letters for letters in some}
        for number, some in table.items()
    }


@cache
def _every_name() -> dict[str, str]:
    """Return all canonical names by folded spellings."""
    numbered = (
        f"CD{number}{letters}"
        for number in range(1, LARGEST_CLUSTER + 1)
        for letters in _variants().get(str(number), {"": ""}).values()
    )
    return {folded(name): name for name in numbered} | _tables()[0]
