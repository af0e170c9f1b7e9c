"""The label tree: which lineage, category and answer each entity stands for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from flowml.errors import LabelError
from flowml.knowledge.files import read_toml
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

AXES = ("lineage", "category", "answer")


@dataclass(frozen=True, slots=True)
class Entity:
    """A diagnosis, and its place on each axis.

    Parameters
    ----------
    name : str
        Canonical name.
    lineage, maturity, category : str
        Independent axes.
    answer : str
        ``leukemia``, ``lymphoma``, ``neither`` or ``undetermined``, for blood or marrow.
    rule : str
        Name of the rule behind `answer`.
    urgent : bool
        Whether a likely case must be seen the same day.
    aliases : tuple of str
        Other names, in any language.
    source : str
        Where the line comes from.
    """

    name: str
    lineage: str
    maturity: str
    category: str
    answer: str
    rule: str
    urgent: bool = False
    aliases: tuple[str, ...] = ()
    source: str = ""


class LabelTree:
    """Entities by name, with their aliases.

    Parameters
    ----------
    entities : iterable of Entity
        In the order in which they shall be listed.

    Raises
    ------
    LabelError
        If two entities share a name or an alias.
    """

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.entities = {entity.name: entity for entity in entities}
        self._names: dict[str, str] = {}
        for entity in self.entities.values():
            for name in (entity.name, *entity.aliases):
                self._claim(name, entity.name)

    def _claim(self, name: str, owner: str) -> None:
        taken = self._names.setdefault(_folded(name), owner)
        if taken != owner:
            raise LabelError(f"{name!r} names both {taken!r} and {owner!r} in the label tree.")

    def canonical(self, name: str) -> str:
        """Find the canonical name of an entity.

        Parameters
        ----------
        name : str
            A name or alias, in any letter case.

        Returns
        -------
        str
            The name used in every output.

        Raises
        ------
        LabelError
            If no entity goes by that name; the message names the nearest ones.
        """
        try:
            return self._names[_folded(name)]
        except KeyError:
            raise LabelError(
                f"{printable(name)!r} is not an entity of the label tree. "
                f"Nearest: {nearest(name, self.known_names())}. "
                "Correct the label; the page on labels in the documentation lists every name."
            ) from None

    def known_names(self) -> list[str]:
        """Return all names and aliases, canonical names first."""
        aliases = [name for entity in self.entities.values() for name in entity.aliases]
        return [*self.entities, *aliases]

    def subset(self, names: Iterable[str]) -> LabelTree:
        """Keep some of the entities.

        Parameters
        ----------
        names : iterable of str
            Names or aliases.

        Returns
        -------
        LabelTree
            The entities named, in the order given.
        """
        return LabelTree(self.entities[self.canonical(name)] for name in names)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the entities as plain values, for JSON."""
        return [asdict(entity) for entity in self.entities.values()]


def label_tree_from(items: Iterable[dict[str, Any]], where: str) -> LabelTree:
    """Build a tree from the plain values of a file.

    Parameters
    ----------
    items : iterable of dict
        One for each entity.
    where : str
        Name of the file, for messages.

    Returns
    -------
    LabelTree
        The tree.

    Raises
    ------
    LabelError
        If an entity lacks a field or has an unknown one.
    """
    entities = []
    for number, item in enumerate(items, start=1):
        try:
            values = {**item, "aliases": tuple(item.get("aliases", ()))}
            entities.append(Entity(**values))
        except (TypeError, AttributeError, ValueError) as error:
            raise LabelError(f"entity {number} of {printable(where)}: {error}.") from error
    return LabelTree(entities)


def read_label_tree(path: Path | str) -> LabelTree:
    """Read a label tree from a file, and check every value against its axis.

    Parameters
    ----------
    path : path-like
        A TOML file of the form of flowml's own ``labels.toml``.

    Returns
    -------
    LabelTree
        The tree.

    Raises
    ------
    LabelError
        If an entity has a value that its axis does not list.
    """
    document = read_toml(path)
    tree = label_tree_from(document.get("entity", []), str(path))
    axes = {"lineage": "lineages", "category": "categories", "answer": "answers"}
    axes["maturity"] = "maturities"
    for entity in tree.entities.values():
        for axis, listing in axes.items():
            value, known = getattr(entity, axis), document.get(listing, [])
            if value not in known:
                raise LabelError(
                    f"{printable(path)}: entity {entity.name!r} has {axis} {value!r}; "
                    f"expected one of {', '.join(known)}."
                )
    return tree


@cache
def load_label_tree() -> LabelTree:
    """Return flowml's own label tree.

    Returns
    -------
    LabelTree
        Read once; immutable by convention.
    """
    return read_label_tree("labels.toml")


def _folded(name: str) -> str:
    """Compare names without regard to letter case, blanks, hyphens and underscores."""
    return "".join(char for char in name.casefold() if char not in " -_\t")
