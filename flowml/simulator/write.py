"""A cohort on disk: a folder a case, the table of cases, a manifest of the tubes."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import OutputError
from flowml.fcs.keys import FILE_ENDINGS
from flowml.safety import printable, writable_folder, written_aside
from flowml.simulator.formats import FORMATS
from flowml.simulator.truth import plan_of, truth_bytes, truth_of

if TYPE_CHECKING:
    from flowml.records import Case, Sample

CASES_FILE, MANIFEST_FILE = "cases.csv", "manifest.csv"
CASE_COLUMNS = (
    "case_id", "patient_id", "entity", "specimen", "instrument", "date", "neoplastic_share",
    "variant", "light_chain", "second_entity", "second_share", "panel", "scored_as", "accident",
    "severity",
)  # fmt: skip
TUBE_COLUMNS = ("case_id", "path", "tube", "patient_id", "specimen", "instrument", "date")
TRUTH_ENDING = ".truth.csv.gz"
TRUNCATED = "truncated file"
KEPT_OF_TRUNCATED = 0.6  # share of the bytes

Row = dict[str, str]
# how to work on every case: `map`, or workers
Each = Callable[[Callable[["Case"], list[Row]], Sequence["Case"]], Iterable[list[Row]]]


def write_cohort(
    cases: Sequence[Case],
    folder: Path | str,
    *,
    truth: bool = False,
    each: Each = map,
) -> list[Path]:
    """Write simulated cases as files of their instruments, and what is true of them as tables.

    The entity stands in ``cases.csv`` only, not in the name or the keywords of a file.

    Parameters
    ----------
    cases : sequence of Case
        From `flowml.simulate`.
    folder : path-like
        Made if it is missing; must not hold a cohort yet, lest two mix.
    truth : bool
        Whether to write, beside each file, what each of its events is.
    each : callable
        Applies a function to every case, in order; `map`, or something that asks workers.

    Returns
    -------
    list of Path
        The files, ``<case_id>/<case_id>_<tube>.fcs`` (or ``.lmd``), in the order of the cases.

    Raises
    ------
    OutputError
        If the folder holds a cohort already, or cannot be written to.
    StateError
        If a case was not simulated.
    """
    place = Path(folder)
    _refuse_mixing(place)
    writable_folder(place)
    rows: list[Row] = []
    for found in each(partial(_write_case, folder=place, truth=truth), cases):
        rows += found
    _write_table(place / CASES_FILE, CASE_COLUMNS, _first_of_each(rows))
    _write_table(place / MANIFEST_FILE, TUBE_COLUMNS, [row for row in rows if row["path"]])
    return [place / row["path"] for row in rows if row["path"]]


def _write_case(case: Case, folder: Path, truth: bool) -> list[Row]:  # noqa: FBT001 - see above
    """Write the files of a case; return a row for each, or one without a path."""
    about = {**case.details, "case_id": case.case_id}
    rows: list[Row] = []
    for tube in case.tubes:
        sample = tube.origin
        path = folder / tube.name
        _write_tube(path, sample, truth)  # type: ignore[arg-type]
        if case.details.get("accident") == TRUNCATED and not rows:
            os.truncate(path, int(path.stat().st_size * KEPT_OF_TRUNCATED))
        rows.append({**about, "path": tube.name, "tube": tube.label})
    return rows or [{**about, "path": "", "tube": ""}]


def _write_tube(path: Path, sample: Sample, truth: bool) -> None:  # noqa: FBT001 - see above
    style = plan_of(sample).cytometer.style
    FORMATS[style].write(path, sample, sample.keywords)
    if truth:
        with written_aside(path.with_suffix(TRUTH_ENDING)) as aside:
            aside.write_bytes(truth_bytes(truth_of(sample)))


def _first_of_each(rows: Sequence[Row]) -> list[Row]:
    """Return one row for each case."""
    return list({row["case_id"]: row for row in reversed(rows)}.values())[::-1]


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with (
        written_aside(path) as aside,
        aside.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(
            stream, columns, extrasaction="ignore", restval="", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)


def _refuse_mixing(place: Path) -> None:
    """Refuse a folder with tables or measurements, in it or in its folders."""
    try:
        items = sorted(place.iterdir()) if place.exists() else []
        inside = [path for item in items if item.is_dir() for path in sorted(item.iterdir())]
    except OSError as error:
        raise OutputError(
            f"could not write to {printable(place)}: {error.strerror}. Choose an empty folder."
        ) from error
    for path in (*items, *inside):
        if path.suffix.lower() in FILE_ENDINGS or path.name in {CASES_FILE, MANIFEST_FILE}:
            raise OutputError(
                f"{printable(place)} holds {printable(path.relative_to(place))} and perhaps "
                "more already; cases of two cohorts would mix under one table. Choose an "
                "empty folder."
            )
