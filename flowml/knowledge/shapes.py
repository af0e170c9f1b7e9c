"""Shapes of panels: which markers a tube measures, and on which detectors.

A shape is known from a panel's file, or learned from the cases of a laboratory: what most of
them show is the panel, what few of them show is an accident.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowml.knowledge.hardware import Panel

LEAST_CASES = 3  # that show a combination of tubes before it counts as a panel
PANEL_SHARE = 0.05  # of the cases; fewer show an accident, not a panel
SUBSET_SHARE = (
    0.25  # of the cases of a whole panel; as many with fewer tubes are one of their own
)
DETECTOR_SHARE = 0.1  # of the tubes of a kind; fewer show a wrong label
LEAST_TUBES = 5  # of a kind before its detectors and names are told from them
SEPARATORS = " _-.:/\\#()"

Markers = frozenset[str]


@dataclass(frozen=True)
class StainedTube:
    """A tube as its file describes it.

    Parameters
    ----------
    name : str
        As results call the file.
    label : str
        What the laboratory calls this tube of its panel; empty where it is not known.
    stains : mapping of str to str
        Marker to the detector that measures it; ``CD20+CD4`` is one marker.
    unlabelled : tuple of str
        Detectors of fluorescence without a marker.
    """

    name: str
    label: str
    stains: Mapping[str, str]
    unlabelled: tuple[str, ...] = ()

    @property
    def markers(self) -> Markers:
        """What it measures."""
        return frozenset(self.stains)


@dataclass(frozen=True)
class TubeShape:
    """One tube of a panel.

    Parameters
    ----------
    name : str
        As the panel, or the laboratory, calls it.
    detectors : mapping of str to frozenset of str
        Marker to the detectors on which it is measured; an empty set where they are not known.
    labels : frozenset of str
        What the laboratory calls this tube, in lower case; empty where it is not known.
    """

    name: str
    detectors: Mapping[str, frozenset[str]]
    labels: frozenset[str] = field(default_factory=frozenset)

    @property
    def markers(self) -> Markers:
        """What it measures."""
        return frozenset(self.detectors)


@dataclass(frozen=True)
class PanelShape:
    """A panel: which tubes a case has.

    Parameters
    ----------
    name : str
        As the panel's file calls it, or ``panel A`` and so on for a learned one.
    tubes : tuple of TubeShape
        All that a whole case has.
    """

    name: str
    tubes: tuple[TubeShape, ...]


def one_name(marker: str) -> str:
    """Return the one name of a composite marker, whatever the order of its parts.

    Parameters
    ----------
    marker : str
        ``CD8+lambda`` or ``lambda+CD8``; others stay as they are.

    Returns
    -------
    str
        Parts in alphabetical order.

    Examples
    --------
    >>> one_name("lambda+CD8")
    'CD8+lambda'
    """
    return "+".join(sorted(marker.split("+")))


def shape_of(panel: Panel) -> PanelShape:
    """Return the shape of a panel whose file is known.

    Parameters
    ----------
    panel : Panel
        flowml's own, or a laboratory's.

    Returns
    -------
    PanelShape
        Without detectors, as these belong to the cytometer.
    """
    tubes = tuple(
        TubeShape(
            tube.name,
            {one_name(stain.label): frozenset() for stain in tube.stains},
            frozenset({tube.name.casefold()}),
        )
        for tube in panel.tubes
    )
    return PanelShape(panel.name, tubes)


def tube_label(case_id: str, name: str, given: str = "") -> str:
    """Tell what a laboratory calls a tube, from the manifest or from the name of its file.

    Parameters
    ----------
    case_id : str
        The case.
    name : str
        Path of the file, relative to the folder given.
    given : str
        What the manifest says; it goes before.

    Returns
    -------
    str
        In lower case: ``b1`` of ``A17/A17_B1.fcs``. Empty if nothing is left of the name
        without the case.

    Examples
    --------
    >>> tube_label("A17", "A17/A17_B1.fcs")
    'b1'
    """
    if given.strip():
        return given.strip().casefold()
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0].casefold()
    short = case_id.replace("\\", "/").rpartition("/")[2].casefold()
    return stem.replace(short, "").strip(SEPARATORS) if short else stem.strip(SEPARATORS)


def learn_panels(
    cases: Sequence[Sequence[StainedTube]], known: Iterable[PanelShape] = ()
) -> tuple[PanelShape, ...]:
    """Learn the panels of a laboratory from its cases.

    Parameters
    ----------
    cases : sequence of sequence of StainedTube
        The tubes of each case.
    known : iterable of PanelShape
        Panels whose names a learned one takes over where its tubes have the same markers.

    Returns
    -------
    tuple of PanelShape
        Combinations of tubes that at least `LEAST_CASES` and a share of `PANEL_SHARE` of the
        cases have, the most frequent first. A part of the tubes of a more frequent panel is
        taken for cases with a lost tube, unless it is frequent itself.
    """
    often = Counter(
        tuple(sorted(Counter(tube.markers for tube in tubes).items(), key=_by_markers))
        for tubes in cases
        if tubes
    )
    enough = max(LEAST_CASES, PANEL_SHARE * sum(often.values()))
    whole: list[tuple[Counter[Markers], int]] = []
    for signature, count in sorted(often.items(), key=lambda item: (-item[1], str(item[0]))):
        tubes = Counter(dict(signature))
        parts = [n for other, n in whole if tubes < other and count < SUBSET_SHARE * n]
        if count >= enough and not parts:
            whole.append((tubes, count))
    by_markers: dict[Markers, list[StainedTube]] = defaultdict(list)
    for tube in (tube for tubes in cases for tube in tubes):
        by_markers[tube.markers].append(tube)
    letters = iter(ascii_uppercase)
    return tuple(_named(tubes, by_markers, known, letters) for tubes, _ in whole)


def _by_markers(item: tuple[Markers, int]) -> list[str]:
    return sorted(item[0])


def _named(
    tubes: Counter[Markers],
    by_markers: Mapping[Markers, Sequence[StainedTube]],
    known: Iterable[PanelShape],
    letters: Iterable[str],
) -> PanelShape:
    """Make a shape of a combination of tubes, under a known panel's name if it is one."""
    kinds = sorted(tubes, key=sorted)
    model = next(
        (panel for panel in known if Counter(t.markers for t in panel.tubes) == tubes), None
    )
    names = {tube.markers: tube.name for tube in model.tubes} if model else {}
    shapes = [_learned(kind, by_markers[kind], names.get(kind, "")) for kind in kinds]
    if not model:
        shapes = [
            shape if shape.name else TubeShape(str(n), shape.detectors, shape.labels)
            for n, shape in enumerate(shapes, start=1)
        ]
    name = model.name if model else f"panel {next(iter(letters), 'of many')}"
    return PanelShape(name, tuple(sorted(shapes, key=lambda shape: shape.name)))


def _learned(kind: Markers, tubes: Sequence[StainedTube], name: str) -> TubeShape:
    """Learn the detectors of a tube and what the laboratory calls it."""
    if len(tubes) < LEAST_TUBES:
        return TubeShape(name, dict.fromkeys(sorted(kind), frozenset()))
    detectors = {
        marker: _usual(tube.stains[marker] for tube in tubes) for marker in sorted(kind)
    }
    labels = _usual(tube.label for tube in tubes if tube.label)
    return TubeShape(name or (min(labels) if len(labels) == 1 else ""), detectors, labels)


def _usual(values: Iterable[str]) -> frozenset[str]:
    """Return the values that are frequent enough not to be accidents."""
    often = Counter(values)
    enough = max(2.0, DETECTOR_SHARE * sum(often.values()))
    return frozenset(value for value, count in often.items() if count >= enough)
