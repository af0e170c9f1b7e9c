"""The feature table: one row a case, with its recipe and everything that was noticed.

In memory it is a record of arrays; at the surface it is a pandas DataFrame whose ``attrs``
carry the recipe and the findings, so that a lab script can pass it straight to a model.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.errors import FlowmlError
from flowml.features.describe import CaseFeatures
from flowml.features.recipes.fitted import FEATURE_TYPE, FittedRecipe
from flowml.features.tube import TubeRead
from flowml.findings import Finding, Severity
from flowml.safety import encodable, printable, spreadsheet_cell, written_aside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

ATTRS = "flowml"  # key in DataFrame.attrs, and in the metadata of Parquet files
INDEX = "case_id"
SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of many cases.

    Parameters
    ----------
    names : tuple of str
        Feature names.
    values : ndarray, shape (n_cases, n_features), float32
        NaN where a case did not measure the marker.
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
            A copy.
        """
        place = {name: column for column, name in enumerate(self.names)}
        found = np.full((len(self.cases), len(names)), np.nan, dtype=FEATURE_TYPE)
        for column, name in enumerate(names):
            if name in place:
                found[:, column] = self.values[:, place[name]]
        return found

    def rows(self, keep: Sequence[bool]) -> FeatureTable:
        """Return some of the rows.

        Parameters
        ----------
        keep : sequence of bool
            One for each row.

        Returns
        -------
        FeatureTable
            The rows for which `keep` is true.
        """
        cases = tuple(case for case, kept in zip(self.cases, keep, strict=True) if kept)
        chosen = self.values[np.asarray(keep, dtype=bool)]
        return replace(self, values=chosen, cases=cases)

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a DataFrame, index ``case_id``, with its story in ``attrs``."""
        import pandas as pd

        index = pd.Index(self.case_ids, name=INDEX, dtype=object)
        frame = pd.DataFrame(self.values, index=index, columns=list(self.names))
        frame.attrs[ATTRS] = {
            "recipe": self.recipe.to_dict() if self.recipe else None,
            "cases": {case.case_id: _case_to_dict(case) for case in self.cases},
        }
        return frame

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
            Without recipe and findings where the frame has none.

        Raises
        ------
        FlowmlError
            If a value is not a number, or two rows or columns go by the same name.
        """
        ids, names = list(map(str, frame.index)), list(map(str, frame.columns))
        _refuse_doubles("rows", "case id", ids)
        _refuse_doubles("columns", "name", names)
        recipe, cases = _told(frame.attrs.get(ATTRS) or {"recipe": None, "cases": {}}, ids)
        return cls(tuple(names), _numbers(frame), tuple(cases), recipe)


def assemble(cases: Sequence[CaseFeatures], recipe: FittedRecipe) -> FeatureTable:
    """Put the rows of cases into one table.

    Parameters
    ----------
    cases : sequence of CaseFeatures
        Cases may have measured different markers.
    recipe : FittedRecipe
        What was computed.

    Returns
    -------
    FeatureTable
        Columns in order of the recipe's parts, of markers and statistics, whatever the order
        of cases.
    """
    groups = sorted({group for case in cases for group in case.groups})
    names = [name for group in groups for name in recipe.feature_names(group)]
    ends = np.cumsum([recipe.size(group) for group in groups]).tolist()
    place = {g: slice(end - recipe.size(g), end) for g, end in zip(groups, ends, strict=True)}
    values = np.full((len(cases), len(names)), np.nan, dtype=FEATURE_TYPE)
    for row, case in enumerate(cases):
        done = 0
        for group in case.groups:
            size = recipe.size(group)
            values[row, place[group]] = case.values[done : done + size]
            done += size
    bare = tuple(replace(case, groups=(), values=np.empty(0, FEATURE_TYPE)) for case in cases)
    return FeatureTable(tuple(names), values, bare, recipe)


def _refuse_doubles(what: str, name: str, found: list[str]) -> None:
    double = [item for item, count in Counter(found).items() if count > 1]
    if double:
        raise FlowmlError(
            f"two {what} of the feature table have the same {name}, "
            f"{printable(double[0])!r}. Give each a name of its own."
        )


def _numbers(frame: pd.DataFrame) -> NDArray[np.float32]:
    """Return the values of a frame; NaN is missing."""
    try:
        with np.errstate(over="ignore"):
            values = frame.to_numpy(dtype=FEATURE_TYPE, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise FlowmlError(
            f"the feature table holds a value that is not a number: {printable(error)}. "
            "Keep numbers only, and leave cells empty where nothing was measured."
        ) from error
    if np.isinf(values).any():
        raise FlowmlError(
            "the feature table holds a value that is infinite or too large for float32. "
            "Leave the cell empty where nothing was measured."
        )
    return values


def _told(story: Any, ids: list[str]) -> tuple[FittedRecipe | None, list[CaseFeatures]]:
    """Return the recipe and what is known of each case."""
    try:
        recipe = FittedRecipe.from_dict(story["recipe"]) if story["recipe"] else None
        known = story["cases"]
        return recipe, [_case_from_dict(case_id, known.get(case_id, {})) for case_id in ids]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise FlowmlError(
            f"what the feature table tells of its recipe and cases is damaged: "
            f"{type(error).__name__}. Extract the features again."
        ) from error


def _case_to_dict(case: CaseFeatures) -> dict[str, Any]:
    return {
        "findings": [asdict(item) for item in case.findings],
        "tubes": [asdict(tube) for tube in case.tubes],
        "problem": case.problem,
    }


def _case_from_dict(case_id: str, story: dict[str, Any]) -> CaseFeatures:
    findings = [
        Finding(item["code"], item["message"], Severity(item["severity"]))
        for item in story.get("findings", [])
    ]
    tubes = [TubeRead(**tube) for tube in story.get("tubes", [])]
    empty = np.empty(0, FEATURE_TYPE)
    return CaseFeatures(
        case_id, (), empty, tuple(findings), tuple(tubes), story.get("problem", "")
    )


def write_table(table: FeatureTable, path: Path | str) -> None:
    """Write a table as Parquet or CSV; a CSV has its recipe in a JSON file beside it.

    Parameters
    ----------
    table : FeatureTable
        Anything.
    path : path-like
        Ends in ``.parquet`` or ``.csv``.

    Raises
    ------
    FlowmlError
        If the ending is another one.
    OutputError
        If the file cannot be written.
    """
    file = Path(path)
    check_suffix(file)
    frame = _encodable(table).to_frame()
    story = frame.attrs.pop(ATTRS)
    if file.suffix.lower() == ".parquet":
        _write_parquet(frame, story, file)
        return
    with written_aside(file) as aside:
        aside.write_text(_csv_of(frame), encoding="utf-8", newline="")
    with written_aside(_sidecar(file)) as aside:
        aside.write_text(json.dumps(story, indent=1), encoding="utf-8")


def check_suffix(path: Path | str) -> None:
    """Refuse a name that does not say how to write a table, before it is computed.

    Parameters
    ----------
    path : path-like
        Shall end in ``.parquet`` or ``.csv``.

    Raises
    ------
    FlowmlError
        If the ending is another one.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise FlowmlError(f"{printable(path)} must end in {' or '.join(SUFFIXES)}.")


def table_csv(table: FeatureTable) -> str:
    """Return a table as CSV.

    Parameters
    ----------
    table : FeatureTable
        Anything.

    Returns
    -------
    str
        With case ids and feature names that no spreadsheet takes for formulas.
    """
    return _csv_of(_encodable(table).to_frame())


def _csv_of(frame: pd.DataFrame) -> str:
    guarded = frame.set_axis(frame.index.map(spreadsheet_cell), axis=0)
    guarded.columns = guarded.columns.map(spreadsheet_cell)
    return guarded.to_csv(lineterminator="\n")


def _encodable(table: FeatureTable) -> FeatureTable:
    """Return the table with case ids and tube names that a file can hold."""
    cases = [
        replace(
            case,
            case_id=encodable(case.case_id),
            problem=encodable(case.problem),
            findings=tuple(replace(f, message=encodable(f.message)) for f in case.findings),
            tubes=tuple(replace(tube, name=encodable(tube.name)) for tube in case.tubes),
        )
        for case in table.cases
    ]
    return replace(table, cases=tuple(cases))


def _heading(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        return next(csv.reader(stream), [])


def _without_apostrophe(cell: str) -> str:
    """Undo `spreadsheet_cell`."""
    return cell[1:] if spreadsheet_cell(cell[1:]) == cell else cell


def _sidecar(file: Path) -> Path:
    return file.with_suffix(".csv.json")


def _write_parquet(frame: pd.DataFrame, story: dict[str, Any], file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(frame, preserve_index=True)
    metadata = {**(arrow.schema.metadata or {}), ATTRS.encode(): json.dumps(story).encode()}
    with written_aside(file) as aside:
        pq.write_table(arrow.replace_schema_metadata(metadata), aside)


def read_table(path: Path | str) -> FeatureTable:
    """Read a table that `write_table` wrote, or one of another origin.

    Parameters
    ----------
    path : path-like
        Parquet with the index ``case_id``, or CSV whose first column holds the case ids.

    Returns
    -------
    FeatureTable
        Without recipe where the file carries none.

    Raises
    ------
    FlowmlError
        If the file cannot be read as a table of numbers.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, story = Path(path), None
    check_suffix(file)
    try:
        if file.suffix.lower() == ".parquet":
            arrow = pq.read_table(file)
            frame, text = arrow.to_pandas(), (arrow.schema.metadata or {}).get(ATTRS.encode())
            story = json.loads(text) if text else None
        else:
            _refuse_doubles("columns", "name", _heading(file))  # pandas would rename them
            frame = pd.read_csv(file, converters={0: str}, float_precision="round_trip")
            frame = frame.set_index(frame.columns[0])
            if _sidecar(file).is_file():
                story = json.loads(_sidecar(file).read_text(encoding="utf-8"))
                frame.index = frame.index.map(_without_apostrophe)
                frame.columns = frame.columns.map(_without_apostrophe)
    except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException) as error:
        raise FlowmlError(
            f"could not read the table {printable(file)}: {printable(error)}. "
            "Give a Parquet file, or a CSV whose first column holds the case ids."
        ) from error
    if not len(frame.columns):
        raise FlowmlError(
            f"{printable(file)} has no columns besides the case ids. "
            "Separate columns by commas."
        )
    if story:
        frame.attrs[ATTRS] = story
    return FeatureTable.from_frame(frame)
