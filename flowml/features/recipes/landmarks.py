"""Landmarks of instruments, read off the fine histograms of their normal cases.

A quantile of normal cases lies elsewhere on two instruments for two reasons: the instruments
differ, or the patients do. Where few events lie, as between negative and positive cells, a
quantile moves far when the shares of the cells move little. So each landmark gets a standard
error (leave one case out; Efron, SIAM 1982), and one that is not sure is left out: the line
goes from the sure one before it to the sure one behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.counting.fine import quantiles
from flowml.features.recipes.alignment import AlignedInstrument, Alignment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.recipes.learn import Survey, SurveyedMarker

    Floats = NDArray[np.float64]

SHARES = (
    0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75,
    0.8, 0.85, 0.9, 0.95, 0.98,
)  # fmt: skip
# A standard error of five cases is itself known to a third (1 / sqrt(2 (5 - 1))); of fewer it
# does not tell sure landmarks from others.
FEWEST_NORMALS = 5
SUREST = 0.02  # display units; 0.09 decades on the usual logicle
PARTS = 10_000_000  # into which the events of a case are shared out, so that cases weigh alike


def learn_alignment(surveys: Sequence[Survey]) -> Alignment:
    """Learn where the instruments of normal training cases lie, and the mean of them.

    Parameters
    ----------
    surveys : sequence of Survey
        Of normal cases only.

    Returns
    -------
    Alignment
        Of the instruments with `FEWEST_NORMALS` cases or more.

    Raises
    ------
    FlowmlError
        If no instrument has so many.
    """
    groups = _by_instrument(surveys)
    if not groups:
        most = Counter(each.instrument for each in surveys if each.instrument)
        best = "; the most are {1} of {0!r}".format(*most.most_common(1)[0]) if most else ""
        raise FlowmlError(
            f"no instrument can be aligned: that takes {FEWEST_NORMALS} normal cases of one "
            f"instrument{best}. Add normal cases, name instruments in a manifest, or train "
            "without alignment."
        )
    kinds = _kinds(surveys)
    found = {name: _landmarks(group, kinds) for name, group in groups.items()}
    markers = sorted({marker for own in found.values() for marker in own})
    reference = {
        marker: np.mean([own[marker].places for own in found.values() if marker in own], axis=0)
        for marker in markers
    }
    alignment = Alignment(
        SHARES,
        tuple((marker, tuple(map(float, places))) for marker, places in reference.items()),
        tuple(marker for marker in markers if not kinds[marker]),
    )
    return alignment.with_instruments(_instruments(groups, alignment))


def learn_instruments(
    surveys: Sequence[Survey], alignment: Alignment
) -> dict[str, AlignedInstrument]:
    """Learn where the instruments of normal cases lie, for a reference that is there.

    Parameters
    ----------
    surveys : sequence of Survey
        Of normal cases only.
    alignment : Alignment
        Gives the reference.

    Returns
    -------
    dict of str to AlignedInstrument
        Instruments with `FEWEST_NORMALS` cases or more.
    """
    return _instruments(_by_instrument(surveys), alignment)


def normals_by_instrument(surveys: Iterable[Survey]) -> dict[str, int]:
    """Count normal cases.

    Parameters
    ----------
    surveys : iterable of Survey
        Of normal cases.

    Returns
    -------
    dict of str to int
        By instrument, in the order of the names; "" for cases that tell of none, or of several.
    """
    counts = Counter(each.instrument for each in surveys if each.histograms)
    return dict(sorted(counts.items()))


class _Landmarks:
    """Landmarks of one marker on one instrument, and how sure they are.

    Parameters
    ----------
    seen : sequence of SurveyedMarker
        Of normal cases; two or more.
    """

    def __init__(self, seen: Sequence[SurveyedMarker]) -> None:
        parts = np.array([each.counts * (PARTS / each.counts.sum()) for each in seen])
        parts = np.rint(parts).astype(np.int64)
        every = parts.sum(axis=0)
        self.places: Floats = quantiles(every[None], SHARES)[0]
        without = quantiles(every - parts, SHARES)  # each case in turn
        away = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
        self.error: Floats = np.sqrt(away * (len(seen) - 1) / len(seen))
        self.tops = min(s.tops[0] for s in seen), max(s.tops[1] for s in seen)

    def beside(self, reference: Floats) -> Floats | None:
        """Return the places with unsure ones put where the line from sure to sure has them."""
        sure = self.error <= SUREST
        if not sure.any():
            return None
        moved = np.interp(reference, reference[sure], (self.places - reference)[sure])
        return np.where(sure, self.places, reference + moved)


def _by_instrument(surveys: Sequence[Survey]) -> dict[str, list[Survey]]:
    """Return the cases of each instrument that has enough, in the order of their ids."""
    groups: dict[str, list[Survey]] = {}
    for each in sorted(surveys, key=lambda survey: survey.case_id):
        if each.instrument and each.histograms:
            groups.setdefault(each.instrument, []).append(each)
    return {
        name: groups[name] for name in sorted(groups) if len(groups[name]) >= FEWEST_NORMALS
    }


def _kinds(surveys: Sequence[Survey]) -> dict[str, bool]:
    """Tell which markers are shown in decades; those that are now and then are left out."""
    kinds: dict[str, set[bool]] = {}
    for each in surveys:
        for marker, seen in each.histograms.items():
            kinds.setdefault(marker, set()).add(seen.in_decades)
    return {marker: kind.pop() for marker, kind in kinds.items() if len(kind) == 1}


def _landmarks(group: Sequence[Survey], kinds: Mapping[str, bool]) -> dict[str, _Landmarks]:
    """Read off the landmarks of the markers that enough cases have on the expected scale."""
    found = {}
    for marker, in_decades in kinds.items():
        every = [each.histograms[marker] for each in group if marker in each.histograms]
        seen = [each for each in every if each.in_decades == in_decades]
        if len(seen) >= FEWEST_NORMALS:
            found[marker] = _Landmarks(seen)
    return found


def _instruments(
    groups: Mapping[str, Sequence[Survey]], alignment: Alignment
) -> dict[str, AlignedInstrument]:
    reference = {marker: np.array(places) for marker, places in alignment.reference}
    kinds = {marker: marker not in alignment.linear for marker in reference}
    found = {}
    for name, group in groups.items():
        own = _landmarks(group, kinds)
        places = {marker: own[marker].beside(reference[marker]) for marker in sorted(own)}
        sure = {marker: tuple(p.tolist()) for marker, p in places.items() if p is not None}
        tops = tuple((marker, own[marker].tops) for marker in sure)
        found[name] = AlignedInstrument(len(group), tuple(sure.items()), tops)
    return found
