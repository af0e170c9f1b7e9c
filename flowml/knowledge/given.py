"""What may be given with a case beside its files: `given.toml`, each column with its source."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from flowml.knowledge.documents import one_of, open_document
from flowml.knowledge.entries import Entry
from flowml.knowledge.files import HOME

CHOICE, NUMBER = KINDS = ("choice", "number")
OF_EITHER = ("key", "kind", "title", "aliases", "source")
OF_A_KIND = {CHOICE: ("values",), NUMBER: ("unit", "low", "high", "scaled")}
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "µ": "u", "μ": "u"})
NOT_COMPARED = " \t_-./"
T = TypeVar("T")


@dataclass(frozen=True)
class Column:
    """One thing that may be given with a case.

    Parameters
    ----------
    key, title : str
        For programs and for people.
    kind : str
        ``choice`` or ``number``.
    aliases : tuple of str
        Other names, those for another unit included.
    values : mapping of str to str
        Of a choice: folded spelling to value.
    unit : str
        Of a number.
    low, high : float
        What is possible.
    """

    key: str
    title: str
    kind: str
    aliases: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Giveable:
    """Everything that may be given.

    Parameters
    ----------
    columns : mapping of str to (Column, float)
        By folded name: the column, and the factor to its unit.
    unknown : frozenset of str
        Folded spellings of "not known".
    agents : mapping of str to (str, tuple of str)
        By folded name: what an agent is directed against, and the markers that it hides.
    """

    columns: Mapping[str, tuple[Column, float]]
    unknown: frozenset[str]
    agents: Mapping[str, tuple[str, tuple[str, ...]]]


def folded(text: str) -> str:
    """Compare texts without regard to letter case, umlauts, blanks, hyphens and the like.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        For comparison only.

    Examples
    --------
    >>> folded("Lymphozyten /µl") == folded("lymphozyten_ul")
    True
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(UMLAUTS)
    bare = unicodedata.normalize("NFD", plain)
    return "".join(c for c in bare if c not in NOT_COMPARED and not unicodedata.combining(c))


@cache
def load_giveable() -> Giveable:
    """Read what may be given with a case.

    Returns
    -------
    Giveable
        Read once.

    Raises
    ------
    KnowledgeError
        If an entry cannot be used, or a name stands for two columns.
    """
    document = open_document(HOME / "given.toml", ("unknown", "column", "agent"))
    columns: dict[str, tuple[Column, float]] = {}
    for entry in document.tables("column", named_by="key"):
        scaled = _scaled(entry)
        column = _column(entry, tuple(scaled))
        names = dict.fromkeys((column.key, *column.aliases), 1.0) | scaled
        _claim(entry, columns, {name: (column, factor) for name, factor in names.items()})
    unknown = frozenset(map(folded, _texts(document, "unknown")))
    agents: dict[str, tuple[str, tuple[str, ...]]] = {}
    for entry in document.tables("agent"):
        entry.keys(("name", "hides", "aliases", "source"))
        entry.text("source")
        known = entry.text("name"), tuple(_texts(entry, "hides"))
        _claim(entry, agents, dict.fromkeys((known[0], *_texts(entry, "aliases")), known))
    return Giveable(columns, unknown, agents)


def _scaled(entry: Entry) -> dict[str, float]:
    """Return the names of a column in another unit, with their factors."""
    table = entry.table("scaled", {})
    return {name: table.number(name) for name in table.keys()}  # noqa: SIM118 - not a dict


def _column(entry: Entry, scaled: tuple[str, ...]) -> Column:
    kind = one_of(entry, "kind", dict.fromkeys(KINDS))
    entry.keys((*OF_EITHER, *OF_A_KIND[kind]))
    entry.text("source")
    key, title = entry.text("key"), entry.text("title")
    aliases = (*_texts(entry, "aliases"), *scaled)
    if kind == CHOICE:
        values: dict[str, str] = {}
        table = entry.table("values")
        for value in table.keys():  # noqa: SIM118 - not a dict
            _claim(table, values, dict.fromkeys((value, *_texts(table, value)), value))
        return Column(key, title, kind, aliases, values)
    low, high = entry.number("low"), entry.number("high")
    return Column(key, title, kind, aliases, unit=entry.text("unit"), low=low, high=high)


def _claim(entry: Entry, known: dict[str, T], names: Mapping[str, T]) -> None:
    """Add names, refusing those that stand for something else already."""
    for name, value in names.items():
        if known.setdefault(folded(name), value) != value:
            raise entry.error(f"the name {name!r} is taken already")


def _texts(entry: Entry, key: str) -> list[str]:
    value = entry.get(key)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise entry.error(f"{key!r} is no list of texts")
    return value
