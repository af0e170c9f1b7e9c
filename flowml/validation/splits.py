"""Which cases train and which are tested: by patient, by instrument, by date.

No patient is on both sides of a split.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import FlowmlError, LabelError
from flowml.safety import listed, printable

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.intp]

FEWEST_FOLDS = 2


@dataclass(frozen=True, eq=False)
class Split:
    """Cases from which a model learns, and those it is tested on.

    Parameters
    ----------
    name : str
        ``repeat 1, fold 2``, or what is left out.
    train, test : ndarray, shape (n,), intp
        Numbers of cases, ascending.
    """

    name: str
    train: Rows
    test: Rows


@dataclass(frozen=True, eq=False)
class Splits:
    """One way of parting cases again and again.

    Parameters
    ----------
    how : str
        In words, for a heading.
    parts : tuple of Split
        One or more.
    notes : tuple of str
        What must be known of them: classes too small, cases left out.
    """

    how: str
    parts: tuple[Split, ...]
    notes: tuple[str, ...] = ()


def by_patient(
    labels: Sequence[str], groups: Sequence[str], folds: int, repeats: int = 1, seed: int = 0
) -> Splits:
    """Part cases into folds of like composition, several times over.

    Parameters
    ----------
    labels : sequence of str
        Entity of each case.
    groups : sequence of str
        Patient of each case.
    folds : int
        Parts, 2 or more; each is tested once.
    repeats : int
        Times that all cases are parted anew.
    seed : int
        Of the first time; the next has the next one.

    Returns
    -------
    Splits
        With a note for each class of fewer patients than folds.

    Raises
    ------
    FlowmlError
        If there are fewer than two folds, or no repeat.
    LabelError
        If there are fewer patients than folds, or no class has a case for each.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    _check_folds(labels, groups, folds, repeats)
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    patients = np.unique(np.asarray(groups), return_inverse=True)[1]
    parts = []
    for repeat in range(repeats):
        cut = StratifiedGroupKFold(folds, shuffle=True, random_state=seed + repeat)
        with warnings.catch_warnings():  # of classes smaller than the folds: we name them
            warnings.simplefilter("ignore", UserWarning)
            every = list(cut.split(codes, codes, patients))
        shown = f"repeat {repeat + 1}, " if repeats > 1 else ""
        parts += [
            Split(f"{shown}fold {number}", np.sort(train), np.sort(test))
            for number, (train, test) in enumerate(every, start=1)
            if len(test)
        ]
    times = f", {repeats} times" if repeats > 1 else ""
    small = _small_classes(names, codes, patients, folds)
    return _checked(f"{folds}-fold cross-validation by patient{times}", parts, labels, small)


def _check_folds(
    labels: Sequence[str], groups: Sequence[str], folds: int, repeats: int
) -> None:
    if folds < FEWEST_FOLDS or repeats < 1:
        raise FlowmlError(
            f"{folds} folds, {repeats} times: expected {FEWEST_FOLDS} folds or more, once or "
            "more often."
        )
    n_patients, most = len(set(groups)), max(Counter(labels).values())
    if min(n_patients, most) < folds:
        raise LabelError(
            f"{n_patients} patients, at most {most} cases of an entity: too few for {folds} "
            "folds. Add labelled cases, or ask for fewer folds."
        )


def _small_classes(
    names: NDArray[np.str_], codes: Rows, patients: Rows, folds: int
) -> list[str]:
    """Say which classes have too few patients to be in the test of every fold."""
    counts = {name: len(set(patients[codes == code])) for code, name in enumerate(names)}
    few = [f"{name} ({n})" for name, n in counts.items() if 1 < n < folds]
    lone = [str(name) for name, n in counts.items() if n == 1]
    notes = []
    if few:
        notes.append(
            f"fewer patients than folds, so that little is known of them: {listed(few)}"
        )
    if lone:
        notes.append(
            "one patient only: a model that is tested on it has never seen another, and "
            f"cannot be right: {listed(lone)}"
        )
    return notes


def leave_out(
    what: str,
    values: Sequence[frozenset[str]],
    labels: Sequence[str],
    groups: Sequence[str],
) -> Splits:
    """Test on the cases of each instrument, panel or laboratory, and train on all others.

    Parameters
    ----------
    what : str
        ``instrument``, ``panel`` or ``laboratory``.
    values : sequence of frozenset of str
        Of each case; several where its tubes differ, none where it is not known.
    labels : sequence of str
        Entity of each case.
    groups : sequence of str
        Patient of each case; who is tested does not train.

    Returns
    -------
    Splits
        One for each value, in order. Cases that do not tell are left out of both sides, as
        they may be of what is left out.

    Raises
    ------
    LabelError
        If fewer than two are known, or no training part has two entities.
    """
    several = sorted(frozenset().union(*values))
    if len(several) < 2:
        found = f"only {printable(several[0])!r}" if several else "none"
        raise LabelError(
            f"the cases tell of {found} as {what}, expected two or more to leave one out. "
            f"{_how_told(what)}"
        )
    known = np.array([bool(own) for own in values])
    parts = []
    for value in several:
        tested = np.array([value in own for own in values])
        parts.append(_apart(f"{what} {printable(value, 60)}", tested, known & ~tested, groups))
    notes = (
        [f"{int((~known).sum())} cases do not tell their {what} and are left out"]
        if not known.all()
        else []
    )
    return _checked(f"leaving out one {what} after the other", parts, labels, notes)


def _how_told(what: str) -> str:
    if what == "laboratory":
        return "Add a column 'laboratory' to the manifest or the label table."
    if what == "instrument":
        return "Files tell it by $CYT and $CYTSN; a manifest may, in a column 'instrument'."
    return "Panels are recognised by the markers of the tubes."


def train_before(
    day: dt.date | None,
    days: Sequence[dt.date | None],
    labels: Sequence[str],
    groups: Sequence[str],
) -> Splits:
    """Train on the cases before a day, and test on the later ones.

    Parameters
    ----------
    day : date or None
        First day of the test; None takes the one in the middle of the cases.
    days : sequence of date or None
        Of each case; None where it is not known.
    labels : sequence of str
        Entity of each case.
    groups : sequence of str
        Patient of each case; who is tested does not train.

    Returns
    -------
    Splits
        One split. Cases without a day are left out of both sides.

    Raises
    ------
    LabelError
        If no case is early, or none late, or the early ones are of one entity.
    """
    known = sorted(own for own in days if own is not None)
    if not known:
        raise LabelError(
            "no case tells its day. Files tell it by $DATE; a manifest may, in a column 'date'."
        )
    first = day or known[len(known) // 2]
    early = np.array([own is not None and own < first for own in days])
    late = np.array([own is not None and own >= first for own in days])
    if not early.any() or not late.any():
        raise LabelError(
            f"{early.sum()} cases before {first} and {late.sum()} later; they lie from "
            f"{known[0]} to {known[-1]}. Choose a day between."
        )
    lost = len(days) - len(known)
    notes = [f"{lost} cases do not tell their day and are left out"] if lost else []
    part = _apart(f"from {first} on", late, early, groups)
    return _checked(f"trained before {first}, tested from then on", [part], labels, notes)


def _apart(
    name: str, tested: NDArray[np.bool_], others: NDArray[np.bool_], groups: Sequence[str]
) -> Split:
    """Take the patients who are tested out of training."""
    patients = np.asarray(groups)
    seen = np.isin(patients, patients[tested])
    return Split(name, np.flatnonzero(others & ~seen), np.flatnonzero(tested))


def _checked(
    how: str, parts: Sequence[Split], labels: Sequence[str], notes: Sequence[str]
) -> Splits:
    """Leave out what cannot be trained, and say which tested cases no model can know."""
    entities = np.asarray(labels)
    usable = [part for part in parts if len(set(entities[part.train])) > 1]
    if not usable:
        raise LabelError(
            f"{how}: no training part has two entities. Add labelled cases, or part them in "
            "another way."
        )
    lost = [part.name for part in parts if len(set(entities[part.train])) < 2]
    said = [f"not tested, as the others are of one entity: {listed(lost)}"] if lost else []
    strange = Counter(
        str(entity)
        for part in usable
        for entity in entities[part.test]
        if entity not in set(entities[part.train])
    )
    if strange:
        shown = listed(f"{name} ({n})" for name, n in sorted(strange.items()))
        said.append(f"tested by a model that has not seen the entity, never right: {shown}")
    return Splits(how, tuple(usable), (*notes, *said))
