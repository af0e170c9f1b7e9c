"""What became of a damaged file: refused, the same, told, or silently wrong."""

from __future__ import annotations

import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from strict_fcs import REAL, differs_as_allowed, same_matrix_form

from flowml.errors import FlowmlError
from flowml.fcs import read_fcs
from flowml.fcs.codes import REFUSALS
from flowml.fcs.keys import SPILLOVER_KEYS
from flowml.records import Sample

if TYPE_CHECKING:
    from fuzz_bases import Base
    from mutate import Mutant

LONGEST = 10.0  # seconds for one file
OUTCOMES = ("refused", "same", "renamed", "told", "conforming", "changed", "silent", "crash")
ABOUT = ("offsets", "widths", "byte order", "spillover", "other")
# findings that say nothing of what changed; a name may well decide a gain (that of the time)
_NAMES, _MATRIX = ("FCS-MARKER", "FCS-NAME"), ("SPILL",)
SILENT_ON = dict.fromkeys(ABOUT, (*_NAMES, *_MATRIX))
SILENT_ON |= {"spillover": _NAMES, "other": ("FCS-MARKER", *_MATRIX)}
COULTER = re.compile(r"\$DFC\d+TO\d+")

Read = Callable[[Path], Sample]


@dataclass(frozen=True)
class Reading:
    """What a reader made of a file."""

    values: np.ndarray
    sample: Sample

    @property
    def findings(self) -> set[tuple[str, str]]:
        return {(item.code, item.message) for item in self.sample.findings}

    @property
    def matrix(self) -> tuple[Any, ...]:
        """Return columns and shares; a renamed detector is still the same column."""
        spillover = self.sample.spillover
        if spillover is None:
            return ()
        names = self.sample.channel_names
        columns = [names.index(name) for name in spillover.channels]
        return (*columns, *spillover.matrix.ravel().tolist())


@dataclass(frozen=True)
class Verdict:
    """Outcome for one mutant.

    `about` says what a silent change concerns; `code` is that of the refusal, or the name of
    the exception; `told` the codes that are new.
    """

    outcome: str
    about: str = ""
    code: str = ""
    told: tuple[str, ...] = ()
    seconds: float = 0.0


class TooLongError(BaseException):
    """Reading took too long; not an Exception, so that no reader catches it."""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def take(path: Path, read: Read = read_fcs) -> Reading:
    """Read all that a file says."""
    sample = read(path)
    return Reading(sample.linear, sample)


class Judge:
    """Compares mutants with the files that they were made from.

    Parameters
    ----------
    folder : Path
        Where a file may be written.
    read : callable
        The reader that is judged.
    """

    def __init__(self, folder: Path, read: Read = read_fcs) -> None:
        self.path = folder / "mutant.fcs"
        self.read = read
        self._bases: dict[str, Reading] = {}

    def base(self, base: Base) -> Reading:
        """Return what the undamaged file says."""
        if base.name not in self._bases:
            self.path.write_bytes(base.content)
            self._bases[base.name] = take(self.path, self.read)
        return self._bases[base.name]

    def verdict(self, mutant: Mutant) -> Verdict:
        """Read a mutant, and judge what came of it."""
        expected = self.base(mutant.base)
        self.path.write_bytes(mutant.content)
        start = time.perf_counter()
        found: Reading | Verdict
        try:
            with _limited(LONGEST), warnings.catch_warnings():
                warnings.simplefilter("error")
                found = take(self.path, self.read)
        except FlowmlError as error:
            code = getattr(error, "code", "")
            found = Verdict("refused" if code in REFUSALS else "crash", code=code or "no code")
        except (Exception, TooLongError) as error:
            found = Verdict("crash", code=type(error).__name__)
        seconds = time.perf_counter() - start
        if isinstance(found, Reading):
            found = compare(mutant, expected, found)
        return Verdict(found.outcome, found.about, found.code, found.told, seconds)


def compare(mutant: Mutant, base: Reading, found: Reading) -> Verdict:
    """Say how a reading differs from that of the base, and whether the reader told."""
    told = tuple(sorted({code for code, _ in found.findings - base.findings}))
    numbers = not _same_numbers(base, found)
    matrix = not _same_matrix(base, found)
    if not numbers and not matrix:
        renamed = base.sample.channel_names != found.sample.channel_names
        return Verdict("renamed" if renamed else "same", told=told)
    about = _about(mutant, base.sample, found.sample) if numbers else "spillover"
    if _tells(told, about):
        return Verdict("told", about, told=told)
    if mutant.place == "DATA" and not mutant.moved and numbers and not matrix:
        same_shape = base.values.shape == found.values.shape
        return Verdict("changed", told=told) if same_shape else Verdict("silent", "other")
    if _conforms(mutant, base, found, numbers=numbers):
        return Verdict("conforming", told=told)
    return Verdict("silent", about, told=told)


def _same_numbers(base: Reading, found: Reading) -> bool:
    same_scale = base.sample.scale is found.sample.scale
    return same_scale and np.array_equal(base.values, found.values, equal_nan=True)


def _same_matrix(base: Reading, found: Reading) -> bool:
    """Tell whether shares and detectors are the same, by their columns or by their names."""
    if base.matrix == found.matrix:
        return True
    one, other = base.sample.spillover, found.sample.spillover
    if one is None or other is None or one.channels != other.channels:
        return False
    return np.array_equal(one.matrix, other.matrix)


def _tells(codes: tuple[str, ...], about: str) -> bool:
    """Tell whether a new finding may speak of what changed."""
    return any(not code.startswith(SILENT_ON[about]) for code in codes)


def _conforms(mutant: Mutant, base: Reading, found: Reading, *, numbers: bool) -> bool:
    """Tell whether no reader could have noticed."""
    if numbers:
        content, empties = mutant.base.content, mutant.base.empties
        offset = getattr(getattr(found.sample.source, "layout", None), "offset", 0)
        return differs_as_allowed(content, mutant.content, offset, empties=empties)
    return _matrix_conforms(base, found)


def _matrix_conforms(base: Reading, found: Reading) -> bool:
    """Tell whether the matrix is what the keyword says, and the keyword is as good as before.

    A keyword that became another one is lost without a trace; any other change must leave the
    detectors, and shares that an instrument may show.
    """
    before, after = base.sample.keywords, found.sample.keywords
    old, new = (next((k for k in SPILLOVER_KEYS if k in t), "") for t in (before, after))
    if old and not new:
        return not found.matrix
    if old:
        shares = base.sample.spillover.matrix.size if base.sample.spillover else 0
        right_form = same_matrix_form(before[old], after[new])
        said = [float(item) for item in after[new].split(",")[-shares:]] if right_form else []
        return right_form and list(found.matrix) == [*base.matrix[:-shares], *said]
    given = {key: after.get(key, "") for key in before if COULTER.fullmatch(key)}
    changed = any(before[key] != share for key, share in given.items())
    return changed and all(
        REAL.fullmatch(share) and 0 <= float(share) <= 100 for share in given.values()
    )


def _about(mutant: Mutant, base: Sample, found: Sample) -> str:
    """Say what a silent change concerns, from the bytes that were read and how."""
    old, new = (getattr(sample.source, "layout", None) for sample in (base, found))
    if old is None or new is None:
        return "other"
    before = mutant.base.content[old.offset : old.offset + old.size]
    after = mutant.content[new.offset : new.offset + new.size]
    if before != after:
        return "offsets"
    if [(f.kind, f.bits) for f in old.fields] != [(f.kind, f.bits) for f in new.fields]:
        return "widths"
    return "byte order" if old.order != new.order else "other"
