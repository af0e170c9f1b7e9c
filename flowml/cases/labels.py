"""A table of labels becomes the entities of cases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.cases.table import Row, read_table
from flowml.errors import LabelError
from flowml.records import Case
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.knowledge import LabelTree

MOST_SHOWN = 10  # names in a message
PATIENT = "patient_id"  # a detail of a case


@dataclass(frozen=True)
class Labels:
    """Entities of cases, as a label table gives them.

    Parameters
    ----------
    entities : mapping of str to str
        Case id to canonical entity, for cases that have a label.
    unlabelled : tuple of str
        Ids of cases that no row of the table names.
    unmatched : tuple of str
        Ids in the table that name no case.
    """

    entities: Mapping[str, str]
    unlabelled: tuple[str, ...]
    unmatched: tuple[str, ...]


def read_labels(
    path: Path | str,
    cases: Sequence[Case],
    tree: LabelTree,
    *,
    id_column: str = "case_id",
    label_column: str = "entity",
    where: Sequence[str] = (),
) -> Labels:
    """Read the entities of cases from a table.

    Parameters
    ----------
    path : path-like
        A CSV table.
    cases : sequence of Case
        Matched by case id, file name, or file name without its ending.
    tree : LabelTree
        Turns names and aliases into canonical entities.
    id_column, label_column : str
        Names of the columns.
    where : sequence of str
        Conditions ``column=value``; rows that fail one are passed over, and so are their
        cases.

    Returns
    -------
    Labels
        The entities, and what did not match.

    Raises
    ------
    CaseError
        If the table cannot be read or lacks a column.
    LabelError
        If no row names a case, a case has two labels, or an entity is not in the tree.
    """
    conditions = [condition(text) for text in where]
    columns = [id_column, label_column, *(column for column, _ in conditions)]
    rows = read_table(path, columns)
    names = case_names(cases)
    entities: dict[str, str] = {}
    seen: set[str] = set()
    unmatched = []
    for row in rows:
        given = row[id_column].strip()
        case_id = names.get(given) or names.get(given.casefold())
        chosen = all(row[column].strip() == value for column, value in conditions)
        if case_id is not None and (row[label_column].strip() or not chosen):
            seen.add(case_id)
        if chosen and case_id is None:
            unmatched.append(row[id_column])
        elif chosen and case_id is not None and row[label_column].strip():
            _set_label(entities, case_id, tree.canonical(row[label_column]))
    if not entities:
        refuse_unfulfilled(path, rows, conditions)
        raise LabelError(_nothing_matched(path, rows, cases, id_column, where))
    unlabelled = tuple(case.case_id for case in cases if case.case_id not in seen)
    return Labels(entities, unlabelled, tuple(unmatched))


def condition(text: str) -> tuple[str, str]:
    """Take a condition on the rows of a table apart.

    Parameters
    ----------
    text : str
        ``column=value``.

    Returns
    -------
    column, value : str
        Without blanks around them.

    Raises
    ------
    LabelError
        If it is not of that form.
    """
    column, sign, value = text.partition("=")
    if not sign or not column.strip():
        raise LabelError(
            f"condition {printable(text)!r} is not of the form column=value. "
            "Write it like split=train."
        )
    return column.strip(), value.strip()


def refuse_unfulfilled(
    path: Path | str, rows: Sequence[Row], conditions: Sequence[tuple[str, str]]
) -> None:
    """Refuse a condition that no row fulfils, and name the values that there are.

    Parameters
    ----------
    path : path-like
        The table.
    rows : sequence of dict of str to str
        Its rows.
    conditions : sequence of (str, str)
        Columns and the values that they shall have.

    Raises
    ------
    LabelError
        If there is one that no row fulfils.
    """
    for column, value in conditions:
        values = dict.fromkeys(row[column].strip() for row in rows)
        if value not in values:
            raise LabelError(
                f"no row of {printable(path)} has {printable(column)}={printable(value)}; the "
                f"column holds {printable(', '.join(list(values)[:MOST_SHOWN]))}."
            )


def case_names(cases: Sequence[Case]) -> dict[str, str]:
    """Return case ids by all names that a table may use; ambiguous names are left out.

    Parameters
    ----------
    cases : sequence of Case
        All cases.

    Returns
    -------
    dict of str to str
        Exact ids stand beside names in folded letter case, and go before them.
    """
    names: dict[str, str] = {}
    double: set[str] = set()
    for case in cases:
        own = {case.case_id.casefold()}
        for tube in case.tubes:
            base = tube.name.rpartition("/")[2]
            own |= {tube.name.casefold(), base.casefold(), base.rpartition(".")[0].casefold()}
        for name in own - {""}:
            if names.setdefault(name, case.case_id) != case.case_id:
                double.add(name)
    folded = Counter(case.case_id.casefold() for case in cases)
    exact = {case.case_id: case.case_id for case in cases}
    exact |= {i.casefold(): i for i in list(exact) if folded[i.casefold()] == 1}
    return {name: key for name, key in names.items() if name not in double} | exact


def _set_label(entities: dict[str, str], case_id: str, entity: str) -> None:
    if entities.setdefault(case_id, entity) != entity:
        raise LabelError(
            f"case {printable(case_id)} has two labels, {entities[case_id]} and {entity}. "
            "Keep one, or select rows with --where column=value."
        )


def _nothing_matched(
    path: Path | str,
    rows: Sequence[Row],
    cases: Sequence[Case],
    id_column: str,
    where: Sequence[str],
) -> str:
    """Say what the table has and what the cases are called."""
    example = rows[0][id_column]
    ids = [case.case_id for case in cases]
    chosen = f" with {', '.join(map(printable, where))}" if where else ""
    shown = ", ".join(ids[:MOST_SHOWN])
    return (
        f"no row of {printable(path)}{chosen} gives a label to a case: the column "
        f"{id_column!r} has ids such as {printable(example)!r}; the cases are called "
        f"{printable(shown)}. Nearest: {printable(nearest(example, ids))}. "
        "Ids must be a case id, a file name, or a file name without its ending."
    )


def patients_of(cases: Sequence[Case], case_ids: Sequence[str]) -> list[str]:
    """Return the patient of each case.

    Parameters
    ----------
    cases : sequence of Case
        With their details.
    case_ids : sequence of str
        Of the cases that are meant.

    Returns
    -------
    list of str
        Where none is named, every case has its own.
    """
    named = {case.case_id: case.details.get(PATIENT) for case in cases}
    return [named[case_id] or case_id for case_id in case_ids]
