"""What is made of an entry of a folder, wherever the folder lies."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import NamedTuple

from flowml.fcs.keys import FILE_ENDINGS
from flowml.records import RemoteFile


class Found(NamedTuple):
    """A measurement that was found.

    Parameters
    ----------
    name : str
        Path relative to the folder given, in POSIX form.
    origin : Path or RemoteFile
        Where it lies.
    """

    name: str
    origin: Path | RemoteFile


class Kind(Enum):
    """What an entry is, before it is known whether it is wanted."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


def is_measurement(name: str) -> bool:
    """Tell FCS and LMD files by their ending, in any letter case.

    Parameters
    ----------
    name : str
        Of a file.

    Returns
    -------
    bool
        Whether it ends in ``.fcs`` or ``.lmd``.
    """
    return name.lower().endswith(FILE_ENDINGS)


def passed_over(name: str, kind: Kind, *, leads_to_folder: bool = False) -> str:
    """Say why an entry is passed over.

    Parameters
    ----------
    name : str
        Of the entry alone.
    kind : Kind
        What it is.
    leads_to_folder : bool
        Of a link: whether it leads to a folder.

    Returns
    -------
    str
        A key of `SKIPS`; empty for a folder to look into and a file to read.
    """
    if kind is not Kind.FOLDER and not leads_to_folder and not is_measurement(name):
        return "FIND-ENDING"
    if name.startswith("."):  # such as the shadows that a Mac lays beside files: ._A.fcs
        return "FIND-HIDDEN"
    return {Kind.LINK: "FIND-LINK", Kind.OTHER: "FIND-SPECIAL"}.get(kind, "")
