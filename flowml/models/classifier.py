"""The scikit-learn estimator: learns entities, and how sure it may be of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from flowml.errors import LabelError, ModelError
from flowml.knowledge import LabelTree, load_label_tree
from flowml.models.about import training_record
from flowml.models.absence import TOLERANCE, augmented, candidates, validate_absence
from flowml.models.boosting import Boosting
from flowml.models.bundle import save_model
from flowml.models.card import model_card
from flowml.models.caution import Caution, learned_caution
from flowml.models.choosing import AUTO, Chooser, Chosen, Plan, unchosen
from flowml.models.gauging import learned_novelty
from flowml.models.heldout import FEWEST, FOLDS, Cohort, HeldOut, parted
from flowml.models.labelled import aligned_labels, usable_cases
from flowml.models.levels import CONFIDENCE, MAJORITY, Levels, allowed_at
from flowml.models.predictor import Predictor
from flowml.models.standin import StandIns, accepted_of, validate_stand_ins
from flowml.models.trained import TrainedModel
from flowml.models.unsure import population_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from flowml.features.table import FeatureTable


class LineageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # sklearn is untyped
    """Predict the entity of a case, and from it lineage, category, leukemia or lymphoma.

    Parameters
    ----------
    scheme : LabelTree or None
        With a label tree, labels are turned into its canonical entities and any other label
        is an error. Without one, any labels are taken; `classify` and `save` then look them
        up in flowml's own tree.
    estimator : str
        ``boosted`` trees, ``logistic`` regression, a ``blend`` of both, or ``auto``: whichever
        foresees training cases best that are held out by patient.
    confidence : float
        Share of cases whose entity is not to be wrong; the other levels are held to more
        (`flowml.models.levels`).
    min_probability : float, optional
        What an answer must reach at every level, instead of what `confidence` fixes.
    folds : int
        Parts of the cases that are held out in turn; 0 holds none out: then nothing is chosen
        or calibrated, and novelty is not learned.
    n_rounds : int
        Boosting rounds, each a tree for every entity; fewer where cases that are held out are
        no longer foreseen better.
    learning_rate : float
        Share of each tree that is added.
    max_depth : int
        Deepest tree.
    min_child_weight : float
        Smallest sum of second derivatives in a leaf.
    subsample, colsample : float
        Shares of cases and features that a tree sees.
    most_features : int
        Features that trees are offered: those that tell entities apart best.
    strength : float
        Expected variance of the margins of the logistic regression.
    search : int
        How many other settings are tried on cases held out, each kept if it is better.
    budget : float, optional
        Seconds after which no further setting is tried. What is found then depends on the
        machine; the card says how many were tried.
    optional : sequence of str, or "auto"
        Markers (``CD23``), or pairs of them (``CD19:CD5``), that a later case may lack: copies
        of the cases without them are trained on as well, and what is lost without them is
        measured on cases held out (`flowml.models.absence`), for which as many further models
        are trained as there are parts. Those whose loss stays within `tolerance` become
        optional; all others are required. ``auto`` tries every marker.
    tolerance : float
        Largest share of cases that may be lost without the optional markers.
    random_state : int
        Seed; the same seed and cases give the same gaps, parts and trees.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    n_features_in_ : int
        Number of features.
    """

    def __init__(  # noqa: PLR0913 - scikit-learn wants every setting here
        self,
        scheme: LabelTree | None = None,
        *,
        estimator: str = AUTO,
        confidence: float = CONFIDENCE,
        min_probability: float | None = None,
        folds: int = FOLDS,
        n_rounds: int = 200,
        learning_rate: float = 0.15,
        max_depth: int = 4,
        min_child_weight: float = 0.5,
        subsample: float = 0.8,
        colsample: float = 0.3,
        most_features: int = 1000,
        strength: float = 20.0,
        search: int = 0,
        budget: float | None = None,
        optional: Sequence[str] | str = (),
        tolerance: float = TOLERANCE,
        random_state: int = 0,
    ) -> None:
        self.scheme = scheme
        self.estimator = estimator
        self.confidence = confidence
        self.min_probability = min_probability
        self.folds = folds
        self.n_rounds = n_rounds
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample = colsample
        self.most_features = most_features
        self.strength = strength
        self.search = search
        self.budget = budget
        self.optional = optional
        self.tolerance = tolerance
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that missing values are understood."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        training: dict[str, Any] | None = None,
        groups: ArrayLike | None = None,
        stand_ins: StandIns | None = None,
    ) -> LineageClassifier:
        """Train on cases.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_cases, n_features)
            Features; NaN is missing. A frame from `flowml.extract` brings its recipe.
        y : array-like, shape (n_cases,)
            Entities. A Series with the case ids as its index is put in the order of `X`.
        training : dict, optional
            Summary of the cases for the model card. Without a ``data_kind``, the files of a
            frame from `flowml.extract` tell it; of other tables it is unknown.
        groups : array-like, shape (n_cases,), optional
            Patients, for what is held out; every case is a patient's own where it is not given.
        stand_ins : StandIns, optional
            Markers that may stand in for others, if that proves to cost at most `tolerance`.

        Returns
        -------
        LineageClassifier
            Itself.

        Raises
        ------
        LabelError
            If a label is not in the scheme, or there is only one.
        ModelError
            If an optional marker is none of the features, the tolerance is no share, or a
            marker stands in for another one in a training case.
        """
        X, labels, groups, story = usable_cases(X, aligned_labels(X, y), groups)
        rows, labels = validate_data(
            self, X, labels, dtype=np.float32, order="C", ensure_all_finite="allow-nan"
        )  # in one order: sums of rows that lie in another one have other bits
        codes = self._codes(labels)
        names = getattr(self, "feature_names_in_", range(rows.shape[1]))
        gone = candidates([*map(str, names)], self.optional, self.tolerance)
        self.training_ = self._record(story, codes, training or {})
        patients = np.arange(len(rows)) if groups is None else np.asarray(groups)
        cohort = Cohort(rows, codes, patients)
        chosen = self._chosen(cohort, gone)
        self.training_ |= population_record([*map(str, names)], rows)
        self.training_ |= self._tried(cohort, chosen, gone, stand_ins)
        accepted = accepted_of(self.training_)
        self.recipe_ = (
            replace(story.recipe, stand_ins=accepted) if story and story.recipe else None
        )
        self.predictor_ = self._learned(chosen, gone, rows, codes)
        self.held_ = chosen.held
        self.novelty_ = learned_novelty(cohort, chosen.held)
        return self

    def _chosen(self, cohort: Cohort, gone: Mapping[str, NDArray[np.bool_]]) -> Chosen:
        """Choose and calibrate a model on cases held out."""
        boosting = Boosting(
            self.n_rounds, self.learning_rate, self.max_depth, self.min_child_weight,
            self.subsample, self.colsample, self.most_features, self.random_state,
        )  # fmt: skip
        plan = Plan(self.estimator, boosting, self.strength, self.search, self.budget)
        allowed_at(self.confidence)  # refused before any work
        parts = parted(cohort, self.random_state, self.folds)
        if not parts:
            return unchosen(plan, len(self.classes_))
        chooser = Chooser(
            cohort, len(self.classes_), parts, partial(augmented, gone, self.random_state)
        )
        return chooser.chosen(plan)

    def _learned(
        self,
        chosen: Chosen,
        gone: Mapping[str, NDArray[np.bool_]],
        rows: NDArray[np.float32],
        codes: NDArray[np.int64],
    ) -> Predictor:
        """Train what was chosen."""
        more = augmented(gone, self.random_state, rows, codes)
        return chosen.plan.trained(*more, len(self.classes_), chosen.pool)

    def _tried(
        self,
        cohort: Cohort,
        chosen: Chosen,
        gone: dict[str, NDArray[np.bool_]],
        declared: StandIns | None,
    ) -> dict[str, Any]:
        """Try out on cases held out what may be missing, and what may stand in for it."""
        found: dict[str, Any] = {"choice": chosen.record} if chosen.record else {}
        if not gone and not declared:
            return found
        held_out = None
        if gone or (cohort.n_patients() >= FEWEST).any():
            held_out = HeldOut(
                partial(self._learned, chosen, gone),
                cohort,
                self.min_probability or MAJORITY,
                self.random_state,
            )
        if gone and held_out:
            found["absence"] = validate_absence(held_out, gone, self.tolerance)
        if declared:
            names = [*map(str, self.classes_)]
            found["stand_ins"] = validate_stand_ins(
                cohort, held_out, declared, names, self.tolerance
            )
        return found

    def _codes(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Learn the classes, and return the number of each case's."""
        check_classification_targets(labels)
        if self.scheme is not None:
            labels = np.array([self.scheme.canonical(str(label)) for label in labels])
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise LabelError(
                f"found 1 class, {str(self.classes_[0])!r}, expected 2 or more. Add labelled "
                "cases of another entity."
            )
        return codes

    def _record(
        self, story: FeatureTable | None, codes: NDArray[np.int64], said: dict[str, Any]
    ) -> dict[str, Any]:
        """Record the training cases for the bundle and its card."""
        counts = zip(self.classes_, np.bincount(codes), strict=True)
        found = training_record(story.cases if story else (), said.get("data_kind"))
        cases = {str(label): int(number) for label, number in counts}
        return {**said, **found, "cases": cases, "n_cases": len(codes)}

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like, shape (n_cases, n_features)
            Features; NaN is missing.

        Returns
        -------
        ndarray, shape (n_cases, n_classes), float64
            In the order of `classes_`.
        """
        check_is_fitted(self)
        rows = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False
        )
        return self.predictor_.probabilities(rows)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like, shape (n_cases, n_features)
            Features; NaN is missing.

        Returns
        -------
        ndarray, shape (n_cases,)
            Labels; every case gets one. `classify` knows when not to answer.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

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
        LabelError
            If a class is not an entity of the label tree.
        ModelError
            If the features were computed by another recipe.
        """
        return self.trained().classify(table)

    def trained(self) -> TrainedModel:
        """Return what was learned, without anything that trains.

        Returns
        -------
        TrainedModel
            What `save` writes and `flowml.load_model` reads.

        Raises
        ------
        LabelError
            If a class is not an entity of the label tree.
        ModelError
            If the features have no names.
        """
        check_is_fitted(self)
        if not hasattr(self, "feature_names_in_"):
            raise ModelError(
                "the features have no names, so that a case's markers could not be checked. "
                "Train on a DataFrame, as flowml.extract returns it."
            )
        tree = (self.scheme or load_label_tree()).subset(map(str, self.classes_))
        if len(tree.entities) < len(self.classes_):
            raise LabelError(
                f"two labels mean one entity: {', '.join(map(str, self.classes_))} are "
                f"{len(tree.entities)} entities of the label tree. Write each entity in one "
                "way, or give the label tree as scheme."
            )
        model = TrainedModel(
            feature_names=tuple(map(str, self.feature_names_in_)),
            tree=tree,
            predictor=self.predictor_,
            caution=self._caution(tree),
            recipe=self.recipe_,
            training=self.training_,
        )
        return model.with_card(model_card(model))

    def _caution(self, tree: LabelTree) -> Caution:
        """Fix what an answer must pass."""
        caution = learned_caution(self.held_, self.novelty_, tree, self.confidence)
        if self.min_probability is None:
            return caution
        return replace(caution, levels=Levels.equal(self.min_probability))

    def save(self, path: Path | str) -> None:
        """Write the model as one file, without pickle.

        Parameters
        ----------
        path : path-like
            Usually ends in ``.flowml``.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        save_model(self.trained(), path)
