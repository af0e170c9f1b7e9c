"""The whole evaluation of a way of training: splits, models, judgement, baselines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowml.cases import patients_of
from flowml.errors import FlowmlError, LabelError
from flowml.features import make_recipe
from flowml.judging import Draws, Judgement, judge_answered
from flowml.judging.beside import Beside, beside
from flowml.judging.compare import Difference, difference
from flowml.judging.judge import DEFAULT_JUDGING, JudgeSettings
from flowml.reading import DEFAULT_READING, Cases, Progress, Reading, extract_table, found_cases
from flowml.safety import listed, printable
from flowml.training import (
    DEFAULT_SETTINGS,
    TrainingSettings,
    canonical_labels,
    labelled_cases,
)
from flowml.validation.baselines import answered_of, baseline_answers
from flowml.validation.circumstances import (
    PATIENT,
    Circumstances,
    circumstances_of,
    column_of,
    days_of,
)
from flowml.validation.controls import shuffled
from flowml.validation.crossvalidation import OutOfFold, cross_validate, tables_of
from flowml.validation.splits import Splits, by_patient, leave_out, train_before

if TYPE_CHECKING:
    from flowml.features import FeatureTable, Recipe
    from flowml.features.columns import OtherResults
    from flowml.records import Case

THE_MODEL = "flowml"


@dataclass(frozen=True)
class Parting:
    """How cases are parted into training and test; one of three ways.

    Parameters
    ----------
    folds, repeats : int
        Folds by patient, and how many times; 0 folds for another way.
    leave_out : str
        ``instrument``, ``panel`` or ``laboratory``; empty for another way.
    is_by_day : bool
        Whether early cases train and late ones are tested.
    first_day : date or None
        First day of the test; None takes the middle one.
    seed : int
        Of the folds.

    Raises
    ------
    FlowmlError
        If none or several ways are given.
    """

    folds: int = 0
    repeats: int = 1
    leave_out: str = ""
    is_by_day: bool = False
    first_day: dt.date | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.folds > 0) + bool(self.leave_out) + self.is_by_day != 1:
            raise FlowmlError(
                "cases are parted in one way: by folds, by leaving out, or by the day. "
                "Choose one."
            )

    def splits(
        self, labels: Sequence[str], groups: Sequence[str], about: Circumstances
    ) -> Splits:
        """Part cases.

        Parameters
        ----------
        labels, groups : sequence of str
            Entity and patient of each case.
        about : Circumstances
            Of the cases.

        Returns
        -------
        Splits
            No patient is on both sides of any.
        """
        if self.leave_out:
            return leave_out(self.leave_out, about.of(self.leave_out), labels, groups)
        if self.is_by_day:
            return train_before(self.first_day, about.days, labels, groups)
        return by_patient(labels, groups, self.folds, self.repeats, self.seed)


@dataclass(frozen=True)
class Validating:
    """How models are trained and judged.

    Parameters
    ----------
    settings : TrainingSettings
        How each model is trained.
    judging : JudgeSettings
        How answers are judged.
    by : tuple of str
        Columns by which cases are parted.
    is_shuffled : bool
        Whether patients are given labels at random: a control, which must be at chance.
    progress, trained : callable, optional
        Called with the number of cases read, and of models trained.
    """

    settings: TrainingSettings = DEFAULT_SETTINGS
    judging: JudgeSettings = DEFAULT_JUDGING
    by: tuple[str, ...] = ()
    is_shuffled: bool = False
    progress: Progress | None = None
    trained: Progress | None = None


@dataclass(frozen=True, eq=False)
class Trial:
    """One recipe on all splits.

    Parameters
    ----------
    recipe : str
        Its name.
    out : OutOfFold
        Answers.
    judgement : Judgement
        Held against the labels.
    difference : Difference or None
        From the first recipe; None for that one.
    """

    recipe: str
    out: OutOfFold
    judgement: Judgement
    difference: Difference | None = None


@dataclass(frozen=True, eq=False)
class Validation:
    """What a way of training is worth on cases that it has not seen.

    Parameters
    ----------
    trials : tuple of Trial
        One for each recipe, on the same splits.
    beside : tuple of Beside
        The first recipe's model, then the baselines; every case answered.
    splits : Splits
        Which cases trained and which were tested.
    table : FeatureTable
        Of all cases; of a recipe that learns nothing.
    labels : tuple of str
        Entity of each case; wrong on purpose if `is_shuffled`.
    notes : tuple of str
        What must be known of the cases.
    is_shuffled : bool
        Whether patients were given labels at random.
    """

    trials: tuple[Trial, ...]
    beside: tuple[Beside, ...]
    splits: Splits
    table: FeatureTable
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    is_shuffled: bool = False


@dataclass(frozen=True, eq=False)
class _Cohort:
    """Cases with what is known of them, in one order."""

    cases: list[Case]
    table: FeatureTable
    labels: list[str]
    groups: list[str]
    about: Circumstances
    notes: list[str] = field(default_factory=list)


def validate(
    cases: Cases,
    labels: Mapping[str, str],
    parting: Parting,
    recipes: Sequence[Recipe] = (),
    *,
    columns: Sequence[OtherResults] = (),
    reading: Reading = DEFAULT_READING,
    how: Validating | None = None,
) -> Validation:
    """Train and test again and again, no patient on both sides.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them; those without a label are not read. A ``patient_id``
        among their details says which are of one patient.
    labels : mapping of str to str
        Case id to entity.
    parting : Parting
        How cases are parted.
    recipes : sequence of Recipe
        Held against the first of them; ``ecdf`` if there are none.
    columns : sequence of OtherResults
        Results of other methods, joined to the features.
    reading : Reading
        How files are read.
    how : Validating, optional
        How models are trained and judged.

    Returns
    -------
    Validation
        Nothing in it was fitted on a case that was tested.

    Raises
    ------
    LabelError
        If there are too few labelled cases for the splits.
    FlowmlError
        If no case has a column by which they shall be told apart.
    """
    todo = how or Validating()
    plans = list(recipes) or [make_recipe("ecdf")]
    cohort = _cohort(cases, labels, plans, columns, reading, todo)
    by = {name: column_of(cohort.about, name) for name in todo.by}
    splits = parting.splits(cohort.labels, cohort.groups, cohort.about)
    outs = [
        _tried(plan, cohort, splits, columns, reading, todo, number * len(splits.parts))
        for number, plan in enumerate(plans)
    ]
    answers = [answered_of(out, cohort.labels) for out in outs]
    first, groups = outs[0], outs[0].of(cohort.groups)
    judgements = [
        judge_answered(
            each,
            groups,
            [int(number) for number in first.splits],
            {name: first.of(values) for name, values in by.items()},
            todo.judging,
        )
        for each in answers
    ]
    draws = Draws.of(groups, answers[0].weights, seed=todo.judging.seed,
                     resamples=todo.judging.resamples)  # fmt: skip
    apart = [None, *(difference(each, answers[0], draws) for each in answers[1:])]
    trials = map(Trial, _names(plans), outs, judgements, apart)
    every = {THE_MODEL: answers[0]} | baseline_answers(
        cohort.table, cohort.about, cohort.labels, splits, todo.settings.seed
    )
    settings = todo.judging
    return Validation(
        tuple(trials),
        tuple(
            beside(name, each, groups, first.splits, settings.seed, settings.resamples)
            for name, each in every.items()
        ),
        splits,
        cohort.table,
        tuple(cohort.labels),
        (*cohort.notes, *splits.notes),
        todo.is_shuffled,
    )


def _names(plans: Sequence[Recipe]) -> list[str]:
    """Name recipes; of two by one name each gets its number."""
    names = [plan.name for plan in plans]
    return [
        f"{name} ({n})" if names.count(name) > 1 else name for n, name in enumerate(names, 1)
    ]


def _cohort(
    cases: Cases,
    labels: Mapping[str, str],
    plans: Sequence[Recipe],
    columns: Sequence[OtherResults],
    reading: Reading,
    todo: Validating,
) -> _Cohort:
    """Read the cases once, and gather what is known of them."""
    known = canonical_labels(labels)
    chosen = labelled_cases(found_cases(cases), known)
    own = [known[case.case_id] for case in chosen]
    if len(set(own)) < 2:
        raise LabelError(
            f"all {len(own)} labelled cases are {own[0]}, expected two or more entities."
        )
    fixed = next((plan for plan in plans if not plan.learns), make_recipe("ecdf"))
    table = extract_table(chosen, fixed, reading, todo.progress, columns)
    about = circumstances_of(table, [c.details for c in chosen], days_of(chosen, reading))
    patients = patients_of(chosen, table.case_ids)
    groups, notes = joined_patients(table, patients)
    if not any(case.details.get(PATIENT) for case in chosen):
        notes.append(
            f"no case tells its patient ({PATIENT}): each counts as one of its own, and a "
            "patient with several cases would be on both sides"
        )
    if fixed.name != plans[0].name or todo.settings.align:
        notes.append(f"the baselines see the features of {fixed.name}, not aligned")
    given = shuffled(own, groups, todo.settings.seed) if todo.is_shuffled else own
    return _Cohort(chosen, table, given, groups, about, notes)


def joined_patients(
    table: FeatureTable, patients: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Take patients for one whose cases hold the same file.

    Parameters
    ----------
    table : FeatureTable
        With the SHA-256 of files, where they were taken.
    patients : sequence of str
        Of each case.

    Returns
    -------
    groups : list of str
        Of each case.
    notes : list of str
        Which cases were joined.
    """
    groups, seen, twice = list(patients), dict[str, int](), list[str]()
    for row, case in enumerate(table.cases):
        for digest in {tube.sha256 for tube in case.tubes} - {""}:
            before = seen.setdefault(digest, row)
            if groups[before] != groups[row]:
                old, new = groups[row], groups[before]
                groups = [new if group == old else group for group in groups]
                twice.append(f"{table.case_ids[before]} and {case.case_id}")
    if not twice:
        return groups, []
    shown = listed(printable(pair, 80) for pair in twice)
    return groups, [f"cases that hold one file are taken for one patient: {shown}"]


def _tried(
    plan: Recipe,
    cohort: _Cohort,
    splits: Splits,
    columns: Sequence[OtherResults],
    reading: Reading,
    todo: Validating,
    done: int,
) -> OutOfFold:
    """Try one recipe; files are read again only where features differ."""
    table: Any = cohort.table
    if plan.learns or todo.settings.align:
        table = tables_of(cohort.cases, cohort.labels, plan, reading, todo.settings, columns)
    elif table.recipe != plan.learn([]):
        table = extract_table(cohort.cases, plan, reading, None, columns)

    def _count(number: int) -> None:
        if todo.trained is not None:
            todo.trained(done + number)

    return cross_validate(
        table, cohort.labels, cohort.groups, todo.settings, splits, progress=_count
    )
