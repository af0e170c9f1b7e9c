"""A model that has been trained: everything that answers need, and nothing that trains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import ModelError
from flowml.features import FeatureTable
from flowml.features.coverage import Coverage
from flowml.features.describe import UNREADABLE
from flowml.models.about import DATA_KINDS, SYNTHETIC
from flowml.models.answer import Prediction, answer, no_answer
from flowml.models.contract import Contract, optional_of
from flowml.models.standin import accepted_of, with_cost
from flowml.models.unsure import unsure_findings
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from flowml.features import CaseFeatures, FittedRecipe
    from flowml.features.recipes.alignment import Alignment
    from flowml.knowledge import LabelTree
    from flowml.models.caution import Caution
    from flowml.models.contributions import Contributions
    from flowml.models.novelty import Unlike
    from flowml.models.predictor import Predictor

NOT_CLASSIFIABLE = "not_classifiable"


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel:
    """What gives probabilities, the features it needs, and what turns them into answers.

    Parameters
    ----------
    feature_names : tuple of str
        Columns that the model expects, in this order.
    tree : LabelTree
        The entities, in the order of the predictor's classes.
    predictor : Predictor
        Trees, a linear model, or both.
    caution : Caution
        What an answer must pass.
    recipe : FittedRecipe or None
        How the features are computed; None if the table came from elsewhere.
    training : mapping
        Summary of the training cases, plain values; has the key ``data_kind``.
    card : str
        Model card, Markdown.
    origin : mapping of str to str
        Name and SHA-256 of the file that the model was loaded from; empty for one in memory.
    """

    feature_names: tuple[str, ...]
    tree: LabelTree
    predictor: Predictor
    caution: Caution
    recipe: FittedRecipe | None
    training: Mapping[str, Any]
    card: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"<TrainedModel: {len(self.entities)} entities, {len(self.markers)} markers, "
            f"{self.training['data_kind']} data>"
        )

    @property
    def entities(self) -> tuple[str, ...]:
        """Entities that the model knows."""
        return tuple(self.tree.entities)

    @property
    def markers(self) -> tuple[str, ...]:
        """Markers that the model uses."""
        return tuple(Coverage(self.feature_names).markers)

    @property
    def required(self) -> tuple[str, ...]:
        """Markers that a case must have; with their tube where tubes are kept apart."""
        optional = set(self.optional)
        return tuple(m for m in Coverage(self.feature_names).keys if m not in optional)

    @property
    def optional(self) -> tuple[str, ...]:
        """Markers, and pairs of them in one tube, that a case may lack."""
        return optional_of(self.training)

    @property
    def substitutable(self) -> dict[str, tuple[str, ...]]:
        """Markers that another one may stand in for where a case has not measured them."""
        pairs = self.recipe.stand_ins if self.recipe else ()
        return {own: tuple(s for m, s in pairs if m == own) for own, _ in pairs}

    @property
    def results(self) -> tuple[str, ...]:
        """Results of other methods that the model needs, ``method|quantity``."""
        return tuple(Coverage(self.feature_names).results)

    @property
    def alignment(self) -> Alignment | None:
        """Where normal cases lie on each instrument; None where none is aligned."""
        return self.recipe.scales.alignment if self.recipe else None

    @property
    def is_synthetic(self) -> bool:
        """Whether the model has seen simulated cases only."""
        return self.training.get("data_kind") == SYNTHETIC

    def __post_init__(self) -> None:
        kind = self.training.get("data_kind")
        if kind not in DATA_KINDS:
            raise ModelError(
                f"the data kind is {printable(kind, 40)!r}, expected one of "
                f"{', '.join(DATA_KINDS)}."
            )
        taken = self.recipe.stand_ins if self.recipe else ()
        if taken != accepted_of(self.training):
            raise ModelError(
                "the recipe takes other stand-ins than were accepted in training. Train the "
                "model anew."
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
        return self.predictor.probabilities(np.ascontiguousarray(values, dtype=np.float32))

    def contributions(self, row: NDArray[np.float32]) -> Contributions:
        """Share out one case's margins among its features.

        Parameters
        ----------
        row : ndarray, shape (n_features,), float32
            In the order of `feature_names`; NaN is missing.

        Returns
        -------
        Contributions
            Of every feature to every entity.
        """
        return self.predictor.contributions(row)

    def classify(self, table: pd.DataFrame) -> pd.DataFrame:
        """Answer for every case: lineage, category, entity, reasons, or why not.

        Parameters
        ----------
        table : DataFrame
            From `flowml.extract`; columns are found by name.

        Returns
        -------
        DataFrame
            Index ``case_id``; the other columns of ``results.csv``.

        Raises
        ------
        ModelError
            If the features were computed by another recipe.
        """
        import pandas as pd

        predictions = self.predictions(FeatureTable.from_frame(table))
        rows = [prediction.as_row(self.entities) for prediction in predictions]
        columns = list(no_answer("", "", "").as_row(self.entities))
        return pd.DataFrame(rows, columns=columns).set_index("case_id")

    def predictions(self, table: FeatureTable) -> list[Prediction]:
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
        if self.recipe and table.recipe and not _is_covered(table.recipe, self.recipe):
            raise ModelError(
                f"the model was trained on features of the recipe {self.recipe.summary()}; "
                f"these were computed by {table.recipe.summary()}. Extract them again."
            )
        values = table.columns(self.feature_names)
        contract = Contract(
            self.feature_names,
            self.training,
            has_recipe=self.recipe is not None,
            alignment=self.alignment,
        )
        rows = np.ascontiguousarray(values, dtype=np.float32)
        chances = self.predict_proba(rows)
        unlike = self.caution.unlike(rows, chances)
        every = zip(table.cases, values, chances, unlike, strict=True)
        return [self._prediction(contract, *each) for each in every]

    def _prediction(
        self,
        contract: Contract,
        case: CaseFeatures,
        row: NDArray[np.float32],
        probabilities: NDArray[np.float64],
        unlike: Unlike | None,
    ) -> Prediction:
        findings = (*with_cost(case, self.training), *contract.findings(case))
        if case.problem:
            return no_answer(case.case_id, *_no_features(case), findings)
        seen = contract.panels.recognized(case)
        findings += (*seen.findings, *contract.panels.other_dyes(case))
        lacking = contract.lacking(row)
        if reason := contract.why_not(case, lacking):
            found = no_answer(case.case_id, NOT_CLASSIFIABLE, reason, findings)
        else:
            findings += contract.without(lacking)
            findings += unsure_findings(lacking.populations, self.training)
            found = answer(
                case.case_id, probabilities, self.tree, self.caution, findings, unlike
            ).leaving_open(contract.not_assessed(lacking, tuple(case.stand_ins)))
        return replace(found, panel=seen.panel)


def _is_covered(recipe: FittedRecipe, by: FittedRecipe) -> bool:
    """Tell whether a recipe computes the same, with the same stand-ins or fewer of them."""
    return replace(recipe, stand_ins=by.stand_ins) == by and set(recipe.stand_ins) <= set(
        by.stand_ins
    )


def _no_features(case: CaseFeatures) -> tuple[str, str]:
    """Return status and reason of a case that has no features."""
    if any(item.code == UNREADABLE for item in case.findings):
        return "unreadable", case.problem
    return NOT_CLASSIFIABLE, f"not classifiable, because {case.problem}"
