"""Which panel a case was stained with, which tube of it each file is, and what is odd.

Tubes are matched by their markers. What the laboratory calls them and the detectors come in
afterwards: a tube under another's name was swapped, markers on each other's detectors were
mislabelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from flowml.findings import Finding, Severity
from flowml.safety import listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowml.knowledge.shapes import PanelShape, StainedTube, TubeShape

ALIKE = 0.6  # shared markers, of all that either has, from which on a tube is one of the panel
UNMATCHED, MISSING = 0.5, 0.25  # what a foreign and a lost tube take off a panel's score

CODES = {
    "PANEL-UNKNOWN": "no known panel has tubes like those of the case",
    "PANEL-LOST": "a tube of the panel is missing",
    "PANEL-FOREIGN": "a tube belongs to another panel, or to none that is known",
    "PANEL-TWICE": "a tube of the panel is there more than once",
    "PANEL-SWAPPED": "a tube goes by the name of another tube of the panel",
    "PANEL-MISSING": "a tube lacks markers that the panel has in it",
    "PANEL-MORE": "a tube has markers that the panel has not in it",
    "PANEL-RELABELLED": "a marker is on a detector on which the laboratory seldom measures it",
    "PANEL-INSTRUMENT": "a tube has other detectors than usual: another instrument, perhaps",
}


@dataclass(frozen=True)
class Recognition:
    """What a case was recognised as.

    Parameters
    ----------
    panel : str
        Name of the panel; empty where none fits.
    tubes : tuple of str
        For each tube of the case, in order, the tube of the panel that it is; empty where it
        is none.
    findings : tuple of Finding
        What is odd, with a code of `CODES`.
    moved : frozenset of str
        Markers whose labels are doubtful.
    """

    panel: str
    tubes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    moved: frozenset[str] = frozenset()


class NearestTube(NamedTuple):
    """The tube of a known panel that a tube is most like.

    Parameters
    ----------
    panel, tube : str
        Names of the panel and of its tube.
    likeness : float
        Share of markers in common, as `likeness` gives it.
    missing, more : tuple of str
        Markers that the panel's tube has and this one has not, and the reverse.
    """

    panel: str
    tube: str
    likeness: float
    missing: tuple[str, ...]
    more: tuple[str, ...]


def nearest_tube(tube: StainedTube, panels: Iterable[PanelShape]) -> NearestTube | None:
    """Find the tube of a panel that a tube is most like.

    Parameters
    ----------
    tube : StainedTube
        Of any case.
    panels : iterable of PanelShape
        Known ones, or learned ones.

    Returns
    -------
    NearestTube or None
        Of two that are alike the first; None where no tube shares a marker.
    """
    every = [(likeness(tube, shape), panel, shape) for panel in panels for shape in panel.tubes]
    alike, panel, shape = max(every, key=lambda item: item[0], default=(0.0, None, None))
    if panel is None or shape is None or not tube.markers & shape.markers:
        return None
    missing, more = shape.markers - tube.markers, tube.markers - shape.markers
    return NearestTube(
        panel.name, shape.name, alike, tuple(sorted(missing)), tuple(sorted(more))
    )


def recognize(tubes: Sequence[StainedTube], panels: Iterable[PanelShape]) -> Recognition:
    """Recognise the panel of a case.

    Parameters
    ----------
    tubes : sequence of StainedTube
        Of one case.
    panels : iterable of PanelShape
        Known ones, or those that `flowml.knowledge.shapes.learn_panels` found.

    Returns
    -------
    Recognition
        The panel whose tubes fit best; of two that fit alike the first.
    """
    known = list(panels)
    best: tuple[float, PanelShape, list[int]] | None = None
    for panel in known:
        places = _matched(tubes, panel)
        score = _score(tubes, panel, places)
        if max(places, default=-1) >= 0 and (best is None or score > best[0]):
            best = (score, panel, places)
    if best is None:
        return Recognition("", ("",) * len(tubes), _unknown(tubes, known))
    _, panel, places = best
    findings = [
        *_lost(tubes, panel, places),
        *_foreign(tubes, places, panel, known),
        *_twice(tubes, panel, places),
        *_swapped(tubes, panel, places),
    ]
    moved: set[str] = set()
    for tube, place in zip(tubes, places, strict=True):
        if place >= 0:
            findings += _differences(tube, panel.tubes[place])
            on_detectors, doubtful = _on_detectors(tube, panel.tubes[place])
            findings += on_detectors
            moved |= doubtful
    names = tuple(panel.tubes[place].name if place >= 0 else "" for place in places)
    return Recognition(panel.name, names, tuple(findings), frozenset(moved))


def likeness(tube: StainedTube, shape: TubeShape) -> float:
    """Return the share of markers that two tubes have in common, of those that either has.

    Parameters
    ----------
    tube : StainedTube
        Of a case.
    shape : TubeShape
        Of a panel.

    Returns
    -------
    float
        Jaccard's index, 0 to 1; two tubes without a marker are alike.
    """
    either = tube.markers | shape.markers
    return len(tube.markers & shape.markers) / len(either) if either else 1.0


def _matched(tubes: Sequence[StainedTube], panel: PanelShape) -> list[int]:
    """Return the place in the panel of each tube, -1 for none; the most alike go first."""
    pairs = sorted(
        (-likeness(tube, shape), not _goes_by(tube, shape), number, place)
        for number, tube in enumerate(tubes)
        for place, shape in enumerate(panel.tubes)
    )
    places = [-1] * len(tubes)
    for taken_once in (True, False):  # a second tube of a kind comes after all others
        for unlike, _, number, place in pairs:
            free = not taken_once or place not in places
            if -unlike >= ALIKE and places[number] < 0 and free:
                places[number] = place
    return places


def _goes_by(tube: StainedTube, shape: TubeShape) -> bool:
    return bool(tube.label) and tube.label in shape.labels


def _score(tubes: Sequence[StainedTube], panel: PanelShape, places: Sequence[int]) -> float:
    alike = sum(
        likeness(tube, panel.tubes[place])
        for tube, place in zip(tubes, places, strict=True)
        if place >= 0
    )
    n_missing = len(set(range(len(panel.tubes))) - set(places))
    return alike - UNMATCHED * places.count(-1) - MISSING * n_missing


def _unknown(tubes: Sequence[StainedTube], known: Sequence[PanelShape]) -> tuple[Finding, ...]:
    if not tubes:
        return ()
    nearest = _nearest(tubes[0], known)
    text = f"no known panel has a tube like {_named(tubes[0])}{nearest}"
    shown = any(panel.is_learned for panel in known)  # one of others: worse than a lost tube
    severity = Severity.REVIEW if shown else Severity.WARN
    return (Finding("PANEL-UNKNOWN", text, severity),)


def _nearest(tube: StainedTube, known: Sequence[PanelShape]) -> str:
    """Say which tube of which panel is most like one."""
    near = nearest_tube(tube, known)
    if near is None:
        return ""
    both = len(tube.markers) - len(near.more)
    return (
        f"; nearest is tube {printable(near.tube, 60)} of {printable(near.panel, 60)}, with "
        f"{both} of its {both + len(near.missing)} markers"
    )


def _lost(
    tubes: Sequence[StainedTube], panel: PanelShape, places: Sequence[int]
) -> list[Finding]:
    measured = {marker for tube in tubes for marker in tube.markers}
    found = []
    for place, shape in enumerate(panel.tubes):
        if place not in places:
            text = (
                f"tube {printable(shape.name, 60)} of {printable(panel.name, 60)} is missing, "
                f"and with it {_listed(shape.markers - measured) or 'no marker of its own'}"
            )
            found.append(Finding("PANEL-LOST", text, Severity.REVIEW))
    return found


def _foreign(
    tubes: Sequence[StainedTube],
    places: Sequence[int],
    panel: PanelShape,
    known: Sequence[PanelShape],
) -> list[Finding]:
    found = []
    for tube, place in zip(tubes, places, strict=True):
        if place < 0:
            text = (
                f"{_named(tube)} is no tube of {printable(panel.name, 60)}"
                f"{_nearest(tube, known)}"
            )
            found.append(Finding("PANEL-FOREIGN", text, Severity.REVIEW))
    return found


def _twice(
    tubes: Sequence[StainedTube], panel: PanelShape, places: Sequence[int]
) -> list[Finding]:
    found = []
    for place, shape in enumerate(panel.tubes):
        same = [tube for tube, own in zip(tubes, places, strict=True) if own == place]
        if len(same) > 1:
            text = (
                f"tube {printable(shape.name, 60)} of {printable(panel.name, 60)} is there "
                f"{len(same)} times: {', '.join(map(_named, same))}"
            )
            found.append(Finding("PANEL-TWICE", text, Severity.REVIEW))
    return found


def _swapped(
    tubes: Sequence[StainedTube], panel: PanelShape, places: Sequence[int]
) -> list[Finding]:
    """Find tubes that go by the name of another tube, whose markers they have not."""
    found = []
    for tube, place in zip(tubes, places, strict=True):
        if place < 0 or _goes_by(tube, panel.tubes[place]):
            continue
        others = [shape for shape in panel.tubes if _goes_by(tube, shape)]
        if others:
            text = (
                f"{_named(tube)} goes by the name of tube {printable(others[0].name, 60)}, but "
                f"has the markers of tube {printable(panel.tubes[place].name, 60)}"
            )
            found.append(Finding("PANEL-SWAPPED", text, Severity.REVIEW))
    return found


def _differences(tube: StainedTube, shape: TubeShape) -> list[Finding]:
    """Find markers that are missing, too many, or on another detector."""
    found = []
    if missing := shape.markers - tube.markers:
        blank = f"; without a marker: {_listed(tube.unlabelled)}" if tube.unlabelled else ""
        text = f"{_named(tube)} lacks {_listed(missing)} of tube {printable(shape.name, 60)}"
        found.append(Finding("PANEL-MISSING", text + blank, Severity.REVIEW))
    if more := tube.markers - shape.markers:
        text = f"{_named(tube)} has {_listed(more)} beside tube {printable(shape.name, 60)}"
        found.append(Finding("PANEL-MORE", text, Severity.INFO))
    return found


def _on_detectors(tube: StainedTube, shape: TubeShape) -> tuple[list[Finding], set[str]]:
    """Find markers that are not on their detectors, and tell labels from instruments.

    Exchanged labels put a few markers on detectors of the same instrument; on another
    instrument nearly all detectors have other names.
    """
    known = {marker for marker in tube.stains if shape.detectors.get(marker)}
    odd = {m for m in known if tube.stains[m] not in shape.detectors[m]}
    if not odd:
        return [], set()
    usual = frozenset().union(*shape.detectors.values())
    if 2 * len(odd) > len(known) and not {tube.stains[marker] for marker in odd} & usual:
        text = f"{_named(tube)} was measured on other detectors than usual: another instrument?"
        return [Finding("PANEL-INSTRUMENT", text, Severity.INFO)], set()
    moved = [
        f"{printable(marker, 60)} on {printable(tube.stains[marker], 60)} "
        f"(usually {_listed(shape.detectors[marker])})"
        for marker in sorted(odd)
    ]
    text = (
        f"in {_named(tube)} markers are on unusual detectors, or their labels were exchanged: "
        f"{'; '.join(moved)}"
    )
    return [Finding("PANEL-RELABELLED", text, Severity.REVIEW)], odd


def _named(tube: StainedTube) -> str:
    return printable(tube.name, 80)


def _listed(names: Iterable[str]) -> str:
    return listed(printable(name, 60) for name in sorted(names))
