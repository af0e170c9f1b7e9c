"""A folder or a manifest becomes a list of cases; a table of labels becomes their entities."""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from flowml.errors import CaseError, LabelError
from flowml.fcs.keys import FILE_ENDINGS
from flowml.records import Case, Tube
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.knowledge import LabelTree

LAYOUTS = ("auto", "file", "folder")
MANIFEST_COLUMNS = ("case_id", "path")
MOST_SHOWN = 10  # names in a message

Row = dict[str, str]


def find_cases(path: Path | str, *, case_per: str = "auto") -> list[Case]:
    """Find the cases of a folder or of a manifest.

    Parameters
    ----------
    path : path-like
        A folder with FCS files, or a CSV manifest with the columns ``case_id`` and ``path``
        (relative to the manifest), perhaps ``tube`` (what the laboratory calls it), and any
        others, which become the case's details.
    case_per : str
        ``file``: every file is a case; ``folder``: every folder that holds files is one;
        ``auto``: files directly in the folder given are one case each, sub-folders are one
        case each.

    Returns
    -------
    list of Case
        In order of their ids, whatever the order of the files.

    Raises
    ------
    CaseError
        If there is nothing to find, or the manifest has errors (all are named).
    """
    place = Path(path)
    if case_per not in LAYOUTS:
        raise CaseError(
            f"unknown way of finding cases {printable(case_per)!r}; "
            f"choose from {', '.join(LAYOUTS)}."
        )
    if place.is_dir():
        cases = _cases_in_folder(place, case_per)
    elif place.is_file() and place.suffix.lower() == ".csv":
        cases = _cases_in_manifest(place)
    elif place.is_file() and place.suffix.lower() in FILE_ENDINGS:
        cases = [Case(place.stem, (Tube(place.name, place),))]
    else:
        what = (
            "is not a folder, an FCS file or a CSV manifest"
            if place.exists()
            else "is not there"
        )
        raise CaseError(f"{printable(place)} {what}. Give a folder with FCS files.")
    return sorted(cases, key=lambda case: case.case_id)


def find_files(folder: Path | str) -> list[Path]:
    """List the FCS and LMD files below a folder, in the order of their names.

    Parameters
    ----------
    folder : path-like
        Symbolic links below it are not followed, hidden files are passed over.

    Returns
    -------
    list of Path
        Files with the endings ``.fcs`` and ``.lmd`` in any letter case.

    Raises
    ------
    CaseError
        If there are none, or the folder cannot be read.
    """
    place = Path(folder)
    if place.is_file():
        return [place]
    if not place.is_dir():
        what = "is neither a regular file nor a folder" if place.exists() else "is not there"
        raise CaseError(f"{printable(place)} {what}. Give a folder with FCS files, or a file.")
    found = []
    for parent, folders, files in os.walk(place, onerror=_refuse_folder):
        folders.sort()
        paths = (Path(parent, name) for name in sorted(files))
        found += [path for path in paths if _is_measurement(path)]
    if not found:
        raise CaseError(
            f"no FCS files in {printable(place)}: looked for names that end in "
            f"{' or '.join(FILE_ENDINGS)}, in any letter case, there and in its sub-folders."
        )
    return found


def _is_measurement(path: Path) -> bool:
    """Tell FCS files; links are none, nor shadows laid beside files (``._A.fcs``)."""
    hidden = path.name.startswith(".") or path.is_symlink()
    return path.suffix.lower() in FILE_ENDINGS and not hidden


def _refuse_folder(error: OSError) -> None:
    raise CaseError(f"could not read {printable(error.filename)}: {error.strerror}.")


def _cases_in_folder(place: Path, case_per: str) -> list[Case]:
    """Group the files of a folder by case."""
    groups: dict[str, list[Path]] = {}  # by file or folder, relative to the place
    for file in find_files(place):
        relative = file.relative_to(place)
        alone = case_per == "file" or (case_per == "auto" and len(relative.parts) == 1)
        folder = relative.parts[0] if case_per == "auto" else relative.parent.as_posix()
        groups.setdefault(relative.as_posix() if alone else f"{folder}/", []).append(file)
    ids = _case_ids(list(groups), place.resolve().name)
    return [
        Case(ids[key], tuple(Tube(f.relative_to(place).as_posix(), f) for f in files))
        for key, files in groups.items()
    ]


def _case_ids(groups: Sequence[str], place_name: str) -> dict[str, str]:
    """Name cases by file without its ending, or by folder; in full where two would be equal."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for key in groups:  # A01.fcs beside A01.LMD or a folder A01: the first has the short name
        if key == "./":
            short = place_name
        else:
            short = (
                key[:-1] if key.endswith("/") else key.removesuffix(PurePosixPath(key).suffix)
            )
        ids[key] = key if short in taken else short
        taken.add(ids[key])
    return ids


def _cases_in_manifest(path: Path) -> list[Case]:
    """Read a manifest; all of its errors are named at once."""
    rows = read_table(path, MANIFEST_COLUMNS)
    errors: list[str] = []
    tubes: dict[str, list[Tube]] = {}
    details: dict[str, Row] = {}
    read: dict[str, set[Path]] = {}
    for number, row in enumerate(rows, start=2):
        case_id, name = row["case_id"].strip(), row["path"].strip()
        file = path.parent / name
        if not case_id or not name:
            errors.append(f"line {number}: case_id and path must not be empty")
        elif not file.is_file():
            errors.append(f"line {number}: no file {printable(name)!r}")
        elif file.resolve() in read.setdefault(case_id, set()):
            errors.append(f"line {number}: {printable(name)!r} stands twice in {case_id!r}")
        else:
            read[case_id].add(file.resolve())
            tube = Tube(_shown_name(path, file), file, row.get("tube", "").strip())
            tubes.setdefault(case_id, []).append(tube)
            more = {key: row[key] for key in row if key not in (*MANIFEST_COLUMNS, "tube")}
            if details.setdefault(case_id, more) != more:
                errors.append(f"line {number}: other details than before for {case_id!r}")
    if errors:
        raise CaseError(f"{printable(path)}: {'; '.join(errors[:MOST_SHOWN])}.")
    return [
        Case(key, tuple(sorted(group, key=lambda tube: tube.name)), details[key])
        for key, group in tubes.items()
    ]


def _shown_name(manifest: Path, file: Path) -> str:
    """Name a file by its way from the manifest; one that lies elsewhere by itself."""
    place, target = manifest.parent.resolve(), file.resolve()
    return target.relative_to(place).as_posix() if target.is_relative_to(place) else file.name


def read_table(path: Path | str, columns: Sequence[str]) -> list[Row]:
    """Read a CSV table with a heading row.

    Parameters
    ----------
    path : path-like
        Comma, semicolon or tab separated, UTF-8.
    columns : sequence of str
        Columns that must be there.

    Returns
    -------
    list of dict of str to str
        One for each row.

    Raises
    ------
    CaseError
        If the file cannot be read or lacks a column.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            heading = stream.readline()
            stream.seek(0)
            reader = csv.DictReader(stream, delimiter=max(",;\t", key=heading.count))
            names = [name or "" for name in reader.fieldnames or []]
            rows = [{str(k): v or "" for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, UnicodeDecodeError):
            reason = "it is not text in UTF-8 (a workbook of a spreadsheet, perhaps)"
        raise CaseError(
            f"could not read the table {printable(path)}: {reason}. Save it as CSV in UTF-8."
        ) from error
    if double := sorted(name for name, n in Counter(filter(None, names)).items() if n > 1):
        raise CaseError(
            f"{printable(path)} has more than one column {', '.join(map(repr, double))}. "
            "Give every column a name of its own."
        )
    missing = [name for name in columns if name not in names]
    if missing:
        raise CaseError(
            f"{printable(path)} has no column {', '.join(map(repr, missing))}; it has "
            f"{printable(', '.join(names))}. Rename a column, or say which one is meant."
        )
    if not rows:
        raise CaseError(f"{printable(path)} has a heading but no rows. Add a row a case.")
    return rows


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
    conditions = [_condition(text) for text in where]
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
        _refuse_unfulfilled(path, rows, conditions)
        raise LabelError(_nothing_matched(path, rows, cases, id_column, where))
    unlabelled = tuple(case.case_id for case in cases if case.case_id not in seen)
    return Labels(entities, unlabelled, tuple(unmatched))


def _condition(text: str) -> tuple[str, str]:
    column, sign, value = text.partition("=")
    if not sign or not column.strip():
        raise LabelError(
            f"condition {printable(text)!r} is not of the form column=value. "
            "Write it like split=train."
        )
    return column.strip(), value.strip()


def _refuse_unfulfilled(
    path: Path | str, rows: Sequence[Row], conditions: Sequence[tuple[str, str]]
) -> None:
    """Refuse a condition that no row fulfils, and name the values that there are."""
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
