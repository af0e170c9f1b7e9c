"""From cases to the feature table: how files are read, one after another or by workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.batch import run, stream
from flowml.cases import find_cases
from flowml.errors import CaseError, FlowmlError
from flowml.events import COMPUTE_BLOCK
from flowml.features import (
    DEFAULT_RECIPE,
    FeatureTable,
    FittedRecipe,
    Recipe,
    describe_case,
    make_recipe,
)
from flowml.features.assemble import assemble
from flowml.features.columns import OtherResults, check_methods, join_columns
from flowml.features.recipes.checks import check_alignable
from flowml.knowledge.marker_names import MarkerNames
from flowml.preprocess.compensate import POLICIES
from flowml.quality import Preparation
from flowml.quality.mask import OFF, check_policy
from flowml.records import Case
from flowml.safety import printable

if TYPE_CHECKING:
    import pandas as pd


Progress = Callable[[int], object]
Cases = Sequence[Case] | Path | str


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Parameters
    ----------
    compensation : str
        ``auto``, ``none``, ``file``, ``already`` (the user declares that the data are
        compensated) or the path of a CSV matrix.
    jobs : int
        Worker processes.
    chunk : int
        Events to read at a time; does not change any result.
    hash_files : bool
        Whether the SHA-256 of every file is taken for the record, which costs about as much
        as a third of the features.
    marker_names : MarkerNames, optional
        A laboratory's own names of markers (`flowml.read_marker_names`), for the labels of
        files; samples in memory have their markers already.
    quality : str
        ``off``: tubes are not checked; ``mask``: disturbed stretches, doublets and debris are
        left out; ``strict``: a case with a tube that fails a check cannot be used.
    rules : bool
        Whether the laboratory's own rules are asked of each case while its tubes are open;
        `flowml.pipeline.classify` sets it.

    Raises
    ------
    FlowmlError
        If a number is below 1, the matrix is not there, or the quality is none of these.
    """

    compensation: str = "auto"
    jobs: int = 1
    chunk: int = COMPUTE_BLOCK
    hash_files: bool = True
    marker_names: MarkerNames | None = None
    quality: str = OFF
    rules: bool = False

    def __post_init__(self) -> None:
        for name in ("jobs", "chunk"):
            if (value := getattr(self, name)) < 1:
                raise FlowmlError(f"{name} is {value}, expected 1 or more.")
        check_policy(self.quality)
        policy = self.compensation
        if policy not in POLICIES and not Path(policy).is_file():
            raise FlowmlError(
                f"compensation {printable(policy)!r} is not there. Give "
                f"{', '.join(POLICIES)}, or the path of a CSV file with the spillover matrix."
            )

    @property
    def preparation(self) -> Preparation:
        """How the events of each tube are made ready."""
        return Preparation(self.compensation, self.marker_names, self.quality, self.rules)


DEFAULT_READING = Reading()


def extract(
    cases: Cases,
    recipe: str | Recipe | FittedRecipe = DEFAULT_RECIPE,
    *,
    columns: Sequence[OtherResults] = (),
    jobs: int = 1,
    reading: Reading | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compute the features of cases.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them.
    recipe : str, Recipe or FittedRecipe
        What to compute. A recipe that learns is fitted on these cases: give those of the
        training only, and its `FittedRecipe` for all others.
    columns : sequence of OtherResults
        Results of other methods, to be joined behind the recipe's columns; see
        `flowml.features.columns.read_columns`.
    jobs : int
        Worker processes, where `reading` is not given.
    reading : Reading, optional
        How files are read. Without it files are not hashed, as nothing in the table needs it;
        a model that shall know its training cases again needs ``reading=Reading()``.
    progress : callable, optional
        Called with the number of cases done.

    Returns
    -------
    DataFrame, shape (n_cases, n_features), float32
        One row a case, index ``case_id``; NaN where a marker was not measured or a result is
        not known, everywhere if the case cannot be used. ``attrs`` carries the recipe and the
        findings.

    Raises
    ------
    FlowmlError
        If there are no cases, the recipe is unknown, or two `columns` are of one method.
    """
    how = reading or Reading(jobs=jobs, hash_files=False)
    return extract_table(cases, recipe, how, progress, columns).to_frame()


def extract_table(
    cases: Cases,
    recipe: str | Recipe | FittedRecipe = DEFAULT_RECIPE,
    reading: Reading = DEFAULT_READING,
    progress: Progress | None = None,
    columns: Sequence[OtherResults] = (),
    *,
    hidden: Sequence[str] = (),
    normals: Collection[str] | None = None,
) -> FeatureTable:
    """Compute the features of cases, as a record of arrays.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them.
    recipe : str, Recipe or FittedRecipe
        What to compute.
    reading : Reading
        How files are read.
    progress : callable, optional
        Called with the number of cases done.
    columns : sequence of OtherResults
        Results of other methods, to be joined behind the recipe's columns.
    hidden : sequence of str
        Markers that are taken as not measured, to try out what stands in for them.
    normals : collection of str, optional
        Ids of the normal cases, by which instruments are aligned; not aligned if not given, and
        a fitted recipe stays as it is.

    Returns
    -------
    FeatureTable
        The same for any number of workers, order of files and chunk.

    Raises
    ------
    FlowmlError
        If there are no cases, the recipe is unknown, or two `columns` are of one method.
    """
    check_methods(columns)
    found = found_cases(cases)
    fitted = _fitted(recipe, found, reading, normals)
    work = partial(
        describe_case,
        recipe=fitted,
        how=reading.preparation,
        chunk=reading.chunk,
        hashed=reading.hash_files,
        hidden=tuple(hidden),
    )
    rows = stream(work, found, jobs=reading.jobs, progress=progress)
    table = assemble(rows, fitted, len(found))
    if not isinstance(recipe, FittedRecipe):
        _refuse_unknown_markers(fitted, table)
    return join_columns(table, columns)


def _refuse_unknown_markers(recipe: FittedRecipe, table: FeatureTable) -> None:
    """Refuse markers that were asked for and that no case has: most likely misspelt."""
    measured = {marker for case in table.cases for tube in case.tubes for marker in tube.tops}
    unknown = [marker for marker in recipe.markers if marker not in measured]
    if unknown and measured:
        raise FlowmlError(
            f"no case has the marker {printable(unknown[0])}; of the markers asked for they "
            f"have {', '.join(sorted(measured)[:20])}. Correct the names, or leave them out."
        )


def found_cases(cases: Cases) -> list[Case]:
    """Return cases, found or given; results go by their ids, so that these must differ.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them.

    Returns
    -------
    list of Case
        One or more, with ids of their own.

    Raises
    ------
    CaseError
        If there are none, or two have one id.
    """
    found = find_cases(cases) if isinstance(cases, (str, Path)) else list(cases)
    double = [key for key, n in Counter(case.case_id for case in found).items() if n > 1]
    if double:
        raise CaseError(
            f"two cases have the id {printable(double[0])!r}. Give each case an id of its own."
        )
    if not found:
        raise CaseError("no cases were given, expected one or more.")
    return found


def _fitted(
    recipe: str | Recipe | FittedRecipe,
    cases: Sequence[Case],
    reading: Reading,
    normals: Collection[str] | None,
) -> FittedRecipe:
    """Fit a recipe on the cases, if it has to learn something; fitted ones stay as they are."""
    if isinstance(recipe, FittedRecipe):
        return recipe
    plan = make_recipe(recipe) if isinstance(recipe, str) else recipe
    if normals is None and not plan.learns:
        return plan.learn([])
    if normals is not None:
        check_alignable(plan.names)  # before all files are read for it
    chosen = cases if plan.learns else [c for c in cases if c.case_id in (normals or ())]
    look = partial(plan.survey, n_cases=len(chosen), how=reading.preparation)
    return plan.learn(run(look, chosen, jobs=reading.jobs), normals)
