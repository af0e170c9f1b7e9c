"""The feature table: one row a case, with its recipe and everything that was noticed.

In memory it is a record of arrays; at the surface it is a pandas DataFrame whose ``attrs``
carry the recipe and the findings, so that a lab script can pass it straight to a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.describe import CaseFeatures
from flowml.features.recipes.fitted import FEATURE_TYPE, FittedRecipe
from flowml.features.tube import TubeRead
from flowml.findings import Finding, Severity
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

ATTRS = "flowml"  # key in DataFrame.attrs, and in the metadata of Parquet files
INDEX = "case_id"


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of many cases.

    Parameters
    ----------
    names : tuple of str
        Feature names.
    values : ndarray, shape (n_cases, n_features), float32
        NaN where a case did not measure the marker. Kept by row or by column; not to be
        written to, as frames share it.
    cases : tuple of CaseFeatures
        What is known of each row, without its values.
    recipe : FittedRecipe or None
        None for a table of another origin.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    cases: tuple[CaseFeatures, ...]
    recipe: FittedRecipe | None

    @property
    def case_ids(self) -> list[str]:
        """Ids, in the order of the rows."""
        return [case.case_id for case in self.cases]

    def columns(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Return the features named, NaN where the table does not have one.

        Parameters
        ----------
        names : sequence of str
            Feature names, in the order wanted.

        Returns
        -------
        ndarray, shape (n_cases, len(names)), float32
            The table's own array if these are its names, else a copy.
        """
        if tuple(names) == self.names:
            return self.values
        place = {name: column for column, name in enumerate(self.names)}
        found = np.empty((len(names), len(self.cases)), dtype=FEATURE_TYPE)
        for name, column in zip(names, found, strict=True):
            column[:] = self.values[:, place[name]] if name in place else np.nan
        return found.T

    def rows(self, keep: Sequence[bool]) -> FeatureTable:
        """Return some of the rows.

        Parameters
        ----------
        keep : sequence of bool
            One for each row.

        Returns
        -------
        FeatureTable
            The rows for which `keep` is true; itself if that is all of them.
        """
        cases = tuple(case for case, kept in zip(self.cases, keep, strict=True) if kept)
        if len(cases) == len(self.cases):
            return self
        chosen = np.compress(np.asarray(keep, dtype=bool), self.values.T, axis=1).T
        return replace(self, values=chosen, cases=cases)

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame, index ``case_id``, with its story in ``attrs``.

        Returns
        -------
        DataFrame
            Its numbers are those of the table, not a copy, if they are kept by column.
        """
        import pandas as pd

        index = pd.Index(self.case_ids, name=INDEX, dtype=object)
        frame = pd.DataFrame(self.values, index=index, columns=list(self.names))
        frame.attrs[ATTRS] = self.story()
        return frame

    def story(self) -> dict[str, Any]:
        """Return the recipe and what is known of each case, as plain values."""
        return {
            "recipe": self.recipe.to_dict() if self.recipe else None,
            "recipe_sha256": self.recipe.sha256 if self.recipe else None,
            "cases": {case.case_id: _case_to_dict(case) for case in self.cases},
        }

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> FeatureTable:
        """Take a DataFrame apart.

        Parameters
        ----------
        frame : pandas.DataFrame
            Index: case ids. Columns: features. ``attrs`` as `to_frame` sets them, or none.

        Returns
        -------
        FeatureTable
            Without recipe and findings where the frame has none; it shares the numbers of a
            frame that is float32 throughout.

        Raises
        ------
        FlowmlError
            If a value is not a number, or two rows or columns go by the same name.
        """
        ids, names = list(map(str, frame.index)), list(map(str, frame.columns))
        return table_of(names, ids, _numbers(frame), frame.attrs.get(ATTRS))


def table_of(
    names: Sequence[str], ids: Sequence[str], values: NDArray[np.float32], story: Any
) -> FeatureTable:
    """Put a table together from its parts, none of which is trusted.

    Parameters
    ----------
    names, ids : sequence of str
        Of columns and rows.
    values : ndarray, shape (n_cases, n_features), float32
        Not copied.
    story : mapping or None
        As `FeatureTable.story` gives it.

    Returns
    -------
    FeatureTable
        Without recipe and findings where there is no story.

    Raises
    ------
    FlowmlError
        If two rows or columns go by the same name, a value is infinite, or the story is none.
    """
    refuse_doubles("rows", "case id", ids)
    refuse_doubles("columns", "name", names)
    _refuse_infinite(names, ids, values)
    recipe, cases = _told(story or {"recipe": None, "cases": {}}, ids)
    return FeatureTable(tuple(names), values, tuple(cases), recipe)


def _refuse_infinite(
    names: Sequence[str], ids: Sequence[str], values: NDArray[np.float32]
) -> None:
    columns = zip(names, values.T, strict=True)
    infinite = {name: column for name, column in columns if np.isinf(column).any()}
    for name, column in infinite.items():
        case_id = ids[int(np.isinf(column).argmax())]
        more = f" and in {len(infinite) - 1} more columns" if len(infinite) > 1 else ""
        raise FlowmlError(
            "the feature table holds a value that is infinite or too large for float32: in the "
            f"column {printable(name, 80)!r}, of the case {printable(case_id, 80)!r}{more}. "
            "Leave the cell empty where nothing was measured."
        )


def refuse_doubles(what: str, name: str, found: Sequence[str]) -> None:
    """Refuse a table in which a name stands twice.

    Parameters
    ----------
    what, name : str
        What is named, and how that is called, for the message.
    found : sequence of str
        Names.

    Raises
    ------
    FlowmlError
        If two are the same.
    """
    double = [item for item, count in Counter(found).items() if count > 1]
    if double:
        raise FlowmlError(
            f"two {what} of the feature table have the same {name}, "
            f"{printable(double[0])!r}. Give each a name of its own."
        )


def _numbers(frame: pd.DataFrame) -> NDArray[np.float32]:
    """Return the values of a frame; NaN is missing, infinity what float32 cannot hold."""
    if all(kind == FEATURE_TYPE for kind in frame.dtypes):
        return frame.to_numpy()  # `na_value` would copy
    try:
        with np.errstate(over="ignore"):
            return frame.to_numpy(dtype=FEATURE_TYPE, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise FlowmlError(
            f"the feature table holds a value that is not a number: {printable(error)}. "
            "Keep numbers only, and leave cells empty where nothing was measured."
        ) from error


def _told(story: Any, ids: Sequence[str]) -> tuple[FittedRecipe | None, list[CaseFeatures]]:
    """Return the recipe and what is known of each case."""
    try:
        recipe = FittedRecipe.from_dict(story["recipe"]) if story["recipe"] else None
        if recipe is not None and story["recipe_sha256"] != recipe.sha256:
            raise ValueError("the recipe does not match its hash")
        known = story["cases"]
        return recipe, [_case_from_dict(case_id, known.get(case_id, {})) for case_id in ids]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FlowmlError(
            f"what the feature table tells of its recipe and cases is damaged: "
            f"{type(error).__name__}. Extract the features again."
        ) from error


def _case_to_dict(case: CaseFeatures) -> dict[str, Any]:
    # by hand: `dataclasses.asdict` copies every number, for half a millisecond a case
    return {
        "findings": [
            {"code": item.code, "message": item.message, "severity": item.severity}
            for item in case.findings
        ],
        "tubes": [_tube_to_dict(tube) for tube in case.tubes],
        "problem": case.problem,
    }


def _tube_to_dict(tube: TubeRead) -> dict[str, Any]:
    told = vars(tube) | {"tops": dict(tube.tops), "unlabelled": list(tube.unlabelled)}
    stand_ins = dict(told.pop("stand_ins"))  # nearly always none, and then not told
    told |= {"stand_ins": stand_ins} if stand_ins else {}
    detectors, dyes = told.pop("detectors"), told.pop("dyes")  # together: each marker once
    stains = {marker: [name, dyes.get(marker, "")] for marker, name in detectors.items()}
    return told | {"stains": stains}


def _tube_from_dict(told: Any) -> TubeRead:
    plain = dict(told)
    stains = plain.pop("stains", {})  # a table of before tells none of them
    unlabelled = plain.pop("unlabelled", [])
    pairs = list(stains.values())
    if not all(isinstance(item, list) for item in (unlabelled, *pairs)):
        raise TypeError("what was stained is told by no lists")
    if not all(isinstance(text, str) for text in chain(stains, unlabelled, *pairs)):
        raise TypeError("a detector or a fluorochrome is no text")
    stand_ins = plain.get("stand_ins", {})
    if not all(isinstance(text, str) for text in chain(stand_ins, stand_ins.values())):
        raise TypeError("a stand-in is no text")
    detectors = {marker: detector for marker, (detector, _) in stains.items()}
    dyes = {marker: dye for marker, (_, dye) in stains.items() if dye}
    return TubeRead(**plain, detectors=detectors, dyes=dyes, unlabelled=tuple(unlabelled))


def _case_from_dict(case_id: str, story: dict[str, Any]) -> CaseFeatures:
    findings = [
        Finding(item["code"], item["message"], Severity(item["severity"]))
        for item in story.get("findings", [])
    ]
    tubes = [_tube_from_dict(tube) for tube in story.get("tubes", [])]
    texts = [story.get("problem", ""), *(item.message for item in findings)]
    for tube in tubes:
        texts += [tube.name, tube.sha256, tube.compensation, tube.label, tube.instrument]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    if not all(isinstance(tube.tops, Mapping) for tube in tubes):
        raise TypeError("the tops of scales are none")
    empty = np.empty(0, FEATURE_TYPE)
    return CaseFeatures(
        case_id, (), empty, tuple(findings), tuple(tubes), story.get("problem", "")
    )
