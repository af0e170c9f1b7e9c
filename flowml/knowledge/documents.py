"""Knowledge files: their form, and fields that name something known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from flowml.knowledge.entries import Entry
from flowml.knowledge.files import read_toml
from flowml.safety import nearest, printable

FORMAT = 1


def open_document(path: Path | str, tables: Sequence[str]) -> Entry:
    """Open a knowledge file, and see that it is of this form.

    Parameters
    ----------
    path : path-like
        The file.
    tables : sequence of str
        What it may hold beside ``format``.

    Returns
    -------
    Entry
        The document; its messages call it by the file's name.

    Raises
    ------
    KnowledgeError
        If it says another format, or holds something else.
    FlowmlError
        If it cannot be read.
    """
    file = Path(path)
    document = Entry(read_toml(file.resolve()), file.name)
    if document.get("format") != FORMAT:
        raise document.error(f"format is {document.get('format')!r}, expected {FORMAT}")
    document.keys(("format", *tables))
    return document


def one_of(entry: Entry, key: str, known: Mapping[str, object]) -> str:
    """Return a field that is one of the known names.

    Parameters
    ----------
    entry : Entry
        The table.
    key : str
        Name of the field.
    known : mapping of str to object
        The names.

    Returns
    -------
    str
        The name.

    Raises
    ------
    KnowledgeError
        If it is another.
    """
    name = entry.text(key)
    if name not in known:
        raise entry.error(
            f"{key!r} is {printable(name, 60)!r}; nearest: {nearest(name, list(known))}"
        )
    return name


def listed(entry: Entry, key: str, known: Mapping[str, object]) -> tuple[str, ...]:
    """Return a field that is a list of known names, each once.

    Parameters
    ----------
    entry : Entry
        The table.
    key : str
        Name of the field.
    known : mapping of str to object
        The names.

    Returns
    -------
    tuple of str
        At least one, in the order of the file.

    Raises
    ------
    KnowledgeError
        If there is none, one is not known, or one stands twice.
    """
    value = entry.get(key)
    if not isinstance(value, list) or not value:
        raise entry.error(f"{key!r} is {printable(repr(value), 60)}, expected a list of names")
    for item in value:
        one_of(Entry({key: item}, entry.where), key, known)
    if len(set(value)) < len(value):
        raise entry.error(f"{key!r} holds a name twice")
    return tuple(value)
