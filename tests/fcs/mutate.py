"""Damage to a file, byte by byte: any mutant is made again from a seed and its number.

Mutant `number` of `seed` draws from a generator of its own, so it does not depend on how many
others are made, in which order or in which process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from build import HEADER_SIZE
from fuzz_bases import PLACES, Base, bases

DIGITS = b"0123456789"
LONGEST_STEP = 8  # bytes that are set, inserted or deleted at once
LONGEST_COPY = 32
OTHER_PLACE = 0.25  # share of later steps of a HEADER or TEXT mutant that hit the other one
KEYS = (
    b"$PAR", b"$TOT", b"$MODE", b"$BYTEORD", b"$DATATYPE", b"$NEXTDATA", b"$BEGINDATA",
    b"$ENDDATA", b"$P1B", b"$P2B", b"$P1R", b"$P2E", b"$P2G", b"$P1N", b"$P2DATATYPE",
    b"$SPILLOVER", b"SPILL", b"$DFC1TO2", b"$BEGINSTEXT",
)  # fmt: skip
NUMBERS = (b"0", b"-1", str(2**31).encode(), str(2**63).encode(), b"99999999")
BLANK = (b"", b" ", b"        ")
TYPES = (b"I", b"F", b"D", b"A", b"1,2,3,4", b"4,3,2,1", b"8", b"16", b"32", b"64")


@dataclass(frozen=True)
class Mutant:
    """A damaged file and its story.

    `place` is that of the first step; `moved` says that bytes of the DATA that are read were
    inserted, removed or cut off, so that those behind them stand elsewhere.
    """

    number: int
    base: Base
    place: str
    steps: tuple[str, ...]
    content: bytes
    moved: bool


class _File:
    """The pieces of a file while it is being damaged."""

    def __init__(self, base: Base) -> None:
        self.places = [piece.place for piece in base.pieces]
        self.raws = [piece.raw for piece in base.pieces]
        text = self.raws[self.places.index("TEXT")]
        self.delimiter = text[:1]

    @property
    def content(self) -> bytes:
        return b"".join(self.raws)

    def cut(self, piece: int, position: int) -> None:
        """End the file within a piece."""
        self.places, self.raws = self.places[: piece + 1], self.raws[: piece + 1]
        self.raws[piece] = self.raws[piece][:position]

    def lengths(self, place: str) -> list[int]:
        return [len(r) for p, r in zip(self.places, self.raws, strict=True) if p == place]


# A step takes the generator, the bytes of one place and the whole file, and returns where the
# change begins, how many bytes it replaces and by what; None where there is nothing to change.
Change = tuple[int, int, bytes]
Step = Callable[[np.random.Generator, bytes, _File], Change | None]


def _pick(rng: np.random.Generator, choices: tuple[bytes, ...]) -> bytes:
    return choices[int(rng.integers(len(choices)))]


def _within(rng: np.random.Generator, raw: bytes) -> int:
    return int(rng.integers(len(raw)))


def _count(rng: np.random.Generator, most: int = LONGEST_STEP) -> int:
    return 1 + int(rng.integers(most))


def flip(rng: np.random.Generator, raw: bytes, _: _File) -> Change | None:
    """Flip one bit."""
    if not raw:
        return None
    i = _within(rng, raw)
    return i, 1, bytes([raw[i] ^ (1 << int(rng.integers(8)))])


def put(rng: np.random.Generator, raw: bytes, _: _File) -> Change | None:
    """Set up to four bytes to anything."""
    if not raw:
        return None
    i = _within(rng, raw)
    new = rng.bytes(_count(rng, 4))[: len(raw) - i]
    return i, len(new), new


def insert(rng: np.random.Generator, raw: bytes, file: _File) -> Change | None:
    """Insert bytes: any, blanks, NULs, digits or delimiters."""
    count = _count(rng)
    new = (
        rng.bytes(count), b" " * count, bytes(count),
        bytes(DIGITS[int(k)] for k in rng.integers(10, size=count)), file.delimiter,
    )  # fmt: skip
    return int(rng.integers(len(raw) + 1)), 0, _pick(rng, new)


def delete(rng: np.random.Generator, raw: bytes, _: _File) -> Change | None:
    """Remove up to eight bytes."""
    return (_within(rng, raw), _count(rng), b"") if raw else None


def duplicate(rng: np.random.Generator, raw: bytes, _: _File) -> Change | None:
    """Write some bytes twice."""
    if not raw:
        return None
    i = _within(rng, raw)
    again = raw[i : i + _count(rng, LONGEST_COPY)]
    return i + len(again), 0, again


def digit(rng: np.random.Generator, raw: bytes, _: _File) -> Change | None:
    """Change a digit."""
    places = [i for i, byte in enumerate(raw) if byte in DIGITS]
    if not places:
        return None
    i = places[_within(rng, places)]
    others = [d for d in DIGITS if d != raw[i]]
    return i, 1, bytes([others[int(rng.integers(9))]])


def swap_digits(rng: np.random.Generator, raw: bytes, _: _File) -> Change | None:
    """Swap two digits that differ and stand near each other."""
    places = [i for i, byte in enumerate(raw) if byte in DIGITS]
    if not places:
        return None
    i = places[_within(rng, places)]
    near = [j for j in places if abs(j - i) <= LONGEST_STEP and raw[j] != raw[i]]
    if not near:
        return None
    i, j = sorted((i, near[_within(rng, near)]))
    return i, j + 1 - i, raw[j : j + 1] + raw[i + 1 : j] + raw[i : i + 1]


def token(rng: np.random.Generator, raw: bytes, file: _File) -> Change | None:
    """Replace a token by one of the dictionary, half of the time padded to its length."""
    if not raw:
        return None
    begin, end = _token(rng, raw, file.delimiter)
    marks = (*BLANK, file.delimiter, file.delimiter * 2)
    new = _pick(rng, (NUMBERS, marks, KEYS, TYPES)[int(rng.integers(4))])
    if rng.random() < 0.5:
        new = new[: end - begin].rjust(end - begin)
    return begin, end - begin, new


def _token(rng: np.random.Generator, raw: bytes, delimiter: bytes) -> tuple[int, int]:
    """Choose what stands between two delimiters, or eight bytes where there are none."""
    marks = [i for i, byte in enumerate(raw) if byte == delimiter[0]]
    if len(marks) < 3:
        begin = _within(rng, raw)
        if len(raw) == HEADER_SIZE:  # its fields: eight bytes each, behind the version
            begin = 2 + (begin - 2) // 8 * 8
        return max(begin, 0), min(begin + 8, len(raw))
    k = int(rng.integers(len(marks) - 1))
    return marks[k] + 1, marks[k + 1]


def splice(rng: np.random.Generator, raw: bytes, file: _File) -> Change | None:
    """Copy bytes from anywhere in the file, over others or between them."""
    whole = file.content
    if not whole:
        return None
    start = _within(rng, whole)
    piece = whole[start : start + _count(rng, LONGEST_COPY)]
    i = int(rng.integers(len(raw) + 1))
    return i, len(piece) if rng.random() < 0.5 else 0, piece


def swap_values(rng: np.random.Generator, raw: bytes, file: _File) -> Change | None:
    """Swap the values of two keywords."""
    marks = [i for i, byte in enumerate(raw) if byte == file.delimiter[0]]
    if len(marks) < 5:
        return None
    n_values = (len(marks) - 1) // 2
    i, j = sorted(int(k) for k in rng.choice(n_values, 2, replace=False))
    (a, b), (c, d) = ((marks[2 * k + 1] + 1, marks[2 * k + 2]) for k in (i, j))
    return a, d - a, raw[c:d] + raw[b:c] + raw[a:b]


def append(rng: np.random.Generator, raw: bytes, file: _File) -> Change | None:
    """Put bytes behind the end."""
    fills = (rng.bytes(_count(rng)), bytes(_count(rng)), _pick(rng, NUMBERS), file.delimiter)
    return len(raw), 0, _pick(rng, fills)


def truncate(rng: np.random.Generator, raw: bytes, _: _File) -> Change | None:
    """End the file here; `_apply` drops what follows."""
    return (_within(rng, raw), len(raw), b"") if raw else None


STEPS: tuple[Step, ...] = (
    flip, put, insert, delete, duplicate, digit, swap_digits, token, token, splice,
    swap_values, append, truncate,
)  # fmt: skip


def make_mutant(number: int, seed: int, kinds: tuple[Base, ...] | None = None) -> Mutant:
    """Make one mutant, always the same for the same number and seed."""
    rng = np.random.default_rng([seed, number])
    choices = kinds or bases()
    base = choices[int(rng.integers(len(choices)))]
    place = PLACES[int(rng.integers(len(PLACES)))]
    for _ in range(100):  # a step may change nothing, or undo another one
        file = _File(base)
        steps = _damage(rng, file, place)
        if steps and file.content != base.content:
            before, after = (f.lengths("DATA")[: base.data_sets] for f in (_File(base), file))
            return Mutant(number, base, place, steps, file.content, before != after)
    raise RuntimeError(f"mutant {number} of seed {seed} does not differ from its base")


def _damage(rng: np.random.Generator, file: _File, place: str) -> tuple[str, ...]:
    stories = []
    for k in range(int(rng.integers(1, 4))):
        where = place
        if k and place in {"HEADER", "TEXT"} and rng.random() < OTHER_PLACE:
            where = "TEXT" if place == "HEADER" else "HEADER"
        pieces = [i for i, name in enumerate(file.places) if name == where]
        step = STEPS[int(rng.integers(len(STEPS)))]
        if pieces and (story := _apply(rng, file, pieces[_within(rng, pieces)], step)):
            stories.append(story)
    return tuple(stories)


def _apply(rng: np.random.Generator, file: _File, piece: int, step: Step) -> str:
    """Change a piece, and tell what was done; an empty story if nothing was."""
    raw = file.raws[piece]
    change = step(rng, raw, file)
    if change is None or raw[change[0] : change[0] + change[1]] == change[2]:
        return ""
    begin, count, new = change
    offset = sum(map(len, file.raws[:piece])) + begin
    where = f"{step.__name__} in {file.places[piece]} at byte {offset}"
    if step is truncate:
        file.cut(piece, begin)
        return f"{where}: the file ends"
    file.raws[piece] = raw[:begin] + new + raw[begin + count :]
    return f"{where}: {raw[begin : begin + count]!r} -> {new!r}"
