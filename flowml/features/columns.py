"""Results of a laboratory's other methods: a CSV file becomes columns of the feature table.

Blood counts, cytomorphology, karyotype, FISH, mutations: a row a case, a number for each
quantity. The columns are called ``method|quantity|result``.
"""

from __future__ import annotations

import csv
import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.cases import case_names, read_table
from flowml.cases.table import separator_of
from flowml.errors import CaseError, FlowmlError
from flowml.features.names import BAR, RESULT
from flowml.features.recipes.fitted import FEATURE_TYPE
from flowml.features.table import refuse_doubles
from flowml.safety import file_sha256, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features.describe import CaseFeatures
    from flowml.features.table import FeatureTable
    from flowml.records import Case

ID = "case_id"
YES = ("yes", "positive", "pos", "true", "detected", "+",
       "ja", "positiv", "wahr", "nachgewiesen")  # fmt: skip
NO = ("no", "negative", "neg", "false", "not detected", "-",
      "nein", "negativ", "falsch", "nicht nachgewiesen")  # fmt: skip
UNKNOWN = ("", "na", "n/a", "nan", "unknown", "nd", "n.d.", "not done",
           "unbekannt", "nicht bestimmt")  # fmt: skip
WORDS = dict.fromkeys(YES, 1.0) | dict.fromkeys(NO, 0.0) | dict.fromkeys(UNKNOWN, math.nan)
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?")
# what cannot name a patient, and may be shown: one number with a sign that makes it none
ALMOST = re.compile(r"[<>≤≥=~]{0,2} ?[0-9]+(?:[.,][0-9]+)? ?%?")
LONGEST_NAME, LONGEST_NUMBER = 80, 40  # characters
LARGEST = float(np.finfo(FEATURE_TYPE).max)
MOST_SHOWN = 10


@dataclass(frozen=True)
class OtherResults:
    """What one other method found in cases.

    Parameters
    ----------
    method : str
        ``blood counts``, ``FISH``, ...; 1 to 80 signs that can be shown, none of them ``|``.
    quantities : tuple of str
        What was found out, named by the same rule.
    values : mapping of str to sequence of float
        Case id to a number for each quantity, NaN where it is not known.
    strangers : int
        Rows of the table that named no case.
    sha256 : str
        Of the file; empty for results of another origin.

    Raises
    ------
    FlowmlError
        If a name cannot be one or stands twice, or a case has another count of numbers than
        there are quantities, or a number is infinite or too large for float32.
    """

    method: str
    quantities: tuple[str, ...]
    values: Mapping[str, Sequence[float]]
    strangers: int = 0
    sha256: str = ""

    def __post_init__(self) -> None:
        for name in (self.method, *self.quantities):
            _refuse_name(name)
        _refuse_double("quantity", self.quantities, "Give every column a name of its own.")
        expected = len(self.quantities)
        for case_id, numbers in self.values.items():
            where = f"the results of {printable(self.method)} for {printable(case_id)}"
            if len(numbers) != expected:
                raise FlowmlError(
                    f"{where} are {len(numbers)} numbers, expected {expected}, one for each of "
                    f"{', '.join(self.quantities[:MOST_SHOWN])}. Give NaN where one is unknown."
                )
            if any(abs(number) > LARGEST for number in numbers):
                raise FlowmlError(
                    f"{where} hold a number that is infinite or too large, expected at most "
                    f"{LARGEST:.2g}. Give NaN where a number is unknown."
                )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the quantities."""
        return tuple(BAR.join((self.method, name, RESULT)) for name in self.quantities)

    def numbers(self, cases: Sequence[CaseFeatures]) -> NDArray[np.float32]:
        """Return the results of cases.

        Parameters
        ----------
        cases : sequence of CaseFeatures
            Found by their ids.

        Returns
        -------
        ndarray, shape (n_cases, n_quantities), float32
            NaN for a case without results, and for one that cannot be used.
        """
        found = np.full((len(cases), len(self.quantities)), np.nan, dtype=FEATURE_TYPE)
        for row, case in enumerate(cases):
            if case.case_id in self.values and not case.problem:
                found[row] = self.values[case.case_id]
        return found


def read_columns(path: Path | str, cases: Sequence[Case], method: str = "") -> OtherResults:
    """Read what another method found.

    Parameters
    ----------
    path : path-like
        A CSV table in UTF-8, separated by commas, semicolons or tabs. The column ``case_id``,
        or else the first one, holds the ids. All others hold numbers (with a decimal comma
        where columns are not separated by commas), yes or no, or nothing.
    cases : sequence of Case
        Matched by case id, file name, or file name without its ending, as labels are.
    method : str
        What the method is called; the file's name without its ending if it is empty.

    Returns
    -------
    OtherResults
        Of the cases that the table names.

    Raises
    ------
    CaseError
        If the table cannot be read, a row has too many or too few cells or no id, two rows are
        of one case, or a cell holds neither a number nor yes or no. What such a cell holds is
        not shown where it may name a patient.
    FlowmlError
        If a name cannot be one.
    """
    file = Path(path)
    sheet = _read_sheet(file)
    own = next((i for i, n in enumerate(sheet.names) if n.casefold() == ID), 0)
    columns = [i for i in range(len(sheet.names)) if i != own and not sheet.is_blank(i)]
    if not columns:
        raise CaseError(f"{printable(file)} has no column besides the ids. Add one.")
    for i in columns:
        _refuse_name(sheet.names[i], f"{printable(file)}: ")
    sheet.refuse_cells(columns)
    quantities = tuple(sheet.names[i] for i in columns)
    row_of = _rows_of_cases(sheet, own, cases)
    if sheet.rows and not row_of:
        raise FlowmlError(
            f"{printable(file)}: none of its {len(sheet.rows)} rows names a case here, by its "
            f"id, file name or stem; cases are called {printable(cases[0].case_id, 40)!r} and "
            "the like. Correct the first column, or case_id."
        )
    values = {
        case_id: tuple(sheet.number(cells[i]) for i in columns)
        for case_id, (_, cells) in row_of.items()
    }
    strangers = len(sheet.rows) - len(row_of)
    return OtherResults(method or file.stem, quantities, values, strangers, file_sha256(file))


def check_methods(columns: Sequence[OtherResults]) -> None:
    """Refuse two tables of one method, before anything is computed.

    Parameters
    ----------
    columns : sequence of OtherResults
        What shall be joined.

    Raises
    ------
    FlowmlError
        If two have the same method.
    """
    advice = "Name each method: --with-columns METHOD=FILE.csv."
    _refuse_double("table of results for the method", [r.method for r in columns], advice)


def join_columns(table: FeatureTable, columns: Sequence[OtherResults]) -> FeatureTable:
    """Add the results of other methods to a feature table.

    Parameters
    ----------
    table : FeatureTable
        Features that were computed from events.
    columns : sequence of OtherResults
        Of these cases or more.

    Returns
    -------
    FeatureTable
        With further columns behind those of the recipe.

    Raises
    ------
    FlowmlError
        If two have the same method, or the table has such columns already.
    """
    if not columns:
        return table
    check_methods(columns)
    names = (*table.names, *(name for results in columns for name in results.feature_names))
    refuse_doubles("columns", "name", names)
    further = (results.numbers(table.cases).T for results in columns)
    values = np.concatenate([table.values.T, *further]).T  # a table is kept by column
    return replace(table, names=names, values=values)


@dataclass(frozen=True)
class _Sheet:
    """A table of text: where it stands, its heading, and its rows by line."""

    file: Path
    names: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    has_comma: bool  # commas stand in numbers, not between columns

    def is_blank(self, column: int) -> bool:
        """Tell columns without a name and without a value: a spreadsheet adds such."""
        return not (self.names[column] or any(cells[column].strip() for _, cells in self.rows))

    def number(self, cell: str) -> float:
        """Return what a cell says, NaN for nothing; infinity if it is no number."""
        word = " ".join(cell.split()).casefold()
        if word in WORDS:
            return WORDS[word]
        text = word.replace(",", ".") if self.has_comma else word
        if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
            return math.inf
        return value if abs(value := float(text)) <= LARGEST else math.inf

    def refuse_cells(self, columns: Sequence[int]) -> None:
        """Refuse cells that hold no number; the first of each column is named."""
        wrong = []
        for i in columns:
            lines = [(n, row[i]) for n, row in self.rows if math.isinf(self.number(row[i]))]
            if lines:
                line, cell = lines[0]
                more = f" (and {len(lines) - 1} more lines)" if len(lines) > 1 else ""
                where = f"line {line}, column {printable(self.names[i], LONGEST_NAME)!r}"
                wrong.append(f"{where} holds {_what_is(cell)}{more}")
        if wrong:
            raise CaseError(
                f"{printable(self.file)}: {'; '.join(wrong[:MOST_SHOWN])}; expected a number, "
                "yes or no, positive or negative, or nothing where it is unknown. Make a "
                "column for each finding, 0 or 1, write numbers without signs, units and "
                "thousands separators, and leave out columns that are no results, as names are."
            )


def _what_is(cell: str) -> str:
    """Say what a cell holds without showing a text, which may name a patient."""
    text = " ".join(cell.split())
    if len(text) <= LONGEST_NUMBER and ALMOST.fullmatch(text):
        return repr(text)
    return "text (not shown, as it may name a patient)"


def _read_sheet(file: Path) -> _Sheet:
    """Read a table with the lines on which its rows stand."""
    if not os.path.isfile(file):  # noqa: PTH113 - False, not an error, for names too long
        what = "is not a regular file" if os.path.exists(file) else "is not there"  # noqa: PTH110
        raise CaseError(f"{printable(file)} {what}. Give a CSV file with a row a case.")
    read_table(file, ())  # refuses what is no table, or has no rows or double columns
    rows = []
    with file.open(newline="", encoding="utf-8-sig") as stream:
        heading = stream.readline()
        stream.seek(0)
        delimiter = separator_of(heading)
        reader = csv.reader(stream, delimiter=delimiter)
        names = tuple(name.strip() for name in next(reader))
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, _fitting(cells, names, f"{printable(file)}: line {line}")))
            line = reader.line_num + 1
    return _Sheet(file, names, rows, has_comma=delimiter != ",")


def _fitting(cells: list[str], names: Sequence[str], where: str) -> list[str]:
    """Refuse a row that does not fit the heading: its cells would be under wrong names."""
    width = len(names)
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        raise CaseError(
            f"{where} has {len(cells)} cells, expected {width} as in the heading. Separate "
            "columns by semicolons where numbers have a decimal comma."
        )
    return cells[:width]


def _rows_of_cases(
    sheet: _Sheet, own: int, cases: Sequence[Case]
) -> dict[str, tuple[int, list[str]]]:
    """Find the row of each case; the ids of a table may be names, and are not shown."""
    names = case_names(cases)
    lines: dict[str, int] = {}
    found: dict[str, tuple[int, list[str]]] = {}
    for line, cells in sheet.rows:
        where, given = f"{printable(sheet.file)}: line {line}", cells[own].strip()
        if not given:
            raise CaseError(f"{where} has no id. Give each row the id of its case.")
        if (before := lines.setdefault(given, line)) != line:
            raise CaseError(f"{where} has the id of line {before}. Keep one row a case.")
        case_id = names.get(given) or names.get(given.casefold())
        if case_id is None:
            continue
        if case_id in found:
            raise CaseError(
                f"{where} and line {found[case_id][0]} are both of the case "
                f"{printable(case_id)!r}. Keep one row a case."
            )
        found[case_id] = line, cells
    return found


def _refuse_name(name: str, where: str = "") -> None:
    """Refuse a name that the name of a feature cannot hold."""
    if not name.strip() or BAR in name or printable(name, LONGEST_NAME) != name:
        raise FlowmlError(
            f"{where}{printable(name, LONGEST_NAME)!r} cannot be the name of a method or of "
            f"one of its quantities, expected 1 to {LONGEST_NAME} signs that can be shown, "
            f"without {BAR!r}. Rename the column, or name the method: --with-columns "
            "METHOD=FILE.csv."
        )


def _refuse_double(what: str, names: Sequence[str], advice: str) -> None:
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise FlowmlError(f"more than one {what} {printable(double[0])!r}. {advice}")
