"""A model that has been trained: everything that answers need, and nothing that trains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import ModelError
from flowml.features.describe import UNREADABLE
from flowml.features.table import FeatureTable
from flowml.models.answer import Prediction, answer, no_answer
from flowml.records import Finding, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.features import CaseFeatures, FittedRecipe
    from flowml.knowledge import LabelTree
    from flowml.models.trees import TreeEnsemble

SYNTHETIC = "synthetic"
DATA_KINDS = ("real", "simulated-from-real", "resampled", SYNTHETIC)
MOST_SHOWN = 12
NOT_CLASSIFIABLE = "not_classifiable"


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Trees, the features they need, and the label tree that turns them into answers.

    Parameters
    ----------
    feature_names : tuple of str
        Columns that the trees expect, in this order.
    tree : LabelTree
        The entities, in the order of the trees' classes.
    ensemble : TreeEnsemble
        Checked trees.
    document : bytes
        xgboost's JSON, from which `ensemble` was read.
    recipe : FittedRecipe or None
        How the features are computed; None if the table came from elsewhere.
    min_probability : float
        What an answer must reach.
    training : mapping
        Summary of the training cases, plain values; has the key ``data_kind``.
    card : str
        Model card, Markdown.
    origin : mapping of str to str
        Name and SHA-256 of the file that the model was loaded from; empty for one in memory.
    """

    feature_names: tuple[str, ...]
    tree: LabelTree
    ensemble: TreeEnsemble
    document: bytes
    recipe: FittedRecipe | None
    min_probability: float
    training: Mapping[str, Any]
    card: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def entities(self) -> tuple[str, ...]:
        """Entities that the model knows."""
        return tuple(self.tree.entities)

    @property
    def markers(self) -> tuple[str, ...]:
        """Markers that the model needs."""
        return tuple(dict.fromkeys(name.partition("|")[0] for name in self.feature_names))

    @property
    def is_synthetic(self) -> bool:
        """Whether the model has seen simulated cases only."""
        return self.training.get("data_kind") == SYNTHETIC

    def __post_init__(self) -> None:
        if not 0 < self.min_probability <= 1:
            raise ModelError(
                f"the required probability is {self.min_probability}, expected a number above "
                "0 and not above 1."
            )
        kind = self.training.get("data_kind")
        if kind not in DATA_KINDS:
            raise ModelError(
                f"the data kind is {printable(kind, 40)!r}, expected one of "
                f"{', '.join(DATA_KINDS)}."
            )

    def with_card(self, card: str) -> TrainedModel:
        """Return the same model with another card.

        Parameters
        ----------
        card : str
            Markdown.

        Returns
        -------
        TrainedModel
            A copy.
        """
        return replace(self, card=card)

    def predict_proba(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of each entity.

        Parameters
        ----------
        values : ndarray, shape (n_cases, n_features), float32
            In the order of `feature_names`.

        Returns
        -------
        ndarray, shape (n_cases, n_entities), float64
            A row does not depend on the other rows.
        """
        return self.ensemble.probabilities(np.ascontiguousarray(values, dtype=np.float32))

    def classify(self, table: FeatureTable) -> list[Prediction]:
        """Answer for every case of a table.

        Parameters
        ----------
        table : FeatureTable
            Computed by the model's own recipe.

        Returns
        -------
        list of Prediction
            In the order of the table; a case that cannot be used says why.

        Raises
        ------
        ModelError
            If the features were computed by another recipe.
        """
        if self.recipe is not None and table.recipe is not None and self.recipe != table.recipe:
            raise ModelError(
                f"the model was trained on features of the recipe {self.recipe.to_dict()}; "
                f"these were computed by {table.recipe.to_dict()}. Extract them again."
            )
        values = table.columns(self.feature_names)
        probabilities = self.predict_proba(values)
        predictions = []
        for case, row, p in zip(table.cases, values, probabilities, strict=True):
            findings = (*case.findings, *self._origin_notes(case))
            if case.problem or (lacking := self._missing(row)):
                status, reason = _why_not(case) if case.problem else (NOT_CLASSIFIABLE, lacking)
                predictions.append(no_answer(case.case_id, status, reason, findings))
            else:
                found = answer(case.case_id, p, self.tree, self.min_probability, findings)
                predictions.append(found)
        return predictions

    def _missing(self, row: NDArray[np.float32]) -> str:
        """Say which markers a case lacks; empty if it has them all.

        Trees send a missing value where training told them. Only markers whose absence was
        validated may be missing, and so far none is.
        """
        families = [name.partition("|")[0] for name in self.feature_names]
        lacking = dict.fromkeys(m for m, v in zip(families, row, strict=True) if np.isnan(v))
        if not lacking:
            return ""
        if len(lacking) == len(self.markers):
            return (
                "not classifiable, because the case shares no marker with the model, which "
                f"needs {_listed(self.markers)}"
            )
        return f"not classifiable, because these markers are missing: {_listed(lacking)}"

    def _origin_notes(self, case: CaseFeatures) -> tuple[Finding, ...]:
        """Say that a model has seen simulated cases only; never release such answers."""
        if not self.is_synthetic:
            return ()
        message = "the model has seen simulated cases only; its answers say nothing of patients"
        simulated = bool(case.tubes) and all(tube.simulated for tube in case.tubes)
        severity = Severity.WARN if simulated else Severity.REVIEW
        return (Finding("MODEL-SYNTHETIC", message, severity),)


def _why_not(case: CaseFeatures) -> tuple[str, str]:
    """Return status and reason of a case that has no features."""
    if any(item.code == UNREADABLE for item in case.findings):
        return "unreadable", case.problem
    return NOT_CLASSIFIABLE, f"not classifiable, because {case.problem}"


def _listed(markers: Iterable[str]) -> str:
    names = list(markers)
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + more


def data_kind_of(cases: Sequence[CaseFeatures]) -> str:
    """Say what kind of data cases are, from what their files say.

    Parameters
    ----------
    cases : sequence of CaseFeatures
        With the tubes that were read.

    Returns
    -------
    str
        ``synthetic`` if every file says that it was simulated, ``real`` if none does.

    Raises
    ------
    ModelError
        If some do and some do not.
    """
    simulated = [tube.simulated for case in cases for tube in case.tubes]
    if simulated and any(simulated) and not all(simulated):
        raise ModelError(
            f"{sum(simulated)} of {len(simulated)} training files say that they were "
            "simulated, the others do not. Train on one kind, or say what the cases are "
            "(--data-kind)."
        )
    return SYNTHETIC if simulated and all(simulated) else "real"
