"""A cohort on disk: one FCS file a case, and the table of labels."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import OutputError, StateError
from flowml.fcs import write_fcs
from flowml.records import Sample
from flowml.safety import printable, written_aside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowml.records import Case

LABELS_FILE = "labels.csv"
LABEL_COLUMNS = ("case_id", "entity", "specimen")


def write_cohort(cases: Iterable[Case], folder: Path | str) -> list[Path]:
    """Write simulated cases as FCS files, and their labels as a table.

    The entity stands in the table only, not in the name or the keywords of a file.

    Parameters
    ----------
    cases : iterable of Case
        From `simulate_cohort` or `iterate_cohort`; taken one at a time.
    folder : path-like
        Made if it is missing; must not hold FCS files or labels yet, lest two cohorts mix.

    Returns
    -------
    list of Path
        The FCS files, ``<case_id>.fcs``, in the order of the cases.

    Raises
    ------
    OutputError
        If the folder holds a cohort already, or cannot be written to.
    StateError
        If a case is not one sample in memory.
    """
    place = Path(folder)
    _refuse_mixing(place)
    files, rows = [], []
    for case in cases:
        sample = _only_sample(case)
        file = place / f"{case.case_id}.fcs"
        write_fcs(file, sample, sample.keywords)
        files.append(file)
        rows.append((case.case_id, *(case.details.get(key, "") for key in LABEL_COLUMNS[1:])))
    with (
        written_aside(place / LABELS_FILE) as aside,
        aside.open("w", newline="", encoding="utf-8") as stream,
    ):
        csv.writer(stream, lineterminator="\n").writerows([LABEL_COLUMNS, *rows])
    return files


def _refuse_mixing(place: Path) -> None:
    try:
        held = sorted(
            item.name
            for item in (place.iterdir() if place.exists() else ())
            if item.suffix.lower() == ".fcs" or item.name == LABELS_FILE
        )
    except OSError as error:
        raise OutputError(
            f"could not write to {printable(place)}: {error.strerror}."
        ) from error
    if held:
        raise OutputError(
            f"{printable(place)} holds {printable(held[0])} and perhaps more already; cases "
            "of two cohorts would mix under one table of labels. Choose an empty folder."
        )


def _only_sample(case: Case) -> Sample:
    if len(case.tubes) == 1 and isinstance(case.tubes[0].origin, Sample):
        return case.tubes[0].origin
    raise StateError(
        f"case {printable(case.case_id)} is not one sample in memory; write_cohort() writes "
        "simulated cases only."
    )
