"""The population of every event, from where a laboratory has it: gates, a table, a channel."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flowml.errors import LabelError
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from flowml.gating.populations import Populations
    from flowml.records import Sample

    Names = NDArray[np.object_]

UNLABELLED = ""  # an event that nobody named: training passes it over
COLUMN = "population"
LARGEST_TABLE = 1 << 30  # bytes, unpacked


def labels_of_populations(populations: Populations, rest: str = UNLABELLED) -> Names:
    """Name every event by the innermost population that holds it.

    Parameters
    ----------
    populations : Populations
        Of gates, for instance: ``Populations(gate(sample, strategy), parents)``. Where two
        that are not within each other hold an event, the later one names it.
    rest : str
        Name of the events in none of them.

    Returns
    -------
    ndarray, shape (n_events,), object
        Names.
    """
    names = np.full(populations.n_events, rest, dtype=object)
    for name, mask in populations.masks.items():  # parents come first
        names[mask] = name
    return names


def read_event_labels(path: Path | str, column: str = COLUMN) -> Names:
    """Read a table with one row for every event, in the order of the FCS file.

    Parameters
    ----------
    path : path-like
        CSV in UTF-8 with a heading; may be packed with gzip (``.gz``).
    column : str
        Column of the names; an empty field is an event that nobody named.

    Returns
    -------
    ndarray, shape (n_events,), object
        Names, without blanks at their ends.

    Raises
    ------
    LabelError
        If the table cannot be read, or lacks the column.
    """
    try:
        is_packed = Path(path).suffix.casefold() == ".gz"
        with Path(path).open("rb") as stream:
            packed = gzip.GzipFile(fileobj=stream) if is_packed else stream
            raw = packed.read(LARGEST_TABLE + 1)
        if len(raw) > LARGEST_TABLE:
            raise LabelError(f"{printable(path)} is larger than {LARGEST_TABLE} bytes.")
        rows = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
        heading = [name.strip() for name in next(rows, [])]
        if heading.count(column) != 1:
            raise LabelError(
                f"{printable(path)} has the columns {printable(', '.join(heading), 200)}, "
                f"expected one that is called {printable(column)!r}. Say which one it is."
            )
        place = heading.index(column)
        names = [row[place].strip() if len(row) > place else UNLABELLED for row in rows]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(
            f"could not read the labels {printable(path)}: {printable(error, 120)}. Save them "
            "as CSV in UTF-8."
        ) from error
    return np.array(names, dtype=object)


def labels_of_channel(sample: Sample, channel: str, names: Mapping[int, str]) -> Names:
    """Name every event by a number that a channel of its own file holds.

    Parameters
    ----------
    sample : Sample
        Linear values.
    channel : str
        Name of the channel.
    names : mapping of int to str
        What each number means; an event with another number, or none, is not named.

    Returns
    -------
    ndarray, shape (n_events,), object
        Names.

    Raises
    ------
    PanelError
        If there is no such channel.
    """
    place = sample.column(channel)
    values = np.concatenate([block[:, place] for block in sample.blocks()] or [np.empty(0)])
    labels = np.full(sample.n_events, UNLABELLED, dtype=object)
    for number, name in names.items():
        labels[values == number] = name
    return labels


def translated(labels: Sequence[str] | Names, classes: Mapping[str, str]) -> Names:
    """Replace the names of populations by those of the classes that they belong to.

    Parameters
    ----------
    labels : sequence of str
        A population for every event.
    classes : mapping of str to str
        By population: a lineage, the name of artefacts, or `UNLABELLED` for those that training
        shall pass over.

    Returns
    -------
    ndarray, shape (n_events,), object
        Names of classes.

    Raises
    ------
    LabelError
        If a population belongs to none.
    """
    known = {UNLABELLED: UNLABELLED, **classes}
    found = sorted(set(labels))
    unknown = [name for name in found if name not in known]
    if unknown:
        raise LabelError(
            f"the population {printable(unknown[0])!r} belongs to no class (one of "
            f"{len(unknown)} that do not). Nearest: "
            f"{printable(nearest(unknown[0], list(classes)))}. Add it to the classes, or give "
            "it the empty name to pass it over."
        )
    return np.array([known[name] for name in labels], dtype=object)
