"""The cases of a training table and their labels, brought together."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from flowml.errors import LabelError, ModelError
from flowml.features.table import ATTRS, FeatureTable
from flowml.safety import printable


def usable_cases(X: Any, y: Any, groups: Any) -> tuple[Any, Any, Any, FeatureTable | None]:
    """Leave out the cases of a frame that could not be used, with a warning.

    Parameters
    ----------
    X : array-like or DataFrame, shape (n_cases, n_features)
        Features.
    y, groups : array-like, shape (n_cases,)
        Labels and patients; groups may be None.

    Returns
    -------
    X, y, groups
        Of the cases that stay.
    story : FeatureTable or None
        What a frame from `flowml.extract` tells of them.

    Raises
    ------
    ModelError
        If there are more or fewer groups than cases, or a marker stands in for another one.
    LabelError
        If no case can be used.
    """
    if groups is not None and len(groups) != len(X):
        raise ModelError(
            f"there are {len(groups)} groups for {len(X)} cases, expected one for each. Give "
            "the patient of every case, in the order of the table."
        )
    if not getattr(X, "attrs", {}).get(ATTRS):
        return X, y, groups, None
    story = FeatureTable.from_frame(X)
    _refuse_stand_ins(story)
    keep = np.array([not case.problem for case in story.cases], dtype=bool)
    if keep.all() or len(y) != len(X):  # unequal lengths: scikit-learn says so
        return X, y, groups, story
    if not keep.any():
        raise LabelError(
            f"none of {len(keep)} cases can be used; the first: {story.cases[0].problem}"
        )
    lost = [case.case_id for case in story.cases if case.problem]
    warnings.warn(
        f"{len(lost)} cases could not be used and are left out: "
        f"{printable(', '.join(lost[:10]))}. Their findings say why.",
        stacklevel=3,
    )
    patients = None if groups is None else np.asarray(groups)[keep]
    return X.loc[keep], np.asarray(y)[keep], patients, story.rows(list(keep))


def _refuse_stand_ins(story: FeatureTable) -> None:
    """Refuse to learn what a marker looks like from what stands in for it."""
    for case in story.cases:
        for marker, stand_in in case.stand_ins.items():
            raise ModelError(
                f"in the case {printable(case.case_id)!r} {printable(stand_in)} stands in for "
                f"{printable(marker)}, expected the marker itself in every training case. "
                "Extract the features by a recipe without stand-ins."
            )


def aligned_labels(X: Any, y: Any) -> Any:
    """Put labels that are indexed by case in the order of the table, or refuse them.

    Labels without an index go by their position, and so do those that count rows (integers),
    unless the cases are called by numbers themselves: then it is not sure what is meant.

    Parameters
    ----------
    X : array-like or DataFrame, shape (n_cases, n_features)
        Features.
    y : array-like, shape (n_cases,)
        Labels.

    Returns
    -------
    array-like, shape (n_cases,)
        Labels in the order of `X`.

    Raises
    ------
    LabelError
        If they are indexed by other cases, or a case id stands twice.
    """
    rows: Any = getattr(X, "index", None)
    labels: Any = getattr(y, "index", None)
    if rows is None or labels is None or callable(labels):  # lists have a method of that name
        return y
    if labels.equals(rows):
        return y
    if rows.is_unique and labels.is_unique and set(rows) == set(labels):
        return y.loc[rows]
    called_by_number = any(str(row).isdecimal() for row in rows)
    if labels.inferred_type == "integer" and len(rows) == len(labels) and not called_by_number:
        return y
    alone = sorted(map(str, set(labels) ^ set(rows)))
    raise LabelError(
        f"the labels are indexed by other cases than the table: {len(alone)} ids are in one "
        f"of the two only, such as {printable(alone[0])!r}. Index both by case id, or give the "
        "labels as a plain list in the order of the table."
        if alone
        else "a case id stands twice in the labels or in the table. Give each case once."
    )
