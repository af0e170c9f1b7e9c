"""Panels and views: which tubes a laboratory stains, and how it looks at them.

A panel is a TOML file of its own: flowml's in the folder ``panels``, a laboratory's anywhere::

    format = 1
    name = "cll-9f"
    title = "CLL-9F, mature lymphocytes, 9 colors"
    cytometers = ["navios", "cytoflex"]     # the first is the default
    entities = ["normal", "reactive", "CLL", "MCL"]
    source = "..."
    [scored_as]                             # optional: entities that look like another one
    MGUS = "MM"
    [[tube]]
    name = "1"
    title = "B cells 1"
    [tube.stains]                           # dye = marker, in the order of the channels
    FITC = "FMC7"
    PacBlue = { marker = "CD20+CD4", brightness = [0.1, -0.2] }  # decades added to the dye's
    [tube.autofluorescence]                 # optional: reference units, for dyes of this tube
    PacBlue = 150.0
    [tube.noise]                            # optional: beside the cytometer's, reference units
    PacBlue = 40.0
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flowml.errors import FlowmlError, LabelError
from flowml.knowledge.antigens import joined
from flowml.knowledge.documents import listed, one_of, open_document
from flowml.knowledge.entries import Entry, KnowledgeError
from flowml.knowledge.files import HOME
from flowml.knowledge.fluorochromes import MOST_DECADES, Fluorochrome, load_fluorochromes
from flowml.knowledge.hardware import (
    Panel,
    PanelTube,
    Stain,
    known_cytometers,
    load_cytometer,
    typical_spillover,
    undetected,
)
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.markers import name_channel
from flowml.safety import nearest, printable

PANELS_FOLDER = "panels"
VIEWS_FILE = "views.toml"
ENDING = ".toml"
ALL_EVENTS = ""  # the gate of a view that shows everything
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,39}")  # names files, stands in tables


@dataclass(frozen=True, slots=True)
class View:
    """Two markers against each other.

    Parameters
    ----------
    name : str
        ``CD19 x CD5``.
    x, y : str
        Canonical markers, or ``FSC-A``, ``FSC-H``, ``SSC-A``.
    gate : str
        Population that is shown; empty for all events.
    """

    name: str
    x: str
    y: str
    gate: str


def known_panels() -> list[str]:
    """List flowml's own panels.

    Returns
    -------
    list of str
        Names, sorted.
    """
    return sorted(file.stem for file in (HOME / PANELS_FOLDER).glob(f"*{ENDING}"))


def load_panel(name: str | Path) -> Panel:
    """Return a panel.

    Parameters
    ----------
    name : str or path-like
        One of `known_panels`, or a laboratory's own TOML file.

    Returns
    -------
    Panel
        flowml's own are read once, a laboratory's each time.

    Raises
    ------
    KnowledgeError
        If an entry of the file cannot be used; the message names it.
    FlowmlError
        If there is no such panel, or the file cannot be read.

    Examples
    --------
    >>> load_panel("cll-9f").tubes[0].markers[:3]
    ('FMC7', 'CD10', 'IgM')
    """
    text = os.fspath(name)
    if text in known_panels():
        return _own_panel(text)
    if text.lower().endswith(ENDING) or Path(text).name != text:
        return read_panel(text)
    raise FlowmlError(
        f"unknown panel {printable(text, 60)!r}; nearest: "
        f"{printable(nearest(text, known_panels()))}. A panel of your own is given as the path "
        f"of its {ENDING} file."
    )


@cache
def _own_panel(name: str) -> Panel:
    return read_panel(HOME / PANELS_FOLDER / f"{name}{ENDING}")


def read_panel(path: Path | str) -> Panel:
    """Read a panel, and check every entry.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Panel
        Every tube of it fits on each of its cytometers.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used; the message names it.
    FlowmlError
        If the file cannot be read.
    """
    document = open_document(
        path, ("name", "title", "cytometers", "entities", "source", "scored_as", "tube")
    )
    document.text("source")
    cytometers = listed(document, "cytometers", dict.fromkeys(known_cytometers()))
    entities = _entities(document)
    tubes = tuple(_tube(entry, cytometers) for entry in document.tables("tube"))
    if not tubes:
        raise document.error("a panel needs at least one [[tube]]")
    return Panel(
        name=_plain(document),
        title=document.text("title"),
        cytometers=cytometers,
        entities=entities,
        scored_as=_scored_as(document.table("scored_as", default={}), entities),
        tubes=tubes,
    )


def _entities(document: Entry) -> tuple[str, ...]:
    tree = load_label_tree()
    value = document.get("entities")
    for name in value if isinstance(value, list) else ():
        try:
            canonical = tree.canonical(str(name))
        except LabelError as error:
            raise KnowledgeError(f"{document.where}: {error}") from error
        if canonical != name:
            raise document.error(
                f"the entity {printable(name, 60)!r} is called {canonical!r} in the label tree"
            )
    return listed(document, "entities", dict.fromkeys(value if isinstance(value, list) else ()))


def _scored_as(entry: Entry, entities: tuple[str, ...]) -> dict[str, str]:
    """Return which entity stands for which; it must stand for itself."""
    known = dict.fromkeys(entities)
    found = {name: one_of(entry, name, known) for name in entry.keys(known)}
    for name, other in found.items():
        if other in found:
            raise entry.error(f"{name} is scored as {other}, which is scored as {found[other]}")
    return found


def _tube(entry: Entry, cytometers: tuple[str, ...]) -> PanelTube:
    entry.keys(("name", "title", "stains", "autofluorescence", "noise"))
    table = entry.table("stains")
    dyes = table.keys(load_fluorochromes()[1])
    shine, noise = (entry.table(key, default={}) for key in ("autofluorescence", "noise"))
    for own in (shine, noise):
        own.keys(dyes)
    stains = tuple(_stain(table, dye, shine, noise) for dye in dyes)
    if not stains:
        raise table.error("a tube needs at least one dye = marker")
    tube = PanelTube(_plain(entry), entry.text("title"), stains)
    _refuse_unfit(entry, tube, cytometers)
    return tube


def _plain(entry: Entry) -> str:
    """Return a name that files can be called by."""
    name = entry.text("name")
    if PLAIN_NAME.fullmatch(name) is None:
        raise entry.error(
            f"'name' is {printable(name, 60)!r}, expected up to 40 letters, digits, blanks and "
            ". _ + -, a letter or digit first: files are called by it"
        )
    return name


def _refuse_unfit(entry: Entry, tube: PanelTube, cytometers: tuple[str, ...]) -> None:
    """Refuse a tube in which two things are one, or that an instrument cannot measure."""
    double = {marker for marker in tube.markers if tube.markers.count(marker) > 1}
    if double:
        raise entry.error(f"{', '.join(sorted(double))} is stained twice")
    try:
        typical_spillover(tube.stains)
    except FlowmlError as error:
        raise KnowledgeError(f"{entry.where}: {error}") from error
    for name in cytometers:
        if (dye := undetected(tube.stains, load_cytometer(name))) is not None:
            raise entry.error(
                f"{dye.name} is measured at {dye.position}, where the cytometer {name!r} has "
                "no detector"
            )


def _stain(table: Entry, dye: str, shine: Entry, noise: Entry) -> Stain:
    positions, fluorochromes = load_fluorochromes()
    fluorochrome = fluorochromes[dye]
    position = positions[fluorochrome.position]
    text, added = _marker(table, dye)
    markers = _canonical(table, dye, text)
    return Stain(
        fluorochrome=fluorochrome,
        markers=markers,
        brightness=_brightness(table, dye, fluorochrome, len(markers), added),
        autofluorescence=shine.number(dye, 0.0, 10_000.0, default=position.autofluorescence),
        photon=position.photon,
        noise=noise.number(dye, 0.0, 10_000.0, default=0.0),
    )


def _marker(table: Entry, dye: str) -> tuple[str, object]:
    """Return the text of a stain's markers, and the decades that it adds."""
    if not isinstance(table.get(dye), dict):
        return table.text(dye), 0.0
    own = table.table(dye)
    fields = own.keys(("marker", "brightness"))
    return own.text("marker"), own.get("brightness") if "brightness" in fields else 0.0


def _canonical(table: Entry, dye: str, text: str) -> tuple[str, ...]:
    """Return the markers, each by the name it has when the channel is read back."""
    found = name_channel("", text)
    if not found.known or found.marker != joined(text.split("+")):
        raise table.error(
            f"{dye!r} stains {printable(text, 60)!r}, expected canonical markers joined by "
            f"plus signs; nearest: {printable(found.marker, 60)!r}"
        )
    return tuple(text.split("+"))


def _brightness(
    table: Entry, dye: str, fluorochrome: Fluorochrome, n_markers: int, added: object
) -> tuple[float, ...]:
    """Add up the dye's brightness and that of each of its conjugates."""
    several = added if isinstance(added, list) else [added] * n_markers
    if len(several) != n_markers:
        raise table.error(
            f"{dye!r} has {n_markers} markers and {len(several)} numbers of brightness"
        )
    each = [
        Entry({dye: item}, f"{table.where}, brightness").number(
            dye, -MOST_DECADES, MOST_DECADES
        )
        for item in several
    ]
    return tuple(fluorochrome.brightness + item for item in each)


@cache
def load_views() -> tuple[View, ...]:
    """Return the views that laboratories look at, in the order of the file."""
    return read_views(HOME / VIEWS_FILE)


def read_views(path: Path | str) -> tuple[View, ...]:
    """Read views, and check every entry.

    Parameters
    ----------
    path : path-like
        A file like ``views.toml``.

    Returns
    -------
    tuple of View
        In the order of the file.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used; the message names it.
    FlowmlError
        If the file cannot be read.
    """
    return tuple(map(_view, open_document(path, ("view",)).tables("view")))


def _view(entry: Entry) -> View:
    fields: Mapping[str, str] = {key: entry.text(key) for key in ("name", "x", "y", "source")}
    entry.keys(("gate", *fields))
    for axis in ("x", "y"):
        meaning = name_channel(fields[axis], "")
        if not meaning.known or meaning.marker != fields[axis]:
            raise entry.error(
                f"{axis!r} is {printable(fields[axis], 60)!r}, expected a canonical marker"
            )
    if fields["x"] == fields["y"]:
        raise entry.error("'x' and 'y' are the same")
    gate = entry.get("gate")
    if not isinstance(gate, str):
        raise entry.error(f"'gate' is {printable(repr(gate), 60)}, expected a text")
    return View(fields["name"], fields["x"], fields["y"], gate)
