"""Copies of FCS files without what identifies a patient, each as long as its original.

Keywords outside an allow-list are blanked in place, in all data sets of a file; so are bytes
that belong to no segment. The events are copied as they are. A copy exists only if it has been
proven to read as the original does, and to hold nothing of what was removed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flowml.errors import FcsError, OutputError
from flowml.fcs.allowed import Kind, is_technical
from flowml.fcs.data import opened, stamp_of
from flowml.fcs.deidentify.blanking import is_known
from flowml.fcs.deidentify.plan import Part, Plan, make_plan
from flowml.fcs.deidentify.proof import check_copy
from flowml.fcs.header import PADDING
from flowml.fcs.segments import read_at
from flowml.safety import printable, written_aside

BLOCK = 1 << 20  # bytes copied at a time
_FREE_TEXT = {Kind.LABEL, Kind.NAME}


class CopyExistsError(OutputError):
    """A file is in the place of the copy, and was not to be replaced."""


@dataclass(frozen=True, slots=True)
class KeptText:
    """Free text that stands in a copy, for a person to look at.

    Parameters
    ----------
    keyword : str
        ``$P3S``, ``$CYT``, ...
    text : str
        Its value.
    """

    keyword: str
    text: str

    @property
    def is_known(self) -> bool:
        """Whether our tables know it; what they do not might be a name."""
        if is_technical(self.keyword, self.text):
            return True
        return self.keyword != "$CYT" and is_known(self.text)


@dataclass(frozen=True, slots=True)
class Deidentified:
    """What a copy holds of its original, and what not.

    Parameters
    ----------
    n_datasets : int
        Data sets in the file.
    n_blanked : int
        Keywords whose values were blanked.
    kept : tuple of str
        Names of the keywords whose values stayed.
    unfit : tuple of str
        Names of keywords of the allow-list that were blanked: their values are not what such a
        keyword is for, or repeat a removed value.
    n_bytes_cleared : int
        Bytes outside all segments that were blanked.
    texts : tuple of KeptText
        All free text that stayed: names and labels of channels, of the cytometer.
    """

    n_datasets: int
    n_blanked: int
    kept: tuple[str, ...]
    unfit: tuple[str, ...]
    n_bytes_cleared: int
    texts: tuple[KeptText, ...]


def deidentify_fcs(
    source: Path | str,
    target: Path | str,
    *,
    keep_dates: bool = False,
    overwrite: bool = False,
) -> Deidentified:
    """Copy a file without what identifies a patient.

    Parameters
    ----------
    source : path-like
        An FCS file, with one data set or several.
    target : path-like
        The copy; it appears only when it is whole and has been checked.
    keep_dates : bool
        Whether dates and times of the measurement stay.
    overwrite : bool
        Whether another file that is there already is replaced.

    Returns
    -------
    Deidentified
        What stayed.

    Raises
    ------
    FcsError
        If the file cannot be read exactly, or the copy not be proven equal and clean.
    CopyExistsError
        If the copy is there already.
    OutputError
        If it cannot be written.
    """
    original, copy = Path(source), Path(target)
    with opened(original) as (stream, stamp):
        _refuse_existing(original, copy, overwrite=overwrite)
        plan = make_plan(stream, keep_dates=keep_dates)
        with written_aside(copy) as aside:
            with aside.open("wb") as out:
                cleared = sum(_write(stream, part, out, plan.filler) for part in plan.parts)
            if stamp_of(os.fstat(stream.fileno())) != stamp:
                raise FcsError(
                    f"{printable(original.name)} changed while it was copied. Wait until it is "
                    "written, and copy it again.",
                    "FCS-CHANGED",
                )
            check_copy(original, aside, plan, keep_dates=keep_dates)
    return _record(plan, cleared)


def _refuse_existing(original: Path, copy: Path, *, overwrite: bool) -> None:
    if copy.exists() and copy.samefile(original):
        raise OutputError(f"{printable(copy)} is the original. Choose another folder.")
    if not overwrite and (copy.exists() or copy.is_symlink()):
        raise CopyExistsError(
            f"{printable(copy)} is there already. Choose another folder, or overwrite it "
            "(--overwrite)."
        )


def _write(stream: BinaryIO, part: Part, out: BinaryIO, filler: bytes) -> int:
    """Write a part of the copy; return how many bytes were cleared."""
    if part.content is not None:
        out.write(part.content)
        return 0
    cleared = 0
    for begin in range(part.begin, part.end, BLOCK):
        block = read_at(stream, begin, min(BLOCK, part.end - begin))
        if not part.is_data and block.strip(PADDING):
            cleared += len(block)
            block = filler * len(block)
        out.write(block)
    return cleared


def _record(plan: Plan, cleared: int) -> Deidentified:
    kept = [pair for pair in plan.pairs if pair.stays]
    gone = [pair for pair in plan.pairs if not pair.stays]
    texts = dict.fromkeys(
        KeptText(pair.name, pair.shown)
        for pair in kept
        if pair.kind in _FREE_TEXT and pair.text
    )
    return Deidentified(
        n_datasets=plan.n_datasets,
        n_blanked=sum(1 for pair in gone if pair.text),
        kept=tuple(sorted({pair.name for pair in kept})),
        unfit=tuple(sorted({pair.name for pair in gone if pair.kind is not None})),
        n_bytes_cleared=cleared,
        texts=tuple(texts),
    )
