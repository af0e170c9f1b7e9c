"""The whole evaluation of a way of training: splits, models, judgement, baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowml.cases import patients_of
from flowml.cases.labels import PATIENT
from flowml.errors import LabelError
from flowml.features import DEFAULT_RECIPE, make_recipe
from flowml.judging import Answered, Draws, Judgement, judge_answered
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
    Circumstances,
    circumstances_of,
    column_of,
    days_of,
)
from flowml.validation.controls import shuffled
from flowml.validation.crossvalidation import OutOfFold, Tables, cross_validate, tables_of
from flowml.validation.parting import Parting
from flowml.validation.splits import Splits

if TYPE_CHECKING:
    from flowml.features import FeatureTable, Recipe
    from flowml.features.columns import OtherResults
    from flowml.records import Case

THE_MODEL, TABLE = "flowml", "table of features"  # what is tried, where it has no other name
FIXED = "ecdf"  # for the baselines, where all recipes learn: cheap, and learns nothing


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
        Held against the first of them; the usual one (`DEFAULT_RECIPE`) if there are none.
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
    plans = list(recipes) or [make_recipe(DEFAULT_RECIPE)]
    cohort = _cohort(cases, labels, plans, columns, reading, todo)
    tables = [_table_of(plan, cohort, columns, reading, todo) for plan in plans]
    return _validated(cohort, dict(zip(_names(plans), tables, strict=True)), parting, todo)


def validate_table(
    table: FeatureTable,
    labels: Sequence[str],
    patients: Sequence[str],
    parting: Parting,
    details: Sequence[Mapping[str, str]] | None = None,
    how: Validating | None = None,
) -> Validation:
    """Train and test again and again on features that are there already, of any origin.

    Parameters
    ----------
    table : FeatureTable
        A row for each case, by nothing that learned of them.
    labels : sequence of str
        Entity of each case, by any name that the label tree knows.
    patients : sequence of str
        Of each case; its own id where none is known.
    parting : Parting
        How cases are parted.
    details : sequence of mapping of str to str, optional
        What is said of each case (``instrument``, ``laboratory``, ``date``, columns).
    how : Validating, optional
        How models are trained and judged.

    Returns
    -------
    Validation
        Nothing in it was fitted on a case that was tested.

    Raises
    ------
    LabelError
        If there are too few cases for the splits, or not as many labels as cases.
    FlowmlError
        If no case has a column by which they shall be told apart.
    """
    todo = how or Validating()
    if not len(table.cases) == len(labels) == len(patients):
        raise LabelError(
            f"there are {len(labels)} labels and {len(patients)} patients for "
            f"{len(table.cases)} cases, expected one of each for every case."
        )
    known = canonical_labels(
        dict(zip(table.case_ids, labels, strict=True)), todo.settings.scheme
    )
    own = [known[case_id] for case_id in table.case_ids]
    groups, notes = _grouped(table, patients)
    given = shuffled(own, groups, todo.settings.seed) if todo.is_shuffled else own
    about = circumstances_of(table, details)
    cohort = _Cohort([], table, given, groups, about, notes)
    return _validated(cohort, {TABLE: table}, parting, todo)


def _validated(
    cohort: _Cohort,
    tables: Mapping[str, FeatureTable | Tables],
    parting: Parting,
    todo: Validating,
) -> Validation:
    """Try each table on the same splits, and hold all against the labels."""
    judging, seed, tree = todo.judging, todo.settings.seed, todo.settings.tree
    by = {name: column_of(cohort.about, name) for name in todo.by}
    splits = parting.splits(cohort.labels, cohort.groups, cohort.about)
    outs = [
        _tried(table, cohort, splits, todo, number * len(splits.parts))
        for number, table in enumerate(tables.values())
    ]
    answers = [answered_of(out, cohort.labels, tree) for out in outs]
    first, groups = outs[0], outs[0].of(cohort.groups)
    columns = {name: first.of(values) for name, values in by.items()}
    parts = [int(number) for number in first.splits]
    judgements = [judge_answered(each, groups, parts, columns, judging) for each in answers]
    every = {THE_MODEL: answers[0]}
    every |= baseline_answers(cohort.table, cohort.about, cohort.labels, splits, tree, seed)
    return Validation(
        tuple(map(Trial, tables, outs, judgements, _apart(answers, groups, judging))),
        tuple(
            beside(name, each, groups, parts, judging.seed, judging.resamples)
            for name, each in every.items()
        ),
        splits,
        cohort.table,
        tuple(cohort.labels),
        (*cohort.notes, *splits.notes),
        todo.is_shuffled,
    )


def _apart(
    answers: Sequence[Answered], groups: Sequence[str], judging: JudgeSettings
) -> list[Difference | None]:
    """Hold all but the first against the first."""
    weights, seed = answers[0].weights, judging.seed
    draws = Draws.of(groups, weights, seed=seed, resamples=judging.resamples)
    return [None, *(difference(each, answers[0], draws) for each in answers[1:])]


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
    known = canonical_labels(labels, todo.settings.scheme)
    chosen = labelled_cases(found_cases(cases), known)
    own = [known[case.case_id] for case in chosen]
    if len(set(own)) < 2:
        raise LabelError(
            f"all {len(own)} labelled cases are {own[0]}, expected two or more entities."
        )
    fixed = next((plan for plan in plans if not plan.learns), make_recipe(FIXED))
    table = extract_table(chosen, fixed, reading, todo.progress, columns)
    about = circumstances_of(table, [c.details for c in chosen], days_of(chosen, reading))
    groups, notes = _grouped(table, patients_of(chosen, table.case_ids))
    if fixed.name != plans[0].name or todo.settings.align:
        notes.append(f"the baselines see the features of {fixed.name}, not aligned")
    given = shuffled(own, groups, todo.settings.seed) if todo.is_shuffled else own
    return _Cohort(chosen, table, given, groups, about, notes)


def _grouped(table: FeatureTable, patients: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the patients, and what must be known of them."""
    groups, notes = joined_patients(table, patients)
    if list(patients) == list(table.case_ids):
        notes.append(
            f"no case tells its patient ({PATIENT}): each counts as one of its own, and a "
            "patient with several cases would be on both sides"
        )
    return groups, notes


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


def _table_of(
    plan: Recipe,
    cohort: _Cohort,
    columns: Sequence[OtherResults],
    reading: Reading,
    todo: Validating,
) -> FeatureTable | Tables:
    """Return what one recipe makes; files are read again only where features differ."""
    if plan.learns or todo.settings.align:
        return tables_of(cohort.cases, cohort.labels, plan, reading, todo.settings, columns)
    if cohort.table.recipe == plan.learn([]):
        return cohort.table
    return extract_table(cohort.cases, plan, reading, None, columns)


def _tried(
    table: FeatureTable | Tables, cohort: _Cohort, splits: Splits, todo: Validating, done: int
) -> OutOfFold:
    def _count(number: int) -> None:
        if todo.trained is not None:
            todo.trained(done + number)

    return cross_validate(
        table, cohort.labels, cohort.groups, todo.settings, splits, progress=_count
    )
