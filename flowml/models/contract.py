"""What a model has learned from, and what it therefore demands of a new case.

Checked before a model is asked: the markers, the scale on which they were measured, whether the
values were compensated as in training, and whether the case was one of the training cases.
"""

from __future__ import annotations

import math
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.about import SYNTHETIC_WARNING
from flowml.features.coverage import Coverage
from flowml.features.names import BAR, parse_name
from flowml.features.recipes.populations import FEWEST
from flowml.findings import Finding, Severity
from flowml.knowledge.assessed import Unassessed, not_assessed
from flowml.models.about import SCALE_GAP, SYNTHETIC
from flowml.models.panels import TrainingPanels
from flowml.safety import listed, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.features import CaseFeatures
    from flowml.features.recipes.alignment import Alignment

REFUSED_GAP = 1.0  # decades; further away are values of another kind, such as channel numbers


def optional_of(training: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what a case may lack.

    Parameters
    ----------
    training : mapping
        As `training_record` makes it; ``absence`` as `flowml.models.absence` does.

    Returns
    -------
    tuple of str
        Markers, and pairs that were not measured in one tube; mostly none.
    """
    return tuple(training.get("absence", {}).get("optional", ()))


def said_of_trial(trial: Mapping[str, Any]) -> str:
    """Say what was lost without some markers, in cases that the model was not trained on.

    Parameters
    ----------
    trial : mapping
        As `flowml.models.absence.Trial.to_dict` gives it.

    Returns
    -------
    str
        A clause for a person.
    """
    right, wrong = trial["right_lost"], trial["wrong_gained"]
    return (
        f"{_change(right[0], 'fewer', 'more')} of held-out training cases were answered "
        f"rightly (95 % interval of the loss {right[1]:.1%} to {right[2]:.1%}) and "
        f"{_change(wrong[0], 'more', 'fewer')} wrongly ({wrong[1]:.1%} to {wrong[2]:.1%})"
    )


def _names(populations: Sequence[str]) -> str:
    return listed(printable(name, 60) for name in populations)


def _change(share: float, above: str, below: str) -> str:
    return f"{abs(share):.1%} {above if share >= 0 else below}"


class Lacking(NamedTuple):
    """What a case lacks of what a model uses.

    Parameters
    ----------
    markers : tuple of str
        Markers; pairs and maps that were not measured in one tube.
    results : tuple of str
        Results of other methods.
    populations : tuple of str
        Populations of which nothing is known.
    """

    markers: tuple[str, ...]
    results: tuple[str, ...]
    populations: tuple[str, ...] = ()


class Contract:
    """What one model demands, made once and asked about every case.

    Parameters
    ----------
    feature_names : sequence of str
        Names of the features.
    training : mapping
        As `training_record` makes it.
    has_recipe : bool
        Whether the model was trained on features that flowml computed.
    alignment : Alignment, optional
        Of the instruments, where they are aligned.

    Attributes
    ----------
    panels : TrainingPanels
        What the training cases were stained with.
    """

    def __init__(
        self,
        feature_names: Sequence[str],
        training: Mapping[str, Any],
        *,
        has_recipe: bool,
        alignment: Alignment | None = None,
    ) -> None:
        self._coverage = Coverage(feature_names)
        is_ours = has_recipe or all(BAR in name for name in feature_names)
        self._columns = () if is_ours else tuple(feature_names)
        self._markers = self._coverage.markers
        self.panels = TrainingPanels(training, self._markers)
        self._absence = training.get("absence", {})
        self._optional = frozenset(optional_of(training))
        self._spared = self._coverage.within(self._optional)
        scales = training.get("scales", {})
        self._scales = {m: scales[m] for m in self._markers if m in scales}
        self._compensated = training.get("compensated", [])
        self._masks = bool(training.get("masked", False))
        self._open_questions: dict[tuple[str, ...], tuple[Unassessed, ...]] = {}
        self._inputs = frozenset(training.get("inputs", ()))
        self._is_synthetic = training.get("data_kind") == SYNTHETIC
        self._has_recipe = has_recipe
        aligned = alignment.known if alignment else {}
        self._own_scales = {name: dict(each.tops) for name, each in aligned.items()}

    def lacking(self, row: NDArray[np.float32]) -> Lacking:
        """Name what is missing in a case.

        Parameters
        ----------
        row : ndarray, shape (n_features,), float32
            Its features, NaN where they are missing.

        Returns
        -------
        Lacking
            Markers and results.
        """
        blank = np.isnan(row)
        markers, results = self._coverage.lacking(blank)
        if self._columns:  # names of another origin say nothing of markers
            empty = [n for n in compress(self._columns, blank) if n not in self._spared]
            markers, results = [*(m for m in markers if m in self._optional), *empty], []
        return Lacking(tuple(markers), tuple(results), tuple(self._coverage.unsure(blank)))

    def why_not(self, case: CaseFeatures, lacking: Lacking) -> str:
        """Say why the model must not be asked about a case; empty if it may.

        Trees send a missing value where training told them. Only markers whose absence was
        validated (`flowml.models.absence`) may be missing.

        Parameters
        ----------
        case : CaseFeatures
            With the tubes that were read.
        lacking : Lacking
            What is missing in it.

        Returns
        -------
        str
            A reason for a person.
        """
        if lacking.markers and (reason := self._without(case, lacking)):
            return f"not classifiable, because {reason}"
        if lacking.results:
            return (
                "not classifiable, because these results of other methods are missing: "
                f"{listed(lacking.results)} (join them with --with-columns)"
            )
        if other := self._other_scales(case, REFUSED_GAP):
            return f"not classifiable, because the scale is another one: {other}"
        return ""

    def _without(self, case: CaseFeatures, lacking: Lacking) -> str:
        """Say why the model must not be asked without some markers; empty if it may."""
        measured = {marker for tube in case.tubes for marker in tube.tops}
        names = {unit.rpartition(BAR)[2] for unit in lacking.markers}
        if self._coverage.populations and names <= measured:
            few = [p for p in self._coverage.populations if p not in lacking.populations]
            unsure = f"the gates of {_names(lacking.populations)} are not sure"
            said = [unsure] if lacking.populations else []
            low = f"fewer than {FEWEST} events with a value are in {_names(few)}"
            said += [low] if few else []
            return f"{', '.join(said)}, and nothing else tells of {listed(lacking.markers)}"
        if set(self._coverage.keys) <= set(lacking.markers):
            if self._columns:
                return "all columns that the model needs are empty"
            needed = listed(self._markers)
            return f"the case shares no marker with the model, which needs {needed}"
        if needed := listed(unit for unit in lacking.markers if unit not in self._optional):
            what = "columns are empty" if self._columns else "markers are missing"
            return f"these {what}: {needed}"
        return ""

    def not_assessed(
        self, lacking: Lacking, stood_for: tuple[str, ...] = ()
    ) -> tuple[Unassessed, ...]:
        """Name the questions that the markers of an answer leave open.

        Parameters
        ----------
        lacking : Lacking
            What is missing in the case.
        stood_for : tuple of str
            Markers that another one stands in for: the case has not measured them.

        Returns
        -------
        tuple of Unassessed
            By the markers that the model uses and the case has; nothing where the features
            were not computed by flowml, as their names may say nothing of markers.
        """
        if not self._has_recipe:
            return ()
        unknown = lacking.markers + stood_for
        if unknown not in self._open_questions:
            used = set(self._coverage.keys) - set(lacking.markers)
            names = {parse_name(f"{key}{BAR}").markers[0] for key in used}
            self._open_questions[unknown] = not_assessed(names - set(stood_for))
        return self._open_questions[unknown]

    def _other_scales(self, case: CaseFeatures, decades: float) -> str:
        """List the markers whose scale ends more decades away than this from training's.

        Where the tube's instrument is aligned, from where it ended then.
        """
        other = []
        for tube in case.tubes:
            own = self._own_scales.get(tube.instrument, {})
            for marker, expected in self._scales.items():
                low, high = own.get(marker, expected)
                top = tube.tops.get(marker, math.nan)
                if top > high * 10**decades or top < low / 10**decades:
                    when = "when aligned" if marker in own else "in training"
                    other.append(f"{marker} (top {top:.6g}, {when} {low:.6g} to {high:.6g})")
        return listed(dict.fromkeys(other))

    def without(self, lacking: Lacking) -> tuple[Finding, ...]:
        """Say what a case lacks that the model can do without, and what that costs.

        Parameters
        ----------
        lacking : Lacking
            What is missing in it.

        Returns
        -------
        tuple of Finding
            Empty where nothing is missing.
        """
        spared = [unit for unit in lacking.markers if unit in self._optional]
        if not spared:
            return ()
        trials = [*self._absence.get("alone", ()), self._absence.get("together")]
        like = next((t for t in trials if t and set(t["without"]) == set(spared)), trials[-1])
        message = (
            f"missing, and optional for the model: {listed(spared)}; without "
            f"{listed(like['without'])} {said_of_trial(like)}"
        )
        return (Finding("MODEL-WITHOUT", message, Severity.WARN),)

    def findings(self, case: CaseFeatures) -> tuple[Finding, ...]:
        """Say what whoever reads the answer should know of the model and this case.

        Parameters
        ----------
        case : CaseFeatures
            With the tubes that were read.

        Returns
        -------
        tuple of Finding
            Empty for a model of real cases, and a case like them.
        """
        found = []
        if self._is_synthetic:
            simulated = bool(case.tubes) and all(tube.simulated for tube in case.tubes)
            severity = Severity.WARN if simulated else Severity.REVIEW
            found.append(Finding("MODEL-SYNTHETIC", SYNTHETIC_WARNING, severity))
        if self._has_recipe and not case.tubes:
            message = (
                "the feature table does not tell how it was made, nor what was noticed then"
            )
            found.append(Finding("TABLE-NO-STORY", message, Severity.REVIEW))
        learned = self._compensated
        read = [tube for tube in case.tubes if tube.n_events]
        if learned and any(tube.compensated not in learned for tube in read):
            state = "not compensated" if learned == [True] else "compensated"
            message = f"the values are {state}, unlike those of the training cases"
            found.append(Finding("MODEL-COMPENSATION", message, Severity.REVIEW))
        if learned and any(tube.masked != self._masks for tube in read):
            done = "were" if self._masks else "were not"
            message = f"events of the training cases {done} left out for quality, unlike here"
            found.append(Finding("MODEL-MASKED", message, Severity.REVIEW))
        if other := self._other_scales(case, SCALE_GAP):
            message = f"the scale ends elsewhere than in training: {other}"
            found.append(Finding("MODEL-SCALE", message, Severity.REVIEW))
        if any(tube.sha256 in self._inputs for tube in case.tubes if tube.sha256):
            message = "the model was trained on this very file; its answer proves nothing"
            found.append(Finding("MODEL-TRAINED-ON", message, Severity.WARN))
        return tuple(found)
