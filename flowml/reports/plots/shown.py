"""Which populations have a colour in a picture, and what it says of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowml.errors import GateError
from flowml.gating.populations import ALL_EVENTS, SURE, Populations
from flowml.reports.palette import LYMPHOCYTES, NOT_SURE, OTHER, is_frame, known_population
from flowml.safety import listed, nearest, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowml.gating.gates import Mask

LONGEST_NAME = 30  # characters, of a population that is not sure
MOST_UNSURE = 8  # that are named


@dataclass(frozen=True, eq=False)
class ShownPopulation:
    """Events that have a colour of their own.

    Parameters
    ----------
    label : str
        What a legend calls them; the name of the population is in it.
    mask : ndarray, shape (n_events,), bool
        Which they are.
    parent : str
        The population whose share they are; empty for all events.
    """

    label: str
    mask: Mask
    parent: str


def shown_populations(found: Populations, marked: Sequence[str] = ()) -> list[ShownPopulation]:
    """Choose the populations that have a colour.

    Parameters
    ----------
    found : Populations
        Whoever found them.
    marked : sequence of str
        Those that are asked for, sure or not; the choice is made here if it is empty.

    Returns
    -------
    list of ShownPopulation
        What was asked for; else those that are sure and have no child that is, and of a
        lineage with children, and of lymphocytes without, the events that are in no other.
        Gates of quality, and of cells of all kinds, are grey.

    Raises
    ------
    GateError
        If there is no population of a name.
    """
    if not marked:
        return list(_chosen(found))
    return [
        ShownPopulation(named(found, name), population_mask(found, name), found.parent(name))
        for name in marked
    ]


def _chosen(found: Populations) -> Iterator[ShownPopulation]:
    sure = [name for name in found.masks if found.is_sure(name) and not is_frame(name)]
    within: dict[str, Mask] = {}
    for name in sure:
        for above in _ancestors(found, name):
            mask = found.masks[name]
            within[above] = within[above] | mask if above in within else mask
    for name in sure:
        mask, parent = found.masks[name], found.parent(name)
        if name not in within:
            yield _lone(found, name, sure)
        elif known_population(name) not in {"", LYMPHOCYTES}:
            others = mask & ~within[name]
            if others.any():
                yield ShownPopulation(f"{OTHER}{name}", others, parent)


def _lone(found: Populations, name: str, sure: Sequence[str]) -> ShownPopulation:
    """Show a population without children; of lymphocytes what is of no lineage.

    B cells and blasts may lie among them without being their children.
    """
    mask, parent = found.masks[name], found.parent(name)
    if known_population(name) == LYMPHOCYTES:
        others = mask.copy()
        for beside in set(sure) - {*_ancestors(found, name)}:
            if known_population(beside) not in {"", LYMPHOCYTES}:
                others &= ~found.masks[beside]
        if (others != mask).any():
            return ShownPopulation(f"{OTHER}{name}", others, parent)
    return ShownPopulation(name, mask, parent)


def _ancestors(found: Populations, name: str) -> Iterator[str]:
    while (name := found.parent(name)) != ALL_EVENTS:
        yield name


def population_mask(found: Populations | None, name: str) -> Mask:
    """Return the events of a population.

    Parameters
    ----------
    found : Populations or None
        None where there are no gates.
    name : str
        The population.

    Returns
    -------
    ndarray, shape (n_events,), bool
        Its mask.

    Raises
    ------
    GateError
        If there is none of that name.
    """
    masks = {} if found is None else found.masks
    if name not in masks:
        raise GateError(
            f"there is no population {printable(name)!r}; the gates have "
            f"{printable(nearest(name, list(masks))) or 'none'}."
        )
    return masks[name]


def named(found: Populations | None, name: str) -> str:
    """Name a population, and say so where it is not sure.

    Parameters
    ----------
    found : Populations or None
        Has it, where there are gates.
    name : str
        The population.

    Returns
    -------
    str
        Not yet harmless.
    """
    is_unsure = found is not None and name in found.masks and not found.is_sure(name)
    return f"{name}{NOT_SURE}" if is_unsure else name


def shown_masks(marked: Mapping[str, Mask] | Populations | None) -> Mapping[str, Mask]:
    """Return the masks that are drawn in colour.

    Parameters
    ----------
    marked : Populations, or mapping of str to ndarray, or None
        What was given.

    Returns
    -------
    mapping of str to ndarray, shape (n_events,), bool
        By label; of `Populations` those of `shown_populations`.
    """
    if not isinstance(marked, Populations):
        return marked or {}
    return {each.label: each.mask for each in shown_populations(marked)}


def unsure_text(found: Populations) -> str:
    """Say which populations are not sure, and so not in colour.

    Parameters
    ----------
    found : Populations
        Whoever found them.

    Returns
    -------
    str
        Harmless text; empty where all are sure. What lies within one of them is not named.
    """
    parents = {found.parent(name) for name in found.masks}
    names = [
        f"{printable(name, LONGEST_NAME)}{' and all within' if name in parents else ''} "
        f"({found.score(name):.2f})"
        for name in found.masks
        if not found.is_sure(name) and _is_sure(found, found.parent(name))
    ]
    if not names:
        return ""
    return f"not sure (score below {SURE:g}), so not in colour: {listed(names, MOST_UNSURE)}"


def _is_sure(found: Populations, name: str) -> bool:
    return name == ALL_EVENTS or found.is_sure(name)
