"""What populations look like: levels, expressions of antigens, populations of cells.

How a marker is written is explained at the head of ``populations.toml``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowml.knowledge.entries import Entry
from flowml.knowledge.markers import name_channel
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH_STEPS = 3  # youngest, middle and oldest cells of a path of maturation
NEGATIVE = "neg"
SCATTER_TOP = 262_144.0
SIZE_TO_SSC = 0.6  # that of lymphocytes
SIGNS = ("", "+", "++", "+++", "-", "--", "---")
CHAINS = ("kappa", "lambda")
POLYTYPIC, RESTRICTED = "polytypic", "restricted"
Together = tuple[str, str, float]  # two markers, and their correlation between cells
_LEVEL = re.compile(r"^(?P<name>[a-z_]+)(?P<signs>\+{0,3}|-{0,3})$")


@dataclass(frozen=True, slots=True)
class Level:
    """How bright a population is.

    Parameters
    ----------
    decades : float
        log10 of the median antigen signal, in reference units.
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
    spread : float or None
        Standard deviation between cells, in decades; None for the levels' own.
    """

    path: tuple[tuple[Level, Level], ...]
    share: float = 1.0
    cells: tuple[float, float] = (1.0, 1.0)
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class LightChains:
    """Light chains of a population that makes them.

    Parameters
    ----------
    surface, cytoplasmic : Expression or None
        Of the chain that a cell has; None where it is not there.
    kind : str
        `POLYTYPIC`: some cells have kappa, the others lambda; `RESTRICTED`: all have one.
    kappa : float
        Share of the cells with kappa, or the probability of a clone to have it.
    none : float
        Probability of a clone to have neither.
    other : Expression or None
        What antibody against the other chain leaves on the surface; None for nothing.
    """

    surface: Expression | None
    cytoplasmic: Expression | None
    kind: str
    kappa: float
    none: float = 0.0
    other: Expression | None = None


@dataclass(frozen=True, eq=False)
class Population:
    """Cells of one kind.

    Parameters
    ----------
    name : str
        As the file calls it.
    expressions : mapping of str to Expression
        By marker; a marker that is not there is negative.
    fsc, ssc : float
        Median FSC-A and SSC-A, reference units.
    scatter_spread : tuple of float
        Standard deviations of FSC-A and SSC-A between cells, in decades.
    size_to_ssc : float
        Correlation of the logarithms of FSC-A and SSC-A between cells.
    autofluorescence : float
        Times that of a lymphocyte.
    variation : float
        Times the band of each level within which a patient's medians lie.
    light_chains : LightChains or None
        None for cells that make none.
    together : tuple of (str, str, float)
        Two markers, and the correlation of their logarithms between cells; beside what goes
        with the size of a cell.
    source : str
        Where the phenotype is described.
    """

    name: str
    expressions: Mapping[str, Expression]
    fsc: float
    ssc: float
    scatter_spread: tuple[float, float]
    size_to_ssc: float
    autofluorescence: float
    variation: float
    light_chains: LightChains | None
    together: tuple[Together, ...]
    source: str


POPULATION_FIELDS = (
    "name", "like", "markers", "fsc", "ssc", "scatter_spread", "size_to_ssc",
    "autofluorescence", "variation", "light_chains", "together", "source",
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
        for signs in SIGNS:
            steps = signs.count("+") - signs.count("-")
            levels[name + signs] = Level(middle + steps * step, band, spread)
    if NEGATIVE not in levels:
        raise entry.error(f"there is no level {NEGATIVE!r}")
    return levels


def read_population(
    entry: Entry,
    levels: Mapping[str, Level],
    known: Mapping[str, Population],
    extra_fields: tuple[str, ...] = (),
) -> Population:
    """Read a population; what it leaves out, it takes from the one that it is `like`.

    Parameters
    ----------
    entry : Entry
        Its table.
    levels : mapping of str to Level
        From `read_levels`.
    known : mapping of str to Population
        Those that it may be like.
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
    entry.text("source")
    if "like" not in entry:
        return overlaid(_blank(entry), entry, levels)
    name = entry.text("like")
    if name not in known:
        raise entry.error(
            f"'like' names {printable(name, 60)!r}, which is no population above it; "
            f"nearest: {nearest(name, list(known))}"
        )
    return overlaid(replace(known[name], variation=1.0), entry, levels)


def _blank(entry: Entry) -> Population:
    """Return a population without markers; scatter must be given where nothing is inherited."""
    return Population(
        name=entry.text("name"),
        expressions={},
        fsc=entry.number("fsc", 1.0, SCATTER_TOP),
        ssc=entry.number("ssc", 1.0, SCATTER_TOP),
        scatter_spread=entry.two_numbers("scatter_spread", 0.0, 1.0),
        size_to_ssc=SIZE_TO_SSC,
        autofluorescence=entry.number("autofluorescence", 0.0, 100.0),
        variation=1.0,
        light_chains=None,
        together=(),
        source=entry.text("source"),
    )


def overlaid(base: Population, entry: Entry, levels: Mapping[str, Level]) -> Population:
    """Return a population with some of its fields replaced.

    Parameters
    ----------
    base : Population
        What holds where the entry is silent.
    entry : Entry
        Any of the fields of a population.
    levels : mapping of str to Level
        From `read_levels`.

    Returns
    -------
    Population
        Markers are replaced one by one.

    Raises
    ------
    KnowledgeError
        If a field is out of bounds.
    """
    given = set(entry.keys())
    table = entry.table("markers", default={})
    expressions = {
        **base.expressions,
        **{_marker(table, m): _expression(table, m, levels) for m in table.keys()},  # noqa: SIM118
    }
    chains = base.light_chains
    if "light_chains" in given:
        chains = _light_chains(entry.table("light_chains"), levels)
    return Population(
        name=entry.text("name") if "name" in given else base.name,
        expressions=expressions,
        fsc=entry.number("fsc", 1.0, SCATTER_TOP, default=base.fsc),
        ssc=entry.number("ssc", 1.0, SCATTER_TOP, default=base.ssc),
        scatter_spread=(
            entry.two_numbers("scatter_spread", 0.0, 1.0)
            if "scatter_spread" in given
            else base.scatter_spread
        ),
        size_to_ssc=entry.number("size_to_ssc", 0.0, 1.0, default=base.size_to_ssc),
        autofluorescence=entry.number(
            "autofluorescence", 0.0, 100.0, default=base.autofluorescence
        ),
        variation=entry.number("variation", 0.0, 10.0, default=base.variation),
        light_chains=chains,
        together=_together(entry) if "together" in given else base.together,
        source=entry.text("source") if "source" in given else base.source,
    )


def _together(entry: Entry) -> tuple[Together, ...]:
    """Read markers that go together: a list of two markers and a correlation each."""
    value = entry.get("together")
    if not isinstance(value, list):
        raise entry.error(f"'together' is {printable(repr(value), 60)}, expected a list")
    found = []
    for item in value:
        if not isinstance(item, list) or len(item) != 3 or item[0] == item[1]:
            raise entry.error(
                f"'together' holds {printable(repr(item), 60)}, expected two markers and their "
                'correlation, such as ["CD3", "TCRgd", 0.6]'
            )
        row = Entry({"correlation": item[2]}, f"{entry.where}, together")
        first, second = (_marker(entry, str(name)) for name in item[:2])
        found.append((first, second, row.number("correlation", -1.0, 1.0)))
    return tuple(found)


def _marker(table: Entry, name: str) -> str:
    """Return a marker's name, which must be the canonical one."""
    found = name_channel("", name)
    if found.marker != name or not found.known:
        raise table.error(
            f"{printable(name, 60)!r} is not the canonical name of a marker; that is "
            f"{printable(found.marker, 60)!r}, or markers.toml lacks it"
        )
    return name


def _light_chains(entry: Entry, levels: Mapping[str, Level]) -> LightChains:
    places = ("surface", "cytoplasmic", "other")
    keys = entry.keys((*places, "kind", "kappa", "none"))
    kind = entry.text("kind")
    if kind not in {POLYTYPIC, RESTRICTED}:
        raise entry.error(f"'kind' is {kind!r}, expected {POLYTYPIC} or {RESTRICTED}")
    surface, cytoplasmic, other = (
        _expression(entry, place, levels) if place in keys else None for place in places
    )
    return LightChains(
        surface,
        cytoplasmic,
        kind,
        entry.number("kappa", 0.0, 1.0),
        entry.number("none", 0.0, 1.0, default=0.0),
        other,
    )


def _expression(entry: Entry, marker: str, levels: Mapping[str, Level]) -> Expression:
    """Read one marker: a level, a range, a path, or a table of these and shares."""
    value = entry.get(marker)
    if not isinstance(value, dict):
        return Expression(_path(entry, marker, value, levels))
    table = entry.table(marker)
    keys = table.keys(("level", "share", "cells", "spread"))
    return Expression(
        path=_path(table, "level", table.get("level"), levels),
        share=table.number("share", 0.0, 1.0, default=1.0),
        cells=table.pair("cells", 0.0, 1.0, default=(1.0, 1.0)),
        spread=table.number("spread", 0.0, 1.0) if "spread" in keys else None,
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
