"""Predictions and labels as arrays, level by level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import LabelError
from flowml.models.answer import NOT_SETTLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.knowledge import LabelTree
    from flowml.knowledge.labels import Entity
    from flowml.models import Prediction

    Codes = NDArray[np.int64]
    Floats = NDArray[np.float64]

LINEAGE, CATEGORY, ANSWER, ENTITY = LEVELS = (
    "lineage", "category", "leukemia_vs_lymphoma", "entity",
)  # fmt: skip
_FIELDS = {LINEAGE: "lineage", CATEGORY: "category", ANSWER: "answer", ENTITY: "name"}
NONE = -1  # code of a case without an answer


@dataclass(frozen=True, eq=False)
class Level:
    """Truth and answers on one level of the label tree.

    Parameters
    ----------
    name : str
        One of `LEVELS`.
    classes : tuple of str
        What the codes stand for.
    truth : ndarray, shape (n_cases,), int64
        By the labels.
    given : ndarray, shape (n_cases,), int64
        As answered; `NONE` where nothing was settled.
    chances : ndarray, shape (n_cases, n_classes), float64
        Probabilities; NaN throughout where the model could not be asked.
    """

    name: str
    classes: tuple[str, ...]
    truth: Codes
    given: Codes
    chances: Floats

    @property
    def forced(self) -> Codes:
        """The most probable class, shape (n_cases,); `NONE` where there are no chances."""
        best = np.nan_to_num(self.chances, nan=0.0).argmax(axis=1)
        return np.where(self.was_asked, best, NONE)

    @property
    def was_asked(self) -> NDArray[np.bool_]:
        """Which cases have probabilities, shape (n_cases,)."""
        return np.asarray(np.isfinite(self.chances).all(axis=1))

    def is_class(self, codes: Codes, *names: str) -> NDArray[np.bool_]:
        """Tell the cases of some classes.

        Parameters
        ----------
        codes : ndarray, shape (n_cases,), int64
            Truth or answers.
        *names : str
            Of classes; one that there is not has no cases.

        Returns
        -------
        ndarray, shape (n_cases,), bool
            True where the code is of one of them.
        """
        return np.isin(codes, [self.classes.index(n) for n in names if n in self.classes])

    def chance_of(self, *names: str) -> Floats:
        """Return the summed probability of some classes, shape (n_cases,).

        Parameters
        ----------
        *names : str
            Of classes.

        Returns
        -------
        ndarray, shape (n_cases,), float64
            NaN where the model could not be asked.
        """
        columns = [self.classes.index(name) for name in names if name in self.classes]
        return np.asarray(self.chances[:, columns].sum(axis=1) + 0 * self.chances[:, 0])


@dataclass(frozen=True, eq=False)
class Answered:
    """Cases with their labels and what was said of them.

    Parameters
    ----------
    case_ids : tuple of str
        A case that was asked about several times stands there as often.
    levels : mapping of str to Level
        By name, in the order of `LEVELS`.
    decisions : tuple of str
        ``auto``, ``review`` or ``urgent``.
    """

    case_ids: tuple[str, ...]
    levels: Mapping[str, Level]
    decisions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.case_ids)

    @property
    def weights(self) -> Floats:
        """One over how often each case was asked about, shape (n_cases,)."""
        _, place, counts = np.unique(
            np.array(self.case_ids, dtype=str), return_inverse=True, return_counts=True
        )
        return np.asarray(1.0 / counts[place])

    @classmethod
    def of(
        cls, predictions: Sequence[Prediction], labels: Sequence[str], tree: LabelTree
    ) -> Answered:
        """Take predictions apart.

        Parameters
        ----------
        predictions : sequence of Prediction
            One or more.
        labels : sequence of str
            Entity of each, by any name that the tree knows.
        tree : LabelTree
            Knows all entities of labels and predictions.

        Returns
        -------
        Answered
            In the order given.

        Raises
        ------
        LabelError
            If there are no predictions, not as many labels, or a label is no entity.
        """
        truth = _known(len(predictions), labels, tree)
        told = dict.fromkeys(name for p in predictions for name in p.probabilities)
        entities = _in_order({*truth, *told}, tree)
        chances = np.full((len(truth), len(entities)), np.nan)
        for row, prediction in zip(chances, predictions, strict=True):
            if prediction.was_usable:
                row[:] = [prediction.probabilities.get(e.name, 0.0) for e in entities]
        said = {level: [_said(p, level) for p in predictions] for level in LEVELS}
        ids = tuple(p.case_id for p in predictions)
        return cls(
            ids, _levels(entities, truth, chances, said), tuple(p.decision for p in predictions)
        )

    @classmethod
    def forced(
        cls,
        case_ids: Sequence[str],
        chances: Floats,
        names: Sequence[str],
        labels: Sequence[str],
        tree: LabelTree,
    ) -> Answered:
        """Take the most probable class of each level for the answer, however probable.

        Parameters
        ----------
        case_ids : sequence of str
            The cases.
        chances : ndarray, shape (n_cases, n_entities), float64
            Probabilities.
        names : sequence of str
            Entities of the columns.
        labels : sequence of str
            Entity of each case.
        tree : LabelTree
            Knows all of them.

        Returns
        -------
        Answered
            Decided ``auto`` throughout.

        Raises
        ------
        LabelError
            If there are no cases, not as many labels, or a label is no entity.
        """
        truth = _known(len(case_ids), labels, tree)
        entities = _in_order({*truth, *names}, tree)
        own = dict(zip(names, chances.T, strict=True))
        whole = np.column_stack([own.get(e.name, np.zeros(len(truth))) for e in entities])
        bare = _levels(entities, truth, whole, dict.fromkeys(LEVELS))
        return cls(tuple(case_ids), bare, ("auto",) * len(truth))


def _known(n_cases: int, labels: Sequence[str], tree: LabelTree) -> list[str]:
    """Return canonical labels, one for each case, of which there is at least one."""
    if not n_cases or n_cases != len(labels):
        raise LabelError(
            f"there are {len(labels)} labels for {n_cases} predictions, expected one for each "
            "and one or more. Give the label of every case, in the order of the predictions."
        )
    return [tree.canonical(label) for label in labels]


def _in_order(names: set[str], tree: LabelTree) -> list[Entity]:
    """Return the entities of these names, in the order of the tree."""
    if unknown := sorted(names - set(tree.entities)):
        raise LabelError(
            f"{', '.join(unknown)} are no entities of the label tree. Judge by the tree that "
            "the model was trained with."
        )
    return [entity for name, entity in tree.entities.items() if name in names]


def _said(prediction: Prediction, level: str) -> str:
    if level == ANSWER and prediction.rule == NOT_SETTLED:
        return ""  # "undetermined" is what is said of CLL, and here nothing was said
    return str(getattr(prediction, level))


def _levels(
    entities: Sequence[Entity],
    truth: Sequence[str],
    chances: Floats,
    said: Mapping[str, Sequence[str] | None],
) -> dict[str, Level]:
    """Turn names into codes, and add probabilities up the tree."""
    found = {}
    for name in LEVELS:
        of_entity = {entity.name: str(getattr(entity, _FIELDS[name])) for entity in entities}
        given = said[name]
        classes = tuple(dict.fromkeys([*of_entity.values(), *filter(None, given or ())]))
        code = {each: number for number, each in enumerate(classes)} | {"": NONE}
        member = np.zeros((len(entities), len(classes)))
        member[range(len(entities)), [code[each] for each in of_entity.values()]] = 1.0
        level = Level(name, classes, _codes(truth, of_entity, code),
                      np.empty(0, np.int64), chances @ member)  # fmt: skip
        answers = level.forced if given is None else np.array([code[each] for each in given])
        found[name] = Level(name, classes, level.truth, answers, level.chances)
    return found


def _codes(truth: Sequence[str], of_entity: Mapping[str, str], code: Mapping[str, int]) -> Any:
    return np.array([code[of_entity[name]] for name in truth], dtype=np.int64)
