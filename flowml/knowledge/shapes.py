"""Shapes of panels: which markers a tube measures, and on which detectors.

A shape is known from a panel's file, or learned from the cases of a laboratory: what most of
them show is the panel, what few of them show is an accident.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from string import ascii_uppercase
from typing import TYPE_CHECKING

from flowml.knowledge.panels import known_panels, load_panel

if TYPE_CHECKING:
    from pathlib import Path

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
Kind = tuple[str, ...]  # markers of a tube, sorted
Kinds = tuple[Kind, ...]  # tubes of a case, sorted; the same one may stand twice


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
    dyes : mapping of str to str
        Marker to its fluorochrome, where that is known: the one beside the marker in the
        label, else that after which the detector is named.
    """

    name: str
    label: str
    stains: Mapping[str, str]
    unlabelled: tuple[str, ...] = ()
    dyes: Mapping[str, str] = field(default_factory=dict)

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
    is_learned : bool
        Whether the laboratory's own cases show it.
    """

    name: str
    tubes: tuple[TubeShape, ...]
    is_learned: bool = False


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


def shape_of(panel: Panel, *, of_laboratory: bool = False) -> PanelShape:
    """Return the shape of a panel whose file is known.

    Parameters
    ----------
    panel : Panel
        flowml's own, or a laboratory's.
    of_laboratory : bool
        Whether the laboratory calls its tubes as the file does; what flowml calls them means
        nothing elsewhere.

    Returns
    -------
    PanelShape
        Without detectors, as these belong to the cytometer.
    """
    tubes = tuple(
        TubeShape(
            tube.name,
            {one_name(stain.label): frozenset() for stain in tube.stains},
            frozenset({tube.name.casefold()} if of_laboratory else ()),
        )
        for tube in panel.tubes
    )
    return PanelShape(panel.name, tubes)


def known_shapes(files: Iterable[Path | str] = ()) -> list[PanelShape]:
    """Return the shapes of the panels that are known.

    Parameters
    ----------
    files : iterable of path-like
        The laboratory's own panels; they go before those of flowml.

    Returns
    -------
    list of PanelShape
        In the order of the files, then of the names.

    Raises
    ------
    FlowmlError
        If a file cannot be used.
    """
    own = [shape_of(load_panel(name), of_laboratory=True) for name in files]
    return [*own, *(shape_of(load_panel(name)) for name in known_panels())]


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
    for end in (stem.removeprefix(short), stem.removesuffix(short)):
        left = end.strip(SEPARATORS)
        if len(end) < len(stem) and (not end or end != left):  # parted from the id by a sign
            return left
    return stem.strip(SEPARATORS)


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
        cases have, the most frequent first. Tubes of a more frequent panel without some of
        its tubes or markers are taken for accidents, unless they are frequent themselves.
    """
    of_kind: dict[Kinds, list[Sequence[StainedTube]]] = defaultdict(list)
    for tubes in filter(None, cases):
        of_kind[tuple(sorted(tuple(sorted(tube.markers)) for tube in tubes))].append(tubes)
    n_cases = sum(map(len, of_kind.values()))
    enough = max(LEAST_CASES, PANEL_SHARE * n_cases)
    whole: list[Kinds] = []
    for kinds in sorted(of_kind, key=lambda kinds: (-len(of_kind[kinds]), kinds)):
        often = len(of_kind[kinds])
        parts = [
            other
            for other in whole
            if often < SUBSET_SHARE * len(of_kind[other]) and _is_part(kinds, other)
        ]
        if often >= enough and not parts:
            whole.append(kinds)
    every: dict[Kind, list[StainedTube]] = defaultdict(list)
    for tube in (tube for tubes in cases for tube in tubes):
        every[tuple(sorted(tube.markers))].append(tube)
    models, letters = tuple(known), iter(ascii_uppercase)
    return tuple(_named(kinds, of_kind[kinds], every, models, letters) for kinds in whole)


def _is_part(kinds: Kinds, other: Kinds) -> bool:
    """Tell whether these are tubes of the other panel, some lost or without some markers."""
    free = [set(kind) for kind in other]
    for kind in sorted(kinds, key=len, reverse=True):
        holding = [markers for markers in free if markers >= set(kind)]
        if not holding:
            return False
        free.remove(min(holding, key=len))
    return True


def _named(
    kinds: Kinds,
    cases: Sequence[Sequence[StainedTube]],
    every: Mapping[Kind, Sequence[StainedTube]],
    known: Sequence[PanelShape],
    letters: Iterator[str],
) -> PanelShape:
    """Make a shape of a combination of tubes, under a known panel's name if it is one."""
    model = next(
        (panel for panel in known
         if sorted(tuple(sorted(tube.markers)) for tube in panel.tubes) == list(kinds)), None
    )  # fmt: skip
    theirs = list(model.tubes) if model else []
    shapes: list[TubeShape] = []
    for kind in kinds:
        like = next((tube for tube in theirs if tube.markers == set(kind)), None)
        if like:
            theirs.remove(like)
        own = [tube for tubes in cases for tube in tubes if tube.markers == set(kind)]
        shapes.append(_learned(kind, own, every[kind], like, {shape.name for shape in shapes}))
    name = model.name if model else f"panel {next(letters, 'of many')}"
    in_order = sorted(shapes, key=lambda shape: shape.name)
    return PanelShape(name, tuple(in_order), is_learned=True)


def _learned(
    kind: Kind,
    own: Sequence[StainedTube],
    every: Sequence[StainedTube],
    like: TubeShape | None,
    taken: Collection[str],
) -> TubeShape:
    """Learn what a panel's tube is called, and of all tubes of its kind the detectors."""
    labels = _usual(tube.label for tube in own if tube.label) if len(own) >= LEAST_TUBES else ()
    names = [like.name] if like else [*sorted(labels)] if len(labels) == 1 else []
    numbers = (str(number) for number in count(1))
    name = next(name for name in chain(names, numbers) if name not in taken)
    detectors = {
        marker: _usual(tube.stains[marker] for tube in every)
        if len(every) >= LEAST_TUBES
        else frozenset()
        for marker in kind
    }
    return TubeShape(
        name, detectors, frozenset(labels) | (like.labels if like else frozenset())
    )


def _usual(values: Iterable[str]) -> frozenset[str]:
    """Return the values that are frequent enough not to be accidents."""
    often = Counter(values)
    enough = max(2.0, DETECTOR_SHARE * sum(often.values()))
    return frozenset(value for value, count in often.items() if count >= enough)
