"""What an entry of the corpus is: bytes, how they are read, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hazards.forge import FLOATS, ROWS, Rows, forge

NO_MATRIX = "no matrix"


@dataclass(frozen=True)
class Matrix:
    """A spillover matrix: detectors, rows (fluorochromes), and where it stood."""

    channels: Sequence[str]
    rows: Sequence[Sequence[float]]
    source: str | None = None


@dataclass(frozen=True)
class Exact:
    """The numbers that went into the bytes come out, and these findings with them.

    `codes` are all the codes above ``info``, and those of ``info`` that must be there;
    ``FCS-KEY-*`` stands for any code that begins so. What is None is not looked at, save
    `linear`: the stored values.
    """

    stored: Rows
    linear: Rows | None = None
    codes: frozenset[str] = frozenset()
    names: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    markers: Sequence[str] | None = None
    roles: Sequence[str] | None = None
    tops: Sequence[float] | None = None
    scale: str | None = None
    spillover: Matrix | str | None = None
    compensated: Rows | None = None
    tolerance: float = 1e-6
    keywords: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """`FcsError` with one of these codes."""

    codes: frozenset[str]


@dataclass(frozen=True)
class Hazard:
    """One entry; `bytes_of` gives a file's content, `place` puts something else on the disk."""

    name: str
    clause: str
    expected: Exact | Refused
    bytes_of: Callable[[], bytes] | None = None
    place: Callable[[Path], Path | str] | None = None
    dataset: Any = "auto"
    strict: bool = False
    nobody: bool = False  # read by a user who may not

    def lay_out(self, folder: Path) -> str:
        """Put the file into an empty folder; return its path."""
        folder.mkdir()
        if self.place is not None:
            return str(self.place(folder))
        path = folder / "a.fcs"
        path.write_bytes(self.bytes_of())  # type: ignore[misc]
        return str(path)


def exact(stored: Rows = ROWS, *codes: str, **more: Any) -> Exact:
    """Say what must come out."""
    return Exact(stored, codes=frozenset(codes), **more)


def refused(*codes: str) -> Refused:
    """Say with which code the file must be refused."""
    return Refused(frozenset(codes))


_EXPECTED = {
    "stored", "linear", "names", "labels", "markers", "roles", "tops", "scale", "spillover",
    "compensated", "tolerance",
}  # fmt: skip
_READING = {"dataset", "strict"}


def good(name: str, clause: str, *codes: str, see: Any = (), **how: Any) -> Hazard:
    """Return an entry that is read exactly, with these findings.

    Keywords that `Exact` and `Hazard` know go there, all others to `forge`. Values and
    channel names are expected to be those that were given to `forge`; `see` are keywords.
    """
    expected = {key: how.pop(key) for key in _EXPECTED & set(how)}
    reading = {key: how.pop(key) for key in _READING & set(how)}
    changes = how.get("changes") or {}
    kinds = how.get("kinds", FLOATS)
    if not any(key.upper().startswith("$P") and key[-1:] in "Nn" for key in changes):
        expected.setdefault("names", tuple(f"FL{n}" for n in range(1, len(kinds) + 1)))
    expected.setdefault("stored", how.get("rows", ROWS))
    outcome = Exact(codes=frozenset(codes), keywords=dict(see), **expected)
    return Hazard(name, clause, outcome, lambda: forge(**how), **reading)


def bad(name: str, clause: str, *codes: str, **how: Any) -> Hazard:
    """Return an entry that is refused with one of these codes."""
    reading = {key: how.pop(key) for key in _READING & set(how)}
    return Hazard(name, clause, refused(*codes), lambda: forge(**how), **reading)


def raw(
    name: str, clause: str, content: Callable[[], bytes], expected: Exact | Refused, **how: Any
) -> Hazard:
    """Return an entry whose bytes are made by a function of its own."""
    return Hazard(name, clause, expected, content, **how)
