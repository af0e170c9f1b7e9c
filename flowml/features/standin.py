"""Which marker of a case stands in for one that the case has not measured.

Decided for a case as a whole, before its first tube is counted: a marker that any tube measures
has no stand-in in the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowml.cases import at_hand, sample_of
from flowml.errors import FlowmlError
from flowml.features.panel import competes, marker_columns, markers_of
from flowml.findings import Finding, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from flowml.quality import Preparation
    from flowml.records import Case, Sample

CODE = "PANEL-STAND-IN"
Pair = tuple[str, str]  # a marker, and what may stand in for it


@dataclass(frozen=True)
class Substitution:
    """By what names the channels of a case's tubes are counted.

    Parameters
    ----------
    stand_ins : mapping of str to str
        Marker that the case has not measured, to what stands in for it.
    hidden : tuple of str
        Markers that are taken as not measured, to try out what stands in for them.
    """

    stand_ins: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()

    def columns(self, sample: Sample) -> tuple[dict[str, int], tuple[Finding, ...]]:
        """Choose the one channel that stands for each marker.

        Parameters
        ----------
        sample : Sample
            A tube.

        Returns
        -------
        columns : dict of str to int
            As of `marker_columns`. A stand-in counts under both names; where the two compete
            for one name, as FSC-A and FSC-H do, under that of the marker only.
        findings : tuple of Finding
            As of `marker_columns`.
        """
        own, findings = marker_columns(sample, self.hidden)
        columns = dict(own)
        for marker, stand_in in self.stand_ins.items():
            if stand_in in own:
                columns[marker] = own[stand_in]
                if competes(sample.channels[own[stand_in]], marker):
                    columns.pop(stand_in, None)
        return columns, findings


AS_MEASURED = Substitution()


def choose_stand_ins(
    case: Case, pairs: Sequence[Pair], how: Preparation, hidden: Sequence[str] = ()
) -> Substitution:
    """Find what stands in for the markers that a case has not measured.

    Parameters
    ----------
    case : Case
        Of its files the keywords are read, if there is a stand-in to choose.
    pairs : sequence of (str, str)
        Markers and their stand-ins; of several for one marker the first that is there is taken.
    how : Preparation
        How the events of its tubes are made ready.
    hidden : sequence of str
        Markers that are taken as not measured.

    Returns
    -------
    Substitution
        Without stand-ins if a tube cannot be read: counting it will say why.
    """
    kept_back = tuple(hidden)
    if not pairs:
        return Substitution(hidden=kept_back)
    measured, usable = set[str](), set[str]()
    try:
        for tube in case.tubes:
            with at_hand(tube) as near:
                sample = sample_of(near, how.marker_names)
            measured |= markers_of(sample) - set(kept_back)
            usable |= set(marker_columns(sample, kept_back)[0])
    except FlowmlError:
        return Substitution(hidden=kept_back)
    chosen: dict[str, str] = {}
    for marker, stand_in in pairs:
        if marker not in measured and stand_in in usable:
            chosen.setdefault(marker, stand_in)
    return Substitution(chosen, kept_back)


def markers_of_case(case: Case, how: Preparation) -> frozenset[str]:
    """Name all markers that a case has a channel of.

    Parameters
    ----------
    case : Case
        Of its files the keywords are read.
    how : Preparation
        How the events of its tubes are made ready.

    Returns
    -------
    frozenset of str
        Also those in whose place another measurement of the pulse is counted; nothing of tubes
        that cannot be read.
    """
    found = set[str]()
    for tube in case.tubes:
        try:
            with at_hand(tube) as near:
                found |= markers_of(sample_of(near, how.marker_names))
        except FlowmlError:
            continue
    return frozenset(found)


def stand_in_finding(stand_ins: Mapping[str, str], cost: str = "") -> tuple[Finding, ...]:
    """Say which marker was taken for which.

    Parameters
    ----------
    stand_ins : mapping of str to str
        Marker to what stands in for it.
    cost : str
        What is known of the loss, a clause for a person.

    Returns
    -------
    tuple of Finding
        One, or none where nothing stands in.
    """
    if not stand_ins:
        return ()
    which = ", ".join(f"{other} stands in for {own}" for own, other in stand_ins.items())
    told = f"; {cost}" if cost else ""
    message = f"not measured, so that another marker was taken: {printable(which, 400)}{told}"
    return (Finding(CODE, message, Severity.WARN),)
