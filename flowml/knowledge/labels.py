"""The label tree: which lineage, category and answer each entity stands for."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.errors import LabelError
from flowml.knowledge.files import HOME, read_toml
from flowml.safety import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

AXES = ("lineage", "category", "answer")
ANSWERS = ("leukemia", "lymphoma", "neither", "undetermined")
FORMAT = 1
OWN = "labels.toml"
# axis of an entity: where a file lists its values
LISTINGS = {
    "lineage": "lineages", "maturity": "maturities", "category": "categories",
    "answer": "answers",
}  # fmt: skip
DOTS = "\u0308"  # of umlauts, for which others write an e behind the vowel
LONGEST_NAME = 120  # characters of an entity, an alias or a value of an axis


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
    scheme : str
        The file of a laboratory's own entities, for messages; empty for flowml's.

    Raises
    ------
    LabelError
        If two entities share a name or an alias.
    """

    def __init__(self, entities: Iterable[Entity], scheme: str = "") -> None:
        self.scheme = scheme
        self.entities = {entity.name: entity for entity in entities}
        self._names: dict[str, str] = {}
        for entity in self.entities.values():
            for name in (entity.name, *entity.aliases):
                self._claim(name, entity.name)

    def _claim(self, name: str, owner: str) -> None:
        taken = self._names.setdefault(_folded(name), owner)
        if taken != owner:
            raise LabelError(
                f"{printable(name)!r} names both {printable(taken)!r} and {printable(owner)!r} "
                f"in {self._called}. Give each entity names of its own."
            )

    @property
    def _called(self) -> str:
        return f"the scheme {printable(self.scheme)}" if self.scheme else "the label tree"

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
            where = "; the page on labels in the documentation lists every name."
            if self.scheme:
                where = ", or add it to the scheme, as an entity or an alias of one."
            raise LabelError(
                f"{printable(name)!r} is not an entity of {self._called}. "
                f"Nearest: {nearest(name, self.known_names())}. Correct the label{where}"
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
        chosen = (self.entities[self.canonical(name)] for name in names)
        return LabelTree(chosen, self.scheme)

    def widened(self) -> LabelTree:
        """Add flowml's own entities, for labels of cases that a model may not know.

        Returns
        -------
        LabelTree
            These entities, which keep every name that they have; then those of flowml under
            the names that are left.
        """
        further = [
            replace(own, aliases=tuple(a for a in own.aliases if _folded(a) not in self._names))
            for own in load_label_tree().entities.values()
            if _folded(own.name) not in self._names
        ]
        return LabelTree([*self.entities.values(), *further])

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
            entities.append(_entity(item))
        except (TypeError, AttributeError, ValueError) as error:
            message = printable(str(error).removeprefix("Entity.__init__() "))
            raise LabelError(f"entity {number} of {printable(where)}: {message}.") from error
    return LabelTree(entities)


def _entity(item: dict[str, Any]) -> Entity:
    """Make an entity of plain values, after checking that each is of its kind."""
    aliases = item.get("aliases", ())
    if not isinstance(aliases, list | tuple):
        raise TypeError('aliases are no list, expected ["name", "other name"]')
    entity = Entity(**{**item, "aliases": tuple(aliases)})
    if not isinstance(entity.urgent, bool):
        raise TypeError("urgent is neither true nor false")
    named = {f.name: getattr(entity, f.name) for f in fields(entity)}
    del named["urgent"], named["aliases"], named["source"]
    for what, text in (*named.items(), *(("an alias", alias) for alias in aliases)):
        if not isinstance(text, str) or not _folded(text):
            raise TypeError(f"{what} is {printable(repr(text), 40)}, expected a text")
        if printable(text, LONGEST_NAME) != text:
            raise TypeError(
                f"{what} is {printable(repr(text), 40)}, expected at most {LONGEST_NAME} signs "
                "that can be shown"
            )
    return entity


def read_label_tree(path: Path | str) -> LabelTree:
    """Read a label tree from a file, and check every value against its axis.

    Parameters
    ----------
    path : path-like
        A TOML file of the form of flowml's own ``labels.toml``. The values of an axis that it
        does not list are those of flowml.

    Returns
    -------
    LabelTree
        The tree; it knows the entities of the file and no others.

    Raises
    ------
    LabelError
        If an entity has a value that its axis does not list, two share a name, or there are
        none.
    FlowmlError
        If the file cannot be read.
    """
    file = Path(path)
    document = read_toml(file.resolve())
    known, tree = _listings(file, document), _tree_of(file, document)
    for entity in tree.entities.values():
        for axis, values in known.items():
            if (value := getattr(entity, axis)) not in values:
                raise LabelError(
                    f"{printable(path)}: entity {entity.name!r} has {axis} {value!r}; "
                    f"expected one of {', '.join(values)}."
                )
    return LabelTree(tree.entities.values(), file.name)


def _tree_of(file: Path, document: dict[str, Any]) -> LabelTree:
    """Return the entities of a file, without a look at their axes."""
    items = document.get("entity", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise LabelError(f"{printable(file)}: expected a table [[entity]] for each entity.")
    tree = label_tree_from(items, str(file))
    if len(tree.entities) < len(items) or not items:
        what = "an entity stands there twice" if items else "it has no [[entity]]"
        raise LabelError(f"{printable(file)}: {what}. Give each entity one table.")
    return tree


def _listings(file: Path, document: dict[str, Any]) -> dict[str, list[str]]:
    """Return the values of each axis, those of flowml where a file lists none."""
    own = read_toml(OWN)
    unknown = [key for key in document if key not in ("format", "entity", *LISTINGS.values())]
    if unknown or document.get("format", FORMAT) != FORMAT:
        what = f"unknown key {printable(unknown[0], 60)!r}" if unknown else "another format"
        raise LabelError(
            f"{printable(file)}: {what}; expected format = {FORMAT}, [[entity]] and perhaps "
            f"{', '.join(LISTINGS.values())}."
        )
    known = {axis: document.get(key, own[key]) for axis, key in LISTINGS.items()}
    for axis, values in known.items():
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise LabelError(
                f"{printable(file)}: {LISTINGS[axis]} is no list of texts. Write it like "
                f"{own[LISTINGS[axis]][:2]}."
            )
    if other := set(known["answer"]) - set(ANSWERS):
        raise LabelError(
            f"{printable(file)}: {printable(min(other), 60)!r} is no answer; expected only "
            f"{', '.join(ANSWERS)}."
        )
    return known


@cache
def load_label_tree() -> LabelTree:
    """Return flowml's own label tree.

    Returns
    -------
    LabelTree
        Read once; immutable by convention.
    """
    own = read_label_tree(HOME / OWN)
    return LabelTree(own.entities.values())


def _folded(name: str) -> str:
    """Compare names without regard to letter case, blanks, dashes, umlauts and British ae."""
    if not name.isascii():
        parts = unicodedata.normalize("NFKD", name).replace(DOTS, "e")
        name = "".join(c for c in parts if unicodedata.category(c) not in {"Mn", "Pd", "Zs"})
    kept = "".join(char for char in name.casefold() if char not in " -_\t")
    return kept.replace("leukaem", "leukem").replace("globulinaem", "globulinem")
