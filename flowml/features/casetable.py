"""A table of features of any origin: its cases, and the columns that are no features.

What `flowml features` wrote keeps its recipe and its findings; any other table has neither. The
names of its columns are then all that is known of what they mean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.cases.labels import PATIENT, condition, refuse_unfulfilled
from flowml.cases.manifest import MANIFEST_COLUMNS
from flowml.errors import CaseError, LabelError
from flowml.features.cells import BLANK
from flowml.features.sheet import PARQUET, Sheet, Wanted, column_names, read_sheet
from flowml.features.table import INDEX, FeatureTable
from flowml.records import Case, Tube
from flowml.safety import file_sha256, printable

if TYPE_CHECKING:
    import pandas as pd

CSV = ".csv"
TABLES = (PARQUET, ".tsv", ".tab")  # endings of files that are tables of features
PATH_COLUMN = MANIFEST_COLUMNS[1]  # a CSV that has it names files, and is a manifest


@dataclass(frozen=True, eq=False)
class CaseTable:
    """Features of cases, and what else their table says of them.

    Parameters
    ----------
    features : FeatureTable
        Of each case, in the order of the rows.
    labels : mapping of str to str
        Case id to label, as it is written; only of cases that have one.
    patients : mapping of str to str
        Case id to patient; only of cases whose patient is named.
    details : mapping of str to (mapping of str to str)
        Case id to what the columns tell that are no features. May identify a patient.
    unused : tuple of str
        Columns that were not asked for.
    sha256 : str
        Of the file.
    """

    features: FeatureTable
    labels: Mapping[str, str] = field(default_factory=dict)
    patients: Mapping[str, str] = field(default_factory=dict, repr=False)
    details: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    unused: tuple[str, ...] = ()
    sha256: str = ""

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """Ids of cases without a label."""
        return tuple(i for i in self.features.case_ids if i not in self.labels)

    def rows(self, ids: Collection[str]) -> CaseTable:
        """Return some of the rows.

        Parameters
        ----------
        ids : collection of str
            Ids of cases.

        Returns
        -------
        CaseTable
            The same columns of these cases.
        """
        keep = [case_id in ids for case_id in self.features.case_ids]
        return replace(self, features=self.features.rows(keep))

    def in_order(self, ids: Collection[str]) -> CaseTable:
        """Return some of the rows in the order of their ids: that of a table is an accident.

        Parameters
        ----------
        ids : collection of str
            Ids of cases that it has.

        Returns
        -------
        CaseTable
            The same columns of these cases.
        """
        place = {case_id: n for n, case_id in enumerate(self.features.case_ids)}
        order = [place[case_id] for case_id in sorted(ids)]
        values, cases = self.features.values[order], self.features.cases
        rows = replace(self.features, values=values, cases=tuple(cases[n] for n in order))
        return replace(self, features=rows)

    @property
    def cases(self) -> list[Case]:
        """The rows as cases, with what the table tells of them; their files are not at hand."""
        return [
            Case(
                row.case_id,
                tuple(Tube(tube.name, Path(tube.name)) for tube in row.tubes),
                {**self.details.get(row.case_id, {}), **self._patient(row.case_id)},
            )
            for row in self.features.cases
        ]

    def _patient(self, case_id: str) -> dict[str, str]:
        return {PATIENT: self.patients[case_id]} if case_id in self.patients else {}

    @property
    def frame(self) -> pd.DataFrame:
        """The features as a DataFrame, index ``case_id``."""
        return self.features.to_frame()


def is_case_table(path: Path | str) -> bool:
    """Tell a table of features from all that says where FCS files are.

    Parameters
    ----------
    path : path-like
        Anything; an address is a ``str``.

    Returns
    -------
    bool
        True for Parquet, for tables separated by tabs, and for a CSV without the column
        ``path``, which a manifest has.
    """
    if isinstance(path, str) or not path.is_file():
        return False
    if path.suffix.lower() != CSV:
        return path.suffix.lower() in TABLES
    try:
        return PATH_COLUMN not in column_names(path)
    except CaseError:  # as a manifest it is refused, with the reason
        return False


def read_case_table(
    path: Path | str,
    *,
    id_column: str = INDEX,
    label_column: str = "",
    group_column: str = "",
    drop: Sequence[str] = (),
    where: Sequence[str] = (),
    needed: Collection[str] | None = None,
) -> CaseTable:
    """Read a table of features of any origin.

    Parameters
    ----------
    path : path-like
        A CSV in UTF-8 (columns parted by commas, semicolons or tabs; with a decimal comma
        where they are not parted by commas), or Parquet. One row a case.
    id_column : str
        Holds the id of each case.
    label_column, group_column : str
        Hold the labels, and the patients; none where the name is empty.
    drop : sequence of str
        Columns that are no features.
    where : sequence of str
        Conditions ``column=value``; rows that fail one are passed over. Such a column is no
        feature.
    needed : collection of str, optional
        The features that are wanted; all others are passed over, whatever they hold.

    Returns
    -------
    CaseTable
        Features in float32; NaN where a cell is empty.

    Raises
    ------
    CaseError
        If the table cannot be read, lacks a column, a row has no id, or the labels are said
        to stand where something else does.
    LabelError
        If no row fulfils a condition.
    FlowmlError
        If a feature is no number or infinite, or two cases or columns go by the same name.
    """
    file = Path(path)
    conditions = [condition(text) for text in where]
    if label_column and label_column in {id_column, group_column}:
        raise CaseError(
            f"the column {printable(label_column)!r} is said to hold the labels, and something "
            "else too. Name a column for each."
        )
    named = [name for name in (id_column, label_column, group_column) if name]
    asked = (*named, *drop, *(name for name, _ in conditions))
    sheet = read_sheet(file, Wanted(id_column, asked, needed))
    features = _fulfilling(file, sheet, conditions)
    labels, patients = (_told(sheet, name, features) for name in (label_column, group_column))
    details = _details(sheet, drop, features)
    return CaseTable(features, labels, patients, details, sheet.unused, file_sha256(file))


def _fulfilling(
    file: Path, sheet: Sheet, conditions: Sequence[tuple[str, str]]
) -> FeatureTable:
    """Return the features of the rows that fulfil all conditions."""
    keep = np.ones(len(sheet.features.cases), dtype=bool)
    for name, value in conditions:
        keep &= np.array([cell == value for cell in sheet.texts[name]])
    if not keep.any():
        _refuse_unfulfilled(file, sheet.texts, conditions)
    return sheet.features.rows([*map(bool, keep)])


def _told(sheet: Sheet, column: str, features: FeatureTable) -> dict[str, str]:
    """Return what a column tells of cases, by their ids."""
    kept, texts = set(features.case_ids), sheet.texts.get(column, ())
    return {
        case_id: text
        for case_id, text in zip(sheet.features.case_ids, texts, strict=False)
        if case_id in kept and text not in BLANK
    }


def _details(
    sheet: Sheet, columns: Sequence[str], features: FeatureTable
) -> dict[str, dict[str, str]]:
    """Return what several columns tell of cases, by their ids."""
    told = {name: _told(sheet, name, features) for name in columns}
    return {
        case_id: {name: own[case_id] for name, own in told.items() if case_id in own}
        for case_id in features.case_ids
    }


def _refuse_unfulfilled(
    file: Path, texts: Mapping[str, list[str]], conditions: Sequence[tuple[str, str]]
) -> None:
    """Refuse conditions that no row fulfils, alone or together."""
    for each in conditions:
        refuse_unfulfilled(file, [{each[0]: cell} for cell in texts[each[0]]], [each])
    together = " and ".join(f"{name}={value}" for name, value in conditions)
    raise LabelError(f"no row of {printable(file)} has {printable(together)}. Ask for less.")
