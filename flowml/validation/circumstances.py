"""What surrounds a case and must not tell its diagnosis: instrument, panel, day, numbers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flowml.batch import run
from flowml.cases import at_hand, sample_of
from flowml.cases.labels import PATIENT
from flowml.errors import FlowmlError
from flowml.features.coverage import Coverage
from flowml.models.panels import TrainingPanels, panel_record
from flowml.safety import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flowml.features import FeatureTable
    from flowml.knowledge.marker_names import MarkerNames
    from flowml.reading import Reading
    from flowml.records import Case

LABORATORY, DATE = "laboratory", "date"  # details of a case
OF_FILES = ("instrument", "panel")  # files tell it, if no detail does
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"(\d{1,2})[-./ ]([a-z]{3})[a-z]*[-./ ](\d{4}|\d{2})", re.IGNORECASE)
TURN = 70  # two digits from here on are of the last century: FCS is of 1984


@dataclass(frozen=True)
class Circumstances:
    """Of each case, in the order of the table.

    Parameters
    ----------
    instruments : tuple of frozenset of str
        Those that measured its tubes; empty where nothing tells.
    panels : tuple of frozenset of str
        The panel it was recognised as; empty where it is none.
    laboratories : tuple of frozenset of str
        As the manifest or the label table says.
    days : tuple of date or None
        The first day on which a tube was measured.
    details : tuple of mapping of str to str
        Everything else that is said of the case. May identify a patient: never shown.
    """

    instruments: tuple[frozenset[str], ...]
    panels: tuple[frozenset[str], ...]
    laboratories: tuple[frozenset[str], ...]
    days: tuple[dt.date | None, ...]
    details: tuple[Mapping[str, str], ...] = field(default=(), repr=False)

    def of(self, what: str) -> tuple[frozenset[str], ...]:
        """Return what cases can be left out by.

        Parameters
        ----------
        what : str
            ``instrument``, ``panel`` or ``laboratory``.

        Returns
        -------
        tuple of frozenset of str
            One for each case.
        """
        choices = {
            "instrument": self.instruments,
            "panel": self.panels,
            "laboratory": self.laboratories,
        }
        if what not in choices:
            raise FlowmlError(f"unknown {what!r}; choose from {', '.join(choices)}.")
        return choices[what]


def circumstances_of(
    table: FeatureTable,
    details: Sequence[Mapping[str, str]] | None = None,
    days: Sequence[dt.date | None] | None = None,
) -> Circumstances:
    """Gather what surrounds the cases of a table.

    Parameters
    ----------
    table : FeatureTable
        With the tubes that were read, where it tells of them.
    details : sequence of mapping of str to str, optional
        What is said of each case.
    days : sequence of date or None, optional
        Of each case; by the detail ``date`` where it is not given.

    Returns
    -------
    Circumstances
        In the order of the table.
    """
    said = tuple(details) if details is not None else ({},) * len(table.cases)
    known = TrainingPanels(panel_record(table.cases), ())
    panels = (known.recognized(case).panel for case in table.cases)
    labs = (own.get(LABORATORY, "").strip() for own in said)
    return Circumstances(
        tuple(
            frozenset(tube.instrument for tube in case.tubes if tube.instrument)
            or _one(own.get("instrument", "").strip())
            for case, own in zip(table.cases, said, strict=True)
        ),
        tuple(map(_one, panels)),
        tuple(map(_one, labs)),
        tuple(days) if days is not None else tuple(day_in(own.get(DATE, "")) for own in said),
        said,
    )


def _one(name: str) -> frozenset[str]:
    return frozenset({name} if name else ())


def days_of(cases: Sequence[Case], reading: Reading) -> list[dt.date | None]:
    """Tell the day of each case, by the manifest or by ``$DATE`` of its files.

    Parameters
    ----------
    cases : sequence of Case
        Of a file only the keywords are read.
    reading : Reading
        How files are read.

    Returns
    -------
    list of date or None
        The first day of its tubes; None where nothing tells.
    """
    return run(partial(_day_of, names=reading.marker_names), cases, jobs=reading.jobs)


def _day_of(case: Case, names: MarkerNames | None) -> dt.date | None:
    found = [day_in(case.details.get(DATE, ""))]
    found += [day_in(tube.details.get(DATE, "")) for tube in case.tubes]
    if not any(found):
        try:
            for tube in case.tubes:
                with at_hand(tube) as near:
                    found.append(day_in(sample_of(near, names).keywords.get("$DATE", "")))
        except FlowmlError:
            return None  # extraction says why it cannot be read
    return min((day for day in found if day is not None), default=None)


def day_in(text: str) -> dt.date | None:
    """Read a day as FCS files and manifests write it.

    Parameters
    ----------
    text : str
        ``03-MAY-2024`` (FCS 3), ``3-May-24`` (FCS 2) or ``2024-05-03``.

    Returns
    -------
    date or None
        None for anything else: what day 03/05/24 is, nobody can tell.

    Examples
    --------
    >>> day_in("03-MAY-2024"), day_in("03/05/24")
    (datetime.date(2024, 5, 3), None)
    """
    plain = text.strip()
    try:
        if found := _DAY.fullmatch(plain):
            day, month, year = found.groups()
            number = int(year) + (0 if len(year) == 4 else 1900 if int(year) >= TURN else 2000)
            return dt.date(number, _MONTHS.index(month.lower()) + 1, int(day))
        return dt.date.fromisoformat(plain[:10]) if len(plain) >= 10 else None
    except ValueError:
        return None


def metadata(table: FeatureTable, about: Circumstances) -> NDArray[np.float32]:
    """Return what surrounds the cases as numbers.

    Parameters
    ----------
    table : FeatureTable
        With the tubes that were read.
    about : Circumstances
        Of its cases.

    Returns
    -------
    ndarray, shape (n_cases, n_columns), float32
        Instrument, panel and laboratory (one column for each), the day, tubes and events;
        NaN where it is not known.
    """
    columns: list[list[float]] = []
    for own in (about.instruments, about.panels, about.laboratories):
        columns += [[float(n in each) for each in own] for n in sorted(frozenset().union(*own))]
    columns.append([float(day.toordinal()) if day else np.nan for day in about.days])
    columns.append([float(len(case.tubes)) for case in table.cases])
    events = [[tube.n_events for tube in case.tubes] for case in table.cases]
    for place in range(max(map(len, events), default=0)):
        columns.append([float(own[place]) if place < len(own) else np.nan for own in events])
    return np.array(columns, dtype=np.float32).T


def missingness(table: FeatureTable) -> NDArray[np.float32]:
    """Return what the cases lack.

    Parameters
    ----------
    table : FeatureTable
        NaN where a marker was not measured.

    Returns
    -------
    ndarray, shape (n_cases, n_columns), float32
        A column of 0 and 1 for each set of features that are missing together, without those of
        populations: whether a gate is sure is seen in the events.
    """
    lacking = np.isnan(table.values) & ~Coverage(table.names).of_populations
    several = {column.tobytes(): column for column in lacking.T if column.any()}
    shape = (len(several), len(table.cases))
    return np.array(list(several.values()), dtype=np.float32).reshape(shape).T


def column_of(about: Circumstances, name: str) -> list[str]:
    """Return a column by which cases are parted.

    Parameters
    ----------
    about : Circumstances
        Of the cases.
    name : str
        ``instrument``, ``panel``, or a detail of the cases.

    Returns
    -------
    list of str
        A value for each case; empty where it is not known.

    Raises
    ------
    FlowmlError
        If no case has it, or it names patients.
    """
    if name == PATIENT:
        raise FlowmlError(f"{PATIENT} cannot part the figures: patients are never shown.")
    found = [own.get(name, "") for own in about.details]
    if not any(found) and name in OF_FILES:
        found = [" + ".join(sorted(own)) for own in about.of(name)]
    if any(found):
        return found
    known = sorted(set(OF_FILES).union(*about.details) - {PATIENT})
    raise FlowmlError(
        f"no case has a value of the column {printable(name, 60)!r}; there may be "
        f"{printable(', '.join(known), 400)}. Correct the name, or fill the column."
    )
