"""Training: labelled cases become a model, and what was left out on the way is said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flowml.cases import patients_of
from flowml.errors import LabelError
from flowml.features import DEFAULT_RECIPE, FeatureTable, Recipe, make_recipe
from flowml.features.chosen import common_features, refuse_contradictions, usable_rows
from flowml.features.columns import OtherResults
from flowml.features.recipes.checks import check_stand_ins, refuse_beside_populations
from flowml.features.recipes.scales import Scales
from flowml.knowledge import LabelTree, load_label_tree
from flowml.knowledge.markers import canonical_markers
from flowml.models.about import check_data_kind, mixed_scales
from flowml.models.absence import TOLERANCE
from flowml.models.levels import CONFIDENCE
from flowml.reading import (
    DEFAULT_READING,
    Cases,
    Progress,
    Reading,
    extract_table,
    found_cases,
)
from flowml.records import Case
from flowml.reports.provenance import policy_name
from flowml.safety import nearest, printable
from flowml.stand_ins import declared_stand_ins, refuse_unknown_stand_ins

if TYPE_CHECKING:
    from flowml.models.classifier import LineageClassifier

NORMAL = "normal"  # entity of the cases by which instruments are aligned


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Parameters
    ----------
    seed : int
        The same seed and cases give the same model.
    optional : sequence of str, or "auto"
        Markers that later cases may lack, if that proves to cost little on training cases
        held out; see `flowml.LineageClassifier`. Patients are told apart by ``patient_id``.
    tolerance : float
        Largest share of cases that may be lost without them.
    stand_ins : sequence of (str, str)
        Markers, and what may stand in for each in a case that has not measured it, if that
        proves to cost as little on training cases that measured both.
    data_kind : str, optional
        ``real``, ``simulated-from-real``, ``resampled`` or ``synthetic``; found from the files
        if it is not given.
    remarks : mapping of str to (str or int)
        Further lines for the model card.
    align : bool
        Whether instruments are aligned, by the training cases that are normal.
    scheme : LabelTree, optional
        A laboratory's own entities (`flowml.read_label_tree`); flowml's if it is not given.
    estimator : str
        ``auto``, ``boosted``, ``logistic`` or ``blend``; see `flowml.LineageClassifier`.
    confidence : float
        Share of cases whose entity is not to be wrong.
    search : int
        How many further settings are tried on cases held out.
    budget : float, optional
        Seconds after which no further setting is tried.

    Raises
    ------
    ModelError
        If the kind of data is none of these.
    FlowmlError
        If the stand-ins are no pairs of markers.
    """

    seed: int = 0
    optional: Sequence[str] | str = ()
    tolerance: float = TOLERANCE
    stand_ins: Sequence[tuple[str, str]] = ()
    data_kind: str | None = None
    remarks: Mapping[str, str | int] = field(default_factory=dict)
    align: bool = False
    scheme: LabelTree | None = None
    estimator: str = "auto"
    confidence: float = CONFIDENCE
    search: int = 0
    budget: float | None = None

    def __post_init__(self) -> None:
        check_data_kind(self.data_kind)
        check_stand_ins(self.pairs)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The stand-ins by their canonical names."""
        named = (
            canonical_markers(pair) if isinstance(pair, list | tuple) else pair
            for pair in self.stand_ins
        )
        return cast("tuple[tuple[str, str], ...]", tuple(named))  # checked once made

    @property
    def tree(self) -> LabelTree:
        """The entities that labels may name."""
        return self.scheme or load_label_tree()

    def classifier(self) -> LineageClassifier:
        """Return a classifier that knows the entities of the scheme, not fitted yet."""
        from flowml.models.classifier import LineageClassifier

        names = self.optional
        return LineageClassifier(
            self.tree,
            random_state=self.seed,
            optional=names if isinstance(names, str) else canonical_markers(names),
            tolerance=self.tolerance,
            estimator=self.estimator,
            confidence=self.confidence,
            search=self.search,
            budget=self.budget,
        )

    def said(self, reading: Reading | None) -> dict[str, Any]:
        """Say for the model card what the cases are, and how they were read.

        Parameters
        ----------
        reading : Reading or None
            How files were read; None for cases of a table.

        Returns
        -------
        dict
            Plain values.
        """
        kind = {"data_kind": self.data_kind} if self.data_kind else {}
        if reading is None:
            return {"seed": self.seed, **self.remarks, **kind}
        own = {"marker_names": str(reading.marker_names)} if reading.marker_names else {}
        policy = policy_name(reading.compensation)
        return {"compensation": policy, **own, "seed": self.seed, **self.remarks, **kind}


DEFAULT_SETTINGS = TrainingSettings()


@dataclass(frozen=True)
class Training:
    """A trained classifier, and what happened on the way.

    Parameters
    ----------
    classifier : LineageClassifier
        Fitted.
    unusable : mapping of str to str
        Case id to the reason why it was left out.
    left_out_markers : tuple of str
        Markers that not every training case measured, and results of other methods that not
        every one has.
    mixed_scales : tuple of str
        Markers whose scales end too far apart to be comparable, among the training cases;
        not those that were aligned.
    not_aligned : mapping of str to int
        Where instruments were to be aligned, those that had too few normal cases, and how many;
        "" stands for cases that do not tell their instrument, or have several.
    """

    classifier: LineageClassifier
    unusable: Mapping[str, str] = field(default_factory=dict)
    left_out_markers: tuple[str, ...] = ()
    mixed_scales: tuple[str, ...] = ()
    not_aligned: Mapping[str, int] = field(default_factory=dict)

    @property
    def aligned(self) -> dict[str, int]:
        """Normal cases of each instrument that was aligned; empty without alignment."""
        recipe = self.classifier.recipe_
        alignment = recipe.scales.alignment if recipe else None
        known = alignment.known if alignment else {}
        return {name: each.normals for name, each in known.items()}


def train(
    cases: Cases,
    labels: Mapping[str, str],
    recipe: str | Recipe = DEFAULT_RECIPE,
    *,
    columns: Sequence[OtherResults] = (),
    reading: Reading = DEFAULT_READING,
    settings: TrainingSettings = DEFAULT_SETTINGS,
    progress: Progress | None = None,
) -> Training:
    """Train a classifier on labelled cases.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them; those without a label are not read.
    labels : mapping of str to str
        Case id to entity.
    recipe : str or Recipe
        Features to train on.
    columns : sequence of OtherResults
        Results of other methods; the model then needs those that every training case has.
    reading : Reading
        How files are read.
    settings : TrainingSettings
        How the model is trained.
    progress : callable, optional
        Called with the number of cases done.

    Returns
    -------
    Training
        The classifier, and what was left out.

    Raises
    ------
    LabelError
        If no case has a label, or an entity is not in the label tree.
    PanelError
        If the cases share no marker.
    FlowmlError
        If an optional marker, or one of a stand-in, is not among those of the cases, two
        `columns` are of one method, or instruments cannot be aligned.
    """
    plan = _planned(recipe, settings)
    known = canonical_labels(labels, settings.scheme)
    chosen = _training_cases(cases, known)
    refuse_unknown_stand_ins(settings.pairs, chosen, reading)
    normals = normal_ids(known) if settings.align else None
    table = extract_table(chosen, plan, reading, progress, columns, normals=normals)
    usable, unusable = usable_rows(table)
    entities = _checked_entities(usable, known)
    common, left_out = common_features(usable)
    frame, patients = usable.to_frame()[common], patients_of(chosen, usable.case_ids)
    pairs = declared_stand_ins(settings.pairs, chosen, usable, common, (reading, columns))
    said = settings.said(reading)
    classifier = settings.classifier().fit(frame, entities, said, patients, pairs)
    few = _not_aligned(usable, normals)
    mixed = mixed_scales(classifier.training_) if normals is None or few else ()
    return Training(classifier, unusable, left_out, mixed, few)


def _planned(recipe: str | Recipe, settings: TrainingSettings) -> Recipe:
    """Return the recipe; what cannot go with it is refused before all files are read for it."""
    plan = make_recipe(recipe) if isinstance(recipe, str) else recipe
    if plan.is_gated:
        refuse_beside_populations(settings.pairs, settings.optional)
    return plan


def normal_ids(labels: Mapping[str, str]) -> frozenset[str]:
    """Return the cases by which instruments may be aligned.

    Parameters
    ----------
    labels : mapping of str to str
        Case id to canonical entity.

    Returns
    -------
    frozenset of str
        Those that are normal; reactive ones are not.
    """
    return frozenset(case_id for case_id, entity in labels.items() if entity == NORMAL)


def _not_aligned(table: FeatureTable, normals: Collection[str] | None) -> dict[str, int]:
    """Count the normal cases of instruments that were not aligned, where they should be."""
    if normals is None:
        return {}
    scales = table.recipe.scales if table.recipe else Scales()
    found: dict[str, int] = {}
    for case in table.cases:
        names = {tube.instrument for tube in case.tubes}
        for name in names:
            if not scales.knows(name):
                is_counted = len(names) == 1 and case.case_id in normals
                found[name] = found.get(name, 0) + is_counted
    return dict(sorted(found.items()))


def _checked_entities(table: FeatureTable, labels: Mapping[str, str]) -> list[str]:
    """Return the entity of each case; there must be two or more, and none for two at once."""
    entities = [labels[case_id] for case_id in table.case_ids]
    _check_entities(entities)
    refuse_contradictions(table, entities)
    return entities


def _training_cases(cases: Cases, labels: Mapping[str, str]) -> list[Case]:
    """Return the cases that have a label; labels must be of two entities or more."""
    chosen = labelled_cases(found_cases(cases), labels)
    _check_entities([labels[case.case_id] for case in chosen])
    return chosen


def canonical_labels(
    labels: Mapping[str, str], tree: LabelTree | None = None
) -> dict[str, str]:
    """Return the canonical entity of each case.

    Parameters
    ----------
    labels : mapping of str to str
        Case id to entity, in any spelling that the label tree knows.
    tree : LabelTree, optional
        flowml's own where it is not given.

    Returns
    -------
    dict of str to str
        Case id to entity.

    Raises
    ------
    LabelError
        If a label is no entity.
    """
    tree = tree or load_label_tree()
    wrong = [key for key, label in labels.items() if not isinstance(label, str)]
    if wrong:
        raise LabelError(
            f"the label of {printable(wrong[0])!r} is {printable(labels[wrong[0]])}, expected "
            "the name of an entity. Leave out cases without a label."
        )
    return {str(case_id): tree.canonical(label) for case_id, label in labels.items()}


def _check_entities(entities: Sequence[str]) -> None:
    """Refuse to train on a single entity."""
    if len(set(entities)) == 1:
        raise LabelError(
            f"all {len(entities)} training cases that can be used are {entities[0]}, expected "
            "two or more entities. Add labelled cases of another entity."
        )


def labelled_cases(cases: Sequence[Case], labels: Mapping[str, str]) -> list[Case]:
    """Return the cases that have a label.

    Parameters
    ----------
    cases : sequence of Case
        Any.
    labels : mapping of str to str
        Case id to entity.

    Returns
    -------
    list of Case
        In order of their ids.

    Raises
    ------
    LabelError
        If there are none.
    """
    chosen = sorted(
        (case for case in cases if case.case_id in labels), key=lambda case: case.case_id
    )
    if not chosen:
        example, ids = next(iter(labels), ""), [case.case_id for case in cases]
        raise LabelError(
            f"none of {len(cases)} cases has a label: the labels are for "
            f"{printable(example)!r} and the like; nearest case: {nearest(example, ids)}. "
            "Labels go by case id."
        )
    return chosen
