"""A model continued on cases of another panel or instrument: what is won, and what is lost.

The training cases are not in a model's file, so that its own margins are where it starts from
(`flowml.models.shifting`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowml.cases import patients_of
from flowml.errors import LabelError, ModelError
from flowml.features import FeatureTable
from flowml.features.chosen import refuse_contradictions
from flowml.features.columns import OtherResults
from flowml.models import TrainedModel
from flowml.models.about import check_data_kind, training_record
from flowml.models.continuing import continue_model
from flowml.models.heldout import Cohort
from flowml.pipeline import model_for_files
from flowml.reading import DEFAULT_READING, Cases, Progress, Reading, extract_table, found_cases
from flowml.safety import listed, printable
from flowml.training import canonical_labels, labelled_cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_CASES = 20  # fewer say nothing that a standard error would not hide
INPUTS = "inputs"  # of a training summary: SHA-256 of what the model has seen


class Labelled(NamedTuple):
    """Cases with their labels.

    Parameters
    ----------
    cases : sequence of Case, or path-like
        Cases, or where to find them; those without a label are not read.
    labels : mapping of str to str
        Case id to entity.
    columns : sequence of OtherResults
        Results of other methods, which some models need.
    """

    cases: Cases
    labels: Mapping[str, str]
    columns: Sequence[OtherResults] = ()


@dataclass(frozen=True)
class Adapting:
    """A model that was continued on new cases.

    Parameters
    ----------
    model : TrainedModel
        An ordinary one.
    record : mapping
        What was tried, won and lost, plain values; also in the model's training summary.
    unusable : mapping of str to str
        New cases that were left out, with the reason.
    old_unusable : mapping of str to str
        The same of old cases.
    """

    model: TrainedModel
    record: Mapping[str, Any]
    unusable: Mapping[str, str] = field(default_factory=dict)
    old_unusable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Read:
    """Labelled cases whose features were read.

    Parameters
    ----------
    features : FeatureTable
        A row a case.
    entities : sequence of str
        Of each, canonical.
    patients : sequence of str
        Of each; the case's own id where none is named.
    inputs : sequence of frozenset of str
        SHA-256 of what each was read from.
    """

    features: FeatureTable
    entities: Sequence[str]
    patients: Sequence[str]
    inputs: Sequence[frozenset[str]]

    def kept(self, keep: Sequence[bool]) -> Read:
        """Return some of the cases.

        Parameters
        ----------
        keep : sequence of bool
            One for each.

        Returns
        -------
        Read
            Those for which it is true.
        """
        return Read(
            self.features.rows(keep),
            [*compress(self.entities, keep)],
            [*compress(self.patients, keep)],
            [*compress(self.inputs, keep)],
        )


def adapt_model(
    new: Labelled | tuple[Cases, Mapping[str, str]],
    model: TrainedModel | Path | str,
    *,
    old: Labelled | tuple[Cases, Mapping[str, str]] | None = None,
    reading: Reading = DEFAULT_READING,
    seed: int = 0,
    data_kind: str | None = None,
    progress: Progress | None = None,
) -> Adapting:
    """Continue a model on labelled cases of another laboratory, panel or instrument.

    Parameters
    ----------
    new : Labelled, or (cases, labels)
        Some 30 to 500 cases, with the entities of `FEWEST_CASES` or more; the model must know
        these entities. Patients are told apart by ``patient_id``.
    model : TrainedModel or path-like
        The old model, or the file that holds it; it stays as it is.
    old : Labelled, or (cases, labels), optional
        Cases like those that the old model was trained on, but none of these: what the new
        model has lost is measured on them. Without them the card says that it was not.
    reading : Reading
        How files are read.
    seed : int
        Of the parts of new cases that are held out in turn.
    data_kind : str, optional
        What the new cases are; found from the files if it is not given.
    progress : callable, optional
        Called with the number of new cases done.

    Returns
    -------
    Adapting
        The new model, and what was won and lost.

    Raises
    ------
    LabelError
        If no case has a label, all have the same one, or the model does not know an entity.
    ModelError
        If the model cannot be used, there are too few cases, or an old case is a new one.
    """
    check_data_kind(data_kind)
    trained, _ = model_for_files(model)
    asked = _read(Labelled(*new), trained, reading, progress)
    beside = None if old is None else _read(Labelled(*old), trained, reading, None)
    return continued(trained, asked, beside, seed=seed, data_kind=data_kind)


def _read(
    wanted: Labelled, model: TrainedModel, reading: Reading, progress: Progress | None
) -> Read:
    """Read the features of labelled cases by the model's own recipe."""
    known = known_labels(wanted.labels, model)
    chosen = labelled_cases(found_cases(wanted.cases), known)
    known = {case.case_id: known[case.case_id] for case in chosen}
    refuse_strangers(known, model)
    _, recipe = model_for_files(model)
    table = extract_table(chosen, recipe, reading, progress, wanted.columns)
    patients = patients_of(chosen, table.case_ids)
    inputs = [frozenset(t.sha256 for t in case.tubes if t.sha256) for case in table.cases]
    return Read(table, [known[case_id] for case_id in table.case_ids], patients, inputs)


def known_labels(labels: Mapping[str, str], model: TrainedModel) -> dict[str, str]:
    """Return the canonical entity of each case, by the names that the model or flowml knows.

    Parameters
    ----------
    labels : mapping of str to str
        Case id to entity.
    model : TrainedModel
        Any.

    Returns
    -------
    dict of str to str
        Case id to entity.

    Raises
    ------
    LabelError
        If a label is no entity.
    """
    return canonical_labels(labels, model.tree.widened())


def refuse_strangers(labels: Mapping[str, str], model: TrainedModel) -> None:
    """Refuse entities that a model does not know: it has no margin that could be shifted.

    Parameters
    ----------
    labels : mapping of str to str
        Case id to canonical entity, of cases that are there.
    model : TrainedModel
        Any.

    Raises
    ------
    LabelError
        If there is one.
    """
    strangers = sorted(set(labels.values()) - set(model.entities))
    if strangers:
        n = sum(entity in strangers for entity in labels.values())
        raise LabelError(
            f"the model does not know {printable(listed(strangers), 200)} ({n} of "
            f"{len(labels)} cases); it knows {printable(listed(model.entities), 300)}. Leave "
            "such cases out, or train a model anew on cases of all entities."
        )


def continued(
    model: TrainedModel,
    new: Read,
    old: Read | None = None,
    *,
    seed: int = 0,
    data_kind: str | None = None,
) -> Adapting:
    """Continue a model on cases that were read.

    Parameters
    ----------
    model : TrainedModel
        The old model.
    new, old : Read
        As for `adapt_model`.
    seed : int
        Of the parts.
    data_kind : str, optional
        What the new cases are.

    Returns
    -------
    Adapting
        The same for the same cases, in whatever order.

    Raises
    ------
    LabelError
        If one file has two labels, or all new cases have the same one.
    ModelError
        If there are too few cases, or an old case is a new one.
    """
    usable, unusable = _usable(model, new)
    _refuse_few(usable, unusable)
    refuse_contradictions(usable.features, usable.entities)
    beside, old_unusable = (None, {}) if old is None else _usable(model, old)
    if old is not None and beside is not None:
        _refuse_common(new, beside)
        if not beside.entities:
            first = next(iter(old_unusable.values()))
            raise ModelError(f"none of the old cases can be used; the first: {first}")
    seen = _record(usable, data_kind)
    old_cases = None if beside is None else _cohort(model, beside)
    found, record = continue_model(model, _cohort(model, usable), seen, old_cases, seed)
    return Adapting(found, record, unusable, old_unusable)


def _cohort(model: TrainedModel, asked: Read) -> Cohort:
    """Return cases as numbers, in the order of their ids."""
    order = np.argsort(asked.features.case_ids, kind="stable")
    rows = np.ascontiguousarray(asked.features.columns(model.feature_names)[order], np.float32)
    codes = np.array([model.entities.index(asked.entities[n]) for n in order], dtype=np.int64)
    return Cohort(rows, codes, np.array([asked.patients[n] for n in order]))


def _usable(model: TrainedModel, asked: Read) -> tuple[Read, dict[str, str]]:
    """Leave out cases that the model refuses, or was trained on."""
    seen = frozenset(model.training.get(INPUTS, ()))
    unusable = {}
    for found, inputs in zip(model.predictions(asked.features), asked.inputs, strict=True):
        if not found.was_usable:
            unusable[found.case_id] = found.reason
        elif inputs & seen:
            unusable[found.case_id] = "the model was trained on it; its answer proves nothing"
    return asked.kept([i not in unusable for i in asked.features.case_ids]), unusable


def _refuse_few(new: Read, unusable: Mapping[str, str]) -> None:
    """Refuse cases that cannot tell anything."""
    if len(new.entities) < FEWEST_CASES:
        reasons = [f"; {len(unusable)} cannot, the first: {r}" for r in unusable.values()]
        raise ModelError(
            f"{len(new.entities)} new cases can be used, expected {FEWEST_CASES} or more to "
            f"continue a model on{(reasons or [''])[0]}. Add labelled cases."
        )
    if len(set(new.entities)) == 1:
        raise LabelError(
            f"all {len(new.entities)} new cases that can be used are {new.entities[0]}, "
            "expected two or more entities. Add labelled cases of others; by normal cases "
            "alone an instrument can be aligned ('flowml align')."
        )


def _refuse_common(new: Read, old: Read) -> None:
    """Refuse old cases that are new ones too: what they say of a loss is not true."""
    marks = {mark for case in _marks(new) for mark in case}
    ids = zip(old.features.case_ids, _marks(old), strict=True)
    if common := [case_id for case_id, own in ids if own & marks]:
        raise ModelError(
            f"{len(common)} of {len(old.entities)} old cases are among the new ones, or of the "
            f"same patients, such as {printable(common[0])!r}. Give other old cases."
        )


def _marks(asked: Read) -> list[frozenset[str]]:
    """Return what tells each case from any other: its files, its numbers, its named patient."""
    hashes = row_hashes(asked.features.values)
    lines = zip(asked.features.case_ids, hashes, asked.patients, asked.inputs, strict=True)
    return [
        inputs | {row} | ({f"patient {patient}"} if patient != case_id else set())
        for case_id, row, patient, inputs in lines
    ]


def row_hashes(values: NDArray[np.float32]) -> list[str]:
    """Return what tells each row of numbers from any other.

    Parameters
    ----------
    values : ndarray, shape (n_cases, n_features), float32
        Features.

    Returns
    -------
    list of str
        SHA-256 of each row.
    """
    return [hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest() for row in values]


def _record(new: Read, data_kind: str | None) -> dict[str, Any]:
    """Record of the new cases what later cases are held against."""
    found = training_record(new.features.cases, data_kind)
    return found | {INPUTS: sorted({mark for inputs in new.inputs for mark in inputs})}
