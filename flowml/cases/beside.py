"""A table beside the cases: what it gives of them joins their details."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowml.cases.codes import listed
from flowml.cases.details import Details
from flowml.cases.labels import case_names
from flowml.cases.table import numbered_rows
from flowml.errors import CaseError
from flowml.knowledge.given import folded, load_giveable
from flowml.safety import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from flowml.records import Case

MOST_SHOWN = 20  # errors in a message


def with_given(
    cases: Sequence[Case],
    path: Path | str,
    id_column: str = "case_id",
    *,
    is_whole: bool = False,
) -> list[Case]:
    """Add to the details of cases what a table gives of them.

    Parameters
    ----------
    cases : sequence of Case
        Matched by case id, file name, or file name without its ending.
    path : path-like
        A CSV table. Of its columns those are taken that the knowledge of what may be given
        names (``specimen``, ``clonal_b_cells``, ...); others may stand there.
    id_column : str
        Name of the column with the id.
    is_whole : bool
        Whether all other columns are taken, too. What the details of a case say already stays;
        where rows differ in such a column, it says nothing of the case.

    Returns
    -------
    list of Case
        In the same order; those that no row names as they were.

    Raises
    ------
    CaseError
        If the table cannot be read, or says of one case two different things of what may be
        given, or another than its manifest. Values are not shown.
    """
    names = case_names(cases)
    details = {case.case_id: Details() for case in cases}
    for case in cases:
        details[case.case_id].add(case.details if is_whole else _known(case.details))
    errors = []
    for line, row in numbered_rows(path, [id_column]):
        given = row[id_column].strip()
        case_id = names.get(given) or names.get(given.casefold())
        if case_id is None:
            continue
        told = {name: value.strip() for name, value in row.items() if name != id_column}
        added = details[case_id].add(told if is_whole else _known(told))
        if differing := list(_known(dict.fromkeys(added, ""))):
            errors.append(
                f"line {line}: other {printable(', '.join(differing))} than before for "
                f"{printable(case_id)!r}"
            )
    if errors:
        raise CaseError(
            f"{printable(path)}: {listed(errors, MOST_SHOWN, '; ')}. Correct the table, or "
            "what the manifest says."
        )
    return [
        replace(case, details={**case.details, **details[case.case_id].of_case()})
        for case in cases
    ]


def _known(row: Mapping[str, str]) -> dict[str, str]:
    """Keep what may be given, under the names that stand there."""
    known = load_giveable().columns
    return {name: value for name, value in row.items() if folded(name) in known}
