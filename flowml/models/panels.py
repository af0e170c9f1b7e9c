"""The panels that a model was trained on, and what differs in the panel of a new case.

A model carries the shapes of its training panels. So a lost, swapped, foreign or mislabelled
tube is found in one case alone, whoever else is in the folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowml.archive.plain import is_texts
from flowml.errors import PanelError
from flowml.findings import Finding, Severity
from flowml.knowledge.recognition import Recognition, recognize
from flowml.knowledge.shape_values import shapes_from_list, shapes_to_list
from flowml.knowledge.shapes import known_shapes, learn_panels, one_name
from flowml.safety import listed, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.features import CaseFeatures

UNKNOWN = Recognition("", ())


def panel_record(cases: Sequence[CaseFeatures]) -> dict[str, Any]:
    """Record of training cases what they were stained with.

    Parameters
    ----------
    cases : sequence of CaseFeatures
        With the tubes that were read.

    Returns
    -------
    dict
        Plain values for the bundle: ``panels`` (shapes) and ``dyes`` (the fluorochromes of
        each marker); empty where the cases do not tell.
    """
    stained = [case.stained for case in cases]
    if not any(stained):
        return {}
    dyes: dict[str, set[str]] = {}
    for tube in (tube for tubes in stained for tube in tubes):
        for marker, dye in tube.dyes.items():
            dyes.setdefault(marker, set()).add(dye)
    return {
        "panels": shapes_to_list(learn_panels(stained, known_shapes())),
        "dyes": {marker: sorted(names) for marker, names in sorted(dyes.items())},
    }


def is_panel_record(training: Mapping[str, Any]) -> bool:
    """Tell what `panel_record` returns from anything else that a bundle may hold.

    Parameters
    ----------
    training : mapping
        The training summary; it may hold nothing of panels.

    Returns
    -------
    bool
        Whether it is sound.
    """
    try:
        shapes_from_list(training.get("panels", []))
        dyes = training.get("dyes", {}).items()
    except (PanelError, AttributeError):
        return False
    return all(is_texts(names) for _, names in dyes)


class TrainingPanels:
    """The panels of the training cases, made once and asked about every case.

    Parameters
    ----------
    training : mapping
        As `panel_record` adds to it.
    markers : sequence of str
        Those that the model uses.
    """

    def __init__(self, training: Mapping[str, Any], markers: Sequence[str]) -> None:
        self._shapes = shapes_from_list(training.get("panels", []))
        used = {one_name(marker) for marker in markers}
        self._dyes = {
            marker: frozenset(names)
            for marker, names in training.get("dyes", {}).items()
            if marker in used
        }
        tubes = [tube for panel in self._shapes for tube in panel.tubes]
        self._detectors = {
            marker: frozenset().union(*(t.detectors.get(marker, ()) for t in tubes))
            for marker in used
        }
        self._known = frozenset().union(*(n for t in tubes for n in t.detectors.values()))

    def recognized(self, case: CaseFeatures) -> Recognition:
        """Recognise the panel of a case among those of training.

        Parameters
        ----------
        case : CaseFeatures
            With the tubes that were read.

        Returns
        -------
        Recognition
            Without a name where the panels, or the stains of the case, are not known.
        """
        tubes = case.stained
        return recognize(tubes, self._shapes) if tubes and self._shapes else UNKNOWN

    def other_dyes(self, case: CaseFeatures) -> tuple[Finding, ...]:
        """Find markers of the model on fluorochromes that no training case had.

        Where a fluorochrome is not known, a marker counts as moved if its detector measured
        other markers in training, and never this one.

        Parameters
        ----------
        case : CaseFeatures
            With the tubes that were read.

        Returns
        -------
        tuple of Finding
            One for all of them, or none.
        """
        moved: dict[str, None] = {}
        for tube in case.stained:
            for marker, detector in tube.stains.items():
                now, before = tube.dyes.get(marker, ""), self._dyes.get(marker, frozenset())
                if not (now and before):  # then by the detector, where training knows it
                    now, before = detector, self._detectors.get(marker, frozenset())
                    before = before if detector in self._known else frozenset()
                if before and now not in before:
                    text = f"{marker} on {now} (in training {', '.join(sorted(before))})"
                    moved[printable(text, 200)] = None
        if not moved:
            return ()
        message = f"another fluorochrome shows a marker brighter or dimmer: {listed(moved)}"
        return (Finding("MODEL-FLUOROCHROME", message, Severity.REVIEW),)
