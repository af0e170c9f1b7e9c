"""Numbers in place of the names of files, which identify, and the map between them."""

from __future__ import annotations

import csv
import secrets
import unicodedata
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING

from flowml.fcs.keys import FILE_ENDINGS
from flowml.safety import spreadsheet_cell, written_aside

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

LEAST_DIGITS = 4  # of a number in place of a name
HIDDEN = ("C", "Zl", "Zp")  # Unicode categories of what is not seen
PRIVATE = 0o600  # the map is for its owner only


def numbered(names: Collection[PurePath]) -> dict[PurePath, PurePath]:
    """Give numbers to files and folders; those at the top in random order.

    Parameters
    ----------
    names : collection of PurePath
        Relative to the folder that they are in.

    Returns
    -------
    dict of PurePath to PurePath
        For each name its number, with the folders on the way, and ``.fcs`` or ``.lmd``.
    """
    children: dict[PurePath, dict[PurePath, None]] = {}
    for name in names:
        for parent, child in pairwise([*reversed(name.parents), name]):
            children.setdefault(parent, {})[child] = None
    numbers: dict[PurePath, str] = {}
    for parent, found in children.items():
        order = list(found)
        if not parent.name:  # the order of names would tell something of them
            secrets.SystemRandom().shuffle(order)
        width = max(LEAST_DIGITS, len(str(len(order))))
        numbers |= {child: str(n).zfill(width) for n, child in enumerate(order, start=1)}
    return {
        name: PurePath(
            *(numbers[folder] for folder in [*reversed(name.parents)][1:]),
            numbers[name] + _suffix(name),
        )
        for name in names
    }


def _suffix(name: PurePath) -> str:
    """Return the ending of a copy; behind the last dot of other names may stand anything."""
    ending = name.suffix.lower()
    return ending if ending in FILE_ENDINGS else ".fcs"


def escaped(name: str) -> str:
    r"""Spell out what is not seen in a name, so that different names stay different.

    Parameters
    ----------
    name : str
        Of a file.

    Returns
    -------
    str
        With escapes as in Python for what is hidden, and for the backslash.

    Examples
    --------
    >>> escaped("a\u202eb\n\\")
    'a\\u202eb\\n\\\\'
    """
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if char == "\\" or unicodedata.category(char).startswith(HIDDEN)
        else char
        for char in name
    )


def write_map(place: Path, copies: Mapping[PurePath, PurePath]) -> None:
    """Note which copy is which file, for the owner's eyes only.

    Parameters
    ----------
    place : Path
        A CSV file; it appears only when it is whole.
    copies : mapping of PurePath to PurePath
        The name of each file, and that of its copy.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    rows = sorted((copy.as_posix(), name) for name, copy in copies.items())
    with written_aside(place) as aside:
        aside.chmod(PRIVATE)
        with aside.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["copy", "original"])
            for copy, name in rows:
                writer.writerow([copy, spreadsheet_cell(escaped(name.as_posix()))])
