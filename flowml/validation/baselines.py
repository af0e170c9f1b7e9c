"""What a simple answer would have reached on the same splits, and what must reach nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.judging import Answered
from flowml.threads import one_thread
from flowml.validation.circumstances import metadata, missingness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features import FeatureTable
    from flowml.knowledge import LabelTree
    from flowml.validation.circumstances import Circumstances
    from flowml.validation.crossvalidation import OutOfFold
    from flowml.validation.splits import Splits

    Floats = NDArray[np.float64]

MAJORITY, METADATA, MISSING = "majority class", "metadata only", "missingness only"
LOGISTIC, TREE = "logistic regression", "decision tree"
TREES = 100  # of the forest that looks for leaks
LEAKS = (METADATA, MISSING)  # must be at chance


def model_of(name: str, seed: int) -> Any:
    """Return a method that is not fitted yet.

    Parameters
    ----------
    name : str
        A key of `METHODS`.
    seed : int
        Of what is random in it.

    Returns
    -------
    estimator
        Of scikit-learn; takes NaN.
    """
    return METHODS[name](seed)


def _majority(_seed: int) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, min_samples_leaf=3, random_state=seed, n_jobs=1)


def _logistic(_seed: int) -> Any:
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(keep_empty_features=True),
        VarianceThreshold(),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300),
    )


def _tree(seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(min_samples_leaf=2, random_state=seed)


METHODS: dict[str, Callable[[int], Any]] = {
    MAJORITY: _majority,
    METADATA: _forest,
    MISSING: _forest,
    LOGISTIC: _logistic,
    TREE: _tree,
}


def baseline_answers(
    table: FeatureTable,
    about: Circumstances,
    labels: Sequence[str],
    splits: Splits,
    tree: LabelTree,
    seed: int = 0,
    names: Sequence[str] = tuple(METHODS),
) -> dict[str, Answered]:
    """Answer for every tested case by simple methods.

    Parameters
    ----------
    table : FeatureTable
        A row for each case, by a recipe that learns nothing of them.
    about : Circumstances
        Of the cases.
    labels : sequence of str
        Canonical entity of each case.
    splits : Splits
        Of the cases.
    tree : LabelTree
        Knows the entities of the labels.
    seed : int
        Of what is random.
    names : sequence of str
        Keys of `METHODS`.

    Returns
    -------
    dict of str to Answered
        By method; each in the order of `cross_validate`. Each is fitted on the training cases
        of a split that can be used.
    """
    usable = np.array([not case.problem for case in table.cases])
    entities = sorted(set(labels))
    codes = np.array([entities.index(label) for label in labels])
    rows = np.concatenate([split.test for split in splits.parts])
    ids = [table.case_ids[row] for row in rows]
    given = {METADATA: lambda: metadata(table, about), MISSING: lambda: missingness(table)}
    found = {}
    for name in names:
        values = given[name]() if name in given else table.values
        with one_thread():
            parts = [
                chances_of(
                    name, values, codes, split.train[usable[split.train]], split.test, seed
                )
                for split in splits.parts
            ]
        chances = np.zeros((len(rows), len(entities)))
        chances[:] = np.concatenate([_widened(part, len(entities)) for part in parts])
        chances[~usable[rows]] = np.nan
        truth = [labels[row] for row in rows]
        found[name] = Answered.forced(ids, chances, entities, truth, tree)
    return found


def chances_of(
    name: str,
    values: NDArray[np.float32],
    codes: NDArray[np.intp],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    seed: int,
) -> tuple[NDArray[np.intp], Floats]:
    """Learn of some rows, and return the probabilities of others.

    Parameters
    ----------
    name : str
        A key of `METHODS`.
    values : ndarray, shape (n_cases, n_columns), float32
        NaN is missing.
    codes : ndarray, shape (n_cases,), intp
        Classes.
    train, test : ndarray, intp
        Numbers of cases.
    seed : int
        Of what is random.

    Returns
    -------
    classes : ndarray, shape (n_known,), intp
        Codes of the training cases.
    chances : ndarray, shape (n_test, n_known), float64
        In that order.
    """
    from sklearn.exceptions import ConvergenceWarning

    known, own = np.unique(codes[train], return_inverse=True)
    rows = values if values.shape[1] else np.zeros((len(values), 1), np.float32)
    with warnings.catch_warnings():  # far enough for a baseline
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = model_of(name, seed).fit(rows[train], own)
    return known, np.asarray(model.predict_proba(rows[test]), dtype=np.float64)


def _widened(part: tuple[NDArray[np.intp], Floats], n_classes: int) -> Floats:
    known, chances = part
    whole = np.zeros((len(chances), n_classes))
    whole[:, known] = chances
    return whole


def answered_of(out: OutOfFold, labels: Sequence[str], tree: LabelTree) -> Answered:
    """Take the answers of a cross-validation apart.

    Parameters
    ----------
    out : OutOfFold
        Answers.
    labels : sequence of str
        Entity of each case.
    tree : LabelTree
        Knows the entities of labels and answers.

    Returns
    -------
    Answered
        On every level of the tree.
    """
    return Answered.of(out.predictions, out.of(labels), tree)
