"""What populations look like: levels, expressions of antigens, populations of cells.

How a marker is written is explained at the head of ``simulator_normal.toml``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.knowledge.entries import Entry

PATH_STEPS = 3  # youngest, middle and oldest cells of a path of maturation
NEGATIVE = "neg"
SCATTER_TOP = 262_144.0
_LEVEL = re.compile(r"^(?P<name>[a-z_]+)(?P<signs>\+{0,3}|-{0,3})$")


@dataclass(frozen=True, slots=True)
class Level:
    """How bright a population is.

    Parameters
    ----------
    decades : float
        log10 of the median antigen signal, in channel units.
    band : float
        Half-width, in decades, of the range of medians between healthy donors.
    spread : float
        Standard deviation between the cells of a population, in decades.
    """

    decades: float
    band: float
    spread: float


@dataclass(frozen=True, slots=True)
class Expression:
    """How a population expresses one antigen.

    Parameters
    ----------
    path : tuple of (Level, Level)
        Lower and upper end of a patient's median, at each of `PATH_STEPS` points of the
        population's maturation.
    share : float
        Share of patients in whom the antigen is expressed at all.
    cells : tuple of float
        Range of the share of cells that express it, in such a patient.
    """

    path: tuple[tuple[Level, Level], ...]
    share: float = 1.0
    cells: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class Population:
    """Cells of one kind.

    Parameters
    ----------
    name : str
        As the file calls it.
    expressions : mapping of str to Expression
        By marker; a marker that is not there is negative.
    fsc, ssc : float
        Median FSC-A and SSC-A, channel units.
    scatter_spread : tuple of float
        Standard deviations of FSC-A and SSC-A between cells, in decades.
    autofluorescence : float
        Times that of a lymphocyte.
    variation : float
        Times the band of each level within which a patient's medians lie.
    source : str
        Where the phenotype is described.
    """

    name: str
    expressions: Mapping[str, Expression]
    fsc: float
    ssc: float
    scatter_spread: tuple[float, float]
    autofluorescence: float
    variation: float
    source: str


POPULATION_FIELDS = (
    "name", "markers", "fsc", "ssc", "scatter_spread", "autofluorescence", "variation",
    "source",
)  # fmt: skip


def read_levels(entry: Entry) -> dict[str, Level]:
    """Read the ladder of levels, each also a few steps up and down.

    Parameters
    ----------
    entry : Entry
        The table ``levels``.

    Returns
    -------
    dict of str to Level
        ``pos``, ``pos+``, ``pos++``, ``pos-``, ...

    Raises
    ------
    KnowledgeError
        If a level lacks a number, or there is no ``neg``.
    """
    step = entry.number("step", 0.0, 1.0)
    entry.text("source")
    levels: dict[str, Level] = {}
    for name in entry.keys():  # noqa: SIM118 - an Entry is not a dict
        if name in {"step", "source"}:
            continue
        row = entry.table(name)
        row.keys(("decades", "band", "spread"))
        middle, band, spread = (
            row.number(key, 0.0, high)
            for key, high in (("decades", 6.0), ("band", 1.0), ("spread", 1.0))
        )
        for signs in ("", "+", "++", "+++", "-", "--", "---"):
            steps = signs.count("+") - signs.count("-")
            levels[name + signs] = Level(middle + steps * step, band, spread)
    if NEGATIVE not in levels:
        raise entry.error(f"there is no level {NEGATIVE!r}")
    return levels


def read_population(
    entry: Entry,
    levels: Mapping[str, Level],
    markers: Sequence[str],
    extra_fields: tuple[str, ...] = (),
) -> Population:
    """Read a population.

    Parameters
    ----------
    entry : Entry
        Its table.
    levels : mapping of str to Level
        From `read_levels`.
    markers : sequence of str
        Markers that may be named.
    extra_fields : tuple of str
        Fields that the caller reads.

    Returns
    -------
    Population
        Checked in every field.

    Raises
    ------
    KnowledgeError
        If a field is missing, unknown or out of bounds.
    """
    entry.keys((*POPULATION_FIELDS, *extra_fields))
    table = entry.table("markers")
    table.keys(markers)
    return Population(
        name=entry.text("name"),
        expressions={marker: _expression(table, marker, levels) for marker in table.keys()},  # noqa: SIM118
        fsc=entry.number("fsc", 1.0, SCATTER_TOP),
        ssc=entry.number("ssc", 1.0, SCATTER_TOP),
        scatter_spread=entry.two_numbers("scatter_spread", 0.0, 1.0),
        autofluorescence=entry.number("autofluorescence", 0.0, 100.0),
        variation=entry.number("variation", 0.0, 10.0, default=1.0),
        source=entry.text("source"),
    )


def _expression(entry: Entry, marker: str, levels: Mapping[str, Level]) -> Expression:
    """Read one marker: a level, a range, a path, or a table of these and shares."""
    value = entry.get(marker)
    if not isinstance(value, dict):
        return Expression(_path(entry, marker, value, levels))
    table = entry.table(marker)
    table.keys(("level", "share", "cells"))
    return Expression(
        path=_path(table, "level", table.get("level"), levels),
        share=table.number("share", 0.0, 1.0, default=1.0),
        cells=table.pair("cells", 0.0, 1.0, default=(1.0, 1.0)),
    )


def _path(
    entry: Entry, key: str, value: object, levels: Mapping[str, Level]
) -> tuple[tuple[Level, Level], ...]:
    steps = value if isinstance(value, list) else [value] * PATH_STEPS
    if len(steps) != PATH_STEPS:
        raise entry.error(f"{key!r} has {len(steps)} steps, expected {PATH_STEPS}")
    return tuple(_range(entry, key, step, levels) for step in steps)


def _range(
    entry: Entry, key: str, value: object, levels: Mapping[str, Level]
) -> tuple[Level, Level]:
    """Read ``pos`` or ``dim..pos``."""
    if not isinstance(value, str):
        raise entry.error(
            f"{key!r} is {printable(repr(value), 60)}, expected a level such as 'pos'"
        )
    low, _, high = value.partition("..")
    ends = [_level(entry, key, name, levels) for name in (low, high or low)]
    if ends[0].decades > ends[1].decades:
        raise entry.error(f"{key!r} is {value!r}, expected the dimmer level first")
    return ends[0], ends[1]


def _level(entry: Entry, key: str, text: str, levels: Mapping[str, Level]) -> Level:
    if not _LEVEL.match(text) or text not in levels:
        known = [name for name in levels if name[-1] not in "+-"]
        raise entry.error(
            f"{key!r} has the unknown level {printable(text, 60)!r}; it can be "
            f"{', '.join(known)}, with up to three + or -; nearest: {nearest(text, known)}"
        )
    return levels[text]
