"""Hostile text made harmless, and files that are either whole or absent.

File names, FCS keywords and marker names come from outside: they may hold escape sequences
for a terminal, formulas for a spreadsheet, or a megabyte of nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import unicodedata
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.errors import FlowmlError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_TEXT = 200  # characters of foreign text that a message or a table cell may show
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
LINE_BREAKS = {"Zl", "Zp"}  # Unicode categories
HASH_CHUNK = 1 << 20


def printable(text: object, limit: int = LONGEST_TEXT) -> str:
    r"""Show foreign text without control characters and not longer than `limit`.

    Parameters
    ----------
    text : object
        Anything; its ``str`` is shown.
    limit : int
        Longest result, in characters.

    Returns
    -------
    str
        The text with control, format and bidirectional characters replaced by ``?``.

    Examples
    --------
    >>> printable("CD19\x1b[31m")
    'CD19?[31m'
    """
    whole = str(text)
    shown = whole[:limit]
    if not shown.isprintable():  # most text is; a table of many files has a million cells
        shown = "".join("?" if _is_hidden(char) else char for char in shown)
    return shown if len(whole) <= limit else shown[:-1] + "…"


def _is_hidden(char: str) -> bool:
    """Tell control, format and unassigned characters and line separators."""
    category = unicodedata.category(char)
    return category[0] == "C" or category in LINE_BREAKS


def encodable(text: str) -> str:
    r"""Make text that any UTF-8 file can hold.

    Parameters
    ----------
    text : str
        May hold the lone surrogates by which Python stands for bytes of a file name that are
        not UTF-8.

    Returns
    -------
    str
        The text with each of them spelled out, so that different names stay different.

    Examples
    --------
    >>> encodable("case\udcff")
    'case\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def spreadsheet_cell(text: object) -> str:
    """Keep a text cell from being taken for a formula by a spreadsheet.

    Parameters
    ----------
    text : object
        Content of one text cell; its ``str`` is used.

    Returns
    -------
    str
        The text, with an apostrophe before a start that a spreadsheet would evaluate.

    Examples
    --------
    >>> spreadsheet_cell("=1+1")
    "'=1+1"
    """
    shown = str(text)
    return f"'{shown}" if shown.startswith(FORMULA_STARTS) else shown


@contextmanager
def written_aside(path: Path | str) -> Iterator[Path]:
    """Write beside `path`, and put the result in its place only when it is whole.

    Parameters
    ----------
    path : path-like
        Where the file shall stand in the end; its folder is made if it is missing.

    Yields
    ------
    Path
        A temporary file in the same folder, to be written by the caller.

    Raises
    ------
    OutputError
        If the folder cannot be made or the file cannot be written.
    """
    target = Path(path)
    if "\0" in str(target) or not target.name:
        raise OutputError(f"{printable(target)!r} holds a NUL or no name. Choose another name.")
    aside = target.with_name(f".{target.name[:40]}.{secrets.token_hex(8)}")
    try:
        if target.exists() and not target.is_file():
            raise OutputError(
                f"could not write {printable(target)}: it is there and not a file. Choose "
                "another name."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield aside
        os.replace(aside, target)  # noqa: PTH105 - the atomic call by its known name
    except OSError as error:
        raise OutputError(_unwritable(target, error)) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> str:
    return (
        f"could not write {printable(target)}: {error.strerror or type(error).__name__}. "
        "Choose a folder that exists, has room and may be written to."
    )


def writable_folder(path: Path | str) -> Path:
    """Make a folder, and see that it can be written to, before hours of work.

    Parameters
    ----------
    path : path-like
        The folder.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    OutputError
        If it cannot be made or written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise OutputError(_unwritable(folder, error)) from error


def file_sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file.

    Parameters
    ----------
    path : path-like
        A regular file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    FlowmlError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if Path(path).exists() and not Path(path).is_file():  # a pipe would wait for ever
            raise FlowmlError(f"{printable(path)} is not a regular file.")
        with Path(path).open("rb") as stream:
            while chunk := stream.read(HASH_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise FlowmlError(f"could not read {printable(path)}: {error.strerror}.") from error
    return digest.hexdigest()


def listed(names: Iterable[str], most: int = 12) -> str:
    """Name the first of many, and say how many more there are.

    Parameters
    ----------
    names : iterable of str
        As they shall be shown.
    most : int
        How many to name at most.

    Returns
    -------
    str
        Parted by commas.

    Examples
    --------
    >>> listed(["CD3", "CD4", "CD8"], 2)
    'CD3, CD4 and 1 more'
    """
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def close_to(word: str, known: list[str], count: int = 3, cutoff: float = 0.5) -> list[str]:
    """Return the known words that look most like `word`, in any letter case.

    Parameters
    ----------
    word : str
        What was found.
    known : list of str
        What would have been understood.
    count : int
        How many to return at most.
    cutoff : float
        Least likeness, from 0 to 1 (`difflib.SequenceMatcher.ratio`).

    Returns
    -------
    list of str
        The nearest first; empty if none is near.
    """
    import difflib

    lowered = {item.casefold(): item for item in known}
    close = difflib.get_close_matches(word.casefold(), list(lowered), n=count, cutoff=cutoff)
    return [lowered[item] for item in close]


def nearest(word: str, known: list[str], count: int = 3) -> str:
    """Name the known words that look most like `word`, for an error message.

    Parameters
    ----------
    word : str
        What was found.
    known : list of str
        What would have been understood.
    count : int
        How many to name at most.

    Returns
    -------
    str
        The nearest ones joined by commas; all of them (up to ten) if none is near.
    """
    return ", ".join(close_to(word, known, count) or known[:10])
