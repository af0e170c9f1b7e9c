"""Entities as cases show them: variants, clones, and what becomes of the normal cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.errors import LabelError
from flowml.knowledge.entries import KnowledgeError
from flowml.knowledge.labels import load_label_tree
from flowml.knowledge.phenotypes import (
    POPULATION_FIELDS,
    RESTRICTED,
    overlaid,
    read_population,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowml.knowledge.entries import Entry
    from flowml.knowledge.phenotypes import Level, Population

    Range = tuple[float, float]

UNIFORM, LOG_UNIFORM = "uniform", "log-uniform"
DRAWS = (UNIFORM, LOG_UNIFORM)
LARGEST_FACTOR = 1000.0  # by which a disease may multiply a normal population
VARIANT_FIELDS = (
    "name", "weight", "share", "draw", "specimen", "composition", "clone", "altered", "source",
)  # fmt: skip
SMALLEST_SHARE, LARGEST_SHARE = 1e-5, 0.999


@dataclass(frozen=True, eq=False)
class Clone:
    """A neoplastic population.

    Parameters
    ----------
    population : Population
        How it looks.
    part : tuple of float or None
        Range of its part of the neoplastic share; None for the one that takes the rest.
    """

    population: Population
    part: Range | None


@dataclass(frozen=True, eq=False)
class Variant:
    """One of the ways in which an entity shows itself.

    Parameters
    ----------
    name : str
        For people; unique within the entity.
    weight : float
        How often, relative to the entity's other variants.
    share : tuple of float or None
        Range of the neoplastic share of intact cells; None where there is no clone.
    draw : str
        One of `DRAWS`.
    specimens : mapping of str to float
        Weight of each kind of specimen.
    composition : mapping of str to tuple of float
        Range of the factor on a normal population's share.
    clones : tuple of Clone
        Empty for a variant without one.
    altered : mapping of str to Population
        Normal populations that look otherwise, by name.
    """

    name: str
    weight: float
    share: Range | None
    draw: str
    specimens: Mapping[str, float]
    composition: Mapping[str, Range]
    clones: tuple[Clone, ...]
    altered: Mapping[str, Population]


@dataclass(frozen=True, eq=False)
class Disease:
    """A diagnosis as it is simulated.

    Parameters
    ----------
    name : str
        Canonical name of the label tree.
    variants : tuple of Variant
        At least one.
    outside : bool
        Whether it lies outside the label tree, for tests of what a model has not seen.
    source : str
        Where it is described.
    """

    name: str
    variants: tuple[Variant, ...]
    outside: bool
    source: str


def read_disease(
    entry: Entry,
    levels: Mapping[str, Level],
    populations: Mapping[str, Population],
    specimens: Sequence[str],
) -> Disease:
    """Read an entity.

    Parameters
    ----------
    entry : Entry
        Its table.
    levels : mapping of str to Level
        The ladder.
    populations : mapping of str to Population
        Normal ones.
    specimens : sequence of str
        Kinds of specimen that there are.

    Returns
    -------
    Disease
        Checked in every field.

    Raises
    ------
    KnowledgeError
        If a field cannot be used; the message names entity, variant and field.
    """
    entry.keys(
        ("name", "share", "draw", "specimen", "composition", "variant", "outside", "source")
    )
    outside = entry.get("outside") if "outside" in entry else False
    if not isinstance(outside, bool):
        raise entry.error("'outside' must be true or false")
    variants = tuple(
        _variant(entry, item, levels, populations, specimens)
        for item in entry.tables("variant")
    )
    if not variants:
        raise entry.error("there is no [[entity.variant]], expected one or more")
    name = entry.text("name") if outside else _canonical(entry)
    return Disease(name, variants, outside, entry.text("source"))


def _canonical(entry: Entry) -> str:
    """Return the entity's name, which must be the label tree's own."""
    name = entry.text("name")
    try:
        canonical = load_label_tree().canonical(name)
    except LabelError as error:
        raise KnowledgeError(f"{entry.where}: {error}") from error
    if canonical != name:
        raise entry.error(f"the name is {name!r}, expected the canonical {canonical!r}")
    return name


def _variant(
    entity: Entry,
    entry: Entry,
    levels: Mapping[str, Level],
    populations: Mapping[str, Population],
    specimens: Sequence[str],
) -> Variant:
    entry.keys(VARIANT_FIELDS)
    entry.text("source")
    clones = tuple(_clone(item, levels, populations) for item in entry.tables("clone"))
    share, draw = _share(entry if "share" in entry else entity)
    if bool(clones) != bool(share):
        raise entry.error("a share needs a clone, and a clone needs a share")
    if clones and sum(clone.part is None for clone in clones) != 1:
        raise entry.error("exactly one clone must have no 'part': it takes the rest")
    return Variant(
        name=entry.text("name"),
        weight=entry.number("weight", 0.0, 1e6),
        share=share,
        draw=draw,
        specimens=_specimens(entry if "specimen" in entry else entity, specimens),
        composition={
            **_composition(entity, populations),
            **_composition(entry, populations),
        },
        clones=clones,
        altered=_altered(entry, levels, populations),
    )


def _clone(
    entry: Entry, levels: Mapping[str, Level], populations: Mapping[str, Population]
) -> Clone:
    population = read_population(entry, levels, populations, extra_fields=("part",))
    if population.light_chains is not None and population.light_chains.kind != RESTRICTED:
        raise entry.error("a clone makes one light chain: its kind must be 'restricted'")
    part = entry.pair("part", 0.0, 1.0) if "part" in entry else None
    return Clone(population, part)


def _share(entry: Entry) -> tuple[Range | None, str]:
    """Return the range of the neoplastic share, and how it is drawn."""
    if entry.get("share") == []:
        return None, UNIFORM
    draw = entry.text("draw") if "draw" in entry else LOG_UNIFORM
    if draw not in DRAWS:
        raise entry.error(f"'draw' is {draw!r}, expected one of {', '.join(DRAWS)}")
    return entry.pair("share", SMALLEST_SHARE, LARGEST_SHARE), draw


def _specimens(entry: Entry, known: Sequence[str]) -> dict[str, float]:
    table = entry.table("specimen")
    weights = {name: table.number(name, 0.0, 1e6) for name in table.keys(known)}
    if not sum(weights.values()) > 0:
        raise table.error("expected at least one number above 0")
    return weights


def _composition(entry: Entry, populations: Mapping[str, Population]) -> dict[str, Range]:
    table = entry.table("composition", default={})
    found = {}
    for name in table.keys(populations):
        if isinstance(table.get(name), list):
            found[name] = table.pair(name, 0.0, LARGEST_FACTOR)
        else:
            factor = table.number(name, 0.0, LARGEST_FACTOR)
            found[name] = (factor, factor)
    return found


def _altered(
    entry: Entry, levels: Mapping[str, Level], populations: Mapping[str, Population]
) -> dict[str, Population]:
    found: dict[str, Population] = {}
    for item in entry.tables("altered", named_by="population"):
        item.keys(("population", *(f for f in POPULATION_FIELDS if f not in {"name", "like"})))
        name = item.text("population")
        if name not in populations:
            raise item.error("there is no such population")
        found[name] = overlaid(populations[name], item, levels)
    return found
