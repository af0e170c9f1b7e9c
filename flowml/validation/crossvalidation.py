"""Models of some cases, asked about the others: nothing is fitted on what is tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flowml.batch import run
from flowml.errors import FlowmlError, LabelError
from flowml.features.chosen import common_features, usable_rows
from flowml.features.recipes.checks import check_alignable
from flowml.features.recipes.recipe import LEARNING
from flowml.reading import extract_table
from flowml.training import normal_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features import FeatureTable, FittedRecipe, Recipe
    from flowml.features.columns import OtherResults
    from flowml.features.recipes.learn import Survey
    from flowml.models import Prediction, TrainedModel
    from flowml.reading import Progress, Reading
    from flowml.records import Case
    from flowml.training import TrainingSettings
    from flowml.validation.splits import Split, Splits

Tables = Callable[["Split"], "tuple[FeatureTable, FeatureTable]"]  # training part, tested part


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Answers about cases by models that were not trained on them.

    Parameters
    ----------
    predictions : tuple of Prediction
        Split by split.
    rows : ndarray, shape (n_predictions,), intp
        Number of the case.
    splits : ndarray, shape (n_predictions,), intp
        Number of the split.
    n_features : int
        Features of the first model.
    data_kind : str
        What its training cases are.
    """

    predictions: tuple[Prediction, ...]
    rows: NDArray[np.intp]
    splits: NDArray[np.intp]
    n_features: int
    data_kind: str

    def of(self, values: Sequence[str]) -> list[str]:
        """Return what is said of the case of each prediction.

        Parameters
        ----------
        values : sequence of str
            One for each case: labels, patients, a column.

        Returns
        -------
        list of str
            One for each prediction.
        """
        return [values[row] for row in self.rows]


def cross_validate(
    table: FeatureTable | Tables,
    labels: Sequence[str],
    groups: Sequence[str],
    settings: TrainingSettings,
    splits: Splits,
    progress: Progress | None = None,
) -> OutOfFold:
    """Train on each training part, and answer for the cases that are tested.

    Parameters
    ----------
    table : FeatureTable or callable
        A row for each case; or, for a recipe that learns, what takes a `Split` and returns
        the table of its training part and that of its test.
    labels : sequence of str
        Canonical entity of each case.
    groups : sequence of str
        Patient of each case.
    settings : TrainingSettings
        How each model is trained.
    splits : Splits
        Of the cases, by number.
    progress : callable, optional
        Called with the number of splits done.

    Returns
    -------
    OutOfFold
        As a laboratory would get the answers: with what the panel contract refuses.

    Raises
    ------
    LabelError
        If there are not as many labels or patients as cases, a patient is on both sides, or a
        training part is of one entity.
    PanelError
        If the cases of a training part share no marker.
    FlowmlError
        If a single table is of a recipe that learned of cases, perhaps of those tested.
    """
    tables = table if callable(table) else _fixed(table)
    _check(len(labels) if callable(table) else len(table.cases), labels, groups, splits)
    predictions: list[Prediction] = []
    models: list[TrainedModel] = []
    for number, split in enumerate(splits.parts, start=1):
        own, tested = tables(split)
        entities, patients = ([told[row] for row in split.train] for told in (labels, groups))
        model = learned(own, entities, patients, settings)
        predictions += model.predictions(tested)
        models = models or [model]
        if progress is not None:
            progress(number)
    return OutOfFold(
        tuple(predictions),
        np.concatenate([split.test for split in splits.parts]),
        np.repeat(np.arange(len(splits.parts)), [len(split.test) for split in splits.parts]),
        len(models[0].feature_names),
        str(models[0].training["data_kind"]),
    )


def _fixed(table: FeatureTable) -> Tables:
    """Part one table; refuse features that were fitted on cases that are tested."""
    recipe = table.recipe
    parts = recipe.parts if recipe else ()
    learned_parts = [part.name for part in parts if part.name.split()[0] in LEARNING]
    learned_parts += ["logicle's widths"] if recipe and recipe.scales.widths else []
    learned_parts += ["alignment"] if recipe and recipe.scales.alignment else []
    if learned_parts:
        raise FlowmlError(
            f"the features were computed by what was learned of cases "
            f"({', '.join(learned_parts)}), perhaps of those that are tested. Give a function "
            "that returns the tables of a split, as tables_of does."
        )
    return partial(_parts, table)


def _parts(table: FeatureTable, split: Split) -> tuple[FeatureTable, FeatureTable]:
    numbers = np.arange(len(table.cases))
    return (
        table.rows(np.isin(numbers, split.train).tolist()),
        table.rows(np.isin(numbers, split.test).tolist()),
    )


def _check(n: int, labels: Sequence[str], groups: Sequence[str], splits: Splits) -> None:
    if not len(labels) == len(groups) == n:
        raise LabelError(
            f"there are {len(labels)} labels and {len(groups)} patients for {n} cases, "
            "expected one of each for every case."
        )
    for split in splits.parts:
        if {groups[row] for row in split.train} & {groups[row] for row in split.test}:
            raise LabelError(
                f"{split.name}: a patient is on both sides, expected none. Part the cases by "
                "patient."
            )


def learned(
    table: FeatureTable,
    labels: Sequence[str],
    groups: Sequence[str],
    settings: TrainingSettings,
) -> TrainedModel:
    """Train a model on a table, as `flowml.train` does on files.

    Parameters
    ----------
    table : FeatureTable
        Of the training cases; those with a problem are left out.
    labels, groups : sequence of str
        Entity and patient of each.
    settings : TrainingSettings
        How it is trained.

    Returns
    -------
    TrainedModel
        Ready to be asked.

    Raises
    ------
    LabelError
        If the cases that can be used are of one entity.
    PanelError
        If none can be used, or they share no marker.
    """
    keep = [not case.problem for case in table.cases]
    usable, _ = usable_rows(table)
    entities = [label for label, kept in zip(labels, keep, strict=True) if kept]
    patients = [group for group, kept in zip(groups, keep, strict=True) if kept]
    if len(set(entities)) < 2:
        raise LabelError(
            "the cases of a training part that can be used are of fewer than two entities. Add "
            "labelled cases, or ask for fewer folds."
        )
    frame = usable.to_frame()[common_features(usable)[0]]
    said = settings.said(None)
    return settings.classifier().fit(frame, entities, said, patients).trained()


def tables_of(
    cases: Sequence[Case],
    labels: Sequence[str],
    recipe: Recipe,
    reading: Reading,
    settings: TrainingSettings,
    columns: Sequence[OtherResults] = (),
) -> Tables:
    """Return the tables of a recipe that learns: fitted anew on each training part.

    Every case is looked at once for what may be learned of it; each split then learns from its
    training cases alone.

    Parameters
    ----------
    cases : sequence of Case
        All of them.
    labels : sequence of str
        Canonical entity of each; instruments are aligned by those that are normal.
    recipe : Recipe
        Learns, or shall be aligned.
    reading : Reading
        How files are read.
    settings : TrainingSettings
        Say whether instruments are aligned.
    columns : sequence of OtherResults
        Results of other methods, to be joined.

    Returns
    -------
    callable
        For `cross_validate`.

    Raises
    ------
    FlowmlError
        If the recipe cannot be aligned.
    """
    of_case = {case.case_id: label for case, label in zip(cases, labels, strict=True)}
    normals = normal_ids(of_case) if settings.align else None
    if normals is not None:
        check_alignable(recipe.names)
    look = partial(recipe.survey, n_cases=len(cases), how=reading.preparation)
    shown = [case for case in cases if recipe.learns or case.case_id in (normals or ())]
    seen = {survey.case_id: survey for survey in run(look, shown, jobs=reading.jobs)}

    def _of(split: Split) -> tuple[FeatureTable, FeatureTable]:
        train, test = ([cases[row] for row in rows] for rows in (split.train, split.test))
        fitted = _learn(recipe, [seen[c.case_id] for c in train if c.case_id in seen], normals)
        table = extract_table([*train, *test], fitted, reading, None, columns)
        is_train = [number < len(train) for number in range(len(table.cases))]
        return table.rows(is_train), table.rows([not own for own in is_train])

    return _of


def _learn(
    recipe: Recipe, surveys: Sequence[Survey], normals: frozenset[str] | None
) -> FittedRecipe:
    own = None if normals is None else normals & {survey.case_id for survey in surveys}
    return recipe.learn(surveys, own)
